/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry is damaged, in which of its places, and how it becomes whole again.
 *
 *   record     its row in `entries`: sound when its checksum agrees with the term that `runs` gives
 *   leaf       its item in `leaves`: sound when its block's checksum is right and its term agrees
 *   results    its block in `results`
 *
 *   record bad, leaf sound    a record is taken that has the leaf's hash, size and term
 *   record sound, leaf bad    the block of leaves is made again from its records, once all of
 *                             them are sound
 *   both bad                  a record is taken that the caller has proof of
 *   either, and overwritten   the entry and all behind it are dropped, when the caller has proof
 *                             that the other nodes committed another one in its place
 *   results bad               the whole block is taken, as the caller has proof of
 *
 * Invariants:
 * 1. A row is written over only by one of the same size: another size is damage to LMDB's own
 * pages, which is not repaired here (KZ_CORRUPT: the node is replaced).
 * 2. What a repair wrote is looked at again before it is committed, and so are its neighbours: a
 * repair that damages others is given up. */
#ifndef KZ_DAMAGE_H
#define KZ_DAMAGE_H

#include "log/log.h"

enum kz_damage {
    KZ_DAMAGE_NONE = 0,
    KZ_DAMAGE_RECORD,
    KZ_DAMAGE_LEAF,
    KZ_DAMAGE_BOTH,
    KZ_DAMAGE_RESULTS,
    KZ_DAMAGE_PAGES, /* LMDB's own, the head, or the table of terms: nothing to repair here */
};

struct kz_fault {
    enum kz_damage damage;
    uint64_t index; /* RESULTS: the first one's of the block */
    uint32_t count; /* RESULTS: of results in the block; else 1 */
};

/* Finds the first damaged entry of FIRST … FIRST + COUNT − 1 (those behind the last one are
 * nobody's), or what has to be repaired before it: an entry of its block both of whose places are
 * damaged. Results are looked at as far as they are stored when WITH_RESULTS. Any thread. Errors:
 * KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_log_examine(struct kz_log *log, uint64_t first, uint32_t count, bool with_results,
                              struct kz_fault *out_fault, struct kz_error *error);

/* Reads entry INDEX alone by its record's own checksum: for another node whose copy is damaged,
 * when the leaf here is damaged too. Any thread. Errors: KZ_NOT_FOUND (past the last), KZ_CORRUPT,
 * KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_log_read_record(struct kz_log *log, uint64_t index, struct kz_batch **out_batch,
                                  struct kz_error *error);

struct kz_log_repair {
    uint64_t index;
    const struct kz_batch *entry; /* the one of INDEX; NULL: from what is sound here, or results */
    bool is_proven;               /* ENTRY is right, though nothing here says so */
    bool is_overwritten;    /* INDEX, behind the applied index, and all behind it have to go */
    const uint8_t *results; /* of the block that begins at INDEX, COUNT of them; NULL: none */
    uint32_t count;
};

/* One transaction, on the appending thread. What is sound is left alone. Errors: KZ_NOT_FOUND
 * (INDEX was dropped meanwhile), KZ_MISMATCH (ENTRY is not what stood here), KZ_UNAVAILABLE (more
 * is damaged than the caller knew, or has to be repaired before: to be examined again), KZ_CORRUPT
 * (it can not be repaired here), each of which changes nothing; KZ_NO_SPACE, KZ_NO_MEMORY, KZ_IO
 * (poisons), KZ_POISONED. */
enum kz_status kz_log_repair(struct kz_log *log, const struct kz_log_repair *repair,
                             struct kz_error *error);

/* At the opening, for whoever will write. The list of free pages is looked at, and a first
 * transaction, of the head alone, shows that the pages which only a writer reads are sound. What
 * every append reads is made whole: the last block of leaves, when its records are sound; damaged
 * results at the end are given up, and worked out again (the applied index falls). */
enum kz_status kz_log_mend_end(struct kz_log *log, struct kz_error *error);

#endif
