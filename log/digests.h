/* SPDX-License-Identifier: Apache-2.0 */
/* What a replay says of the indexes that a `digest` entry may be about, and how such an entry is
 * judged: one definition for the nodes, who write them, and for the auditors, who check them.
 *
 * A *point* is an index that is a multiple of the interval, or an accepted `publish` or `morning`.
 * Its value is the state's digest after it, the version of the rules that held, and the SHA-256 of
 * the results of the entries since the last digest's index (exclusive) up to it. Not every point
 * has its digest entry; digests follow each other in order of their indexes.
 *
 * Invariants:
 * 1. Entries are noted in order of index, without a gap.
 * 2. Kept are the results of all entries above `last`, a byte each, and the newest points among
 *    them, at most KZ_DIGEST_POINTS_MAX.
 * 3. All this is a function of the entries noted, but for the interval: equal on every node. */
#ifndef KZ_DIGESTS_H
#define KZ_DIGESTS_H

#include "statemachine/base/bytes.h"
#include "statemachine/record/record.h"

#include <stdbool.h>
#include <stdint.h>

#define KZ_DIGEST_INTERVAL   100000
#define KZ_DIGEST_POINTS_MAX 8192 /* more than the clock's entries that may be in flight */
#define KZ_DIGEST_DUE_MAX    16   /* of the points without a digest, so many are still due one */

struct kz_digests;

/* A point's value. */
struct kz_digest_value {
    uint64_t at;
    uint64_t since;   /* the last digest's index, from which on results are hashed; 0: none */
    uint32_t version; /* of the rules */
    uint8_t state[KZ_ID_SIZE];
    uint8_t results[KZ_HASH_SIZE];
};

enum kz_digest_verdict {
    KZ_DIGEST_RIGHT,
    KZ_DIGEST_WRONG,   /* the replay has another value */
    KZ_DIGEST_UNKNOWN, /* its index is no point, or not behind the last digest's, or too far back */
};

/* INTERVAL > 0. Returns: NULL without memory. */
struct kz_digests *kz_digests_create(uint32_t interval);
void kz_digests_destroy(struct kz_digests *digests); /* NULL is fine */

/* Notes RESULT of entry INDEX, the next one. Returns: false without memory. O(1). */
bool kz_digests_note(struct kz_digests *digests, uint64_t index, enum kz_result result);

/* Returns: whether the entry INDEX of TYPE, which the rules gave RESULT, is a point. */
bool kz_digests_is_point(const struct kz_digests *digests, uint64_t index, enum kz_entry_type type,
                         enum kz_result result);

/* Notes that the entry noted last is a point, with the state's digest STATE and the rules VERSION
 * after it. */
void kz_digests_note_point(struct kz_digests *digests, uint32_t version,
                           const uint8_t state[static KZ_ID_SIZE]);

/* Finds the point that the next digest entry is to be about: the oldest of the newest
 * KZ_DIGEST_DUE_MAX that have none. So a day of few points has one for each, and a long ledger
 * without digests needs no more than these. Returns: false when there is none. O(entries since the
 * last digest). */
bool kz_digests_next(const struct kz_digests *digests, struct kz_digest_value *out_value);

/* Judges a `digest` entry that says CLAIMED, and goes on from its index, whatever the verdict, if
 * that is noted and behind the last one's. OUT_OWN, unless the verdict is UNKNOWN, is the point's
 * value here. To be called before the entry itself is noted. O(entries since the last digest). */
enum kz_digest_verdict kz_digests_judge(struct kz_digests *digests,
                                        const struct kz_digest_fields *claimed,
                                        struct kz_digest_value *out_own);

/* Returns: whether the two are of one index and the same results' beginning, so that they have to
 * be equal; and whether they are. */
bool kz_digest_values_match(const struct kz_digest_value *a, const struct kz_digest_value *b);
bool kz_digest_values_equal(const struct kz_digest_value *a, const struct kz_digest_value *b);

uint64_t kz_digests_noted(const struct kz_digests *digests);  /* index of the entry noted last */
uint64_t kz_digests_last(const struct kz_digests *digests);   /* 0: none yet */
uint32_t kz_digests_points(const struct kz_digests *digests); /* without a digest */

/* ---- As bytes, for a start without a replay (the caller checks their sum) ----
 *
 *   head      0    8 last
 *             8    8 index of the entry noted last
 *            16    4 n, number of points
 *            20    4 zero
 *   points  28·n      each, in order: index 8, version 4, state 16
 *   results  …        of the entries last + 1 … noted last, a byte each */

#define KZ_DIGESTS_HEAD_SIZE 24

struct kz_digests_bytes {
    uint8_t head[KZ_DIGESTS_HEAD_SIZE];
    const uint8_t *points;
    size_t points_size;
    const uint8_t *results;
    size_t results_size;
};

/* Lays out the notes as bytes, which stay as they are until the next change. Allocates nothing. */
void kz_digests_save(const struct kz_digests *digests, struct kz_digests_bytes *out_bytes);

/* Fills in the sizes that BYTES->head announces. Returns: KZ_OK or KZ_MALFORMED. */
enum kz_status kz_digests_measure(struct kz_digests_bytes *bytes);

/* Makes DIGESTS, which is new, what BYTES was saved of. Returns: KZ_OK; KZ_MALFORMED; KZ_NO_MEMORY
 * (DIGESTS is then only to be destroyed). */
enum kz_status kz_digests_restore(struct kz_digests *digests, const struct kz_digests_bytes *bytes);

#endif
