/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/loop.h"

#include "node/core/bounds.h"
#include "node/shell/admin.h"
#include "node/shell/descriptors.h"
#include "node/shell/held_pages.h"
#include "node/shell/images.h"
#include "node/shell/journal.h"
#include "node/shell/loader.h"
#include "node/shell/metrics.h"
#include "node/shell/saver.h"
#include "node/shell/sockets.h"
#include "node/shell/syncs.h"
#include "node/shell/writer.h"
#include "statemachine/base/assert.h"

#include <signal.h>
#include <string.h>
#include <time.h>

enum phase {
    PHASE_RUNNING,
    PHASE_STOPPING, /* the core drains */
    PHASE_ENDING,   /* no more steps: connections are being closed */
};

struct node {
    const struct kz_options *options;
    struct kz_directory *directory;
    uv_loop_t loop;
    struct kz_core *core;
    struct kz_inbox inbox;
    struct kz_sockets *sockets;
    struct kz_admin *admin;
    struct kz_ledger_writer writer;
    struct kz_loader loader;
    struct kz_held_pages held_pages;
    struct kz_syncs syncs;
    struct kz_arena *arena; /* of the core's state machine */
    struct kz_images_opened opened;
    struct kz_saver saver;
    uv_prepare_t prepare; /* before the loop waits, and … */
    uv_check_t check;     /* … after it: a turn when there are events */
    uv_timer_t wake;
    uv_idle_t idle; /* while the core wants the next step at once */
    uv_timer_t deadline;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    uv_signal_t hangup;
    bool has_writer, has_loader, has_held_pages, has_saver;
    bool was_ready;
    bool is_in_turn;
    bool is_due; /* a turn, whatever came */
    enum phase phase;
    enum kz_status status;
    struct kz_error error;
    struct kz_histogram steps;
    uint64_t events;
    uint32_t connections; /* of clients, that there are descriptors for */
    double start_time_seconds;
};

/* ---- Ending ---- */

static void end(struct node *node, enum kz_status status)
{
    if (node->phase == PHASE_ENDING) return;
    node->phase = PHASE_ENDING;
    node->status = status;
    uv_timer_stop(&node->wake);
    uv_idle_stop(&node->idle);
    uv_timer_stop(&node->deadline);
    kz_sockets_stop(node->sockets);
    kz_admin_stop(node->admin);
}

static void on_deadline(uv_timer_t *timer)
{
    struct node *node = timer->data;

    kz_error_set(&node->error, KZ_UNAVAILABLE,
                 "what was in flight was not finished within %d seconds; nothing that was "
                 "acknowledged is lost",
                 KZ_STOP_MS / 1000);
    end(node, KZ_UNAVAILABLE);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct node *node = handle->data;

    if (node->phase != PHASE_RUNNING) return;
    node->phase = PHASE_STOPPING;
    kz_journal(KZ_NOTICE_INFO, "stopping signal=%s", number == SIGTERM ? "TERM" : "INT");
    kz_journal_notify("STOPPING=1");
    uv_timer_start(&node->deadline, on_deadline, KZ_STOP_MS, 0);
    kz_inbox_add(&node->inbox, &(struct kz_event){.type = KZ_EVENT_STOP});
}

/* Means: read the certificates again. It is heard all the same, for it would end the process. */
static void on_hangup(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    kz_journal(KZ_NOTICE_INFO,
               "reload signal=HUP certificates=0 reason=\"connections are not encrypted yet\"");
}

/* ---- A turn ---- */

/* Returns: false when identity or vote could not be made durable: nothing else may happen then. */
static bool keep_promises(struct node *node, const struct kz_update *update)
{
    const char *directory = node->options->data;
    enum kz_status status = KZ_OK;

    if (update->identity == NULL && update->vote == NULL) return true;
    uint64_t begin_ns = kz_clocks_monotonic_ns();
    if (update->identity != NULL) {
        status = kz_identity_write(directory, update->identity, &node->error);
    }
    if (update->vote != NULL && status == KZ_OK) {
        status = kz_vote_write(directory, update->vote, &node->error);
    }
    kz_syncs_note_vote(&node->syncs, kz_clocks_monotonic_ns() - begin_ns);
    if (status != KZ_OK) end(node, status);
    return status == KZ_OK;
}

static void tell(struct node *node, const struct kz_update *update)
{
    for (uint32_t i = 0; i < update->notice_count; i++)
        kz_journal(update->notices[i].level, "%s", update->notices[i].text);
    if (node->was_ready) return;

    struct kz_core_figures figures;
    kz_core_figures(node->core, &figures);
    if (!figures.ready) return;
    node->was_ready = true;
    kz_journal(KZ_NOTICE_INFO, "ready applied=%llu leader=%llu",
               (unsigned long long)figures.applied_index, (unsigned long long)figures.leader);
    kz_journal_notify("READY=1");
}

static void carry_out(struct node *node, const struct kz_update *update)
{
    tell(node, update);
    if (!keep_promises(node, update)) return;
    if (update->halted) {
        node->error = update->halt;
        end(node, update->halt.status == KZ_OK ? KZ_CORRUPT : update->halt.status);
        return;
    }
    for (uint32_t i = 0; i < update->write_count; i++)
        kz_ledger_writer_give(&node->writer, &update->writes[i]);
    for (uint32_t i = 0; i < update->repair_count; i++)
        kz_ledger_writer_repair(&node->writer, &update->repairs[i]);
    for (uint32_t i = 0; i < update->outgoing_count; i++)
        kz_sockets_send(node->sockets, &update->outgoing[i]);
    for (uint32_t i = 0; i < update->load_count; i++)
        kz_loader_give(&node->loader, &update->loads[i]);
    for (uint32_t i = 0; i < update->close_count; i++)
        kz_sockets_close(node->sockets, update->closes[i].link);
    if (update->dial != NULL)
        kz_sockets_dial(node->sockets, update->dial, node->directory->identity.id);
    if (update->image != 0) kz_saver_save(&node->saver, node->core, update->image);
    if (update->stopped) end(node, KZ_OK);
}

static void step(struct node *node, struct kz_update *out_update)
{
    struct kz_inbox *inbox = &node->inbox;
    uint64_t begin_ns = kz_clocks_monotonic_ns();
    int64_t wall_ms = kz_demo_clock_at(&node->options->clock, kz_clocks_real_us());

    kz_core_step(node->core, begin_ns / 1000000, wall_ms, inbox->events, inbox->count, out_update);
    kz_histogram_add(&node->steps, kz_clocks_monotonic_ns() - begin_ns);
    node->events += inbox->count;
    inbox->count = 0;
    kz_sockets_settle(node->sockets);
    kz_loader_settle(&node->loader);
}

static void on_wake(uv_timer_t *timer);

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* that it is active keeps the loop from waiting */
}

/* At once means after what is ready to be read: a timer of 0 would starve it. */
static void wake_at(struct node *node, uint64_t wake_ms)
{
    uint64_t now_ms = uv_now(&node->loop);

    node->is_due = wake_ms <= now_ms;
    if (node->is_due) {
        uv_timer_stop(&node->wake);
        uv_idle_start(&node->idle, on_idle);
    } else {
        uv_idle_stop(&node->idle);
        uv_timer_start(&node->wake, on_wake, wake_ms - now_ms, 0);
    }
}

/* What was written for an image counts once its results are stored. */
static void settle_image(struct node *node)
{
    struct kz_core_figures figures;

    if (!node->saver.is_written) return;
    kz_core_figures(node->core, &figures);
    kz_saver_settle(&node->saver, figures.results_index);
}

/* Steps until nothing has happened meanwhile (a send can find that its link is gone). */
static void turn(struct node *node)
{
    struct kz_update update;

    KZ_ASSERT(!node->is_in_turn);
    node->is_in_turn = true;
    while (node->phase != PHASE_ENDING) {
        step(node, &update);
        carry_out(node, &update);
        settle_image(node);
        if (node->inbox.count == 0) break;
    }
    node->is_in_turn = false;
    if (node->phase == PHASE_ENDING) {
        kz_sockets_settle(node->sockets);
    } else {
        wake_at(node, update.wake_ms);
    }
}

static void on_wake(uv_timer_t *timer)
{
    turn(timer->data);
}

static void turn_if_needed(struct node *node)
{
    if (node->phase != PHASE_ENDING && node->inbox.count > 0) {
        turn(node);
    } else {
        kz_sockets_settle(node->sockets); /* beginnings of frames alone */
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    turn_if_needed(prepare->data);
}

static void on_check(uv_check_t *check)
{
    struct node *node = check->data;

    if (node->is_due && node->phase != PHASE_ENDING) {
        turn(node);
    } else {
        turn_if_needed(node);
    }
}

static void on_arena_full(void *context)
{
    turn_if_needed(context);
}

/* ---- Pages ---- */

static double seconds_of(clockid_t clock)
{
    struct timespec used = {0};
    clock_gettime(clock, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static uint64_t resident_bytes(void)
{
    size_t bytes = 0;
    return uv_resident_set_memory(&bytes) == 0 ? bytes : 0;
}

static void gather(const struct node *node, struct kz_node_figures *out)
{
    *out = (struct kz_node_figures){
        .writer = node->writer.figures,
        .readers = node->held_pages.found,
        .syncs = node->syncs,
        .steps = node->steps,
        .events = node->events,
        .image = node->saver.figures,
        .image_open_seconds = node->opened.seconds,
        .loads = node->loader.loads,
        .load_failures = node->loader.failures,
        .process_cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID),
        .loop_cpu_seconds = seconds_of(CLOCK_THREAD_CPUTIME_ID),
        .writer_cpu_seconds = kz_worker_cpu_seconds(&node->writer.worker),
        .loader_cpu_seconds = kz_worker_cpu_seconds(&node->loader.worker),
        .start_time_seconds = node->start_time_seconds,
        .resident_bytes = resident_bytes(),
        .id = node->directory->identity.id,
        .is_stopping = node->phase != PHASE_RUNNING,
    };
    kz_core_figures(node->core, &out->core);
    kz_sockets_figures(node->sockets, &out->sockets);
}

static unsigned write_page(void *context, const char *path, FILE *out)
{
    struct kz_node_figures figures;

    gather(context, &figures);
    if (strcmp(path, "/livez") == 0) {
        fputs("alive\n", out);
        return 200;
    }
    if (strcmp(path, "/readyz") == 0) return kz_metrics_write_ready(&figures, out) ? 200 : 503;
    if (strcmp(path, "/metrics") == 0) {
        kz_metrics_write(&figures, out);
        return 200;
    }
    return 404;
}

/* ---- Starting ---- */

static struct kz_text text_of(const struct kz_address *address)
{
    return (struct kz_text){address->text, (uint16_t)strlen(address->text)};
}

static struct kz_member member_of(uint64_t id, const struct kz_address *peer)
{
    return (struct kz_member){.id = id, .role = KZ_VOTER, .peer = text_of(peer)};
}

static struct kz_membership_fields roster_of(const struct kz_options *options)
{
    struct kz_membership_fields members = {.count = options->cluster.count};
    for (uint8_t i = 0; i < options->cluster.count; i++) {
        const struct kz_roster_member *member = &options->cluster.members[i];
        members.members[i] = member_of(member->id, &member->peer);
    }
    return members;
}

static enum kz_status create_core(struct node *node)
{
    const struct kz_options *options = node->options;
    const struct kz_directory *directory = node->directory;
    struct kz_core_options core = {
        .id = directory->identity.id,
        .self = member_of(directory->identity.id, &options->peer),
        .identity = directory->identity,
        .vote = directory->vote,
        .ledger = {.last_index = kz_log_last_index(directory->log),
                   .applied = kz_log_applied_index(directory->log),
                   .used_bytes = kz_log_used_bytes(directory->log)},
        .allocator = &node->arena->allocator,
        .election_timeout_ms = (uint32_t)options->election_timeout_ms,
        .heartbeat_ms = (uint32_t)options->heartbeat_ms,
        .refusals_per_minute = (uint32_t)options->refusals_per_minute,
        .scrub_pass_ms = options->scrub_days * 86400000,
        .scrub_bytes_per_s = options->scrub_rate << 20,
        .image_every = options->image_every,
        .accept_time = options->accept_time,
        .join = options->join,
        .demo_clock = options->clock.demo,
        .demo_rate = options->clock.demo ? options->clock.rate : 1,
    };

    core.self.client = text_of(&options->client);
    memcpy(core.cluster, directory->identity.cluster, KZ_ID_SIZE);
    core.ledger.runs = kz_log_term_runs(directory->log, &core.ledger.run_count);
    kz_random_fill(&core.seed, sizeof core.seed);
    struct kz_membership_fields members = roster_of(options);
    core.ledger.memberships = kz_log_memberships(directory->log, &core.ledger.membership_count);
    struct kz_batch *batch =
        kz_log_read_members(directory->log, &members, &core.ledger.members_index);
    if (core.ledger.last_index == 0)
        core.first = members;
    else
        core.ledger.members = &members;
    kz_images_open(options->data, directory->log, &core, node->arena, &node->opened);
    core.image = node->opened.image;
    enum kz_status status = kz_core_create(&core, &node->core, &node->error);
    if (status != KZ_OK) kz_core_image_close(core.image);
    kz_batch_release(batch);
    return status;
}

static enum kz_status listen_everywhere(struct node *node)
{
    const struct kz_options *options = node->options;
    struct kz_error *error = &node->error;
    enum kz_status status = kz_admin_listen(node->admin, &options->admin, error);

    if (status == KZ_OK) {
        status = kz_sockets_listen(node->sockets, KZ_SOCKET_PEER, &options->peer, error);
    }
    if (status == KZ_OK) {
        status = kz_sockets_listen(node->sockets, KZ_SOCKET_CLIENT, &options->client, error);
    }
    return status;
}

static void init_handles(struct node *node)
{
    uv_prepare_init(&node->loop, &node->prepare);
    uv_check_init(&node->loop, &node->check);
    uv_timer_init(&node->loop, &node->wake);
    uv_idle_init(&node->loop, &node->idle);
    uv_timer_init(&node->loop, &node->deadline);
    uv_signal_init(&node->loop, &node->terminate);
    uv_signal_init(&node->loop, &node->interrupt);
    uv_signal_init(&node->loop, &node->hangup);
    node->prepare.data = node->check.data = node->wake.data = node->idle.data =
        node->deadline.data = node;
    node->terminate.data = node->interrupt.data = node;
}

static enum kz_status start_workers(struct node *node)
{
    struct kz_log *log = node->directory->log;

    node->has_writer = kz_ledger_writer_start(&node->writer, &node->loop, log, &node->inbox,
                                              &node->syncs) == KZ_OK;
    node->has_loader = kz_loader_start(&node->loader, &node->loop, log, &node->inbox) == KZ_OK;
    node->has_held_pages = kz_held_pages_start(&node->held_pages, &node->loop, log) == KZ_OK;
    if (node->has_writer && node->has_loader && node->has_held_pages) return KZ_OK;
    return kz_error_set(&node->error, KZ_NO_MEMORY, "the system has no thread to give");
}

static void start_saver(struct node *node)
{
    kz_saver_start(&node->saver, &(struct kz_saver_options){
                                     .loop = &node->loop,
                                     .directory = node->options->data,
                                     .arena = node->arena,
                                     .inbox = &node->inbox,
                                     .opened_index = node->opened.index,
                                     .opened_bytes = node->opened.bytes,
                                     .opened_time_seconds = node->opened.time_seconds,
                                 });
    node->has_saver = true;
}

static enum kz_status start(struct node *node)
{
    const struct kz_options *options = node->options;

    init_handles(node);
    node->sockets = kz_sockets_create(&(struct kz_sockets_options){
        &node->loop, &node->inbox, node->connections, (uint32_t)options->connections_per_address,
        node, on_arena_full});
    node->admin = kz_admin_create(&(struct kz_admin_options){&node->loop, node, write_page});
    node->arena = kz_arena_create();
    if (node->sockets == NULL || node->admin == NULL || node->arena == NULL) {
        return kz_error_set(&node->error, KZ_NO_MEMORY, "no memory for connections");
    }
    enum kz_status status = create_core(node);
    if (status == KZ_OK) status = start_workers(node);
    if (status == KZ_OK) status = listen_everywhere(node);
    if (status != KZ_OK) return status;

    start_saver(node);
    uv_prepare_start(&node->prepare, on_prepare);
    uv_check_start(&node->check, on_check);
    uv_signal_start(&node->terminate, on_signal, SIGTERM);
    uv_signal_start(&node->interrupt, on_signal, SIGINT);
    uv_signal_start(&node->hangup, on_hangup, SIGHUP);
    uv_timer_start(&node->wake, on_wake, 0, 0);
    kz_journal(KZ_NOTICE_INFO,
               "started version=" KZ_VERSION " id=%llu last=%llu client=%s peer=%s admin=%s",
               (unsigned long long)node->directory->identity.id,
               (unsigned long long)kz_log_last_index(node->directory->log), options->client.text,
               options->peer.text, options->admin.text);
    return KZ_OK;
}

/* ---- Finishing ---- */

static void close_handles(struct node *node)
{
    uv_close((uv_handle_t *)&node->prepare, NULL);
    uv_close((uv_handle_t *)&node->check, NULL);
    uv_close((uv_handle_t *)&node->wake, NULL);
    uv_close((uv_handle_t *)&node->idle, NULL);
    uv_close((uv_handle_t *)&node->deadline, NULL);
    uv_close((uv_handle_t *)&node->terminate, NULL);
    uv_close((uv_handle_t *)&node->interrupt, NULL);
    uv_close((uv_handle_t *)&node->hangup, NULL);
}

/* Undoes start(), as far as it came. */
static void finish(struct node *node)
{
    if (node->sockets != NULL) kz_sockets_stop(node->sockets);
    if (node->admin != NULL) kz_admin_stop(node->admin);
    if (node->has_writer) kz_ledger_writer_finish(&node->writer);
    if (node->has_loader) kz_loader_finish(&node->loader);
    if (node->has_held_pages) kz_held_pages_finish(&node->held_pages);
    if (node->has_saver) kz_saver_finish(&node->saver);
    close_handles(node);
    uv_run(&node->loop, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&node->loop);
    KZ_ASSERT(busy == 0);
    if (node->core != NULL) kz_core_destroy(node->core);
    kz_arena_destroy(node->arena);
    if (node->sockets != NULL) kz_sockets_destroy(node->sockets);
    if (node->admin != NULL) kz_admin_destroy(node->admin);
    kz_inbox_finish(&node->inbox);
}

enum kz_status kz_loop_run(const struct kz_options *options, struct kz_directory *directory,
                           struct kz_error *error)
{
    struct node node = {.options = options, .directory = directory};

    node.syncs.election_timeout_ms = options->election_timeout_ms;
    node.start_time_seconds = (double)kz_clocks_real_us() / 1e6;
    enum kz_status status =
        kz_descriptors_grant((uint32_t)options->connections, &node.connections, error);
    if (status != KZ_OK) return status;
    int failed = uv_loop_init(&node.loop);
    if (failed != 0)
        return kz_error_set(error, KZ_IO, "can not make an event loop: %s", uv_strerror(failed));

    node.status = start(&node);
    if (node.status == KZ_OK) {
        while (!kz_sockets_is_empty(node.sockets) || !kz_admin_is_empty(node.admin))
            uv_run(&node.loop, UV_RUN_ONCE);
    }
    finish(&node);
    if (node.status != KZ_OK) *error = node.error;
    return node.status;
}
