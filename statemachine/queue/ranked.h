/* SPDX-License-Identifier: Apache-2.0 */
/* A set of keys ordered by (applied_at, number) that answers rank, n-th and first in O(log n).
 *
 * The shape is a function of the contents alone: whether a key closes its chunk on a level follows
 * from a hash of the key, as in a prolly tree, never from the order in which keys came. (Position
 * proofs will hash the chunks; two nodes, or a replay, then agree.)
 *
 *   level 2                       [ · · ]
 *   level 1           [ · · · ]              [ · · ]        (first key, count, child) of each chunk
 *   level 0   [k k k k] [k k] [k k k] … [k k k k k k] [k]   keys
 *
 * Many sets share one pool of chunks, so an empty set costs a few bytes and a village's queue one
 * small chunk. */
#ifndef KZ_RANKED_H
#define KZ_RANKED_H

#include "statemachine/base/allocator.h"
#include "statemachine/image/image.h"

#include <stdbool.h>
#include <stdint.h>

struct kz_rank_key {
    int64_t applied_at; /* milliseconds since 1970 UTC */
    uint32_t number;    /* the application's number (ledger index) */
    uint32_t slot;      /* the application's slot; follows from the number, not compared */
};

struct kz_ranked_pool;

/* All zero is an empty set. Caller's memory; moves freely. */
struct kz_ranked {
    uint32_t root; /* implementation's; 0 when empty */
    uint32_t count;
    uint8_t height;
};

struct kz_ranked_pool *kz_ranked_pool_create(const struct kz_allocator *allocator);
void kz_ranked_pool_destroy(struct kz_ranked_pool *pool);

/* Inserts KEY, which is not in SET. O(log n). */
void kz_ranked_insert(struct kz_ranked_pool *pool, struct kz_ranked *set, struct kz_rank_key key);

/* Removes KEY, which is in SET. O(log n). */
void kz_ranked_remove(struct kz_ranked_pool *pool, struct kz_ranked *set, struct kz_rank_key key);

/* Returns: how many keys of SET come before KEY (which may be in SET or not). O(log n). */
uint32_t kz_ranked_rank(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                        struct kz_rank_key key);

/* Reads the key at RANK < count. O(log n). */
struct kz_rank_key kz_ranked_at(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                                uint32_t rank);

/* Copies up to CAPACITY keys from RANK on into OUT. Returns: how many. O(log n + copied). */
uint32_t kz_ranked_read(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                        uint32_t rank, struct kz_rank_key *out, uint32_t capacity);

/* Writes the pool to an image. The sets' own structs are their owner's to save. O(keys). */
void kz_ranked_pool_save(const struct kz_ranked_pool *pool, struct kz_image_writer *writer);

/* Reads a saved pool into POOL, which was just created; its chunks stay in the image's area, which
 * must outlive it. Returns: the reader's status; POOL is only good to be destroyed unless KZ_OK. */
enum kz_status kz_ranked_pool_open(struct kz_ranked_pool *pool, struct kz_image_reader *reader);

/* Bytes that the pool has allocated, for the budget and the metrics. */
uint64_t kz_ranked_pool_bytes(const struct kz_ranked_pool *pool);

#endif
