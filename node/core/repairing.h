/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged entries of this node's ledger: asked for from the others, and repaired. And the scrub,
 * which looks for them before anybody needs them.
 *
 *   place        what is asked for              what is taken
 *   leaf         nothing                        made again from the records here
 *   record       the entry: the last ones are   the first that has the leaf's hash and term
 *                in memory, others come from
 *                all other members
 *   both         likewise                       what a majority of all voters, this node not
 *                                               counted, gave alike; or, once all have answered or
 *                                               had their time, what none of them contradicts
 *   results      the block, from all others     likewise; when they are the last ones, and
 *                                               nobody gives them, the next start works them out
 *
 * One node's word is enough: its copy is sound there, and raft's terms are known here apart from
 * the records, so that an entry of the same index and term is the same entry (Raft's Log Matching).
 * That others are heard first is for nodes whose memory lied to them.
 *
 * An entry of the tail may be one that nobody has any more, as it was not committed. Two things
 * prove that it was not, and never can be:
 *
 *   overwritten   One other node knows all to be committed up to a place where this ledger has
 *                 another term: at the damaged entry, or before it (State Machine Safety). The
 *                 majority that committed the other one has left the terms of those here.
 *   lacked        A majority of the voters, this node not counted, has nothing or another term in
 *                 that place, each while it is durably in a later term than this ledger's last one.
 *                 A majority that committed it would share a node with this one. That node had it,
 *                 and lost it to a later leader, who lacked it: then it was not committed (Leader
 *                 Completeness). Or it takes it yet: from a later leader alone, who counts nothing
 *                 that this node said in these terms. The voters are those that were appointed
 *                 before the entry: a leader of its term goes by these, or by one change behind it.
 *                 After a second, who lacks it and knows of no leader is asked to leave the term.
 *
 * Then it is dropped with all behind it, as raft would have them overwritten: before raft starts
 * here, and the node leaves their term first, in which it would be found to have less than it said
 * (standing.h). That a minority lacks the entry proves nothing.
 *
 * Invariants:
 * 1. What waits for a damaged entry waits until it is repaired: it is never skipped, served
 *    otherwise, or dropped without one of the two proofs.
 * 2. A node answers from a sound record alone; its leaf may be damaged. Who asks for an entry says
 *    by this that its own copy is.
 * 3. When all voters answered, none has it, and it is committed, or those who lack it are no
 *    majority, it halts and names the entry. Damaged on all voters, all of them do. */
#ifndef KZ_REPAIRING_H
#define KZ_REPAIRING_H

#include "node/core/core.h"

#define KZ_REPAIRS_MAX 8

/* What one other member said of a damaged entry. */
enum kz_help_state {
    KZ_HELP_NONE,
    KZ_HELP_GIVEN,
    KZ_HELP_ABSENT,  /* it has no such entry (yet), or one of another term there */
    KZ_HELP_DAMAGED, /* its copy is damaged too */
    KZ_HELP_WRONG,   /* what it gave is not what stood here */
};

struct kz_help {
    uint64_t peer; /* 0: unused */
    enum kz_help_state state;
    bool lacks; /* ABSENT: for good, in a later term than the last one of this ledger */
    struct kz_batch *entry;
    uint8_t *results;
};

struct kz_repair {
    struct kz_fault fault; /* index 0: unused */
    uint64_t ticket;       /* of the order under way; 0: none */
    uint64_t giver;        /* whose answer is in that order; 0: nobody's */
    uint64_t begun_ms;
    uint64_t asked_ms;    /* 0: not yet */
    uint64_t told_ms;     /* when the journal was last told of it */
    uint64_t hopeless_ms; /* since when waiting changes nothing; 0: it may */
    bool is_overwritten;  /* that is proven */
    bool drops;           /* the order under way drops it */
    struct kz_help helps[KZ_MEMBERS_MAX];
};

struct kz_repairing {
    struct kz_repair repairs[KZ_REPAIRS_MAX];
    struct kz_repair_order orders[KZ_REPAIRS_MAX]; /* of this step */
    uint32_t order_count;
    uint64_t last_ticket;
    uint64_t last_index; /* of the last repair that was done, and how often in a row */
    uint32_t times;
};

struct kz_scrub {
    uint64_t next; /* the entry to read next; 0: the first pass has not begun */
    uint64_t due_ms;
    uint64_t ticket; /* of the load under way; 0: none */
};

struct kz_load_underway;
struct kz_peer;
struct kz_peer_fetch;
struct kz_peer_fetched;

void kz_repairing_finish(struct kz_core *core);
void kz_repairing_begin_step(struct kz_core *core);

/* LOAD found FAULT. Returns: false when it does not wait for the repair: it is over. */
bool kz_repairing_on_fault(struct kz_core *core, struct kz_load_underway *load,
                           const struct kz_fault *fault);
void kz_repairing_on_repaired(struct kz_core *core, const struct kz_event *event);
void kz_repairing_on_fetched(struct kz_core *core, const struct kz_peer *peer,
                             const struct kz_frame *frame);
/* PEER, who asks for FETCH, says so: its own copy is damaged. */
void kz_repairing_note_damaged(struct kz_core *core, const struct kz_peer_fetch *fetch,
                               uint64_t peer);

/* Asks again, decides, orders. */
void kz_repairing_run(struct kz_core *core);
uint64_t kz_repairing_wake(const struct kz_core *core);
/* Returns: whether entry INDEX, or the results from it on, are being repaired. */
bool kz_repairing_is_open(const struct kz_core *core, uint64_t index);
/* Returns: an entry that is damaged here and not repaired yet; 0: none known. */
uint64_t kz_repairing_index(const struct kz_core *core);

/* Returns: whether it is of results, not of an entry. */
bool kz_repairing_is_of_results(const struct kz_repair *repair);
/* Returns: whether the entry is of the tail, behind what is known to be committed, and raft has not
 * heard of it: it may be dropped when one of the proofs is there. */
bool kz_repairing_is_of_tail(const struct kz_core *core, const struct kz_repair *repair);
/* Returns: whether the others had their time to answer. */
bool kz_repairing_is_over(const struct kz_core *core, const struct kz_repair *repair);
/* Whom this node knows; while it reads its ledger the last membership there, not the one that it
 * has come to, whose members may be gone. */
const struct kz_membership_fields *kz_repairing_members(const struct kz_core *core);

/* evidence.c */

/* What the voters but this one said of a damaged entry. */
struct kz_tally {
    unsigned voters; /* this node's vote among them */
    unsigned others;
    unsigned silent;
    unsigned given;
    unsigned alike; /* of those, what LIKE is */
    unsigned absent;
    unsigned lacking; /* of those, for good */
    unsigned wrong;
};

/* Returns: what PEER said of REPAIR, made when it is new; NULL for one too many. */
struct kz_help *kz_evidence_of(struct kz_repair *repair, uint64_t peer);
/* Keeps what PEER says. */
void kz_evidence_take(const struct kz_core *core, struct kz_repair *repair, uint64_t peer,
                      const struct kz_peer_fetched *fetched);
/* Forgets what HELP brought. */
void kz_evidence_drop(struct kz_help *help);
/* Returns: whether B brought what A, which is given, did. */
bool kz_evidence_is_alike(const struct kz_repair *repair, const struct kz_help *a,
                          const struct kz_help *b);
/* LIKE may be NULL. */
struct kz_tally kz_evidence_count(const struct kz_core *core, struct kz_repair *repair,
                                  const struct kz_help *like);
/* Returns: whether HELP may be taken though nothing here says what stood there: a majority of the
 * voters has it without this node, or nobody who answered has anything else. */
bool kz_evidence_is_proof(const struct kz_core *core, struct kz_repair *repair,
                          const struct kz_help *help);
/* Returns: whether it is proven that the entry is lacked. */
bool kz_evidence_is_lacked(const struct kz_core *core, struct kz_repair *repair);

/* helping.c */

void kz_helping_on_fetch(struct kz_core *core, struct kz_peer *peer, const struct kz_frame *frame);
/* What a peer asked for was read: BATCH, NULL when it is not there. */
void kz_helping_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                          const struct kz_batch *batch, const uint8_t *results);
/* FAULT was found in its place. */
void kz_helping_on_fault(struct kz_core *core, const struct kz_load_underway *load,
                         const struct kz_fault *fault);
/* Returns: up to where all is known to be committed here. */
uint64_t kz_helping_committed(const struct kz_core *core);
/* Returns: the term of entry INDEX, whether it is damaged or not; 0 when there is none. */
uint64_t kz_helping_term_at(const struct kz_core *core, uint64_t index);

/* scrubbing.c */

void kz_scrubbing_run(struct kz_core *core);
void kz_scrubbing_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                            const struct kz_batch *batch);
uint64_t kz_scrubbing_wake(const struct kz_core *core);

#endif
