/* SPDX-License-Identifier: Apache-2.0 */
/* The budget of refused entries: so many an actor and minute, so that nobody can fill the ledger
 * with refusals. A bucket of tokens for each actor refills evenly; what was in flight when it ran
 * empty makes a debt that is paid by waiting, so the average holds whatever the pipelining.
 *
 * The table has a fixed size: sets of four buckets, where the fullest gives way to a new actor. An
 * actor without a bucket has the whole budget. */
#ifndef KZ_BUDGET_H
#define KZ_BUDGET_H

#include <stdint.h>

#define KZ_BUDGET_SETS 4096
#define KZ_BUDGET_WAYS 4

struct kz_bucket {
    uint32_t actor;
    int32_t tokens; /* thousandths; negative: a debt */
    uint64_t at_ms; /* when `tokens` was right; 0: an unused bucket */
};

struct kz_budget {
    uint32_t per_minute;
    struct kz_bucket buckets[KZ_BUDGET_SETS][KZ_BUDGET_WAYS];
};

/* PER_MINUTE > 0. */
void kz_budget_init(struct kz_budget *budget, uint32_t per_minute);

/* Counts one refusal of ACTOR at monotonic NOW_MS > 0. */
void kz_budget_spend(struct kz_budget *budget, uint32_t actor, uint64_t now_ms);

/* Returns: 0 when ACTOR may go on, else the milliseconds until it may. */
uint32_t kz_budget_wait(const struct kz_budget *budget, uint32_t actor, uint64_t now_ms);

#endif
