/* SPDX-License-Identifier: Apache-2.0 */
/* Ranked sets as trees whose shape follows from the keys (ranked.h).
 *
 * A hash of each key gives it a height: 0 for 31 keys of 32, 1 for most others, and so on. A key of
 * height h closes its chunk on the levels 0 … h−1: it is the last of its leaf, and the entry that
 * it stands for on level l is the last of its inner chunk for l < h. Behind the last closing key
 * stands one more chunk on each level, closed by no key: its entry has the sentinel, which is
 * behind all keys. So with B of height 1 and D of height 2:
 *
 *   level 2   [ D:4 ∞:2 ]
 *   level 1   [ B:2 D:2 ] [ ∞:2 ]
 *   level 0   [ A B ] [ C D ] [ E F ]
 *
 * A set is as high as its highest key, its top is one chunk. To insert a key of height h is to
 * insert it into its leaf, then to cut the h lowest chunks on its path behind it; to remove it is
 * to join them again. All else on the path only counts.
 *
 * Invariants:
 * 1. An entry's key is not before any key below it, and before every key below the next entry.
 * 2. An entry's weight is the number of keys below it; a set's count that of all.
 * 3. Only a set's last leaf may be empty (when its last key closes the chunk before).
 * 4. A chunk's expected length is 32; that one is longer than n happens with probability
 *    (31/32)^n: 2^-47 for n = 1,024. A longer one is slower (it is copied whole), not wrong. */
#include "statemachine/queue/ranked.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"
#include "statemachine/queue/chunk.h"
#include "statemachine/queue/seek.h"

#include <string.h>

#define HEIGHT_BITS 5 /* one key of 2^5 closes a chunk */
#define HEIGHT_MAX  12

static const struct kz_rank_key sentinel = {INT64_MAX, UINT32_MAX, 0};

/* Where a key's path goes: on each level the chunk, and the entry in it at which the path goes on
 * (or, in the leaf, the first key that is not before the path's). */
struct path {
    uint32_t chunk[HEIGHT_MAX + 1];
    uint32_t at[HEIGHT_MAX + 1];
};

/* Depends on the key alone, never on a node's seed: it decides the shape. */
static unsigned height_of(struct kz_rank_key key)
{
    uint8_t bytes[12];
    kz_put_u64(bytes, (uint64_t)key.applied_at);
    kz_put_u32(bytes + 8, key.number);

    uint64_t hash = kz_checksum(bytes, sizeof bytes) | UINT64_C(1) << (HEIGHT_BITS * HEIGHT_MAX);
    return (unsigned)__builtin_ctzll(hash) / HEIGHT_BITS;
}

/* One step of the way down: an inner chunk and the entry in it below which KEY belongs. */
struct turn {
    struct kz_chunk *chunk;
    uint32_t at;
    uint32_t child;
    uint32_t weight;
};

static const struct kz_bounds unbounded = {INT64_MIN, INT64_MAX};

/* Finds KEY's way through the inner chunk of that NAME; BOUNDS become those of the child. */
static struct turn turn_at(const struct kz_ranked_pool *pool, unsigned level, uint32_t name,
                           const struct kz_rank_key *key, struct kz_bounds *bounds)
{
    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);
    uint32_t at = kz_seek(chunk->keys, chunk->count - 1, key, *bounds); /* the last is behind KEY */

    if (at > 0) bounds->low = chunk->keys[at - 1].applied_at;
    bounds->high = chunk->keys[at].applied_at;
    return (struct turn){chunk, at, chunk->keys[at].slot, kz_chunk_weights(chunk)[at]};
}

/* The leaf's count is known from its parent: its own header, not in the cache, is not waited for.
 */
static uint32_t seek_in_leaf(const struct kz_ranked_pool *pool, uint32_t name, uint32_t count,
                             const struct kz_rank_key *key, struct kz_bounds bounds)
{
    return count == 0 ? 0 : kz_seek(kz_chunk_at(pool, 0, name)->keys, count, key, bounds);
}

static void descend(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                    const struct kz_rank_key *key, struct path *out_path)
{
    struct kz_bounds bounds = unbounded;
    uint32_t name = set->root;
    uint32_t count = set->count;

    for (unsigned level = set->height; level > 0; level--) {
        struct turn turn = turn_at(pool, level, name, key, &bounds);
        out_path->chunk[level] = name;
        out_path->at[level] = turn.at;
        name = turn.child;
        count = turn.weight;
    }
    out_path->chunk[0] = name;
    out_path->at[0] = seek_in_leaf(pool, name, count, key, bounds);
}

/* Returns: whether the path ends at KEY itself. */
static bool is_there(const struct kz_ranked_pool *pool, const struct path *path,
                     const struct kz_rank_key *key)
{
    if (path->chunk[0] == KZ_NO_CHUNK) return false;

    const struct kz_chunk *leaf = kz_chunk_at(pool, 0, path->chunk[0]);
    const struct kz_rank_key *found = &leaf->keys[path->at[0]];
    return path->at[0] < leaf->count && found->applied_at == key->applied_at &&
           found->number == key->number;
}

/* Sets what an entry of an inner chunk stands for. */
static void set_child(struct kz_chunk *chunk, uint32_t at, uint32_t child, uint32_t weight)
{
    chunk->keys[at].slot = child;
    kz_chunk_weights(chunk)[at] = weight;
}

static uint32_t weight_of(const struct kz_ranked_pool *pool, unsigned level, uint32_t name)
{
    if (name == KZ_NO_CHUNK) return 0;

    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);
    return kz_chunk_weigh(chunk, level, 0, chunk->count);
}

struct kz_ranked_pool *kz_ranked_pool_create(const struct kz_allocator *allocator)
{
    struct kz_ranked_pool *pool = allocator->allocate(allocator->context, sizeof *pool);
    kz_chunk_pool_init(pool, allocator);
    return pool;
}

void kz_ranked_pool_destroy(struct kz_ranked_pool *pool)
{
    if (pool == NULL) return;
    kz_chunk_pool_finish(pool);
    pool->allocator->release(pool->allocator->context, pool, sizeof *pool);
}

/* Adds levels until SET is at least HEIGHT high. */
static void grow(struct kz_ranked_pool *pool, struct kz_ranked *set, unsigned height)
{
    while (set->height < height) {
        struct kz_rank_key entry = sentinel;
        entry.slot = set->root;
        set->height++;
        set->root = kz_chunk_insert(pool, set->height, KZ_NO_CHUNK, 0, entry, set->count);
    }
}

/* Drops the levels on which no key closes a chunk any more. */
static void shrink(struct kz_ranked_pool *pool, struct kz_ranked *set)
{
    while (set->height > 0) {
        const struct kz_chunk *top = kz_chunk_at(pool, set->height, set->root);
        if (top->count > 1) return;

        uint32_t child = top->keys[0].slot;
        kz_chunk_release(pool, set->height, set->root);
        set->root = child;
        set->height--;
    }
}

/* Counts a change of one key, below whose chunk on LEVEL − 1 is now CHILD, from LEVEL to the top.
 */
static void count_upwards(struct kz_ranked_pool *pool, struct kz_ranked *set,
                          const struct path *path, unsigned level, uint32_t child, uint32_t change)
{
    for (; level <= set->height; level++) {
        struct kz_chunk *chunk = kz_chunk_at(pool, level, path->chunk[level]);
        uint32_t at = path->at[level];
        set_child(chunk, at, child, kz_chunk_weights(chunk)[at] + change);
        child = path->chunk[level];
    }
    set->root = child;
    set->count += change;
}

void kz_ranked_insert(struct kz_ranked_pool *pool, struct kz_ranked *set, struct kz_rank_key key)
{
    unsigned height = height_of(key);
    struct path path;

    grow(pool, set, height);
    descend(pool, set, &key, &path);
    KZ_ASSERT(!is_there(pool, &path, &key));
    uint32_t name = kz_chunk_insert(pool, 0, path.chunk[0], path.at[0], key, 1);

    for (unsigned level = 0; level < height; level++) {
        uint32_t right;
        uint32_t left = kz_chunk_split(pool, level, name, path.at[level] + 1, &right);
        uint32_t left_weight = weight_of(pool, level, left);
        uint32_t right_weight = weight_of(pool, level, right);
        struct kz_rank_key entry = {key.applied_at, key.number, left};

        uint32_t at = path.at[level + 1];
        name = path.chunk[level + 1];
        set_child(kz_chunk_at(pool, level + 1, name), at, right, right_weight);
        name = kz_chunk_insert(pool, level + 1, name, at, entry, left_weight);
    }
    count_upwards(pool, set, &path, height + 1, name, 1);
}

/* Finds for each level below LEVEL the chunk that follows PATH's: the leftmost below the entry that
 * follows PATH's on LEVEL. */
static void find_followers(const struct kz_ranked_pool *pool, const struct path *path,
                           unsigned level, uint32_t out_followers[static HEIGHT_MAX])
{
    const struct kz_chunk *chunk = kz_chunk_at(pool, level, path->chunk[level]);
    uint32_t name = chunk->keys[path->at[level] + 1].slot;

    while (level-- > 0) {
        out_followers[level] = name;
        if (level > 0) name = kz_chunk_at(pool, level, name)->keys[0].slot;
    }
}

void kz_ranked_remove(struct kz_ranked_pool *pool, struct kz_ranked *set, struct kz_rank_key key)
{
    unsigned height = height_of(key);
    struct path path;
    uint32_t followers[HEIGHT_MAX];

    KZ_ASSERT(height <= set->height);
    descend(pool, set, &key, &path);
    KZ_ASSERT(is_there(pool, &path, &key));
    if (height > 0) find_followers(pool, &path, height, followers);
    uint32_t name = kz_chunk_remove(pool, 0, path.chunk[0], path.at[0]);

    for (unsigned level = 0; level < height; level++) {
        name = kz_chunk_join(pool, level, name, followers[level]);
        uint32_t weight = weight_of(pool, level, name);
        uint32_t at = path.at[level + 1];
        uint32_t parent = kz_chunk_remove(pool, level + 1, path.chunk[level + 1], at);

        if (level + 1 < height) {
            set_child(kz_chunk_at(pool, level + 1, followers[level + 1]), 0, name, weight);
        } else {
            set_child(kz_chunk_at(pool, level + 1, parent), at, name, weight);
        }
        name = parent;
    }
    count_upwards(pool, set, &path, height + 1, name, UINT32_MAX);
    shrink(pool, set);
}

uint32_t kz_ranked_rank(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                        struct kz_rank_key key)
{
    struct kz_bounds bounds = unbounded;
    uint32_t name = set->root;
    uint32_t count = set->count;
    uint32_t rank = 0;

    for (unsigned level = set->height; level > 0; level--) {
        struct turn turn = turn_at(pool, level, name, &key, &bounds);
        rank += kz_chunk_weigh(turn.chunk, level, 0, turn.at);
        name = turn.child;
        count = turn.weight;
    }
    return rank + seek_in_leaf(pool, name, count, &key, bounds);
}

/* Finds the leaf with the key at RANK < count. OUT_AT: where in it. */
static const struct kz_chunk *leaf_at(const struct kz_ranked_pool *pool,
                                      const struct kz_ranked *set, uint32_t rank, uint32_t *out_at)
{
    uint32_t name = set->root;

    KZ_ASSERT(rank < set->count);
    for (unsigned level = set->height; level > 0; level--) {
        struct kz_chunk *chunk = kz_chunk_at(pool, level, name);
        const uint32_t *weights = kz_chunk_weights(chunk);
        uint32_t at = 0;
        while (rank >= weights[at])
            rank -= weights[at++];
        name = chunk->keys[at].slot;
    }
    *out_at = rank;
    return kz_chunk_at(pool, 0, name);
}

struct kz_rank_key kz_ranked_at(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                                uint32_t rank)
{
    uint32_t at;
    const struct kz_chunk *leaf = leaf_at(pool, set, rank, &at);
    return leaf->keys[at];
}

uint32_t kz_ranked_read(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                        uint32_t rank, struct kz_rank_key *out, uint32_t capacity)
{
    uint32_t copied = 0;

    while (copied < capacity && rank < set->count) {
        uint32_t at;
        const struct kz_chunk *leaf = leaf_at(pool, set, rank, &at);
        uint32_t count = leaf->count - at;
        if (count > capacity - copied) count = capacity - copied;
        memcpy(out + copied, leaf->keys + at, count * sizeof *out);
        copied += count;
        rank += count;
    }
    return copied;
}

uint64_t kz_ranked_pool_bytes(const struct kz_ranked_pool *pool)
{
    uint64_t bytes = sizeof *pool;

    for (uint32_t i = 0; i < KZ_CHUNK_CLASSES; i++) {
        bytes += kz_table_bytes(&pool->leaves[i]) + kz_table_bytes(&pool->inners[i]);
    }
    return bytes;
}

void kz_ranked_pool_save(const struct kz_ranked_pool *pool, struct kz_image_writer *writer)
{
    for (uint32_t i = 0; i < KZ_CHUNK_CLASSES; i++) {
        kz_table_save(&pool->leaves[i], writer);
        kz_table_save(&pool->inners[i], writer);
    }
}

enum kz_status kz_ranked_pool_open(struct kz_ranked_pool *pool, struct kz_image_reader *reader)
{
    for (uint32_t i = 0; i < KZ_CHUNK_CLASSES; i++) {
        if (kz_table_open(&pool->leaves[i], reader) != KZ_OK) break;
        if (kz_table_open(&pool->inners[i], reader) != KZ_OK) break;
    }
    return reader->status;
}
