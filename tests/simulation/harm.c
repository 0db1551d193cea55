/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/harm.h"

#include "node/core/calls.h"
#include "node/core/memory.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/sim_store.h"
#include "tests/simulation/verdict.h"

#include <inttypes.h>
#include <string.h>

#define SLOW_MS    200
#define FLAP_MS    60
#define AGAIN_MS   100
#define ROLLING_MS 300
#define RESTART_MS 500
#define CALM_MS    600 /* for a dial and a refusal, at the slowest */
#define DAY_MS     INT64_C(86400000)

static void later(struct kz_harm *harm, uint64_t in_ms, enum kz_undo_kind kind, uint64_t a,
                  uint64_t b)
{
    KZ_ASSERT(harm->undo_count < KZ_UNDOS_MAX);
    harm->undos[harm->undo_count++] = (struct kz_undo){harm->sim->now_ms + in_ms, kind, a, b};
}

/* ---- Processes ---- */

static void start(struct kz_harm *harm, uint64_t id)
{
    struct kz_sim_node *node = &harm->sim->nodes[id];
    if (node->core == NULL)
        kz_sim_start(harm->sim, id);
    else
        later(harm, AGAIN_MS, KZ_UNDO_START, id, 0); /* it is still stopping */
}

static void crash(struct kz_harm *harm, uint64_t id, uint64_t restart_ms)
{
    if (harm->sim->nodes[id].core == NULL) return;
    kz_sim_crash(harm->sim, id);
    later(harm, restart_ms, KZ_UNDO_START, id, 0);
}

static void stop(struct kz_harm *harm, uint64_t id, uint64_t restart_ms)
{
    if (harm->sim->nodes[id].core == NULL) return;
    kz_sim_stop(harm->sim, id);
    later(harm, restart_ms, KZ_UNDO_START, id, 0);
}

static void roll(struct kz_harm *harm, uint64_t between_ms)
{
    for (unsigned id = 1; id <= harm->sim->options.nodes; id++)
        later(harm, (between_ms + ROLLING_MS) * (id - 1), KZ_UNDO_STOP, id, ROLLING_MS / 2);
}

/* ---- The network ---- */

static void cut(struct kz_harm *harm, uint64_t a, uint64_t b, uint64_t ms)
{
    kz_sim_cut(harm->sim, a, b);
    later(harm, ms, KZ_UNDO_JOIN, a, b);
}

static void hold(struct kz_harm *harm, uint64_t from, uint64_t to, uint64_t ms)
{
    harm->sim->held[from][to] = true;
    later(harm, ms, KZ_UNDO_LET_GO, from, to);
}

static void around(struct kz_harm *harm, uint64_t id, uint64_t ms,
                   void (*harm_link)(struct kz_harm *, uint64_t, uint64_t, uint64_t))
{
    for (unsigned other = 1; other <= harm->sim->options.nodes; other++)
        if (other != id) harm_link(harm, other, id, ms);
}

static void flap(struct kz_harm *harm, uint64_t id, uint64_t until_ms)
{
    for (unsigned other = 1; other <= harm->sim->options.nodes; other++) {
        if (other == id || harm->sim->cut[id][other]) continue;
        kz_sim_cut(harm->sim, id, other);
        kz_sim_join(harm->sim, id, other);
    }
    if (harm->sim->now_ms < until_ms) later(harm, FLAP_MS, KZ_UNDO_FLAP, id, until_ms);
}

/* ---- The disk ---- */

/* Whether the first COUNT nodes have met the cluster: before that an empty disk is nothing lost,
 * and one node alone may have the first entry. */
static bool have_met(const struct kz_harm *harm, unsigned count)
{
    for (unsigned id = 1; id <= count; id++) {
        if (harm->sim->nodes[id].disk.last == 0 && !harm->is_out[id]) return false;
    }
    return true;
}

static bool is_founded(const struct kz_harm *harm)
{
    return have_met(harm, harm->sim->options.nodes);
}

/* Whether every member pinned the directory of node ID: who has not met it yet takes an emptied one
 * for its first. */
static bool is_known(const struct kz_harm *harm, uint64_t id)
{
    const struct kz_sim_node *nodes = harm->sim->nodes;
    for (unsigned other = 1; other <= harm->sim->options.nodes; other++) {
        if (other == id || !harm->checks->is_member[other]) continue;
        const struct kz_identity *theirs = &nodes[other].disk.identity;
        bool knows = false;
        for (unsigned i = 0; i < theirs->peer_count && !knows; i++)
            knows = theirs->peers[i].id == id &&
                    memcmp(theirs->peers[i].incarnation, nodes[id].disk.identity.incarnation,
                           KZ_ID_SIZE) == 0;
        if (!knows) return false;
    }
    return true;
}

/* Whether node ID may lose its record of entry INDEX, 0: of all: a majority keeps its own. */
static bool may_lose(const struct kz_harm *harm, uint64_t id, uint64_t index)
{
    uint64_t first = index == 0 ? 1 : index;
    uint64_t last = index == 0 ? UINT64_MAX : index;
    unsigned bad = 1;
    for (unsigned other = 1; other <= harm->sim->options.nodes; other++) {
        const struct kz_sim_disk *disk = &harm->sim->nodes[other].disk;
        if (other == id) continue;
        bad += harm->is_out[other] ||
               (disk->medium != NULL &&
                kz_sim_medium_is_rotten(disk->medium, KZ_TABLE_ENTRIES, first, last));
    }
    return bad <= (harm->sim->options.nodes - 1) / 2;
}

static void lose(struct kz_harm *harm, uint64_t id, uint64_t restart_ms, bool all)
{
    struct kz_sim_node *node = &harm->sim->nodes[id];
    if (!is_founded(harm) || harm->is_out[id] || !may_lose(harm, id, 0)) return;
    if (all && !is_known(harm, id)) return;
    kz_sim_crash(harm->sim, id);
    if (all)
        kz_sim_wipe(harm->sim, id);
    else
        node->disk.vote = (struct kz_vote){0};
    harm->is_out[id] = true;
    later(harm, restart_ms, KZ_UNDO_START, id, 0);
}

/* ---- Old copies of a whole disk ---- */

static void keep_copy(struct kz_harm *harm, uint64_t id, uint64_t put_back_ms)
{
    struct kz_sim_disk *copy = &harm->copies[id];
    const struct kz_sim_disk *disk = &harm->sim->nodes[id].disk;
    if (!is_founded(harm) || harm->is_out[id] || copy->medium != NULL || disk->doubtful) return;
    kz_sim_disk_copy(disk, copy);
    later(harm, put_back_ms, KZ_UNDO_PUT_BACK, id, 0);
}

static struct kz_standing standing_of(const struct kz_sim_disk *disk)
{
    struct kz_standing standing = {.term = disk->vote.term, .voted_for = disk->vote.voted_for};
    if (disk->entries[disk->last - 1].term == standing.term) standing.index = disk->last;
    return standing;
}

/* Returns: whether WITNESS heard more of node ID than its COPY says, and can be reached by it; one
 * that rots may end at its next write. */
static bool remembers(struct kz_harm *harm, struct kz_sim_node *witness, uint64_t id,
                      const struct kz_sim_disk *copy)
{
    const struct kz_sim *sim = harm->sim;
    if (witness->id == id || !harm->checks->is_member[witness->id]) return false;
    if (witness->core == NULL || witness->stopping) return false;
    if (kz_sim_disk_is_rotten(&witness->disk)) return false;
    if (witness->paused_until_ms > sim->now_ms || sim->cut[id][witness->id]) return false;
    if (sim->held[id][witness->id] || sim->held[witness->id][id]) return false;
    const struct kz_peer *peer = kz_peers_find(witness->core, id);
    if (peer == NULL) return false;
    const struct kz_standing now = standing_of(copy);
    const struct kz_standing heard = kz_hellos_heard_of(witness->core, peer);
    return kz_standing_has_fallen(&now, &heard);
}

/* Someone puts the copy back, and starts the node with it. Without a witness nobody does. */
static void put_back(struct kz_harm *harm, uint64_t id)
{
    struct kz_sim_disk *copy = &harm->copies[id];
    unsigned witness = 1;
    while (witness <= harm->sim->options.nodes &&
           !remembers(harm, &harm->sim->nodes[witness], id, copy))
        witness++;
    bool may_be = !harm->is_out[id] && may_lose(harm, id, 0);
    if (witness > harm->sim->options.nodes || !may_be) {
        kz_sim_disk_clear(copy);
        return;
    }
    struct kz_sim_node *node = &harm->sim->nodes[id];
    kz_sim_crash(harm->sim, id);
    kz_sim_disk_clear(&node->disk);
    node->disk = *copy;
    node->paused_until_ms = 0;
    *copy = (struct kz_sim_disk){0};
    kz_sim_medium_restore(harm->sim->nodes[witness].disk.medium); /* no write of its fails now */
    harm->is_out[id] = true;
    harm->put_back = id;
    harm->calm_until_ms = harm->sim->now_ms + CALM_MS;
    harm->late_one_in = harm->sim->options.late_one_in;
    harm->sim->options.late_one_in = 0;
    kz_sim_start(harm->sim, id);
}

static void judge_put_back(struct kz_harm *harm)
{
    if (harm->sim->nodes[harm->put_back].core != NULL)
        kz_broken("node %" PRIu64 " came back with an old copy of its disk, and is not refused",
                  harm->put_back);
    harm->sim->options.late_one_in = harm->late_one_in;
    harm->put_back = 0;
}

static bool is_calm(const struct kz_harm *harm)
{
    return harm->sim->now_ms < harm->calm_until_ms;
}

static void fail_write(struct kz_harm *harm, uint64_t id, uint64_t restart_ms)
{
    struct kz_sim_node *node = &harm->sim->nodes[id];
    if (node->core == NULL || node->disk.medium == NULL) return;
    kz_sim_medium_fail_next(node->disk.medium, kz_sim_random(harm->sim, 2) == 0);
    later(harm, restart_ms + AGAIN_MS, KZ_UNDO_START, id, 0);
}

static void rot(struct kz_harm *harm, uint64_t id, uint64_t number)
{
    static const enum kz_damage places[] = {KZ_DAMAGE_RESULTS, KZ_DAMAGE_RECORD, KZ_DAMAGE_LEAF,
                                            KZ_DAMAGE_BOTH};
    struct kz_sim_disk *disk = &harm->sim->nodes[id].disk;
    if (disk->medium == NULL || disk->last == 0) return;
    if (!have_met(harm, harm->sim->options.founders)) return;
    enum kz_damage damage = places[number % (sizeof places / sizeof places[0])];
    uint64_t back = number / 8 % (number % 8 < 4 ? 3 : disk->last);
    uint64_t index = back < disk->last ? disk->last - back : 1;
    if (!may_lose(harm, id, index)) return;
    kz_sim_disk_rot(disk, damage == KZ_DAMAGE_RESULTS ? index - (index - 1) % 1024 : index, damage);
    if (number / 8 % 2 == 0) crash(harm, id, 1 + number % 50);
}

/* ---- Faults ---- */

static void set_clock(struct kz_harm *harm, uint64_t id, int64_t off_ms, uint64_t for_ms)
{
    harm->sim->nodes[id].clock_off_ms = off_ms;
    later(harm, for_ms, KZ_UNDO_CLOCK, id, 0);
}

static int64_t some_error(uint64_t number)
{
    static const int64_t errors[] = {1500,
                                     4000,
                                     10000,
                                     3600000,
                                     23 * 3600000,
                                     3 * DAY_MS,
                                     -2000,
                                     -3600000,
                                     -3 * DAY_MS,
                                     -10 * 365 * DAY_MS,
                                     10 * 365 * DAY_MS};
    return errors[number % (sizeof errors / sizeof errors[0])];
}

static void do_to_network(struct kz_harm *harm, const struct kz_sim_fault *fault)
{
    uint64_t a = fault->kind == KZ_FAULT_CUT || fault->kind == KZ_FAULT_HOLD ? fault->a / 10 : 0;
    switch (fault->kind) {
    case KZ_FAULT_CUT: cut(harm, a, fault->a % 10, fault->b); break;
    case KZ_FAULT_HOLD: hold(harm, a, fault->a % 10, fault->b); break;
    case KZ_FAULT_ISOLATE: around(harm, fault->a, fault->b, cut); break;
    case KZ_FAULT_DEAF: around(harm, fault->a, fault->b, hold); break;
    case KZ_FAULT_FLAP: flap(harm, fault->a, harm->sim->now_ms + fault->b); break;
    default:
        for (uint64_t i = 0; i < fault->b; i++)
            kz_sim_break_one(harm->sim);
        break;
    }
}

static void do_to_disk(struct kz_harm *harm, const struct kz_sim_fault *fault)
{
    struct kz_sim_disk *disk = &harm->sim->nodes[fault->a].disk;
    switch (fault->kind) {
    case KZ_FAULT_FULL:
        disk->full = true;
        later(harm, fault->b, KZ_UNDO_ROOM, fault->a, 0);
        break;
    case KZ_FAULT_SLOW:
        disk->slow_ms = SLOW_MS;
        later(harm, fault->b, KZ_UNDO_FAST, fault->a, 0);
        break;
    case KZ_FAULT_UNREADABLE:
        disk->unreadable = true;
        later(harm, fault->b, KZ_UNDO_READABLE, fault->a, 0);
        later(harm, fault->b + AGAIN_MS, KZ_UNDO_START, fault->a, 0);
        break;
    case KZ_FAULT_EIO: fail_write(harm, fault->a, fault->b); break;
    case KZ_FAULT_OLD_COPY: keep_copy(harm, fault->a, fault->b); break;
    case KZ_FAULT_ROT: rot(harm, fault->a, fault->b); break;
    default: lose(harm, fault->a, fault->b, fault->kind == KZ_FAULT_LOSE_DISK); break;
    }
}

static void do_to_process(struct kz_harm *harm, const struct kz_sim_fault *fault)
{
    switch (fault->kind) {
    case KZ_FAULT_CRASH: crash(harm, fault->a, fault->b); break;
    case KZ_FAULT_CRASH_VOTE: harm->crash_after_vote[fault->a] = fault->b; break;
    case KZ_FAULT_STOP: stop(harm, fault->a, fault->b); break;
    case KZ_FAULT_ROLLING: roll(harm, fault->b); break;
    default: harm->sim->nodes[fault->a].paused_until_ms = harm->sim->now_ms + fault->b; break;
    }
}

static void do_to_clock(struct kz_harm *harm, const struct kz_sim_fault *fault)
{
    switch (fault->kind) {
    case KZ_FAULT_CLOCK: set_clock(harm, fault->a, some_error(fault->b), fault->b); break;
    case KZ_FAULT_YEAR: set_clock(harm, fault->a, 365 * DAY_MS, fault->b); break;
    case KZ_FAULT_DRIFT: harm->sim->nodes[fault->a].drift_ppm = (int32_t)fault->b; break;
    default: harm->sim->nights_ms += (int64_t)fault->b * 60000; break;
    }
}

static void harm_node(struct kz_harm *harm, const struct kz_sim_fault *fault)
{
    if (fault->kind <= KZ_FAULT_PAUSE)
        do_to_process(harm, fault);
    else if (fault->kind <= KZ_FAULT_FLAP)
        do_to_network(harm, fault);
    else if (fault->kind <= KZ_FAULT_OLD_COPY)
        do_to_disk(harm, fault);
    else if (fault->kind <= KZ_FAULT_NIGHT)
        do_to_clock(harm, fault);
    else
        kz_families_rush(harm->families, fault->b);
}

void kz_harm_do(struct kz_harm *harm, const struct kz_sim_fault *fault)
{
    struct kz_sim_fault meant = *fault;
    if (is_calm(harm)) return;
    if (meant.a == 0) meant.a = kz_sim_leader(harm->sim);
    if (meant.a == 0) meant.a = 1;
    harm_node(harm, &meant);
}

/* ---- Their ends ---- */

static void undo(struct kz_harm *harm, const struct kz_undo *undo)
{
    struct kz_sim_node *node = &harm->sim->nodes[undo->a];
    switch (undo->kind) {
    case KZ_UNDO_START:
        if (node->core == NULL || node->stopping) start(harm, undo->a);
        break;
    case KZ_UNDO_STOP: stop(harm, undo->a, undo->b); break;
    case KZ_UNDO_JOIN: kz_sim_join(harm->sim, undo->a, undo->b); break;
    case KZ_UNDO_LET_GO: harm->sim->held[undo->a][undo->b] = false; break;
    case KZ_UNDO_FLAP: flap(harm, undo->a, undo->b); break;
    case KZ_UNDO_ROOM: node->disk.full = false; break;
    case KZ_UNDO_FAST: node->disk.slow_ms = 0; break;
    case KZ_UNDO_READABLE: node->disk.unreadable = false; break;
    case KZ_UNDO_CLOCK: node->clock_off_ms = 0; break;
    case KZ_UNDO_PUT_BACK: put_back(harm, undo->a); break;
    }
}

static void watch_votes(struct kz_harm *harm)
{
    for (unsigned id = 1; id <= harm->sim->options.nodes; id++) {
        const struct kz_vote *vote = &harm->sim->nodes[id].disk.vote;
        bool voted = vote->voted_for != 0 && (vote->term != harm->vote[id].term ||
                                              vote->voted_for != harm->vote[id].voted_for);
        harm->vote[id] = *vote;
        if (!voted || harm->crash_after_vote[id] == 0) continue;
        crash(harm, id, harm->crash_after_vote[id]);
        harm->crash_after_vote[id] = 0;
    }
}

/* As systemd does: who halted is started again. */
static void watch_halts(struct kz_harm *harm)
{
    for (unsigned id = 1; id <= harm->sim->options.nodes; id++) {
        const struct kz_sim_node *node = &harm->sim->nodes[id];
        bool is_down = node->core == NULL && node->halted && !harm->is_out[id];
        if (is_down && !harm->restarts[id]) later(harm, RESTART_MS, KZ_UNDO_START, id, 0);
        harm->restarts[id] = is_down;
    }
}

void kz_harm_run(struct kz_harm *harm)
{
    if (is_calm(harm)) return;
    if (harm->put_back != 0) judge_put_back(harm);
    watch_votes(harm);
    watch_halts(harm);
    for (uint32_t i = 0; i < harm->undo_count && !is_calm(harm);) {
        struct kz_undo due = harm->undos[i];
        if (due.at_ms > harm->sim->now_ms) {
            i++;
            continue;
        }
        harm->undos[i] = harm->undos[--harm->undo_count];
        undo(harm, &due);
    }
}

/* An operator looks after a node: it runs again, its disk works, and it takes the time as it is.
 * What rots it has to repair itself. */
static void look_after(struct kz_harm *harm, uint64_t id)
{
    struct kz_sim_node *node = &harm->sim->nodes[id];
    node->paused_until_ms = 0;
    node->clock_off_ms = 0;
    node->drift_ppm = 0;
    node->disk.full = false;
    node->disk.slow_ms = 0;
    node->disk.unreadable = false;
    if (node->disk.medium != NULL) kz_sim_medium_restore(node->disk.medium);
    bool needs_word = harm->sim->nights_ms > 0;
    if (node->core != NULL && (needs_word || node->stopping)) kz_sim_crash(harm->sim, id);
    if (node->core == NULL) kz_sim_start(harm->sim, id);
}

void kz_harm_heal(struct kz_harm *harm)
{
    harm->undo_count = 0;
    memset(harm->crash_after_vote, 0, sizeof harm->crash_after_vote);
    kz_sim_heal(harm->sim);
    harm->sim->options.late_one_in = 0;
    if (harm->sim->nights_ms > 0)
        harm->sim->options.accept_time = kz_sim_wall(harm->sim, 0) + DAY_MS;
    for (unsigned id = 1; id <= harm->sim->options.nodes; id++)
        look_after(harm, id);
}

void kz_harm_init(struct kz_harm *harm, struct kz_sim *sim, struct kz_families *families,
                  const struct kz_checks *checks)
{
    *harm = (struct kz_harm){.sim = sim, .families = families, .checks = checks};
}

void kz_harm_finish(struct kz_harm *harm)
{
    for (unsigned id = 1; id <= harm->sim->options.nodes; id++)
        kz_sim_disk_clear(&harm->copies[id]);
}
