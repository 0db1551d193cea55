/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a node with a ledger: entries 1 … applied (from an image on: those behind it) are
 * loaded and applied, each result compared with the stored one; the tail behind them is loaded for
 * raft, which decides about it.
 *
 *   … applied                loads of STRIDE entries with results, some under way at a time
 *   applied + 1 … last       loads of STRIDE entries, kept as batches, given to the driver
 *
 * Loads are taken in order of index whatever the order in which they come.
 *
 * Raft starts once every other member took this node's hello, or could not be reached for as long
 * as an election takes at most: if the directory is an older copy, whoever heard more refuses it
 * (hellos.c) before it votes. */
#include "node/core/calls.h"
#include "node/core/memory.h"
#include "statemachine/base/canary.h"

#include <string.h>

#define PROGRESS_MS 2000 /* between two lines on a long replay */
#define STRIDE      4096
#define STRIDE_SIZE ((size_t)STRIDE * (KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_SIZE_MAX))
#define CACHE_BYTES (UINT64_C(64) << 20) /* of the last entries, for followers and watchers */

/* ---- Raft ---- */

static void sink_vote(void *context, const struct kz_vote *vote)
{
    struct kz_core *core = context;
    core->vote = *vote;
    if (kz_canary(KZ_CANARY_VOTE_LOST)) core->vote.voted_for = 0;
    core->vote_changed = true;
    core->greet = true;
}

static void sink_write(void *context, uint64_t drop_from, struct kz_batch *batch)
{
    kz_storing_write(context, drop_from, batch);
}

static void sink_send(void *context, uint64_t peer, const uint8_t *frame, size_t size)
{
    kz_peers_send(context, peer, frame, size);
}

static void sink_load(void *context, uint64_t first, uint32_t count_max, size_t size_max)
{
    const struct kz_load_underway load = {.purpose = KZ_LOAD_DRIVER, .first = first};
    uint64_t ticket;
    bool ordered = kz_storing_load(context, &load, count_max, size_max, false, &ticket);
    KZ_ASSERT(ordered); /* one for each peer at most */
}

static enum kz_status create_driver(struct kz_core *core, struct kz_error *error)
{
    const struct kz_driver_options options = {
        .id = core->options.id,
        .address = core->self_peer,
        .election_timeout_ms = core->options.election_timeout_ms,
        .heartbeat_ms = core->options.heartbeat_ms,
        .seed = core->options.seed,
        .cache_bytes = CACHE_BYTES,
        .sink = {core, sink_vote, sink_write, sink_send, sink_load},
    };
    return kz_driver_create(&options, &core->driver, error);
}

void kz_replaying_start_raft(struct kz_core *core, const struct kz_driver_start *start)
{
    struct kz_error error;
    if (!kz_core_check(core, create_driver(core, &error), &error)) return;
    if (start->last_index > 0) kz_bootstrap_mark(core);
    core->phase = KZ_RUNNING;
    core->greet = true;
    enum kz_status status = kz_driver_start(core->driver, core->now_ms, start, &error);
    kz_core_check(core, status, &error);
}

/* ---- Loads ---- */

static void load_more(struct kz_core *core)
{
    struct kz_replay *replay = &core->replay;
    for (int i = 0; i < KZ_REPLAY_LOADS && replay->next_load <= replay->last; i++) {
        struct kz_replay_slot *slot = &replay->slots[i];
        if (slot->first != 0) continue;

        bool with_results = replay->next_load <= replay->applied;
        uint64_t end = with_results ? replay->applied : replay->last;
        uint64_t left = end + 1 - replay->next_load;
        uint32_t count = left < STRIDE ? (uint32_t)left : STRIDE;
        const struct kz_load_underway load = {.purpose = KZ_LOAD_REPLAY,
                                              .first = replay->next_load};
        *slot = (struct kz_replay_slot){.first = replay->next_load, .count = count};
        bool ordered =
            kz_storing_load(core, &load, count, STRIDE_SIZE, with_results, &slot->ticket);
        KZ_ASSERT(ordered);
        replay->next_load += count;
    }
}

static void clear_slot(struct kz_replay_slot *slot)
{
    kz_batch_release(slot->batch);
    free(slot->results);
    *slot = (struct kz_replay_slot){0};
}

static void keep_tail(struct kz_replay *replay, struct kz_batch *batch)
{
    if (replay->tail_count == replay->tail_capacity) {
        replay->tail_capacity = kz_memory_grown(replay->tail_capacity, 1);
        replay->tail =
            kz_memory_resize(replay->tail, replay->tail_capacity * sizeof(struct kz_batch *));
    }
    replay->tail[replay->tail_count++] = kz_batch_retain(batch);
}

/* Returns: whether the machine gives the result that the ledger has. */
static bool replay_one(struct kz_core *core, const struct kz_replay_slot *slot, uint32_t i,
                       const struct kz_entry *entry)
{
    uint64_t index = slot->first + i;
    struct kz_outcome outcome;
    if (!kz_applying_apply(core, index, kz_batch_term(slot->batch, i), entry, &outcome))
        return false;
    if (outcome.result == slot->results[i]) return true;

    kz_core_halt(core, KZ_CORRUPT,
                 "entry %llu gives %s, and the ledger says %s: run kezek-audit verify on this "
                 "node's directory",
                 (unsigned long long)index, kz_word(&kz_result_words, outcome.result),
                 kz_word(&kz_result_words, slot->results[i]));
    return false;
}

static void replay_batch(struct kz_core *core, const struct kz_replay_slot *slot)
{
    struct kz_entry entries[KZ_AHEAD];
    for (uint32_t from = 0; from < slot->count;) {
        uint32_t count = kz_applying_decode(core, slot->batch, from, slot->count, entries);
        if (count == 0) return;
        for (uint32_t i = 0; i < count; i++)
            if (!replay_one(core, slot, from + i, &entries[i])) return;
        from += count;
    }
    kz_imaging_note(core, slot->batch);
}

static void finish_replay(struct kz_core *core)
{
    struct kz_replay *replay = &core->replay;
    uint64_t last_term = kz_replaying_last_term(core);
    if (core->vote.term < last_term) { /* an imported ledger, which never voted: see the mark */
        core->vote = (struct kz_vote){.term = last_term, .voted_for = 0};
        core->vote_changed = true;
    }
    const struct kz_driver_start start = {
        .vote = core->vote,
        .applied = core->applied,
        .applied_time = kz_machine_time(core->machine),
        .last_index = replay->last,
        .runs = replay->runs,
        .run_count = replay->run_count,
        .membership = core->applied > 0 ? core->members.record : NULL,
        .membership_size = core->members.record_size,
        .membership_index = core->members_index,
        .tail = replay->tail,
        .tail_count = replay->tail_count,
    };
    kz_core_notice(core, KZ_NOTICE_INFO, "replayed applied=%llu last=%llu",
                   (unsigned long long)core->applied, (unsigned long long)replay->last);
    kz_replaying_start_raft(core, &start);
    kz_replaying_finish(core);
}

static struct kz_replay_slot *slot_at(struct kz_replay *replay, uint64_t first)
{
    for (int i = 0; i < KZ_REPLAY_LOADS; i++) {
        if (replay->slots[i].first == first) return &replay->slots[i];
    }
    return NULL;
}

/* Tells the journal how far a long replay is, every few seconds. */
static void tell_progress(struct kz_core *core)
{
    struct kz_replay *replay = &core->replay;
    if (replay->told_ms == 0) replay->told_ms = core->now_ms;
    if (core->now_ms < replay->told_ms + PROGRESS_MS) return;

    replay->told_ms = core->now_ms;
    kz_core_notice(core, KZ_NOTICE_INFO, "replaying applied=%llu last=%llu percent=%llu",
                   (unsigned long long)core->applied, (unsigned long long)replay->last,
                   (unsigned long long)(100 * core->applied / replay->last));
}

/* Takes what came, in order. */
static void take_slots(struct kz_core *core)
{
    struct kz_replay *replay = &core->replay;
    struct kz_replay_slot *slot;
    while ((slot = slot_at(replay, replay->next)) != NULL && slot->batch != NULL) {
        if (slot->results != NULL)
            replay_batch(core, slot);
        else
            keep_tail(replay, slot->batch);
        if (core->halted) return;
        replay->next += slot->count;
        clear_slot(slot);
    }
    tell_progress(core);
    load_more(core);
}

void kz_replaying_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                            struct kz_batch *batch, const uint8_t *results)
{
    struct kz_replay_slot *slot = slot_at(&core->replay, load->first);
    if (load->first > core->replay.last) return; /* dropped meanwhile */
    KZ_ASSERT(slot != NULL);
    bool with_results = load->first <= core->replay.applied;
    if (batch == NULL || batch->first_index != load->first || batch->count != slot->count ||
        (with_results && results == NULL)) {
        kz_core_halt(core, KZ_IO, "the ledger can not be read from entry %llu on: look at the disk",
                     (unsigned long long)load->first);
        return;
    }
    slot->batch = kz_batch_retain(batch);
    if (with_results) {
        slot->results = kz_memory_resize(NULL, slot->count);
        memcpy(slot->results, results, slot->count);
    }
    take_slots(core);
}

uint64_t kz_replaying_term_at(const struct kz_core *core, uint64_t index)
{
    const struct kz_replay *replay = &core->replay;
    if (index > replay->last) return 0;
    return kz_log_term_of(replay->runs, replay->run_count, index);
}

uint64_t kz_replaying_last_term(const struct kz_core *core)
{
    return core->replay.runs[core->replay.run_count - 1].term;
}

const struct kz_membership_fields *kz_replaying_members_before(const struct kz_core *core,
                                                               uint64_t index)
{
    const struct kz_replay *replay = &core->replay;
    uint32_t count = replay->membership_count;
    while (count > 0 && replay->memberships[count - 1] >= index)
        count--;
    if (count == 0) return NULL;
    if (replay->memberships[count - 1] == replay->hinted_index) return &core->hinted.fields;
    if (replay->memberships[count - 1] == core->members_index) return &core->members.fields;
    return NULL;
}

void kz_replaying_leave_term(struct kz_core *core, uint64_t term)
{
    if (core->vote.term > term) return;
    core->vote = (struct kz_vote){.term = term + 1, .voted_for = 0};
    core->vote_changed = true;
    core->greet = true;
}

void kz_replaying_drop_from(struct kz_core *core, uint64_t index)
{
    struct kz_replay *replay = &core->replay;
    KZ_ASSERT(core->phase == KZ_REPLAYING && index > 1 && index > replay->applied);
    KZ_ASSERT(index >= replay->next && index <= replay->last);
    replay->last = index - 1;
    while (replay->runs[replay->run_count - 1].first_index >= index)
        replay->run_count--;
    for (int i = 0; i < KZ_REPLAY_LOADS; i++) {
        struct kz_replay_slot *slot = &replay->slots[i];
        if (slot->first >= index)
            clear_slot(slot);
        else if (slot->first + slot->count > index)
            slot->count = (uint32_t)(index - slot->first);
    }
    take_slots(core);
}

/* ---- Beginning and end ---- */

/* Returns: a copy of the SIZE bytes at ITEMS; NULL of none. */
static void *copy_of(const void *items, size_t size)
{
    return size == 0 ? NULL : memcpy(kz_memory_resize(NULL, size), items, size);
}

void kz_replaying_start(struct kz_core *core, const struct kz_core_ledger *ledger)
{
    struct kz_replay *replay = &core->replay;
    core->phase = ledger->last_index == 0 ? KZ_FOUNDING : KZ_REPLAYING;
    if (ledger->last_index == 0) return;

    KZ_ASSERT(ledger->run_count > 0 && ledger->applied <= ledger->last_index);
    replay->runs = copy_of(ledger->runs, ledger->run_count * sizeof(replay->runs[0]));
    replay->run_count = ledger->run_count;
    replay->memberships =
        copy_of(ledger->memberships, ledger->membership_count * sizeof(replay->memberships[0]));
    replay->membership_count = ledger->membership_count;
    replay->hinted_index = ledger->members_index;
    replay->applied = ledger->applied;
    replay->last = ledger->last_index;
    replay->next = core->applied + 1;
    replay->next_load = core->applied + 1;
}

static uint64_t end_of_wait(const struct kz_core *core)
{
    return core->replay.begun_ms + 2 * (uint64_t)core->options.election_timeout_ms;
}

/* Returns: whether the others had their say about this node. */
static bool is_judged(struct kz_core *core)
{
    const struct kz_membership_fields *members = &core->hinted.fields;
    if (core->now_ms >= end_of_wait(core)) return true;
    for (unsigned i = 0; i < members->count; i++) {
        if (members->members[i].id == core->options.id) continue;
        const struct kz_peer *peer = kz_peers_find(core, members->members[i].id);
        if (peer == NULL || !peer->has_answered) return false;
    }
    return true;
}

void kz_replaying_run(struct kz_core *core)
{
    struct kz_replay *replay = &core->replay;
    if (core->phase != KZ_REPLAYING) return;
    if (!replay->begun) {
        replay->begun = true;
        replay->begun_ms = core->now_ms;
        load_more(core);
    }
    if (replay->next > replay->last && is_judged(core)) finish_replay(core);
}

uint64_t kz_replaying_wake(const struct kz_core *core)
{
    const struct kz_replay *replay = &core->replay;
    bool waits = core->phase == KZ_REPLAYING && replay->next > replay->last;
    return waits ? end_of_wait(core) : UINT64_MAX;
}

uint64_t kz_replaying_stored_of_term(const struct kz_core *core)
{
    bool is_of_term = kz_replaying_last_term(core) == core->vote.term;
    return is_of_term ? core->replay.last : 0;
}

void kz_replaying_finish(struct kz_core *core)
{
    struct kz_replay *replay = &core->replay;
    for (int i = 0; i < KZ_REPLAY_LOADS; i++)
        clear_slot(&replay->slots[i]);
    for (uint32_t i = 0; i < replay->tail_count; i++)
        kz_batch_release(replay->tail[i]);
    free(replay->tail);
    free(replay->runs);
    free(replay->memberships);
    replay->tail = NULL;
    replay->tail_count = 0;
    replay->runs = NULL;
    replay->memberships = NULL;
}
