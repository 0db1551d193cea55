/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a node says to libkezek's core, in frames with right checksums: each is two bytes of
 * type and tag, a u16 of the body's size and the body; the type's upper four bits let time pass.
 * Two commands, every question, a change and a watch wait for it. However it goes on, everything is
 * answered exactly once and the watch has no gap. */
#include "client/wire/messages.h"
#include "statemachine/base/assert.h"

#include <kezek/kezek.h>
#include <stdio.h>

#define FRAME_PREFIX_SIZE 4
#define TIME_UNIT_MS      500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answered;
static uint64_t next_index;

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    (void)data;
    KZ_ASSERT(outcome->code <= KEZEK_CLOSED);
    answered++;
}

static void on_answer(void *data, const struct kezek_answer *answer, const void *content,
                      uint32_t count)
{
    (void)data;
    KZ_ASSERT((content != NULL) == (answer->code == KEZEK_OK));
    KZ_ASSERT(count <= KZ_NUMBERS_MAX);
    answered++;
}

static void on_changed(void *data, const struct kezek_changed *changed)
{
    (void)data;
    KZ_ASSERT(changed->code <= KEZEK_CLOSED);
    answered++;
}

static void on_entries(void *data, const struct kezek_entry *entries, uint32_t count)
{
    (void)data;
    for (uint32_t i = 0; i < count; i++)
        KZ_ASSERT(entries[i].index == next_index++);
}

/* Commands have tag 1, the questions 2 to 10, the change 11. Returns: how much was asked. */
static unsigned ask_everything(struct kezek_client *client)
{
    static const uint64_t numbers[2] = {3, 4};
    const struct kz_entry entry = {.type = KZ_READY, .request = {1}, .application_only = {1}};
    uint8_t record[64];
    size_t size = kz_record_encode(&entry, record, sizeof record);
    unsigned asked = 0;

    for (unsigned i = 0; i < 2; i++) {
        asked +=
            kezek_client_submit_record(client, 1, record, size, on_outcome, NULL, NULL) == KEZEK_OK;
    }
    for (int what = KEZEK_ASK_STATUS; what <= KEZEK_ASK_MEMBERS; what++) {
        struct kezek_question question = {
            .numbers = numbers, .count = 2, .kind = "ordinary", .first = 1};
        question.what = what;
        asked += kezek_client_ask(client, 1, &question, on_answer, NULL, NULL) == KEZEK_OK;
    }
    const struct kezek_change change = {
        .what = KEZEK_MEMBER_ADD, .node = 4, .peer = "p:4", .client = "c:4"};
    asked += kezek_client_change(client, 1, &change, on_changed, NULL, NULL) == KEZEK_OK;
    next_index = 1;
    KZ_ASSERT(kezek_client_watch(client, next_index, on_entries, NULL, NULL) == KEZEK_OK);
    return asked;
}

/* Does what the client wants, and swallows what it sends. */
static void follow(struct kezek_client *client, uint64_t now_ms)
{
    char address[KEZEK_ADDRESS_SIZE];
    const uint8_t *bytes;

    switch (kezek_client_want(client, address)) {
    case KEZEK_WANT_NOTHING: break;
    case KEZEK_WANT_CONNECT: kezek_client_on_connected(client, now_ms); break;
    case KEZEK_WANT_CLOSE: kezek_client_on_closed(client, now_ms, "closed"); break;
    }
    kezek_client_on_sent(client, kezek_client_output(client, &bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[KZ_NODE_FRAME_SIZE_MAX];
    const struct kezek_options options = {.endpoints = "a:1,b:2", .seed = {1, 2}};
    struct kezek_client *client = kezek_client_create(&options, NULL);
    struct kz_reader reader = kz_reader_init(data, size);
    uint64_t now_ms = 1;

    answered = 0;
    unsigned asked = ask_everything(client);
    while (kz_reader_left(&reader) >= FRAME_PREFIX_SIZE) {
        uint8_t type = kz_read_u8(&reader);
        uint8_t tag = kz_read_u8(&reader);
        size_t body_size = kz_read_u16(&reader);
        if (body_size > kz_reader_left(&reader)) body_size = kz_reader_left(&reader);
        memcpy(frame + KZ_FRAME_HEADER_SIZE, kz_read_bytes(&reader, body_size), body_size);
        kz_frame_seal(frame, type & 15, tag, body_size);

        now_ms += (uint64_t)(type >> 4) * TIME_UNIT_MS;
        kezek_client_on_tick(client, now_ms);
        follow(client, now_ms);
        kezek_client_on_bytes(client, now_ms, frame, KZ_FRAME_HEADER_SIZE + body_size);
        follow(client, now_ms);
    }
    KZ_ASSERT(answered + kezek_client_waiting(client) == asked);
    kezek_client_destroy(client);
    KZ_ASSERT(answered == asked);
    return 0;
}
