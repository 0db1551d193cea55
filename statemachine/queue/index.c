/* SPDX-License-Identifier: Apache-2.0 */
/* Linear hashing (index.h).
 *
 *   level 2, split 1:   buckets 0 and 4 by three bits of the hash, 1 2 3 still by two
 *
 *   [0][1][2][3] | [4]        the next split takes bucket 1 apart into 1 and 5
 *
 * Invariants:
 * 1. There are 2^level + split buckets, split < 2^level.
 * 2. count ≤ buckets: the load is at most one record a bucket. Buckets are never joined again. */
#include "statemachine/queue/index.h"

#include "statemachine/base/assert.h"

#define HEADS_SEGMENT_SHIFT 14 /* 64 KiB */

static uint32_t *head_at(const struct kz_index *index, uint32_t bucket)
{
    return kz_table_at(&index->heads, bucket);
}

static uint32_t *link_at(const struct kz_index *index, uint32_t slot)
{
    uint8_t *record = kz_table_at(index->records, slot);
    return (uint32_t *)(void *)(record + index->link_offset);
}

static uint64_t hash_at(const struct kz_index *index, uint32_t slot)
{
    return index->hash(kz_table_at(index->records, slot), index->seed);
}

static uint32_t bucket_of(const struct kz_index *index, uint64_t hash)
{
    uint32_t mask = (UINT32_C(1) << index->level) - 1;
    uint32_t bucket = (uint32_t)hash & mask;

    return bucket < index->split ? (uint32_t)hash & (2 * mask + 1) : bucket;
}

static void push(struct kz_index *index, uint32_t bucket, uint32_t slot)
{
    uint32_t *head = head_at(index, bucket);

    *link_at(index, slot) = *head;
    *head = slot;
}

static void add_bucket(struct kz_index *index)
{
    uint32_t bucket = kz_table_add(&index->heads);
    *head_at(index, bucket) = KZ_NO_SLOT;
}

/* Takes the bucket at `split` apart by one more bit of the hash. */
static void split_bucket(struct kz_index *index)
{
    uint32_t *head = head_at(index, index->split);
    uint32_t slot = *head;

    *head = KZ_NO_SLOT;
    add_bucket(index);
    index->split++;
    while (slot != KZ_NO_SLOT) {
        uint32_t next = *link_at(index, slot);
        push(index, bucket_of(index, hash_at(index, slot)), slot);
        slot = next;
    }
    if (index->split == UINT32_C(1) << index->level) {
        index->level++;
        index->split = 0;
    }
}

void kz_index_init(struct kz_index *index, struct kz_table *records, uint32_t link_offset,
                   uint64_t (*hash)(const void *record, uint64_t seed), uint64_t seed)
{
    KZ_ASSERT(link_offset % 4 == 0 && link_offset + 4 <= records->record_size);
    *index = (struct kz_index){
        .records = records, .link_offset = link_offset, .hash = hash, .seed = seed};
    kz_table_init(&index->heads, records->allocator, sizeof(uint32_t), HEADS_SEGMENT_SHIFT);
    add_bucket(index);
}

void kz_index_finish(struct kz_index *index)
{
    kz_table_finish(&index->heads);
    *index = (struct kz_index){.records = index->records};
}

void kz_index_add(struct kz_index *index, uint32_t slot)
{
    push(index, bucket_of(index, hash_at(index, slot)), slot);
    index->count++;
    if (index->count > index->heads.count) split_bucket(index);
}

void kz_index_remove(struct kz_index *index, uint32_t slot)
{
    uint32_t *place = head_at(index, bucket_of(index, hash_at(index, slot)));

    while (*place != slot) {
        KZ_ASSERT(*place != KZ_NO_SLOT);
        place = link_at(index, *place);
    }
    *place = *link_at(index, slot);
    index->count--;
}

uint32_t kz_index_first(const struct kz_index *index, uint64_t hash)
{
    return *head_at(index, bucket_of(index, hash));
}

uint32_t kz_index_next(const struct kz_index *index, uint32_t slot)
{
    return *link_at(index, slot);
}

uint64_t kz_index_bytes(const struct kz_index *index)
{
    return kz_table_bytes(&index->heads);
}
