/* SPDX-License-Identifier: Apache-2.0 */
/* Changes in flight: sent to the leader, sent again, answered or expired. A change names what is
 * wanted, so sending it again does no harm; but one that was sent and not answered in time may hold
 * or not. */
#include "client/lib/client.h"
#include "client/wire/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change {
    struct change *next;
    uint64_t tag;
    uint64_t deadline_ms;
    uint64_t not_before_ms;
    bool sent;        /* on the present connection */
    bool uncertain;   /* sent on an earlier one, or not known to have failed */
    char reason[256]; /* why it does not hold so far; empty: not known */
    kezek_changed_callback callback;
    void *data;
    size_t frame_size;
    uint8_t frame[KZ_CHANGE_FRAME_SIZE_MAX]; /* sealed */
};

/* ---- Asking ---- */

static enum kezek_code check(const struct kezek_change *wanted, struct kezek_error *error)
{
    if (wanted->what < KEZEK_MEMBER_ADD || wanted->what > KEZEK_LEADER_MOVE) {
        return kz_fail(error, KEZEK_USAGE, "no change has the number %d", (int)wanted->what);
    }
    if (wanted->node == 0 || wanted->node > INT64_MAX) {
        return kz_fail(error, KEZEK_USAGE, "a node's number is at least 1");
    }
    if (wanted->what != KEZEK_MEMBER_ADD) return KEZEK_OK;

    const char *const addresses[] = {wanted->peer, wanted->client};
    for (unsigned i = 0; i < 2; i++) {
        size_t size = addresses[i] == NULL ? 0 : strlen(addresses[i]);
        if (size == 0 || size > KZ_ADDRESS_SIZE_MAX ||
            !kz_endpoints_is_address(addresses[i], size)) {
            return kz_fail(error, KEZEK_USAGE, "%s address \"%.80s\" is not HOST:PORT",
                           i == 0 ? "peer" : "client", size == 0 ? "" : addresses[i]);
        }
    }
    return KEZEK_OK;
}

static struct kz_text text_of(const struct kezek_change *wanted, const char *address)
{
    if (wanted->what != KEZEK_MEMBER_ADD) return (struct kz_text){"", 0};
    return (struct kz_text){address, (uint16_t)strlen(address)};
}

static void append(struct kezek_client *client, struct change *change)
{
    struct change **last = &client->changes;
    while (*last != NULL)
        last = &(*last)->next;
    *last = change;
    client->waiting++;
}

enum kezek_code kezek_client_change(struct kezek_client *client, uint64_t now_ms,
                                    const struct kezek_change *wanted,
                                    kezek_changed_callback callback, void *data,
                                    struct kezek_error *error)
{
    kz_client_advance(client, now_ms);
    if (callback == NULL) return kz_fail(error, KEZEK_USAGE, "a change needs a callback");
    enum kezek_code code = check(wanted, error);
    if (code != KEZEK_OK) return code;

    struct change *change = calloc(1, sizeof *change);
    if (change == NULL) return kz_fail(error, KEZEK_NO_MEMORY, "out of memory for a change");
    const struct kz_change message = {
        .what = (uint8_t)wanted->what,
        .actor = wanted->actor,
        .node = wanted->node,
        .peer = text_of(wanted, wanted->peer),
        .client = text_of(wanted, wanted->client),
    };
    struct kz_writer writer = kz_writer_init(change->frame, sizeof change->frame);
    change->tag = client->next_tag++;
    kz_change_encode(&writer, change->tag, &message);
    change->frame_size = kz_writer_size(&writer);
    change->deadline_ms = client->now_ms + client->timeout_ms;
    change->callback = callback;
    change->data = data;
    append(client, change);
    return KEZEK_OK;
}

void kz_changes_send(struct kezek_client *client)
{
    for (struct change *change = client->changes; change != NULL; change = change->next) {
        if (change->sent || change->not_before_ms > client->now_ms) continue;
        if (!kz_buffer_add(&client->output, change->frame, change->frame_size)) return;
        change->sent = true;
        kz_client_sent(client);
    }
}

void kz_changes_on_closed(struct kezek_client *client)
{
    for (struct change *change = client->changes; change != NULL; change = change->next) {
        change->uncertain |= change->sent;
        change->sent = false;
        change->not_before_ms = 0;
    }
}

/* ---- Answers ---- */

static void take_out(struct kezek_client *client, struct change *change)
{
    struct change **at = &client->changes;
    while (*at != change)
        at = &(*at)->next;
    *at = change->next;
}

/* Takes CHANGE from the list, tells what became of it, and frees it. */
static void give(struct kezek_client *client, struct change *change, struct kezek_changed *changed)
{
    take_out(client, change);
    client->waiting--;
    changed->retry = changed->code == KEZEK_BUSY || changed->code == KEZEK_UNAVAILABLE ||
                     changed->code == KEZEK_UNKNOWN;
    change->callback(change->data, changed);
    free(change);
}

/* What stands in the way: the node's sentence, else what its reason means. */
static void say_why(const struct kz_changed *told, char *out, size_t size)
{
    if (told->sentence.size > 0) {
        (void)snprintf(out, size, "%.*s", (int)told->sentence.size, told->sentence.bytes);
    } else if (told->reason != KZ_REASON_NONE) {
        (void)snprintf(out, size, "%s", kz_reason_text(told->reason));
    } else {
        out[0] = '\0';
    }
}

static void refuse(struct kezek_client *client, struct change *change,
                   const struct kz_changed *told)
{
    struct kezek_changed changed = {.code = KEZEK_REFUSED, .leader = told->leader};

    say_why(told, changed.text, sizeof changed.text);
    if (told->result != KZ_RESULT_OK) {
        changed.result = kz_word(&kz_result_words, told->result);
        (void)snprintf(changed.text, sizeof changed.text, "this actor is no operator");
    } else if (told->reason == KZ_REASON_NO_MEMBER) {
        changed.code = KEZEK_NOT_FOUND;
    }
    give(client, change, &changed);
}

static void send_again(struct kezek_client *client, struct change *change,
                       const struct kz_changed *told)
{
    change->sent = false;
    change->uncertain |= told->code == KZ_ANSWER_UNKNOWN;
    change->not_before_ms = client->now_ms + (told->retry_ms > 0 ? told->retry_ms : RETRY_MS);
    say_why(told, change->reason, sizeof change->reason);
}

void kz_changes_on_changed(struct kezek_client *client, const struct kz_frame *frame)
{
    struct change *change = client->changes;
    struct kz_changed told;
    if (kz_changed_decode(frame, &told) != KZ_OK) {
        kz_client_close(client, "its answer to a change is malformed");
        return;
    }
    while (change != NULL && !(change->sent && change->tag == frame->tag))
        change = change->next;
    if (change == NULL) return; /* it expired already */

    kz_client_settled(client);
    if (told.code == KZ_ANSWER_APPLIED) {
        struct kezek_changed changed = {
            .code = KEZEK_OK, .index = told.index, .leader = told.leader};
        give(client, change, &changed);
    } else if (told.code == KZ_ANSWER_REFUSED) {
        refuse(client, change, &told);
    } else {
        send_again(client, change, &told);
    }
}

/* ---- Time ---- */

static void expire(struct kezek_client *client, struct change *change)
{
    struct kezek_changed changed = {.code = change->sent || change->uncertain ? KEZEK_UNKNOWN
                                                                              : KEZEK_UNAVAILABLE};
    const char *why = change->reason[0] != '\0'    ? change->reason
                      : client->trouble[0] != '\0' ? client->trouble
                                                   : "no leader was found";

    (void)snprintf(changed.text, sizeof changed.text, "not within %u ms: %.200s",
                   client->timeout_ms, why);
    if (change->sent) kz_client_settled(client);
    give(client, change, &changed);
}

void kz_changes_expire(struct kezek_client *client)
{
    struct change *change = client->changes;
    while (change != NULL) {
        struct change *next = change->next;
        if (change->deadline_ms <= client->now_ms) expire(client, change);
        change = next;
    }
}

uint64_t kz_changes_deadline(const struct kezek_client *client)
{
    uint64_t deadline = UINT64_MAX;

    for (const struct change *change = client->changes; change != NULL; change = change->next) {
        bool delayed = !change->sent && change->not_before_ms > client->now_ms;
        uint64_t next = delayed && change->not_before_ms < change->deadline_ms
                            ? change->not_before_ms
                            : change->deadline_ms;
        if (next < deadline) deadline = next;
    }
    return deadline;
}

void kz_changes_finish(struct kezek_client *client)
{
    while (client->changes != NULL) {
        struct kezek_changed changed = {.code = KEZEK_CLOSED, .text = "the client was closed"};
        give(client, client->changes, &changed);
    }
}
