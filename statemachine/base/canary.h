/* SPDX-License-Identifier: Apache-2.0 */
/* Bugs planted in the product's own code, to see that the simulator finds them (tests/simulation).
 * They are there only in a build with KZ_CANARIES, which nobody installs; there KZ_CANARY=NAME in
 * the environment lets one of them live. In every other build each is the constant false. */
#ifndef KZ_CANARY_H
#define KZ_CANARY_H

#include <stdbool.h>

enum kz_canary {
    KZ_CANARY_NONE = 0,
    KZ_CANARY_ACK_BEFORE_SYNC,   /* what is only ordered to be written counts as durable */
    KZ_CANARY_VOTE_LOST,         /* the term is made durable, and not whom it voted for */
    KZ_CANARY_BAD_ENTRY_DROPPED, /* a damaged entry at the end is taken for a torn write */
    KZ_CANARY_COMMIT_GOES_BACK,  /* libraft's commit index is believed when it falls */
    KZ_CANARY_STALE_READ,        /* a leader answers reads without asking whether it still is one */
    KZ_CANARY_REQUEST_FORGOTTEN, /* request ids are remembered for an hour */
    KZ_CANARY_EMPTY_DISK_VOTES,  /* an emptied disk is taken in under its old id */
    KZ_CANARY_OLD_COPY_VOTES,    /* so is an older copy of a whole directory */
    KZ_CANARY_TWO_TRANSACTIONS,  /* entries and head are committed one after the other */
    KZ_CANARY_REORDERED_LINK,    /* messages are heard in whatever order they come,
                                    and late ones are believed */
    KZ_CANARY_YEAR_AHEAD,        /* a leader stamps by its own clock alone */
    KZ_CANARY_END,
};

#ifdef KZ_CANARIES
/* Returns: whether CANARY is the one that lives. */
bool kz_canary(enum kz_canary canary);
#else
static inline bool kz_canary(enum kz_canary canary)
{
    (void)canary;
    return false;
}
#endif

#endif
