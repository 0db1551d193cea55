/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's memberships as raft's configurations. libraft's decoder trusts lengths, so what it
 * is given is always encoded here, from a record that was checked; never a peer's bytes.
 *
 * Invariants:
 * 1. Held are the last membership known to be committed and all appended after it, in order.
 * 2. A membership that no cluster can have (an import's without members) is an empty configuration:
 * whoever has it waits to be spoken to. */
#ifndef KZ_MEMBERSHIP_H
#define KZ_MEMBERSHIP_H

#include "statemachine/record/record.h"

#include <raft.h>
#include <stdbool.h>
#include <stdint.h>

struct kz_held_membership {
    uint64_t index;
    struct kz_membership_fields fields; /* texts point into `record` */
    uint8_t record[];
};

struct kz_memberships {
    struct kz_held_membership **held;
    uint32_t count;
    uint32_t capacity;
    bool first_committed; /* held[0] is known to be */
};

void kz_memberships_init(struct kz_memberships *memberships);
void kz_memberships_finish(struct kz_memberships *memberships);

/* Adds the membership RECORD of entry INDEX, which was appended behind those held. Errors:
 * KZ_MALFORMED (no membership), KZ_NO_MEMORY. */
enum kz_status kz_memberships_append(struct kz_memberships *memberships, uint64_t index,
                                     const uint8_t *record, size_t size);

/* Forgets those at or above INDEX. */
void kz_memberships_truncate(struct kz_memberships *memberships, uint64_t index);

/* Returns: the oldest one not yet known as committed that entry COMMIT commits, NULL when there is
 * none; from now on it is known as committed, and those before it are forgotten. */
const struct kz_held_membership *kz_memberships_commit(struct kz_memberships *memberships,
                                                       uint64_t commit);

/* Returns: the last one appended (count 0 when there is none); valid until the next change. */
const struct kz_membership_fields *kz_memberships_last(const struct kz_memberships *memberships);

/* Returns: whether member ID is the only voter. */
bool kz_membership_is_lone_voter(const struct kz_membership_fields *membership, uint64_t id);

/* Returns: NULL when leader SELF may append NEXT while PRESENT holds; else a sentence that says why
 * not. The reasons lie in libraft:
 *  - one member may differ and the others keep their order: it keeps a follower's progress by its
 *    place when their number stays;
 *  - somebody votes, and a lone voter is the leader: it lets it elect itself without a new term;
 *  - a new voter was a standby, whose log can be watched: a voter without the ledger helps nobody;
 *  - a voter is never demoted, and a leader never removes itself: with that entry on one disk alone
 *    its owner would neither stand for election nor vote for those without. (Another voter that is
 *    removed is not sent the entry.) */
const char *kz_membership_refusal(const struct kz_membership_fields *present,
                                  const struct kz_membership_fields *next, uint64_t self);

/* Returns: the member that votes in NEXT and is none that does in PRESENT, 0: none. */
uint64_t kz_membership_new_voter(const struct kz_membership_fields *present,
                                 const struct kz_membership_fields *next);

/* Makes raft's configuration of MEMBERSHIP, to be given to libraft or closed. Errors: KZ_NO_MEMORY.
 */
enum kz_status kz_membership_configuration(const struct kz_membership_fields *membership,
                                           struct raft_configuration *out_configuration);

/* Makes the payload of a RAFT_CHANGE, to be freed with raft_free(). Errors: KZ_NO_MEMORY. */
enum kz_status kz_membership_payload(const struct kz_membership_fields *membership,
                                     struct raft_buffer *out_payload);

#endif
