/* SPDX-License-Identifier: Apache-2.0 */
/* Search in a short sorted run of keys, by guessing from their dates. A binary search of a chunk
 * that is not in the cache waits for memory four or five times; a guess is mostly right to within
 * one cache line, so it waits once. */
#ifndef KZ_SEEK_H
#define KZ_SEEK_H

#include "statemachine/queue/ranked.h"

#include <stdint.h>

/* Between which dates a run lies, both inclusive. They only guide the guess. */
struct kz_bounds {
    int64_t low;  /* INT64_MIN: not known */
    int64_t high; /* INT64_MAX: not known */
};

/* Returns: the first of COUNT sorted KEYS that is not before KEY; COUNT when all are before it.
 * O(log of the guess's error). */
uint32_t kz_seek(const struct kz_rank_key *keys, uint32_t count, const struct kz_rank_key *key,
                 struct kz_bounds bounds);

#endif
