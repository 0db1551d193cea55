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

static int64_t tokens_at(const struct kz_budget *budget, const struct kz_bucket *bucket,
                         uint64_t now_ms)
{
    int64_t full = (int64_t)budget->per_minute * TOKEN;
    if (bucket->at_ms == 0) return full;

    uint64_t passed_ms = now_ms - bucket->at_ms;
    if (passed_ms > INT32_MAX) return full;
    int64_t refilled = (int64_t)passed_ms * budget->per_minute * TOKEN / MINUTE_MS;
    int64_t tokens = bucket->tokens + refilled;
    return tokens < full ? tokens : full;
}

void kz_budget_init(struct kz_budget *budget, uint32_t per_minute)
{
    KZ_ASSERT(per_minute > 0);
    memset(budget, 0, sizeof(*budget));
    budget->per_minute = per_minute;
}

static const struct kz_bucket *find(const struct kz_budget *budget, uint32_t actor)
{
    const struct kz_bucket *set = budget->buckets[set_of(actor)];
    for (int i = 0; i < KZ_BUDGET_WAYS; i++) {
        if (set[i].at_ms > 0 && set[i].actor == actor) return &set[i];
    }
    return NULL;
}

/* Returns: ACTOR's bucket, which takes the place of the one with most tokens when it has none. */
static struct kz_bucket *take(struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    struct kz_bucket *set = budget->buckets[set_of(actor)];
    struct kz_bucket *fullest = &set[0];
    for (int i = 0; i < KZ_BUDGET_WAYS; i++) {
        if (set[i].at_ms > 0 && set[i].actor == actor) return &set[i];
        if (tokens_at(budget, &set[i], now_ms) > tokens_at(budget, fullest, now_ms))
            fullest = &set[i];
    }
    *fullest = (struct kz_bucket){.actor = actor};
    return fullest;
}

void kz_budget_spend(struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    struct kz_bucket *bucket = take(budget, actor, now_ms);
    int64_t tokens = tokens_at(budget, bucket, now_ms) - TOKEN;
    bucket->tokens = tokens < INT32_MIN ? INT32_MIN : (int32_t)tokens;
    bucket->at_ms = now_ms > 0 ? now_ms : 1;
}

uint32_t kz_budget_wait(const struct kz_budget *budget, uint32_t actor, uint64_t now_ms)
{
    const struct kz_bucket *bucket = find(budget, actor);
    if (bucket == NULL) return 0;

    int64_t missing = TOKEN - tokens_at(budget, bucket, now_ms);
    if (missing <= 0) return 0;
    int64_t wait_ms = missing * MINUTE_MS / ((int64_t)budget->per_minute * TOKEN) + 1;
    return wait_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)wait_ms;
}
