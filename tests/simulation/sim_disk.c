/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim_disk.h"

#include "node/core/memory.h"
#include "tests/simulation/sim_image.h"

#include <string.h>

#define RESULTS_PER_BLOCK 1024

static void truncate(struct kz_sim_disk *disk, uint64_t from)
{
    while (disk->last >= from)
        free(disk->entries[--disk->last].record);
}

void kz_sim_disk_clear(struct kz_sim_disk *disk)
{
    truncate(disk, 1);
    free(disk->entries);
    free(disk->results);
    kz_sim_image_clear(disk);
    *disk = (struct kz_sim_disk){0};
}

static void append(struct kz_sim_disk *disk, uint64_t term, const uint8_t *record, uint32_t size)
{
    if (disk->last == disk->capacity) {
        disk->capacity = disk->capacity * 2 + 64;
        disk->entries = kz_memory_resize(disk->entries, disk->capacity * sizeof(disk->entries[0]));
        disk->results = kz_memory_resize(disk->results, disk->capacity);
    }
    struct kz_sim_entry *entry = &disk->entries[disk->last++];
    *entry =
        (struct kz_sim_entry){.term = term, .size = size, .record = kz_memory_resize(NULL, size)};
    memcpy(entry->record, record, size);
}

void kz_sim_disk_write(struct kz_sim_disk *disk, const struct kz_write_order *order)
{
    if (order->drop_from > 0) {
        KZ_ASSERT(order->drop_from > disk->applied);
        truncate(disk, order->drop_from);
    }
    const struct kz_batch *batch = order->batch;
    for (uint32_t i = 0; batch != NULL && i < batch->count; i++) {
        uint32_t size;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        KZ_ASSERT(batch->first_index + i == disk->last + 1);
        append(disk, kz_batch_term(batch, i), record, size);
    }
    for (uint32_t i = 0; i < order->result_count; i++) {
        KZ_ASSERT(order->result_first + i == disk->applied + 1 && disk->applied < disk->last);
        KZ_ASSERT(order->results[i] < KZ_RESULT_END);
        disk->results[disk->applied++] = order->results[i];
    }
}

struct kz_batch *kz_sim_disk_read(const struct kz_sim_disk *disk, uint64_t first,
                                  uint32_t count_max, size_t size_max)
{
    if (first == 0 || first > disk->last) return NULL;

    size_t size = 0;
    uint32_t count = 0;
    while (count < count_max && first + count <= disk->last) {
        size_t more = KZ_ENTRY_PREFIX_SIZE + disk->entries[first + count - 1].size;
        if (count > 0 && size + more > size_max) break;
        size += more;
        count++;
    }
    struct kz_batch *batch = kz_batch_create(first, count, size);
    for (uint32_t i = 0; i < count; i++) {
        const struct kz_sim_entry *entry = &disk->entries[first + i - 1];
        memcpy(kz_batch_add(batch, entry->term, entry->size), entry->record, entry->size);
    }
    return batch;
}

bool kz_sim_disk_examine(const struct kz_sim_disk *disk, const struct kz_load_order *order,
                         struct kz_fault *out_fault)
{
    for (uint64_t i = order->first; i < order->first + order->count_max && i <= disk->last; i++) {
        const struct kz_sim_entry *entry = &disk->entries[i - 1];
        if (!entry->record_rots && !entry->leaf_rots) continue;
        out_fault->index = i;
        out_fault->count = 1;
        out_fault->damage = !entry->leaf_rots    ? KZ_DAMAGE_RECORD
                            : entry->record_rots ? KZ_DAMAGE_BOTH
                                                 : KZ_DAMAGE_LEAF;
        return false;
    }
    uint64_t end = order->first + order->count_max;
    bool rots = disk->results_rot > 0 && disk->results_rot + RESULTS_PER_BLOCK > order->first &&
                disk->results_rot < end;
    if (!order->with_results || !rots) return true;
    *out_fault = (struct kz_fault){KZ_DAMAGE_RESULTS, disk->results_rot, RESULTS_PER_BLOCK};
    return false;
}

static enum kz_status repair_results(struct kz_sim_disk *disk, const struct kz_repair_order *order)
{
    KZ_ASSERT(order->index == disk->results_rot && order->count == RESULTS_PER_BLOCK);
    memcpy(disk->results + order->index - 1, order->results, order->count);
    disk->results_rot = 0;
    return KZ_OK;
}

enum kz_status kz_sim_disk_repair(struct kz_sim_disk *disk, const struct kz_repair_order *order)
{
    if (order->results != NULL) return repair_results(disk, order);
    if (order->index > disk->last) return KZ_NOT_FOUND;

    struct kz_sim_entry *entry = &disk->entries[order->index - 1];
    if (entry->record_rots) {
        uint32_t size;
        if (order->entry == NULL) return KZ_MISMATCH;
        const uint8_t *record = kz_batch_record(order->entry, 0, &size);
        if (kz_batch_term(order->entry, 0) != entry->term) return KZ_MISMATCH;
        bool same = size == entry->size && memcmp(record, entry->record, size) == 0;
        if (!same && !(entry->leaf_rots && order->is_proven)) return KZ_MISMATCH;
        if (entry->leaf_rots && !order->is_proven) return KZ_MISMATCH;
        entry->record = kz_memory_resize(entry->record, size);
        memcpy(entry->record, record, size);
        entry->size = size;
    }
    entry->record_rots = entry->leaf_rots = false;
    return KZ_OK;
}

struct kz_term_run *kz_sim_disk_runs(const struct kz_sim_disk *disk, uint32_t *out_count)
{
    struct kz_term_run *runs = kz_memory_resize(NULL, (disk->last + 1) * sizeof(*runs));
    uint32_t count = 0;
    for (uint64_t i = 0; i < disk->last; i++) {
        if (i > 0 && disk->entries[i].term == disk->entries[i - 1].term) continue;
        runs[count++] = (struct kz_term_run){i + 1, disk->entries[i].term};
    }
    *out_count = count;
    return runs;
}
