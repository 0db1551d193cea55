/* SPDX-License-Identifier: Apache-2.0 */
#include "client/wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BODY "eight by"

static size_t make_frame(uint8_t *out)
{
    memcpy(out + KZ_FRAME_HEADER_SIZE, BODY, 8);
    kz_frame_seal(out, 7, 0x0102030405060708, 8);
    return KZ_FRAME_HEADER_SIZE + 8;
}

static void a_sealed_frame_is_parsed(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t size = make_frame(bytes);
    struct kz_frame frame;
    size_t taken = 0;

    assert_int_equal(kz_frame_parse(bytes, size, 64, &frame, &taken), KZ_OK);
    assert_int_equal(taken, size);
    assert_int_equal(frame.type, 7);
    assert_true(frame.tag == 0x0102030405060708);
    assert_int_equal(frame.body_size, 8);
    assert_memory_equal(frame.body, BODY, 8);
}

static void the_header_has_the_documented_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[16] = {32, 0, 0, 0, 1, 7, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    uint8_t bytes[64];
    make_frame(bytes);
    assert_memory_equal(bytes, golden, sizeof(golden));
}

static void any_part_of_a_frame_asks_for_more(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t size = make_frame(bytes);
    struct kz_frame frame;
    size_t taken;

    for (size_t part = 0; part < size; part++)
        assert_int_equal(kz_frame_parse(bytes, part, 64, &frame, &taken), KZ_NOT_FOUND);
}

static void any_flipped_bit_is_found(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t size = make_frame(bytes);
    struct kz_frame frame;
    size_t taken;

    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(kz_frame_parse(bytes, size, 64, &frame, &taken), KZ_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void bounds_and_versions_have_statuses_of_their_own(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t size = make_frame(bytes);
    struct kz_frame frame;
    size_t taken;

    assert_int_equal(kz_frame_parse(bytes, size, size, &frame, &taken), KZ_OK);
    assert_int_equal(kz_frame_parse(bytes, 4, size - 1, &frame, &taken), KZ_TOO_LARGE);

    bytes[4] = 2;
    assert_int_equal(kz_frame_parse(bytes, 5, 64, &frame, &taken), KZ_NEWER);
    bytes[4] = 1;

    bytes[0] = KZ_FRAME_HEADER_SIZE - 1;
    assert_int_equal(kz_frame_parse(bytes, 4, 64, &frame, &taken), KZ_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_frame_is_parsed),
        cmocka_unit_test(the_header_has_the_documented_bytes),
        cmocka_unit_test(any_part_of_a_frame_asks_for_more),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(bounds_and_versions_have_statuses_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
