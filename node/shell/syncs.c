/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/syncs.h"

#include "node/core/bounds.h"
#include "node/shell/clocks.h"
#include "node/shell/journal.h"

#include <inttypes.h>

static void note(struct kz_syncs *syncs, const char *what, uint64_t took_ns)
{
    uint64_t now_ms = kz_clocks_monotonic_ms();
    uint64_t took_ms = took_ns / 1000000;

    if (took_ms < syncs->election_timeout_ms / 2) return;
    syncs->slow++;
    if (syncs->is_told && now_ms - syncs->told_ms < KZ_SLOW_SYNC_AGAIN_MS) return;
    syncs->is_told = true;
    syncs->told_ms = now_ms;
    kz_journal(KZ_NOTICE_WARNING,
               "slow_sync what=%s took_ms=%" PRIu64 " election_timeout_ms=%" PRIu64
               " hint=\"where a majority's disks need so long, nobody is elected: raise "
               "--election-timeout on all nodes, or find out why the disk is slow\"",
               what, took_ms, syncs->election_timeout_ms);
}

void kz_syncs_note_vote(struct kz_syncs *syncs, uint64_t took_ns)
{
    kz_histogram_add(&syncs->votes, took_ns);
    note(syncs, "vote", took_ns);
}

void kz_syncs_note_append(struct kz_syncs *syncs, uint64_t took_ns)
{
    note(syncs, "ledger", took_ns);
}
