/* SPDX-License-Identifier: Apache-2.0 */
/* The raft driver: feeds libraft's raft_step() and turns its updates into what the node's core
 * does: entries to write, messages to send, entries to load, a commit index. The only file family
 * that includes <raft.h>. No I/O, no clock: time and randomness are arguments.
 *
 * Invariants:
 * 1. Messages of a peer reach raft in the order received, and none is malformed: bodies are checked
 * first.
 * 2. The commit index given out never falls and is never above what is durable here.
 * 3. Term and vote come out as `vote` of a step; whoever runs the step makes them durable before it
 * sends anything of that step.
 * 4. raft hears of entries as persisted only after kz_driver_stored().
 * 5. InstallSnapshot is never sent; a start does not walk the log; a follower however far behind is
 * streamed entries, from the tail cache or by loads. */
#ifndef KZ_DRIVER_H
#define KZ_DRIVER_H

#include "client/wire/frame.h"
#include "log/batch.h"
#include "log/log.h"
#include "log/node_files.h"

#include <stdbool.h>
#include <stdint.h>

/* The frame types that kz_driver_receive() takes. */
#define KZ_RAFT_FRAME_FIRST 0x41
#define KZ_RAFT_FRAME_LAST  0x45

struct kz_driver;

enum kz_driver_role {
    KZ_FOLLOWER = 0,
    KZ_CANDIDATE = 1,
    KZ_LEADER = 2,
};

/* What a step asks of its runner. The driver calls these while it steps, in the order that they
 * have to be carried out; the bytes stay valid during the call only. */
struct kz_driver_sink {
    void *context;
    /* Make VOTE durable before any message of this step leaves. */
    void (*vote)(void *context, const struct kz_vote *vote);
    /* Drop the stored entries ≥ DROP_FROM (0: none), then append BATCH (its first index is known);
     * retain it until it is durable. Answered by kz_driver_stored(). */
    void (*write)(void *context, uint64_t drop_from, struct kz_batch *batch);
    /* Send the frame of SIZE bytes to PEER (drop it when there is no link: raft sends again). */
    void (*send)(void *context, uint64_t peer, const uint8_t *frame, size_t size);
    /* Read entries FIRST … (at most SIZE_MAX bytes) from the log; answered by kz_driver_loaded().
     */
    void (*load)(void *context, uint64_t first, uint32_t count_max, size_t size_max);
};

struct kz_driver_options {
    uint64_t id;
    const char *address;          /* own peer address */
    uint32_t election_timeout_ms; /* 300 by default; random between T and 2T */
    uint32_t heartbeat_ms;        /* 50 */
    uint64_t seed;
    uint64_t cache_bytes; /* of the tail cache, 64 MiB by default */
    struct kz_driver_sink sink;
};

/* Where the log stood. MEMBERSHIP is the record of the last membership entry at or below APPLIED
 * (NULL on a pristine node that waits to be spoken to), MEMBERSHIP_INDEX its index. Later
 * memberships are found in TAIL: the entries APPLIED + 1 … LAST, as batches in order. */
struct kz_driver_start {
    struct kz_vote vote;
    uint64_t applied;
    int64_t applied_time; /* of the entry APPLIED, 0 when there is none */
    uint64_t last_index;
    const struct kz_term_run *runs; /* all of them */
    const uint8_t *membership;
    size_t membership_size;
    uint64_t membership_index;
    struct kz_batch *const *tail;
    uint32_t run_count;
    uint32_t tail_count;
};

enum kz_status kz_driver_create(const struct kz_driver_options *options,
                                struct kz_driver **out_driver, struct kz_error *error);
void kz_driver_destroy(struct kz_driver *driver);

/* All steps: NOW is monotonic milliseconds, never before an earlier step's. Errors other than those
 * named are fatal: the node halts. */
enum kz_status kz_driver_start(struct kz_driver *driver, uint64_t now,
                               const struct kz_driver_start *start, struct kz_error *error);
enum kz_status kz_driver_tick(struct kz_driver *driver, uint64_t now, struct kz_error *error);

/* One raft message from PEER. Errors: KZ_MALFORMED or KZ_NEWER (the message is ignored, the link
 * should be closed). */
enum kz_status kz_driver_receive(struct kz_driver *driver, uint64_t now, uint64_t peer,
                                 const struct kz_frame *frame, struct kz_error *error);

/* As if PEER, which has no entry, were a candidate of TERM: a node that knows of no leader goes to
 * TERM, without a vote of its own; any other stays where it is. */
enum kz_status kz_driver_go_to_term(struct kz_driver *driver, uint64_t now, uint64_t peer,
                                    uint64_t term, struct kz_error *error);

/* Proposes BATCH, whose first index is kz_driver_last_index() + 1 and whose terms are
 * kz_driver_term(). A membership goes alone. Errors: KZ_UNAVAILABLE (not leader, transferring, a
 * change in progress; for a membership: no entry of this term is committed yet, or the new voter
 * does not have the ledger yet), KZ_USAGE (a membership that can not follow the present one: more
 * than one member differs, a member votes without having been a standby, a voter is demoted, the
 * leader is removed, or the only voter left is not the leader): nothing was appended. */
enum kz_status kz_driver_submit(struct kz_driver *driver, uint64_t now, struct kz_batch *batch,
                                struct kz_error *error);

/* BATCH, one that sink.write was given, is durable, and so is everything that was asked to be
 * written before it. One call for the last of several is enough. */
enum kz_status kz_driver_stored(struct kz_driver *driver, uint64_t now,
                                const struct kz_batch *batch, struct kz_error *error);

/* BATCH, which stays the caller's, holds what a load asked for, FIRST its first index (BATCH NULL:
 * it failed; asked for again later). */
enum kz_status kz_driver_loaded(struct kz_driver *driver, uint64_t now, uint64_t first,
                                struct kz_batch *batch, struct kz_error *error);

/* Hands leadership over to the voter SUCCESSOR, or with 0 to the most caught-up one (a shutdown, a
 * clock that is not trusted). Errors: KZ_UNAVAILABLE (not leader, a transfer is in progress, no
 * other voter). After one election timeout it is given up. */
enum kz_status kz_driver_transfer(struct kz_driver *driver, uint64_t now, uint64_t successor,
                                  struct kz_error *error);

enum kz_driver_role kz_driver_role(const struct kz_driver *driver);
uint64_t kz_driver_term(const struct kz_driver *driver);
uint64_t kz_driver_leader(const struct kz_driver *driver); /* raft id, 0: none known */
uint64_t kz_driver_last_index(const struct kz_driver *driver);
uint64_t kz_driver_stored_index(const struct kz_driver *driver);

/* Returns: the term of entry INDEX, 0 when there is no such entry. O(log terms). */
uint64_t kz_driver_term_at(const struct kz_driver *driver, uint64_t index);

/* min(highest commit index seen, stored index). */
uint64_t kz_driver_committed(const struct kz_driver *driver);

/* The highest commit index seen, stored here or not: what a linearizable read has to reflect (a
 * follower may have applied and shown entries that this leader's own disk does not hold yet). */
uint64_t kz_driver_commit_index(const struct kz_driver *driver);

/* Whether this node leads and an entry of its own term is committed. */
bool kz_driver_established(const struct kz_driver *driver);

/* When kz_driver_tick() is due, monotonic milliseconds. */
uint64_t kz_driver_deadline(const struct kz_driver *driver);

/* The last appended membership; valid until the next step. */
const struct kz_membership_fields *kz_driver_membership(const struct kz_driver *driver);

/* Its index, 0 when there is none. */
uint64_t kz_driver_membership_index(const struct kz_driver *driver);

/* Returns: whether standby PEER has the membership that made it one, and all but what can be on its
 * way to it: whether it may be made a voter (leader only). */
bool kz_driver_has_caught_up(const struct kz_driver *driver, uint64_t peer);

/* Returns: the index up to which PEER's log is known to match (leader only), else 0. */
uint64_t kz_driver_match(const struct kz_driver *driver, uint64_t peer);

/* Returns: the last entry of this leader's own term that PEER said to have stored (leader only),
 * else 0. */
uint64_t kz_driver_acknowledged(const struct kz_driver *driver, uint64_t peer);

/* Returns: the last stored entry when it is of the current term, else 0. */
uint64_t kz_driver_stored_of_term(const struct kz_driver *driver);

/* Returns: the cached batch that holds INDEX (retain it to keep it), NULL when it is not cached.
 * Entries above the applied index that kz_driver_applied() told are always cached. */
struct kz_batch *kz_driver_cached(const struct kz_driver *driver, uint64_t index);

/* Entries up to INDEX were applied: the cache may drop them when it is over its size. */
void kz_driver_applied(struct kz_driver *driver, uint64_t index);

#endif
