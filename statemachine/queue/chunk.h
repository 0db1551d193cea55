/* SPDX-License-Identifier: Apache-2.0 */
/* The chunks that ranked sets (ranked.h) are made of, and the pool that holds them.
 *
 *   a leaf:          count capacity | key key key …
 *   an inner chunk:  count capacity | key key key …         | weight weight weight …
 *                                     its slot is a child     keys below that child
 *
 * A chunk holds `count` entries in order, and has room for as many as its size class has: 4, 6, 8,
 * 12, 16, 24, 32, … Its class follows from its count alone, so every insertion and removal may move
 * it to another table: a chunk's name is good until it is next changed, and the functions here that
 * change one return its name from then on.
 *
 * Invariants:
 * 1. KZ_NO_CHUNK (0) is the empty chunk; no other has a count of zero.
 * 2. Names (class and slot) depend on the history; nothing else that can be seen here does. */
#ifndef KZ_CHUNK_H
#define KZ_CHUNK_H

#include "statemachine/queue/ranked.h"
#include "statemachine/queue/table.h"

#include <stdint.h>

#define KZ_NO_CHUNK        0
#define KZ_CHUNK_CLASSES   44 /* the largest class has room for 12 million entries */
#define KZ_CHUNK_SLOT_BITS 26

struct kz_chunk {
    uint32_t count;
    uint32_t capacity;
    struct kz_rank_key keys[];
};

struct kz_ranked_pool {
    const struct kz_allocator *allocator;
    struct kz_table leaves[KZ_CHUNK_CLASSES];
    struct kz_table inners[KZ_CHUNK_CLASSES];
};

static inline const struct kz_table *kz_chunk_table(const struct kz_ranked_pool *pool,
                                                    unsigned level, uint32_t chunk_class)
{
    return level == 0 ? &pool->leaves[chunk_class] : &pool->inners[chunk_class];
}

/* Returns: the chunk of that NAME, which is not KZ_NO_CHUNK. */
static inline struct kz_chunk *kz_chunk_at(const struct kz_ranked_pool *pool, unsigned level,
                                           uint32_t name)
{
    uint32_t slot = name & ((UINT32_C(1) << KZ_CHUNK_SLOT_BITS) - 1);
    return kz_table_at(kz_chunk_table(pool, level, (name >> KZ_CHUNK_SLOT_BITS) - 1), slot);
}

/* Returns: the weights of an inner chunk. */
static inline uint32_t *kz_chunk_weights(struct kz_chunk *chunk)
{
    return (uint32_t *)(void *)&chunk->keys[chunk->capacity];
}

/* Returns: how many keys of the set stand below the entries [FROM, TO). */
uint32_t kz_chunk_weigh(struct kz_chunk *chunk, unsigned level, uint32_t from, uint32_t to);

void kz_chunk_pool_init(struct kz_ranked_pool *pool, const struct kz_allocator *allocator);
void kz_chunk_pool_finish(struct kz_ranked_pool *pool);

/* Gives a chunk back whose entries are no longer needed. */
void kz_chunk_release(struct kz_ranked_pool *pool, unsigned level, uint32_t name);

/* Inserts an entry before entry AT ≤ count. WEIGHT is for an inner chunk. O(count). */
uint32_t kz_chunk_insert(struct kz_ranked_pool *pool, unsigned level, uint32_t name, uint32_t at,
                         struct kz_rank_key key, uint32_t weight);

/* Removes entry AT < count. O(count). */
uint32_t kz_chunk_remove(struct kz_ranked_pool *pool, unsigned level, uint32_t name, uint32_t at);

/* Cuts a chunk before entry AT, 0 < AT ≤ count. Returns: the left part's name. */
uint32_t kz_chunk_split(struct kz_ranked_pool *pool, unsigned level, uint32_t name, uint32_t at,
                        uint32_t *out_right);

/* Joins two chunks of one level, LEFT's entries first. */
uint32_t kz_chunk_join(struct kz_ranked_pool *pool, unsigned level, uint32_t left, uint32_t right);

#endif
