/* SPDX-License-Identifier: Apache-2.0 */
/* What a node says of its own disk, so that its peers see when an older copy of the whole directory
 * was put back: ledger, vote and identity of such a copy agree, and all are too old, so that the
 * node could vote twice in a term and lacks entries that it said are durable. Pure.
 *
 * Invariant: ordered by term, then by vote, then by index, what one node says never falls:
 *   term       is durable before anything that is said in it
 *   vote       once given in a term it stays
 *   index      of an entry of the very term that the node is in: who leads that term only appends,
 *              and a later leader overwrites it in a later term
 * The last index alone falls when a tail is overwritten; so does the pair (term of the last entry,
 * index), when a tail of term 3 gives way to entries of term 2 that are written piece by piece.
 * Entries of earlier terms need not be told: a leader counts who has an entry of its own term. */
#ifndef KZ_STANDING_H
#define KZ_STANDING_H

#include <stdbool.h>
#include <stdint.h>

/* All of it is durable. */
struct kz_standing {
    uint64_t term;
    uint64_t voted_for; /* in that term, 0: nobody */
    uint64_t index;     /* of the last entry stored, when it is of that term; else 0 */
};

/* Returns: whether NOW is less than the same node said EARLIER, which no honest disk can be. */
bool kz_standing_has_fallen(const struct kz_standing *now, const struct kz_standing *earlier);

#endif
