/* SPDX-License-Identifier: Apache-2.0 */
/* What the other members said of a damaged entry, and what it proves (repairing.h). */
#include "node/core/calls.h"
#include "node/core/memory.h"

#include <string.h>

/* ---- What they said ---- */

struct kz_help *kz_evidence_of(struct kz_repair *repair, uint64_t peer)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct kz_help *help = &repair->helps[i];
        if (help->peer == peer || help->peer == 0) {
            help->peer = peer;
            return help;
        }
    }
    return NULL;
}

void kz_evidence_drop(struct kz_help *help)
{
    kz_batch_release(help->entry);
    free(help->results);
    help->entry = NULL;
    help->results = NULL;
}

bool kz_evidence_is_alike(const struct kz_repair *repair, const struct kz_help *a,
                          const struct kz_help *b)
{
    if (b->state != KZ_HELP_GIVEN) return false;
    if (kz_repairing_is_of_results(repair))
        return memcmp(a->results, b->results, repair->fault.count) == 0;
    return a->entry->size == b->entry->size &&
           memcmp(a->entry->bytes, b->entry->bytes, a->entry->size) == 0;
}

/* Returns: whether FETCHED shows that the entry, of the tail, was not committed and can not be any
 * more: another one is, in its place or before it. */
static bool contradicts(const struct kz_core *core, const struct kz_repair *repair,
                        const struct kz_peer_fetched *fetched)
{
    return kz_repairing_is_of_tail(core, repair) && fetched->committed > core->replay.applied &&
           fetched->committed_term != kz_helping_term_at(core, fetched->committed);
}

/* Keeps the entry, or the results, that FETCHED brings. */
static void take_content(struct kz_help *help, const struct kz_peer_fetched *fetched)
{
    const struct kz_peer_fetch *fetch = &fetched->fetch;
    help->state = KZ_HELP_GIVEN;
    if (fetch->results) {
        help->results = kz_memory_resize(NULL, fetched->size);
        memcpy(help->results, fetched->content, fetched->size);
        return;
    }
    enum kz_status status =
        kz_batch_parse(fetch->index, 1, fetched->content, fetched->size, &help->entry);
    if (status == KZ_OK && kz_batch_term(help->entry, 0) == fetch->term) return;
    kz_evidence_drop(help);
    help->state = KZ_HELP_WRONG;
}

void kz_evidence_take(const struct kz_core *core, struct kz_repair *repair, uint64_t peer,
                      const struct kz_peer_fetched *fetched)
{
    if (contradicts(core, repair, fetched)) repair->is_overwritten = true;
    struct kz_help *help = kz_evidence_of(repair, peer);
    if (help == NULL || help->state == KZ_HELP_GIVEN) return;
    help->lacks = kz_repairing_is_of_tail(core, repair) &&
                  fetched->lacking_term > kz_replaying_last_term(core);
    switch (fetched->state) {
    case KZ_FETCHED_HERE: take_content(help, fetched); break;
    case KZ_FETCHED_DAMAGED: help->state = KZ_HELP_DAMAGED; break;
    default: help->state = KZ_HELP_ABSENT; break;
    }
}

/* ---- What it proves ---- */

/* What the voters of MEMBERS, NULL for none, said. */
static struct kz_tally count(const struct kz_core *core, struct kz_repair *repair,
                             const struct kz_membership_fields *members, const struct kz_help *like)
{
    struct kz_tally tally = {0};
    for (unsigned i = 0; members != NULL && i < members->count; i++) {
        const struct kz_member *member = &members->members[i];
        if (member->role != KZ_VOTER) continue;
        tally.voters++;
        if (member->id == core->options.id) continue;
        const struct kz_help *help = kz_evidence_of(repair, member->id);
        tally.others++;
        tally.silent += help == NULL || help->state == KZ_HELP_NONE;
        if (help == NULL) continue;
        tally.given += help->state == KZ_HELP_GIVEN;
        tally.absent += help->state == KZ_HELP_ABSENT;
        tally.lacking += help->state == KZ_HELP_ABSENT && help->lacks;
        tally.wrong += help->state == KZ_HELP_WRONG;
        tally.alike += like != NULL && kz_evidence_is_alike(repair, like, help);
    }
    return tally;
}

struct kz_tally kz_evidence_count(const struct kz_core *core, struct kz_repair *repair,
                                  const struct kz_help *like)
{
    return count(core, repair, kz_repairing_members(core), like);
}

bool kz_evidence_is_proof(const struct kz_core *core, struct kz_repair *repair,
                          const struct kz_help *help)
{
    struct kz_tally said = kz_evidence_count(core, repair, help);
    if (said.alike > said.voters / 2) return true;
    return said.alike == said.given && (said.silent == 0 || kz_repairing_is_over(core, repair));
}

bool kz_evidence_is_lacked(const struct kz_core *core, struct kz_repair *repair)
{
    const struct kz_membership_fields *appointed =
        kz_replaying_members_before(core, repair->fault.index);
    struct kz_tally said = count(core, repair, appointed, NULL);
    return said.lacking > said.voters / 2;
}
