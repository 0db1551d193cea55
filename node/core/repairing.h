/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged entries of this node's ledger: asked for from the others, and repaired. And the scrub,
 * which looks for them before anybody needs them.
 *
 *   place        what is asked for                        what is taken
 *   leaf         nothing                                  made again from the records here
 *   record       the entry: the last ones are in memory,  the first that has the leaf's hash and
 * term others come from all other members both         likewise what a majority of all voters, this
 * node not counted, gave alike and committed results      the block, from all other members
 * likewise
 *
 * Invariants:
 * 1. What waits for a damaged entry waits until it is repaired: it is never skipped, dropped or
 * served otherwise.
 * 2. A node answers from a sound read alone. Who asks for an entry says by this that its own copy
 * is damaged.
 * 3. When all voters said so, every one of them halts and names the entry. */
#ifndef KZ_REPAIRING_H
#define KZ_REPAIRING_H

#include "node/core/core.h"

#define KZ_REPAIRS_MAX 8

/* What one other member said of a damaged entry. */
enum kz_help_state {
    KZ_HELP_NONE,
    KZ_HELP_GIVEN,
    KZ_HELP_ABSENT,  /* it has no such entry (yet) */
    KZ_HELP_DAMAGED, /* its copy is damaged too */
    KZ_HELP_WRONG,   /* what it gave is not what stood here */
};

struct kz_help {
    uint64_t peer; /* 0: unused */
    enum kz_help_state state;
    bool is_committed;
    struct kz_batch *entry;
    uint8_t *results;
};

struct kz_repair {
    struct kz_fault fault; /* index 0: unused */
    uint64_t ticket;       /* of the order under way; 0: none */
    uint64_t giver;        /* whose answer is in that order; 0: nobody's */
    uint64_t begun_ms;
    uint64_t asked_ms; /* 0: not yet */
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

void kz_repairing_finish(struct kz_core *core);
void kz_repairing_begin_step(struct kz_core *core);

/* LOAD found FAULT. Returns: false when it does not wait for the repair: it is over. */
bool kz_repairing_on_fault(struct kz_core *core, struct kz_load_underway *load,
                           const struct kz_fault *fault);
void kz_repairing_on_repaired(struct kz_core *core, const struct kz_event *event);
void kz_repairing_on_fetch(struct kz_core *core, struct kz_peer *peer,
                           const struct kz_frame *frame);
void kz_repairing_on_fetched(struct kz_core *core, const struct kz_peer *peer,
                             const struct kz_frame *frame);
/* What a peer asked for was read: BATCH, NULL when it is not there. */
void kz_repairing_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                            const struct kz_batch *batch, const uint8_t *results);

/* Asks again, decides, orders. */
void kz_repairing_run(struct kz_core *core);
uint64_t kz_repairing_wake(const struct kz_core *core);
/* Returns: whether entry INDEX, or the results from it on, are being repaired. */
bool kz_repairing_is_open(const struct kz_core *core, uint64_t index);
/* Returns: an entry that is damaged here and not repaired yet; 0: none known. */
uint64_t kz_repairing_index(const struct kz_core *core);

/* scrubbing.c */

void kz_scrubbing_run(struct kz_core *core);
void kz_scrubbing_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                            const struct kz_batch *batch);
uint64_t kz_scrubbing_wake(const struct kz_core *core);

#endif
