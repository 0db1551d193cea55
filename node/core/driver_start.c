/* SPDX-License-Identifier: Apache-2.0 */
/* START: the log as it was found becomes libraft's.
 *
 *   1 … applied               told as a snapshot that is never sent: index, term, membership
 *   applied + 1 … last        given as entries
 *   1 … last                  the terms of all, put into libraft's record right after the step, so
 *                             that a follower behind `applied` is sent entries too */
#include "node/core/driver_state.h"

#include "statemachine/base/assert.h"

static enum kz_status bad_log(struct kz_error *error, const char *what)
{
    return kz_error_set(error, KZ_CORRUPT, "the ledger can not be started from: %s", what);
}

static enum kz_status no_memory(struct kz_error *error)
{
    return kz_error_set(error, KZ_NO_MEMORY, "raft driver: out of memory");
}

/* ---- What was found ---- */

/* Returns: NULL, or what is wrong with the runs of terms. */
static const char *fault_of_runs(const struct kz_driver_start *start)
{
    if ((start->run_count == 0) != (start->last_index == 0)) return "it has no record of its terms";
    uint64_t first = 1;
    uint64_t term = 0;
    for (uint32_t i = 0; i < start->run_count; i++) {
        const struct kz_term_run *run = &start->runs[i];
        if (i == 0 ? run->first_index != 1 : run->first_index < first) {
            return "its runs of terms are out of order";
        }
        if (run->term <= term) return "its terms fall";
        first = run->first_index + 1;
        term = run->term;
    }
    if (first > start->last_index + 1) return "its runs of terms go past its end";
    if (term > start->vote.term)
        return "its last term is above the stored one: term and vote are lost";
    return NULL;
}

/* Returns: NULL, or what is wrong with the tail. */
static const char *fault_of_tail(const struct kz_driver_start *start)
{
    uint64_t next = start->applied + 1;
    for (uint32_t i = 0; i < start->tail_count; i++) {
        const struct kz_batch *batch = start->tail[i];
        if (batch->count == 0 || batch->first_index != next) return "its tail has a gap";
        next = kz_batch_end(batch);
    }
    if (next != start->last_index + 1) return "its tail does not reach its end";
    if (start->applied > 0 && start->membership == NULL) return "it has no membership";
    if (start->membership_index > start->applied) return "its membership is not applied";
    return NULL;
}

/* ---- What libraft and the driver keep of it ---- */

static enum kz_status keep_batch(struct kz_driver *driver, struct kz_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t size;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        if (kz_record_type(record) != KZ_MEMBERSHIP) continue;
        enum kz_status status =
            kz_memberships_append(&driver->memberships, batch->first_index + i, record, size);
        if (status != KZ_OK) return status;
    }
    return kz_tail_cache_append(&driver->cache, batch);
}

static enum kz_status keep_log(struct kz_driver *driver, const struct kz_driver_start *start)
{
    enum kz_status status = KZ_OK;
    kz_tail_cache_start(&driver->cache, start->applied, start->applied_time);
    if (start->applied > 0) {
        status = kz_memberships_append(&driver->memberships, start->membership_index,
                                       start->membership, start->membership_size);
        driver->memberships.first_committed = true;
    }
    for (uint32_t i = 0; i < start->tail_count && status == KZ_OK; i++)
        status = keep_batch(driver, start->tail[i]);
    driver->commit = start->applied;
    driver->written = start->last_index;
    return status;
}

/* The entries of the tail for libraft, which frees them (the array, and the token that stands for
 * their memory) when START fails, and never otherwise. */
struct start_entries {
    struct raft_entry *entries;
    unsigned count;
    void *token;
};

static enum kz_status make_entry(const struct kz_batch *batch, uint32_t i, struct raft_entry *entry)
{
    uint32_t size;
    const uint8_t *record = kz_batch_record(batch, i, &size);
    entry->term = kz_batch_term(batch, i);
    entry->type = RAFT_COMMAND;
    if (kz_record_type(record) != KZ_MEMBERSHIP) return KZ_OK;

    struct kz_entry decoded;
    enum kz_status status = kz_record_decode(record, size, &decoded);
    if (status != KZ_OK) return status;
    entry->type = RAFT_CHANGE;
    return kz_membership_payload(&decoded.membership, &entry->buf);
}

static void free_payloads(const struct start_entries *tail)
{
    for (unsigned i = 0; i < tail->count; i++)
        raft_free(tail->entries[i].buf.base);
}

static void free_entries(struct start_entries *tail)
{
    free_payloads(tail);
    raft_free(tail->entries);
    raft_free(tail->token);
}

static enum kz_status make_entries(const struct kz_driver_start *start, struct start_entries *tail)
{
    *tail = (struct start_entries){0};
    uint64_t count = start->last_index - start->applied;
    if (count == 0) return KZ_OK;

    tail->token = raft_malloc(1);
    tail->entries = raft_calloc(count, sizeof *tail->entries);
    if (tail->token == NULL || tail->entries == NULL) return KZ_NO_MEMORY;
    for (uint32_t i = 0; i < start->tail_count; i++) {
        for (uint32_t j = 0; j < start->tail[i]->count; j++) {
            struct raft_entry *entry = &tail->entries[tail->count++];
            entry->batch = tail->token;
            enum kz_status status = make_entry(start->tail[i], j, entry);
            if (status != KZ_OK) return status;
        }
    }
    return KZ_OK;
}

/* ---- The step ---- */

static enum kz_status step_start(struct kz_driver *driver, const struct kz_driver_start *start,
                                 struct start_entries *tail, struct raft_update *update)
{
    uint64_t term = kz_log_term_of(start->runs, start->run_count, start->applied);
    struct raft_snapshot_metadata metadata = {
        .index = start->applied, .term = term, .configuration_index = start->membership_index};
    struct raft_event event = {.time = driver->now, .type = RAFT_START, .capacity = 1};
    event.start.term = driver->raft.current_term;
    event.start.voted_for = driver->raft.voted_for;
    event.start.start_index = start->applied + 1;
    event.start.entries = tail->entries;
    event.start.n_entries = tail->count;
    if (start->applied > 0) {
        const struct kz_membership_fields *applied = &driver->memberships.held[0]->fields;
        enum kz_status status = kz_membership_configuration(applied, &metadata.configuration);
        if (status != KZ_OK) return status;
        event.start.metadata = &metadata;
    }
    if (raft_step(&driver->raft, &event, update) == 0) return KZ_OK;
    tail->entries = NULL;
    tail->token = NULL;
    tail->count = 0;
    return KZ_NO_MEMORY;
}

static enum kz_status start_libraft(struct kz_driver *driver, const struct kz_driver_start *start,
                                    struct raft_update *update)
{
    struct start_entries tail;
    enum kz_status status = make_entries(start, &tail);
    if (status == KZ_OK) status = step_start(driver, start, &tail, update);
    free_entries(&tail);
    if (status != KZ_OK) return status;
    return kz_trail_extend(&driver->raft, start->runs, start->run_count, start->last_index);
}

enum kz_status kz_driver_start(struct kz_driver *driver, uint64_t now,
                               const struct kz_driver_start *start, struct kz_error *error)
{
    const char *fault = fault_of_runs(start);
    if (fault == NULL) fault = fault_of_tail(start);
    if (fault != NULL) return bad_log(error, fault);

    driver->now = now;
    driver->ticked = now;
    enum kz_status status = keep_log(driver, start);
    if (status == KZ_NO_MEMORY) return no_memory(error);
    if (status != KZ_OK) return bad_log(error, "a membership is no record of one");

    driver->raft.current_term = start->vote.term;
    driver->raft.voted_for = start->vote.voted_for;
    if (kz_membership_is_lone_voter(kz_driver_membership(driver), driver->id)) {
        kz_driver_raise_own_term(driver);
    }
    struct raft_update update = {0};
    if (start_libraft(driver, start, &update) != KZ_OK) return no_memory(error);
    if (raft_last_index(&driver->raft) != start->last_index ||
        driver->raft.last_stored != start->last_index) {
        return bad_log(error, "libraft counts its entries differently");
    }
    return kz_driver_settle_start(driver, &update, error);
}
