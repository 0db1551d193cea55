/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the operator that the disk confirms writes too slowly for elections: a vote is on the disk
 * before it is given, so where a majority needs the election timeout for that, nobody is elected.
 */
#ifndef KZ_SYNCS_H
#define KZ_SYNCS_H

#include "node/shell/histogram.h"

#include <stdbool.h>

struct kz_syncs {
    uint64_t election_timeout_ms;
    struct kz_histogram votes; /* durations of making term and vote, or the identity, durable */
    uint64_t slow;             /* those of half the election timeout or more, the ledger's too */
    bool is_told;
    uint64_t told_ms;
};

/* One vote was made durable, or one transaction of the ledger. On the loop's thread. */
void kz_syncs_note_vote(struct kz_syncs *syncs, uint64_t took_ns);
void kz_syncs_note_append(struct kz_syncs *syncs, uint64_t took_ns);

#endif
