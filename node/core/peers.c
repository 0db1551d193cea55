/* SPDX-License-Identifier: Apache-2.0 */
/* The links to other nodes: each node speaks on the link that it dialed, and hears on the newest
 * one that it accepted. Hellos are hellos.c's, raft's messages the driver's.
 *
 * Invariants:
 * 1. Nothing of a peer is heard before its hello was taken, nor on a link older than its newest.
 * 2. Our first frame on a link is our hello.
 * 3. Messages of a link are numbered from 1 in their tags: one that is not the next is not heard,
 * so that raft never sees them in another order, twice, or with a gap, whatever carries them. */
#include "node/core/calls.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/canary.h"
#include "statemachine/base/checksum.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- The table ---- */

struct kz_peer *kz_peers_find(struct kz_core *core, uint64_t id)
{
    for (uint32_t i = 0; i < core->peer_count; i++) {
        if (core->peers[i].id == id) return &core->peers[i];
    }
    return NULL;
}

static bool is_idle(const struct kz_core *core, const struct kz_peer *peer)
{
    return peer->dialed == NULL && peer->accepted == NULL &&
           kz_members_find(kz_core_members(core), peer->id) == NULL;
}

struct kz_peer *kz_peers_meet(struct kz_core *core, uint64_t id)
{
    struct kz_peer *peer = kz_peers_find(core, id);
    if (peer != NULL) return peer;

    if (core->peer_count < KZ_PEERS_MAX) {
        peer = &core->peers[core->peer_count++];
    } else {
        for (uint32_t i = 0; i < core->peer_count && peer == NULL; i++) {
            if (is_idle(core, &core->peers[i])) peer = &core->peers[i];
        }
    }
    if (peer != NULL) *peer = (struct kz_peer){.id = id};
    return peer;
}

/* ---- Links ---- */

void kz_peers_on_dialed(struct kz_core *core, kz_link number, uint64_t id)
{
    struct kz_link_state *link = kz_links_add(&core->links, number, KZ_LINK_DIALED);
    struct kz_peer *peer = kz_peers_meet(core, id);
    if (peer == NULL) {
        kz_links_close(&core->links, link);
        return;
    }
    link->peer = id;
    peer->dialed = link;
    peer->clock_asked_ms = 0;
    peer->first_due = peer->empty;
    core->greet = true;
}

void kz_peers_on_accepted(struct kz_core *core, kz_link number)
{
    kz_links_add(&core->links, number, KZ_LINK_ACCEPTED);
}

void kz_peers_on_closed(struct kz_core *core, struct kz_link_state *link)
{
    struct kz_peer *peer = kz_peers_find(core, link->peer);
    if (peer == NULL) return;
    if (peer->dialed == link) peer->dialed = NULL;
    if (peer->accepted != link) return;
    peer->accepted = NULL;
    peer->disk_full = false;
}

void kz_peers_refuse(struct kz_core *core, struct kz_link_state *link, enum kz_refusal why,
                     const char *format, ...)
{
    char sentence[KZ_PEER_SMALL_SIZE_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);

    if (why != KZ_REFUSED_STARTING) {
        kz_core_notice(core, KZ_NOTICE_WARNING, "peer_refused peer=%llu why=\"%s\"",
                       (unsigned long long)link->peer, sentence);
    }
    struct kz_writer writer = kz_links_writer(link, KZ_PEER_SMALL_SIZE_MAX);
    kz_peer_refused_encode(&writer, why, sentence);
    kz_links_written(&core->links, link, &writer);
    kz_peers_on_closed(core, link);
    kz_links_close(&core->links, link);
}

void kz_peers_refuse_removed(struct kz_core *core, struct kz_link_state *link)
{
    unsigned long long other = link->peer;
    kz_peers_refuse(core, link, KZ_REFUSED_REMOVED,
                    "node %llu was removed from the cluster: its directory can be kept for an "
                    "audit; on this machine a node joins again with --id %llu --join and an empty "
                    "--data directory",
                    other, (unsigned long long)kz_members_next_id(core));
}

/* Whoever was removed is not heard any more. */
static void dismiss_removed(struct kz_core *core)
{
    struct kz_membership_fields members;
    kz_members_known(core, &members);
    if (core->phase != KZ_RUNNING || members.count == 0) return;

    for (uint32_t i = 0; i < core->peer_count; i++) {
        struct kz_peer *peer = &core->peers[i];
        if (peer->accepted == NULL || peer->members_index > core->members_index) continue;
        if (kz_members_find(&members, peer->id) == NULL)
            kz_peers_refuse_removed(core, peer->accepted);
    }
}

/* ---- Speaking ---- */

/* Sends FRAME as the next message of the link that we dialed. */
static void say(struct kz_core *core, struct kz_link_state *link, const uint8_t *frame, size_t size)
{
    struct kz_writer writer = kz_links_writer(link, size);
    uint8_t *copy = writer.next;
    kz_write_bytes(&writer, frame, size);
    kz_frame_retag(copy, ++link->numbered);
    kz_links_written(&core->links, link, &writer);
}

bool kz_peers_send(struct kz_core *core, uint64_t id, const uint8_t *frame, size_t size)
{
    const struct kz_peer *peer = kz_peers_find(core, id);
    if (peer == NULL || peer->dialed == NULL || !peer->dialed->greeted) return false;
    say(core, peer->dialed, frame, size);
    return true;
}

bool kz_peers_send_pair(struct kz_core *core, uint64_t id, enum kz_peer_frame type,
                        struct kz_peer_pair pair)
{
    uint8_t frame[KZ_FRAME_HEADER_SIZE + 16];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    kz_peer_pair_encode(&writer, type, pair);
    return kz_peers_send(core, id, frame, kz_writer_size(&writer));
}

/* ---- Hearing ---- */

static void on_raft(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame)
{
    if (core->phase != KZ_RUNNING) return; /* raft sends again */

    struct kz_error error;
    enum kz_status status =
        kz_driver_receive(core->driver, core->now_ms, link->peer, frame, &error);
    if (status == KZ_MALFORMED || status == KZ_NEWER)
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED, "%s", error.text);
    else
        kz_core_check(core, status, &error);
}

static void on_pair(struct kz_core *core, struct kz_peer *peer, enum kz_peer_frame type,
                    struct kz_peer_pair pair)
{
    switch (type) {
    case KZ_PEER_CLOCK:
        kz_peers_send_pair(core, peer->id, KZ_PEER_CLOCK_ANSWER,
                           (struct kz_peer_pair){pair.first, (uint64_t)core->wall_ms});
        break;
    case KZ_PEER_CLOCK_ANSWER:
        peer->has_answered |= pair.first == peer->clock_asked_ms;
        kz_clock_measured(&core->clock, peer->id, pair.first, core->now_ms, core->wall_ms,
                          (int64_t)pair.second);
        break;
    case KZ_PEER_CONFIRM:
        if (core->phase != KZ_RUNNING) break;
        kz_peers_send_pair(core, peer->id, KZ_PEER_CONFIRMED,
                           (struct kz_peer_pair){kz_driver_term(core->driver), pair.second});
        break;
    case KZ_PEER_CONFIRMED: kz_reads_on_confirmed(core, peer, pair); break;
    case KZ_PEER_READ_INDEX: kz_reads_on_ask(core, peer, pair.first); break;
    case KZ_PEER_READ_INDEX_ANSWER: kz_reads_on_index(core, pair); break;
    default: break;
    }
}

static void on_greeted_frame(struct kz_core *core, struct kz_link_state *link,
                             const struct kz_frame *frame)
{
    struct kz_peer *peer = kz_peers_find(core, link->peer);
    KZ_ASSERT(peer != NULL && peer->accepted == link); /* a newer one closed this one */

    struct kz_peer_pair pair;
    if (frame->type == KZ_PEER_HELLO)
        kz_hellos_take(core, link, frame);
    else if (frame->type == KZ_PEER_FIRST_ENTRY)
        kz_bootstrap_on_first_entry(core, frame);
    else if (frame->type == KZ_PEER_DIGEST_REPORT)
        kz_agreement_on_report(core, link, peer, frame);
    else if (frame->type == KZ_PEER_FETCH)
        kz_helping_on_fetch(core, peer, frame);
    else if (frame->type == KZ_PEER_FETCHED)
        kz_repairing_on_fetched(core, peer, frame);
    else if (frame->type >= KZ_RAFT_FRAME_FIRST && frame->type <= KZ_RAFT_FRAME_LAST)
        on_raft(core, link, frame);
    else if (kz_peer_pair_decode(frame, &pair) == KZ_OK)
        on_pair(core, peer, (enum kz_peer_frame)frame->type, pair);
    else
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED, "a message of type 0x%02x is malformed",
                        frame->type);
}

static bool is_next(const struct kz_link_state *link, const struct kz_frame *frame)
{
    return frame->tag == link->numbered + 1 || kz_canary(KZ_CANARY_REORDERED_LINK);
}

void kz_peers_on_frame(struct kz_core *core, struct kz_link_state *link,
                       const struct kz_frame *frame)
{
    if (link->kind == KZ_LINK_DIALED) {
        kz_hellos_on_refused(core, link, frame);
        return;
    }
    if (!is_next(link, frame)) {
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED,
                        "message %llu came where %llu was to come", (unsigned long long)frame->tag,
                        (unsigned long long)link->numbered + 1);
        return;
    }
    link->numbered++;
    if (link->greeted)
        on_greeted_frame(core, link, frame);
    else if (frame->type == KZ_PEER_HELLO)
        kz_hellos_take(core, link, frame);
    else
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED, "the first message is a hello");
}

/* ---- Each step ---- */

/* Sends our hello on the peer's link when it says something new. */
static void greet(struct kz_core *core, struct kz_peer *peer)
{
    uint8_t frame[KZ_PEER_SMALL_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    kz_hellos_make(core, peer->id, &writer);
    uint64_t hash = kz_checksum(frame, kz_writer_size(&writer));
    if (peer->dialed->greeted && peer->dialed->hello_hash == hash) return;

    say(core, peer->dialed, frame, kz_writer_size(&writer));
    peer->dialed->greeted = true;
    peer->dialed->hello_hash = hash;
}

static bool clock_is_due(const struct kz_core *core, const struct kz_peer *peer)
{
    return peer->clock_asked_ms == 0 || core->now_ms - peer->clock_asked_ms >= KZ_CLOCK_PERIOD_MS;
}

void kz_peers_run(struct kz_core *core)
{
    if (core->greet) dismiss_removed(core);
    for (uint32_t i = 0; i < core->peer_count; i++) {
        struct kz_peer *peer = &core->peers[i];
        if (peer->dialed == NULL) continue;
        bool asks = clock_is_due(core, peer);
        if (core->greet || asks) greet(core, peer);
        if (peer->first_due) kz_bootstrap_send_first_entry(core, peer);
        if (!asks) continue;
        kz_peers_send_pair(core, peer->id, KZ_PEER_CLOCK, (struct kz_peer_pair){core->now_ms, 0});
        peer->clock_asked_ms = core->now_ms > 0 ? core->now_ms : 1;
    }
    core->greet = false;
}

uint64_t kz_peers_wake(const struct kz_core *core)
{
    uint64_t wake = UINT64_MAX;
    for (uint32_t i = 0; i < core->peer_count; i++) {
        const struct kz_peer *peer = &core->peers[i];
        if (peer->dialed == NULL) continue;
        uint64_t due = peer->clock_asked_ms + KZ_CLOCK_PERIOD_MS;
        if (due < wake) wake = due;
    }
    return wake;
}
