/* SPDX-License-Identifier: Apache-2.0 */
/* A hash index over records of a table, by linear hashing: one bucket is split for each record
 * added, so that no operation ever rehashes the whole (Litwin, 1980).
 *
 *   heads (a kz_table of u32): bucket → first slot; each record carries its `next` slot itself
 *
 * The index knows neither keys nor records: its owner gives the hash of a record and where the
 * record's link stands. Order inside a chain is never seen by the rules. */
#ifndef KZ_INDEX_H
#define KZ_INDEX_H

#include "statemachine/queue/table.h"

#include <stdint.h>

struct kz_index {
    struct kz_table heads;
    struct kz_table *records;
    uint32_t link_offset; /* bytes from a record's start to its u32 link */
    uint64_t (*hash)(const void *record, uint64_t seed);
    uint64_t seed;
    uint32_t level; /* 2^level buckets before this round of splits */
    uint32_t split; /* the next bucket to split */
    uint32_t count;
};

void kz_index_init(struct kz_index *index, struct kz_table *records, uint32_t link_offset,
                   uint64_t (*hash)(const void *record, uint64_t seed), uint64_t seed);
void kz_index_finish(struct kz_index *index);

/* Adds the record at SLOT, which is not in the index; splits one bucket when due. */
void kz_index_add(struct kz_index *index, uint32_t slot);

/* Removes the record at SLOT, which is in the index. */
void kz_index_remove(struct kz_index *index, uint32_t slot);

/* Walks the records whose bucket is HASH's: first, then next until KZ_NO_SLOT. The caller compares
 * keys. */
uint32_t kz_index_first(const struct kz_index *index, uint64_t hash);
uint32_t kz_index_next(const struct kz_index *index, uint32_t slot);

/* Returns: where kz_index_first(HASH) will look, for a prefetch. */
const void *kz_index_place(const struct kz_index *index, uint64_t hash);

/* Writes the index to an image. The records are their table's to save. O(count). */
void kz_index_save(const struct kz_index *index, struct kz_image_writer *writer);

/* Reads a saved index into INDEX, which was just initialised (with the same link and seed) over the
 * records that were saved with it. Returns: the reader's status; INDEX is empty unless KZ_OK. */
enum kz_status kz_index_open(struct kz_index *index, struct kz_image_reader *reader);

/* Returns: bytes allocated for the heads (those that lie in an image do not count). */
uint64_t kz_index_bytes(const struct kz_index *index);

#endif
