/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to nodes whose copy of an entry is damaged: the entry, or why it can not be had from
 * here, and what shows that it was not committed: up to where all is known to be, and the term of
 * who lacks it, which it leaves when it is asked to (repairing.h). */
#include "node/core/calls.h"
#include "statemachine/base/assert.h"

uint64_t kz_helping_committed(const struct kz_core *core)
{
    if (core->phase == KZ_RUNNING) return kz_driver_committed(core->driver);
    return core->phase == KZ_REPLAYING ? core->replay.applied : 0;
}

uint64_t kz_helping_term_at(const struct kz_core *core, uint64_t index)
{
    if (core->phase == KZ_RUNNING) return kz_driver_term_at(core->driver, index);
    return kz_replaying_term_at(core, index);
}

/* Returns: whether this node has no entry there, or one of another term. */
static bool lacks(const struct kz_core *core, const struct kz_peer_fetch *fetch)
{
    return !fetch->results && kz_helping_term_at(core, fetch->index) != fetch->term;
}

/* Sends what is known of FETCH, with the SIZE bytes CONTENT when it is here. */
static void answer(struct kz_core *core, uint64_t peer, const struct kz_peer_fetch *fetch,
                   enum kz_fetched_state state, const uint8_t *content, size_t size)
{
    bool is_lacking = state == KZ_FETCHED_ABSENT && lacks(core, fetch);
    uint8_t frame[KZ_PEER_FETCHED_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    uint64_t committed = kz_helping_committed(core);
    if (committed > fetch->index) committed = fetch->index;
    kz_peer_fetched_encode(
        &writer, &(struct kz_peer_fetched){.fetch = *fetch,
                                           .state = state,
                                           .committed = committed,
                                           .committed_term = kz_helping_term_at(core, committed),
                                           .lacking_term = is_lacking ? core->vote.term : 0,
                                           .content = content,
                                           .size = size});
    KZ_ASSERT(!writer.failed);
    kz_peers_send(core, peer, frame, kz_writer_size(&writer));
}

/* Answers FETCH with the entry, which BATCH holds. */
static void answer_entry(struct kz_core *core, uint64_t peer, const struct kz_peer_fetch *fetch,
                         const struct kz_batch *batch)
{
    uint32_t size;
    uint32_t i = (uint32_t)(fetch->index - batch->first_index);
    kz_batch_record(batch, i, &size);
    answer(core, peer, fetch, KZ_FETCHED_HERE, batch->bytes + batch->offsets[i],
           KZ_ENTRY_PREFIX_SIZE + (size_t)size);
}

/* Leaves TERM, unless this node knows of a leader. */
static void leave(struct kz_core *core, uint64_t peer, uint64_t term)
{
    if (term == 0 || core->vote.term > term) return;
    if (core->phase == KZ_REPLAYING) kz_replaying_leave_term(core, term);
    if (core->phase != KZ_RUNNING) return;
    struct kz_error error;
    enum kz_status status =
        kz_driver_go_to_term(core->driver, core->now_ms, peer, term + 1, &error);
    kz_core_check(core, status, &error);
}

void kz_helping_on_fetch(struct kz_core *core, struct kz_peer *peer, const struct kz_frame *frame)
{
    struct kz_peer_fetch fetch;
    if (kz_peer_fetch_decode(frame, &fetch) != KZ_OK) {
        kz_peers_refuse(core, peer->accepted, KZ_REFUSED_MALFORMED, "a fetch is malformed");
        return;
    }
    if (lacks(core, &fetch)) {
        leave(core, peer->id, fetch.leave);
        answer(core, peer->id, &fetch, KZ_FETCHED_ABSENT, NULL, 0);
        return;
    }
    kz_repairing_note_damaged(core, &fetch, peer->id);

    const struct kz_batch *cached = NULL;
    if (core->phase == KZ_RUNNING && !fetch.results)
        cached = kz_driver_cached(core->driver, fetch.index);
    if (cached != NULL) {
        answer_entry(core, peer->id, &fetch, cached);
        return;
    }
    if (fetch.results && fetch.index + fetch.count - 1 > core->results.stored) {
        answer(core, peer->id, &fetch, KZ_FETCHED_ABSENT, NULL, 0);
        return;
    }
    uint64_t ticket;
    const struct kz_load_underway load = {
        .purpose = KZ_LOAD_PEER, .peer = peer->id, .fetch = fetch, .first = fetch.index};
    kz_storing_load(core, &load, fetch.count,
                    (size_t)fetch.count * (KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_SIZE_MAX),
                    fetch.results, &ticket); /* too many under way: the peer asks again */
}

void kz_helping_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                          const struct kz_batch *batch, const uint8_t *results)
{
    const struct kz_peer_fetch *fetch = &load->fetch;
    if (batch != NULL && !fetch->results && kz_batch_term(batch, 0) == fetch->term)
        answer_entry(core, load->peer, fetch, batch);
    else if (batch != NULL && results != NULL && batch->count == fetch->count)
        answer(core, load->peer, fetch, KZ_FETCHED_HERE, results, batch->count);
    else
        answer(core, load->peer, fetch, KZ_FETCHED_ABSENT, NULL, 0);
}

void kz_helping_on_fault(struct kz_core *core, const struct kz_load_underway *load,
                         const struct kz_fault *fault)
{
    const struct kz_peer_fetch *fetch = &load->fetch;
    bool of_results = fault->damage == KZ_DAMAGE_RESULTS;
    if (of_results != fetch->results || (of_results && fault->index != load->first)) return;
    kz_repairing_note_damaged(core, fetch, load->peer);
    answer(core, load->peer, fetch, KZ_FETCHED_DAMAGED, NULL, 0);
}
