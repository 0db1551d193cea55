/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/fixture.h"

uint8_t buffer[2 * KZ_NODE_FRAME_SIZE_MAX];

struct kz_writer fresh(void)
{
    return kz_writer_init(buffer, sizeof(buffer));
}

struct kz_frame parsed(const struct kz_writer *writer)
{
    struct kz_frame frame;
    size_t size;
    assert_false(writer->failed);
    assert_int_equal(kz_frame_parse(writer->first, kz_writer_size(writer), KZ_NODE_FRAME_SIZE_MAX,
                                    &frame, &size),
                     KZ_OK);
    assert_int_equal(size, kz_writer_size(writer));
    return frame;
}

void is_exactly_one_message(const struct kz_writer *writer,
                            bool (*takes)(const struct kz_frame *frame))
{
    struct kz_frame frame = parsed(writer);
    assert_true(frame.tag == TAG || frame.type == KZ_MESSAGE_GOODBYE);
    assert_true(takes(&frame));

    size_t size = frame.body_size;
    for (frame.body_size = 0; frame.body_size < size; frame.body_size++)
        assert_false(takes(&frame));
    frame.body_size = size + 1;
    assert_false(takes(&frame));
    frame.body_size = size;
    frame.type++;
    assert_false(takes(&frame));
}
