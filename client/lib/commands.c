/* SPDX-License-Identifier: Apache-2.0 */
/* Commands in flight: gathered into batches, sent, sent again, answered or expired. */
#include "client/lib/client.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_SIZE_MAX (4u * 1024 * 1024) /* above it nothing more is put into the output */
#define JOIN_MS         50                 /* how long commands join a batch that is not sent */
#define REQUEST_OFFSET  12                 /* of the request id in a record */

/* ---- Asking ---- */

/* Returns: whether a new command joins BATCH: it was never sent, and began just now, so that its
 * deadline is not far from the command's own. */
static bool is_open(const struct kezek_client *client, const struct batch *batch,
                    size_t record_size)
{
    return !batch->sent && !batch->uncertain && batch->not_before_ms == 0 &&
           client->now_ms < batch->begun_ms + JOIN_MS && kz_batches_has_room(batch, record_size);
}

/* Puts a record into the last batch, or behind it into a new one. Returns: false without memory. */
static bool join(struct kezek_client *client, const uint8_t *record, size_t size,
                 struct waiter waiter)
{
    struct batch *last = client->last_batch;
    bool joins = last != NULL && is_open(client, last, size);
    struct batch *batch = joins ? last : kz_batches_take(client);
    if (batch == NULL) return false;

    if (!kz_batches_add(batch, record, size, waiter)) {
        if (!joins) kz_batches_keep(client, batch);
        return false;
    }
    if (!joins) kz_batches_insert(client, last, batch);
    batch->deadline_ms = client->now_ms + client->timeout_ms;
    return true;
}

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
    if (callback == NULL) return kz_fail(error, KEZEK_USAGE, "a command needs a callback");
    if (size < KZ_RECORD_HEADER_SIZE || size > KZ_RECORD_SIZE_MAX) {
        return kz_fail(error, KEZEK_USAGE, "a record of %zu bytes: it has %d to %d", size,
                       KZ_RECORD_HEADER_SIZE, KZ_RECORD_SIZE_MAX);
    }
    if (!kz_has_request(record + REQUEST_OFFSET)) {
        return kz_fail(error, KEZEK_USAGE,
                       "a record without a request id, which could be acted on twice: draw one");
    }
    if (!join(client, record, size, (struct waiter){callback, data})) {
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

/* A node that was just connected to, or would not take a command, gets one SUBMIT to try: of
 * several it might refuse the first and, leading by then, take the second. */
void kz_commands_send(struct kezek_client *client)
{
    for (struct batch *batch = client->batches; batch != NULL; batch = batch->next) {
        if (batch->sent && !client->flowing) return;
        if (batch->sent) continue;
        if (batch->not_before_ms > client->now_ms) {
            if (batch->holds) return;
            continue;
        }
        if (kz_buffer_size(&client->output) > OUTPUT_SIZE_MAX) return;
        if (!kz_batches_encode(batch, &client->output)) return;
        batch->sent = true;
        kz_client_sent(client);
        if (!client->flowing) return;
    }
}

void kz_commands_on_closed(struct kezek_client *client)
{
    for (struct batch *batch = client->batches; batch != NULL; batch = batch->next) {
        batch->uncertain |= batch->sent;
        batch->sent = false;
        if (batch->holds) batch->not_before_ms = 0; /* another node may take it at once */
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

/* A node that is busy says when to come back. Past the deadline the command's time is over already:
 * refused for good when this is all that ever happened to it, else its fate is unknown. */
static bool settles_busy(const struct kezek_client *client, const struct batch *batch,
                         const struct kz_answer *answer, struct kezek_outcome *outcome)
{
    if (client->now_ms + answer->retry_ms < batch->deadline_ms) return false;

    outcome->code = batch->uncertain ? KEZEK_UNKNOWN : KEZEK_BUSY;
    (void)snprintf(outcome->text, sizeof outcome->text, "%s; come back in %u ms",
                   kz_reason_text(answer->reason), answer->retry_ms);
    return true;
}

/* Returns: whether ANSWER settles its command; then OUT_OUTCOME is filled. */
static bool settles(const struct kezek_client *client, const struct batch *batch,
                    const struct kz_answer *answer, struct kezek_outcome *out_outcome)
{
    struct kezek_outcome outcome = {.retry_ms = answer->retry_ms};

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
        (void)snprintf(outcome.text, sizeof outcome.text, "%s", kz_reason_text(answer->reason));
        break;
    case KZ_ANSWER_BUSY:
        if (!settles_busy(client, batch, answer, &outcome)) return false;
        break;
    default: return false;
    }
    *out_outcome = outcome;
    return true;
}

/* Returns: whether the node takes commands, as ANSWER shows. */
static bool takes(const struct kz_answer *answer)
{
    return answer->code != KZ_ANSWER_NOT_LEADER && answer->code != KZ_ANSWER_UNAVAILABLE &&
           answer->code != KZ_ANSWER_UNKNOWN;
}

/* The commands of a batch that are to be sent again go on as a batch of their own, in its place. */
static bool try_again(struct kezek_client *client, const struct batch *from, struct batch **again,
                      const uint8_t *record, size_t size, struct waiter waiter,
                      const struct kz_answer *answer)
{
    if (*again == NULL) {
        *again = kz_batches_take(client);
        if (*again == NULL) return false;
        (*again)->begun_ms = from->begun_ms;
        (*again)->deadline_ms = from->deadline_ms;
        (*again)->uncertain = from->uncertain;
    }
    uint64_t not_before = client->now_ms + (answer->retry_ms > 0 ? answer->retry_ms : RETRY_MS);
    (*again)->reason = answer->reason;
    (*again)->holds |= !takes(answer);
    (*again)->uncertain |= answer->code == KZ_ANSWER_UNKNOWN;
    if ((*again)->not_before_ms < not_before) (*again)->not_before_ms = not_before;
    return kz_batches_add(*again, record, size, waiter);
}

/* Gives the answers to BATCH, which is in no list. Returns: the batch of what is to be sent again;
 * NULL when there is nothing. */
static struct batch *take_answers(struct kezek_client *client, struct batch *batch,
                                  const struct kz_answer *answers)
{
    struct batch *again = NULL;
    struct kz_reader records = kz_batches_records(batch);

    for (unsigned i = 0; i < batch->count; i++) {
        uint16_t size = kz_read_u16(&records);
        const uint8_t *record = kz_read_bytes(&records, size);
        struct waiter *waiter = &batch->waiters[i];
        struct kezek_outcome outcome;
        client->flowing = takes(&answers[i]);
        if (settles(client, batch, &answers[i], &outcome)) {
            give(client, waiter, record, &outcome);
        } else if (!try_again(client, batch, &again, record, size, *waiter, &answers[i])) {
            outcome = (struct kezek_outcome){.code = KEZEK_UNKNOWN, .text = "out of memory"};
            give(client, waiter, record, &outcome);
        }
    }
    if (again == NULL || again->count > 0) return again;
    kz_batches_keep(client, again);
    return NULL;
}

void kz_commands_on_results(struct kezek_client *client, const struct kz_frame *frame)
{
    struct kz_answer answers[KZ_COMMANDS_MAX];
    uint16_t count;
    if (kz_results_decode(frame, answers, KZ_COMMANDS_MAX, &count) != KZ_OK) {
        kz_client_close(client, "its results are malformed");
        return;
    }
    struct batch *previous = NULL;
    struct batch *batch = client->batches;
    while (batch != NULL && !(batch->sent && batch->tag == frame->tag)) {
        previous = batch;
        batch = batch->next;
    }
    if (batch == NULL) return; /* all of it expired already */
    if (batch->count != count) {
        kz_client_close(client, "it answered another number of commands than were asked");
        return;
    }
    kz_client_settled(client);
    kz_batches_unlink(client, previous, batch);
    struct batch *again = take_answers(client, batch, answers);
    if (again != NULL) kz_batches_insert(client, previous, again);
    kz_batches_keep(client, batch);
}

/* ---- Time ---- */

/* Answers all of BATCH, which is in no list, with a copy of OUTCOME. */
static void end_batch(struct kezek_client *client, struct batch *batch,
                      const struct kezek_outcome *outcome)
{
    struct kz_reader records = kz_batches_records(batch);

    for (unsigned i = 0; i < batch->count; i++) {
        const uint8_t *record = kz_read_bytes(&records, kz_read_u16(&records));
        struct kezek_outcome own = *outcome;
        give(client, &batch->waiters[i], record, &own);
    }
    kz_batches_keep(client, batch);
}

static struct kezek_outcome expired(const struct kezek_client *client, const struct batch *batch)
{
    struct kezek_outcome outcome = {
        .code = batch->sent || batch->uncertain ? KEZEK_UNKNOWN : KEZEK_UNAVAILABLE,
    };
    const char *why = batch->reason != KZ_REASON_NONE ? kz_reason_text(batch->reason)
                      : client->trouble[0] != '\0'    ? client->trouble
                                                      : "no leader was found";
    (void)snprintf(outcome.text, sizeof outcome.text, "no answer in %u ms: %.128s",
                   client->timeout_ms, why);
    return outcome;
}

void kz_commands_expire(struct kezek_client *client)
{
    struct batch *previous = NULL;
    struct batch *batch = client->batches;

    while (batch != NULL) {
        struct batch *next = batch->next;
        if (batch->deadline_ms > client->now_ms) {
            previous = batch;
        } else {
            struct kezek_outcome outcome = expired(client, batch);
            if (batch->sent) kz_client_settled(client);
            kz_batches_unlink(client, previous, batch);
            end_batch(client, batch, &outcome);
        }
        batch = next;
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
        kz_batches_unlink(client, NULL, batch);
        end_batch(client, batch, &closed);
    }
    kz_batches_finish(client);
}
