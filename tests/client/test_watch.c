/* SPDX-License-Identifier: Apache-2.0 */
/* The watch: every entry once, in order, across reconnections; and a node that falls silent. */
#include "tests/client/scripted.h"

#define A "a:1"
#define B "b:2"

static struct scripted script;

static struct {
    unsigned calls;
    uint64_t next_index; /* that must come */
    uint32_t count;      /* of the last call */
    struct kezek_entry last;
} seen;

static void on_entries(void *data, const struct kezek_entry *entries, uint32_t count)
{
    (void)data;
    seen.calls++;
    seen.count = count;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].index, seen.next_index++);
        seen.last = entries[i];
    }
}

static void begin_watch(uint64_t from)
{
    memset(&seen, 0, sizeof seen);
    seen.next_index = from;
    scripted_init(&script, A "," B);
    assert_int_equal(kezek_client_watch(script.client, from, on_entries, NULL, NULL), KEZEK_OK);
    scripted_begin(&script, A);
}

static void expect_watch(uint64_t from)
{
    uint64_t first;
    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_WATCH);
    assert_int_equal(kz_watch_decode(&frame, &first), KZ_OK);
    assert_int_equal(first, from);
}

static void say_entries(uint64_t first, unsigned count)
{
    static uint8_t bytes[KZ_NODE_FRAME_SIZE_MAX];
    const struct kz_entry entry = {.type = KZ_READY, .application_only = {1}};
    uint8_t record[64];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    struct kz_entries_writer entries;

    size_t size = kz_record_encode(&entry, record, sizeof record);
    kz_entries_begin(&entries, &writer, first);
    for (unsigned i = 0; i < count; i++) {
        assert_true(kz_entries_add(&entries, 3, KZ_RESULT_WRONG_STATE, record, size));
    }
    kz_entries_finish(&entries, 0);
    scripted_say(&script, &writer);
}

static void every_entry_comes_with_its_term_and_result(void **state)
{
    (void)state;
    begin_watch(10);
    expect_watch(10);
    say_entries(10, 3);
    assert_int_equal(seen.next_index, 13);
    assert_int_equal(seen.last.term, 3);
    assert_string_equal(seen.last.result, "wrong_state");
    assert_int_equal(seen.last.size, 40);
    scripted_finish(&script);
}

static void a_frame_of_thousands_is_given_whole(void **state)
{
    (void)state;
    begin_watch(1);
    expect_watch(1);
    say_entries(1, 20000); /* 1 MB */
    assert_int_equal(seen.next_index, 20001);
    say_entries(20001, 256);
    assert_int_equal(seen.next_index, 20257);
    scripted_finish(&script);
}

static void an_empty_frame_says_that_all_was_given(void **state)
{
    (void)state;
    begin_watch(5);
    expect_watch(5);
    say_entries(5, 0);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.count, 0);
    scripted_finish(&script);
}

static void goes_on_where_it_was_after_a_lost_connection(void **state)
{
    (void)state;
    begin_watch(1);
    expect_watch(1);
    say_entries(1, 7);
    scripted_lose(&script);
    scripted_begin(&script, B);
    expect_watch(8);
    say_entries(8, 1);
    assert_int_equal(seen.next_index, 9);
    scripted_finish(&script);
}

static void entries_that_are_not_the_next_end_the_connection(void **state)
{
    static const uint64_t firsts[] = {3, 5};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(firsts); i++) {
        begin_watch(4);
        expect_watch(4);
        say_entries(firsts[i], 1);
        assert_int_equal(seen.calls, 0);
        scripted_expect_close(&script);
        scripted_begin(&script, B);
        expect_watch(4);
        scripted_finish(&script);
    }
}

static void entries_that_nobody_asked_for_end_the_connection(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    say_entries(1, 1);
    scripted_expect_close(&script);
    scripted_finish(&script);
}

static void malformed_entries_end_the_connection(void **state)
{
    uint8_t frame[KZ_FRAME_HEADER_SIZE + 16] = {0};
    struct kz_writer writer = {frame, frame + sizeof frame, frame + sizeof frame, false};
    (void)state;
    begin_watch(1);
    expect_watch(1);
    frame[KZ_FRAME_HEADER_SIZE] = 1;
    frame[KZ_FRAME_HEADER_SIZE + 8] = 1; /* one entry, and then none */
    kz_frame_seal(frame, KZ_MESSAGE_ENTRIES, 0, 16);
    scripted_say(&script, &writer);
    assert_int_equal(seen.calls, 0);
    scripted_expect_close(&script);
    scripted_finish(&script);
}

static void a_silent_node_is_asked_whether_it_lives(void **state)
{
    (void)state;
    begin_watch(1);
    expect_watch(1);
    assert_int_equal(kezek_client_deadline(script.client), script.now_ms + 5000);
    scripted_pass(&script, 5000);
    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_QUERY);
    scripted_pass(&script, 2999);
    scripted_expect_nothing(&script);

    uint8_t bytes[256];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    struct kz_answer_writer answer;
    kz_answer_begin(&answer, &writer, &(struct kz_answer_header){.what = KZ_QUERY_STATUS});
    kz_answer_finish(&answer, frame.tag);
    scripted_say(&script, &writer);
    scripted_pass(&script, 4999);
    scripted_expect_silence(&script);
    scripted_pass(&script, 1);
    (void)scripted_expect(&script, KZ_MESSAGE_QUERY);
    scripted_pass(&script, 3000);
    scripted_expect_close(&script);
    scripted_begin(&script, B);
    expect_watch(1);
    scripted_finish(&script);
}

static void one_watch_a_client_from_entry_1_or_later(void **state)
{
    struct kezek_error error;
    (void)state;
    scripted_init(&script, A);
    assert_int_equal(kezek_client_watch(script.client, 0, on_entries, NULL, &error), KEZEK_USAGE);
    assert_int_equal(kezek_client_watch(script.client, 1, on_entries, NULL, &error), KEZEK_OK);
    assert_int_equal(kezek_client_watch(script.client, 1, on_entries, NULL, &error), KEZEK_USAGE);
    assert_non_null(strstr(error.text, "watches already"));
    scripted_finish(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_comes_with_its_term_and_result),
        cmocka_unit_test(a_frame_of_thousands_is_given_whole),
        cmocka_unit_test(an_empty_frame_says_that_all_was_given),
        cmocka_unit_test(goes_on_where_it_was_after_a_lost_connection),
        cmocka_unit_test(entries_that_are_not_the_next_end_the_connection),
        cmocka_unit_test(entries_that_nobody_asked_for_end_the_connection),
        cmocka_unit_test(malformed_entries_end_the_connection),
        cmocka_unit_test(a_silent_node_is_asked_whether_it_lives),
        cmocka_unit_test(one_watch_a_client_from_entry_1_or_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
