/* SPDX-License-Identifier: Apache-2.0 */
/* A hash index: which slots belong to a hash. It holds 32 bits of each hash, its tag, beside the
 * slot, so that neither a miss nor growth looks at a record.
 *
 *   pages:  [0][1][2][3] | [4]        linear hashing (Litwin, 1980) by the tag's lowest bits: the
 *                                     next page to be split is 1, into 1 and 5
 *   a page: [· a · b c d · e · ·]     its cells in order of tag, each as near behind its home (its
 *                                     tag as a fraction of the page) as those before it allow
 *
 * A page is a sorted array with gaps (ordered linear probing: Amble and Knuth, 1974): a miss ends
 * at the first larger tag, and a page is copied into a longer one, or two, in one pass. No
 * operation ever costs more than that. */
#ifndef KZ_INDEX_H
#define KZ_INDEX_H

#include "statemachine/queue/table.h"

#include <stdint.h>

struct kz_index {
    struct kz_table pages;
    uint64_t cell_bytes; /* allocated for cells */
    uint32_t level;      /* 2^level pages before this round of splits */
    uint32_t split;      /* the next page to split */
    uint32_t count;
};

/* A search: kz_index_next() gives the slots that may be of the hash, one after the other. */
struct kz_index_search {
    const uint64_t *cell;
    uint32_t tag;
};

void kz_index_init(struct kz_index *index, const struct kz_allocator *allocator);
void kz_index_finish(struct kz_index *index);

/* Adds SLOT, whose record has HASH; it is not in the index. O(1), or a copy of a page (some tens of
 * microseconds) once in hundreds. */
void kz_index_add(struct kz_index *index, uint64_t hash, uint32_t slot);

/* Removes SLOT, which was added with HASH. */
void kz_index_remove(struct kz_index *index, uint64_t hash, uint32_t slot);

/* Begins a search for HASH. It ends with the next change of the index. */
struct kz_index_search kz_index_look(const struct kz_index *index, uint64_t hash);

/* Returns: the next slot whose tag is that of the hash (nearly always its own: the caller compares
 * keys), or KZ_NO_SLOT. */
uint32_t kz_index_next(struct kz_index_search *search);

/* Writes the index to an image. O(count). */
void kz_index_save(const struct kz_index *index, struct kz_image_writer *writer);

/* Reads a saved index into INDEX, which was just initialised. Its pages are used in the image's
 * area, which must outlive it. Returns: the reader's status; INDEX is empty unless KZ_OK. */
enum kz_status kz_index_open(struct kz_index *index, struct kz_image_reader *reader);

/* Returns: bytes allocated (pages that lie in an image do not count). */
uint64_t kz_index_bytes(const struct kz_index *index);

#endif
