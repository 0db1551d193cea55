/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/repairing.h"

#include "node/core/calls.h"
#include "node/core/lost.h"
#include "node/core/memory.h"
#include "node/core/tail_cache.h"
#include "statemachine/base/checksum.h"

#include <string.h>

#define ASK_MS      200  /* between two times that the others are asked */
#define GRACE_MS    1000 /* before a halt: the others hear first that this copy is damaged too */
#define HANDOVER_MS 5000 /* between two attempts */
#define TIMES_MAX   3    /* that one entry is repaired and found damaged again */

/* ---- The table ---- */

static bool is_of_results(const struct kz_repair *repair)
{
    return repair->fault.damage == KZ_DAMAGE_RESULTS;
}

static struct kz_repair *find(struct kz_core *core, uint64_t index, bool results)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        struct kz_repair *repair = &core->repairing.repairs[i];
        if (repair->fault.index == index && is_of_results(repair) == results) return repair;
    }
    return NULL;
}

static void drop_help(struct kz_help *help)
{
    kz_batch_release(help->entry);
    free(help->results);
    help->entry = NULL;
    help->results = NULL;
}

static void forget(struct kz_repair *repair)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++)
        drop_help(&repair->helps[i]);
    *repair = (struct kz_repair){0};
}

/* Forgets REPAIR, and has read again what waits for it. */
static void end(struct kz_core *core, struct kz_repair *repair)
{
    forget(repair);
    kz_storing_load_again(core);
}

/* Returns: what PEER said of REPAIR, made when it is new; NULL for one too many. */
static struct kz_help *help_of(struct kz_repair *repair, uint64_t peer)
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

static void note_help(struct kz_repair *repair, uint64_t peer, enum kz_help_state state)
{
    struct kz_help *help = help_of(repair, peer);
    if (help == NULL || repair->ticket != 0) return; /* the order under way may be of it */
    drop_help(help);
    help->state = state;
}

bool kz_repairing_is_open(const struct kz_core *core, uint64_t index)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        if (core->repairing.repairs[i].fault.index == index) return true;
    }
    return false;
}

uint64_t kz_repairing_index(const struct kz_core *core)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        if (core->repairing.repairs[i].fault.index > 0)
            return core->repairing.repairs[i].fault.index;
    }
    return 0;
}

void kz_repairing_finish(struct kz_core *core)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++)
        forget(&core->repairing.repairs[i]);
}

void kz_repairing_begin_step(struct kz_core *core)
{
    core->repairing.order_count = 0;
}

/* ---- Finding damage ---- */

static const char *place_text(enum kz_damage damage)
{
    switch (damage) {
    case KZ_DAMAGE_RECORD: return "record";
    case KZ_DAMAGE_LEAF: return "leaf";
    case KZ_DAMAGE_BOTH: return "record_and_leaf";
    case KZ_DAMAGE_RESULTS: return "results";
    default: return "pages";
    }
}

static void halt_beyond_repair(struct kz_core *core, uint64_t index)
{
    char hint[KZ_LOST_HINT_SIZE];
    const struct kz_member *self = &core->options.self;
    kz_lost_hint(core->options.id, kz_members_next_id(core), self->peer, self->client, hint);
    kz_core_halt(core, KZ_CORRUPT,
                 "entry %llu, or the pages that lead to it, are damaged on this node's disk beyond "
                 "repair; %s",
                 (unsigned long long)index, hint);
}

/* Takes the entry from memory, when it is one of the last and still there. */
static void help_oneself(struct kz_core *core, struct kz_repair *repair)
{
    uint64_t index = repair->fault.index;
    if (core->phase != KZ_RUNNING || repair->fault.damage != KZ_DAMAGE_RECORD) return;
    const struct kz_batch *cached = kz_driver_cached(core->driver, index);
    struct kz_batch *entry = cached == NULL ? NULL : kz_batch_slice(cached, index, index + 1);
    if (entry == NULL) return;
    struct kz_help *help = help_of(repair, core->options.id);
    help->state = KZ_HELP_GIVEN;
    help->entry = entry;
}

static struct kz_repair *begin(struct kz_core *core, const struct kz_fault *fault)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        struct kz_repair *repair = &core->repairing.repairs[i];
        if (repair->fault.index != 0) continue;
        repair->fault = *fault;
        repair->begun_ms = core->now_ms;
        core->figures.damaged++;
        help_oneself(core, repair);
        kz_core_notice(core, KZ_NOTICE_ERROR, "entry_damaged index=%llu place=%s",
                       (unsigned long long)fault->index, place_text(fault->damage));
        return repair;
    }
    return NULL;
}

static void answer(struct kz_core *core, uint64_t peer, const struct kz_peer_fetched *fetched)
{
    uint8_t frame[KZ_PEER_FETCHED_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    kz_peer_fetched_encode(&writer, fetched);
    KZ_ASSERT(!writer.failed);
    kz_peers_send(core, peer, frame, kz_writer_size(&writer));
}

static struct kz_peer_fetch fetch_of(const struct kz_load_underway *load)
{
    return (struct kz_peer_fetch){load->first, load->order.count_max, load->order.with_results};
}

bool kz_repairing_on_fault(struct kz_core *core, struct kz_load_underway *load,
                           const struct kz_fault *fault)
{
    if (fault->damage == KZ_DAMAGE_PAGES) {
        halt_beyond_repair(core, load->first);
        return false;
    }
    load->waits_for = fault->index;
    if (fault->damage == KZ_DAMAGE_NONE) { /* it was repaired meanwhile */
        if (++load->misses > TIMES_MAX)
            halt_beyond_repair(core, load->first);
        else
            kz_storing_load_again(core);
        return true;
    }
    bool results = fault->damage == KZ_DAMAGE_RESULTS;
    struct kz_repair *repair = find(core, fault->index, results);
    if (repair == NULL) repair = begin(core, fault);
    if (load->purpose != KZ_LOAD_PEER) return true;

    bool asked_for = results ? load->order.with_results : fault->index == load->first;
    if (repair != NULL && asked_for) note_help(repair, load->peer, KZ_HELP_DAMAGED);
    const struct kz_peer_fetched damaged = {.fetch = fetch_of(load), .state = KZ_FETCHED_DAMAGED};
    if (asked_for && fault->damage != KZ_DAMAGE_LEAF) answer(core, load->peer, &damaged);
    return false; /* the peer asks again */
}

/* ---- Answering others ---- */

static bool is_committed(const struct kz_core *core, uint64_t index)
{
    if (index <= core->applied) return true;
    return core->phase == KZ_RUNNING ? index <= kz_driver_committed(core->driver)
                                     : index <= core->replay.applied;
}

/* Answers with the entry of INDEX, which BATCH holds. */
static void answer_entry(struct kz_core *core, uint64_t peer, const struct kz_batch *batch,
                         uint64_t index)
{
    uint32_t size;
    uint32_t i = (uint32_t)(index - batch->first_index);
    kz_batch_record(batch, i, &size);
    answer(core, peer,
           &(struct kz_peer_fetched){.fetch = {.index = index, .count = 1},
                                     .is_committed = is_committed(core, index),
                                     .content = batch->bytes + batch->offsets[i],
                                     .size = KZ_ENTRY_PREFIX_SIZE + (size_t)size});
}

void kz_repairing_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                            const struct kz_batch *batch, const uint8_t *results)
{
    struct kz_peer_fetched fetched = {.fetch = fetch_of(load), .state = KZ_FETCHED_ABSENT};
    if (batch != NULL && !fetched.fetch.results) {
        answer_entry(core, load->peer, batch, load->first);
        return;
    }
    if (batch != NULL && results != NULL && batch->count == fetched.fetch.count) {
        fetched.state = KZ_FETCHED_HERE;
        fetched.is_committed = true;
        fetched.content = results;
        fetched.size = batch->count;
    }
    answer(core, load->peer, &fetched);
}

void kz_repairing_on_fetch(struct kz_core *core, struct kz_peer *peer, const struct kz_frame *frame)
{
    struct kz_peer_fetch fetch;
    if (kz_peer_fetch_decode(frame, &fetch) != KZ_OK) {
        kz_peers_refuse(core, peer->accepted, KZ_REFUSED_MALFORMED, "a fetch is malformed");
        return;
    }
    struct kz_repair *repair = find(core, fetch.index, fetch.results);
    if (repair != NULL) note_help(repair, peer->id, KZ_HELP_DAMAGED);

    const struct kz_batch *cached = NULL;
    if (core->phase == KZ_RUNNING && !fetch.results)
        cached = kz_driver_cached(core->driver, fetch.index);
    if (cached != NULL) {
        answer_entry(core, peer->id, cached, fetch.index);
        return;
    }
    if (fetch.results && fetch.index + fetch.count - 1 > core->results.stored) {
        answer(core, peer->id,
               &(struct kz_peer_fetched){.fetch = fetch, .state = KZ_FETCHED_ABSENT});
        return;
    }
    uint64_t ticket;
    const struct kz_load_underway load = {
        .purpose = KZ_LOAD_PEER, .peer = peer->id, .first = fetch.index};
    kz_storing_load(core, &load, fetch.count,
                    (size_t)fetch.count * (KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_SIZE_MAX),
                    fetch.results, &ticket); /* too many under way: the peer asks again */
}

/* ---- Asking ---- */

/* Whom this node knows; while it reads its ledger the last membership there, not the one that it
 * has come to, whose members may be gone. */
static const struct kz_membership_fields *members_of(const struct kz_core *core)
{
    return core->phase == KZ_RUNNING ? kz_core_members(core) : &core->dial.fields;
}

static void ask(struct kz_core *core, struct kz_repair *repair)
{
    uint8_t frame[KZ_PEER_SMALL_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    kz_peer_fetch_encode(&writer, &(struct kz_peer_fetch){repair->fault.index, repair->fault.count,
                                                          is_of_results(repair)});
    const struct kz_membership_fields *members = members_of(core);
    for (unsigned i = 0; i < members->count; i++) {
        uint64_t id = members->members[i].id;
        if (id == core->options.id) continue;
        const struct kz_help *help = help_of(repair, id);
        if (help != NULL && help->state == KZ_HELP_GIVEN) continue;
        kz_peers_send(core, id, frame, kz_writer_size(&writer));
    }
    repair->asked_ms = core->now_ms;
}

void kz_repairing_on_fetched(struct kz_core *core, const struct kz_peer *peer,
                             const struct kz_frame *frame)
{
    struct kz_peer_fetched fetched;
    struct kz_batch *entry = NULL;
    if (kz_peer_fetched_decode(frame, &fetched) != KZ_OK) {
        kz_peers_refuse(core, peer->accepted, KZ_REFUSED_MALFORMED, "a fetched is malformed");
        return;
    }
    const struct kz_peer_fetch *fetch = &fetched.fetch;
    struct kz_repair *repair = find(core, fetch->index, fetch->results);
    if (repair == NULL || repair->fault.count != fetch->count || repair->ticket != 0) return;

    struct kz_help *help = help_of(repair, peer->id);
    if (help == NULL || help->state == KZ_HELP_GIVEN) return;
    if (fetched.state != KZ_FETCHED_HERE) {
        bool is_damaged = fetched.state == KZ_FETCHED_DAMAGED;
        help->state = is_damaged ? KZ_HELP_DAMAGED : KZ_HELP_ABSENT;
        return;
    }
    if (!fetch->results &&
        kz_batch_parse(fetch->index, 1, fetched.content, fetched.size, &entry) != KZ_OK) {
        help->state = KZ_HELP_WRONG;
        return;
    }
    help->state = KZ_HELP_GIVEN;
    help->is_committed = fetched.is_committed;
    help->entry = entry;
    if (!fetch->results) return;
    help->results = kz_memory_resize(NULL, fetched.size);
    memcpy(help->results, fetched.content, fetched.size);
}

/* ---- Deciding ---- */

static bool are_alike(const struct kz_repair *repair, const struct kz_help *a,
                      const struct kz_help *b)
{
    if (b->state != KZ_HELP_GIVEN) return false;
    if (is_of_results(repair)) return memcmp(a->results, b->results, repair->fault.count) == 0;
    return a->entry->size == b->entry->size &&
           memcmp(a->entry->bytes, b->entry->bytes, a->entry->size) == 0;
}

/* Counts the voters but this one, and those among them for whom REPAIR has what HELP has. */
struct count {
    unsigned voters; /* this node's vote among them */
    unsigned others;
    unsigned alike;
    unsigned damaged;
};

static struct count count(const struct kz_core *core, struct kz_repair *repair,
                          const struct kz_help *like)
{
    struct count count = {0};
    const struct kz_membership_fields *members = members_of(core);
    bool known = is_committed(core, repair->fault.index);
    for (unsigned i = 0; i < members->count; i++) {
        const struct kz_member *member = &members->members[i];
        if (member->role != KZ_VOTER) continue;
        count.voters++;
        if (member->id == core->options.id) continue;
        const struct kz_help *help = help_of(repair, member->id);
        count.others++;
        count.damaged += help != NULL && help->state == KZ_HELP_DAMAGED;
        if (like != NULL && help != NULL && are_alike(repair, like, help))
            count.alike += known || help->is_committed;
    }
    return count;
}

/* Returns: an answer that may be tried; NULL when there is none (yet). */
static const struct kz_help *choose(const struct kz_core *core, struct kz_repair *repair)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        const struct kz_help *help = &repair->helps[i];
        if (help->state != KZ_HELP_GIVEN) continue;
        if (repair->fault.damage == KZ_DAMAGE_RECORD) return help;
        struct count counted = count(core, repair, help);
        if (counted.alike > counted.voters / 2) return help;
    }
    return NULL;
}

static void order(struct kz_core *core, struct kz_repair *repair, const struct kz_help *help)
{
    struct kz_repairing *repairing = &core->repairing;
    repair->ticket = ++repairing->last_ticket;
    repair->giver = help != NULL ? help->peer : 0;
    repairing->orders[repairing->order_count++] = (struct kz_repair_order){
        .ticket = repair->ticket,
        .index = repair->fault.index,
        .entry = help != NULL ? help->entry : NULL,
        .is_proven = repair->fault.damage == KZ_DAMAGE_BOTH,
        .results = help != NULL ? help->results : NULL,
        .count = repair->fault.count,
    };
}

static bool is_lost(const struct kz_core *core, struct kz_repair *repair)
{
    struct count counted = count(core, repair, NULL);
    if (counted.voters == 0 || counted.damaged < counted.others) return false;
    return counted.others == 0 || core->now_ms - repair->begun_ms >= GRACE_MS;
}

static void halt_lost(struct kz_core *core, const struct kz_repair *repair)
{
    kz_core_halt(core, KZ_CORRUPT,
                 "entry %llu is damaged (%s) on every node of the cluster: nothing goes on without "
                 "it; keep all directories as they are, and bring it back from a copy of a ledger "
                 "or an export: kezek-audit export, import, found",
                 (unsigned long long)repair->fault.index, place_text(repair->fault.damage));
}

/* Returns: whether a voter, whose word is needed for what the entry was, lacks it too, and can get
 * it from nobody as long as this node leads. */
static bool starves_a_voter(const struct kz_core *core, const struct kz_repair *repair)
{
    if (core->role != KZ_LEADER || core->now_ms - repair->begun_ms < GRACE_MS) return false;
    const struct kz_membership_fields *members = kz_core_members(core);
    for (unsigned i = 0; i < members->count; i++) {
        const struct kz_member *member = &members->members[i];
        if (member->role != KZ_VOTER || member->id == core->options.id) continue;
        if (kz_driver_match(core->driver, member->id) < repair->fault.index) return true;
    }
    return false;
}

/* Lets somebody lead who has the entry; this node is repaired once enough others have it. */
static void hand_over(struct kz_core *core, const struct kz_repair *repair)
{
    if (core->now_ms < core->transfer_after_ms) return;

    core->transfer_after_ms = core->now_ms + HANDOVER_MS;
    kz_core_notice(core, KZ_NOTICE_WARNING, "entry_missing index=%llu leadership=\"handed over\"",
                   (unsigned long long)repair->fault.index);
    struct kz_error error;
    enum kz_status status = kz_driver_transfer(core->driver, core->now_ms, 0, &error);
    if (status != KZ_OK && status != KZ_UNAVAILABLE) kz_core_check(core, status, &error);
}

static void run(struct kz_core *core, struct kz_repair *repair)
{
    if (repair->fault.index == 0 || repair->ticket != 0) return;
    if (repair->fault.damage == KZ_DAMAGE_LEAF) {
        if (repair->asked_ms != 0 && core->now_ms - repair->asked_ms < ASK_MS) return;
        repair->asked_ms = core->now_ms;
        order(core, repair, NULL);
        return;
    }
    const struct kz_help *help = choose(core, repair);
    if (help != NULL) {
        order(core, repair, help);
        return;
    }
    if (is_lost(core, repair)) {
        halt_lost(core, repair);
        return;
    }
    if (starves_a_voter(core, repair)) hand_over(core, repair);
    if (repair->asked_ms == 0 || core->now_ms - repair->asked_ms >= ASK_MS) ask(core, repair);
}

void kz_repairing_run(struct kz_core *core)
{
    for (int i = 0; i < KZ_REPAIRS_MAX && !core->halted; i++)
        run(core, &core->repairing.repairs[i]);
}

uint64_t kz_repairing_wake(const struct kz_core *core)
{
    uint64_t wake = UINT64_MAX;
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        const struct kz_repair *repair = &core->repairing.repairs[i];
        if (repair->fault.index == 0 || repair->ticket != 0) continue;
        if (repair->asked_ms + ASK_MS < wake) wake = repair->asked_ms + ASK_MS;
    }
    return wake;
}

/* ---- Done ---- */

/* Returns: false when the same entry was damaged again and again: something else is wrong. */
static bool count_repair(struct kz_core *core, uint64_t index)
{
    struct kz_repairing *repairing = &core->repairing;
    repairing->times = repairing->last_index == index ? repairing->times + 1 : 1;
    repairing->last_index = index;
    core->figures.repaired++;
    return repairing->times <= TIMES_MAX;
}

static void on_done(struct kz_core *core, struct kz_repair *repair)
{
    uint64_t index = repair->fault.index;
    kz_core_notice(core, KZ_NOTICE_WARNING, "entry_repaired index=%llu place=%s from=%llu",
                   (unsigned long long)index, place_text(repair->fault.damage),
                   (unsigned long long)repair->giver);
    if (count_repair(core, index))
        end(core, repair);
    else
        halt_beyond_repair(core, index);
}

/* Returns: whether no other voter gave what stood here: then the leaf, which says what that was,
 * has rotted too since it was looked at. */
static bool all_were_wrong(const struct kz_core *core, struct kz_repair *repair)
{
    const struct kz_membership_fields *members = members_of(core);
    for (unsigned i = 0; i < members->count; i++) {
        const struct kz_member *member = &members->members[i];
        if (member->role != KZ_VOTER || member->id == core->options.id) continue;
        const struct kz_help *help = help_of(repair, member->id);
        if (help == NULL || help->state != KZ_HELP_WRONG) return false;
    }
    return true;
}

/* What GIVER gave, and whoever gave the same, was not what stood here. */
static void on_mismatch(struct kz_core *core, struct kz_repair *repair)
{
    kz_core_notice(core, KZ_NOTICE_WARNING, "repair_refused index=%llu from=%llu",
                   (unsigned long long)repair->fault.index, (unsigned long long)repair->giver);
    if (repair->giver ==
        0) { /* of leaves: a record of their block is damaged too, and named next */
        end(core, repair);
        return;
    }
    struct kz_help *given = help_of(repair, repair->giver);
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct kz_help *help = &repair->helps[i];
        if (help == given || !are_alike(repair, given, help)) continue;
        drop_help(help);
        help->state = KZ_HELP_WRONG;
    }
    drop_help(given);
    given->state = KZ_HELP_WRONG;
    if (repair->fault.damage == KZ_DAMAGE_RECORD && all_were_wrong(core, repair)) {
        repair->fault.damage = KZ_DAMAGE_BOTH;
        for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++)
            drop_help(&repair->helps[i]);
        memset(repair->helps, 0, sizeof(repair->helps));
        repair->asked_ms = 0;
    }
}

void kz_repairing_on_repaired(struct kz_core *core, const struct kz_event *event)
{
    struct kz_repair *repair = core->repairing.repairs;
    while (repair->ticket != event->ticket) {
        repair++;
        KZ_ASSERT(repair < core->repairing.repairs + KZ_REPAIRS_MAX);
    }
    repair->ticket = 0;
    switch (event->status) {
    case KZ_OK: on_done(core, repair); break;
    case KZ_NOT_FOUND: end(core, repair); break;
    case KZ_MISMATCH: on_mismatch(core, repair); break;
    case KZ_NO_SPACE:
    case KZ_NO_MEMORY: repair->asked_ms = core->now_ms; break;
    case KZ_CORRUPT: halt_beyond_repair(core, repair->fault.index); break;
    default: kz_storing_on_failed(core, event); break;
    }
}
