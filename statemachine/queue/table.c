/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that grow by whole segments (table.h). */
#include "statemachine/queue/table.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"

#include <stdbool.h>
#include <string.h>

#define MEASURES_TAG  UINT32_C(0x4c424154) /* "TABL" */
#define SEGMENT_TAG   UINT32_C(0x4d474553) /* "SEGM" */
#define MEASURES_SIZE 20

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

/* Returns: the bytes of segment I that were ever given out. */
static uint64_t filled_size(const struct kz_table *table, uint32_t used, uint32_t i)
{
    uint64_t first = (uint64_t)i << table->segment_shift;
    uint64_t records = used - first;
    uint64_t whole = UINT64_C(1) << table->segment_shift;
    return (records < whole ? records : whole) * table->record_size;
}

/*   OFFSET SIZE FIELD
 *        0    4 record size
 *        4    4 segment shift
 *        8    4 used
 *       12    4 count
 *       16    4 free slot */
void kz_table_save(const struct kz_table *table, struct kz_image_writer *writer)
{
    uint8_t measures[MEASURES_SIZE];

    kz_put_u32(measures, table->record_size);
    kz_put_u32(measures + 4, table->segment_shift);
    kz_put_u32(measures + 8, table->used);
    kz_put_u32(measures + 12, table->count);
    kz_put_u32(measures + 16, table->free_slot);
    kz_image_write(writer, MEASURES_TAG, measures, sizeof measures);
    for (uint32_t i = 0; i < table->segment_count; i++) {
        kz_image_write(writer, SEGMENT_TAG, table->segments[i], filled_size(table, table->used, i));
    }
}

/* Returns: whether the measures are those of a table like TABLE. (Whether the segments are there
 * turns out as they are read: each before memory is asked for.) */
static bool are_plausible(const struct kz_table *table, const uint8_t *measures)
{
    uint32_t used = kz_get_u32(measures + 8);
    uint32_t count = kz_get_u32(measures + 12);
    uint32_t free_slot = kz_get_u32(measures + 16);

    if (kz_get_u32(measures) != table->record_size) return false;
    if (kz_get_u32(measures + 4) != table->segment_shift) return false;
    if (used == KZ_NO_SLOT || count > used) return false;
    if ((free_slot == KZ_NO_SLOT) != (count == used)) return false;
    return free_slot == KZ_NO_SLOT || free_slot < used;
}

/* Takes the next segment out of the image: in place when it is whole, else into a copy. */
static bool open_segment(struct kz_table *table, struct kz_image_reader *reader, uint32_t used)
{
    uint64_t size = filled_size(table, used, table->segment_count);
    void *segment = kz_image_read(reader, SEGMENT_TAG, size);

    if (segment == NULL) return false;
    if (size == segment_size(table)) {
        push_segment(table, segment);
        table->mapped_count++;
    } else {
        add_segment(table);
        memcpy(table->segments[table->segment_count - 1], segment, size);
    }
    return true;
}

enum kz_status kz_table_open(struct kz_table *table, struct kz_image_reader *reader)
{
    KZ_ASSERT(table->segment_count == 0);
    const uint8_t *measures = kz_image_read(reader, MEASURES_TAG, MEASURES_SIZE);
    if (measures == NULL) return reader->status;
    if (!are_plausible(table, measures)) return kz_image_reject(reader);

    uint32_t used = kz_get_u32(measures + 8);
    while ((uint64_t)table->segment_count << table->segment_shift < used) {
        if (open_segment(table, reader, used)) continue;
        kz_table_finish(table);
        return reader->status;
    }
    table->used = used;
    table->count = kz_get_u32(measures + 12);
    table->free_slot = kz_get_u32(measures + 16);
    return KZ_OK;
}
