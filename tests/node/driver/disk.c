/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/node/driver/disk.h"

#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    KZ_ASSERT(memory != NULL);
    return memory;
}

void kz_disk_init(struct kz_disk *disk)
{
    *disk = (struct kz_disk){0};
}

static void drop_from(struct kz_disk *disk, uint64_t index)
{
    KZ_ASSERT(index > disk->applied);
    while (disk->last_index >= index) {
        disk->last_index--;
        kz_batch_release(disk->entries[disk->last_index].batch);
    }
}

void kz_disk_finish(struct kz_disk *disk)
{
    kz_disk_crash(disk);
    disk->applied = 0;
    drop_from(disk, 1);
    free(disk->entries);
}

void kz_disk_queue(struct kz_disk *disk, uint64_t drop_from_index, struct kz_batch *batch)
{
    struct kz_disk_write *write = must(malloc(sizeof *write));
    *write = (struct kz_disk_write){drop_from_index, kz_batch_retain(batch), NULL};
    if (disk->last_write == NULL) {
        disk->first_write = write;
    } else {
        disk->last_write->next = write;
    }
    disk->last_write = write;
}

static struct kz_batch *take_write(struct kz_disk *disk, uint64_t *out_drop_from)
{
    struct kz_disk_write *write = disk->first_write;
    if (write == NULL) return NULL;

    disk->first_write = write->next;
    if (disk->first_write == NULL) disk->last_write = NULL;
    struct kz_batch *batch = write->batch;
    *out_drop_from = write->drop_from;
    free(write);
    return batch;
}

void kz_disk_add(struct kz_disk *disk, struct kz_batch *batch, uint32_t place)
{
    KZ_ASSERT(batch->first_index + place == disk->last_index + 1);
    if (disk->last_index == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 1024 : disk->capacity * 2;
        disk->entries = must(realloc(disk->entries, disk->capacity * sizeof(struct kz_disk_entry)));
    }
    disk->entries[disk->last_index++] = (struct kz_disk_entry){kz_batch_retain(batch), place};
}

struct kz_batch *kz_disk_sync(struct kz_disk *disk)
{
    uint64_t drop = 0;
    struct kz_batch *batch = take_write(disk, &drop);
    if (batch == NULL) return NULL;
    if (drop > 0) drop_from(disk, drop);
    for (uint32_t i = 0; i < batch->count; i++)
        kz_disk_add(disk, batch, i);
    return batch;
}

void kz_disk_crash(struct kz_disk *disk)
{
    uint64_t drop;
    struct kz_batch *batch;
    while ((batch = take_write(disk, &drop)) != NULL)
        kz_batch_release(batch);
}

const uint8_t *kz_disk_record(const struct kz_disk *disk, uint64_t index, uint32_t *out_size)
{
    KZ_ASSERT(index > 0 && index <= disk->last_index);
    const struct kz_disk_entry *entry = &disk->entries[index - 1];
    return kz_batch_record(entry->batch, entry->place, out_size);
}

uint64_t kz_disk_term(const struct kz_disk *disk, uint64_t index)
{
    KZ_ASSERT(index > 0 && index <= disk->last_index);
    const struct kz_disk_entry *entry = &disk->entries[index - 1];
    return kz_batch_term(entry->batch, entry->place);
}

struct kz_batch *kz_disk_read(const struct kz_disk *disk, uint64_t first, uint32_t count_max,
                              size_t size_max)
{
    uint32_t count = 0;
    size_t total = 0;
    while (count < count_max && first + count <= disk->last_index) {
        uint32_t size;
        kz_disk_record(disk, first + count, &size);
        if (count > 0 && total + KZ_ENTRY_PREFIX_SIZE + size > size_max) break;
        total += KZ_ENTRY_PREFIX_SIZE + size;
        count++;
    }
    if (count == 0) return NULL;

    struct kz_batch *batch = must(kz_batch_create(first, count, total));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        const uint8_t *record = kz_disk_record(disk, first + i, &size);
        memcpy(kz_batch_add(batch, kz_disk_term(disk, first + i), size), record, size);
    }
    return batch;
}

/* ---- What a driver is started with ---- */

static void find_runs(const struct kz_disk *disk, struct kz_driver_start *start)
{
    struct kz_term_run *runs = NULL;
    uint32_t count = 0;
    for (uint64_t i = 1; i <= disk->last_index; i++) {
        uint64_t term = kz_disk_term(disk, i);
        if (count > 0 && runs[count - 1].term == term) continue;
        if ((count & (count - 1)) == 0) {
            runs = must(realloc(runs, (count == 0 ? 1 : 2 * count) * sizeof *runs));
        }
        runs[count++] = (struct kz_term_run){i, term};
    }
    start->runs = runs;
    start->run_count = count;
}

static void find_membership(const struct kz_disk *disk, struct kz_driver_start *start)
{
    for (uint64_t i = disk->applied; i > 0 && start->membership == NULL; i--) {
        uint32_t size;
        const uint8_t *record = kz_disk_record(disk, i, &size);
        if (kz_record_type(record) != KZ_MEMBERSHIP) continue;
        start->membership = record;
        start->membership_size = size;
        start->membership_index = i;
    }
}

static void find_tail(const struct kz_disk *disk, struct kz_driver_start *start)
{
    uint64_t count = disk->last_index - disk->applied;
    struct kz_batch **tail = must(calloc(count + 1, sizeof(struct kz_batch *)));
    for (uint64_t next = disk->applied + 1; next <= disk->last_index;) {
        struct kz_batch *batch = kz_disk_read(disk, next, UINT32_MAX, 1u << 20);
        tail[start->tail_count++] = batch;
        next = kz_batch_end(batch);
    }
    start->tail = tail;
}

struct kz_driver_start kz_disk_start(const struct kz_disk *disk)
{
    struct kz_driver_start start = {
        .vote = disk->vote, .applied = disk->applied, .last_index = disk->last_index};
    if (disk->applied > 0) {
        uint32_t size;
        start.applied_time = kz_record_time(kz_disk_record(disk, disk->applied, &size));
    }
    find_runs(disk, &start);
    find_membership(disk, &start);
    find_tail(disk, &start);
    return start;
}

void kz_disk_release_start(struct kz_driver_start *start)
{
    for (uint32_t i = 0; i < start->tail_count; i++)
        kz_batch_release(start->tail[i]);
    free((void *)(uintptr_t)start->tail);
    free((void *)(uintptr_t)start->runs);
}
