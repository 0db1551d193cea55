/* SPDX-License-Identifier: Apache-2.0 */
/* Interpolation search (seek.h). The answer never depends on the guess. */
#include "statemachine/queue/seek.h"

#include <stdbool.h>

static bool is_before(const struct kz_rank_key *a, const struct kz_rank_key *b)
{
    if (a->applied_at != b->applied_at) return a->applied_at < b->applied_at;
    return a->number < b->number;
}

/* Returns: where in a run of COUNT > 0 keys the date would stand if they were evenly spread. */
static uint32_t guess(int64_t applied_at, struct kz_bounds bounds, uint32_t count)
{
    if (applied_at <= bounds.low) return 0;
    if (applied_at >= bounds.high) return count - 1;

    uint64_t span = (uint64_t)bounds.high - (uint64_t)bounds.low;
    uint64_t part = (uint64_t)applied_at - (uint64_t)bounds.low;
    int shift = span >> 32 == 0 ? 0 : 32 - __builtin_clzll(span); /* so that the product fits */
    return (uint32_t)((part >> shift) * count / ((span >> shift) + 1));
}

/* Returns: the first key of [FIRST, END) that is not before KEY, else END. */
static uint32_t halve(const struct kz_rank_key *keys, uint32_t first, uint32_t end,
                      const struct kz_rank_key *key)
{
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (is_before(&keys[middle], key)) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

/* Both go away from AT in steps of 1, 2, 4, … until they have passed the answer. */
static uint32_t gallop_up(const struct kz_rank_key *keys, uint32_t at, uint32_t count,
                          const struct kz_rank_key *key)
{
    uint32_t step = 1;

    while (count - at > step && is_before(&keys[at + step], key)) {
        at += step;
        step *= 2;
    }
    return halve(keys, at + 1, count - at > step ? at + step : count, key);
}

static uint32_t gallop_down(const struct kz_rank_key *keys, uint32_t at,
                            const struct kz_rank_key *key)
{
    uint32_t step = 1;

    while (at >= step && !is_before(&keys[at - step], key)) {
        at -= step;
        step *= 2;
    }
    return halve(keys, at >= step ? at - step + 1 : 0, at, key);
}

uint32_t kz_seek(const struct kz_rank_key *keys, uint32_t count, const struct kz_rank_key *key,
                 struct kz_bounds bounds)
{
    if (count == 0) return 0;
    if (bounds.low == INT64_MIN) bounds.low = keys[0].applied_at;
    if (bounds.high == INT64_MAX) {
        if (is_before(&keys[count - 1], key)) return count; /* who applies now comes last */
        bounds.high = keys[count - 1].applied_at;
    }

    uint32_t at = guess(key->applied_at, bounds, count);
    return is_before(&keys[at], key) ? gallop_up(keys, at, count, key) : gallop_down(keys, at, key);
}
