/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a node and what one step sends on each: one growing buffer for a link and
 * step, handed to the runner at the step's end.
 *
 * Invariants:
 * 1. A link is found by its number from its event on until it is closed, by either side.
 * 2. Frames stand in a link's buffer whole and in the order in which they were written. */
#ifndef KZ_LINKS_H
#define KZ_LINKS_H

#include "node/core/core.h"
#include "statemachine/base/bytes.h"

enum kz_link_kind {
    KZ_LINK_CLIENT,
    KZ_LINK_DIALED,   /* to a peer: we speak */
    KZ_LINK_ACCEPTED, /* from a peer: it speaks */
};

/* A client's WATCH. */
struct kz_watch {
    uint64_t next; /* the index to send next; 0: no watch */
    uint64_t tag;
    uint64_t load;  /* ticket of the load under way; 0: none */
    size_t unsaid;  /* bytes sent since the runner last said that they had drained */
    bool blocked;   /* until DRAINED */
    bool caught_up; /* and has been told so */
    uint32_t place; /* in kz_links.watching */
};

struct kz_link_state {
    kz_link number;
    enum kz_link_kind kind;
    bool greeted; /* its hello was accepted (DIALED: ours was sent) */
    bool tell_drained;
    uint64_t peer;       /* of a peer's link: its raft id, 0 before its hello */
    uint32_t pending;    /* commands that wait for an answer */
    uint64_t held_round; /* the last in which a SUBMIT of it stayed held (held.h) */
    uint32_t place;      /* in kz_links.all */
    uint32_t dirty;      /* place in kz_links.dirty + 1; 0: nothing to send */
    uint64_t numbered;   /* of a peer's link: messages said (DIALED) or heard (ACCEPTED) on it */
    uint64_t hello_hash; /* of the hello last sent on a DIALED link */
    struct kz_watch watch;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

struct kz_links {
    struct kz_link_state **all; /* dense, in no order that matters */
    uint32_t count;
    uint32_t capacity;
    struct kz_link_state **slots; /* open addressing by number, a power of two of them */
    uint32_t slot_count;
    struct kz_link_state **dirty; /* those with something to send, in the order written */
    uint32_t dirty_count;
    uint32_t dirty_capacity;
    struct kz_outgoing *outgoing;
    uint32_t outgoing_count;
    size_t client_bytes; /* written to clients in this step */
    uint32_t outgoing_capacity;
    struct kz_close_order *closes;
    uint32_t close_count;
    uint32_t close_capacity;
    struct kz_link_state **watching; /* those with a watch, dense */
    uint32_t watchers;
    uint32_t watching_capacity;
    uint32_t clients;
};

void kz_links_init(struct kz_links *links);
void kz_links_finish(struct kz_links *links);

struct kz_link_state *kz_links_add(struct kz_links *links, kz_link number, enum kz_link_kind kind);
/* Returns: NULL when there is none. */
struct kz_link_state *kz_links_find(const struct kz_links *links, kz_link number);

/* Forgets LINK; what it still had to send is dropped. */
void kz_links_remove(struct kz_links *links, struct kz_link_state *link);

/* Starts a watch at index NEXT > 0, in the place of an earlier one. */
void kz_links_watch(struct kz_links *links, struct kz_link_state *link, uint64_t next,
                    uint64_t tag);

/* Asks the runner to close LINK after what is queued, and forgets it. */
void kz_links_close(struct kz_links *links, struct kz_link_state *link);

/* Returns: a writer behind what LINK sends in this step, with room for SIZE_MAX bytes. One at a
 * time on a link; kz_links_written() takes what was written. */
struct kz_writer kz_links_writer(struct kz_link_state *link, size_t size_max);
void kz_links_written(struct kz_links *links, struct kz_link_state *link,
                      const struct kz_writer *writer);

/* Appends SIZE bytes of whole frames. */
void kz_links_send(struct kz_links *links, struct kz_link_state *link, const uint8_t *frames,
                   size_t size);

/* Starts a step: what the last one gave out belongs to the runner. */
void kz_links_begin_step(struct kz_links *links);

/* Moves the buffers into `outgoing`. */
void kz_links_end_step(struct kz_links *links);

#endif
