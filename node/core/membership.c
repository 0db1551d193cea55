/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/membership.h"

#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define HELD_FIRST 4

/* What libraft encodes for no servers at all; its encoder takes one or more only. */
#define EMPTY_PAYLOAD_SIZE   16
#define EMPTY_PAYLOAD_FORMAT 1

_Static_assert((int)KZ_STANDBY == (int)RAFT_STANDBY && (int)KZ_VOTER == (int)RAFT_VOTER &&
                   (int)KZ_SPARE == (int)RAFT_SPARE,
               "a member's role is raft's");

/* ---- Those that still matter ---- */

void kz_memberships_init(struct kz_memberships *memberships)
{
    *memberships = (struct kz_memberships){0};
}

void kz_memberships_finish(struct kz_memberships *memberships)
{
    for (uint32_t i = 0; i < memberships->count; i++)
        free(memberships->held[i]);
    free(memberships->held);
}

static enum kz_status make_room(struct kz_memberships *memberships)
{
    if (memberships->count < memberships->capacity) return KZ_OK;

    uint32_t capacity = memberships->capacity == 0 ? HELD_FIRST : memberships->capacity * 2;
    struct kz_held_membership **held =
        realloc(memberships->held, capacity * sizeof(struct kz_held_membership *));
    if (held == NULL) return KZ_NO_MEMORY;
    memberships->held = held;
    memberships->capacity = capacity;
    return KZ_OK;
}

enum kz_status kz_memberships_append(struct kz_memberships *memberships, uint64_t index,
                                     const uint8_t *record, size_t size)
{
    struct kz_held_membership *held = malloc(sizeof *held + size);
    if (held == NULL || make_room(memberships) != KZ_OK) {
        free(held);
        return KZ_NO_MEMORY;
    }
    memcpy(held->record, record, size);

    struct kz_entry entry;
    if (kz_record_decode(held->record, size, &entry) != KZ_OK || entry.type != KZ_MEMBERSHIP) {
        free(held);
        return KZ_MALFORMED;
    }
    held->index = index;
    held->fields = entry.membership;
    memberships->held[memberships->count++] = held;
    return KZ_OK;
}

void kz_memberships_truncate(struct kz_memberships *memberships, uint64_t index)
{
    while (memberships->count > 0 && memberships->held[memberships->count - 1]->index >= index) {
        KZ_ASSERT(memberships->count > 1 || !memberships->first_committed);
        free(memberships->held[--memberships->count]);
    }
}

const struct kz_held_membership *kz_memberships_commit(struct kz_memberships *memberships,
                                                       uint64_t commit)
{
    uint32_t next = memberships->first_committed ? 1 : 0;
    if (next >= memberships->count || memberships->held[next]->index > commit) return NULL;

    if (memberships->first_committed) {
        free(memberships->held[0]);
        memberships->count--;
        memmove(memberships->held, memberships->held + 1,
                memberships->count * sizeof(struct kz_held_membership *));
    }
    memberships->first_committed = true;
    return memberships->held[0];
}

const struct kz_membership_fields *kz_memberships_last(const struct kz_memberships *memberships)
{
    static const struct kz_membership_fields none;
    if (memberships->count == 0) return &none;
    return &memberships->held[memberships->count - 1]->fields;
}

/* ---- What a cluster can have ---- */

static bool same_text(struct kz_text a, struct kz_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static bool same_member(const struct kz_member *a, const struct kz_member *b)
{
    return a->id == b->id && a->role == b->role && same_text(a->peer, b->peer) &&
           same_text(a->client, b->client);
}

static unsigned count_voters(const struct kz_membership_fields *membership)
{
    unsigned voters = 0;
    for (unsigned i = 0; i < membership->count; i++)
        voters += membership->members[i].role == KZ_VOTER;
    return voters;
}

/* Returns: whether ids and peer addresses are there and different, and somebody votes. */
static bool is_usable(const struct kz_membership_fields *membership)
{
    for (unsigned i = 0; i < membership->count; i++) {
        const struct kz_member *member = &membership->members[i];
        if (member->id == 0 || member->peer.size == 0) return false;
        for (unsigned j = 0; j < i; j++) {
            if (membership->members[j].id == member->id) return false;
            if (same_text(membership->members[j].peer, member->peer)) return false;
        }
    }
    return count_voters(membership) > 0;
}

bool kz_membership_is_lone_voter(const struct kz_membership_fields *membership, uint64_t id)
{
    if (!is_usable(membership) || count_voters(membership) != 1) return false;
    for (unsigned i = 0; i < membership->count; i++) {
        if (membership->members[i].role == KZ_VOTER) return membership->members[i].id == id;
    }
    return false;
}

/* Returns: whether LONGER is SHORTER with one member more, anywhere. */
static bool has_one_more(const struct kz_membership_fields *longer,
                         const struct kz_membership_fields *shorter)
{
    unsigned i = 0;
    for (unsigned j = 0; i < shorter->count; j++) {
        if (same_member(&longer->members[j], &shorter->members[i])) {
            i++;
        } else if (j > i) {
            return false;
        }
    }
    return true;
}

/* Returns: whether the same members stand in the same order and one at most has changed. */
static bool has_one_changed(const struct kz_membership_fields *a,
                            const struct kz_membership_fields *b)
{
    unsigned changed = 0;
    for (unsigned i = 0; i < a->count; i++) {
        if (a->members[i].id != b->members[i].id) return false;
        changed += !same_member(&a->members[i], &b->members[i]);
    }
    return changed <= 1;
}

static bool is_one_step(const struct kz_membership_fields *present,
                        const struct kz_membership_fields *next)
{
    if (next->count == present->count) return has_one_changed(present, next);
    if (next->count == present->count + 1) return has_one_more(next, present);
    if (next->count + 1 == present->count) return has_one_more(present, next);
    return false;
}

static uint8_t role_in(const struct kz_membership_fields *membership, uint64_t id)
{
    for (unsigned i = 0; i < membership->count; i++) {
        if (membership->members[i].id == id) return membership->members[i].role;
    }
    return KZ_SPARE;
}

uint64_t kz_membership_new_voter(const struct kz_membership_fields *present,
                                 const struct kz_membership_fields *next)
{
    for (unsigned i = 0; i < next->count; i++) {
        const struct kz_member *member = &next->members[i];
        if (member->role == KZ_VOTER && role_in(present, member->id) != KZ_VOTER) return member->id;
    }
    return 0;
}

const char *kz_membership_refusal(const struct kz_membership_fields *present,
                                  const struct kz_membership_fields *next, uint64_t self)
{
    if (!is_usable(next)) {
        return "each member needs its own id and peer address, and one has to be a voter";
    }
    if (!is_one_step(present, next)) {
        return "a membership changes by one member at a time, the others keep their order";
    }
    if (count_voters(next) == 1 && !kz_membership_is_lone_voter(next, self)) {
        return "the only voter left has to be the leader: move the leadership to it first";
    }
    uint64_t new_voter = kz_membership_new_voter(present, next);
    if (new_voter != 0 && role_in(present, new_voter) != KZ_STANDBY) {
        return "a member joins as a standby, and votes once it has the ledger";
    }
    if (role_in(next, self) != KZ_VOTER) {
        return "the leader can not remove itself: move the leadership first";
    }
    if (next->count == present->count && count_voters(next) < count_voters(present)) {
        return "a voter can not be demoted: remove it, and add it again as a standby";
    }
    return NULL;
}

/* ---- For libraft ---- */

enum kz_status kz_membership_configuration(const struct kz_membership_fields *membership,
                                           struct raft_configuration *out_configuration)
{
    struct raft_configuration configuration;
    raft_configuration_init(&configuration);

    unsigned count = is_usable(membership) ? membership->count : 0;
    for (unsigned i = 0; i < count; i++) {
        const struct kz_member *member = &membership->members[i];
        char address[KZ_ADDRESS_SIZE_MAX + 1];
        memcpy(address, member->peer.bytes, member->peer.size);
        address[member->peer.size] = '\0';
        int error = raft_configuration_add(&configuration, member->id, address, member->role);
        if (error != 0) {
            KZ_ASSERT(error == RAFT_NOMEM);
            raft_configuration_close(&configuration);
            return KZ_NO_MEMORY;
        }
    }
    *out_configuration = configuration;
    return KZ_OK;
}

enum kz_status kz_membership_payload(const struct kz_membership_fields *membership,
                                     struct raft_buffer *out_payload)
{
    struct raft_configuration configuration;
    enum kz_status status = kz_membership_configuration(membership, &configuration);
    if (status != KZ_OK) return status;

    struct raft_buffer payload = {NULL, EMPTY_PAYLOAD_SIZE};
    if (configuration.n == 0) {
        payload.base = raft_calloc(1, EMPTY_PAYLOAD_SIZE);
        if (payload.base != NULL) *(uint8_t *)payload.base = EMPTY_PAYLOAD_FORMAT;
    } else if (raft_configuration_encode(&configuration, &payload) != 0) {
        payload.base = NULL;
    }
    raft_configuration_close(&configuration);
    if (payload.base == NULL) return KZ_NO_MEMORY;
    *out_payload = payload;
    return KZ_OK;
}
