/* SPDX-License-Identifier: Apache-2.0 */
/* Every client message: byte 0 is the frame's type, the rest its body. What a decoder takes is
 * encoded again to the same bytes: decoding is strict. */
#include "client/wire/members.h"
#include "statemachine/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[KZ_NODE_FRAME_SIZE_MAX];

static void is_the_same(const struct kz_writer *writer, const struct kz_frame *frame)
{
    size_t size = kz_writer_size(writer) - KZ_FRAME_HEADER_SIZE;
    KZ_ASSERT(!writer->failed && size == frame->body_size);
    KZ_ASSERT(memcmp(again + KZ_FRAME_HEADER_SIZE, frame->body, size) == 0);
}

static void greetings(const struct kz_frame *frame)
{
    struct kz_hello hello;
    struct kz_welcome welcome;
    struct kz_text sentence;
    struct kz_writer writer = kz_writer_init(again, sizeof(again));

    if (kz_hello_decode(frame, &hello) == KZ_OK) {
        kz_hello_encode(&writer, 0, &hello);
        is_the_same(&writer, frame);
    } else if (kz_welcome_decode(frame, &welcome) == KZ_OK) {
        kz_welcome_encode(&writer, 0, &welcome);
        is_the_same(&writer, frame);
    } else if (kz_goodbye_decode(frame, &sentence) == KZ_OK) {
        char text[KZ_RECORD_SIZE_MAX] = {0};
        memcpy(text, sentence.bytes, sentence.size);
        kz_goodbye_encode(&writer, text);
        is_the_same(&writer, frame);
    }
}

static void submit(const struct kz_frame *frame)
{
    struct kz_command_reader reader;
    struct kz_submit_writer out;
    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    if (kz_submit_decode(frame, &reader) != KZ_OK) return;

    uint16_t size;
    const uint8_t *record;
    kz_submit_begin(&out, &writer);
    while ((record = kz_command_next(&reader, &size)) != NULL)
        KZ_ASSERT(kz_submit_add(&out, record, size));
    kz_submit_finish(&out, 0);
    KZ_ASSERT(kz_reader_done(&reader.reader));
    is_the_same(&writer, frame);
}

static void watch(const struct kz_frame *frame)
{
    uint64_t first_index;
    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    if (kz_watch_decode(frame, &first_index) != KZ_OK) return;

    kz_watch_encode(&writer, 0, first_index);
    is_the_same(&writer, frame);
}

static void results(const struct kz_frame *frame)
{
    struct kz_answer answers[KZ_COMMANDS_MAX];
    uint16_t count;
    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    if (kz_results_decode(frame, answers, KZ_COMMANDS_MAX, &count) != KZ_OK) return;

    kz_results_encode(&writer, 0, answers, count);
    is_the_same(&writer, frame);
}

static void query(const struct kz_frame *frame)
{
    struct kz_query decoded;
    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    if (kz_query_decode(frame, &decoded) != KZ_OK) return;

    kz_query_encode(&writer, 0, &decoded);
    is_the_same(&writer, frame);
}

static void entries(const struct kz_frame *frame)
{
    struct kz_entries_reader reader;
    struct kz_entries_writer out;
    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    if (kz_entries_decode(frame, &reader) != KZ_OK) return;

    kz_entries_begin(&out, &writer, reader.first_index);
    uint64_t term;
    uint8_t result;
    uint16_t size;
    const uint8_t *record;
    while ((record = kz_entries_next(&reader, &term, &result, &size)) != NULL)
        KZ_ASSERT(kz_entries_add(&out, term, result, record, size));
    kz_entries_finish(&out, 0);
    is_the_same(&writer, frame);
}

static void change(const struct kz_frame *frame)
{
    struct kz_change change;
    struct kz_changed changed;
    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    if (kz_change_decode(frame, &change) == KZ_OK) {
        kz_change_encode(&writer, 0, &change);
        is_the_same(&writer, frame);
    } else if (kz_changed_decode(frame, &changed) == KZ_OK) {
        kz_changed_encode(&writer, 0, &changed);
        is_the_same(&writer, frame);
    }
}

/* The items of the lists, one of each kind from the same bytes: what is read can be written. */
static void items(struct kz_reader reader, struct kz_writer *writer)
{
    struct kz_position_content position;
    struct kz_queue_content queue;
    struct kz_bulletin_content bulletin;
    struct kz_places_content places;
    struct kz_request_content request;

    kz_position_content_read(&reader, &position);
    kz_queue_content_read(&reader, &queue);
    kz_bulletin_content_read(&reader, &bulletin);
    kz_places_content_read(&reader, &places);
    kz_request_content_read(&reader, &request);
    if (reader.failed) return;
    kz_position_content_write(writer, &position);
    kz_queue_content_write(writer, &queue);
    kz_bulletin_content_write(writer, &bulletin);
    kz_places_content_write(writer, &places);
    kz_request_content_write(writer, &request);
    KZ_ASSERT(!writer->failed);
}

static void answer(const struct kz_frame *frame)
{
    struct kz_answer_header header;
    struct kz_reader content;
    struct kz_answer_writer out;
    struct kz_territory_content territory;
    struct kz_application_content application;
    struct kz_status_content status;
    struct kz_members_content members;
    if (kz_answer_decode(frame, &header, &content) != KZ_OK) return;

    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    kz_answer_begin(&out, &writer, &header);
    struct kz_reader copies[4] = {content, content, content, content};
    kz_territory_content_read(&copies[0], &territory);
    kz_application_content_read(&copies[1], &application);
    kz_status_content_read(&copies[2], &status);
    kz_members_content_read(&copies[3], &members);
    if (kz_reader_done(&copies[0]))
        kz_territory_content_write(&writer, &territory);
    else if (kz_reader_done(&copies[1]))
        kz_application_content_write(&writer, &application);
    else if (kz_reader_done(&copies[2]))
        kz_status_content_write(&writer, &status);
    else if (kz_reader_done(&copies[3]))
        kz_members_content_write(&writer, &members);
    else {
        items(content, &writer);
        return;
    }
    kz_answer_finish(&out, 0);
    is_the_same(&writer, frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > KZ_CLIENT_FRAME_SIZE_MAX) return 0;
    struct kz_frame frame = {data[0], 0, data + 1, size - 1};

    greetings(&frame);
    KZ_ASSERT(kz_reason_text(data[0]) != NULL);
    submit(&frame);
    watch(&frame);
    results(&frame);
    query(&frame);
    entries(&frame);
    change(&frame);
    answer(&frame);
    return 0;
}
