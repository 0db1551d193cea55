/* SPDX-License-Identifier: Apache-2.0 */
/* One raft_step() and everything that has to follow it, in the order that safety needs: term and
 * vote, entries to the writer, messages; then what libraft leaves to its driver: the commit index
 * that never falls, committed configurations, the barrier of a new leader. */
#include "node/core/driver_state.h"

#include "node/core/raft_messages.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/canary.h"

#include <stdlib.h>
#include <string.h>

/* libraft's flags are unparenthesised shifts: masking with them is right, inverting is not. */
static bool has(const struct raft_update *update, unsigned flag)
{
    return (update->flags & flag) != 0;
}

static enum kz_status no_memory(struct kz_error *error)
{
    return kz_error_set(error, KZ_NO_MEMORY, "raft driver: out of memory");
}

/* ---- Entries that libraft is given ---- */

static enum raft_entry_type raft_type(enum kz_entry_type type)
{
    switch ((int)type) {
    case KZ_MEMBERSHIP: return RAFT_CHANGE;
    case KZ_BARRIER: return RAFT_BARRIER;
    default: return RAFT_COMMAND;
    }
}

static enum kz_status prepare_change(struct raft_entry *entry, const uint8_t *record, size_t size,
                                     struct kz_error *error)
{
    struct kz_entry decoded;
    enum kz_status status = kz_record_decode(record, size, &decoded);
    KZ_ASSERT(status == KZ_OK);
    status = kz_membership_payload(&decoded.membership, &entry->buf);
    return status == KZ_OK ? KZ_OK : no_memory(error);
}

enum kz_status kz_driver_prepare_entries(struct kz_driver *driver, const struct kz_batch *batch,
                                         void *token, struct kz_error *error)
{
    if (batch->count > driver->entries_max) {
        struct raft_entry *entries =
            realloc(driver->entries, batch->count * sizeof(struct raft_entry));
        if (entries == NULL) return no_memory(error);
        driver->entries = entries;
        driver->entries_max = batch->count;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t size;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        struct raft_entry *entry = &driver->entries[i];
        *entry = (struct raft_entry){
            .term = kz_batch_term(batch, i),
            .type = raft_type(kz_record_type(record)),
            .batch = token,
        };
        KZ_ASSERT(entry->type != RAFT_CHANGE || i == 0);
        if (entry->type != RAFT_CHANGE) continue;
        enum kz_status status = prepare_change(entry, record, size, error);
        if (status != KZ_OK) return status;
    }
    return KZ_OK;
}

void kz_driver_release_entries(struct kz_driver *driver)
{
    if (driver->entries[0].type != RAFT_CHANGE) return;
    raft_free(driver->entries[0].buf.base);
    driver->entries[0].buf.base = NULL;
}

/* ---- Entries that libraft wants written ---- */

static enum kz_status remember_write(struct kz_pending_writes *pending,
                                     const struct kz_batch *batch)
{
    if (pending->count == pending->capacity && pending->front > 0) {
        pending->count -= pending->front;
        memmove(pending->writes, pending->writes + pending->front,
                pending->count * sizeof(struct kz_pending_write));
        pending->front = 0;
    }
    if (pending->count == pending->capacity) {
        uint32_t capacity = pending->capacity == 0 ? 16 : pending->capacity * 2;
        struct kz_pending_write *writes =
            realloc(pending->writes, capacity * sizeof(struct kz_pending_write));
        if (writes == NULL) return KZ_NO_MEMORY;
        pending->writes = writes;
        pending->capacity = capacity;
    }
    pending->writes[pending->count++] = (struct kz_pending_write){batch, kz_batch_end(batch)};
    return KZ_OK;
}

/* Entries from INDEX on are replaced: the writes under way make durable what is below it alone. */
static void lower_pending_writes(struct kz_pending_writes *pending, uint64_t index)
{
    for (uint32_t i = pending->front; i < pending->count; i++) {
        if (pending->writes[i].end > index) pending->writes[i].end = index;
    }
}

static enum kz_status replace_tail(struct kz_driver *driver, uint64_t index)
{
    KZ_ASSERT(index > driver->commit);
    lower_pending_writes(&driver->pending, index);
    kz_memberships_truncate(&driver->memberships, index);
    return kz_tail_cache_truncate(&driver->cache, index);
}

static enum kz_status write_batch(struct kz_driver *driver, struct kz_batch *batch,
                                  struct kz_error *error)
{
    uint64_t first = batch->first_index;
    uint64_t drop_from = first <= driver->written ? first : 0;

    KZ_ASSERT(first <= driver->written + 1);
    if (drop_from > 0 && replace_tail(driver, drop_from) != KZ_OK) return no_memory(error);
    if (kz_tail_cache_append(&driver->cache, batch) != KZ_OK) return no_memory(error);
    if (remember_write(&driver->pending, batch) != KZ_OK) return no_memory(error);

    uint32_t size;
    const uint8_t *record = kz_batch_record(batch, 0, &size);
    if (kz_record_type(record) == KZ_MEMBERSHIP &&
        kz_memberships_append(&driver->memberships, first, record, size) != KZ_OK) {
        return no_memory(error);
    }
    driver->written = kz_batch_end(batch) - 1;
    driver->sink.write(driver->sink.context, drop_from, batch);
    return KZ_OK;
}

/* Returns: a batch with the barrier of this term as entry INDEX, NULL without memory. R1: its time
 * is the previous entry's. */
static struct kz_batch *make_barrier(const struct kz_driver *driver, uint64_t index)
{
    struct kz_entry entry = {.type = KZ_BARRIER, .time = kz_tail_cache_time(&driver->cache)};
    uint8_t record[KZ_RECORD_HEADER_SIZE];
    size_t size = kz_record_encode(&entry, record, sizeof record);
    KZ_ASSERT(size == sizeof record);

    struct kz_batch *batch = kz_batch_create(index, 1, KZ_ENTRY_PREFIX_SIZE + size);
    if (batch == NULL) return NULL;
    memcpy(kz_batch_add(batch, raft_current_term(&driver->raft), (uint32_t)size), record, size);
    return batch;
}

/* libraft's own barrier has a payload of eight zero bytes; ours is a record. */
static enum kz_status write_barrier(struct kz_driver *driver, const struct raft_update *update,
                                    struct kz_error *error)
{
    KZ_ASSERT(update->entries.n == 1);
    raft_free(driver->raft.barrier.batch);

    struct kz_batch *barrier = make_barrier(driver, update->entries.index);
    if (barrier == NULL) return no_memory(error);
    driver->own_first = update->entries.index;
    enum kz_status status = write_batch(driver, barrier, error);
    kz_batch_release(barrier);
    return status;
}

static enum kz_status write_entries(struct kz_driver *driver, const struct raft_update *update,
                                    struct kz_batch *batch, struct kz_error *error)
{
    if (update->entries.batch == &driver->raft.barrier) return write_barrier(driver, update, error);

    raft_free(driver->lent);
    driver->lent = NULL;

    uint64_t first = update->entries.index;
    KZ_ASSERT(batch != NULL && first + update->entries.n == kz_batch_end(batch));
    if (first == batch->first_index) return write_batch(driver, batch, error);

    /* The leading entries were here already. */
    struct kz_batch *rest = kz_batch_slice(batch, first, kz_batch_end(batch));
    if (rest == NULL) return no_memory(error);
    enum kz_status status = write_batch(driver, rest, error);
    kz_batch_release(rest);
    return status;
}

/* ---- Messages ---- */

/* libraft goes back one entry a round trip; the first entry of the local term is the better hint.
 * What is committed matches, and so does what this leader is known to have sent. */
static void lower_hint(struct kz_driver *driver, struct raft_append_entries_result *result)
{
    if (result->rejected == 0) return;

    uint64_t hint = result->last_log_index;
    if (kz_trail_term(&driver->raft, result->rejected) != 0) {
        hint = kz_trail_run_start(&driver->raft, result->rejected) - 1;
    }
    uint64_t lowest = driver->commit;
    if (raft_state(&driver->raft) == RAFT_FOLLOWER && driver->raft.follower_state.match > lowest) {
        lowest = driver->raft.follower_state.match;
    }
    if (hint < lowest) hint = lowest;
    if (hint < result->last_log_index) result->last_log_index = hint;
}

/* libraft answers a pre-vote with the term that was asked for, even when it refuses because its own
 * is higher: the candidate would never learn of it, and ask for ever. */
static void tell_term(const struct kz_driver *driver, struct raft_request_vote_result *result)
{
    uint64_t term = raft_current_term(&driver->raft);
    if (!result->vote_granted && result->term < term) result->term = term;
}

static void send_message(struct kz_driver *driver, const struct raft_message *message)
{
    KZ_ASSERT(message->type != RAFT_INSTALL_SNAPSHOT);
    if (message->type == RAFT_APPEND_ENTRIES) {
        kz_feed_append(driver, message);
        return;
    }
    struct raft_message copy = *message;
    if (copy.type == RAFT_APPEND_ENTRIES_RESULT) lower_hint(driver, &copy.append_entries_result);
    if (copy.type == RAFT_REQUEST_VOTE_RESULT) tell_term(driver, &copy.request_vote_result);
    uint8_t frame[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
    size_t size = kz_raft_message_encode(&copy, frame);
    driver->sink.send(driver->sink.context, message->server_id, frame, size);
}

/* ---- The step ---- */

static void send_vote(struct kz_driver *driver)
{
    struct kz_vote vote = {raft_current_term(&driver->raft), raft_voted_for(&driver->raft)};
    driver->sink.vote(driver->sink.context, &vote);
}

void kz_driver_raise_own_term(struct kz_driver *driver)
{
    driver->raft.current_term++;
    driver->raft.voted_for = driver->id;
    send_vote(driver);
}

/* Notes that a leadership has begun or ended. */
static void follow_state(struct kz_driver *driver)
{
    bool leads = raft_state(&driver->raft) == RAFT_LEADER;
    uint64_t term = leads ? raft_current_term(&driver->raft) : 0;
    if (term == driver->led_term) return;

    driver->led_term = term;
    driver->own_first = 0;
    if (leads) kz_feeds_reset(driver);
}

static enum kz_status carry_out(struct kz_driver *driver, const struct raft_update *update,
                                struct kz_batch *batch, struct kz_error *error)
{
    follow_state(driver);
    if (has(update, RAFT_UPDATE_CURRENT_TERM) || has(update, RAFT_UPDATE_VOTED_FOR)) {
        send_vote(driver);
    }
    if (has(update, RAFT_UPDATE_ENTRIES)) {
        enum kz_status status = write_entries(driver, update, batch, error);
        if (status != KZ_OK) return status;
    }
    KZ_ASSERT(!has(update, RAFT_UPDATE_SNAPSHOT));
    if (has(update, RAFT_UPDATE_MESSAGES)) {
        for (unsigned i = 0; i < update->messages.n; i++)
            send_message(driver, &update->messages.batch[i]);
    }
    if (raft_commit_index(&driver->raft) > driver->commit ||
        kz_canary(KZ_CANARY_COMMIT_GOES_BACK)) {
        driver->commit = raft_commit_index(&driver->raft);
    }
    return KZ_OK;
}

/* Raises EVENT once. */
static enum kz_status step_once(struct kz_driver *driver, struct raft_event *event,
                                struct kz_batch *batch, int *raft_error, struct kz_error *error)
{
    struct raft_update update = {0};
    event->time = driver->now;
    event->capacity = 1;

    int code = raft_step(&driver->raft, event, &update);
    if (code != 0 && raft_error != NULL) {
        *raft_error = code;
        return KZ_OK;
    }
    if (code == RAFT_NOMEM) return no_memory(error);
    if (code != 0) {
        return kz_error_set(error, KZ_CORRUPT,
                            "raft can not go on (%s): a committed entry here differs from the "
                            "leader's; verify this node's ledger",
                            raft_strerror(code));
    }
    return carry_out(driver, &update, batch, error);
}

/* libraft wants to be told of each committed membership. */
static enum kz_status commit_memberships(struct kz_driver *driver, struct kz_error *error)
{
    const struct kz_held_membership *held;
    while ((held = kz_memberships_commit(&driver->memberships, driver->commit)) != NULL) {
        struct raft_event event = {.type = RAFT_CONFIGURATION};
        event.configuration.index = held->index;
        if (kz_membership_configuration(&held->fields, &event.configuration.conf) != KZ_OK) {
            return no_memory(error);
        }
        enum kz_status status = step_once(driver, &event, NULL, NULL, error);
        if (status != KZ_OK) return status;
    }
    return KZ_OK;
}

/* A new leader knows what is committed only once an entry of its own term is; libraft emits a
 * barrier only when it has entries that it does not know to be committed. */
static enum kz_status append_barrier(struct kz_driver *driver, struct kz_error *error)
{
    if (driver->led_term == 0 || driver->own_first != 0) return KZ_OK;

    struct kz_batch *barrier = make_barrier(driver, raft_last_index(&driver->raft) + 1);
    if (barrier == NULL) return no_memory(error);
    enum kz_status status = kz_driver_prepare_entries(driver, barrier, barrier, error);
    if (status == KZ_OK) {
        struct raft_event event = {.type = RAFT_SUBMIT};
        event.submit.entries = driver->entries;
        event.submit.n = 1;
        driver->own_first = barrier->first_index;
        status = step_once(driver, &event, barrier, NULL, error);
    }
    kz_batch_release(barrier);
    return status;
}

static enum kz_status settle(struct kz_driver *driver, struct kz_error *error)
{
    enum kz_status status = append_barrier(driver, error);
    return status == KZ_OK ? commit_memberships(driver, error) : status;
}

enum kz_status kz_driver_step(struct kz_driver *driver, struct raft_event *event,
                              struct kz_batch *batch, int *raft_error, struct kz_error *error)
{
    enum kz_status status = step_once(driver, event, batch, raft_error, error);
    return status == KZ_OK ? settle(driver, error) : status;
}

enum kz_status kz_driver_settle_start(struct kz_driver *driver, const struct raft_update *update,
                                      struct kz_error *error)
{
    enum kz_status status = carry_out(driver, update, NULL, error);
    return status == KZ_OK ? settle(driver, error) : status;
}
