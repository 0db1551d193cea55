/* SPDX-License-Identifier: Apache-2.0 */
/* The budget of refused entries: so many an actor and minute, so that nobody can fill the ledger
 * with refusals. A bucket of tokens for each actor refills evenly; a refusal takes one.
 *
 * All that an actor has in flight may be refused, so it has no more there than its window: the
 * tokens that are left, and a credit of one for each of its entries that was accepted, which a
 * refusal takes back. Who has nothing accepted never has more refused than its tokens; who has
 * doubles its window with each round trip. What is refused on credit makes a debt that is paid by
 * waiting, so the average holds whatever the pipelining.
 *
 * Who follows takes a token for each refused entry as well, so that an actor has no more left with
 * another leader. It makes no debt of them: when it catches up they are from long ago.
 *
 * The table has a fixed size: sets of four buckets, where the fullest gives way to a new actor. An
 * actor without a bucket has the whole budget and no credit.
 *
 * Invariants:
 * 1. Behind kz_budget_enter() no more is in flight than the tokens and the credit that are left:
 * the refused entries of an actor are at most its tokens ever and its accepted entries.
 * 2. A bucket with entries in flight keeps its place. */
#ifndef KZ_BUDGET_H
#define KZ_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define KZ_BUDGET_SETS 4096
#define KZ_BUDGET_WAYS 4

struct kz_bucket {
    uint32_t actor;
    uint32_t in_flight; /* entries whose result is not known yet */
    uint32_t credit;
    int64_t tokens; /* thousandths; negative: a debt */
    uint64_t at_ms; /* when `tokens` was right; 0: an unused bucket */
};

struct kz_budget {
    uint32_t per_minute;
    uint32_t credit_max;
    struct kz_bucket buckets[KZ_BUDGET_SETS][KZ_BUDGET_WAYS];
};

/* PER_MINUTE > 0. */
void kz_budget_init(struct kz_budget *budget, uint32_t per_minute, uint32_t credit_max);

/* Returns: 0 when ACTOR may go on at monotonic NOW_MS > 0, else the milliseconds until it may. */
uint32_t kz_budget_wait(const struct kz_budget *budget, uint32_t actor, uint64_t now_ms);

/* Takes a place in the window of ACTOR, which may go on, for an entry.
 * Returns: false when there is none, until an entry in flight leaves; one without a bucket has none
 * while the four that could give way have entries in flight. */
bool kz_budget_enter(struct kz_budget *budget, uint32_t actor, uint64_t now_ms);

/* Returns: whether ACTOR may go on and its window is full. */
bool kz_budget_is_full(const struct kz_budget *budget, uint32_t actor, uint64_t now_ms);

/* An entry of ACTOR is in flight no more: it was applied, or its fate will not be known here. */
void kz_budget_leave(struct kz_budget *budget, uint32_t actor);

/* An entry of ACTOR that left just now was accepted. */
void kz_budget_earn(struct kz_budget *budget, uint32_t actor);

/* A command of ACTOR was refused, as an entry that left just now or without one (which is not
 * counted when no bucket gives way). */
void kz_budget_spend(struct kz_budget *budget, uint32_t actor, uint64_t now_ms);

/* An entry of ACTOR that is not in flight here, as another leader appended it, was refused. */
void kz_budget_follow(struct kz_budget *budget, uint32_t actor, uint64_t now_ms);

#endif
