/* SPDX-License-Identifier: Apache-2.0 */
/* The first start, of a cluster's founders and of a node that joins; and what tells it from a loss.
 *
 *   1. An empty node meets every node of --cluster, all empty and with the same list: it can now
 *      compute the first entry (all members with both addresses), and says its hash in its hello.
 *   2. When every other node says the same hash, it makes {term 1, no vote} durable, stores the
 *      entry, and starts raft.
 *   3. A node that finds another with a ledger meanwhile has nothing to lose when that node has
 *      pinned this very incarnation: they met while founding, and it is sent the same first entry;
 *      or it was added later, and raft brings everything. Else it must never vote under this id.
 *   4. A node that joins founds nothing: it waits until it was added to the membership, when the
 *      members dial it, and dials them back (members.c). Raft brings everything, its membership
 * first, so that it can not vote before its own ledger says that it is a voter.
 *
 * The mark: once an entry is durable here, the identity pins the node's own incarnation. From then
 * on an empty ledger is a loss: the node does not start. Nor does it when its peers found the
 * directory to be an older copy (hellos.c): then the mark is zero. A ledger whose term and vote are
 * lost is a loss with or without it: a write that failed may have left entries and no mark. */
#include "node/core/calls.h"

#include "node/core/lost.h"
#include "node/core/memory.h"
#include "statemachine/base/checksum.h"

#include <string.h>

/* ---- The mark ---- */

static const struct kz_pinned_peer *own_pin(const struct kz_core *core)
{
    for (unsigned i = 0; i < core->identity.peer_count; i++) {
        if (core->identity.peers[i].id == core->options.id) return &core->identity.peers[i];
    }
    return NULL;
}

bool kz_bootstrap_is_marked(const struct kz_core *core)
{
    return own_pin(core) != NULL;
}

void kz_bootstrap_mark(struct kz_core *core)
{
    struct kz_identity *identity = &core->identity;
    if (kz_bootstrap_is_marked(core) || identity->peer_count == KZ_MEMBERS_MAX) return;

    struct kz_pinned_peer *place = &identity->peers[identity->peer_count++];
    place->id = core->options.id;
    memcpy(place->incarnation, identity->incarnation, KZ_ID_SIZE);
    core->identity_changed = true;
    core->greet = true;
}

void kz_bootstrap_give_up(struct kz_core *core)
{
    struct kz_identity *identity = &core->identity;
    kz_bootstrap_mark(core);
    for (unsigned i = 0; i < identity->peer_count; i++) {
        if (identity->peers[i].id == core->options.id)
            memset(identity->peers[i].incarnation, 0, KZ_ID_SIZE);
    }
    core->identity_changed = true;
}

bool kz_bootstrap_is_empty(const struct kz_core *core)
{
    return core->phase != KZ_REPLAYING && !kz_bootstrap_is_marked(core);
}

enum kz_status kz_bootstrap_check(struct kz_core *core, struct kz_error *error)
{
    const struct kz_core_ledger *ledger = &core->options.ledger;
    const struct kz_pinned_peer *mark = own_pin(core);
    unsigned long long id = core->options.id;
    char hint[KZ_LOST_HINT_SIZE];
    if (mark == NULL && ledger->last_index == 0) return KZ_OK;

    kz_lost_hint(id, kz_members_next_id(core), core->options.self.peer, core->options.self.client,
                 hint);
    uint64_t last_term = ledger->run_count > 0 ? ledger->runs[ledger->run_count - 1].term : 0;
    if (mark != NULL && !kz_has_request(mark->incarnation)) {
        return kz_error_set(error, KZ_MISMATCH,
                            "the directory of node %llu is an older copy of itself, as its peers "
                            "found: it must not vote again under this id; %s",
                            id, hint);
    }
    if (mark != NULL && memcmp(mark->incarnation, core->identity.incarnation, KZ_ID_SIZE) != 0) {
        return kz_error_set(error, KZ_MISMATCH,
                            "the identity file of node %llu was put together from two nodes", id);
    }
    if (ledger->last_index == 0) {
        return kz_error_set(error, KZ_MISMATCH,
                            "node %llu had a ledger and it is gone: it must not vote again under "
                            "this id; %s",
                            id, hint);
    }
    if (core->vote.term < last_term) {
        return kz_error_set(
            error, KZ_MISMATCH,
            "node %llu lost its term and vote (stored: %llu, ledger: %llu): it must "
            "not vote again under this id; %s",
            id, (unsigned long long)core->vote.term, (unsigned long long)last_term, hint);
    }
    return KZ_OK;
}

/* ---- The first entry ---- */

static void sort_by_id(struct kz_membership_fields *members)
{
    for (unsigned i = 1; i < members->count; i++) {
        struct kz_member member = members->members[i];
        unsigned at = i;
        for (; at > 0 && members->members[at - 1].id > member.id; at--)
            members->members[at] = members->members[at - 1];
        members->members[at] = member;
    }
}

static void hash_members(const struct kz_membership_fields *members, uint8_t out[static KZ_ID_SIZE])
{
    struct kz_members copy;
    bool fits = kz_members_copy(&copy, members);
    KZ_ASSERT(fits);
    struct kz_hash128 hash = kz_hash128(copy.record, copy.record_size);
    kz_put_u64(out, hash.low);
    kz_put_u64(out + 8, hash.high);
}

void kz_bootstrap_list_hash(const struct kz_core *core, uint8_t out[static KZ_ID_SIZE])
{
    struct kz_membership_fields list = core->list.fields;
    memset(out, 0, KZ_ID_SIZE);
    if (list.count == 0) return;

    sort_by_id(&list);
    for (unsigned i = 0; i < list.count; i++) {
        list.members[i].role = KZ_VOTER;
        list.members[i].client = (struct kz_text){"", 0};
    }
    hash_members(&list, out);
}

/* Fills in the members that every node of the list would write first.
 * Returns: whether all of them were met, and are empty. */
static bool first_members(struct kz_core *core, struct kz_membership_fields *out)
{
    *out = core->list.fields;
    sort_by_id(out);
    for (unsigned i = 0; i < out->count; i++) {
        struct kz_member *member = &out->members[i];
        member->role = KZ_VOTER;
        member->client = core->options.self.client;
        if (member->id == core->options.id) continue;

        const struct kz_peer *peer = kz_peers_find(core, member->id);
        if (peer == NULL || peer->accepted == NULL || !peer->empty) return false;
        member->client = (struct kz_text){peer->client, peer->client_size};
    }
    return true;
}

static bool all_agree(struct kz_core *core, const struct kz_membership_fields *members)
{
    for (unsigned i = 0; i < members->count; i++) {
        uint64_t id = members->members[i].id;
        if (id == core->options.id) continue;
        const struct kz_peer *peer = kz_peers_find(core, id);
        if (memcmp(peer->first, core->first, KZ_ID_SIZE) != 0) return false;
    }
    return true;
}

static void found(struct kz_core *core, const struct kz_membership_fields *members)
{
    struct kz_members first;
    bool fits = kz_members_copy(&first, members);
    KZ_ASSERT(fits);
    struct kz_batch *batch = kz_batch_create(1, 1, KZ_ENTRY_PREFIX_SIZE + first.record_size);
    if (batch == NULL) kz_panic(__FILE__, __LINE__, "no memory is left");
    memcpy(kz_batch_add(batch, 1, (uint32_t)first.record_size), first.record, first.record_size);

    kz_members_copy(&core->founders, members);
    if (core->vote.term == 0) core->vote = (struct kz_vote){.term = 1, .voted_for = 0};
    core->vote_changed = true;
    core->phase = KZ_STORING;
    kz_storing_write(core, 0, batch);
    core->first_entry = batch;
    kz_core_notice(core, KZ_NOTICE_INFO, "founding members=%u", members->count);
}

static void tell_waiting(struct kz_core *core)
{
    const struct kz_member *self = &core->options.self;
    if (core->join_noticed) return;
    core->join_noticed = true;
    kz_core_notice(core, KZ_NOTICE_INFO,
                   "waiting_to_be_added hint=\"type: kezek member add %llu=%.*s --client %.*s\"",
                   (unsigned long long)core->options.id, (int)self->peer.size, self->peer.bytes,
                   (int)self->client.size, self->client.bytes);
}

void kz_bootstrap_run(struct kz_core *core)
{
    if (core->phase != KZ_FOUNDING) return;
    if (core->options.join) {
        tell_waiting(core);
        return;
    }
    struct kz_membership_fields members;
    uint8_t first[KZ_ID_SIZE] = {0};
    bool complete = first_members(core, &members);
    if (complete) hash_members(&members, first);
    if (memcmp(first, core->first, KZ_ID_SIZE) != 0) {
        memcpy(core->first, first, KZ_ID_SIZE);
        core->greet = true;
    }
    if (complete && all_agree(core, &members)) found(core, &members);
}

/* ---- Meeting a cluster that was founded ---- */

void kz_bootstrap_keep_founders(struct kz_core *core, const struct kz_entry *entry, uint64_t term)
{
    bool founded = entry->type == KZ_MEMBERSHIP && entry->time == 0 && term == 1;
    if (founded) kz_members_copy(&core->founders, &entry->membership);
}

void kz_bootstrap_send_first_entry(struct kz_core *core, struct kz_peer *peer)
{
    if (kz_bootstrap_is_empty(core) || core->phase != KZ_RUNNING) return;

    uint8_t frame[KZ_FRAME_HEADER_SIZE + KZ_RECORD_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    bool founder = kz_members_find(&core->founders.fields, peer->id) != NULL;
    kz_peer_first_entry_encode(&writer, core->founders.record,
                               founder ? core->founders.record_size : 0);
    if (kz_peers_send(core, peer->id, frame, kz_writer_size(&writer))) peer->first_due = false;
}

/* Lets raft bring everything, the membership first: this node is added, and no voter yet. */
static void join(struct kz_core *core)
{
    kz_core_notice(core, KZ_NOTICE_INFO, "joining");
    const struct kz_driver_start start = {.vote = core->vote};
    kz_replaying_start_raft(core, &start);
}

void kz_bootstrap_on_first_entry(struct kz_core *core, const struct kz_frame *frame)
{
    struct kz_membership_fields members;
    if (core->phase != KZ_FOUNDING) return;
    if (kz_peer_first_entry_decode(frame, &members) != KZ_OK) return;

    if (members.count == 0 || core->options.join)
        join(core);
    else if (kz_members_find(&members, core->options.id) != NULL)
        found(core, &members);
}

/* ---- Starting raft ---- */

void kz_bootstrap_on_stored(struct kz_core *core)
{
    const struct kz_term_run run = {.first_index = 1, .term = 1};
    struct kz_batch *batch = core->first_entry;
    core->first_entry = NULL;
    const struct kz_driver_start start = {
        .vote = core->vote,
        .last_index = 1,
        .runs = &run,
        .run_count = 1,
        .tail = &batch,
        .tail_count = 1,
    };
    kz_replaying_start_raft(core, &start);
    kz_batch_release(batch);
}
