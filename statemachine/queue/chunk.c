/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of ranked sets and their size classes (chunk.h). */
#include "statemachine/queue/chunk.h"

#include "statemachine/base/assert.h"

#include <string.h>

#define SEGMENT_SIZE_MAX (64 * 1024)

static uint32_t capacity_of(uint32_t chunk_class)
{
    return (chunk_class % 2 == 0 ? UINT32_C(4) : UINT32_C(6)) << (chunk_class / 2);
}

/* Returns: the smallest class with room for COUNT > 0 entries. */
static uint32_t class_of(uint32_t count)
{
    if (count <= 4) return 0;

    uint32_t octave = 31 - (uint32_t)__builtin_clz(count - 1); /* 2^octave < count ≤ 2^(octave+1) */
    uint32_t chunk_class = 2 * (octave - 2) + (count <= UINT32_C(3) << (octave - 1) ? 1 : 2);
    KZ_ASSERT(chunk_class < KZ_CHUNK_CLASSES);
    return chunk_class;
}

static uint32_t record_size(unsigned level, uint32_t capacity)
{
    size_t entry = sizeof(struct kz_rank_key) + (level == 0 ? 0 : sizeof(uint32_t));
    return (uint32_t)(sizeof(struct kz_chunk) + capacity * entry);
}

static struct kz_table *table_of(struct kz_ranked_pool *pool, unsigned level, uint32_t chunk_class)
{
    return level == 0 ? &pool->leaves[chunk_class] : &pool->inners[chunk_class];
}

void kz_chunk_pool_init(struct kz_ranked_pool *pool, const struct kz_allocator *allocator)
{
    pool->allocator = allocator;
    for (unsigned level = 0; level < 2; level++) {
        for (uint32_t i = 0; i < KZ_CHUNK_CLASSES; i++) {
            uint32_t size = record_size(level, capacity_of(i));
            uint8_t shift = 0;
            while ((uint64_t)size << (shift + 1) <= SEGMENT_SIZE_MAX)
                shift++;
            kz_table_init(table_of(pool, level, i), allocator, size, shift);
        }
    }
}

void kz_chunk_pool_finish(struct kz_ranked_pool *pool)
{
    for (uint32_t i = 0; i < KZ_CHUNK_CLASSES; i++) {
        kz_table_finish(&pool->leaves[i]);
        kz_table_finish(&pool->inners[i]);
    }
}

static uint32_t create(struct kz_ranked_pool *pool, unsigned level, uint32_t count)
{
    uint32_t chunk_class = class_of(count);
    uint32_t slot = kz_table_add(table_of(pool, level, chunk_class));
    KZ_ASSERT(slot < UINT32_C(1) << KZ_CHUNK_SLOT_BITS);

    uint32_t name = (chunk_class + 1) << KZ_CHUNK_SLOT_BITS | slot;
    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);
    chunk->count = count;
    chunk->capacity = capacity_of(chunk_class);
    return name;
}

void kz_chunk_release(struct kz_ranked_pool *pool, unsigned level, uint32_t name)
{
    uint32_t slot = name & ((UINT32_C(1) << KZ_CHUNK_SLOT_BITS) - 1);
    kz_table_remove(table_of(pool, level, (name >> KZ_CHUNK_SLOT_BITS) - 1), slot);
}

/* Copies COUNT entries; the ranges may overlap when both chunks are one. */
static void copy_entries(unsigned level, struct kz_chunk *to, uint32_t to_at, struct kz_chunk *from,
                         uint32_t from_at, uint32_t count)
{
    memmove(to->keys + to_at, from->keys + from_at, count * sizeof *to->keys);
    if (level > 0) {
        memmove(kz_chunk_weights(to) + to_at, kz_chunk_weights(from) + from_at,
                count * sizeof(uint32_t));
    }
}

uint32_t kz_chunk_weigh(struct kz_chunk *chunk, unsigned level, uint32_t from, uint32_t to)
{
    if (level == 0) return to - from;

    const uint32_t *weights = kz_chunk_weights(chunk);
    uint32_t sum = 0;
    for (uint32_t i = from; i < to; i++)
        sum += weights[i];
    return sum;
}

uint32_t kz_chunk_insert(struct kz_ranked_pool *pool, unsigned level, uint32_t name, uint32_t at,
                         struct kz_rank_key key, uint32_t weight)
{
    struct kz_chunk *old = name == KZ_NO_CHUNK ? NULL : kz_chunk_at(pool, level, name);
    struct kz_chunk *chunk = old;
    uint32_t count = old == NULL ? 0 : old->count;
    uint32_t old_name = name;

    if (old == NULL || count == old->capacity) {
        name = create(pool, level, count + 1);
        chunk = kz_chunk_at(pool, level, name);
        if (old != NULL) copy_entries(level, chunk, 0, old, 0, at);
    }
    if (old != NULL) copy_entries(level, chunk, at + 1, old, at, count - at);
    if (old != NULL && chunk != old) kz_chunk_release(pool, level, old_name);

    chunk->count = count + 1;
    chunk->keys[at] = key;
    if (level > 0) kz_chunk_weights(chunk)[at] = weight;
    return name;
}

/* Moves the entries [FROM, FROM + COUNT) of a chunk into a new one; the old one stays. */
static uint32_t copy_part(struct kz_ranked_pool *pool, unsigned level, struct kz_chunk *chunk,
                          uint32_t from, uint32_t count)
{
    if (count == 0) return KZ_NO_CHUNK;

    uint32_t name = create(pool, level, count);
    copy_entries(level, kz_chunk_at(pool, level, name), 0, chunk, from, count);
    return name;
}

/* Lets a chunk keep its first COUNT entries. */
static uint32_t truncate(struct kz_ranked_pool *pool, unsigned level, uint32_t name, uint32_t count)
{
    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);

    if (count > 0 && capacity_of(class_of(count)) == chunk->capacity) {
        chunk->count = count;
        return name;
    }
    uint32_t shorter = copy_part(pool, level, chunk, 0, count);
    kz_chunk_release(pool, level, name);
    return shorter;
}

uint32_t kz_chunk_remove(struct kz_ranked_pool *pool, unsigned level, uint32_t name, uint32_t at)
{
    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);

    copy_entries(level, chunk, at, chunk, at + 1, chunk->count - at - 1);
    return truncate(pool, level, name, chunk->count - 1);
}

uint32_t kz_chunk_split(struct kz_ranked_pool *pool, unsigned level, uint32_t name, uint32_t at,
                        uint32_t *out_right)
{
    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);

    *out_right = copy_part(pool, level, chunk, at, chunk->count - at);
    return truncate(pool, level, name, at);
}

uint32_t kz_chunk_join(struct kz_ranked_pool *pool, unsigned level, uint32_t left, uint32_t right)
{
    if (left == KZ_NO_CHUNK) return right;
    if (right == KZ_NO_CHUNK) return left;

    struct kz_chunk *first = kz_chunk_at(pool, level, left);
    struct kz_chunk *second = kz_chunk_at(pool, level, right);
    uint32_t name = create(pool, level, first->count + second->count);
    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);
    copy_entries(level, chunk, 0, first, 0, first->count);
    copy_entries(level, chunk, first->count, second, 0, second->count);
    kz_chunk_release(pool, level, left);
    kz_chunk_release(pool, level, right);
    return name;
}
