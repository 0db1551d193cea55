/* SPDX-License-Identifier: Apache-2.0 */
/* Consecutive ledger entries in one piece of memory: the unit that is appended, cached, sent to
 * peers and read back, so that nothing is allocated or copied for each entry.
 *
 *   OFFSET SIZE FIELD          for each entry, one behind the other; the same on the peers' wire
 *        0    8 term
 *        8    4 size of the record
 *       12 size record
 *
 * Invariants:
 * 1. Entry i of a batch has index first_index + i; offsets[i] is where it begins; terms never fall.
 * 2. A batch that more than one holder refers to is not changed any more.
 * References are counted without atomics: they belong to one thread (the loop), which keeps its own
 * reference while another thread reads the batch. */
#ifndef KZ_BATCH_H
#define KZ_BATCH_H

#include "statemachine/base/status.h"

#include <stddef.h>
#include <stdint.h>

#define KZ_ENTRY_PREFIX_SIZE 12

struct kz_batch {
    uint64_t first_index;
    uint32_t references;
    uint32_t count;
    uint32_t count_max;
    size_t size; /* bytes used */
    size_t capacity;
    uint32_t *offsets;
    uint8_t *bytes;
};

/* Returns: an empty batch with one reference and room for COUNT_MAX entries of CAPACITY bytes in
 * all (prefixes included); NULL without memory. One allocation. */
struct kz_batch *kz_batch_create(uint64_t first_index, uint32_t count_max, size_t capacity);
struct kz_batch *kz_batch_retain(struct kz_batch *batch);
void kz_batch_release(struct kz_batch *batch); /* NULL is fine */

/* Returns: room for a record of SIZE bytes behind the last entry, whose term is TERM; NULL when the
 * batch is full. */
uint8_t *kz_batch_add(struct kz_batch *batch, uint64_t term, uint32_t size);

uint64_t kz_batch_term(const struct kz_batch *batch, uint32_t i);
const uint8_t *kz_batch_record(const struct kz_batch *batch, uint32_t i, uint32_t *out_size);

/* Returns: the index behind the last entry. */
uint64_t kz_batch_end(const struct kz_batch *batch);

/* Takes COUNT entries from the SIZE bytes at BYTES (a peer's frame), copied into one new batch.
 * Checks the form alone: prefixes and sizes fill SIZE exactly, terms > 0 never fall, each record
 * decodes strictly (kz_record_decode).
 * Returns: KZ_OK, KZ_MALFORMED, KZ_NEWER or KZ_NO_MEMORY. */
enum kz_status kz_batch_parse(uint64_t first_index, uint32_t count, const uint8_t *bytes,
                              size_t size, struct kz_batch **out_batch);

#endif
