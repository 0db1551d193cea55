/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/tail_cache.h"

#include "statemachine/base/assert.h"
#include "statemachine/record/record.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64

size_t kz_batch_offset(const struct kz_batch *batch, uint32_t i)
{
    return i < batch->count ? batch->offsets[i] : batch->size;
}

struct kz_batch *kz_batch_slice(const struct kz_batch *batch, uint64_t first, uint64_t end)
{
    KZ_ASSERT(batch->first_index <= first && first < end && end <= kz_batch_end(batch));

    uint32_t from = (uint32_t)(first - batch->first_index);
    uint32_t to = (uint32_t)(end - batch->first_index);
    size_t size = kz_batch_offset(batch, to) - kz_batch_offset(batch, from);
    struct kz_batch *slice = kz_batch_create(first, to - from, size);
    if (slice == NULL) return NULL;
    for (uint32_t i = from; i < to; i++) {
        uint32_t record_size;
        const uint8_t *record = kz_batch_record(batch, i, &record_size);
        memcpy(kz_batch_add(slice, kz_batch_term(batch, i), record_size), record, record_size);
    }
    return slice;
}

static struct kz_batch *batch_at(const struct kz_tail_cache *cache, uint32_t i)
{
    return cache->batches[(cache->front + i) & (cache->capacity - 1)];
}

/* What BATCH takes of memory. */
static uint64_t cost_of(const struct kz_batch *batch)
{
    return sizeof *batch + batch->count_max * sizeof(uint32_t) + batch->capacity;
}

static int64_t last_time_of(const struct kz_batch *batch)
{
    uint32_t size;
    return kz_record_time(kz_batch_record(batch, batch->count - 1, &size));
}

void kz_tail_cache_init(struct kz_tail_cache *cache, uint64_t bytes_max)
{
    *cache = (struct kz_tail_cache){.bytes_max = bytes_max};
}

void kz_tail_cache_finish(struct kz_tail_cache *cache)
{
    for (uint32_t i = 0; i < cache->count; i++)
        kz_batch_release(batch_at(cache, i));
    free(cache->batches);
}

void kz_tail_cache_start(struct kz_tail_cache *cache, uint64_t floor, int64_t floor_time)
{
    KZ_ASSERT(cache->count == 0);
    cache->floor = floor;
    cache->floor_time = floor_time;
}

static enum kz_status grow(struct kz_tail_cache *cache)
{
    uint32_t capacity = cache->capacity == 0 ? CAPACITY_FIRST : cache->capacity * 2;
    struct kz_batch **batches = calloc(capacity, sizeof(struct kz_batch *));
    if (batches == NULL) return KZ_NO_MEMORY;

    for (uint32_t i = 0; i < cache->count; i++)
        batches[i] = batch_at(cache, i);
    free(cache->batches);
    cache->batches = batches;
    cache->capacity = capacity;
    cache->front = 0;
    return KZ_OK;
}

enum kz_status kz_tail_cache_append(struct kz_tail_cache *cache, struct kz_batch *batch)
{
    KZ_ASSERT(batch->count > 0);
    KZ_ASSERT(batch->first_index == kz_tail_cache_end(cache));

    if (cache->count == cache->capacity && grow(cache) != KZ_OK) return KZ_NO_MEMORY;
    cache->batches[(cache->front + cache->count) & (cache->capacity - 1)] = kz_batch_retain(batch);
    cache->count++;
    cache->bytes += cost_of(batch);
    return KZ_OK;
}

static void drop_last(struct kz_tail_cache *cache)
{
    struct kz_batch *batch = batch_at(cache, cache->count - 1);
    cache->bytes -= cost_of(batch);
    cache->count--;
    kz_batch_release(batch);
}

enum kz_status kz_tail_cache_truncate(struct kz_tail_cache *cache, uint64_t index)
{
    KZ_ASSERT(index > cache->floor);

    struct kz_batch *split = kz_tail_cache_find(cache, index);
    struct kz_batch *kept = NULL;
    if (split != NULL && split->first_index < index) {
        kept = kz_batch_slice(split, split->first_index, index);
        if (kept == NULL) return KZ_NO_MEMORY;
    }
    while (cache->count > 0 && kz_batch_end(batch_at(cache, cache->count - 1)) > index)
        drop_last(cache);
    if (kept == NULL) return KZ_OK;

    enum kz_status status = kz_tail_cache_append(cache, kept);
    kz_batch_release(kept);
    return status;
}

void kz_tail_cache_trim(struct kz_tail_cache *cache, uint64_t index)
{
    while (cache->count > 0 && cache->bytes > cache->bytes_max) {
        struct kz_batch *batch = batch_at(cache, 0);
        if (kz_batch_end(batch) - 1 > index) return;
        cache->floor = kz_batch_end(batch) - 1;
        cache->floor_time = last_time_of(batch);
        cache->bytes -= cost_of(batch);
        cache->front = (cache->front + 1) & (cache->capacity - 1);
        cache->count--;
        kz_batch_release(batch);
    }
}

struct kz_batch *kz_tail_cache_find(const struct kz_tail_cache *cache, uint64_t index)
{
    if (index <= cache->floor || index >= kz_tail_cache_end(cache)) return NULL;

    /* The batch sought lies in [low, high). */
    uint32_t low = 0;
    uint32_t high = cache->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (batch_at(cache, middle)->first_index <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return batch_at(cache, low);
}

uint64_t kz_tail_cache_end(const struct kz_tail_cache *cache)
{
    return cache->count == 0 ? cache->floor + 1 : kz_batch_end(batch_at(cache, cache->count - 1));
}

int64_t kz_tail_cache_time(const struct kz_tail_cache *cache)
{
    return cache->count == 0 ? cache->floor_time : last_time_of(batch_at(cache, cache->count - 1));
}
