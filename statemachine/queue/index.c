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
#include "statemachine/base/bytes.h"

#include <stdbool.h>

#define HEADS_SEGMENT_SHIFT 14 /* 64 KiB */
#define SPLITS_AHEAD        4
#define MEASURES_TAG        UINT32_C(0x58444e49) /* "INDX" */
#define MEASURES_SIZE       24

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

/* Asks for the records that splits will look at a few records from now, instead of waiting for
 * each: the first of a chain early, the second when the first has arrived. (Inlined by force, as
 * GCC takes a function that only prefetches for one without effect, and drops its calls.) */
static inline __attribute__((always_inline)) void prefetch_split(const struct kz_index *index)
{
    uint32_t buckets = index->heads.count;
    uint32_t far = index->split + 2 * SPLITS_AHEAD;
    uint32_t near = index->split + SPLITS_AHEAD;

    if (far >= buckets) return;
    uint32_t first = *head_at(index, far);
    if (first != KZ_NO_SLOT) __builtin_prefetch(kz_table_at(index->records, first));

    first = *head_at(index, near);
    uint32_t second = first == KZ_NO_SLOT ? first : *link_at(index, first);
    if (second != KZ_NO_SLOT) __builtin_prefetch(kz_table_at(index->records, second));
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
    if (index->count > index->heads.count) {
        split_bucket(index);
        prefetch_split(index);
    }
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

const void *kz_index_place(const struct kz_index *index, uint64_t hash)
{
    return head_at(index, bucket_of(index, hash));
}

uint32_t kz_index_next(const struct kz_index *index, uint32_t slot)
{
    return *link_at(index, slot);
}

uint64_t kz_index_bytes(const struct kz_index *index)
{
    return kz_table_bytes(&index->heads);
}

/*   OFFSET SIZE FIELD
 *        0    4 link offset
 *        4    4 level
 *        8    4 split
 *       12    4 count
 *       16    8 seed */
void kz_index_save(const struct kz_index *index, struct kz_image_writer *writer)
{
    uint8_t measures[MEASURES_SIZE];

    kz_put_u32(measures, index->link_offset);
    kz_put_u32(measures + 4, index->level);
    kz_put_u32(measures + 8, index->split);
    kz_put_u32(measures + 12, index->count);
    kz_put_u64(measures + 16, index->seed);
    kz_image_write(writer, MEASURES_TAG, measures, sizeof measures);
    kz_table_save(&index->heads, writer);
}

/* Returns: whether the measures are those of an index like INDEX with so many HEADS. */
static bool are_plausible(const struct kz_index *index, const uint8_t *measures, uint32_t heads)
{
    uint32_t level = kz_get_u32(measures + 4);
    uint32_t split = kz_get_u32(measures + 8);
    uint32_t count = kz_get_u32(measures + 12);

    if (kz_get_u32(measures) != index->link_offset) return false;
    if (kz_get_u64(measures + 16) != index->seed) return false;
    if (level > 31 || split >= UINT32_C(1) << level) return false;
    return heads == (UINT32_C(1) << level) + split && count <= heads &&
           count <= index->records->count;
}

enum kz_status kz_index_open(struct kz_index *index, struct kz_image_reader *reader)
{
    const uint8_t *measures = kz_image_read(reader, MEASURES_TAG, MEASURES_SIZE);
    if (measures == NULL) return reader->status;

    struct kz_table heads;
    kz_table_init(&heads, index->heads.allocator, sizeof(uint32_t), HEADS_SEGMENT_SHIFT);
    if (kz_table_open(&heads, reader) != KZ_OK) return reader->status;
    if (!are_plausible(index, measures, heads.count) || heads.count != heads.used) {
        kz_table_finish(&heads);
        return kz_image_reject(reader);
    }
    kz_table_finish(&index->heads);
    index->heads = heads;
    index->level = kz_get_u32(measures + 4);
    index->split = kz_get_u32(measures + 8);
    index->count = kz_get_u32(measures + 12);
    return KZ_OK;
}
