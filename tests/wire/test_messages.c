/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/fixture.h"

#include <string.h>

/* ---- Each decoder, told whether it took the frame ---- */

static bool takes_hello(const struct kz_frame *frame)
{
    struct kz_hello hello;
    return kz_hello_decode(frame, &hello) == KZ_OK;
}

static bool takes_welcome(const struct kz_frame *frame)
{
    struct kz_welcome welcome;
    return kz_welcome_decode(frame, &welcome) == KZ_OK;
}

static bool takes_goodbye(const struct kz_frame *frame)
{
    struct kz_text sentence;
    return kz_goodbye_decode(frame, &sentence) == KZ_OK;
}

static bool takes_submit(const struct kz_frame *frame)
{
    struct kz_command_reader reader;
    return kz_submit_decode(frame, &reader) == KZ_OK;
}

static bool takes_results(const struct kz_frame *frame)
{
    struct kz_answer answers[4];
    uint16_t count;
    return kz_results_decode(frame, answers, 4, &count) == KZ_OK;
}

static bool takes_query(const struct kz_frame *frame)
{
    struct kz_query query;
    return kz_query_decode(frame, &query) == KZ_OK;
}

static bool takes_watch(const struct kz_frame *frame)
{
    uint64_t first;
    return kz_watch_decode(frame, &first) == KZ_OK;
}

static bool takes_entries(const struct kz_frame *frame)
{
    struct kz_entries_reader reader;
    return kz_entries_decode(frame, &reader) == KZ_OK;
}

/* ---- HELLO, WELCOME, GOODBYE ---- */

static void hello_comes_back(void **state)
{
    (void)state;
    struct kz_hello hello = {.cluster = {1, 2, 3}}, again;
    struct kz_writer writer = fresh();
    kz_hello_encode(&writer, TAG, &hello);
    is_exactly_one_message(&writer, takes_hello);

    struct kz_frame frame = parsed(&writer);
    kz_hello_decode(&frame, &again);
    assert_memory_equal(&again, &hello, sizeof(hello));
}

static void welcome_comes_back(void **state)
{
    (void)state;
    struct kz_welcome welcome = {{9, 8}, 3, 2, {"127.0.0.1:7001", 14}}, again;
    struct kz_writer writer = fresh();
    kz_welcome_encode(&writer, TAG, &welcome);
    is_exactly_one_message(&writer, takes_welcome);

    struct kz_frame frame = parsed(&writer);
    kz_welcome_decode(&frame, &again);
    assert_memory_equal(again.cluster, welcome.cluster, KZ_ID_SIZE);
    assert_int_equal(again.node, 3);
    assert_int_equal(again.leader, 2);
    assert_int_equal(again.leader_client.size, 14);
    assert_memory_equal(again.leader_client.bytes, "127.0.0.1:7001", 14);
}

static void goodbye_comes_back_cut_to_its_bound(void **state)
{
    (void)state;
    char long_sentence[2000];
    struct kz_text again;
    struct kz_writer writer = fresh();
    memset(long_sentence, 'x', sizeof(long_sentence));
    long_sentence[sizeof(long_sentence) - 1] = 0;

    kz_goodbye_encode(&writer, "the frame is malformed");
    is_exactly_one_message(&writer, takes_goodbye);
    struct kz_frame frame = parsed(&writer);
    kz_goodbye_decode(&frame, &again);
    assert_memory_equal(again.bytes, "the frame is malformed", again.size);

    writer = fresh();
    kz_goodbye_encode(&writer, long_sentence);
    frame = parsed(&writer);
    assert_int_equal(kz_goodbye_decode(&frame, &again), KZ_OK);
    assert_int_equal(again.size, 512);
}

static void a_sentence_with_control_characters_is_malformed(void **state)
{
    (void)state;
    struct kz_writer writer = fresh();
    kz_goodbye_encode(&writer, "\x1b[2J");
    struct kz_frame frame = parsed(&writer);
    assert_false(takes_goodbye(&frame));
}

/* ---- SUBMIT, RESULTS ---- */

static void commands_come_back_in_order(void **state)
{
    (void)state;
    struct kz_writer writer = fresh();
    struct kz_submit_writer submit;
    kz_submit_begin(&submit, &writer);
    assert_true(kz_submit_add(&submit, (const uint8_t *)"first", 5));
    assert_true(kz_submit_add(&submit, (const uint8_t *)"", 0));
    assert_true(kz_submit_add(&submit, (const uint8_t *)"third!", 6));
    kz_submit_finish(&submit, TAG);
    is_exactly_one_message(&writer, takes_submit);

    static const char *const records[] = {"first", "", "third!"};
    struct kz_frame frame = parsed(&writer);
    struct kz_command_reader reader;
    kz_submit_decode(&frame, &reader);
    for (size_t i = 0; i < 3; i++) {
        uint16_t size = 99;
        const uint8_t *record = kz_command_next(&reader, &size);
        assert_non_null(record);
        assert_int_equal(size, strlen(records[i]));
        assert_memory_equal(record, records[i], size);
    }
    uint16_t size;
    assert_null(kz_command_next(&reader, &size));
}

static void a_submit_takes_no_more_than_its_bounds(void **state)
{
    (void)state;
    static uint8_t record[KZ_RECORD_SIZE_MAX + 1];
    struct kz_writer writer = fresh();
    struct kz_submit_writer submit;
    kz_submit_begin(&submit, &writer);
    for (unsigned i = 0; i < KZ_COMMANDS_MAX; i++)
        assert_true(kz_submit_add(&submit, record, 32));
    assert_false(kz_submit_add(&submit, record, 32));
    kz_submit_finish(&submit, TAG);
    struct kz_frame frame = parsed(&writer);
    assert_true(takes_submit(&frame));

    writer = fresh();
    kz_submit_begin(&submit, &writer);
    assert_false(kz_submit_add(&submit, record, KZ_RECORD_SIZE_MAX + 1));
    while (kz_submit_add(&submit, record, KZ_RECORD_SIZE_MAX)) {
    }
    kz_submit_finish(&submit, TAG);
    assert_true(kz_writer_size(&writer) <= KZ_CLIENT_FRAME_SIZE_MAX);
    assert_int_equal(submit.count, 15);
    frame = parsed(&writer);
    assert_true(takes_submit(&frame));
}

static void a_full_writer_refuses_a_command_and_stays_good(void **state)
{
    (void)state;
    uint8_t small[KZ_FRAME_HEADER_SIZE + 4 + 2 + 32 + 10], record[32] = {0};
    struct kz_writer writer = kz_writer_init(small, sizeof(small));
    struct kz_submit_writer submit;
    kz_submit_begin(&submit, &writer);
    assert_true(kz_submit_add(&submit, record, 32));
    assert_false(kz_submit_add(&submit, record, 32));
    kz_submit_finish(&submit, TAG);
    struct kz_frame frame = parsed(&writer);
    assert_true(takes_submit(&frame));
}

static void a_submit_without_commands_is_malformed(void **state)
{
    (void)state;
    struct kz_writer writer = fresh();
    struct kz_submit_writer submit;
    kz_submit_begin(&submit, &writer);
    kz_submit_finish(&submit, TAG);
    struct kz_frame frame = parsed(&writer);
    assert_false(takes_submit(&frame));
}

static void answers_come_back(void **state)
{
    (void)state;
    struct kz_answer again[4];
    uint16_t count;
    const struct kz_answer answers[] = {
        {KZ_ANSWER_APPLIED, KZ_RESULT_NO_PLACE, 0, 0, 1ull << 40, 1796101200000},
        {KZ_ANSWER_BUSY, 0, KZ_REASON_BUDGET, 250, 0, 0},
        {KZ_ANSWER_UNKNOWN, 0, 0, 0, 0, 0},
    };
    struct kz_writer writer = fresh();
    kz_results_encode(&writer, TAG, answers, 3);
    is_exactly_one_message(&writer, takes_results);

    struct kz_frame frame = parsed(&writer);
    assert_int_equal(kz_results_decode(&frame, again, 2, &count), KZ_MALFORMED);
    assert_int_equal(kz_results_decode(&frame, again, 3, &count), KZ_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(again[i].code, answers[i].code);
        assert_int_equal(again[i].result, answers[i].result);
        assert_int_equal(again[i].reason, answers[i].reason);
        assert_int_equal(again[i].retry_ms, answers[i].retry_ms);
        assert_true(again[i].index == answers[i].index);
        assert_true(again[i].time == answers[i].time);
    }
}

static void answers_with_unknown_numbers_are_malformed(void **state)
{
    (void)state;
    const struct kz_answer bad[] = {
        {.code = KZ_ANSWER_CODE_END}, {.result = KZ_RESULT_END}, {.reason = KZ_REASON_END}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct kz_writer writer = fresh();
        kz_results_encode(&writer, TAG, &bad[i], 1);
        struct kz_frame frame = parsed(&writer);
        assert_false(takes_results(&frame));
    }
}

/* ---- QUERY ---- */

static const uint8_t two_numbers[16] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

static const struct kz_query queries[] = {
    {.what = KZ_QUERY_STATUS, .local = true},
    {.what = KZ_QUERY_APPLICATION, .number = 1ull << 33},
    {.what = KZ_QUERY_POSITIONS, .count = 2, .numbers = two_numbers},
    {.what = KZ_QUERY_QUEUE,
     .territory = 7,
     .birth_year = 2021,
     .kind = KZ_CORRECTIONAL,
     .first = 1,
     .count = KZ_NUMBERS_MAX},
    {.what = KZ_QUERY_BULLETINS, .local = true, .territory = 8},
    {.what = KZ_QUERY_REQUEST, .request = {1, 2, 3, 4}},
    {.what = KZ_QUERY_TERRITORY, .territory = 9},
    {.what = KZ_QUERY_PLACES, .territory = 10},
    {.what = KZ_QUERY_MEMBERS},
};

static void every_query_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct kz_writer writer = fresh();
        struct kz_query again;
        kz_query_encode(&writer, TAG, &queries[i]);
        is_exactly_one_message(&writer, takes_query);

        struct kz_frame frame = parsed(&writer);
        kz_query_decode(&frame, &again);
        assert_int_equal(again.what, queries[i].what);
        assert_int_equal(again.local, queries[i].local);
        assert_true(again.number == queries[i].number);
        assert_int_equal(again.territory, queries[i].territory);
        assert_int_equal(again.birth_year, queries[i].birth_year);
        assert_int_equal(again.kind, queries[i].kind);
        assert_int_equal(again.first, queries[i].first);
        assert_int_equal(again.count, queries[i].count);
        assert_memory_equal(again.request, queries[i].request, KZ_ID_SIZE);
        if (again.numbers != NULL) assert_memory_equal(again.numbers, two_numbers, 16);
    }
}

static void queries_out_of_bounds_are_malformed(void **state)
{
    (void)state;
    const struct kz_query bad[] = {
        {.what = 0},
        {.what = KZ_QUERY_END},
        {.what = KZ_QUERY_POSITIONS, .count = 0, .numbers = two_numbers},
        {.what = KZ_QUERY_QUEUE, .first = 0},
        {.what = KZ_QUERY_QUEUE, .first = 1, .count = KZ_NUMBERS_MAX + 1},
        {.what = KZ_QUERY_QUEUE, .first = 1, .kind = KZ_KIND_END},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct kz_writer writer = fresh();
        kz_query_encode(&writer, TAG, &bad[i]);
        struct kz_frame frame = parsed(&writer);
        assert_false(takes_query(&frame));
    }
}

/* ---- WATCH, ENTRIES ---- */

static void watch_comes_back_and_starts_at_one(void **state)
{
    (void)state;
    struct kz_writer writer = fresh();
    uint64_t first = 0;
    kz_watch_encode(&writer, TAG, 12);
    is_exactly_one_message(&writer, takes_watch);
    struct kz_frame frame = parsed(&writer);
    kz_watch_decode(&frame, &first);
    assert_int_equal(first, 12);

    writer = fresh();
    kz_watch_encode(&writer, TAG, 0);
    frame = parsed(&writer);
    assert_false(takes_watch(&frame));
}

static void entries_come_back_in_order(void **state)
{
    (void)state;
    struct kz_writer writer = fresh();
    struct kz_entries_writer entries;
    kz_entries_begin(&entries, &writer, 41);
    assert_true(kz_entries_add(&entries, 3, KZ_RESULT_OK, (const uint8_t *)"one", 3));
    assert_true(kz_entries_add(&entries, 4, KZ_RESULT_DUPLICATE, (const uint8_t *)"second", 6));
    kz_entries_finish(&entries, TAG);
    is_exactly_one_message(&writer, takes_entries);

    struct kz_frame frame = parsed(&writer);
    struct kz_entries_reader reader;
    uint64_t term;
    uint8_t result;
    uint16_t size;
    kz_entries_decode(&frame, &reader);
    assert_int_equal(reader.first_index, 41);
    assert_int_equal(reader.count, 2);
    assert_memory_equal(kz_entries_next(&reader, &term, &result, &size), "one", 3);
    assert_int_equal(term, 3);
    const uint8_t *second = kz_entries_next(&reader, &term, &result, &size);
    assert_memory_equal(second, "second", 6);
    assert_int_equal(size, 6);
    assert_int_equal(term, 4);
    assert_int_equal(result, KZ_RESULT_DUPLICATE);
    assert_null(kz_entries_next(&reader, &term, &result, &size));
}

static void no_entries_is_a_message_too(void **state)
{
    (void)state;
    struct kz_writer writer = fresh();
    struct kz_entries_writer entries;
    kz_entries_begin(&entries, &writer, 7);
    kz_entries_finish(&entries, TAG);
    is_exactly_one_message(&writer, takes_entries);
}

static void entries_stay_within_the_frame_bound(void **state)
{
    (void)state;
    static uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_writer writer = fresh();
    struct kz_entries_writer entries;
    kz_entries_begin(&entries, &writer, 1);
    while (kz_entries_add(&entries, 1, KZ_RESULT_OK, record, sizeof(record))) {
    }
    kz_entries_finish(&entries, TAG);
    assert_true(kz_writer_size(&writer) <= KZ_NODE_FRAME_SIZE_MAX);
    assert_true(kz_writer_size(&writer) > KZ_NODE_FRAME_SIZE_MAX - 5000);
    struct kz_frame frame = parsed(&writer);
    assert_true(takes_entries(&frame));
}

/* ---- ANSWER ---- */

static void an_answer_header_and_content_come_back(void **state)
{
    (void)state;
    const struct kz_answer_header header = {
        KZ_ANSWER_UNAVAILABLE, KZ_QUERY_REQUEST, KZ_REASON_CLOCK, true, 300, 77, 1796101200000};
    struct kz_answer_header again;
    struct kz_request_content request = {55, KZ_RESULT_CLOSED}, request_again;
    struct kz_reader content;
    struct kz_answer_writer answer;
    struct kz_writer writer = fresh();
    kz_answer_begin(&answer, &writer, &header);
    kz_request_content_write(&writer, &request);
    kz_answer_finish(&answer, TAG);

    struct kz_frame frame = parsed(&writer);
    assert_int_equal(frame.type, KZ_MESSAGE_ANSWER);
    assert_int_equal(kz_answer_decode(&frame, &again, &content), KZ_OK);
    assert_int_equal(again.code, header.code);
    assert_int_equal(again.what, header.what);
    assert_int_equal(again.reason, header.reason);
    assert_true(again.found);
    assert_int_equal(again.retry_ms, 300);
    assert_int_equal(again.applied, 77);
    assert_true(again.time == header.time);
    kz_request_content_read(&content, &request_again);
    assert_true(kz_reader_done(&content));
    assert_int_equal(request_again.index, 55);
    assert_int_equal(request_again.result, KZ_RESULT_CLOSED);

    for (frame.body_size = 0; frame.body_size < 24; frame.body_size++)
        assert_int_equal(kz_answer_decode(&frame, &again, &content), KZ_MALFORMED);
}

/* Fills a content's fields with distinct values, writes it, reads it back and compares the bytes of
 * a second writing: each field is written once, at its width, and read at the same place. */
#define COMES_BACK(type, size, ...)                                         \
    do {                                                                    \
        const struct kz_##type##_content content = __VA_ARGS__;             \
        struct kz_##type##_content again;                                   \
        uint8_t first[512], second[512];                                    \
        struct kz_writer writer = kz_writer_init(first, sizeof(first));     \
        kz_##type##_content_write(&writer, &content);                       \
        assert_int_equal(kz_writer_size(&writer), size);                    \
        struct kz_reader reader = kz_reader_init(first, size);              \
        kz_##type##_content_read(&reader, &again);                          \
        assert_true(kz_reader_done(&reader));                               \
        struct kz_writer rewriter = kz_writer_init(second, sizeof(second)); \
        kz_##type##_content_write(&rewriter, &again);                       \
        assert_int_equal(kz_writer_size(&rewriter), size);                  \
        assert_memory_equal(first, second, size);                           \
        for (size_t part = 0; part < (size); part++) {                      \
            reader = kz_reader_init(first, part);                           \
            kz_##type##_content_read(&reader, &again);                      \
            assert_true(reader.failed);                                     \
        }                                                                   \
    } while (0)

static void every_content_comes_back(void **state)
{
    (void)state;
    COMES_BACK(status, 97, {1, 2, 3, 4, 5, 6, 7, 8, 4, {9}, {10}});
    COMES_BACK(application, 72,
               {.number = 1,
                .territory = 2,
                .birth_year = 2021,
                .kind = 1,
                .category = 2,
                .state = 6,
                .owed = true,
                .unused = 255,
                .position = 5,
                .kindergarten = 6,
                .applied_at = 7,
                .bulletin = 8,
                .referral = 9,
                .last_day = -3,
                .child = {10}});
    COMES_BACK(position, 5, {77, 255});
    COMES_BACK(queue, 32, {1, 2, 3, 4, 5, 6, 7, 8});
    COMES_BACK(bulletin, 28, {1, 2021, 1, true, 5, 6, 7, 8});
    COMES_BACK(places, 20, {1, 2021, 1, true, 5, 6});
    COMES_BACK(request, 9, {1, KZ_RESULT_NOT_NEXT});
    COMES_BACK(territory, 50, {{5, {"Shahar", 6}, -300}, {5, 1, 2, 3, 4, 6, 1, 7, 8, 9, true}});
}

static void contents_with_impossible_values_fail_their_reader(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct kz_application_content application;
    struct kz_position_content position;

    memset(bytes, 255, sizeof(bytes));
    struct kz_reader reader = kz_reader_init(bytes, sizeof(bytes));
    kz_application_content_read(&reader, &application);
    assert_true(reader.failed);

    bytes[4] = KZ_APPLICATION_STATE_END;
    reader = kz_reader_init(bytes, sizeof(bytes));
    kz_position_content_read(&reader, &position);
    assert_true(reader.failed);
}

static void every_reason_has_a_sentence(void **state)
{
    (void)state;
    for (unsigned reason = 0; reason < KZ_REASON_END; reason++)
        assert_true(strlen(kz_reason_text((uint8_t)reason)) > 10);
    assert_non_null(kz_reason_text(KZ_REASON_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_comes_back),
        cmocka_unit_test(welcome_comes_back),
        cmocka_unit_test(goodbye_comes_back_cut_to_its_bound),
        cmocka_unit_test(a_sentence_with_control_characters_is_malformed),
        cmocka_unit_test(commands_come_back_in_order),
        cmocka_unit_test(a_submit_takes_no_more_than_its_bounds),
        cmocka_unit_test(a_full_writer_refuses_a_command_and_stays_good),
        cmocka_unit_test(a_submit_without_commands_is_malformed),
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(answers_with_unknown_numbers_are_malformed),
        cmocka_unit_test(every_query_comes_back),
        cmocka_unit_test(queries_out_of_bounds_are_malformed),
        cmocka_unit_test(watch_comes_back_and_starts_at_one),
        cmocka_unit_test(entries_come_back_in_order),
        cmocka_unit_test(no_entries_is_a_message_too),
        cmocka_unit_test(entries_stay_within_the_frame_bound),
        cmocka_unit_test(an_answer_header_and_content_come_back),
        cmocka_unit_test(every_content_comes_back),
        cmocka_unit_test(contents_with_impossible_values_fail_their_reader),
        cmocka_unit_test(every_reason_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
