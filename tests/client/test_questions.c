/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that get no answer at once, or none. */
#include "tests/client/asking.h"

static void what_there_is_not_is_not_found(void **state)
{
    uint64_t tag;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_APPLICATION, .number = 5}, keep, 0,
                     &tag);
    (void)state;
    say_header(tag, (struct kz_answer_header){.what = KZ_QUERY_APPLICATION, .applied = 55});
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.answer.code, KEZEK_NOT_FOUND);
    assert_int_equal(got.answer.applied, 55);
    assert_false(got.has_content);
    scripted_finish(&script);
}

static void an_unavailable_answer_is_asked_for_again(void **state)
{
    uint64_t tag;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_STATUS}, keep, 0, &tag);
    (void)state;
    say_header(tag, (struct kz_answer_header){.code = KZ_ANSWER_UNAVAILABLE,
                                              .what = KZ_QUERY_STATUS,
                                              .reason = KZ_REASON_STARTING,
                                              .retry_ms = 30});
    assert_int_equal(got.calls, 0);
    scripted_pass(&script, 29);
    scripted_expect_silence(&script);
    assert_int_equal(kezek_client_deadline(script.client), script.now_ms + 1);
    scripted_pass(&script, 1);
    (void)scripted_expect(&script, KZ_MESSAGE_QUERY);
    scripted_pass(&script, TIMEOUT);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.answer.code, KEZEK_UNAVAILABLE);
    assert_non_null(strstr(got.answer.text, "starting"));
    scripted_finish(&script);
}

static void a_lost_connection_asks_the_next_node(void **state)
{
    uint64_t tag;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_APPLICATION, .number = 5}, keep, 0,
                     &tag);
    (void)state;
    scripted_lose(&script);
    scripted_begin(&script, B);
    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_QUERY);
    say_header(frame.tag, (struct kz_answer_header){.what = KZ_QUERY_APPLICATION});
    assert_int_equal(got.calls, 1);
    say_header(frame.tag, (struct kz_answer_header){.what = KZ_QUERY_APPLICATION});
    assert_int_equal(got.calls, 1);
    scripted_finish(&script);
}

static void malformed_answers_end_the_connection(void **state)
{
    uint64_t tag;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_STATUS}, keep, 0, &tag);
    (void)state;
    say_header(tag, (struct kz_answer_header){.what = KZ_QUERY_QUEUE});
    assert_int_equal(got.calls, 0);
    scripted_expect_close(&script);
    scripted_begin(&script, B);
    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_QUERY);
    (void)begin_reply(KZ_QUERY_STATUS); /* and nothing in it */
    say_reply(frame.tag);
    assert_int_equal(got.answer.code, KEZEK_PROTOCOL);
    scripted_expect_close(&script);
    scripted_finish(&script);
}

static void a_question_that_the_node_does_not_know_is_an_error_at_once(void **state)
{
    uint64_t tag;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_STATUS}, keep, 0, &tag);
    (void)state;
    say_header(tag,
               (struct kz_answer_header){.code = KZ_ANSWER_MALFORMED, .what = KZ_QUERY_STATUS});
    assert_int_equal(got.answer.code, KEZEK_PROTOCOL);
    scripted_expect_nothing(&script);
    scripted_finish(&script);
}

static void destroying_answers_what_waits(void **state)
{
    uint64_t tag;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_STATUS}, keep, 0, &tag);
    (void)state;
    scripted_finish(&script);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.answer.code, KEZEK_CLOSED);
}

static void questions_out_of_range_are_the_callers_mistake(void **state)
{
    static const uint64_t numbers[] = {5, 6, 7};
    static const struct kezek_question cases[] = {
        {.what = 0},
        {.what = KEZEK_ASK_MEMBERS + 1},
        {.what = KEZEK_ASK_POSITIONS, .numbers = numbers, .count = 0},
        {.what = KEZEK_ASK_POSITIONS, .numbers = numbers, .count = 4097},
        {.what = KEZEK_ASK_QUEUE, .kind = "ordinary", .first = 0, .count = 1},
        {.what = KEZEK_ASK_QUEUE, .kind = "ordinary", .first = 1, .count = 0},
        {.what = KEZEK_ASK_QUEUE, .kind = "ordinary", .first = 1, .count = 4097},
        {.what = KEZEK_ASK_QUEUE, .kind = "special", .first = 1, .count = 1},
        {.what = KEZEK_ASK_QUEUE, .kind = NULL, .first = 1, .count = 1},
    };

    (void)state;
    scripted_init(&script, A);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct kezek_error error;
        assert_int_equal(
            kezek_client_ask(script.client, script.now_ms, &cases[i], keep, NULL, &error),
            KEZEK_USAGE);
        assert_true(error.text[0] != '\0');
    }
    const struct kezek_question status = {.what = KEZEK_ASK_STATUS};
    assert_int_equal(kezek_client_ask(script.client, script.now_ms, &status, NULL, NULL, NULL),
                     KEZEK_USAGE);
    assert_int_equal(kezek_client_waiting(script.client), 0);
    scripted_finish(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_there_is_not_is_not_found),
        cmocka_unit_test(an_unavailable_answer_is_asked_for_again),
        cmocka_unit_test(a_lost_connection_asks_the_next_node),
        cmocka_unit_test(malformed_answers_end_the_connection),
        cmocka_unit_test(a_question_that_the_node_does_not_know_is_an_error_at_once),
        cmocka_unit_test(destroying_answers_what_waits),
        cmocka_unit_test(questions_out_of_range_are_the_callers_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
