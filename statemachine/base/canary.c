/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/base/canary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef KZ_CANARIES /* the header has it otherwise */

static const char *const names[KZ_CANARY_END] = {
    [KZ_CANARY_NONE] = "none",
    [KZ_CANARY_ACK_BEFORE_SYNC] = "ack-before-sync",
    [KZ_CANARY_VOTE_LOST] = "vote-lost",
    [KZ_CANARY_BAD_ENTRY_DROPPED] = "bad-entry-dropped",
    [KZ_CANARY_COMMIT_GOES_BACK] = "commit-goes-back",
    [KZ_CANARY_STALE_READ] = "stale-read",
    [KZ_CANARY_REQUEST_FORGOTTEN] = "request-forgotten",
    [KZ_CANARY_EMPTY_DISK_VOTES] = "empty-disk-votes",
    [KZ_CANARY_OLD_COPY_VOTES] = "old-copy-votes",
    [KZ_CANARY_TWO_TRANSACTIONS] = "two-transactions",
    [KZ_CANARY_REORDERED_LINK] = "reordered-link",
    [KZ_CANARY_YEAR_AHEAD] = "year-ahead",
};

static enum kz_canary living(void)
{
    const char *name = getenv("KZ_CANARY");
    if (name == NULL) return KZ_CANARY_NONE;
    for (int i = 0; i < KZ_CANARY_END; i++)
        if (strcmp(names[i], name) == 0) return (enum kz_canary)i;
    (void)fprintf(stderr, "KZ_CANARY=%s: there is no such canary\n", name);
    exit(2);
}

bool kz_canary(enum kz_canary canary)
{
    static enum kz_canary chosen = KZ_CANARY_END;
    if (chosen == KZ_CANARY_END) chosen = living();
    return chosen == canary;
}

#endif
