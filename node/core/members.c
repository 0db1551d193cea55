/* SPDX-License-Identifier: Apache-2.0 */
/* Memberships as the core uses them: who belongs to the cluster, as far as this node knows.
 *
 *   appended    the last one in the ledger here, committed or not: what raft goes by
 *   applied     the last one known to be committed
 *   known       both together: a membership that is not committed can be rolled back, and until
 *               then the members of either may have to be heard
 *
 * All of these may be old: a node that was away, or that just joins, hears whoever knows a later
 * membership (its hello says which). */
#include "node/core/calls.h"
#include "statemachine/base/assert.h"

#include <string.h>

bool kz_members_copy(struct kz_members *out, const struct kz_membership_fields *members)
{
    struct kz_entry entry = {.type = KZ_MEMBERSHIP};
    entry.membership = *members;
    out->record_size = kz_record_encode(&entry, out->record, sizeof(out->record));
    if (out->record_size == 0) return false;

    struct kz_entry decoded;
    enum kz_status status = kz_record_decode(out->record, out->record_size, &decoded);
    KZ_ASSERT(status == KZ_OK);
    out->fields = decoded.membership;
    return true;
}

const struct kz_member *kz_members_find(const struct kz_membership_fields *members, uint64_t id)
{
    for (unsigned i = 0; i < members->count; i++) {
        if (members->members[i].id == id) return &members->members[i];
    }
    return NULL;
}

bool kz_members_same_text(struct kz_text a, struct kz_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

bool kz_members_are_same(const struct kz_membership_fields *a, const struct kz_membership_fields *b)
{
    if (a->count != b->count) return false;
    for (unsigned i = 0; i < a->count; i++) {
        const struct kz_member *x = &a->members[i];
        const struct kz_member *y = &b->members[i];
        if (x->id != y->id || x->role != y->role || !kz_members_same_text(x->peer, y->peer) ||
            !kz_members_same_text(x->client, y->client)) {
            return false;
        }
    }
    return true;
}

const struct kz_membership_fields *kz_core_members(const struct kz_core *core)
{
    if (core->phase == KZ_RUNNING) {
        const struct kz_membership_fields *members = kz_driver_membership(core->driver);
        if (members->count > 0) return members;
    }
    return &core->members.fields;
}

void kz_members_known(const struct kz_core *core, struct kz_membership_fields *out)
{
    const struct kz_membership_fields *applied = &core->members.fields;
    *out = *kz_core_members(core);
    for (unsigned i = 0; i < applied->count && out->count < KZ_MEMBERS_MAX; i++) {
        if (kz_members_find(out, applied->members[i].id) != NULL) continue;
        out->members[out->count++] = applied->members[i];
    }
}

void kz_members_to_dial(const struct kz_core *core, struct kz_membership_fields *out)
{
    *out = (struct kz_membership_fields){0};
    if (core->phase == KZ_RUNNING) kz_members_known(core, out);
    if (out->count == 0) *out = core->hinted.fields;
    for (uint32_t i = 0; i < core->peer_count && out->count < KZ_MEMBERS_MAX; i++) {
        const struct kz_peer *peer = &core->peers[i];
        if (peer->accepted == NULL || peer->members_index <= core->members_index) continue;
        if (peer->address_size == 0 || kz_members_find(out, peer->id) != NULL) continue;
        out->members[out->count++] = (struct kz_member){
            .id = peer->id, .role = KZ_VOTER, .peer = {peer->address, peer->address_size}};
    }
}

static void raise_to_members(uint64_t *id_max, const struct kz_membership_fields *members)
{
    for (unsigned i = 0; i < members->count; i++) {
        if (members->members[i].id > *id_max) *id_max = members->members[i].id;
    }
}

void kz_members_on_applied(struct kz_core *core, uint64_t index,
                           const struct kz_membership_fields *members)
{
    core->members_index = index;
    kz_members_copy(&core->members, members);
    raise_to_members(&core->id_max, members);
    core->greet = true; /* whoever is no member any more is told so */
}

uint64_t kz_members_next_id(const struct kz_core *core)
{
    uint64_t id_max = core->id_max > core->options.id ? core->id_max : core->options.id;
    raise_to_members(&id_max, kz_core_members(core));
    raise_to_members(&id_max, &core->list.fields);
    for (unsigned i = 0; i < core->identity.peer_count; i++) {
        if (core->identity.peers[i].id > id_max) id_max = core->identity.peers[i].id;
    }
    return id_max + 1;
}

/* ---- For clients ---- */

struct kz_text kz_members_client(struct kz_core *core, uint64_t id)
{
    if (id == core->options.id) return core->options.self.client;
    const struct kz_peer *peer = kz_peers_find(core, id);
    if (peer != NULL && peer->client_size > 0)
        return (struct kz_text){peer->client, peer->client_size};
    const struct kz_member *member = kz_members_find(kz_core_members(core), id);
    return member != NULL ? member->client : (struct kz_text){"", 0};
}

bool kz_members_is_connected(struct kz_core *core, uint64_t id)
{
    if (id == core->options.id) return true;
    const struct kz_peer *peer = kz_peers_find(core, id);
    return peer != NULL && peer->accepted != NULL && peer->dialed != NULL;
}

static uint64_t match_of(const struct kz_core *core, uint64_t id)
{
    if (core->phase != KZ_RUNNING || core->role != KZ_LEADER) return 0;
    if (id == core->options.id) return kz_driver_stored_index(core->driver);
    return kz_driver_match(core->driver, id);
}

void kz_members_content(struct kz_core *core, struct kz_members_content *out)
{
    const struct kz_membership_fields *members = kz_core_members(core);
    struct kz_core_figures figures;
    kz_core_figures(core, &figures);
    *out = (struct kz_members_content){
        .node = core->options.id,
        .leader = figures.leader,
        .term = figures.term,
        .last_index = figures.last_index,
        .count = members->count,
    };
    for (unsigned i = 0; i < members->count; i++) {
        struct kz_member_content *content = &out->members[i];
        content->member = members->members[i];
        content->member.client = kz_members_client(core, content->member.id);
        content->connected = kz_members_is_connected(core, content->member.id);
        content->match = match_of(core, content->member.id);
    }
}
