/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/driver.h"

#include "node/core/driver_state.h"
#include "node/core/raft_heap.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>

/* Entries that libraft sends to a follower before it waits for an answer. The default, 32, makes
 * replication twenty times slower. */
#define INFLIGHT_ENTRIES_MAX 65536

/* A deadline of libraft that stays in the past (it counts members that it sends nothing to) is
 * looked at again after this part of a heartbeat. */
#define HEARTBEAT_PARTS 10

/* ---- Life ---- */

static unsigned seed_of(const struct kz_driver_options *options)
{
    uint64_t mixed = options->seed ^ options->id * 0x9E3779B97F4A7C15u;
    return (unsigned)(mixed ^ mixed >> 32);
}

enum kz_status kz_driver_create(const struct kz_driver_options *options,
                                struct kz_driver **out_driver, struct kz_error *error)
{
    KZ_ASSERT(options->id > 0);
    KZ_ASSERT(options->heartbeat_ms > 0 && options->heartbeat_ms < options->election_timeout_ms);

    kz_raft_heap_install();
    struct kz_driver *driver = calloc(1, sizeof *driver);
    uint8_t *frame = malloc(KZ_PEER_FRAME_SIZE_MAX);
    if (driver == NULL || frame == NULL ||
        raft_init(&driver->raft, NULL, NULL, options->id, options->address) != 0) {
        free(driver);
        free(frame);
        return kz_error_set(error, KZ_NO_MEMORY, "raft driver: out of memory");
    }
    driver->raft.tracer = NULL;
    raft_seed(&driver->raft, seed_of(options)); /* the timeout's setter draws from it */
    raft_set_election_timeout(&driver->raft, options->election_timeout_ms);
    raft_set_heartbeat_timeout(&driver->raft, options->heartbeat_ms);
    raft_set_pre_vote(&driver->raft, true);
    raft_set_max_inflight_entries(&driver->raft, INFLIGHT_ENTRIES_MAX);

    driver->sink = options->sink;
    driver->id = options->id;
    driver->election_timeout_ms = options->election_timeout_ms;
    driver->heartbeat_ms = options->heartbeat_ms;
    driver->frame.bytes = frame;
    kz_tail_cache_init(&driver->cache, options->cache_bytes);
    kz_memberships_init(&driver->memberships);
    *out_driver = driver;
    return KZ_OK;
}

void kz_driver_destroy(struct kz_driver *driver)
{
    if (driver == NULL) return;
    raft_close(&driver->raft, NULL);
    kz_tail_cache_finish(&driver->cache);
    kz_memberships_finish(&driver->memberships);
    free(driver->pending.writes);
    free(driver->entries);
    free(driver->frame.bytes);
    free(driver);
}

/* ---- Steps ---- */

static void advance(struct kz_driver *driver, uint64_t now)
{
    KZ_ASSERT(now >= driver->now);
    driver->now = now;
}

/* A follower that does not stand for election (a standby) keeps its leader for ever in libraft, and
 * refuses its vote to everyone else because of it. */
static void forget_leader(struct kz_driver *driver)
{
    struct raft *raft = &driver->raft;
    raft->follower_state.current_leader.id = 0;
    raft_free(raft->follower_state.current_leader.address);
    raft->follower_state.current_leader.address = NULL;
}

enum kz_status kz_driver_tick(struct kz_driver *driver, uint64_t now, struct kz_error *error)
{
    advance(driver, now);
    if (now < kz_driver_deadline(driver)) return KZ_OK;

    driver->ticked = now;
    bool elects_itself = raft_state(&driver->raft) == RAFT_FOLLOWER &&
                         driver->raft.last_stored == raft_last_index(&driver->raft) &&
                         kz_membership_is_lone_voter(kz_driver_membership(driver), driver->id);
    if (elects_itself) kz_driver_raise_own_term(driver);

    bool heard_nobody = raft_state(&driver->raft) == RAFT_FOLLOWER;
    struct raft_event event = {.type = RAFT_TIMEOUT};
    enum kz_status status = kz_driver_step(driver, &event, NULL, NULL, error);
    if (heard_nobody && raft_state(&driver->raft) == RAFT_FOLLOWER) forget_leader(driver);
    return status;
}

static enum kz_status unavailable(struct kz_error *error, int raft_error)
{
    KZ_ASSERT(raft_error != RAFT_MALFORMED);
    if (raft_error == RAFT_NOMEM) {
        return kz_error_set(error, KZ_NO_MEMORY, "raft driver: out of memory");
    }
    return kz_error_set(error, KZ_UNAVAILABLE, "%s", raft_strerror(raft_error));
}

/* Returns: KZ_OK when the batch may be submitted. */
static enum kz_status check_membership(struct kz_driver *driver, const struct kz_batch *batch,
                                       struct kz_error *error)
{
    uint32_t size;
    const uint8_t *record = kz_batch_record(batch, 0, &size);
    if (kz_record_type(record) != KZ_MEMBERSHIP) return KZ_OK;

    KZ_ASSERT(batch->count == 1);
    struct kz_entry entry;
    enum kz_status status = kz_record_decode(record, size, &entry);
    KZ_ASSERT(status == KZ_OK);
    if (!kz_driver_established(driver)) {
        return kz_error_set(error, KZ_UNAVAILABLE,
                            "no entry of this leader's term is committed yet");
    }
    const struct kz_membership_fields *present = kz_driver_membership(driver);
    const char *refusal = kz_membership_refusal(present, &entry.membership, driver->id);
    if (refusal != NULL) return kz_error_set(error, KZ_USAGE, "%s", refusal);

    uint64_t new_voter = kz_membership_new_voter(present, &entry.membership);
    if (new_voter != 0 && !kz_driver_has_caught_up(driver, new_voter)) {
        return kz_error_set(error, KZ_UNAVAILABLE, "node %llu does not have the ledger yet",
                            (unsigned long long)new_voter);
    }
    return KZ_OK;
}

enum kz_status kz_driver_submit(struct kz_driver *driver, uint64_t now, struct kz_batch *batch,
                                struct kz_error *error)
{
    advance(driver, now);
    if (driver->led_term == 0) return unavailable(error, RAFT_NOTLEADER);

    KZ_ASSERT(batch->count > 0);
    KZ_ASSERT(batch->first_index == kz_driver_last_index(driver) + 1);
    KZ_ASSERT(kz_batch_term(batch, 0) == kz_driver_term(driver));
    KZ_ASSERT(kz_batch_term(batch, batch->count - 1) == kz_driver_term(driver));

    enum kz_status status = check_membership(driver, batch, error);
    if (status != KZ_OK) return status;
    status = kz_driver_prepare_entries(driver, batch, batch, error);
    if (status != KZ_OK) return status;

    int refusal = 0;
    struct raft_event event = {.type = RAFT_SUBMIT};
    event.submit.entries = driver->entries;
    event.submit.n = batch->count;
    status = kz_driver_step(driver, &event, batch, &refusal, error);
    kz_driver_release_entries(driver);
    return refusal == 0 ? status : unavailable(error, refusal);
}

/* Takes BATCH and the writes before it from the pending ones. Returns: the index up to which their
 * entries count. */
static uint64_t take_pending(struct kz_pending_writes *pending, const struct kz_batch *batch)
{
    uint64_t stored = 0;
    bool found = false;
    while (!found) {
        KZ_ASSERT(pending->front < pending->count);
        const struct kz_pending_write *write = &pending->writes[pending->front++];
        stored = write->end - 1;
        found = write->batch == batch;
    }
    if (pending->front == pending->count) pending->front = pending->count = 0;
    return stored;
}

enum kz_status kz_driver_stored(struct kz_driver *driver, uint64_t now,
                                const struct kz_batch *batch, struct kz_error *error)
{
    advance(driver, now);
    uint64_t stored = take_pending(&driver->pending, batch);
    if (stored <= driver->raft.last_stored) return KZ_OK;

    struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};
    event.persisted_entries.index = stored;
    return kz_driver_step(driver, &event, NULL, NULL, error);
}

enum kz_status kz_driver_loaded(struct kz_driver *driver, uint64_t now, uint64_t first,
                                struct kz_batch *batch, struct kz_error *error)
{
    (void)error;
    advance(driver, now);
    kz_feeds_loaded(driver, first, batch);
    return KZ_OK;
}

/* Returns: the voter, not this node, whose log matches furthest; 0: there is none. */
static uint64_t best_successor(struct kz_driver *driver)
{
    const struct kz_membership_fields *membership = kz_driver_membership(driver);
    uint64_t best = 0;
    for (unsigned i = 0; i < membership->count; i++) {
        const struct kz_member *member = &membership->members[i];
        if (member->role != KZ_VOTER || member->id == driver->id) continue;
        if (best == 0 || kz_driver_match(driver, member->id) > kz_driver_match(driver, best)) {
            best = member->id;
        }
    }
    return best;
}

enum kz_status kz_driver_transfer(struct kz_driver *driver, uint64_t now, uint64_t successor,
                                  struct kz_error *error)
{
    advance(driver, now);
    if (driver->led_term == 0) return unavailable(error, RAFT_NOTLEADER);

    if (successor == 0) successor = best_successor(driver);
    if (successor == 0) {
        return kz_error_set(error, KZ_UNAVAILABLE, "no other voter can take the leadership");
    }
    int refusal = 0;
    struct raft_event event = {.type = RAFT_TRANSFER};
    event.transfer.server_id = successor;
    enum kz_status status = kz_driver_step(driver, &event, NULL, &refusal, error);
    return refusal == 0 ? status : unavailable(error, refusal);
}

void kz_driver_applied(struct kz_driver *driver, uint64_t index)
{
    KZ_ASSERT(index <= kz_driver_committed(driver));
    kz_tail_cache_trim(&driver->cache, index);
}

/* ---- Getters ---- */

/* libraft's getters take no const object, and change nothing. */
static struct raft *raft_of(const struct kz_driver *driver)
{
    return (struct raft *)(uintptr_t)&driver->raft;
}

enum kz_driver_role kz_driver_role(const struct kz_driver *driver)
{
    switch (raft_state(raft_of(driver))) {
    case RAFT_CANDIDATE: return KZ_CANDIDATE;
    case RAFT_LEADER: return KZ_LEADER;
    default: return KZ_FOLLOWER;
    }
}

uint64_t kz_driver_term(const struct kz_driver *driver)
{
    return raft_current_term(&driver->raft);
}

uint64_t kz_driver_leader(const struct kz_driver *driver)
{
    raft_id id;
    const char *address;
    raft_leader(raft_of(driver), &id, &address);
    return id;
}

uint64_t kz_driver_last_index(const struct kz_driver *driver)
{
    return raft_last_index(raft_of(driver));
}

uint64_t kz_driver_stored_index(const struct kz_driver *driver)
{
    return driver->raft.last_stored;
}

uint64_t kz_driver_term_at(const struct kz_driver *driver, uint64_t index)
{
    return kz_trail_term(&driver->raft, index);
}

uint64_t kz_driver_committed(const struct kz_driver *driver)
{
    uint64_t stored = driver->raft.last_stored;
    return driver->commit < stored ? driver->commit : stored;
}

uint64_t kz_driver_commit_index(const struct kz_driver *driver)
{
    return driver->commit;
}

bool kz_driver_established(const struct kz_driver *driver)
{
    return driver->own_first != 0 && driver->commit >= driver->own_first;
}

uint64_t kz_driver_deadline(const struct kz_driver *driver)
{
    uint64_t due = raft_timeout(&driver->raft);
    uint64_t earliest =
        driver->ticked + (driver->heartbeat_ms + HEARTBEAT_PARTS - 1) / HEARTBEAT_PARTS;
    return due > driver->ticked ? due : earliest;
}

const struct kz_membership_fields *kz_driver_membership(const struct kz_driver *driver)
{
    return kz_memberships_last(&driver->memberships);
}

uint64_t kz_driver_match(const struct kz_driver *driver, uint64_t peer)
{
    raft_index index;
    return raft_match_index(&driver->raft, peer, &index) == 0 ? index : 0;
}

uint64_t kz_driver_acknowledged(const struct kz_driver *driver, uint64_t peer)
{
    uint64_t match = kz_driver_match(driver, peer);
    return driver->own_first != 0 && match >= driver->own_first ? match : 0;
}

uint64_t kz_driver_stored_of_term(const struct kz_driver *driver)
{
    uint64_t stored = driver->raft.last_stored;
    bool is_of_term = kz_trail_term(&driver->raft, stored) == kz_driver_term(driver);
    return is_of_term ? stored : 0;
}

uint64_t kz_driver_membership_index(const struct kz_driver *driver)
{
    const struct kz_memberships *memberships = &driver->memberships;
    return memberships->count == 0 ? 0 : memberships->held[memberships->count - 1]->index;
}

bool kz_driver_has_caught_up(const struct kz_driver *driver, uint64_t peer)
{
    uint64_t match = kz_driver_match(driver, peer);
    return match >= kz_driver_membership_index(driver) &&
           match + INFLIGHT_ENTRIES_MAX >= kz_driver_last_index(driver);
}

struct kz_batch *kz_driver_cached(const struct kz_driver *driver, uint64_t index)
{
    return kz_tail_cache_find(&driver->cache, index);
}
