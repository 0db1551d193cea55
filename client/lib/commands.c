/* SPDX-License-Identifier: Apache-2.0 */
/* Commands in flight: gathered into batches, sent, sent again, answered or expired. */
#include "client/lib/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_SIZE_MAX (4u * 1024 * 1024) /* no more batches are begun above it */
#define RETRY_MS        50                 /* when the node does not say */
#define REQUEST_OFFSET  12                 /* of the request id in a record */

/* ---- Batches ---- */

static struct batch *take_batch(struct kezek_client *client)
{
    struct batch *batch = client->spare;
    if (batch == NULL) return calloc(1, sizeof *batch);

    client->spare = batch->next;
    struct kz_buffer records = batch->records;
    kz_buffer_clear(&records);
    *batch = (struct batch){.records = records};
    return batch;
}

static void append_batch(struct kezek_client *client, struct batch *batch)
{
    struct batch **end = &client->batches;
    while (*end != NULL)
        end = &(*end)->next;
    *end = batch;
}

static void keep_spare(struct kezek_client *client, struct batch *batch)
{
    batch->next = client->spare;
    client->spare = batch;
}

static struct batch *begin_batch(struct kezek_client *client, uint64_t deadline_ms)
{
    struct batch *batch = take_batch(client);
    if (batch == NULL) return NULL;

    batch->tag = client->next_tag++;
    batch->deadline_ms = deadline_ms;
    append_batch(client, batch);
    return batch;
}

static bool has_room(const struct batch *batch, size_t record_size)
{
    return batch->count < KZ_COMMANDS_MAX &&
           kz_buffer_size(&batch->records) + 2 + record_size <=
               KZ_CLIENT_FRAME_SIZE_MAX - KZ_FRAME_HEADER_SIZE - 4;
}

/* Returns: the batch that new commands join: the last, when it was never sent, is not delayed and
 * has room. */
static struct batch *open_batch(struct kezek_client *client, size_t record_size)
{
    struct batch *last = client->batches;
    while (last != NULL && last->next != NULL)
        last = last->next;
    if (last != NULL && !last->sent && !last->uncertain && last->not_before_ms == 0 &&
        has_room(last, record_size)) {
        return last;
    }
    return begin_batch(client, client->now_ms + client->timeout_ms);
}

static bool add_command(struct batch *batch, const uint8_t *record, size_t size,
                        struct waiter waiter)
{
    uint8_t *room = kz_buffer_room(&batch->records, 2 + size);
    if (room == NULL) return false;

    kz_put_u16(room, (uint16_t)size);
    memcpy(room + 2, record, size);
    kz_buffer_added(&batch->records, 2 + size);
    batch->waiters[batch->count++] = waiter;
    return true;
}

/* ---- Asking ---- */

void kezek_client_draw_request(struct kezek_client *client, uint8_t out_request[16])
{
    kz_put_u64(out_request, kz_client_random(client));
    kz_put_u64(out_request + 8, kz_client_random(client));
}

enum kezek_code kezek_client_submit_record(struct kezek_client *client, uint64_t now_ms,
                                           const uint8_t *record, size_t size,
                                           kezek_outcome_callback callback, void *data,
                                           struct kezek_error *error)
{
    kz_client_advance(client, now_ms);
    if (size < KZ_RECORD_HEADER_SIZE || size > KZ_RECORD_SIZE_MAX) {
        return kz_fail(error, KEZEK_USAGE, "a record of %zu bytes: it has %d to %d", size,
                       KZ_RECORD_HEADER_SIZE, KZ_RECORD_SIZE_MAX);
    }
    struct batch *batch = open_batch(client, size);
    if (batch == NULL || !add_command(batch, record, size, (struct waiter){callback, data})) {
        return kz_fail(error, KEZEK_NO_MEMORY, "out of memory for a command");
    }
    client->waiting++;
    return KEZEK_OK;
}

enum kezek_code kezek_client_submit(struct kezek_client *client, uint64_t now_ms,
                                    const struct kezek_command *command,
                                    kezek_outcome_callback callback, void *data,
                                    struct kezek_error *error)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    uint8_t request[KZ_ID_SIZE];
    kezek_client_draw_request(client, request);

    size_t size = kz_command_record(command, request, record, sizeof record, error);
    if (size == 0) return KEZEK_USAGE;
    return kezek_client_submit_record(client, now_ms, record, size, callback, data, error);
}

/* ---- Sending ---- */

static bool send_batch(struct kezek_client *client, struct batch *batch)
{
    uint8_t *room = kz_buffer_room(&client->output, KZ_CLIENT_FRAME_SIZE_MAX);
    if (room == NULL) return false;

    struct kz_writer writer = kz_writer_init(room, KZ_CLIENT_FRAME_SIZE_MAX);
    struct kz_submit_writer submit;
    struct kz_reader records =
        kz_reader_init(kz_buffer_start(&batch->records), kz_buffer_size(&batch->records));
    kz_submit_begin(&submit, &writer);
    for (unsigned i = 0; i < batch->count; i++) {
        uint16_t size = kz_read_u16(&records);
        (void)kz_submit_add(&submit, kz_read_bytes(&records, size), size);
    }
    kz_submit_finish(&submit, batch->tag);
    kz_buffer_added(&client->output, kz_writer_size(&writer));
    batch->sent = true;
    return true;
}

void kz_commands_send(struct kezek_client *client)
{
    for (struct batch *batch = client->batches; batch != NULL; batch = batch->next) {
        if (batch->sent || batch->not_before_ms > client->now_ms) continue;
        if (kz_buffer_size(&client->output) > OUTPUT_SIZE_MAX) return;
        if (!send_batch(client, batch)) return;
    }
}

void kz_commands_on_closed(struct kezek_client *client)
{
    for (struct batch *batch = client->batches; batch != NULL; batch = batch->next) {
        batch->uncertain |= batch->sent;
        batch->sent = false;
    }
}

/* ---- Answers ---- */

static void give(struct kezek_client *client, struct waiter *waiter, const uint8_t *record,
                 struct kezek_outcome *outcome)
{
    if (waiter->callback == NULL) return;

    kezek_outcome_callback callback = waiter->callback;
    waiter->callback = NULL;
    client->waiting--;
    memcpy(outcome->request, record + REQUEST_OFFSET, KZ_ID_SIZE);
    outcome->retry = outcome->code == KEZEK_BUSY || outcome->code == KEZEK_UNAVAILABLE ||
                     outcome->code == KEZEK_UNKNOWN;
    callback(waiter->data, outcome);
}

/* Returns: whether ANSWER settles its command; then OUT_OUTCOME is filled. */
static bool settles(const struct kezek_client *client, const struct batch *batch,
                    const struct kz_answer *answer, struct kezek_outcome *out_outcome)
{
    struct kezek_outcome outcome = {.retry_ms = answer->retry_ms};
    const char *sentence = kz_reason_text(answer->reason);

    switch ((enum kz_answer_code)answer->code) {
    case KZ_ANSWER_APPLIED:
    case KZ_ANSWER_REPEATED:
    case KZ_ANSWER_REFUSED:
        outcome.code = answer->result == KZ_RESULT_OK ? KEZEK_OK : KEZEK_REFUSED;
        outcome.result = kz_word(&kz_result_words, answer->result);
        outcome.repeated = answer->code == KZ_ANSWER_REPEATED;
        outcome.index = answer->index;
        outcome.time = answer->time;
        break;
    case KZ_ANSWER_MALFORMED:
        outcome.code = KEZEK_USAGE;
        (void)snprintf(outcome.text, sizeof outcome.text, "%s", sentence);
        break;
    case KZ_ANSWER_BUSY:
        if (client->now_ms + answer->retry_ms < batch->deadline_ms) return false;
        outcome.code = KEZEK_BUSY;
        (void)snprintf(outcome.text, sizeof outcome.text, "%s; come back in %u ms", sentence,
                       answer->retry_ms);
        break;
    default: return false;
    }
    *out_outcome = outcome;
    return true;
}

/* The commands of a batch that are to be sent again go on as a batch of their own. */
static bool try_again(struct kezek_client *client, const struct batch *from, struct batch **again,
                      const uint8_t *record, size_t size, struct waiter waiter,
                      const struct kz_answer *answer)
{
    if (*again == NULL) *again = begin_batch(client, from->deadline_ms);
    if (*again == NULL) return false;

    uint64_t wait = answer->retry_ms > 0 ? answer->retry_ms : RETRY_MS;
    uint64_t not_before = client->now_ms + wait;
    (*again)->reason = answer->reason;
    (*again)->uncertain |= from->uncertain || answer->code == KZ_ANSWER_UNKNOWN;
    if ((*again)->not_before_ms < not_before) (*again)->not_before_ms = not_before;
    return add_command(*again, record, size, waiter);
}

static void take_answers(struct kezek_client *client, struct batch *batch,
                         const struct kz_answer *answers)
{
    struct batch *again = NULL;
    struct kz_reader records =
        kz_reader_init(kz_buffer_start(&batch->records), kz_buffer_size(&batch->records));

    for (unsigned i = 0; i < batch->count; i++) {
        uint16_t size = kz_read_u16(&records);
        const uint8_t *record = kz_read_bytes(&records, size);
        struct waiter *waiter = &batch->waiters[i];
        struct kezek_outcome outcome;
        if (waiter->callback == NULL) continue;
        if (settles(client, batch, &answers[i], &outcome)) {
            give(client, waiter, record, &outcome);
        } else if (!try_again(client, batch, &again, record, size, *waiter, &answers[i])) {
            outcome = (struct kezek_outcome){.code = KEZEK_UNKNOWN, .text = "out of memory"};
            give(client, waiter, record, &outcome);
        }
    }
}

void kz_commands_on_results(struct kezek_client *client, const struct kz_frame *frame)
{
    struct kz_answer answers[KZ_COMMANDS_MAX];
    uint16_t count;
    if (kz_results_decode(frame, answers, KZ_COMMANDS_MAX, &count) != KZ_OK) {
        kz_client_close(client, "its results are malformed");
        return;
    }
    struct batch **link = &client->batches;
    while (*link != NULL && !((*link)->sent && (*link)->tag == frame->tag))
        link = &(*link)->next;
    if (*link == NULL) return; /* all of it expired already */
    if ((*link)->count != count) {
        kz_client_close(client, "it answered another number of commands than were asked");
        return;
    }
    struct batch *batch = *link;
    *link = batch->next;
    take_answers(client, batch, answers);
    keep_spare(client, batch);
}

/* ---- Time ---- */

/* Answers all that is left of BATCH with a copy of OUTCOME and keeps its memory for the next one.
 */
static void end_batch(struct kezek_client *client, struct batch *batch,
                      const struct kezek_outcome *outcome)
{
    struct kz_reader records =
        kz_reader_init(kz_buffer_start(&batch->records), kz_buffer_size(&batch->records));

    for (unsigned i = 0; i < batch->count; i++) {
        const uint8_t *record = kz_read_bytes(&records, kz_read_u16(&records));
        struct kezek_outcome own = *outcome;
        give(client, &batch->waiters[i], record, &own);
    }
    keep_spare(client, batch);
}

static struct kezek_outcome expired(const struct kezek_client *client, const struct batch *batch)
{
    struct kezek_outcome outcome = {
        .code = batch->sent || batch->uncertain ? KEZEK_UNKNOWN : KEZEK_UNAVAILABLE,
    };
    const char *why = batch->reason != KZ_REASON_NONE ? kz_reason_text(batch->reason)
                      : client->trouble[0] != '\0'    ? client->trouble
                                                      : "no leader was found";
    (void)snprintf(outcome.text, sizeof outcome.text, "no answer in %u ms: %s", client->timeout_ms,
                   why);
    return outcome;
}

void kz_commands_expire(struct kezek_client *client)
{
    struct batch **link = &client->batches;

    while (*link != NULL) {
        struct batch *batch = *link;
        if (batch->deadline_ms > client->now_ms) {
            link = &batch->next;
            continue;
        }
        struct kezek_outcome outcome = expired(client, batch);
        *link = batch->next;
        end_batch(client, batch, &outcome);
        link = &client->batches; /* callbacks may have asked anew */
    }
}

uint64_t kz_commands_deadline(const struct kezek_client *client)
{
    uint64_t deadline = UINT64_MAX;

    for (const struct batch *batch = client->batches; batch != NULL; batch = batch->next) {
        uint64_t next = batch->deadline_ms;
        if (!batch->sent && batch->not_before_ms > client->now_ms && batch->not_before_ms < next) {
            next = batch->not_before_ms;
        }
        if (next < deadline) deadline = next;
    }
    return deadline;
}

void kz_commands_finish(struct kezek_client *client)
{
    const struct kezek_outcome closed = {.code = KEZEK_CLOSED, .text = "the client was closed"};

    while (client->batches != NULL) {
        struct batch *batch = client->batches;
        client->batches = batch->next;
        end_batch(client, batch, &closed);
    }
    while (client->spare != NULL) {
        struct batch *batch = client->spare;
        client->spare = batch->next;
        kz_buffer_finish(&batch->records);
        free(batch);
    }
}
