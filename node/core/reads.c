/* SPDX-License-Identifier: Apache-2.0 */
/* Linearizable reads without an entry (Raft thesis, 6.4).
 *
 *   leader:    read arrives → R := commit index → confirm {term, round} to all voters
 *              → confirmed by a majority in this term, and applied ≥ R → answer
 *   follower:  read arrives → "read index {round}" to the leader → R comes → applied ≥ R → answer
 *
 * A round serves all reads that wait when it is sent, and a later round confirms the earlier ones.
 *
 * Invariants:
 * 1. Reads stand in the order of their coming; so do their rounds and indexes: first those whose
 *    index is known, then those that were asked for, then the others, from `unasked` on.
 * 2. A round counts in the term in which it was sent, and no other; rounds never go back.
 * 3. A leader that is handing over (it names no leader meanwhile) begins no round: it may come back
 *    as the leader of the same term, and rounds of before count no more.
 * 4. R is the commit index that raft knows, not what is stored here: a follower may have shown
 *    entries that this disk does not hold yet. */
#include "node/core/bounds.h"
#include "node/core/calls.h"
#include "node/core/memory.h"
#include "statemachine/base/canary.h"

#include <string.h>

void kz_reads_init(struct kz_core *core)
{
    core->reads.end = &core->reads.first;
    /* Rounds of an earlier process of this node are never taken for this one's. */
    core->reads.round = core->options.seed << 24 >> 1;
    core->reads.confirmed = core->reads.round;
    core->reads.first_round = core->reads.round + 1;
}

static struct kz_read *pop(struct kz_reads *reads)
{
    struct kz_read *read = reads->first;
    reads->first = read->next;
    if (reads->unasked == read) reads->unasked = read->next;
    if (reads->first == NULL) reads->end = &reads->first;
    reads->count--;
    reads->bytes -= read->size;
    return read;
}

void kz_reads_finish(struct kz_core *core)
{
    while (core->reads.first != NULL)
        free(pop(&core->reads));
}

static uint64_t patience_ms(const struct kz_core *core)
{
    return 4 * (uint64_t)core->options.election_timeout_ms + 500;
}

void kz_reads_add(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame)
{
    struct kz_reads *reads = &core->reads;
    if (reads->count >= core->options.pending_max || reads->bytes >= KZ_PENDING_READS_SIZE) {
        kz_queries_refuse(core, link, frame->tag, frame->body[0], KZ_ANSWER_BUSY,
                          KZ_REASON_PENDING);
        return;
    }
    struct kz_read *read = kz_memory_resize(NULL, sizeof(*read) + frame->body_size);
    *read = (struct kz_read){.link = link->number,
                             .tag = frame->tag,
                             .deadline_ms = core->now_ms + patience_ms(core),
                             .size = frame->body_size};
    memcpy(read->body, frame->body, frame->body_size);
    *reads->end = read;
    reads->end = &read->next;
    if (reads->unasked == NULL) reads->unasked = read;
    reads->count++;
    reads->bytes += read->size;
}

/* ---- What other nodes say ---- */

void kz_reads_on_ask(struct kz_core *core, struct kz_peer *peer, uint64_t nonce)
{
    struct kz_reads *reads = &core->reads;
    if (core->role != KZ_LEADER) return;
    for (uint32_t i = 0; i < reads->remote_count; i++) {
        struct kz_read_index *ask = &reads->remote[i];
        if (ask->peer != peer->id || ask->round != 0) continue;
        ask->nonce = nonce;
        return;
    }
    if (reads->remote_count == KZ_READ_INDEXES_MAX) return; /* it asks again */
    reads->remote[reads->remote_count++] = (struct kz_read_index){.peer = peer->id, .nonce = nonce};
}

void kz_reads_on_index(struct kz_core *core, struct kz_peer_pair pair)
{
    /* An answer to an earlier process of this node may come on the leader's link to this one. */
    if (pair.first < core->reads.first_round || pair.first > core->reads.round) return;
    for (struct kz_read *read = core->reads.first; read != NULL; read = read->next) {
        if (read == core->reads.unasked || read->round > pair.first) break;
        if (read->index == 0) read->index = pair.second;
    }
}

void kz_reads_on_confirmed(struct kz_core *core, struct kz_peer *peer, struct kz_peer_pair pair)
{
    if (core->role != KZ_LEADER || pair.first != core->reads.term) return;
    if (pair.second > core->reads.round) return;
    if (pair.second > peer->confirmed) peer->confirmed = pair.second;
}

void kz_reads_forget_peer(struct kz_core *core, uint64_t peer)
{
    struct kz_reads *reads = &core->reads;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < reads->remote_count; i++) {
        if (reads->remote[i].peer != peer) reads->remote[kept++] = reads->remote[i];
    }
    reads->remote_count = kept;
}

/* ---- Rounds ---- */

static void refuse_first(struct kz_core *core, enum kz_reason reason)
{
    struct kz_read *read = pop(&core->reads);
    struct kz_link_state *link = kz_links_find(&core->links, read->link);
    if (link != NULL) {
        kz_queries_refuse(core, link, read->tag, read->body[0], KZ_ANSWER_UNAVAILABLE, reason);
    }
    free(read);
}

/* Another term or leader: no round of the last one counts any more. A leader that was one can not
 * know what is committed now. */
static void start_anew(struct kz_core *core)
{
    struct kz_reads *reads = &core->reads;
    if (reads->leader == core->options.id) {
        while (reads->first != NULL)
            refuse_first(core, KZ_REASON_NO_LEADER);
    }
    reads->unasked = reads->first;
    while (reads->unasked != NULL && reads->unasked->index != 0)
        reads->unasked = reads->unasked->next;
    reads->remote_count = 0;
    reads->confirmed = reads->round;
    reads->term = core->term;
    reads->leader = core->leader;
}

static void send_confirms(struct kz_core *core)
{
    const struct kz_membership_fields *members = kz_core_members(core);
    struct kz_peer_pair pair = {core->reads.term, core->reads.round};
    for (unsigned i = 0; i < members->count; i++) {
        const struct kz_member *member = &members->members[i];
        if (member->role != KZ_VOTER || member->id == core->options.id) continue;
        kz_peers_send_pair(core, member->id, KZ_PEER_CONFIRM, pair);
    }
    core->reads.sent_ms = core->now_ms;
    core->figures.confirm_rounds++;
}

/* Gives all that wait for no round yet the next one. Returns: whether there are any. */
static bool begin_round(struct kz_core *core, uint64_t index)
{
    struct kz_reads *reads = &core->reads;
    uint64_t round = reads->round + 1;
    bool any = false;
    for (; reads->unasked != NULL; reads->unasked = reads->unasked->next) {
        reads->unasked->round = round;
        reads->unasked->index = index;
        any = true;
    }
    for (uint32_t i = 0; i < reads->remote_count && index > 0; i++) {
        struct kz_read_index *ask = &reads->remote[i];
        if (ask->round != 0) continue;
        ask->round = round;
        ask->index = index;
        any = true;
    }
    if (any) reads->round = round;
    return any;
}

/* Returns: the last round that a majority of the voters confirmed, this node's own word counted. */
static uint64_t confirmed_round(struct kz_core *core)
{
    const struct kz_membership_fields *members = kz_core_members(core);
    uint64_t rounds[KZ_MEMBERS_MAX];
    unsigned voters = 0;
    for (unsigned i = 0; i < members->count; i++) {
        const struct kz_member *member = &members->members[i];
        if (member->role != KZ_VOTER) continue;
        const struct kz_peer *peer = kz_peers_find(core, member->id);
        uint64_t round = member->id == core->options.id ? core->reads.round
                         : peer != NULL                 ? peer->confirmed
                                                        : 0;
        unsigned at = voters++;
        for (; at > 0 && rounds[at - 1] < round; at--)
            rounds[at] = rounds[at - 1];
        rounds[at] = round;
    }
    return voters == 0 ? 0 : rounds[voters / 2];
}

static bool is_late(const struct kz_core *core)
{
    return core->now_ms - core->reads.sent_ms >= core->options.heartbeat_ms;
}

static void run_leader(struct kz_core *core)
{
    struct kz_reads *reads = &core->reads;
    if (!kz_driver_established(core->driver)) return;

    bool waiting = reads->round > reads->confirmed;
    if (begin_round(core, kz_driver_commit_index(core->driver)) || (waiting && is_late(core)))
        send_confirms(core);
    uint64_t confirmed = confirmed_round(core);
    if (confirmed > reads->confirmed) reads->confirmed = confirmed;

    uint32_t kept = 0;
    for (uint32_t i = 0; i < reads->remote_count; i++) {
        const struct kz_read_index ask = reads->remote[i];
        if (ask.round == 0 || ask.round > reads->confirmed) {
            reads->remote[kept++] = ask;
            continue;
        }
        kz_peers_send_pair(core, ask.peer, KZ_PEER_READ_INDEX_ANSWER,
                           (struct kz_peer_pair){ask.nonce, ask.index});
    }
    reads->remote_count = kept;
}

static void run_follower(struct kz_core *core)
{
    struct kz_reads *reads = &core->reads;
    bool waiting = reads->first != NULL && reads->first->index == 0;
    if (!begin_round(core, 0) && !(waiting && is_late(core))) return;
    reads->sent_ms = core->now_ms;
    kz_peers_send_pair(core, reads->leader, KZ_PEER_READ_INDEX,
                       (struct kz_peer_pair){reads->round, 0});
}

static bool may_answer(const struct kz_core *core, const struct kz_read *read)
{
    if (read->index == 0 || read->index > core->applied) return false;
    if (kz_canary(KZ_CANARY_STALE_READ)) return true;
    return core->role != KZ_LEADER || read->round <= core->reads.confirmed;
}

void kz_reads_run(struct kz_core *core)
{
    struct kz_reads *reads = &core->reads;
    if (reads->term != core->term || reads->leader != core->leader) start_anew(core);
    if (core->role != KZ_LEADER && core->leader != 0)
        run_follower(core);
    else if (core->leader == core->options.id)
        run_leader(core);

    while (reads->first != NULL && may_answer(core, reads->first)) {
        struct kz_read *read = pop(reads);
        struct kz_link_state *link = kz_links_find(&core->links, read->link);
        if (link != NULL) kz_queries_answer(core, link, read->tag, read->body, read->size);
        core->figures.reads++;
        free(read);
    }
    while (reads->first != NULL && reads->first->deadline_ms <= core->now_ms)
        refuse_first(core, KZ_REASON_NO_LEADER);
}

uint64_t kz_reads_wake(const struct kz_core *core)
{
    const struct kz_reads *reads = &core->reads;
    if (reads->first == NULL && reads->remote_count == 0) return UINT64_MAX;
    uint64_t resend = reads->sent_ms + core->options.heartbeat_ms;
    return resend > core->now_ms ? resend : core->now_ms + core->options.heartbeat_ms;
}
