/* SPDX-License-Identifier: Apache-2.0 */
/* The core with an allocation that fails: the n-th, for n = 1 until the workload needs no more.
 * Every command, question and change that was taken is answered exactly once, and nothing leaks
 * (the sanitizer build tells). */
#include "tests/client/scripted.h"

#include <jansson.h>

#define COMMANDS 600

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static unsigned countdown; /* 0: off; at 1 the next allocation fails */
static unsigned failed;

static bool fails(void)
{
    if (countdown == 0 || --countdown > 0) return false;
    failed++;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

static unsigned taken;
static unsigned answered;

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    (void)data;
    (void)outcome;
    answered++;
}

static void on_answer(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    (void)data;
    (void)count;
    assert_int_equal(content != NULL, answer->code == KEZEK_OK);
    assert_int_not_equal(answer->code, KEZEK_PROTOCOL);
    answered++;
}

static void on_changed(void *data, const struct kezek_changed *changed)
{
    (void)data;
    (void)changed;
    answered++;
}

static void submit_all(struct kezek_client *client)
{
    struct kezek_error error = {.code = KEZEK_OK};
    struct kezek_command *command = kezek_command_create("withdraw", &error);
    if (command == NULL) {
        assert_int_equal(error.code, KEZEK_NO_MEMORY);
        return;
    }
    kezek_command_set_actor(command, 1);
    (void)kezek_command_set(command, "application", "7", &error);
    for (unsigned i = 0; i < COMMANDS; i++) {
        taken += kezek_client_submit(client, 1000, command, on_outcome, NULL, &error) == KEZEK_OK;
    }
    kezek_command_destroy(command);
}

/* Answers a question about places with one. */
static void answer_places(struct kezek_client *client, uint64_t now_ms,
                          const struct kz_frame *question)
{
    uint8_t bytes[256];
    struct kz_answer_writer answer;
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    const struct kz_answer_header header = {.what = KZ_QUERY_PLACES, .found = true};

    if (question->body[0] != KZ_QUERY_PLACES) return;
    kz_answer_begin(&answer, &writer, &header);
    kz_write_u32(&writer, 1);
    kz_places_content_write(&writer, &(struct kz_places_content){.kindergarten = 1});
    kz_answer_finish(&answer, question->tag);
    kezek_client_on_bytes(client, now_ms, bytes, kz_writer_size(&writer));
}

/* Answers every SUBMIT in the output: every second command is unavailable at first. */
static void answer_all(struct kezek_client *client, uint64_t now_ms)
{
    static uint8_t bytes[1 << 16];
    static uint8_t taken_bytes[1 << 20];
    const uint8_t *output;
    struct kz_frame frame;
    size_t size;
    size_t left = kezek_client_output(client, &output);
    size_t at = 0;

    if (left > 0) memcpy(taken_bytes, output, left);
    kezek_client_on_sent(client, left);
    while (kz_frame_parse(taken_bytes + at, left - at, KZ_CLIENT_FRAME_SIZE_MAX, &frame, &size) ==
           KZ_OK) {
        struct kz_command_reader commands;
        struct kz_answer answers[KZ_COMMANDS_MAX];
        struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
        at += size;
        if (frame.type == KZ_MESSAGE_QUERY) answer_places(client, now_ms, &frame);
        if (frame.type != KZ_MESSAGE_SUBMIT) continue;
        assert_int_equal(kz_submit_decode(&frame, &commands), KZ_OK);
        for (unsigned i = 0; i < commands.count; i++) {
            bool later = i % 2 == 1 && now_ms == 1000;
            answers[i] = (struct kz_answer){
                .code = later ? KZ_ANSWER_UNAVAILABLE : KZ_ANSWER_APPLIED, .index = 1};
        }
        kz_results_encode(&writer, frame.tag, answers, commands.count);
        kezek_client_on_bytes(client, now_ms, bytes, kz_writer_size(&writer));
    }
}

static void greet(struct kezek_client *client, uint64_t now_ms)
{
    char address[KEZEK_ADDRESS_SIZE];
    uint8_t bytes[256];
    const uint8_t *output;
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    const struct kz_welcome welcome = {.node = 1, .leader = 1};

    kezek_client_on_tick(client, now_ms);
    if (kezek_client_want(client, address) != KEZEK_WANT_CONNECT) return;
    kezek_client_on_connected(client, now_ms);
    kezek_client_on_sent(client, kezek_client_output(client, &output));
    kz_welcome_encode(&writer, 0, &welcome);
    kezek_client_on_bytes(client, now_ms, bytes, kz_writer_size(&writer));
}

static void work(void)
{
    const struct kezek_options options = {.endpoints = "a:1", .seed = {1, 2}};
    const struct kezek_question question = {.what = KEZEK_ASK_STATUS};
    const struct kezek_question places = {.what = KEZEK_ASK_PLACES, .territory = 1};
    const struct kezek_change change = {.what = KEZEK_MEMBER_REMOVE, .node = 2};
    struct kezek_error error = {.code = KEZEK_OK};
    struct kezek_client *client = kezek_client_create(&options, &error);
    if (client == NULL) {
        assert_int_equal(error.code, KEZEK_NO_MEMORY);
        return;
    }
    kezek_client_on_tick(client, 1000);
    greet(client, 1000);
    submit_all(client);
    taken += kezek_client_ask(client, 1000, &question, on_answer, NULL, &error) == KEZEK_OK;
    taken += kezek_client_ask(client, 1000, &places, on_answer, NULL, &error) == KEZEK_OK;
    taken += kezek_client_change(client, 1000, &change, on_changed, NULL, &error) == KEZEK_OK;
    answer_all(client, 1000);
    kezek_client_on_closed(client, 2000, "reset");
    greet(client, 3000);
    answer_all(client, 3000);
    kezek_client_on_tick(client, 60000);
    kezek_client_destroy(client);
    assert_int_equal(answered, taken);
}

static void every_allocation_may_fail(void **state)
{
    unsigned n = 0;
    (void)state;

    json_set_alloc_funcs(__wrap_malloc, free);
    do {
        taken = answered = failed = 0;
        countdown = ++n;
        work();
        countdown = 0;
    } while (failed > 0);
    assert_true(n > 20);
    assert_int_equal(taken, COMMANDS + 3);
}

static void a_command_that_was_not_taken_is_not_sent(void **state)
{
    const struct kezek_options options = {.endpoints = "a:1", .seed = {1, 2}};
    const uint8_t record[KZ_RECORD_HEADER_SIZE] = {[0] = 1, [12] = 1}; /* version, request id */
    const uint8_t *output;
    (void)state;

    for (unsigned n = 1; n <= 2; n++) { /* its batch's memory, its record's */
        struct kezek_client *client = kezek_client_create(&options, NULL);
        greet(client, 1000);
        countdown = n;
        assert_int_equal(
            kezek_client_submit_record(client, 1000, record, sizeof record, on_outcome, NULL, NULL),
            KEZEK_NO_MEMORY);
        countdown = 0;
        assert_int_equal(kezek_client_output(client, &output), 0);
        assert_int_equal(kezek_client_deadline(client), UINT64_MAX);
        kezek_client_destroy(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_command_that_was_not_taken_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
