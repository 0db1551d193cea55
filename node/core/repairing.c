/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/repairing.h"

#include "node/core/calls.h"
#include "node/core/lost.h"
#include "node/core/memory.h"
#include "node/core/tail_cache.h"
#include "statemachine/base/checksum.h"

#include <string.h>

#define ASK_MS    200   /* between two times that the others are asked */
#define GRACE_MS  1000  /* for more answers, and for the others' questions before a halt */
#define TELL_MS   10000 /* between two lines about an entry that is waited for */
#define TIMES_MAX 3     /* that one entry is repaired and found damaged again */

/* ---- The table ---- */

bool kz_repairing_is_of_results(const struct kz_repair *repair)
{
    return repair->fault.damage == KZ_DAMAGE_RESULTS;
}

static struct kz_repair *find(struct kz_core *core, uint64_t index, bool results)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        struct kz_repair *repair = &core->repairing.repairs[i];
        if (repair->fault.index == index && kz_repairing_is_of_results(repair) == results)
            return repair;
    }
    return NULL;
}

static void forget(struct kz_repair *repair)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++)
        kz_evidence_drop(&repair->helps[i]);
    *repair = (struct kz_repair){0};
}

/* Forgets REPAIR, and has read again what waits for it. */
static void end(struct kz_core *core, struct kz_repair *repair)
{
    forget(repair);
    kz_storing_load_again(core);
}

void kz_repairing_note_damaged(struct kz_core *core, const struct kz_peer_fetch *fetch,
                               uint64_t peer)
{
    struct kz_repair *repair = find(core, fetch->index, fetch->results);
    if (repair == NULL || repair->ticket != 0) return; /* the order under way may be of its help */
    struct kz_help *help = kz_evidence_of(repair, peer);
    if (help == NULL) return;
    kz_evidence_drop(help);
    help->state = KZ_HELP_DAMAGED;
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
    if (core->phase != KZ_RUNNING || kz_repairing_is_of_results(repair)) return;
    const struct kz_batch *cached = kz_driver_cached(core->driver, index);
    struct kz_batch *entry = cached == NULL ? NULL : kz_batch_slice(cached, index, index + 1);
    if (entry == NULL) return;
    struct kz_help *help = kz_evidence_of(repair, core->options.id);
    help->state = KZ_HELP_GIVEN;
    help->entry = entry;
}

static void begin(struct kz_core *core, const struct kz_fault *fault)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        struct kz_repair *repair = &core->repairing.repairs[i];
        if (repair->fault.index != 0) continue;
        repair->fault = *fault;
        repair->begun_ms = core->now_ms;
        repair->told_ms = core->now_ms;
        core->figures.damaged++;
        help_oneself(core, repair);
        kz_core_notice(core, KZ_NOTICE_ERROR, "entry_damaged index=%llu place=%s",
                       (unsigned long long)fault->index, place_text(fault->damage));
        return;
    }
}

static uint64_t last_index(const struct kz_core *core)
{
    return core->phase == KZ_RUNNING ? kz_driver_last_index(core->driver) : core->replay.last;
}

bool kz_repairing_on_fault(struct kz_core *core, struct kz_load_underway *load,
                           const struct kz_fault *fault)
{
    if (fault->damage == KZ_DAMAGE_PAGES) {
        halt_beyond_repair(core, load->first);
        return false;
    }
    load->waits_for = fault->index;
    if (fault->damage == KZ_DAMAGE_NONE || fault->index > last_index(core)) {
        /* it was repaired, or dropped, meanwhile */
        if (++load->misses > TIMES_MAX)
            halt_beyond_repair(core, load->first);
        else
            kz_storing_load_again(core);
        return true;
    }
    struct kz_repair *repair = find(core, fault->index, fault->damage == KZ_DAMAGE_RESULTS);
    if (repair == NULL) begin(core, fault);
    if (load->purpose != KZ_LOAD_PEER) return true;
    kz_helping_on_fault(core, load, fault);
    return false; /* the peer asks again */
}

/* ---- Asking ---- */

bool kz_repairing_is_of_tail(const struct kz_core *core, const struct kz_repair *repair)
{
    return core->phase == KZ_REPLAYING && !kz_repairing_is_of_results(repair) &&
           repair->fault.index > 1 && repair->fault.index > core->replay.applied;
}

bool kz_repairing_is_over(const struct kz_core *core, const struct kz_repair *repair)
{
    return core->now_ms - repair->begun_ms >= GRACE_MS;
}

const struct kz_membership_fields *kz_repairing_members(const struct kz_core *core)
{
    return core->phase == KZ_RUNNING ? kz_core_members(core) : &core->dial.fields;
}

/* Returns: the term of the entry; 0: it is of results. */
static uint64_t term_of(const struct kz_core *core, const struct kz_repair *repair)
{
    bool is_of_results = kz_repairing_is_of_results(repair);
    return is_of_results ? 0 : kz_helping_term_at(core, repair->fault.index);
}

/* What the others are asked for. */
static struct kz_peer_fetch fetch_of(const struct kz_core *core, const struct kz_repair *repair)
{
    struct kz_peer_fetch fetch = {.index = repair->fault.index,
                                  .count = repair->fault.count,
                                  .results = kz_repairing_is_of_results(repair),
                                  .term = term_of(core, repair)};
    if (kz_repairing_is_of_tail(core, repair) && kz_repairing_is_over(core, repair))
        fetch.leave = kz_replaying_last_term(core);
    return fetch;
}

static void ask(struct kz_core *core, struct kz_repair *repair)
{
    uint8_t frame[KZ_PEER_SMALL_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    const struct kz_peer_fetch fetch = fetch_of(core, repair);
    kz_peer_fetch_encode(&writer, &fetch);
    const struct kz_membership_fields *members = kz_repairing_members(core);
    for (unsigned i = 0; i < members->count; i++) {
        uint64_t id = members->members[i].id;
        if (id == core->options.id) continue;
        const struct kz_help *help = kz_evidence_of(repair, id);
        if (help != NULL && help->state == KZ_HELP_GIVEN) continue;
        kz_peers_send(core, id, frame, kz_writer_size(&writer));
    }
    repair->asked_ms = core->now_ms;
}

void kz_repairing_on_fetched(struct kz_core *core, const struct kz_peer *peer,
                             const struct kz_frame *frame)
{
    struct kz_peer_fetched fetched;
    if (kz_peer_fetched_decode(frame, &fetched) != KZ_OK) {
        kz_peers_refuse(core, peer->accepted, KZ_REFUSED_MALFORMED, "a fetched is malformed");
        return;
    }
    const struct kz_peer_fetch *fetch = &fetched.fetch;
    struct kz_repair *repair = find(core, fetch->index, fetch->results);
    if (repair == NULL || repair->fault.count != fetch->count || repair->ticket != 0) return;
    if (fetch->term != term_of(core, repair)) return;
    kz_evidence_take(core, repair, peer->id, &fetched);
}

/* ---- Deciding ---- */

/* Returns: an answer that may be tried; NULL when there is none (yet). */
static const struct kz_help *choose(const struct kz_core *core, struct kz_repair *repair)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        const struct kz_help *help = &repair->helps[i];
        if (help->state != KZ_HELP_GIVEN) continue;
        if (repair->fault.damage == KZ_DAMAGE_RECORD || kz_evidence_is_proof(core, repair, help))
            return help;
    }
    return NULL;
}

/* Returns: whether the entry may be dropped: not when nothing that waits has led to it. */
static bool may_drop(const struct kz_core *core, struct kz_repair *repair)
{
    if (!kz_repairing_is_of_tail(core, repair)) return false;
    return (repair->is_overwritten || kz_evidence_is_lacked(core, repair)) &&
           kz_storing_start_waits_for(core, repair->fault.index);
}

/* HELP: what to repair it with; NULL: the records here, or nothing, when it is to be dropped. */
static void order(struct kz_core *core, struct kz_repair *repair, const struct kz_help *help,
                  bool drops)
{
    struct kz_repairing *repairing = &core->repairing;
    repair->ticket = ++repairing->last_ticket;
    repair->giver = help != NULL ? help->peer : 0;
    repair->drops = drops;
    if (drops) kz_replaying_leave_term(core, kz_replaying_last_term(core));
    repairing->orders[repairing->order_count++] = (struct kz_repair_order){
        .ticket = repair->ticket,
        .index = repair->fault.index,
        .entry = help != NULL ? help->entry : NULL,
        .is_proven = repair->fault.damage == KZ_DAMAGE_BOTH,
        .is_overwritten = repair->drops,
        .results = help != NULL ? help->results : NULL,
        .count = repair->fault.count,
    };
}

/* Returns: whether waiting changes nothing: all voters answered, none has it, and those who lack it
 * do not go on without this node, or can get it from nobody. */
static bool is_hopeless(const struct kz_core *core, struct kz_repair *repair)
{
    struct kz_tally said = kz_evidence_count(core, repair, NULL);
    if (said.voters == 0 || said.silent > 0) return false;
    bool is_fixed =
        !kz_repairing_is_of_results(repair) && repair->fault.index <= kz_helping_committed(core);
    return is_fixed || said.absent <= said.voters / 2;
}

/* Returns: whether that is so for as long as the others need to hear of it: a connection to one of
 * them may not stand yet, and without this node's answer it would wait for it for ever. */
static bool is_given_up(const struct kz_core *core, struct kz_repair *repair)
{
    if (!is_hopeless(core, repair)) {
        repair->hopeless_ms = 0;
        return false;
    }
    if (repair->hopeless_ms == 0) repair->hopeless_ms = core->now_ms;
    return kz_repairing_members(core)->count == 1 || core->now_ms - repair->hopeless_ms >= GRACE_MS;
}

static void halt_hopeless(struct kz_core *core, struct kz_repair *repair)
{
    struct kz_tally said = kz_evidence_count(core, repair, NULL);
    if (said.wrong > 0) {
        halt_beyond_repair(core, repair->fault.index);
        return;
    }
    if (said.given > 0) {
        kz_core_halt(
            core, KZ_CORRUPT,
            "the other nodes differ about entry %llu, which is damaged here (%s): "
            "kezek-audit verify tells whose ledger is not the cluster's; replace that node",
            (unsigned long long)repair->fault.index, place_text(repair->fault.damage));
        return;
    }
    kz_core_halt(core, KZ_CORRUPT,
                 "entry %llu is damaged (%s) on every node that has it: nothing goes on without "
                 "it; keep all directories as they are, and bring it back from a copy of a ledger "
                 "or an export: kezek-audit export, import, found",
                 (unsigned long long)repair->fault.index, place_text(repair->fault.damage));
}

/* Returns: whether it is the last results that nobody gives: a start works those out again, and
 * the others may need this node to come so far. */
static bool needs_a_start(const struct kz_core *core, struct kz_repair *repair)
{
    if (!kz_repairing_is_of_results(repair)) return false;
    if (core->results.stored >= repair->fault.index + KZ_FETCH_RESULTS_MAX) return false;
    return kz_evidence_count(core, repair, NULL).silent == 0 || kz_repairing_is_over(core, repair);
}

static void halt_for_a_start(struct kz_core *core, const struct kz_repair *repair)
{
    kz_core_halt(core, KZ_CORRUPT,
                 "the last results, from entry %llu on, are damaged on this node's disk, and no "
                 "other node gives them: a restart works them out again",
                 (unsigned long long)repair->fault.index);
}

/* Says now and then what is waited for. */
static void tell(struct kz_core *core, struct kz_repair *repair)
{
    if (core->now_ms - repair->told_ms < TELL_MS) return;
    repair->told_ms = core->now_ms;
    struct kz_tally said = kz_evidence_count(core, repair, NULL);
    kz_core_notice(
        core, KZ_NOTICE_WARNING,
        "entry_awaited index=%llu place=%s silent=%u absent=%u damaged=%u hint=\"%s\"",
        (unsigned long long)repair->fault.index, place_text(repair->fault.damage), said.silent,
        said.absent, said.others - said.silent - said.given - said.absent - said.wrong,
        said.silent > 0 ? "it is taken from a node that has it: start those that are down"
                        : "the others lack it: it is dropped once a majority of them is sure");
}

static void run(struct kz_core *core, struct kz_repair *repair)
{
    if (repair->fault.index == 0 || repair->ticket != 0) return;
    bool is_due = repair->asked_ms == 0 || core->now_ms - repair->asked_ms >= ASK_MS;
    bool is_of_leaf = repair->fault.damage == KZ_DAMAGE_LEAF;
    const struct kz_help *help = is_of_leaf ? NULL : choose(core, repair);
    bool drops = help == NULL && may_drop(core, repair);
    if (help != NULL) {
        order(core, repair, help, false);
    } else if (is_of_leaf || drops) {
        if (!is_due) return;
        repair->asked_ms = core->now_ms;
        order(core, repair, NULL, drops);
    } else if (needs_a_start(core, repair)) {
        halt_for_a_start(core, repair);
    } else if (is_given_up(core, repair)) {
        halt_hopeless(core, repair);
    } else if (is_due) {
        tell(core, repair);
        ask(core, repair);
    }
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

/* Forgets what was to be repaired behind INDEX, but for what an order is under way of. */
static void forget_dropped(struct kz_core *core, uint64_t index)
{
    for (int i = 0; i < KZ_REPAIRS_MAX; i++) {
        struct kz_repair *repair = &core->repairing.repairs[i];
        if (repair->fault.index > index && repair->ticket == 0) forget(repair);
    }
}

static void on_done(struct kz_core *core, struct kz_repair *repair)
{
    uint64_t index = repair->fault.index;
    kz_core_notice(core, KZ_NOTICE_WARNING, "entry_%s index=%llu place=%s from=%llu",
                   repair->drops ? "dropped" : "repaired", (unsigned long long)index,
                   place_text(repair->fault.damage), (unsigned long long)repair->giver);
    if (!count_repair(core, index)) {
        halt_beyond_repair(core, index);
        return;
    }
    if (repair->drops) {
        forget_dropped(core, index);
        kz_replaying_drop_from(core, index);
    }
    end(core, repair);
}

/* What GIVER gave, and whoever gave the same, was not what stood here. */
static void on_mismatch(struct kz_core *core, struct kz_repair *repair)
{
    kz_core_notice(core, KZ_NOTICE_WARNING, "repair_refused index=%llu from=%llu",
                   (unsigned long long)repair->fault.index, (unsigned long long)repair->giver);
    struct kz_help *given = kz_evidence_of(repair, repair->giver);
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct kz_help *help = &repair->helps[i];
        if (help == given || !kz_evidence_is_alike(repair, given, help)) continue;
        kz_evidence_drop(help);
        help->state = KZ_HELP_WRONG;
    }
    kz_evidence_drop(given);
    given->state = KZ_HELP_WRONG;
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
    case KZ_NOT_FOUND:
    case KZ_UNAVAILABLE: end(core, repair); break; /* what is damaged now is found by who waits */
    case KZ_MISMATCH: on_mismatch(core, repair); break;
    case KZ_NO_SPACE:
    case KZ_NO_MEMORY: repair->asked_ms = core->now_ms; break;
    case KZ_CORRUPT: halt_beyond_repair(core, repair->fault.index); break;
    default: kz_storing_on_failed(core, event); break;
    }
}
