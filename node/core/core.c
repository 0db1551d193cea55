/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatch of a step, its order (calls.h), and what the runner is given at its end. */
#include "node/core/core.h"

#include "node/core/bounds.h"
#include "node/core/calls.h"
#include "node/core/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STOP_MS       5000
#define LAST_WORDS_MS 200

/* ---- Notices and the end ---- */

void kz_core_notice(struct kz_core *core, enum kz_notice_level level, const char *format, ...)
{
    if (core->notice_count == KZ_NOTICES_MAX) return;

    struct kz_notice *notice = &core->notices[core->notice_count++];
    notice->level = level;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(notice->text, sizeof(notice->text), format, arguments);
    va_end(arguments);
}

void kz_core_halt(struct kz_core *core, enum kz_status status, const char *format, ...)
{
    if (core->halted) return;

    core->halted = true;
    core->halt.status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(core->halt.text, sizeof(core->halt.text), format, arguments);
    va_end(arguments);
}

void kz_core_await_delivery(struct kz_core *core)
{
    core->halt_due_ms = core->now_ms + LAST_WORDS_MS;
}

bool kz_core_check(struct kz_core *core, enum kz_status status, const struct kz_error *error)
{
    if (status != KZ_OK) kz_core_halt(core, status, "%s", error->text);
    return status == KZ_OK;
}

/* ---- Making a core ---- */

static struct kz_text copy_address(struct kz_text from, char to[static KZ_ADDRESS_SIZE_MAX])
{
    memcpy(to, from.bytes, from.size);
    return (struct kz_text){to, from.size};
}

static enum kz_status check_options(const struct kz_core_options *options, struct kz_error *error)
{
    if (options->id == 0 || options->id > INT64_MAX)
        return kz_error_set(error, KZ_USAGE, "a node's id is a number from 1 on");
    if (options->self.peer.size > KZ_ADDRESS_SIZE_MAX ||
        options->self.client.size > KZ_ADDRESS_SIZE_MAX) {
        return kz_error_set(error, KZ_USAGE, "an address has at most %d bytes",
                            KZ_ADDRESS_SIZE_MAX);
    }
    if (options->ledger.last_index == 0 && !options->join &&
        kz_members_find(&options->first, options->id) == NULL) {
        return kz_error_set(error, KZ_USAGE,
                            "the ledger is empty, and node %llu is not in --cluster: name all "
                            "nodes of the first start there, this one too; or give --join to be "
                            "added to a cluster that runs",
                            (unsigned long long)options->id);
    }
    return KZ_OK;
}

static void take_options(struct kz_core *core, const struct kz_core_options *options)
{
    core->options = *options;
    core->options.self.peer = copy_address(options->self.peer, core->self_peer);
    core->options.self.client = copy_address(options->self.client, core->self_client);
    core->identity = options->identity;
    core->vote = options->vote;
    core->used_bytes = options->ledger.used_bytes;
    if (options->pending_max == 0) core->options.pending_max = KZ_PENDING_MAX;
    if (options->pending_per_link == 0) core->options.pending_per_link = KZ_PENDING_PER_LINK_MAX;
    if (options->entries_max == 0) core->options.entries_max = KZ_ENTRIES_MAX;
    if (options->refusals_per_minute == 0)
        core->options.refusals_per_minute = KZ_REFUSALS_PER_MINUTE;
}

static void init_parts(struct kz_core *core, const struct kz_core_options *options)
{
    kz_links_init(&core->links);
    kz_inflight_init(&core->inflight, core->options.pending_max, options->seed);
    kz_budget_init(&core->budget, core->options.refusals_per_minute, core->options.pending_max);
    kz_clock_init(&core->clock, options->demo_clock ? options->demo_rate : 1);
    kz_clockwork_init(&core->clockwork);
    kz_reads_init(core);
    kz_storing_init(core, options->ledger.applied);
    if (options->image != NULL) {
        kz_imaging_take(core, options->image);
    } else {
        core->machine = kz_machine_create(options->allocator, options->seed);
        kz_agreement_init(core, kz_agreement_digests(&core->options));
        core->imaging.seed = options->seed;
    }
    core->dial_changed = true;
    core->greet = true;
}

enum kz_status kz_core_create(const struct kz_core_options *options, struct kz_core **out_core,
                              struct kz_error *error)
{
    enum kz_status status = check_options(options, error);
    if (status != KZ_OK) return status;

    struct kz_core *core = kz_memory_resize(NULL, sizeof(*core));
    memset(core, 0, sizeof(*core));
    take_options(core, options);
    if (!kz_members_copy(&core->list, &options->first)) {
        free(core);
        return kz_error_set(error, KZ_USAGE, "--cluster: too many nodes, or a bad address");
    }
    status = kz_bootstrap_check(core, error);
    if (status != KZ_OK) {
        free(core);
        return status;
    }
    init_parts(core, options);
    kz_members_copy(&core->hinted,
                    options->ledger.members != NULL ? options->ledger.members : &core->list.fields);
    kz_members_copy(&core->dial, &core->hinted.fields);
    kz_replaying_start(core, &options->ledger);
    *out_core = core;
    return KZ_OK;
}

void kz_core_destroy(struct kz_core *core)
{
    if (core == NULL) return;
    kz_replaying_finish(core);
    kz_repairing_finish(core);
    kz_reads_finish(core);
    kz_inflight_finish(&core->inflight);
    if (core->driver != NULL) kz_driver_destroy(core->driver);
    kz_batch_release(core->first_entry);
    kz_storing_finish(core);
    kz_agreement_finish(core);
    kz_machine_destroy(core->machine);
    kz_links_finish(&core->links);
    free(core->clockwork.entries);
    free(core->submits);
    free(core);
}

/* ---- Events ---- */

static void on_bad_frame(struct kz_core *core, struct kz_link_state *link, enum kz_status status)
{
    const char *sentence = "the frame is malformed, or its checksum is wrong";
    if (status == KZ_TOO_LARGE) sentence = "the frame is larger than this port takes";
    if (status == KZ_NEWER) sentence = "this node speaks version 1 of the protocol";
    if (link->kind == KZ_LINK_CLIENT)
        kz_sessions_dismiss(core, link, sentence);
    else
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED, "%s", sentence);
}

static void on_frame(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame)
{
    if (link->kind == KZ_LINK_CLIENT)
        kz_sessions_on_frame(core, link, frame);
    else
        kz_peers_on_frame(core, link, frame);
}

static void on_link_event(struct kz_core *core, const struct kz_event *event)
{
    struct kz_link_state *link = kz_links_find(&core->links, event->link);
    if (link == NULL) return; /* closed by us meanwhile */

    switch (event->type) {
    case KZ_EVENT_FRAME: on_frame(core, link, &event->frame); break;
    case KZ_EVENT_BAD_FRAME: on_bad_frame(core, link, event->status); break;
    case KZ_EVENT_DRAINED: kz_watchers_on_drained(link); break;
    default:
        if (link->kind != KZ_LINK_CLIENT) kz_peers_on_closed(core, link);
        kz_links_remove(&core->links, link);
        break;
    }
}

static void on_stop(struct kz_core *core)
{
    if (core->stopping) return;
    core->stopping = true;
    core->stop_deadline_ms = core->now_ms + STOP_MS;
    kz_core_notice(core, KZ_NOTICE_INFO, "draining applied=%llu",
                   (unsigned long long)core->applied);
    if (core->phase != KZ_RUNNING || core->role != KZ_LEADER) return;

    struct kz_error error;
    enum kz_status status = kz_driver_transfer(core->driver, core->now_ms, 0, &error);
    core->handing_over = status == KZ_OK;
    if (status != KZ_OK && status != KZ_UNAVAILABLE) kz_core_check(core, status, &error);
}

static void on_event(struct kz_core *core, const struct kz_event *event)
{
    switch (event->type) {
    case KZ_EVENT_PEER_DIALED: kz_peers_on_dialed(core, event->link, event->peer); break;
    case KZ_EVENT_PEER_ACCEPTED: kz_peers_on_accepted(core, event->link); break;
    case KZ_EVENT_CLIENT_ACCEPTED: kz_links_add(&core->links, event->link, KZ_LINK_CLIENT); break;
    case KZ_EVENT_FRAME:
    case KZ_EVENT_BAD_FRAME:
    case KZ_EVENT_DRAINED:
    case KZ_EVENT_CLOSED: on_link_event(core, event); break;
    case KZ_EVENT_STORED: kz_storing_on_stored(core, event); break;
    case KZ_EVENT_STORE_FAILED: kz_storing_on_failed(core, event); break;
    case KZ_EVENT_LOADED: kz_storing_on_loaded(core, event); break;
    case KZ_EVENT_IMAGE: kz_imaging_on_saved(core, event); break;
    case KZ_EVENT_REPAIRED: kz_repairing_on_repaired(core, event); break;
    case KZ_EVENT_STOP: on_stop(core); break;
    }
}

/* ---- Leadership ---- */

static void on_leader_found(struct kz_core *core)
{
    kz_core_notice(core, KZ_NOTICE_INFO, "leader id=%llu term=%llu",
                   (unsigned long long)core->leader, (unsigned long long)core->term);
    if (core->leader != core->options.id) return;
    core->figures.elections++;
    kz_clockwork_lead(&core->clockwork);
    core->stamped = 0;
}

void kz_core_follow_leadership(struct kz_core *core)
{
    enum kz_driver_role role = kz_driver_role(core->driver);
    uint64_t term = kz_driver_term(core->driver);
    uint64_t leader = kz_driver_leader(core->driver);
    bool lost = core->role == KZ_LEADER && (role != KZ_LEADER || term != core->term);
    bool moved = leader != core->leader || (role == KZ_LEADER && term != core->term);

    if (leader == 0 && core->leader != 0)
        kz_core_notice(core, KZ_NOTICE_INFO, "leader_lost id=%llu",
                       (unsigned long long)core->leader);
    core->role = role;
    core->term = term;
    core->leader = leader;
    if (lost) {
        kz_applying_fail_after(core, kz_driver_committed(core->driver), KZ_ANSWER_UNKNOWN,
                               KZ_REASON_NONE);
        kz_proposals_lose(core);
    }
    if (lost || moved) kz_changes_follow_leadership(core, lost);
    if (!moved) return;
    if (leader != 0) on_leader_found(core);
    kz_sessions_tell_leader(core);
}

/* ---- A step ---- */

static void tick(struct kz_core *core)
{
    if (core->phase != KZ_RUNNING || core->now_ms < kz_driver_deadline(core->driver)) return;
    struct kz_error error;
    kz_core_check(core, kz_driver_tick(core->driver, core->now_ms, &error), &error);
}

/* A leader that goes waits for its successor, for as long as an election would take. */
static bool waits_for_successor(const struct kz_core *core)
{
    if (!core->handing_over || core->role != KZ_LEADER) return false;
    uint64_t begun_ms = core->stop_deadline_ms - STOP_MS;
    return core->now_ms - begun_ms < 2 * (uint64_t)core->options.election_timeout_ms;
}

static void run_stopping(struct kz_core *core)
{
    if (!core->stopping) return;
    bool drained = kz_inflight_count(&core->inflight) == 0;
    drained = drained && !waits_for_successor(core);
    if (drained) kz_storing_flush(core, true);
    drained = drained && core->storing.write_count == 0;
    core->stopped = drained || core->now_ms >= core->stop_deadline_ms;
}

static void run_parts(struct kz_core *core)
{
    kz_stamping_follow(core);
    kz_replaying_run(core);
    kz_repairing_run(core);
    kz_scrubbing_run(core);
    kz_bootstrap_run(core);
    if (core->phase == KZ_RUNNING && !core->halted) {
        kz_core_follow_leadership(core);
        kz_agreement_judge(core);
        if (!core->halted) kz_applying_run(core);
        kz_stamping_check(core);
        kz_storing_check(core);
    }
    if (!core->halted) kz_proposals_run(core);
    if (!core->halted) kz_changes_run(core);
    if (!core->halted && core->phase == KZ_RUNNING) {
        kz_core_follow_leadership(core);
        kz_reads_run(core);
        kz_watchers_run(core);
    }
    if (core->halted) return;
    kz_peers_run(core);
    kz_hellos_remember(core);
    if (core->phase == KZ_RUNNING) kz_agreement_run(core);
    kz_storing_flush(core, false);
    kz_imaging_run(core);
    run_stopping(core);
}

static void begin_step(struct kz_core *core, uint64_t now_ms, int64_t wall_ms)
{
    KZ_ASSERT(now_ms >= core->now_ms);
    KZ_ASSERT(!core->halted || core->halt_due_ms > core->now_ms);
    core->now_ms = now_ms;
    core->wall_ms = wall_ms;
    core->notice_count = 0;
    core->submit_count = 0;
    core->turned_away = 0;
    core->changes.asked_count = 0;
    core->identity_changed = false;
    core->vote_changed = false;
    kz_links_begin_step(&core->links);
    kz_storing_begin_step(core);
    kz_repairing_begin_step(core);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t wake_of(const struct kz_core *core)
{
    uint64_t wake = kz_storing_wake(core);
    wake = earliest(wake, kz_peers_wake(core));
    wake = earliest(wake, kz_repairing_wake(core));
    wake = earliest(wake, kz_scrubbing_wake(core));
    wake = earliest(wake, kz_replaying_wake(core));
    if (core->stopping) wake = earliest(wake, core->stop_deadline_ms);
    if (core->phase != KZ_RUNNING) return wake;
    wake = earliest(wake, kz_driver_deadline(core->driver));
    wake = earliest(wake, kz_reads_wake(core));
    wake = earliest(wake, kz_clockwork_wake(core));
    wake = earliest(wake, kz_changes_wake(core));
    wake = earliest(wake, kz_imaging_wake(core));
    if (core->applied < kz_driver_committed(core->driver) || core->agreement.look)
        wake = core->now_ms;
    return wake;
}

static void follow_members(struct kz_core *core)
{
    struct kz_membership_fields members;
    kz_members_to_dial(core, &members);
    if (kz_members_are_same(&members, &core->dial.fields)) return;

    struct kz_members copy; /* nothing is read where it is written */
    kz_members_copy(&copy, &members);
    kz_members_copy(&core->dial, &copy.fields);
    core->dial_changed = true;
    core->greet = true;
}

/* A node that can not go on says nothing any more; what it learned of its own directory stays. */
static void drop_step(struct kz_core *core)
{
    for (uint32_t i = 0; i < core->links.outgoing_count; i++)
        free(core->links.outgoing[i].bytes);
    for (uint32_t i = 0; i < core->storing.order_count; i++)
        free(core->storing.orders[i].results);
    core->links.outgoing_count = 0;
    core->storing.order_count = 0;
    core->storing.load_order_count = 0;
    core->repairing.order_count = 0;
    core->vote_changed = false;
}

static void end_step(struct kz_core *core, struct kz_update *out)
{
    kz_links_end_step(&core->links);
    if (core->halted) drop_step(core);
    *out = (struct kz_update){
        .identity = core->identity_changed ? &core->identity : NULL,
        .vote = core->vote_changed ? &core->vote : NULL,
        .writes = core->storing.orders,
        .write_count = core->storing.order_count,
        .outgoing = core->links.outgoing,
        .outgoing_count = core->links.outgoing_count,
        .loads = core->storing.load_orders,
        .load_count = core->storing.load_order_count,
        .repairs = core->repairing.orders,
        .repair_count = core->repairing.order_count,
        .closes = core->links.closes,
        .close_count = core->links.close_count,
        .notices = core->notices,
        .notice_count = core->notice_count,
        .dial = core->dial_changed ? &core->dial.fields : NULL,
        .image = core->halted ? 0 : core->imaging.order,
        .wake_ms = core->halted ? core->halt_due_ms : wake_of(core),
        .stopped = core->stopped,
        .halted = core->halted && core->now_ms >= core->halt_due_ms,
        .halt = core->halt,
    };
    core->dial_changed = false;
}

void kz_core_step(struct kz_core *core, uint64_t now_ms, int64_t wall_ms,
                  const struct kz_event *events, uint32_t count, struct kz_update *out_update)
{
    begin_step(core, now_ms, wall_ms);
    for (uint32_t i = 0; i < count; i++) {
        if (!core->halted)
            on_event(core, &events[i]);
        else if (events[i].type == KZ_EVENT_LOADED)
            kz_batch_release(events[i].batch);
    }
    if (!core->halted) tick(core);
    if (!core->halted) run_parts(core);
    if (!core->halted) follow_members(core);
    end_step(core, out_update);
}
