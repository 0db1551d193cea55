/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be heard. A hello is taken when both sides are set up as nodes of one cluster and the
 * speaker's incarnation is the one that is pinned for its id, or may be pinned now:
 *
 *   we are empty          any node of the same --cluster list, and any node with a ledger
 *   we have a ledger      a member of ours (members.c: known) that is no stranger with an empty
 *                         disk and a vote; and any node that knows a later membership than we do:
 *                         the cluster may have changed altogether since we last heard of it
 *
 * So an emptied disk under an old id is refused by everybody who ever met the old one, and, should
 * nobody have, by its being an empty voter. An older copy of the whole directory has the pinned
 * incarnation: it is refused by everybody whose process heard more of it (standing.h). A node says
 * its standing when its term or vote changes, and each time that it asks for the other's clock; its
 * leader knows besides what it acknowledged.
 *
 * Invariant: an incarnation is pinned, durably, before anything of that link is heard: the identity
 * is written before a step's sends, and hearing means answering. */
#include "node/core/calls.h"
#include "node/core/lost.h"
#include "statemachine/base/canary.h"

#include <string.h>

#define REMOVED_MS 1000 /* from the first peer that says so; a late one may not know better yet */

/* ---- Pins ---- */

static struct kz_pinned_peer *find_pin(struct kz_core *core, uint64_t id)
{
    for (unsigned i = 0; i < core->identity.peer_count; i++) {
        if (core->identity.peers[i].id == id) return &core->identity.peers[i];
    }
    return NULL;
}

/* Returns: false when the table is full of members. */
static bool pin(struct kz_core *core, const struct kz_peer_hello *hello)
{
    struct kz_identity *identity = &core->identity;
    struct kz_pinned_peer *place = find_pin(core, hello->id);
    if (place != NULL) return true;

    unsigned room = kz_bootstrap_is_marked(core) ? KZ_MEMBERS_MAX : KZ_MEMBERS_MAX - 1;
    if (identity->peer_count < room) {
        place = &identity->peers[identity->peer_count++];
    } else {
        for (unsigned i = 0; i < identity->peer_count && place == NULL; i++) {
            uint64_t id = identity->peers[i].id;
            if (id != identity->id && kz_members_find(kz_core_members(core), id) == NULL)
                place = &identity->peers[i];
        }
    }
    if (place == NULL) return false;
    place->id = hello->id;
    memcpy(place->incarnation, hello->incarnation, KZ_ID_SIZE);
    core->identity_changed = true;
    core->greet = true;
    return true;
}

/* ---- Our own ---- */

static struct kz_standing own_standing(const struct kz_core *core)
{
    struct kz_standing standing = {.term = core->vote.term, .voted_for = core->vote.voted_for};
    if (core->phase == KZ_REPLAYING) standing.index = kz_replaying_stored_of_term(core);
    if (core->phase == KZ_RUNNING) standing.index = kz_driver_stored_of_term(core->driver);
    return standing;
}

void kz_hellos_make(struct kz_core *core, uint64_t id, struct kz_writer *writer)
{
    struct kz_peer_hello hello = {
        .id = core->options.id,
        .to = id,
        .members_index = core->members_index,
        .standing = own_standing(core),
        .empty = kz_bootstrap_is_empty(core),
        .disk_full = core->storing.disk_full,
        .rules = kz_agreement_rules_known(),
        .peer = core->options.self.peer,
        .client = core->options.self.client,
    };
    memcpy(hello.cluster, core->options.cluster, KZ_ID_SIZE);
    memcpy(hello.incarnation, core->identity.incarnation, KZ_ID_SIZE);
    memcpy(hello.first, core->first, KZ_ID_SIZE);
    kz_bootstrap_list_hash(core, hello.list);
    const struct kz_pinned_peer *pinned = find_pin(core, id);
    if (pinned != NULL) memcpy(hello.known, pinned->incarnation, KZ_ID_SIZE);
    kz_peer_hello_encode(writer, &hello);
}

/* ---- Judging another's ---- */

static void hex(const uint8_t id[static KZ_ID_SIZE], char out[static 2 * KZ_ID_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < KZ_ID_SIZE; i++) {
        out[2 * i] = digits[id[i] >> 4];
        out[2 * i + 1] = digits[id[i] & 15];
    }
    out[2 * KZ_ID_SIZE] = 0;
}

/* Returns: whether the two are set up for one cluster; else LINK was refused. */
static bool matches(struct kz_core *core, struct kz_link_state *link,
                    const struct kz_peer_hello *hello)
{
    unsigned long long own = core->options.id;
    unsigned long long other = hello->id;
    if (memcmp(hello->cluster, core->options.cluster, KZ_ID_SIZE) != 0) {
        char ours[2 * KZ_ID_SIZE + 1];
        char theirs[2 * KZ_ID_SIZE + 1];
        hex(core->options.cluster, ours);
        hex(hello->cluster, theirs);
        kz_peers_refuse(core, link, KZ_REFUSED_MISMATCH,
                        "node %llu belongs to cluster %s, node %llu to cluster %s", own, ours,
                        other, theirs);
        return false;
    }
    if (hello->id == core->options.id || hello->to != core->options.id) {
        kz_peers_refuse(core, link, KZ_REFUSED_MISMATCH,
                        "node %llu was dialed as node %llu by node %llu: an id or an address is "
                        "given twice, or they are mixed up",
                        own, (unsigned long long)hello->to, other);
        return false;
    }
    return true;
}

/* Two empty nodes. Returns: whether they are to found the same cluster; else LINK was refused. */
static bool lists_match(struct kz_core *core, struct kz_link_state *link,
                        const struct kz_peer_hello *hello)
{
    uint8_t list[KZ_ID_SIZE];
    kz_bootstrap_list_hash(core, list);
    const struct kz_member *member = kz_members_find(&core->list.fields, hello->id);
    if (member != NULL && memcmp(hello->list, list, KZ_ID_SIZE) == 0) return true;

    kz_peers_refuse(core, link, KZ_REFUSED_MISMATCH,
                    "nodes %llu and %llu are both empty and were given different --cluster lists: "
                    "a first start needs the same list on every node",
                    (unsigned long long)core->options.id, (unsigned long long)hello->id);
    return false;
}

static void make_hint(const struct kz_core *core, const struct kz_peer_hello *hello,
                      char out[static KZ_LOST_HINT_SIZE])
{
    kz_lost_hint(hello->id, kz_members_next_id(core), hello->peer, hello->client, out);
}

/* A node that was met before and is no member any more was removed, another is not added yet. */
static void refuse_stranger(struct kz_core *core, struct kz_link_state *link,
                            const struct kz_peer_hello *hello, bool pinned)
{
    unsigned long long other = hello->id;
    if (pinned) {
        kz_peers_refuse_removed(core, link);
        return;
    }
    kz_peers_refuse(core, link, KZ_REFUSED_NOT_MEMBER,
                    "node %llu is no member of the cluster yet: type: kezek member add %llu=%.*s "
                    "--client %.*s",
                    other, other, (int)hello->peer.size, hello->peer.bytes, (int)hello->client.size,
                    hello->client.bytes);
}

/* We have a ledger. Returns: whether its membership lets the peer be heard. */
static bool is_admitted(struct kz_core *core, struct kz_link_state *link,
                        const struct kz_peer_hello *hello, bool pinned)
{
    unsigned long long other = hello->id;
    if (core->phase == KZ_REPLAYING) {
        if (!pinned) kz_peers_refuse(core, link, KZ_REFUSED_STARTING, "the node is starting");
        return pinned;
    }
    struct kz_membership_fields members;
    kz_members_known(core, &members);
    const struct kz_member *member = kz_members_find(&members, hello->id);
    bool knows_more = hello->members_index > core->members_index;
    if (member == NULL && members.count > 0 && !knows_more) {
        refuse_stranger(core, link, hello, pinned);
        return false;
    }
    if (hello->empty && !pinned && member != NULL && member->role == KZ_VOTER) {
        char hint[KZ_LOST_HINT_SIZE];
        make_hint(core, hello, hint);
        kz_peers_refuse(core, link, KZ_REFUSED_LOST,
                        "node %llu is a voter and its directory is empty: it must not vote again "
                        "under this id; %s",
                        other, hint);
        return false;
    }
    return true;
}

struct kz_standing kz_hellos_heard_of(const struct kz_core *core, const struct kz_peer *peer)
{
    struct kz_standing heard = peer->standing;
    if (core->phase != KZ_RUNNING) return heard;
    uint64_t term = kz_driver_term(core->driver);
    uint64_t acknowledged = kz_driver_acknowledged(core->driver, peer->id);
    if (acknowledged == 0 || heard.term > term) return heard;
    if (heard.term < term) heard = (struct kz_standing){.term = term};
    if (heard.index < acknowledged) heard.index = acknowledged;
    return heard;
}

void kz_hellos_remember(struct kz_core *core)
{
    if (core->role != KZ_LEADER) return;
    for (uint32_t i = 0; i < core->peer_count; i++)
        core->peers[i].standing = kz_hellos_heard_of(core, &core->peers[i]);
}

/* Returns: whether the peer's disk holds all that it said; else LINK was refused. */
static bool holds_its_word(struct kz_core *core, struct kz_link_state *link,
                           const struct kz_peer_hello *hello)
{
    const struct kz_peer *peer = kz_peers_find(core, hello->id);
    if (peer == NULL || kz_canary(KZ_CANARY_OLD_COPY_VOTES)) return true;
    const struct kz_standing *now = &hello->standing;
    const struct kz_standing heard = kz_hellos_heard_of(core, peer);
    if (!kz_standing_has_fallen(now, &heard)) return true;

    char hint[KZ_LOST_HINT_SIZE];
    make_hint(core, hello, hint);
    kz_peers_refuse(
        core, link, KZ_REFUSED_OLDER,
        "node %llu stood at term %llu, vote %llu, entry %llu and comes back with term %llu, vote "
        "%llu, entry %llu: an older copy of its directory was put back, and must not vote: %s",
        (unsigned long long)hello->id, (unsigned long long)heard.term,
        (unsigned long long)heard.voted_for, (unsigned long long)heard.index,
        (unsigned long long)now->term, (unsigned long long)now->voted_for,
        (unsigned long long)now->index, hint);
    return false;
}

static bool may_be_heard(struct kz_core *core, struct kz_link_state *link,
                         const struct kz_peer_hello *hello)
{
    if (!matches(core, link, hello)) return false;
    const struct kz_pinned_peer *pinned = find_pin(core, hello->id);
    if (kz_canary(KZ_CANARY_EMPTY_DISK_VOTES) && hello->empty && core->phase == KZ_RUNNING)
        return true;
    if (pinned != NULL && memcmp(pinned->incarnation, hello->incarnation, KZ_ID_SIZE) != 0) {
        char hint[KZ_LOST_HINT_SIZE];
        make_hint(core, hello, hint);
        kz_peers_refuse(core, link, KZ_REFUSED_LOST,
                        "node %llu is known here with another directory, which was emptied or "
                        "replaced, and must not vote: %s",
                        (unsigned long long)hello->id, hint);
        return false;
    }
    if (!holds_its_word(core, link, hello)) return false;
    if (core->phase == KZ_FOUNDING || core->phase == KZ_STORING)
        return !hello->empty || lists_match(core, link, hello);
    return is_admitted(core, link, hello, pinned != NULL);
}

/* A node with a ledger spoke to us, who are empty: it knows us, or we must not vote. */
static void check_known(struct kz_core *core, const struct kz_peer_hello *hello)
{
    if (core->phase != KZ_FOUNDING || hello->empty || !kz_has_request(hello->known)) return;
    if (kz_canary(KZ_CANARY_EMPTY_DISK_VOTES)) return;
    if (memcmp(hello->known, core->identity.incarnation, KZ_ID_SIZE) == 0) return;
    const struct kz_member *self = &core->options.self;
    char hint[KZ_LOST_HINT_SIZE];
    kz_lost_hint(core->options.id, kz_members_next_id(core), self->peer, self->client, hint);
    kz_core_halt(core, KZ_MISMATCH,
                 "node %llu has a ledger and knows node %llu with another directory than this "
                 "empty one, which must not vote under this id: %s",
                 (unsigned long long)hello->id, (unsigned long long)core->options.id, hint);
}

static void take(struct kz_core *core, struct kz_link_state *link,
                 const struct kz_peer_hello *hello)
{
    struct kz_peer *peer = kz_peers_meet(core, hello->id);
    if (peer == NULL || !pin(core, hello)) {
        kz_peers_refuse(core, link, KZ_REFUSED_MISMATCH, "node %llu knows %d other nodes already",
                        (unsigned long long)core->options.id, KZ_MEMBERS_MAX);
        return;
    }
    if (peer->accepted != link) {
        struct kz_link_state *older = peer->accepted;
        peer->accepted = link;
        peer->clock_asked_ms = 0;
        peer->reported.at = 0;
        kz_reads_forget_peer(core, peer->id);
        if (older != NULL) kz_links_close(&core->links, older);
    }
    link->greeted = true;
    link->peer = hello->id;
    peer->empty = hello->empty;
    peer->disk_full = hello->disk_full;
    peer->first_due = hello->empty;
    peer->rules = hello->rules;
    memcpy(peer->first, hello->first, KZ_ID_SIZE);
    memcpy(peer->client, hello->client.bytes, hello->client.size);
    peer->client_size = (uint8_t)hello->client.size;
    memcpy(peer->address, hello->peer.bytes, hello->peer.size);
    peer->address_size = (uint8_t)hello->peer.size;
    peer->members_index = hello->members_index;
    peer->standing = hello->standing;
    check_known(core, hello);
}

void kz_hellos_take(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame)
{
    struct kz_peer_hello hello;
    if (kz_peer_hello_decode(frame, &hello) != KZ_OK) {
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED, "the hello is malformed");
        return;
    }
    if (link->peer != 0 && link->peer != hello.id) {
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED, "the hello changes the node's id");
        return;
    }
    link->peer = hello.id;
    if (may_be_heard(core, link, &hello)) take(core, link, &hello);
}

/* Peers say that this node was removed. While it has a leader they only do not know better yet. */
static void on_removed(struct kz_core *core, struct kz_text sentence)
{
    if (core->leader != 0 || core->removed_since_ms == 0) {
        core->removed_since_ms = core->leader != 0 ? 0 : core->now_ms;
    } else if (core->now_ms - core->removed_since_ms >= REMOVED_MS) {
        kz_core_halt(core, KZ_MISMATCH, "%.*s", (int)sentence.size, sentence.bytes);
    }
}

void kz_hellos_on_refused(struct kz_core *core, const struct kz_link_state *link,
                          const struct kz_frame *frame)
{
    enum kz_refusal why;
    struct kz_text sentence;
    if (kz_peer_refused_decode(frame, &why, &sentence) != KZ_OK) return;
    if (why == KZ_REFUSED_STARTING) return;

    if (why == KZ_REFUSED_OLDER) kz_bootstrap_give_up(core);
    if (why == KZ_REFUSED_OLDER || (why == KZ_REFUSED_LOST && kz_bootstrap_is_empty(core))) {
        kz_core_halt(core, KZ_MISMATCH, "node %llu refuses this one: %.*s",
                     (unsigned long long)link->peer, (int)sentence.size, sentence.bytes);
        return;
    }
    if (why == KZ_REFUSED_REMOVED) on_removed(core, sentence);
    kz_core_notice(core, KZ_NOTICE_ERROR, "refused_by peer=%llu why=\"%.*s\"",
                   (unsigned long long)link->peer, (int)sentence.size, sentence.bytes);
}
