/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of clients and peers: accepting, dialing, frames in, bytes out, bounds.
 *
 * Invariants:
 * 1. The core hears of a link in this order: DIALED or ACCEPTED, FRAMEs and DRAINEDs in the order
 * in which they happened, at most one BAD_FRAME, at last CLOSED, exactly once, whoever closed it.
 * 2. What is sent on a link leaves in the order in which it was given; when it is closed in order,
 *    all of it leaves before.
 * 3. The bytes that events point to stay until kz_sockets_settle().
 * 4. A link's number is never used again. Clients' are even, peers' odd.
 *
 * Reading: all links read into one arena, one behind the other, and are parsed there.
 * What is left of an unfinished frame when the turn is over is copied to a buffer of the link's own
 * and back to the arena before its next bytes. So an idle connection has no buffer, and nothing is
 * allocated for a frame.
 *
 *   arena  | frame frame fra…|me fra…|          |
 *            link 8           link 10 ↑ head */
#ifndef KZ_SOCKETS_H
#define KZ_SOCKETS_H

#include "node/shell/addresses.h"
#include "node/shell/inbox.h"

#include <uv.h>

struct kz_sockets;

enum kz_socket_kind {
    KZ_SOCKET_CLIENT,
    KZ_SOCKET_PEER,   /* accepted at the peer port */
    KZ_SOCKET_DIALED, /* our own to a peer */
    KZ_SOCKET_KINDS,
};

struct kz_sockets_options {
    uv_loop_t *loop;
    struct kz_inbox *inbox;
    uint32_t connections_max;
    uint32_t connections_per_address_max;
    void *context;
    void (*on_arena_full)(void *context); /* step now: no room is left to read into */
};

struct kz_sockets_figures {
    uint32_t open[KZ_SOCKET_KINDS];
    uint64_t accepted[KZ_SOCKET_KINDS]; /* dialed ones: those that stood */
    uint64_t refused;                   /* at accept, over a bound */
    uint64_t timed_out;                 /* handshake, unfinished frame, idle, stalled */
    uint64_t bad_frames;
    uint64_t frames;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t queued_writes;       /* the socket had no room for all at once */
    uint64_t client_queued_bytes; /* of them, for clients, what has not left yet */
};

/* Returns: descriptors that clients have at most, those that are told to go and linger included,
 * where CONNECTIONS_MAX may be connected. */
uint32_t kz_sockets_clients_size(uint32_t connections_max);

/* Returns: NULL without memory. */
struct kz_sockets *kz_sockets_create(const struct kz_sockets_options *options);

/* Stops listening and dialing, and closes each link once what is queued for it has left (or the
 * other side does not take it in KZ_LINGER_MS). The loop has to run until kz_sockets_is_empty(). */
void kz_sockets_stop(struct kz_sockets *sockets);
bool kz_sockets_is_empty(const struct kz_sockets *sockets);
void kz_sockets_destroy(struct kz_sockets *sockets); /* when empty */

/* Returns: what CODE, libuv's of a listener at ADDRESS, means: KZ_OK for 0. Errors: KZ_EXISTS when
 * the port is taken, KZ_IO. */
enum kz_status kz_listening_status(int code, const struct kz_address *address,
                                   struct kz_error *error);

/* Listens at ADDRESS for KIND (client or peer). Errors: KZ_EXISTS when the port is taken, KZ_IO. */
enum kz_status kz_sockets_listen(struct kz_sockets *sockets, enum kz_socket_kind kind,
                                 const struct kz_address *address, struct kz_error *error);

/* Keeps a connection to each of MEMBERS but SELF from now on, and to nobody else. */
void kz_sockets_dial(struct kz_sockets *sockets, const struct kz_membership_fields *members,
                     uint64_t self);

/* Carries OUTGOING out and takes its bytes over; they are dropped when the link is gone. */
void kz_sockets_send(struct kz_sockets *sockets, const struct kz_outgoing *outgoing);

/* Closes LINK after what is queued for it. */
void kz_sockets_close(struct kz_sockets *sockets, kz_link link);

/* After a step: the arena is free again. */
void kz_sockets_settle(struct kz_sockets *sockets);

void kz_sockets_figures(const struct kz_sockets *sockets, struct kz_sockets_figures *out_figures);

#endif
