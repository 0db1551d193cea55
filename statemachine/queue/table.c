/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that grow by whole segments (table.h). */
#include "statemachine/queue/table.h"

#include "statemachine/base/assert.h"

#include <string.h>

static uint64_t segment_size(const struct kz_table *table)
{
    return (uint64_t)table->record_size << table->segment_shift;
}

void kz_table_init(struct kz_table *table, const struct kz_allocator *allocator,
                   uint32_t record_size, uint8_t segment_shift)
{
    KZ_ASSERT(record_size >= 4 && record_size % 4 == 0);
    KZ_ASSERT(segment_shift < 32);
    *table = (struct kz_table){
        .allocator = allocator,
        .record_size = record_size,
        .segment_shift = segment_shift,
        .free_slot = KZ_NO_SLOT,
    };
}

void kz_table_finish(struct kz_table *table)
{
    const struct kz_allocator *allocator = table->allocator;

    for (uint32_t i = table->mapped_count; i < table->segment_count; i++) {
        allocator->release(allocator->context, table->segments[i], segment_size(table));
    }
    allocator->release(allocator->context, table->segments,
                       table->segment_capacity * sizeof *table->segments);
    kz_table_init(table, allocator, table->record_size, table->segment_shift);
}

/* Doubles the room for pointers to segments; the segments themselves stay. */
static void grow_pointers(struct kz_table *table, uint32_t capacity)
{
    const struct kz_allocator *allocator = table->allocator;
    uint8_t **segments = allocator->allocate(allocator->context, capacity * sizeof *segments);

    if (table->segment_count > 0) {
        memcpy(segments, table->segments, table->segment_count * sizeof *segments);
    }
    allocator->release(allocator->context, table->segments,
                       table->segment_capacity * sizeof *segments);
    table->segments = segments;
    table->segment_capacity = capacity;
}

static void push_segment(struct kz_table *table, uint8_t *segment)
{
    if (table->segment_count == table->segment_capacity) {
        grow_pointers(table, table->segment_capacity == 0 ? 4 : 2 * table->segment_capacity);
    }
    table->segments[table->segment_count++] = segment;
}

static void add_segment(struct kz_table *table)
{
    const struct kz_allocator *allocator = table->allocator;

    push_segment(table, allocator->allocate(allocator->context, segment_size(table)));
}

uint32_t kz_table_add(struct kz_table *table)
{
    uint32_t slot = table->free_slot;

    if (slot != KZ_NO_SLOT) {
        void *record = kz_table_at(table, slot);
        memcpy(&table->free_slot, record, sizeof table->free_slot);
        memset(record, 0, table->record_size);
    } else {
        slot = table->used;
        KZ_ASSERT(slot != KZ_NO_SLOT);
        if (slot >> table->segment_shift == table->segment_count) add_segment(table);
        table->used++;
    }
    table->count++;
    return slot;
}

void kz_table_remove(struct kz_table *table, uint32_t slot)
{
    KZ_ASSERT(slot < table->used && table->count > 0);
    memcpy(kz_table_at(table, slot), &table->free_slot, sizeof table->free_slot);
    table->free_slot = slot;
    table->count--;
}

uint64_t kz_table_bytes(const struct kz_table *table)
{
    return (table->segment_count - table->mapped_count) * segment_size(table) +
           table->segment_capacity * sizeof *table->segments;
}
