/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of commands: batches, answers, sending again, and what is said at the end. */
#include "tests/client/scripted.h"

#define A       "a:1"
#define B       "b:2"
#define TIMEOUT 10000

static struct scripted script;

static const struct kz_answer unavailable = {.code = KZ_ANSWER_UNAVAILABLE,
                                             .reason = KZ_REASON_CLOCK};
static const struct kz_answer not_leader = {.code = KZ_ANSWER_NOT_LEADER};
static const struct kz_answer unknown = {.code = KZ_ANSWER_UNKNOWN};
static const struct kz_answer applied = {.code = KZ_ANSWER_APPLIED, .index = 7, .time = 99};

static struct kz_answer busy(uint32_t retry_ms)
{
    return (struct kz_answer){
        .code = KZ_ANSWER_BUSY, .reason = KZ_REASON_BUDGET, .retry_ms = retry_ms};
}

/* Begins with COUNT commands, from id 1, sent in one SUBMIT. Returns: its tag. */
static uint64_t begin_with(unsigned count)
{
    scripted_init(&script, A "," B);
    scripted_begin(&script, A);
    for (unsigned id = 1; id <= count; id++)
        scripted_submit(&script, id);
    return scripted_expect_submit(&script, 1, count);
}

/* ---- Outcomes ---- */

static void each_answer_has_its_outcome(void **state)
{
    static const struct {
        struct kz_answer answer;
        enum kezek_code code;
        const char *result;
        bool repeated;
        uint64_t index;
        int64_t time;
        const char *text;
    } cases[] = {
        {{.code = KZ_ANSWER_APPLIED, .index = 5, .time = 77}, KEZEK_OK, "ok", false, 5, 77, ""},
        {{.code = KZ_ANSWER_APPLIED, .result = KZ_RESULT_NO_PLACE, .index = 5, .time = 77},
         KEZEK_REFUSED,
         "no_place",
         false,
         5,
         77,
         ""},
        {{.code = KZ_ANSWER_REPEATED, .index = 3}, KEZEK_OK, "ok", true, 3, 0, ""},
        {{.code = KZ_ANSWER_REPEATED, .result = KZ_RESULT_DUPLICATE, .index = 3},
         KEZEK_REFUSED,
         "duplicate",
         true,
         3,
         0,
         ""},
        {{.code = KZ_ANSWER_REFUSED, .result = KZ_RESULT_CONFLICT},
         KEZEK_REFUSED,
         "conflict",
         false,
         0,
         0,
         ""},
        {{.code = KZ_ANSWER_MALFORMED, .reason = KZ_REASON_TYPE},
         KEZEK_USAGE,
         NULL,
         false,
         0,
         0,
         "clock"},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint64_t tag = begin_with(1);
        scripted_answer(&script, tag, 1, cases[i].answer);
        const struct kezek_outcome *outcome = scripted_outcome(&script, 0, 1, cases[i].code);
        if (cases[i].result == NULL) {
            assert_null(outcome->result);
        } else {
            assert_string_equal(outcome->result, cases[i].result);
        }
        assert_int_equal(outcome->repeated, cases[i].repeated);
        assert_int_equal(outcome->index, cases[i].index);
        assert_int_equal(outcome->time, cases[i].time);
        assert_non_null(strstr(outcome->text, cases[i].text));
        assert_false(outcome->retry);
        assert_int_equal(kezek_client_waiting(script.client), 0);
        scripted_finish(&script);
        assert_int_equal(script.log.count, 1);
    }
}

static void keep(void *data, const struct kezek_outcome *outcome)
{
    *(struct kezek_outcome *)data = *outcome;
}

static void a_request_id_of_ones_own_is_sent_and_told(void **state)
{
    const uint8_t request[16] = "0123456789abcde";
    struct kezek_command *command = kezek_command_create("ready", NULL);
    struct kezek_outcome outcome = {.code = KEZEK_CLOSED};
    struct kz_command_reader commands;
    struct kz_entry entry;
    uint16_t size;
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    kezek_command_set_request(command, request);
    kezek_command_set_actor(command, 42);
    assert_int_equal(kezek_command_set(command, "application", "12", NULL), KEZEK_OK);
    assert_int_equal(
        kezek_client_submit(script.client, script.now_ms, command, keep, &outcome, NULL), KEZEK_OK);
    kezek_command_destroy(command);

    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_SUBMIT);
    assert_int_equal(kz_submit_decode(&frame, &commands), KZ_OK);
    const uint8_t *record = kz_command_next(&commands, &size);
    assert_int_equal(kz_record_decode(record, size, &entry), KZ_OK);
    assert_memory_equal(entry.request, request, 16);
    assert_int_equal(entry.actor, 42);

    scripted_answer(&script, frame.tag, 1, applied);
    assert_int_equal(outcome.code, KEZEK_OK);
    assert_memory_equal(outcome.request, request, 16);
    scripted_finish(&script);
}

/* ---- Batches ---- */

static void commands_asked_together_travel_together_and_in_order(void **state)
{
    uint64_t tag = begin_with(300);
    (void)state;
    scripted_expect_silence(&script);
    scripted_answer(&script, tag, 300, applied);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(scripted_outcome(&script, i, i + 1, KEZEK_OK)->index, 7 + i);
    scripted_finish(&script);
}

static void a_frame_takes_512_commands(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    for (unsigned id = 1; id <= 513; id++)
        scripted_submit(&script, id);
    scripted_answer(&script, scripted_expect_submit(&script, 1, 512), 512, applied);
    (void)scripted_expect_submit(&script, 513, 1);
    scripted_expect_silence(&script);
    scripted_finish(&script);
    assert_int_equal(script.log.count, 513);
}

static void a_frame_takes_64_kib(void **state)
{
    char name[KZ_TEXT_SIZE_MAX];
    const struct kz_entry entry = {
        .type = KZ_TERRITORY, .request = {1}, .territory = {.name = {name, sizeof name}}};
    struct kezek_outcome unused;
    struct kz_command_reader commands;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    memset(name, 'x', sizeof name);
    size_t size = kz_record_encode(&entry, record, sizeof record);
    unsigned fit = (unsigned)((KZ_CLIENT_FRAME_SIZE_MAX - KZ_FRAME_HEADER_SIZE - 4) / (2 + size));
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    for (unsigned i = 0; i < fit + 1; i++) {
        assert_int_equal(kezek_client_submit_record(script.client, script.now_ms, record, size,
                                                    keep, &unused, NULL),
                         KEZEK_OK);
    }
    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_SUBMIT);
    assert_int_equal(kz_submit_decode(&frame, &commands), KZ_OK);
    assert_int_equal(commands.count, fit);
    scripted_answer(&script, frame.tag, fit, applied);
    frame = scripted_expect(&script, KZ_MESSAGE_SUBMIT);
    assert_int_equal(kz_submit_decode(&frame, &commands), KZ_OK);
    assert_int_equal(commands.count, 1);
    scripted_finish(&script);
}

static void a_command_has_its_whole_time_though_others_wait_already(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_submit(&script, 1);
    scripted_pass(&script, TIMEOUT - 1);
    scripted_submit(&script, 2);
    scripted_pass(&script, 1);
    (void)scripted_outcome(&script, 0, 1, KEZEK_UNAVAILABLE);
    assert_int_equal(script.log.count, 1);
    scripted_pass(&script, TIMEOUT - 2);
    assert_int_equal(script.log.count, 1);
    scripted_pass(&script, 1);
    (void)scripted_outcome(&script, 1, 2, KEZEK_UNAVAILABLE);
    scripted_finish(&script);
}

static void records_of_a_wrong_size_are_the_callers_mistake(void **state)
{
    const uint8_t record[KZ_RECORD_SIZE_MAX + 1] = {1};
    (void)state;
    scripted_init(&script, A);
    assert_int_equal(kezek_client_submit_record(script.client, 0, record, KZ_RECORD_HEADER_SIZE - 1,
                                                scripted_keep_outcome, NULL, NULL),
                     KEZEK_USAGE);
    assert_int_equal(kezek_client_submit_record(script.client, 0, record, KZ_RECORD_SIZE_MAX + 1,
                                                scripted_keep_outcome, NULL, NULL),
                     KEZEK_USAGE);
    assert_int_equal(
        kezek_client_submit_record(script.client, 0, record, KZ_RECORD_SIZE_MAX, NULL, NULL, NULL),
        KEZEK_USAGE);
    assert_int_equal(kezek_client_waiting(script.client), 0);
    scripted_finish(&script);
}

/* It may be sent again, and would be acted on again. */
static void a_record_without_a_request_id_is_the_callers_mistake(void **state)
{
    const struct kz_entry entry = {.type = KZ_READY, .application_only = {7}};
    struct kezek_error error;
    uint8_t record[64];
    size_t size = kz_record_encode(&entry, record, sizeof record);
    (void)state;
    scripted_init(&script, A);
    assert_int_equal(kezek_client_submit_record(script.client, 0, record, size,
                                                scripted_keep_outcome, NULL, &error),
                     KEZEK_USAGE);
    assert_non_null(strstr(error.text, "request id"));
    assert_int_equal(kezek_client_waiting(script.client), 0);
    scripted_finish(&script);
}

/* ---- Again ---- */

static void a_lost_connection_sends_the_same_bytes_again(void **state)
{
    uint8_t first[KZ_CLIENT_FRAME_SIZE_MAX];
    (void)begin_with(3);
    (void)state;
    memcpy(first, script.frame, sizeof first);
    scripted_lose(&script);
    scripted_begin(&script, B);
    uint64_t tag = scripted_expect_submit(&script, 1, 3);
    assert_memory_equal(first, script.frame, kz_get_u32(first));
    scripted_answer(&script, tag, 3, applied);
    assert_int_equal(script.log.count, 3);
    scripted_finish(&script);
}

static void what_a_node_is_too_busy_for_is_sent_when_it_says(void **state)
{
    uint64_t tag = begin_with(2);
    (void)state;
    scripted_answer(&script, tag, 2, busy(700));
    scripted_pass(&script, 699);
    scripted_expect_silence(&script);
    assert_int_equal(kezek_client_deadline(script.client), script.now_ms + 1);
    scripted_pass(&script, 1);
    tag = scripted_expect_submit(&script, 1, 2);
    scripted_answer(&script, tag, 2, applied);
    (void)scripted_outcome(&script, 1, 2, KEZEK_OK);
    scripted_finish(&script);
}

static void too_busy_for_longer_than_its_time_is_an_answer(void **state)
{
    uint64_t tag = begin_with(1);
    (void)state;
    scripted_answer(&script, tag, 1, busy(TIMEOUT));
    const struct kezek_outcome *outcome = scripted_outcome(&script, 0, 1, KEZEK_BUSY);
    assert_true(outcome->retry);
    assert_int_equal(outcome->retry_ms, TIMEOUT);
    assert_non_null(strstr(outcome->text, "refused in the last minute"));
    scripted_finish(&script);
}

static void too_busy_after_an_unanswered_sending_is_unknown(void **state)
{
    (void)begin_with(1);
    (void)state;
    scripted_lose(&script);
    scripted_begin(&script, B);
    uint64_t tag = scripted_expect_submit(&script, 1, 1);
    scripted_answer(&script, tag, 1, busy(TIMEOUT));
    (void)scripted_outcome(&script, 0, 1, KEZEK_UNKNOWN);
    scripted_finish(&script);
}

static void only_what_the_node_did_not_settle_is_sent_again(void **state)
{
    static uint8_t bytes[1024];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    uint64_t tag = begin_with(3);
    const struct kz_answer answers[3] = {applied, busy(10), applied};
    (void)state;
    kz_results_encode(&writer, tag, answers, 3);
    scripted_say(&script, &writer);
    (void)scripted_outcome(&script, 0, 1, KEZEK_OK);
    (void)scripted_outcome(&script, 1, 3, KEZEK_OK);
    scripted_pass(&script, 10);
    (void)scripted_expect_submit(&script, 2, 1);
    scripted_finish(&script);
}

static void nothing_overtakes_what_no_node_takes(void **state)
{
    static const struct kz_answer *const answers[] = {&unavailable, &not_leader, &unknown};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(answers); i++) {
        uint64_t tag = begin_with(2);
        scripted_answer(&script, tag, 2, *answers[i]);
        scripted_submit(&script, 3);
        scripted_expect_silence(&script);
        scripted_pass(&script, 50);
        tag = scripted_expect_submit(&script, 1, 2);
        scripted_expect_silence(&script);
        scripted_answer(&script, tag, 2, applied);
        (void)scripted_expect_submit(&script, 3, 1);
        scripted_finish(&script);
    }
}

static void what_is_sent_again_keeps_its_place(void **state)
{
    scripted_answer(&script, begin_with(1), 1, applied);
    (void)state;
    scripted_submit(&script, 1);
    scripted_submit(&script, 2);
    uint64_t first = scripted_expect_submit(&script, 1, 2);
    scripted_submit(&script, 3);
    uint64_t second = scripted_expect_submit(&script, 3, 1);
    scripted_submit(&script, 4);
    uint64_t third = scripted_expect_submit(&script, 4, 1);
    scripted_answer(&script, third, 1, not_leader);
    scripted_answer(&script, first, 2, not_leader);
    scripted_answer(&script, second, 1, not_leader);
    scripted_pass(&script, 50);
    first = scripted_expect_submit(&script, 1, 2);
    scripted_answer(&script, first, 2, applied);
    (void)scripted_expect_submit(&script, 3, 1);
    (void)scripted_expect_submit(&script, 4, 1);
    scripted_finish(&script);
}

static void a_node_gets_one_submit_until_it_has_taken_one(void **state)
{
    uint64_t tag = begin_with(1);
    (void)state;
    scripted_submit(&script, 2);
    scripted_expect_silence(&script);
    scripted_answer(&script, tag, 1, applied);
    tag = scripted_expect_submit(&script, 2, 1);
    scripted_submit(&script, 3);
    (void)scripted_expect_submit(&script, 3, 1);
    scripted_answer(&script, tag, 1, unavailable);
    scripted_submit(&script, 4);
    scripted_pass(&script, 50);
    (void)scripted_expect_submit(&script, 2, 1);
    scripted_expect_silence(&script);
    scripted_lose(&script);
    scripted_begin(&script, B);
    (void)scripted_expect_submit(&script, 2, 1);
    scripted_expect_silence(&script);
    scripted_finish(&script);
}

static void the_busy_are_overtaken(void **state)
{
    uint64_t tag = begin_with(1);
    (void)state;
    scripted_answer(&script, tag, 1, busy(500));
    scripted_submit(&script, 2);
    (void)scripted_expect_submit(&script, 2, 1);
    scripted_finish(&script);
}

static void a_new_leader_is_not_made_to_wait_for(void **state)
{
    uint64_t tag = begin_with(1);
    (void)state;
    scripted_answer(&script, tag, 1, not_leader);
    scripted_welcome(&script, 1, 2, B);
    scripted_expect_close(&script);
    scripted_connect(&script, B);
    scripted_welcome(&script, 2, 2, B);
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

/* ---- The end of its time ---- */

static void never_sent_was_not_appended(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_submit(&script, 1);
    scripted_pass(&script, TIMEOUT - 1);
    assert_int_equal(script.log.count, 0);
    scripted_pass(&script, 1);
    assert_true(scripted_outcome(&script, 0, 1, KEZEK_UNAVAILABLE)->retry);
    scripted_finish(&script);
}

/* Those that are asked later may travel with it, and do not make its time longer. */
static void what_is_sent_again_keeps_its_end(void **state)
{
    uint64_t tag = begin_with(1);
    (void)state;
    scripted_pass(&script, 2000);
    scripted_answer(&script, tag, 1, not_leader);
    scripted_lose(&script);
    scripted_submit(&script, 2);
    scripted_pass(&script, TIMEOUT - 2000);
    (void)scripted_outcome(&script, 0, 1, KEZEK_UNAVAILABLE);
    assert_int_equal(script.log.count, 1);
    scripted_pass(&script, 2000);
    (void)scripted_outcome(&script, 1, 2, KEZEK_UNAVAILABLE);
    scripted_finish(&script);
}

static void sent_and_unanswered_is_unknown(void **state)
{
    (void)begin_with(1);
    (void)state;
    scripted_pass(&script, TIMEOUT);
    (void)scripted_outcome(&script, 0, 1, KEZEK_UNKNOWN);
    scripted_finish(&script);
}

static void lost_with_its_connection_is_unknown(void **state)
{
    (void)begin_with(1);
    (void)state;
    scripted_lose(&script);
    scripted_pass(&script, TIMEOUT);
    (void)scripted_outcome(&script, 0, 1, KEZEK_UNKNOWN);
    scripted_finish(&script);
}

static void every_answer_before_the_end_says_what_the_end_is(void **state)
{
    static const struct {
        const struct kz_answer *answer;
        enum kezek_code code;
        const char *text;
    } cases[] = {
        {&not_leader, KEZEK_UNAVAILABLE, "no answer in 10000 ms"},
        {&unavailable, KEZEK_UNAVAILABLE, "agrees on the time"},
        {&unknown, KEZEK_UNKNOWN, "no answer in 10000 ms"},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint64_t tag = begin_with(1);
        scripted_answer(&script, tag, 1, *cases[i].answer);
        scripted_pass(&script, TIMEOUT);
        const struct kezek_outcome *outcome = scripted_outcome(&script, 0, 1, cases[i].code);
        assert_non_null(strstr(outcome->text, cases[i].text));
        scripted_finish(&script);
        assert_int_equal(script.log.count, 1);
    }
}

static void an_answer_after_the_end_is_passed_over(void **state)
{
    uint64_t tag = begin_with(1);
    (void)state;
    scripted_pass(&script, 2999);
    scripted_welcome(&script, 1, 1, A);
    for (unsigned i = 0; i < 8; i++) {
        scripted_pass(&script, 1000);
        scripted_welcome(&script, 1, 1, A);
    }
    (void)scripted_outcome(&script, 0, 1, KEZEK_UNKNOWN);
    scripted_answer(&script, tag, 1, applied);
    scripted_expect_nothing(&script);
    assert_int_equal(script.log.count, 1);
    scripted_finish(&script);
}

static void destroying_answers_all_that_wait(void **state)
{
    (void)begin_with(2);
    (void)state;
    scripted_submit(&script, 3);
    scripted_finish(&script);
    assert_int_equal(script.log.count, 3);
    for (unsigned i = 0; i < 3; i++)
        (void)scripted_outcome(&script, i, i + 1, KEZEK_CLOSED);
}

/* ---- Wrong answers ---- */

static void a_wrong_number_of_answers_ends_the_connection(void **state)
{
    uint64_t tag = begin_with(2);
    (void)state;
    scripted_answer(&script, tag, 1, applied);
    scripted_expect_close(&script);
    assert_int_equal(script.log.count, 0);
    scripted_begin(&script, B);
    (void)scripted_expect_submit(&script, 1, 2);
    scripted_finish(&script);
}

static void malformed_results_end_the_connection(void **state)
{
    uint8_t frame[KZ_FRAME_HEADER_SIZE + 4] = {0};
    struct kz_writer writer = {frame, frame + sizeof frame, frame + sizeof frame, false};
    uint64_t tag = begin_with(1);
    (void)state;
    frame[KZ_FRAME_HEADER_SIZE] = 1; /* one answer, and then none */
    kz_frame_seal(frame, KZ_MESSAGE_RESULTS, tag, 4);
    scripted_say(&script, &writer);
    scripted_expect_close(&script);
    assert_int_equal(script.log.count, 0);
    scripted_finish(&script);
}

/* ---- Callbacks ---- */

static void ask_again(void *data, const struct kezek_outcome *outcome)
{
    unsigned *left = data;
    struct kezek_error error;
    const struct kz_entry entry = {.type = KZ_READY, .request = {1}, .application_only = {*left}};
    uint8_t record[64];

    assert_int_equal(outcome->code, KEZEK_OK);
    if (--*left == 0) return;
    size_t size = kz_record_encode(&entry, record, sizeof record);
    assert_int_equal(kezek_client_submit_record(script.client, script.now_ms, record, size,
                                                ask_again, data, &error),
                     KEZEK_OK);
}

static void a_callback_may_ask_anew(void **state)
{
    unsigned left = 5;
    const struct kezek_outcome begun = {.code = KEZEK_OK};
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    left++;
    ask_again(&left, &begun);
    while (left > 0) {
        struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_SUBMIT);
        scripted_answer(&script, frame.tag, 1, applied);
    }
    assert_int_equal(kezek_client_waiting(script.client), 0);
    scripted_finish(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_outcome),
        cmocka_unit_test(a_request_id_of_ones_own_is_sent_and_told),
        cmocka_unit_test(commands_asked_together_travel_together_and_in_order),
        cmocka_unit_test(a_frame_takes_512_commands),
        cmocka_unit_test(a_frame_takes_64_kib),
        cmocka_unit_test(a_command_has_its_whole_time_though_others_wait_already),
        cmocka_unit_test(records_of_a_wrong_size_are_the_callers_mistake),
        cmocka_unit_test(a_record_without_a_request_id_is_the_callers_mistake),
        cmocka_unit_test(a_lost_connection_sends_the_same_bytes_again),
        cmocka_unit_test(what_a_node_is_too_busy_for_is_sent_when_it_says),
        cmocka_unit_test(too_busy_for_longer_than_its_time_is_an_answer),
        cmocka_unit_test(too_busy_after_an_unanswered_sending_is_unknown),
        cmocka_unit_test(only_what_the_node_did_not_settle_is_sent_again),
        cmocka_unit_test(nothing_overtakes_what_no_node_takes),
        cmocka_unit_test(what_is_sent_again_keeps_its_place),
        cmocka_unit_test(a_node_gets_one_submit_until_it_has_taken_one),
        cmocka_unit_test(the_busy_are_overtaken),
        cmocka_unit_test(a_new_leader_is_not_made_to_wait_for),
        cmocka_unit_test(never_sent_was_not_appended),
        cmocka_unit_test(what_is_sent_again_keeps_its_end),
        cmocka_unit_test(sent_and_unanswered_is_unknown),
        cmocka_unit_test(lost_with_its_connection_is_unknown),
        cmocka_unit_test(every_answer_before_the_end_says_what_the_end_is),
        cmocka_unit_test(an_answer_after_the_end_is_passed_over),
        cmocka_unit_test(destroying_answers_all_that_wait),
        cmocka_unit_test(a_wrong_number_of_answers_ends_the_connection),
        cmocka_unit_test(malformed_results_end_the_connection),
        cmocka_unit_test(a_callback_may_ask_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
