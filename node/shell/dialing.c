/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping one connection to each peer. */
#include "node/shell/link.h"

#include "node/shell/journal.h"

#include <string.h>

static void dial(struct dialed_peer *peer);

static void on_timer(uv_timer_t *timer)
{
    dial(timer->data);
}

static void dial_later(struct dialed_peer *peer, uint32_t wait_max)
{
    if (peer->wait_ms > wait_max) peer->wait_ms = wait_max;
    uv_timer_start(&peer->timer, on_timer, peer->wait_ms, 0);
    peer->wait_ms *= 2;
}

static void on_connected(uv_connect_t *request, int status)
{
    struct link *link = request->handle->data;

    if (link->state != LINK_CONNECTING) return; /* given up meanwhile */
    if (status < 0) {
        kz_link_drop(link);
        return;
    }
    kz_link_opened(link);
}

static void dial(struct dialed_peer *peer)
{
    struct link *link = kz_link_create(peer->sockets, KZ_SOCKET_DIALED);

    if (link == NULL) {
        dial_later(peer, KZ_DIAL_REFUSED_MS);
        return;
    }
    peer->link = link;
    link->dialed = peer;
    const struct sockaddr *address = (const struct sockaddr *)&peer->address.socket;
    if (uv_tcp_connect(&link->request.connect, &link->tcp, address, on_connected) != 0) {
        kz_link_drop(link);
    }
}

/* The link is being dropped: dial again; later and later while nobody listens, or while what is
 * accepted is soon closed. */
void kz_dialing_lost(struct link *link)
{
    struct dialed_peer *peer = link->dialed;
    bool stood = link->opened_ms != 0;

    link->dialed = NULL;
    peer->link = NULL;
    if (stood && uv_now(peer->sockets->options.loop) - link->opened_ms > KZ_LINGER_MS) {
        peer->wait_ms = KZ_DIAL_AGAIN_MS;
    }
    dial_later(peer, stood ? KZ_DIAL_DISMISSED_MS : KZ_DIAL_REFUSED_MS);
}

static void give_up(struct dialed_peer *peer)
{
    struct link *link = peer->link;

    uv_timer_stop(&peer->timer);
    peer->id = 0;
    peer->link = NULL;
    if (link == NULL) return;
    link->dialed = NULL;
    kz_link_end(link);
}

static const struct kz_member *find_member(const struct kz_membership_fields *members, uint64_t id)
{
    for (uint8_t i = 0; i < members->count; i++)
        if (members->members[i].id == id) return &members->members[i];
    return NULL;
}

/* Returns: the peer ID, or with 0 a free place; NULL when there is none. */
static struct dialed_peer *find_peer(struct kz_sockets *sockets, uint64_t id)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++)
        if (sockets->peers[i].id == id) return &sockets->peers[i];
    return NULL;
}

static bool has_address(const struct dialed_peer *peer, const struct kz_text *address)
{
    return strlen(peer->address.text) == address->size &&
           memcmp(peer->address.text, address->bytes, address->size) == 0;
}

static void add_peer(struct kz_sockets *sockets, const struct kz_member *member)
{
    struct dialed_peer *peer = find_peer(sockets, 0);
    struct kz_error error = {.text = "its address is no loopback address"};

    if (peer == NULL) return; /* a membership has no more members than there are places */
    if (kz_address_parse(member->peer.bytes, member->peer.size, &peer->address, &error) != KZ_OK ||
        !kz_address_is_loopback(&peer->address)) {
        kz_journal(KZ_NOTICE_WARNING, "peer_not_dialed id=%llu reason=\"%s\"",
                   (unsigned long long)member->id, error.text);
        return;
    }
    peer->id = member->id;
    peer->wait_ms = KZ_DIAL_AGAIN_MS;
    dial(peer);
}

void kz_sockets_dial(struct kz_sockets *sockets, const struct kz_membership_fields *members,
                     uint64_t self)
{
    if (sockets->is_stopping) return;
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct dialed_peer *peer = &sockets->peers[i];
        const struct kz_member *member = peer->id == 0 ? NULL : find_member(members, peer->id);
        if (peer->id == 0) continue;
        if (member == NULL || !has_address(peer, &member->peer)) give_up(peer);
    }
    for (uint8_t i = 0; i < members->count; i++) {
        const struct kz_member *member = &members->members[i];
        if (member->id == self || find_peer(sockets, member->id) != NULL) continue;
        add_peer(sockets, member);
    }
}

void kz_dialing_start(struct kz_sockets *sockets)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct dialed_peer *peer = &sockets->peers[i];
        peer->sockets = sockets;
        uv_timer_init(sockets->options.loop, &peer->timer);
        peer->timer.data = peer;
        sockets->handles++;
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct dialed_peer *peer = handle->data;
    kz_link_handle_closed(peer->sockets);
}

void kz_dialing_stop(struct kz_sockets *sockets)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        give_up(&sockets->peers[i]);
        uv_close((uv_handle_t *)&sockets->peers[i].timer, on_timer_closed);
    }
}
