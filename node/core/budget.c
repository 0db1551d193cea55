/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/budget.h"

#include "statemachine/base/assert.h"

#include <string.h>

#define TOKEN     1000 /* one refusal */
#define MINUTE_MS 60000

static uint32_t set_of(uint32_t actor)
{
    return (actor * UINT32_C(0x9e3779b1)) >> 20;
}

static int64_t full(const struct kz_budget *budget)
{
    return (int64_t)budget->per_minute * TOKEN;
}

static int64_t tokens_at(const struct kz_budget *budget, const struct kz_bucket *bucket,
                         uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - bucket->at_ms;
    if (bucket->at_ms == 0 || passed_ms > INT32_MAX) return full(budget);

    int64_t refilled = (int64_t)passed_ms * budget->per_minute / (MINUTE_MS / TOKEN);
    int64_t tokens = bucket->tokens + refilled;
    return tokens < full(budget) ? tokens : full(budget);
}

void kz_budget_init(struct kz_budget *budget, uint32_t per_minute, uint32_t credit_max)
{
    KZ_ASSERT(per_minute > 0);
    memset(budget, 0, sizeof(*budget));
    budget->per_minute = per_minute;
    budget->credit_max = credit_max;
}

/* Returns: ACTOR's way in its set, KZ_BUDGET_WAYS when it has no bucket. */
static int way_of(const struct kz_budget *budget, uint32_t actor)
{
    const struct kz_bucket *set = budget->buckets[set_of(actor)];
    int way = 0;
    while (way < KZ_BUDGET_WAYS && (set[way].at_ms == 0 || set[way].actor != actor))
        way++;
    return way;
}

/* Returns: ACTOR's bucket, NULL when it has none. */
static const struct kz_bucket *find(const struct kz_budget *budget, uint32_t actor)
{
    int way = way_of(budget, actor);
    return way < KZ_BUDGET_WAYS ? &budget->buckets[set_of(actor)][way] : NULL;
}

/* Returns: the bucket of ACTOR, which has one. */
static struct kz_bucket *get(struct kz_budget *budget, uint32_t actor)
{
    int way = way_of(budget, actor);
    KZ_ASSERT(way < KZ_BUDGET_WAYS);
    return &budget->buckets[set_of(actor)][way];
}

/* Returns: a new bucket for ACTOR in the place of the one with most tokens, of those with nothing
 * in flight; NULL when there is none. */
static struct kz_bucket *make(struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    struct kz_bucket *set = budget->buckets[set_of(actor)];
    struct kz_bucket *fullest = NULL;
    for (int i = 0; i < KZ_BUDGET_WAYS; i++) {
        if (set[i].in_flight > 0) continue;
        if (fullest == NULL ||
            tokens_at(budget, &set[i], now_ms) > tokens_at(budget, fullest, now_ms))
            fullest = &set[i];
    }
    KZ_ASSERT(now_ms > 0);
    if (fullest != NULL)
        *fullest = (struct kz_bucket){.actor = actor, .tokens = full(budget), .at_ms = now_ms};
    return fullest;
}

static struct kz_bucket *get_or_make(struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    return find(budget, actor) != NULL ? get(budget, actor) : make(budget, actor, now_ms);
}

static bool has_place(const struct kz_budget *budget, const struct kz_bucket *bucket,
                      uint64_t now_ms)
{
    return bucket->in_flight < tokens_at(budget, bucket, now_ms) / TOKEN + bucket->credit;
}

uint32_t kz_budget_wait(const struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    const struct kz_bucket *bucket = find(budget, actor);
    if (bucket == NULL) return 0;

    int64_t missing = TOKEN - tokens_at(budget, bucket, now_ms);
    if (missing <= 0) return 0;
    int64_t wait_ms = missing * MINUTE_MS / full(budget) + 1;
    return wait_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)wait_ms;
}

bool kz_budget_is_full(const struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    const struct kz_bucket *bucket = find(budget, actor);
    if (bucket == NULL || tokens_at(budget, bucket, now_ms) < TOKEN) return false;
    return !has_place(budget, bucket, now_ms);
}

bool kz_budget_enter(struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    struct kz_bucket *bucket = get_or_make(budget, actor, now_ms);
    if (bucket == NULL || !has_place(budget, bucket, now_ms)) return false;
    bucket->in_flight++;
    return true;
}

void kz_budget_leave(struct kz_budget *budget, uint32_t actor)
{
    struct kz_bucket *bucket = get(budget, actor);
    KZ_ASSERT(bucket->in_flight > 0);
    bucket->in_flight--;
}

void kz_budget_earn(struct kz_budget *budget, uint32_t actor)
{
    struct kz_bucket *bucket = get(budget, actor);
    if (bucket->credit < budget->credit_max) bucket->credit++;
}

void kz_budget_spend(struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    struct kz_bucket *bucket = get_or_make(budget, actor, now_ms);
    if (bucket == NULL) return;
    bucket->tokens = tokens_at(budget, bucket, now_ms) - TOKEN;
    bucket->at_ms = now_ms;
    if (bucket->credit > 0) bucket->credit--;
}

void kz_budget_follow(struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    struct kz_bucket *bucket = get_or_make(budget, actor, now_ms);
    if (bucket == NULL) return;
    int64_t tokens = tokens_at(budget, bucket, now_ms);
    if (tokens < TOKEN) return;
    bucket->tokens = tokens - TOKEN;
    bucket->at_ms = now_ms;
}
