/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim.h"

#include "node/core/image.h"
#include "node/core/memory.h"
#include "statemachine/base/checksum.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_image.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/sim_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELECTION_MS  150
#define HEARTBEAT_MS 25

/* A write or a load on its way to or from the disk. */
struct kz_sim_order {
    struct kz_sim_order *next;
    uint64_t done_ms;
    bool is_load;
    bool is_repair;
    struct kz_repair_order repair;
    struct kz_write_order write;
    struct kz_load_order load;
};

/* ---- Chance ---- */

uint64_t kz_sim_random(struct kz_sim *sim, uint64_t below)
{
    sim->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = sim->random;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

void kz_sim_trace(struct kz_sim *sim, const void *bytes, size_t size)
{
    sim->trace = kz_hash64(bytes, size, sim->trace);
}

/* ---- Events ---- */

void kz_sim_event(struct kz_sim_node *node, const struct kz_event *event, void *garbage)
{
    if (node->core == NULL) {
        free(garbage);
        return;
    }
    if (node->event_count == node->event_capacity) {
        node->event_capacity = kz_memory_grown(node->event_capacity, 1);
        node->events =
            kz_memory_resize(node->events, node->event_capacity * sizeof(node->events[0]));
    }
    node->events[node->event_count++] = *event;
    if (garbage == NULL) return;
    if (node->garbage_count == node->garbage_capacity) {
        node->garbage_capacity = kz_memory_grown(node->garbage_capacity, 1);
        node->garbage =
            kz_memory_resize(node->garbage, node->garbage_capacity * sizeof(node->garbage[0]));
    }
    node->garbage[node->garbage_count++] = garbage;
}

static void forget_events(struct kz_sim_node *node)
{
    for (uint32_t i = 0; i < node->garbage_count; i++)
        free(node->garbage[i]);
    node->garbage_count = 0;
    node->event_count = 0;
}

/* ---- Disk ---- */

static void add_order(struct kz_sim *sim, struct kz_sim_node *node, const struct kz_sim_order *made)
{
    struct kz_sim_order *order = kz_memory_resize(NULL, sizeof(*order));
    *order = *made;
    order->next = NULL;
    order->done_ms =
        sim->now_ms + 1 + kz_sim_random(sim, sim->options.disk_ms) + node->disk.slow_ms;
    struct kz_sim_order **last = &node->orders;
    for (; *last != NULL; last = &(*last)->next) {
        if ((*last)->done_ms > order->done_ms) order->done_ms = (*last)->done_ms;
    }
    *last = order;
}

static void free_order(struct kz_sim_order *order)
{
    kz_batch_release(order->write.batch);
    kz_batch_release(order->repair.entry);
    free(order->write.results);
    free(order);
}

/* Returns: false when it waits for room on the disk. */
static bool complete_write(struct kz_sim_node *node, const struct kz_write_order *write)
{
    struct kz_event event = {.type = KZ_EVENT_STORED, .ticket = write->ticket};
    event.status = kz_sim_disk_write(&node->disk, write);
    bool waits = event.status == KZ_NO_SPACE;
    if (event.status != KZ_OK) event.type = KZ_EVENT_STORE_FAILED;
    if (event.status == KZ_OK && node->disk.low) event.status = KZ_NO_SPACE;
    kz_sim_event(node, &event, NULL);
    return !waits;
}

static void complete_load(struct kz_sim_node *node, const struct kz_load_order *load)
{
    struct kz_event event = {.type = KZ_EVENT_LOADED, .ticket = load->ticket};
    struct kz_error error;
    if (node->disk.unreadable) {
        event.status = KZ_IO;
        kz_sim_event(node, &event, NULL);
        return;
    }
    uint8_t *results = load->with_results ? kz_memory_resize(NULL, load->count_max) : NULL;
    event.status = kz_sim_disk_read(&node->disk, load, &event.batch, results, &error);
    if (event.status == KZ_CORRUPT) kz_sim_disk_examine(&node->disk, load, &event.fault);
    if (event.status != KZ_OK) event.batch = NULL;
    event.results = event.status == KZ_OK ? results : NULL;
    kz_sim_event(node, &event, results);
}

static void complete_repair(struct kz_sim_node *node, const struct kz_repair_order *repair)
{
    struct kz_event event = {.type = KZ_EVENT_REPAIRED, .ticket = repair->ticket};
    event.status = kz_sim_disk_repair(&node->disk, repair);
    kz_sim_event(node, &event, NULL);
}

static void complete_orders(struct kz_sim *sim, struct kz_sim_node *node)
{
    while (node->orders != NULL && node->orders->done_ms <= sim->now_ms) {
        struct kz_sim_order *order = node->orders;
        if (order->is_repair) {
            complete_repair(node, &order->repair);
        } else if (order->is_load) {
            complete_load(node, &order->load);
        } else if (!complete_write(node, &order->write)) {
            order->done_ms = sim->now_ms + 100;
            return;
        }
        node->orders = order->next;
        free_order(order);
    }
}

/* The first write under way is interrupted before, within or behind its transaction. */
static void interrupt_writes(struct kz_sim *sim, struct kz_sim_node *node)
{
    const struct kz_sim_order *order = node->orders;
    while (order != NULL && (order->is_load || order->is_repair))
        order = order->next;
    if (order == NULL || node->disk.full || node->disk.log == NULL) return;

    kz_sim_medium_cut_after(node->disk.medium, (unsigned)kz_sim_random(sim, 3));
    kz_sim_disk_write(&node->disk, &order->write);
}

/* ---- Steps ---- */

static void check_digest(struct kz_sim *sim, const struct kz_sim_node *node)
{
    if (node->damaged) return;
    const struct kz_machine *machine = kz_core_machine(node->core);
    uint64_t applied = kz_machine_applied(machine);
    static const uint8_t unknown[KZ_ID_SIZE];
    if (applied >= sim->digests_capacity) {
        uint64_t capacity = applied * 2 + 64;
        sim->digests = kz_memory_resize(sim->digests, capacity * KZ_ID_SIZE);
        memset(sim->digests + sim->digests_capacity, 0,
               (capacity - sim->digests_capacity) * KZ_ID_SIZE);
        sim->digests_capacity = capacity;
    }
    uint8_t digest[KZ_ID_SIZE];
    kz_machine_digest(machine, digest);
    if (memcmp(sim->digests[applied], unknown, KZ_ID_SIZE) == 0)
        memcpy(sim->digests[applied], digest, KZ_ID_SIZE);
    KZ_ASSERT(memcmp(sim->digests[applied], digest, KZ_ID_SIZE) == 0);
}

static void __attribute__((format(printf, 3, 4)))
tell(struct kz_sim *sim, const struct kz_sim_node *node, const char *format, ...)
{
    FILE *journal = sim->options.journal;
    if (journal == NULL && getenv("KZ_SIM_VERBOSE") != NULL) journal = stderr;
    if (journal == NULL) return;
    va_list arguments;
    (void)fprintf(journal, "%8llu node %llu: ", (unsigned long long)sim->now_ms,
                  (unsigned long long)node->id);
    va_start(arguments, format);
    (void)vfprintf(journal, format, arguments);
    va_end(arguments);
    (void)fputc('\n', journal);
}

static void note(struct kz_sim *sim, struct kz_sim_node *node, const struct kz_update *update)
{
    for (uint32_t i = 0; i < update->notice_count; i++) {
        const struct kz_notice *notice = &update->notices[i];
        if (notice->level == KZ_NOTICE_ERROR)
            snprintf(node->last_error, sizeof(node->last_error), "%s", notice->text);
        tell(sim, node, "%s", notice->text);
    }
    if (update->halted) tell(sim, node, "halts: %s", update->halt.text);
    if (update->stopped) tell(sim, node, "has stopped");
}

static void carry_out(struct kz_sim *sim, struct kz_sim_node *node, const struct kz_update *update)
{
    if (update->identity != NULL) node->disk.identity = *update->identity;
    if (update->vote != NULL) node->disk.vote = *update->vote;
    for (uint32_t i = 0; i < update->write_count; i++) {
        struct kz_sim_order order = {.write = update->writes[i]};
        if (order.write.batch != NULL) kz_batch_retain(order.write.batch);
        kz_sim_trace(sim, &order.write.ticket, sizeof(order.write.ticket));
        add_order(sim, node, &order);
    }
    for (uint32_t i = 0; i < update->outgoing_count; i++) {
        kz_sim_trace(sim, update->outgoing[i].bytes, update->outgoing[i].size);
        kz_sim_network_send(sim, node->id, &update->outgoing[i]);
    }
    for (uint32_t i = 0; i < update->load_count; i++)
        add_order(sim, node, &(struct kz_sim_order){.is_load = true, .load = update->loads[i]});
    for (uint32_t i = 0; i < update->repair_count; i++) {
        struct kz_sim_order order = {.is_repair = true, .repair = update->repairs[i]};
        if (order.repair.entry != NULL) kz_batch_retain(order.repair.entry);
        add_order(sim, node, &order);
    }
    for (uint32_t i = 0; i < update->close_count; i++)
        kz_sim_network_close(sim, node->id, update->closes[i].link);
    if (update->image != 0) kz_sim_image_order(sim, node, update->image);
    if (update->dial == NULL) return;
    node->dial_count = 0;
    for (unsigned i = 0; i < update->dial->count; i++) {
        if (update->dial->members[i].id != node->id)
            node->dial[node->dial_count++] = update->dial->members[i].id;
    }
}

static void bring_down(struct kz_sim *sim, struct kz_sim_node *node)
{
    kz_sim_network_drop(sim, node->id);
    interrupt_writes(sim, node);
    for (uint32_t i = 0; i < node->event_count; i++)
        if (node->events[i].type == KZ_EVENT_LOADED) kz_batch_release(node->events[i].batch);
    forget_events(node);
    while (node->orders != NULL) {
        struct kz_sim_order *order = node->orders;
        node->orders = order->next;
        free_order(order);
    }
    kz_sim_disk_close(&node->disk);
    kz_core_destroy(node->core);
    node->core = NULL;
    kz_sim_image_crash(node);
    node->dial_count = 0;
}

int64_t kz_sim_wall(const struct kz_sim *sim, uint64_t node)
{
    uint64_t rate = sim->options.demo_rate > 0 ? sim->options.demo_rate : 1;
    int64_t passed_ms = (int64_t)(sim->now_ms * rate);
    int64_t wall = KZ_SIM_WALL_MS + sim->nights_ms + passed_ms;
    if (node == 0) return wall;
    return wall + sim->nodes[node].clock_off_ms + passed_ms * sim->nodes[node].drift_ppm / 1000000;
}

static void step(struct kz_sim *sim, struct kz_sim_node *node)
{
    struct kz_update update;
    if (sim->before_turn != NULL) sim->before_turn(node->id);
    kz_core_step(node->core, sim->now_ms + 1000, kz_sim_wall(sim, node->id), node->events,
                 node->event_count, &update);
    forget_events(node);
    note(sim, node, &update);
    carry_out(sim, node, &update);
    check_digest(sim, node);
    if (sim->options.after_step != NULL) sim->options.after_step(sim->options.context, node);
    node->wake_ms = update.wake_ms;
    if (!update.halted && !update.stopped) return;

    node->halted = update.halted;
    node->stopped = update.stopped;
    node->halt = update.halt;
    bring_down(sim, node);
}

static void tick(struct kz_sim *sim)
{
    sim->now_ms++;
    kz_sim_network_tick(sim);
    for (unsigned id = 1; id <= sim->options.nodes; id++) {
        struct kz_sim_node *node = &sim->nodes[id];
        if (node->core == NULL || sim->now_ms < node->paused_until_ms) continue;
        complete_orders(sim, node);
        kz_sim_image_tick(sim, node);
        if (node->event_count > 0 || node->wake_ms <= sim->now_ms + 1000) step(sim, node);
    }
}

void kz_sim_run(struct kz_sim *sim, uint64_t ms)
{
    for (uint64_t end = sim->now_ms + ms; sim->now_ms < end;)
        tick(sim);
}

/* ---- Nodes ---- */

static void address(char out[static 16], char kind, uint64_t id)
{
    snprintf(out, 16, "%c%llu:1", kind, (unsigned long long)id);
}

static struct kz_text text(const char *bytes)
{
    return (struct kz_text){bytes, (uint16_t)strlen(bytes)};
}

static void make_identity(struct kz_sim *sim, struct kz_sim_node *node)
{
    struct kz_identity *identity = &node->disk.identity;
    if (identity->id != 0) return;
    identity->id = node->id;
    memset(identity->cluster, 7, KZ_ID_SIZE);
    for (int i = 0; i < KZ_ID_SIZE; i++)
        identity->incarnation[i] = (uint8_t)kz_sim_random(sim, 256);
}

void kz_sim_start(struct kz_sim *sim, uint64_t id)
{
    struct kz_sim_node *node = &sim->nodes[id];
    KZ_ASSERT(node->core == NULL);
    make_identity(sim, node);
    node->damaged = false;
    node->halted = false;
    node->stopped = false;
    node->stopping = false;
    node->last_error[0] = 0;
    node->starts++;

    if (kz_sim_disk_open(&node->disk, &node->halt) != KZ_OK) {
        node->halted = true;
        tell(sim, node, "does not start: %s", node->halt.text);
        return;
    }
    char addresses[KZ_SIM_NODES_MAX + 1][2][16];
    struct kz_core_options options = {
        .id = id,
        .identity = node->disk.identity,
        .vote = node->disk.vote,
        .ledger = {.last_index = kz_log_last_index(node->disk.log),
                   .applied = kz_log_applied_index(node->disk.log)},
        .allocator = &kz_allocator_system,
        .seed = kz_sim_random(sim, UINT64_MAX),
        .election_timeout_ms = ELECTION_MS,
        .heartbeat_ms = HEARTBEAT_MS,
        .refusals_per_minute = sim->options.refusals,
        .pending_max = sim->options.pending_max,
        .entries_max = sim->options.entries_max,
        .digest_interval = sim->options.digest_interval,
        .accept_time = sim->options.accept_time,
        .image_every = sim->options.image_every,
        .scrub_pass_ms = sim->options.scrub_pass_ms,
        .demo_clock = sim->options.demo_rate > 0,
        .demo_rate = sim->options.demo_rate,
    };
    memcpy(options.cluster, node->disk.identity.cluster, KZ_ID_SIZE);
    options.join = id > sim->options.founders;
    for (unsigned i = 1; i <= sim->options.nodes; i++) {
        address(addresses[i][0], 'p', i);
        address(addresses[i][1], 'c', i);
        if (options.join || i > sim->options.founders) continue;
        options.first.members[options.first.count++] =
            (struct kz_member){.id = i, .role = KZ_VOTER, .peer = text(addresses[i][0])};
    }
    options.self = (struct kz_member){id, KZ_VOTER, text(addresses[id][0]), text(addresses[id][1])};
    struct kz_membership_fields members;
    options.ledger.memberships =
        kz_log_memberships(node->disk.log, &options.ledger.membership_count);
    struct kz_batch *batch =
        kz_log_read_members(node->disk.log, &members, &options.ledger.members_index);
    if (batch != NULL) options.ledger.members = &members;
    options.ledger.runs = kz_log_term_runs(node->disk.log, &options.ledger.run_count);
    if (sim->before_turn != NULL) sim->before_turn(id);
    options.image = kz_sim_image_open(node, &options);
    enum kz_status status = kz_core_create(&options, &node->core, &node->halt);
    kz_batch_release(batch);
    if (status != KZ_OK) {
        kz_core_image_close(options.image);
        kz_sim_image_crash(node);
        kz_sim_disk_close(&node->disk);
    }
    node->halted = status != KZ_OK;
    if (node->halted) tell(sim, node, "does not start: %s", node->halt.text);
    node->wake_ms = 0;
}

void kz_sim_start_all(struct kz_sim *sim)
{
    for (unsigned id = 1; id <= sim->options.founders; id++)
        if (sim->nodes[id].core == NULL) kz_sim_start(sim, id);
}

void kz_sim_crash(struct kz_sim *sim, uint64_t id)
{
    if (sim->nodes[id].core != NULL) bring_down(sim, &sim->nodes[id]);
}

void kz_sim_rot(struct kz_sim *sim, uint64_t id, uint64_t index, enum kz_damage damage)
{
    kz_sim_disk_rot(&sim->nodes[id].disk, index, damage);
}

bool kz_sim_is_rotten(struct kz_sim *sim, uint64_t id)
{
    return kz_sim_disk_is_rotten(&sim->nodes[id].disk);
}

void kz_sim_wipe(struct kz_sim *sim, uint64_t id)
{
    KZ_ASSERT(sim->nodes[id].core == NULL);
    kz_sim_disk_clear(&sim->nodes[id].disk);
}

void kz_sim_stop(struct kz_sim *sim, uint64_t id)
{
    sim->nodes[id].stopping = true;
    kz_sim_event(&sim->nodes[id], &(struct kz_event){.type = KZ_EVENT_STOP}, NULL);
}

void kz_sim_init(struct kz_sim *sim, const struct kz_sim_options *options)
{
    *sim = (struct kz_sim){.options = *options, .random = options->seed, .next_link = 2};
    if (sim->options.latency_ms == 0) sim->options.latency_ms = 2;
    if (sim->options.disk_ms == 0) sim->options.disk_ms = 2;
    if (sim->options.founders == 0) sim->options.founders = options->nodes;
    for (unsigned id = 1; id <= options->nodes; id++)
        sim->nodes[id].id = id;
}

void kz_sim_finish(struct kz_sim *sim)
{
    for (unsigned id = 1; id <= sim->options.nodes; id++) {
        struct kz_sim_node *node = &sim->nodes[id];
        kz_sim_crash(sim, id);
        kz_sim_disk_clear(&node->disk);
        free(node->events);
        free(node->garbage);
    }
    kz_sim_network_finish(sim);
    free(sim->digests);
}

/* ---- What tests wait for ---- */

struct kz_core_figures kz_sim_figures(const struct kz_sim *sim, uint64_t id)
{
    struct kz_core_figures figures = {0};
    if (sim->nodes[id].core != NULL) kz_core_figures(sim->nodes[id].core, &figures);
    return figures;
}

uint64_t kz_sim_leader(struct kz_sim *sim)
{
    uint64_t leader = 0;
    uint64_t term = 0;
    for (unsigned id = 1; id <= sim->options.nodes; id++) {
        struct kz_core_figures figures = kz_sim_figures(sim, id);
        if (figures.role != 2 || figures.term < term) continue;
        leader = id;
        term = figures.term;
    }
    return leader;
}

uint64_t kz_sim_elect(struct kz_sim *sim, uint64_t limit_ms)
{
    for (uint64_t end = sim->now_ms + limit_ms; sim->now_ms < end;) {
        uint64_t leader = kz_sim_leader(sim);
        if (leader != 0) {
            struct kz_core_figures figures = kz_sim_figures(sim, leader);
            if (figures.ready && figures.clock_trusted &&
                figures.applied_index == figures.last_index) {
                return leader;
            }
        }
        tick(sim);
    }
    return 0;
}

static bool is_converged(struct kz_sim *sim)
{
    uint64_t applied = 0;
    for (unsigned id = 1; id <= sim->options.nodes; id++) {
        if (sim->nodes[id].core == NULL) continue;
        struct kz_core_figures figures = kz_sim_figures(sim, id);
        if (figures.applied_index != figures.last_index || !figures.ready) return false;
        if (applied != 0 && applied != figures.applied_index) return false;
        applied = figures.applied_index;
    }
    return true;
}

bool kz_sim_converge(struct kz_sim *sim, uint64_t limit_ms)
{
    for (uint64_t end = sim->now_ms + limit_ms; sim->now_ms < end;) {
        if (is_converged(sim)) return true;
        tick(sim);
    }
    return false;
}
