/* SPDX-License-Identifier: Apache-2.0 */
/* The last entries of the log in memory, as the batches that were written: followers are sent, and
 * committed entries applied, from here.
 *
 *    floor            first of ring         …          end
 *      |  (on disk only)  | batch | batch | batch |     behind the last entry
 *
 * Invariants:
 * 1. The batches are consecutive: floor + 1 … end − 1 without a gap.
 * 2. Entries above the index that kz_tail_cache_trim() was told are always there.
 * 3. `floor_time` is the time of entry `floor`, so that the time of the last entry of the log is
 * known even when the cache is empty. */
#ifndef KZ_TAIL_CACHE_H
#define KZ_TAIL_CACHE_H

#include "log/batch.h"

#include <stdint.h>

struct kz_tail_cache {
    struct kz_batch **batches; /* a ring of CAPACITY slots, a power of two */
    uint32_t capacity;
    uint32_t front;
    uint32_t count;
    uint64_t floor;
    int64_t floor_time;
    uint64_t bytes;
    uint64_t bytes_max;
};

/* FLOOR: index of the last entry that is not given to the cache, FLOOR_TIME its time (0, 0: none).
 */
void kz_tail_cache_init(struct kz_tail_cache *cache, uint64_t bytes_max);
void kz_tail_cache_finish(struct kz_tail_cache *cache);
void kz_tail_cache_start(struct kz_tail_cache *cache, uint64_t floor, int64_t floor_time);

/* Adds BATCH, which follows the last entry; retained. Errors: KZ_NO_MEMORY. */
enum kz_status kz_tail_cache_append(struct kz_tail_cache *cache, struct kz_batch *batch);

/* Drops the entries ≥ INDEX, which is above the floor. Errors: KZ_NO_MEMORY. */
enum kz_status kz_tail_cache_truncate(struct kz_tail_cache *cache, uint64_t index);

/* Drops the oldest batches while more than BYTES_MAX bytes are held, none above entry INDEX. */
void kz_tail_cache_trim(struct kz_tail_cache *cache, uint64_t index);

/* Returns: the batch that holds INDEX, NULL when none does. O(log batches). */
struct kz_batch *kz_tail_cache_find(const struct kz_tail_cache *cache, uint64_t index);

/* Returns: the index behind the last entry. */
uint64_t kz_tail_cache_end(const struct kz_tail_cache *cache);

/* Returns: the time of the last entry, 0 when there is none. */
int64_t kz_tail_cache_time(const struct kz_tail_cache *cache);

/* Returns: a new batch with the entries FIRST … END − 1 of BATCH; NULL without memory. */
struct kz_batch *kz_batch_slice(const struct kz_batch *batch, uint64_t first, uint64_t end);

/* Returns: where entry I begins in the batch's bytes; its size for I = count. */
size_t kz_batch_offset(const struct kz_batch *batch, uint32_t i);

#endif
