/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's insides, shared by its files alone:
 *
 *   driver.c           the public calls and getters
 *   driver_start.c     START: the log as it was found becomes libraft's
 *   driver_receive.c   frames of peers, checked against the state, become RECEIVE
 *   driver_step.c      raft_step() and everything that has to follow it
 *   driver_feed.c      AppendEntries become frames, with entries from the cache or by loads
 *   driver_trail.c     the terms of the log, and libraft's record of them */
#ifndef KZ_DRIVER_STATE_H
#define KZ_DRIVER_STATE_H

#include "node/core/driver.h"
#include "node/core/membership.h"
#include "node/core/tail_cache.h"

#include <raft.h>

/* What was handed to the writer and is not known to be durable. When BATCH is, the log is durable
 * up to END − 1: the batch's end, or where a later truncation began. */
struct kz_pending_write {
    const struct kz_batch *batch;
    uint64_t end;
};

struct kz_pending_writes {
    struct kz_pending_write *writes; /* FRONT … COUNT − 1 are pending */
    uint32_t front;
    uint32_t count;
    uint32_t capacity;
};

/* The stream of entries to one follower. libraft says which entries it counts as sent; the feed
 * sends them in order, as far as they are in memory, and the rest as loads bring them.
 *
 *   start            next               end
 *     | already sent   | to be sent       | libraft has not asked for these */
struct kz_feed {
    uint64_t peer; /* 0: unused */
    uint64_t start;
    uint64_t next;
    uint64_t end;
    uint64_t loading; /* first index of the load under way, 0: none */
    uint64_t heard;   /* when the peer last spoke */
    bool broken;      /* what was sent may be lost: begin again where libraft says */
};

/* The last append frame made: what goes to several followers is made once. */
struct kz_append_frame {
    uint8_t *bytes; /* KZ_PEER_FRAME_SIZE_MAX */
    size_t size;    /* 0: none */
    uint64_t term;
    uint64_t commit;
    uint64_t first; /* its entries: FIRST … END − 1, made of those below LIMIT */
    uint64_t limit;
    uint64_t end;
};

struct kz_driver {
    struct raft raft;
    struct kz_driver_sink sink;
    uint64_t id;
    uint64_t now;    /* of the latest step */
    uint64_t ticked; /* when libraft's timeout was raised last */
    uint32_t election_timeout_ms;
    uint32_t heartbeat_ms;
    uint64_t commit;    /* the highest commit index seen */
    uint64_t written;   /* last index handed to the writer */
    uint64_t led_term;  /* the term that this node leads, 0: it does not lead */
    uint64_t own_first; /* first entry of led_term, 0: none yet */
    struct kz_tail_cache cache;
    struct kz_memberships memberships;
    struct kz_pending_writes pending;
    struct kz_feed feeds[KZ_MEMBERS_MAX];
    struct kz_append_frame frame;
    struct raft_entry *entries; /* for submits and received appends, ENTRIES_MAX of them */
    uint32_t entries_max;
    void *lent; /* during a RECEIVE: what libraft takes for the memory of its entries */
};

/* driver_step.c */

/* Raises EVENT (its time is set here) and carries out what follows. BATCH holds the entries that
 * EVENT brings, NULL when it brings none. RAFT_ERROR (not NULL for SUBMIT and TRANSFER alone) takes
 * libraft's refusal; any other error of libraft is fatal. */
enum kz_status kz_driver_step(struct kz_driver *driver, struct raft_event *event,
                              struct kz_batch *batch, int *raft_error, struct kz_error *error);

/* Carries out UPDATE, which START gave, and what follows. */
enum kz_status kz_driver_settle_start(struct kz_driver *driver, const struct raft_update *update,
                                      struct kz_error *error);

/* Fills driver->entries from BATCH; TOKEN is what libraft sees as their memory. A membership is the
 * first entry or none: its payload is made, to be freed with kz_driver_release_entries(). */
enum kz_status kz_driver_prepare_entries(struct kz_driver *driver, const struct kz_batch *batch,
                                         void *token, struct kz_error *error);
void kz_driver_release_entries(struct kz_driver *driver);

/* Raises the term for this node, the lone voter, before it elects itself: libraft does not. */
void kz_driver_raise_own_term(struct kz_driver *driver);

/* driver_feed.c */

/* Forgets all streams: a new leadership begins. */
void kz_feeds_reset(struct kz_driver *driver);

/* Returns: the stream to PEER; NULL when it is no member. */
struct kz_feed *kz_feed_of(struct kz_driver *driver, uint64_t peer);

/* Sends the append that libraft asks for. */
void kz_feed_append(struct kz_driver *driver, const struct raft_message *message);

/* BATCH (NULL: failed) answers the load of FIRST. */
void kz_feeds_loaded(struct kz_driver *driver, uint64_t first, struct kz_batch *batch);

/* driver_trail.c */

/* Returns: the term of entry INDEX, 0 when there is no such entry. O(log terms). */
uint64_t kz_trail_term(const struct raft *raft, uint64_t index);

/* Returns: the first entry of the run of equal terms that INDEX, which is there, lies in. */
uint64_t kz_trail_run_start(const struct raft *raft, uint64_t index);

/* Makes libraft know the terms of all entries up to LAST_INDEX, so that it never asks for a
 * snapshot. To be called once, right after START. Errors: KZ_NO_MEMORY. */
enum kz_status kz_trail_extend(struct raft *raft, const struct kz_term_run *runs,
                               uint32_t run_count, uint64_t last_index);

#endif
