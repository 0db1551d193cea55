/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/checks.h"

#include "node/core/memory.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"
#include "tests/simulation/verdict.h"

#include <inttypes.h>
#include <string.h>

#define PENDING_MAX  65536
#define TOLERANCE_MS 8000 /* 5 s between clocks, and what measuring them may err */

void kz_checks_init(struct kz_checks *checks, struct kz_sim *sim, const bool *is_out)
{
    *checks = (struct kz_checks){.sim = sim, .is_out = is_out};
    checks->machine = kz_machine_create(&kz_allocator_system, sim->options.seed + 1);
}

void kz_checks_finish(struct kz_checks *checks)
{
    kz_machine_destroy(checks->machine);
    free(checks->committed);
}

/* ---- Committed entries ---- */

/* No entry carries a time that no majority of right clocks could have shown. */
static void judge_time(const struct kz_checks *checks, uint64_t index, const struct kz_entry *entry)
{
    uint32_t rate = checks->sim->options.demo_rate > 0 ? checks->sim->options.demo_rate : 1;
    int64_t latest = kz_sim_wall(checks->sim, 0) + (int64_t)TOLERANCE_MS * rate;
    if (entry->time <= latest) return;
    kz_broken("entry %" PRIu64 " carries a time %" PRIi64 " ms ahead of every right clock", index,
              entry->time - kz_sim_wall(checks->sim, 0));
}

static void note_request(struct kz_checks *checks, uint64_t index, const struct kz_entry *entry,
                         const struct kz_outcome *outcome)
{
    uint64_t number = kz_get_u64(entry->request);
    if (number == 0 || outcome->result == KZ_RESULT_REPEATED) return;
    if (number > KZ_ERRANDS_MAX) kz_broken("entry %" PRIu64 " has a request id of nobody", index);
    if (outcome->result == KZ_RESULT_CONFLICT)
        kz_broken("entry %" PRIu64 " conflicts with its own repeat", index);
    if (checks->requests[number] != 0) {
        kz_broken("entries %" PRIu64 " and %" PRIu64 " both act for one request",
                  checks->requests[number], index);
    }
    checks->requests[number] = index;
}

/* R25: who is called is the next in turn, as the order stood before. */
static void judge_grant(uint64_t index, const struct kz_entry *entry, uint64_t next)
{
    if (entry->grant.application == next) return;
    kz_broken("entry %" PRIu64 " grants application %" PRIu64 " out of turn: %" PRIu64 " is next",
              index, entry->grant.application, next);
}

static uint64_t next_in_turn(const struct kz_checks *checks, const struct kz_entry *entry)
{
    struct kz_application_view view;
    uint64_t next = 0;
    if (!kz_machine_application(checks->machine, entry->grant.application, &view)) return 0;
    kz_machine_queue_order(checks->machine, view.queue, 1, &next, 1);
    return next;
}

/* Where places come from and go to for good. WAS: the application before an enrol. */
static void count_places(struct kz_checks *checks, const struct kz_entry *entry,
                         const struct kz_application_view *was)
{
    if (entry->type == KZ_VACANCY)
        checks->places[entry->places.kindergarten] += entry->places.places;
    if (entry->type == KZ_RETRACT)
        checks->places[entry->places.kindergarten] -= entry->places.places;
    if (entry->type == KZ_ENROL) checks->enrolled[was->kindergarten]++;
}

static void replay(struct kz_checks *checks, uint64_t index, const struct kz_entry *entry,
                   struct kz_committed *committed)
{
    struct kz_outcome outcome;
    struct kz_application_view was = {0};
    uint64_t next = entry->type == KZ_GRANT ? next_in_turn(checks, entry) : 0;
    if (entry->type == KZ_ENROL)
        kz_machine_application(checks->machine, entry->application_only.application, &was);
    if (kz_machine_apply(checks->machine, index, entry, &outcome) != KZ_OK)
        kz_broken("entry %" PRIu64 " can not be applied", index);

    judge_time(checks, index, entry);
    note_request(checks, index, entry, &outcome);
    if (outcome.result == KZ_RESULT_OK) {
        if (entry->type == KZ_GRANT) judge_grant(index, entry, next);
        count_places(checks, entry, &was);
    }
    committed->result = (uint8_t)outcome.result;
    committed->first = outcome.first_index;
    committed->first_result = (uint8_t)outcome.first_result;
    kz_machine_digest(checks->machine, committed->digest);
    if (index % 64 == 0) kz_checks_domain(checks);
}

static void note_members(struct kz_checks *checks, const struct kz_entry *entry)
{
    if (entry->type != KZ_MEMBERSHIP) return;
    memset(checks->is_member, 0, sizeof checks->is_member);
    for (unsigned i = 0; i < entry->membership.count; i++)
        checks->is_member[entry->membership.members[i].id] = true;
}

static uint64_t hash_of(const struct kz_sim_entry *entry)
{
    return kz_hash64(entry->record, entry->size, entry->term);
}

static bool is_stored(const struct kz_sim_disk *disk, uint64_t index, uint64_t hash)
{
    return index <= disk->last && hash_of(&disk->entries[index - 1]) == hash;
}

/* A disk that was emptied or is another now, or on which a write failed, may have held it. */
static void stored_by_a_majority(const struct kz_checks *checks, uint64_t index, uint64_t hash)
{
    const struct kz_sim_options *options = &checks->sim->options;
    unsigned count = 0;
    if (options->founders != options->nodes) return; /* the members change */
    for (unsigned id = 1; id <= options->nodes; id++) {
        const struct kz_sim_disk *disk = &checks->sim->nodes[id].disk;
        bool may_have = disk->last == 0 || disk->doubtful || checks->is_out[id];
        count += may_have || is_stored(disk, index, hash);
    }
    if (count <= options->nodes / 2)
        kz_broken("entry %" PRIu64 " is applied, and %u nodes have it", index, count);
}

static void commit_entry(struct kz_checks *checks, const struct kz_sim_entry *stored)
{
    if (checks->count == checks->capacity) {
        checks->capacity = checks->capacity * 2 + 256;
        checks->committed =
            kz_memory_resize(checks->committed, checks->capacity * sizeof(checks->committed[0]));
    }
    struct kz_entry entry;
    struct kz_committed *committed = &checks->committed[checks->count++];
    *committed = (struct kz_committed){.hash = hash_of(stored)};
    stored_by_a_majority(checks, checks->count, committed->hash);
    if (kz_record_decode(stored->record, stored->size, &entry) != KZ_OK)
        kz_broken("entry %" PRIu64 " is no record", checks->count);
    replay(checks, checks->count, &entry, committed);
    note_members(checks, &entry);
    kz_verdict->entries = checks->count;
}

/* ---- A node's step ---- */

static void one_leader(struct kz_checks *checks, uint64_t id, const struct kz_core_figures *figures)
{
    if (figures->role != 2 || figures->term >= KZ_CHECKED_TERMS_MAX) return;
    uint64_t *leader = &checks->leaders[figures->term];
    if (*leader == 0) *leader = id;
    if (*leader == id) return;
    kz_broken("nodes %" PRIu64 " and %" PRIu64 " both lead term %" PRIu64, *leader, id,
              figures->term);
}

static void never_back(struct kz_checked_node *seen, const struct kz_sim_node *node,
                       const struct kz_core_figures *figures)
{
    if (seen->starts != node->starts) *seen = (struct kz_checked_node){.starts = node->starts};
    if (figures->applied_index < seen->applied || figures->commit_index < seen->commit) {
        kz_broken("node %" PRIu64 " goes back: applied %" PRIu64 " after %" PRIu64
                  ", committed %" PRIu64 " after %" PRIu64,
                  node->id, figures->applied_index, seen->applied, figures->commit_index,
                  seen->commit);
    }
    seen->applied = figures->applied_index;
    seen->commit = figures->commit_index;
}

static void compare_entries(struct kz_checks *checks, const struct kz_sim_node *node)
{
    struct kz_checked_node *seen = &checks->nodes[node->id];
    for (; seen->compared < seen->applied; seen->compared++) {
        uint64_t index = seen->compared + 1;
        if (index > node->disk.last)
            kz_broken("node %" PRIu64 " applied entry %" PRIu64 ", which is not on its disk",
                      node->id, index);
        const struct kz_sim_entry *stored = &node->disk.entries[index - 1];
        if (index > checks->count) commit_entry(checks, stored);
        if (checks->committed[index - 1].hash != hash_of(stored))
            kz_broken("node %" PRIu64 " applied another entry %" PRIu64 " than others did",
                      node->id, index);
    }
}

static void compare_digest(const struct kz_checks *checks, const struct kz_sim_node *node,
                           uint64_t applied)
{
    uint8_t digest[KZ_ID_SIZE];
    if (applied == 0) return;
    kz_machine_digest(kz_core_machine(node->core), digest);
    if (memcmp(digest, checks->committed[applied - 1].digest, KZ_ID_SIZE) != 0)
        kz_broken("node %" PRIu64 " has another state behind entry %" PRIu64 " than a replay",
                  node->id, applied);
}

static void never_lost(struct kz_checks *checks, const struct kz_sim_node *node)
{
    const struct kz_sim_disk *disk = &node->disk;
    uint64_t *held = &checks->nodes[node->id].held;
    if (disk->last < *held)
        kz_broken("node %" PRIu64 " drops entry %" PRIu64 ", which is committed", node->id, *held);
    while (*held < checks->count && is_stored(disk, *held + 1, checks->committed[*held].hash))
        ++*held;
}

static void judge_bounds(const struct kz_sim_node *node, const struct kz_core_figures *figures)
{
    if (figures->pending_commands > PENDING_MAX || figures->pending_reads > PENDING_MAX)
        kz_broken("node %" PRIu64 " keeps more in flight than it may", node->id);
}

void kz_checks_step(struct kz_checks *checks, struct kz_sim_node *node)
{
    struct kz_core_figures figures;
    kz_core_figures(node->core, &figures);
    one_leader(checks, node->id, &figures);
    never_back(&checks->nodes[node->id], node, &figures);
    compare_entries(checks, node);
    compare_digest(checks, node, figures.applied_index);
    never_lost(checks, node);
    judge_bounds(node, &figures);
}

/* ---- The domain ---- */

static void judge_places(const struct kz_checks *checks, const int64_t *taken)
{
    int64_t there[KZ_KINDERGARTENS + 1] = {0};
    struct kz_places_view view;
    uint64_t cursor = 0;
    while (kz_machine_next_places(checks->machine, 1, &cursor, &view))
        there[view.kindergarten] += view.free_places;
    for (int i = 1; i <= KZ_KINDERGARTENS; i++) {
        if (there[i] + taken[i] + checks->enrolled[i] == checks->places[i]) continue;
        kz_broken("kindergarten %d reported %" PRIi64 " places: %" PRIi64 " are free, %" PRIi64
                  " referred to, %" PRIi64 " taken for good",
                  i, checks->places[i], there[i], taken[i], checks->enrolled[i]);
    }
}

static bool is_live(const struct kz_application_view *view)
{
    return view->state != KZ_ENROLLED && view->state != KZ_WITHDRAWN;
}

void kz_checks_domain(const struct kz_checks *checks)
{
    static uint64_t live[KZ_ERRANDS_MAX + 1];
    int64_t referred[KZ_KINDERGARTENS + 1] = {0};
    struct kz_application_view view;
    memset(live, 0, sizeof live);
    for (uint64_t number = 0;
         (number = kz_machine_next_application(checks->machine, number)) != 0;) {
        kz_machine_application(checks->machine, number, &view);
        if (view.state == KZ_REFERRED) referred[view.kindergarten]++;
        uint64_t child = kz_get_u64(view.child);
        if (!is_live(&view) || child > KZ_ERRANDS_MAX) continue;
        if (live[child] != 0)
            kz_broken("applications %" PRIu64 " and %" PRIu64 " of one child are both live",
                      live[child], number);
        live[child] = number;
    }
    judge_places(checks, referred);
}

/* ---- The end ---- */

static void compare_disk(const struct kz_checks *checks, const struct kz_sim_node *node)
{
    const struct kz_sim_disk *disk = &node->disk;
    if (disk->last != checks->count || disk->applied != checks->count)
        kz_broken("node %" PRIu64 " ends with %" PRIu64 " entries and %" PRIu64
                  " results of %" PRIu64,
                  node->id, disk->last, disk->applied, checks->count);
    for (uint64_t i = 0; i < checks->count; i++) {
        if (hash_of(&disk->entries[i]) != checks->committed[i].hash)
            kz_broken("node %" PRIu64 " ends with another entry %" PRIu64, node->id, i + 1);
        if (disk->results[i] != checks->committed[i].result)
            kz_broken("node %" PRIu64 " ends with another result of entry %" PRIu64, node->id,
                      i + 1);
    }
}

static void judge_errand(const struct kz_checks *checks, uint64_t number,
                         const struct kz_errand *errand)
{
    uint64_t acted = checks->requests[number];
    if (errand->state == KZ_ERRAND_REFUSED) {
        if (acted != 0 && !errand->unsure)
            kz_broken("entry %" PRIu64 " acts for a command that was refused", acted);
        return;
    }
    uint64_t index = errand->index;
    if (index == 0 || index > checks->count)
        kz_broken("entry %" PRIu64 " was acknowledged, and is lost", index);
    const struct kz_committed *committed = &checks->committed[index - 1];
    if (committed->first != acted)
        kz_broken("entry %" PRIu64 " was acknowledged, and is another's now", index);
    if (committed->first_result != errand->result)
        kz_broken("entry %" PRIu64 " was acknowledged with another result", index);
}

void kz_checks_end(const struct kz_checks *checks, const struct kz_families *families,
                   const bool *is_out)
{
    for (unsigned id = 1; id <= checks->sim->options.nodes; id++) {
        if (!is_out[id]) compare_disk(checks, &checks->sim->nodes[id]);
    }
    for (uint32_t e = 0; e < families->count; e++)
        judge_errand(checks, e + 1, &families->errands[e]);
    kz_checks_domain(checks);
}
