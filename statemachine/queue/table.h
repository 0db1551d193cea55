/* SPDX-License-Identifier: Apache-2.0 */
/* A flat array of equal records, addressed by slot number, that grows by whole segments: no record
 * ever moves, and growing copies nothing, so that no apply stalls for a rehash or a realloc.
 *
 *   segments:  [ 0 … n−1 ][ n … 2n−1 ][ … ]      record(slot) = segments[slot / n] + slot % n
 *   free list: a removed record's first four bytes hold the next free slot
 *
 * Invariants:
 * 1. Slots are given out lowest first, then by the free list, last in, first out: which slot a
 * record gets is a function of the history alone, equal on all nodes.
 * 2. The part of the last segment that was never given out is zero.
 * 3. Slot numbers, not pointers, are what records keep; KZ_NO_SLOT is none. */
#ifndef KZ_TABLE_H
#define KZ_TABLE_H

#include "statemachine/base/allocator.h"
#include "statemachine/image/image.h"

#include <stdint.h>

#define KZ_NO_SLOT UINT32_MAX

struct kz_table {
    const struct kz_allocator *allocator;
    uint8_t **segments;
    uint32_t segment_count;    /* segments that exist */
    uint32_t segment_capacity; /* pointers that `segments` has room for */
    uint32_t mapped_count;     /* the first segments that lie in an image: not released */
    uint32_t record_size;      /* bytes, a multiple of 4, at least 4 */
    uint8_t segment_shift;     /* 2^shift records a segment */
    uint32_t used;             /* slots ever given out */
    uint32_t count;            /* records now */
    uint32_t free_slot;        /* head of the free list, or KZ_NO_SLOT */
};

void kz_table_init(struct kz_table *table, const struct kz_allocator *allocator,
                   uint32_t record_size, uint8_t segment_shift);
void kz_table_finish(struct kz_table *table);

/* Returns: the slot of a new record, all zero bytes. */
uint32_t kz_table_add(struct kz_table *table);

/* Gives SLOT back; its record is gone. */
void kz_table_remove(struct kz_table *table, uint32_t slot);

/* Returns: bytes allocated (segments that lie in an image do not count). */
uint64_t kz_table_bytes(const struct kz_table *table);

/* Writes the table to an image: its measures, then each segment as a block. O(used). */
void kz_table_save(const struct kz_table *table, struct kz_image_writer *writer);

/* Reads a saved table into TABLE, which was just initialised (with the same record size and shift).
 * Whole segments stay in the image's area and are used there; the last one is copied when it is
 * partly filled. The area must outlive the table. O(used) for the checksums.
 * Returns: the reader's status; TABLE is still empty unless KZ_OK. */
enum kz_status kz_table_open(struct kz_table *table, struct kz_image_reader *reader);

/* Returns: the record at SLOT < used. Stays where it is until the table is finished. */
static inline void *kz_table_at(const struct kz_table *table, uint32_t slot)
{
    uint32_t mask = (UINT32_C(1) << table->segment_shift) - 1;
    return table->segments[slot >> table->segment_shift] +
           (uint64_t)(slot & mask) * table->record_size;
}

#endif
