/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind sockets.h share: one link, their table, and the steps of a link's
 * life. For sockets.c, reading.c, sending.c, listening.c and dialing.c alone.
 *
 *   CONNECTING ──stands──▶ OPEN ──end──▶ ENDING ──other side's end, or linger──▶ (closed)
 *        └──────────────────┴───────────────drop──────────────────────────────────▲ */
#ifndef KZ_LINK_H
#define KZ_LINK_H

#include "node/core/bounds.h"
#include "node/shell/sockets.h"

enum link_state {
    LINK_CONNECTING, /* dialed, does not stand yet */
    LINK_OPEN,
    LINK_ENDING, /* our last bytes are on their way; what comes in is dropped */
    LINK_CLOSED, /* until libuv has let go of the handle */
};

/* An address that connections are counted by: an IPv4 one, or the first half of an IPv6 one. */
struct origin {
    uint64_t bits;
};

struct link {
    uv_tcp_t tcp;
    union {
        uv_connect_t connect;
        uv_shutdown_t shutdown;
    } request;
    struct kz_sockets *sockets;
    kz_link number;
    enum kz_socket_kind kind;
    enum link_state state;
    struct dialed_peer *dialed; /* DIALED: whose link this is, NULL once given up */

    const uint8_t *rest; /* an unfinished frame: in the arena or in `kept` */
    size_t rest_size;
    uint8_t *kept; /* NULL, or a buffer of kept_size bytes */
    size_t kept_size;
    struct link *next_touched; /* read from in this turn */
    bool is_touched;

    bool has_spoken;     /* a whole frame came */
    bool is_deaf;        /* a bad frame came: the core is about to close it */
    bool tells_drained;  /* the core waits for DRAINED */
    bool is_full;        /* over HIGH and not yet below LOW: nothing is read */
    uint64_t opened_ms;  /* when it stood, 0: not yet */
    uint64_t state_ms;   /* since when it is in its state */
    uint64_t active_ms;  /* when bytes last went either way */
    uint64_t partial_ms; /* since when the frame is unfinished, 0: none is */
    uint64_t full_ms;    /* since when it is full */

    struct origin origin; /* CLIENT: chained with those of the same bucket */
    struct link *next_of_bucket;
    struct link *previous_of_bucket;
};

/* A peer to keep a connection to. */
struct dialed_peer {
    struct kz_sockets *sockets;
    uv_timer_t timer; /* until the next try */
    uint64_t id;      /* 0: this place is free */
    struct kz_address address;
    struct link *link; /* NULL: between two tries */
    uint32_t wait_ms;
};

#define LINK_BUCKETS 4096

struct kz_sockets {
    struct kz_sockets_options options;
    struct kz_sockets_figures figures;
    struct link **slots; /* by number: kz_link = (generation × 2^16 + slot) × 2 + is a peer's */
    uint16_t *free_slots;
    uint32_t slot_count;
    uint32_t free_count;
    uint64_t generation;
    uint32_t silent; /* clients that were accepted and have not sent a whole frame yet */
    uint8_t *arena;
    size_t arena_used;
    struct link *touched;
    uv_timer_t sweep;
    uv_tcp_t listeners[2]; /* KZ_SOCKET_CLIENT, KZ_SOCKET_PEER */
    bool is_listening[2];
    bool is_behind[2]; /* a connection waits for memory; libuv accepts none after it until then */
    bool is_stopping;
    uint32_t handles; /* that libuv has not let go of yet, timers and listeners included */
    struct dialed_peer peers[KZ_MEMBERS_MAX];
    uint64_t seed;
    struct link *buckets[LINK_BUCKETS];
};

/* sockets.c */
struct link *kz_link_create(struct kz_sockets *sockets,
                            enum kz_socket_kind kind); /* NULL: no room */
struct link *kz_link_find(struct kz_sockets *sockets, kz_link number);
void kz_link_opened(struct link *link); /* stands: tells the core and starts to read */
/* Says SENTENCE to the other side, then ends; the core hears CLOSED. */
void kz_link_dismiss(struct link *link, const char *sentence);
void kz_link_end(struct link *link);
void kz_link_drop(struct link *link);
/* Returns: why an open link has lost its place at the time NOW, NULL when it has not. Pure. */
const char *kz_link_overdue(const struct link *link, uint64_t now);
/* LINK, which was full, is read from again: the time in between is not its messages'. Pure. */
void kz_link_drained(struct link *link, uint64_t now);
void kz_link_handle_closed(struct kz_sockets *sockets);

/* reading.c */
void kz_link_read_start(struct link *link);
void kz_link_sweep_buffer(struct link *link); /* an idle link gives back a large buffer */

/* sending.c */
void kz_link_send(struct link *link, uint8_t *bytes, size_t size);

/* listening.c */
void kz_listening_catch_up(struct kz_sockets *sockets);
void kz_listening_stop(struct kz_sockets *sockets);
void kz_link_leave_bucket(struct link *link);

/* dialing.c */
void kz_dialing_start(struct kz_sockets *sockets);
void kz_dialing_lost(struct link *link);
void kz_dialing_stop(struct kz_sockets *sockets);

static inline bool kz_link_is_peer(const struct link *link)
{
    return link->kind != KZ_SOCKET_CLIENT;
}

#endif
