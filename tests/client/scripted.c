/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/client/scripted.h"

/* The data of a command's callback: the script, and the command's id. */
struct errand {
    struct scripted *script;
    size_t id;
};

static struct errand errands[1 << 16];
static unsigned errand_count;

void scripted_init_options(struct scripted *script, const struct kezek_options *options)
{
    struct kezek_error error;

    memset(script, 0, sizeof *script);
    errand_count = 0;
    script->now_ms = 1000000;
    script->client = kezek_client_create(options, &error);
    assert_non_null(script->client);
    kezek_client_on_tick(script->client, script->now_ms);
}

void scripted_init(struct scripted *script, const char *endpoints)
{
    const struct kezek_options options = {.endpoints = endpoints, .seed = {1, 2}};
    scripted_init_options(script, &options);
}

void scripted_finish(struct scripted *script)
{
    kezek_client_destroy(script->client);
}

/* ---- The connection ---- */

static void expect_connect(struct scripted *script, const char *address)
{
    char wanted[KEZEK_ADDRESS_SIZE] = "";

    assert_int_equal(kezek_client_want(script->client, wanted), KEZEK_WANT_CONNECT);
    assert_string_equal(wanted, address);
    assert_int_equal(kezek_client_want(script->client, wanted), KEZEK_WANT_NOTHING);
}

void scripted_connect(struct scripted *script, const char *address)
{
    expect_connect(script, address);
    kezek_client_on_connected(script->client, script->now_ms);
    (void)scripted_expect(script, KZ_MESSAGE_HELLO);
}

void scripted_refuse(struct scripted *script, const char *address)
{
    expect_connect(script, address);
    kezek_client_on_closed(script->client, script->now_ms, "connection refused");
}

void scripted_welcome(struct scripted *script, uint64_t node, uint64_t leader, const char *address)
{
    uint8_t bytes[256];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    struct kz_welcome welcome = {.node = node, .leader = leader};

    memset(welcome.cluster, 7, sizeof welcome.cluster);
    if (address != NULL) {
        welcome.leader_client = (struct kz_text){address, (uint16_t)strlen(address)};
    }
    kz_welcome_encode(&writer, 0, &welcome);
    scripted_say(script, &writer);
}

void scripted_begin(struct scripted *script, const char *address)
{
    scripted_connect(script, address);
    scripted_welcome(script, 1, 1, address);
}

void scripted_expect_close(struct scripted *script)
{
    char unused[KEZEK_ADDRESS_SIZE];

    assert_int_equal(kezek_client_want(script->client, unused), KEZEK_WANT_CLOSE);
    assert_int_equal(kezek_client_want(script->client, unused), KEZEK_WANT_NOTHING);
    kezek_client_on_closed(script->client, script->now_ms, "closed");
}

void scripted_lose(struct scripted *script)
{
    kezek_client_on_closed(script->client, script->now_ms, "connection reset");
}

void scripted_expect_nothing(struct scripted *script)
{
    char unused[KEZEK_ADDRESS_SIZE];
    assert_int_equal(kezek_client_want(script->client, unused), KEZEK_WANT_NOTHING);
}

void scripted_pass(struct scripted *script, uint64_t ms)
{
    script->now_ms += ms;
    kezek_client_on_tick(script->client, script->now_ms);
}

/* ---- Frames ---- */

struct kz_frame scripted_expect(struct scripted *script, enum kz_message_type type)
{
    const uint8_t *bytes;
    struct kz_frame frame;
    size_t frame_size;
    size_t size = kezek_client_output(script->client, &bytes);

    assert_int_equal(kz_frame_parse(bytes, size, KZ_CLIENT_FRAME_SIZE_MAX, &frame, &frame_size),
                     KZ_OK);
    assert_int_equal(frame.type, type);
    memcpy(script->frame, bytes, frame_size);
    frame.body = script->frame + KZ_FRAME_HEADER_SIZE;
    kezek_client_on_sent(script->client, frame_size);
    return frame;
}

void scripted_expect_silence(struct scripted *script)
{
    const uint8_t *bytes;
    assert_int_equal(kezek_client_output(script->client, &bytes), 0);
}

void scripted_say(struct scripted *script, const struct kz_writer *writer)
{
    assert_false(writer->failed);
    kezek_client_on_bytes(script->client, script->now_ms, writer->first, kz_writer_size(writer));
}

/* ---- Commands ---- */

void scripted_keep_outcome(void *data, const struct kezek_outcome *outcome)
{
    const struct errand *errand = data;
    struct scripted_log *log = &errand->script->log;

    assert_true(log->count < OUTCOMES_MAX);
    log->outcomes[log->count].id = errand->id;
    log->outcomes[log->count++].outcome = *outcome;
}

void scripted_submit(struct scripted *script, size_t id)
{
    struct kezek_error error;
    char number[24];
    struct kezek_command *command = kezek_command_create("withdraw", &error);

    (void)snprintf(number, sizeof number, "%zu", id);
    assert_non_null(command);
    assert_int_equal(kezek_command_set(command, "application", number, &error), KEZEK_OK);
    assert_true(errand_count < COUNT_OF(errands));
    errands[errand_count] = (struct errand){script, id};
    assert_int_equal(kezek_client_submit(script->client, script->now_ms, command,
                                         scripted_keep_outcome, &errands[errand_count++], &error),
                     KEZEK_OK);
    kezek_command_destroy(command);
}

uint64_t scripted_expect_submit(struct scripted *script, size_t first, unsigned count)
{
    struct kz_frame frame = scripted_expect(script, KZ_MESSAGE_SUBMIT);
    struct kz_command_reader commands;
    const uint8_t *record;
    uint16_t size;

    assert_int_equal(kz_submit_decode(&frame, &commands), KZ_OK);
    assert_int_equal(commands.count, count);
    for (size_t id = first; (record = kz_command_next(&commands, &size)) != NULL; id++) {
        struct kz_entry entry;
        assert_int_equal(kz_record_decode(record, size, &entry), KZ_OK);
        assert_int_equal(entry.type, KZ_WITHDRAW);
        assert_int_equal(entry.application_only.application, id);
        assert_true(kz_has_request(entry.request));
        assert_int_equal(entry.time, 0);
    }
    return frame.tag;
}

void scripted_answer(struct scripted *script, uint64_t tag, unsigned count, struct kz_answer answer)
{
    static uint8_t bytes[KZ_NODE_FRAME_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    struct kz_answer answers[KZ_COMMANDS_MAX];

    for (unsigned i = 0; i < count; i++) {
        answers[i] = answer;
        if (answer.index > 0) answer.index++;
    }
    kz_results_encode(&writer, tag, answers, (uint16_t)count);
    scripted_say(script, &writer);
}

const struct kezek_outcome *scripted_outcome(const struct scripted *script, unsigned number,
                                             size_t id, enum kezek_code code)
{
    assert_true(number < script->log.count);
    assert_int_equal(script->log.outcomes[number].id, id);
    assert_int_equal(script->log.outcomes[number].outcome.code, code);
    return &script->log.outcomes[number].outcome;
}
