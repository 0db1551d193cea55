/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/node/driver/harness.h"

#include "node/core/raft_messages.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_BYTES         (64u << 20)
#define ELECTION_TIMEOUT_MS 300
#define HEARTBEAT_MS        50
#define SLOWNESS            20

enum event_type { DELIVER, STORED, LOADED };

struct kz_event_slot {
    uint64_t time;
    uint64_t number;
    enum event_type type;
    uint64_t from;
    uint64_t to;
    uint64_t life;
    uint64_t first; /* LOADED */
    uint32_t count;
    size_t size;
    uint8_t *frame; /* DELIVER; malloc'ed */
};

/* ---- Small things ---- */

static void *must(void *memory)
{
    KZ_ASSERT(memory != NULL);
    return memory;
}

/* splitmix64 */
uint64_t kz_cluster_random(struct kz_cluster *cluster, uint64_t bound)
{
    cluster->random += 0x9E3779B97F4A7C15u;
    uint64_t x = cluster->random;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return (x ^ x >> 31) % bound;
}

static bool happens(struct kz_cluster *cluster, unsigned percent)
{
    return kz_cluster_random(cluster, 100) < percent;
}

static void trace(struct kz_cluster *cluster, const void *bytes, size_t size)
{
    cluster->trace = kz_hash64(bytes, size, cluster->trace);
}

struct kz_node *kz_cluster_node(struct kz_cluster *cluster, uint64_t id)
{
    KZ_ASSERT(id >= 1 && id <= cluster->options.nodes);
    return &cluster->nodes[id - 1];
}

static uint64_t id_of(const struct kz_cluster *cluster, const struct kz_node *node)
{
    return (uint64_t)(node - cluster->nodes) + 1;
}

/* ---- Events ---- */

static bool is_earlier(const struct kz_event_slot *a, const struct kz_event_slot *b)
{
    return a->time != b->time ? a->time < b->time : a->number < b->number;
}

static void put_event(struct kz_cluster *cluster, struct kz_event_slot event)
{
    if (cluster->event_count == cluster->event_capacity) {
        cluster->event_capacity = cluster->event_capacity == 0 ? 256 : cluster->event_capacity * 2;
        cluster->events =
            must(realloc(cluster->events, cluster->event_capacity * sizeof *cluster->events));
    }
    event.number = cluster->event_number++;
    unsigned i = cluster->event_count++;
    while (i > 0 && is_earlier(&event, &cluster->events[(i - 1) / 2])) {
        cluster->events[i] = cluster->events[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    cluster->events[i] = event;
}

static struct kz_event_slot take_event(struct kz_cluster *cluster)
{
    struct kz_event_slot first = cluster->events[0];
    struct kz_event_slot last = cluster->events[--cluster->event_count];
    unsigned i = 0;
    for (;;) {
        unsigned child = 2 * i + 1;
        if (child >= cluster->event_count) break;
        if (child + 1 < cluster->event_count &&
            is_earlier(&cluster->events[child + 1], &cluster->events[child])) {
            child++;
        }
        if (!is_earlier(&cluster->events[child], &last)) break;
        cluster->events[i] = cluster->events[child];
        i = child;
    }
    cluster->events[i] = last;
    return first;
}

/* ---- What a driver asks for ---- */

static void on_vote(void *context, const struct kz_vote *vote)
{
    struct kz_node *node = context;
    struct kz_vote *stored = &node->disk.vote;
    KZ_ASSERT(vote->term >= stored->term);
    KZ_ASSERT(vote->term > stored->term || stored->voted_for == 0 ||
              vote->voted_for == stored->voted_for);
    *stored = *vote;
    trace(node->cluster, vote, sizeof *vote);
}

static void on_write(void *context, uint64_t drop_from, struct kz_batch *batch)
{
    struct kz_node *node = context;
    struct kz_cluster *cluster = node->cluster;

    kz_disk_queue(&node->disk, drop_from, batch);
    uint64_t takes = 1 + kz_cluster_random(cluster, cluster->options.disk_max_ms);
    uint64_t begins = node->next_write_ms > cluster->now ? node->next_write_ms : cluster->now;
    node->next_write_ms = begins + (node->slow ? takes * SLOWNESS : takes);
    put_event(cluster, (struct kz_event_slot){.time = node->next_write_ms,
                                              .type = STORED,
                                              .to = id_of(cluster, node),
                                              .life = node->life});
    trace(cluster, &drop_from, sizeof drop_from);
    trace(cluster, batch->bytes, batch->size);
}

static void put_delivery(struct kz_cluster *cluster, uint64_t from, uint64_t to,
                         const uint8_t *frame, size_t size)
{
    uint64_t *arrival = &cluster->arrival_ms[from - 1][to - 1];
    uint64_t time = cluster->now + 1 + kz_cluster_random(cluster, cluster->options.latency_max_ms);
    if (time < *arrival) time = *arrival;
    *arrival = time;

    struct kz_event_slot event = {.time = time,
                                  .type = DELIVER,
                                  .from = from,
                                  .to = to,
                                  .life = kz_cluster_node(cluster, to)->life,
                                  .size = size,
                                  .frame = must(malloc(size))};
    memcpy(event.frame, frame, size);
    put_event(cluster, event);
}

static void on_send(void *context, uint64_t peer, const uint8_t *frame, size_t size)
{
    struct kz_node *node = context;
    struct kz_cluster *cluster = node->cluster;
    uint64_t from = id_of(cluster, node);

    KZ_ASSERT(peer != from && size <= KZ_PEER_FRAME_SIZE_MAX);
    if (frame[5] == KZ_RAFT_APPEND_RESULT && kz_get_u64(frame + KZ_FRAME_HEADER_SIZE + 8) != 0) {
        node->rejections++;
    }
    node->frames++;
    trace(cluster, frame, size);
    if (peer > cluster->options.nodes) return;
    if (happens(cluster, cluster->options.loss_percent)) return;
    put_delivery(cluster, from, peer, frame, size);
    if (happens(cluster, cluster->options.repeat_percent)) {
        put_delivery(cluster, from, peer, frame, size);
    }
}

static void on_load(void *context, uint64_t first, uint32_t count_max, size_t size_max)
{
    struct kz_node *node = context;
    struct kz_cluster *cluster = node->cluster;
    KZ_ASSERT(first > 0 && count_max > 0);
    node->loads++;
    put_event(cluster, (struct kz_event_slot){
                           .time = cluster->now + 1 +
                                   kz_cluster_random(cluster, cluster->options.disk_max_ms),
                           .type = LOADED,
                           .to = id_of(cluster, node),
                           .life = node->life,
                           .first = first,
                           .count = count_max,
                           .size = size_max});
}

/* ---- What has to hold after each step ---- */

static void check_leader(struct kz_cluster *cluster, const struct kz_node *node)
{
    if (kz_driver_role(node->driver) != KZ_LEADER) return;

    uint64_t term = kz_driver_term(node->driver);
    while (term >= cluster->leaders_capacity) {
        uint64_t capacity = cluster->leaders_capacity == 0 ? 64 : cluster->leaders_capacity * 2;
        cluster->leaders = must(realloc(cluster->leaders, capacity * sizeof *cluster->leaders));
        memset(cluster->leaders + cluster->leaders_capacity, 0,
               (capacity - cluster->leaders_capacity) * sizeof *cluster->leaders);
        cluster->leaders_capacity = capacity;
    }
    uint64_t id = id_of(cluster, node);
    KZ_ASSERT(cluster->leaders[term] == 0 || cluster->leaders[term] == id);
    cluster->leaders[term] = id;
}

/* The entry is the same on every node that applies it. */
static void apply(struct kz_cluster *cluster, struct kz_node *node, uint64_t index)
{
    struct kz_batch *batch = kz_driver_cached(node->driver, index);
    KZ_ASSERT(batch != NULL);
    uint32_t place = (uint32_t)(index - batch->first_index);
    uint32_t size;
    const uint8_t *record = kz_batch_record(batch, place, &size);

    if (index == cluster->truth.last_index + 1) kz_disk_add(&cluster->truth, batch, place);
    uint32_t true_size;
    const uint8_t *true_record = kz_disk_record(&cluster->truth, index, &true_size);
    KZ_ASSERT(kz_batch_term(batch, place) == kz_disk_term(&cluster->truth, index));
    KZ_ASSERT(size == true_size && memcmp(record, true_record, size) == 0);
}

static void after_step(struct kz_cluster *cluster, struct kz_node *node)
{
    uint64_t committed = kz_driver_committed(node->driver);
    KZ_ASSERT(committed >= node->committed);
    KZ_ASSERT(committed <= node->disk.last_index);
    KZ_ASSERT(kz_driver_stored_index(node->driver) <= kz_driver_last_index(node->driver));
    node->committed = committed;
    check_leader(cluster, node);
    while (node->applied < committed)
        apply(cluster, node, ++node->applied);
    kz_driver_applied(node->driver, node->applied);
}

static void must_be_ok(enum kz_status status, const struct kz_error *error)
{
    if (status != KZ_OK) kz_panic(__FILE__, __LINE__, error->text);
}

/* ---- Carrying events out ---- */

static void deliver(struct kz_cluster *cluster, struct kz_node *node,
                    const struct kz_event_slot *event)
{
    if (cluster->cut[event->from - 1][event->to - 1]) return;

    struct kz_frame frame;
    size_t size;
    struct kz_error error;
    enum kz_status status =
        kz_frame_parse(event->frame, event->size, KZ_PEER_FRAME_SIZE_MAX, &frame, &size);
    KZ_ASSERT(status == KZ_OK && size == event->size);
    must_be_ok(kz_driver_receive(node->driver, cluster->now, event->from, &frame, &error), &error);
}

/* One write becomes durable; sometimes those behind it do with the same sync. */
static void store(struct kz_cluster *cluster, struct kz_node *node)
{
    struct kz_batch *batch = kz_disk_sync(&node->disk);
    if (batch == NULL) return;
    while (happens(cluster, 30)) {
        struct kz_batch *next = kz_disk_sync(&node->disk);
        if (next == NULL) break;
        kz_batch_release(batch);
        batch = next;
    }
    if (happens(cluster, 50)) node->disk.applied = node->applied;

    struct kz_error error;
    must_be_ok(kz_driver_stored(node->driver, cluster->now, batch, &error), &error);
    kz_batch_release(batch);
}

static void load(struct kz_cluster *cluster, struct kz_node *node,
                 const struct kz_event_slot *event)
{
    struct kz_error error;
    struct kz_batch *batch = NULL;
    if (cluster->failures > 0) {
        cluster->failures--;
    } else {
        batch = kz_disk_read(&node->disk, event->first, event->count, event->size);
    }
    if (batch != NULL) node->load_bytes += batch->size;
    must_be_ok(kz_driver_loaded(node->driver, cluster->now, event->first, batch, &error), &error);
    kz_batch_release(batch);
}

static void carry_out(struct kz_cluster *cluster, const struct kz_event_slot *event)
{
    struct kz_node *node = kz_cluster_node(cluster, event->to);
    if (node->driver == NULL || node->life != event->life) return;

    uint64_t what[] = {cluster->now, event->type, event->from, event->to};
    trace(cluster, what, sizeof what);
    switch (event->type) {
    case DELIVER: deliver(cluster, node, event); break;
    case STORED: store(cluster, node); break;
    case LOADED: load(cluster, node, event); break;
    }
    after_step(cluster, node);
}

static void tick(struct kz_cluster *cluster, struct kz_node *node)
{
    struct kz_error error;
    uint64_t what[] = {cluster->now, id_of(cluster, node)};
    trace(cluster, what, sizeof what);
    must_be_ok(kz_driver_tick(node->driver, cluster->now, &error), &error);
    KZ_ASSERT(kz_driver_deadline(node->driver) > cluster->now);
    after_step(cluster, node);
}

/* Returns: the live node whose deadline comes first, NULL when all are down. */
static struct kz_node *next_to_tick(struct kz_cluster *cluster)
{
    struct kz_node *first = NULL;
    for (unsigned i = 0; i < cluster->options.nodes; i++) {
        struct kz_node *node = &cluster->nodes[i];
        if (node->driver == NULL) continue;
        if (first == NULL || kz_driver_deadline(node->driver) < kz_driver_deadline(first->driver)) {
            first = node;
        }
    }
    return first;
}

/* Does the next thing that is due until UNTIL_MS. Returns: whether there was one. */
static bool run_one(struct kz_cluster *cluster, uint64_t until_ms)
{
    struct kz_node *node = next_to_tick(cluster);
    uint64_t tick_ms = node == NULL ? UINT64_MAX : kz_driver_deadline(node->driver);
    if (cluster->event_count > 0 && cluster->events[0].time <= tick_ms) {
        if (cluster->events[0].time > until_ms) return false;
        struct kz_event_slot event = take_event(cluster);
        if (event.time > cluster->now) cluster->now = event.time;
        carry_out(cluster, &event);
        free(event.frame);
        return true;
    }
    if (node == NULL || tick_ms > until_ms) return false;
    if (tick_ms > cluster->now) cluster->now = tick_ms;
    tick(cluster, node);
    return true;
}

/* ---- Running ---- */

void kz_cluster_run(struct kz_cluster *cluster, uint64_t until_ms)
{
    while (run_one(cluster, until_ms))
        ;
    cluster->now = until_ms;
}

void kz_cluster_pass(struct kz_cluster *cluster, uint64_t ms)
{
    kz_cluster_run(cluster, cluster->now + ms);
}

uint64_t kz_cluster_leader(const struct kz_cluster *cluster)
{
    uint64_t leader = 0;
    uint64_t term = 0;
    for (unsigned i = 0; i < cluster->options.nodes; i++) {
        const struct kz_driver *driver = cluster->nodes[i].driver;
        if (driver == NULL || !kz_driver_established(driver)) continue;
        if (kz_driver_term(driver) <= term) continue;
        term = kz_driver_term(driver);
        leader = i + 1;
    }
    return leader;
}

uint64_t kz_cluster_elect(struct kz_cluster *cluster, uint64_t limit_ms)
{
    uint64_t limit = cluster->now + limit_ms;
    while (kz_cluster_leader(cluster) == 0 && run_one(cluster, limit))
        ;
    return kz_cluster_leader(cluster);
}

static bool all_applied(const struct kz_cluster *cluster, uint64_t index)
{
    for (unsigned i = 0; i < cluster->options.nodes; i++) {
        const struct kz_node *node = &cluster->nodes[i];
        if (node->driver != NULL && node->applied < index) return false;
    }
    return true;
}

bool kz_cluster_agree(struct kz_cluster *cluster, uint64_t index, uint64_t limit_ms)
{
    uint64_t limit = cluster->now + limit_ms;
    while (!all_applied(cluster, index) && run_one(cluster, limit))
        ;
    return all_applied(cluster, index);
}

enum kz_status kz_cluster_submit(struct kz_cluster *cluster, uint64_t id, uint32_t count)
{
    struct kz_node *node = kz_cluster_node(cluster, id);
    struct kz_batch *batch =
        must(kz_batch_create(kz_driver_last_index(node->driver) + 1, count,
                             count * (size_t)(KZ_ENTRY_PREFIX_SIZE + KZ_APPLICATION_SIZE)));
    for (uint32_t i = 0; i < count; i++) {
        kz_test_application(batch, kz_driver_term(node->driver), (int64_t)cluster->now,
                            ++cluster->submitted);
    }
    struct kz_error error;
    enum kz_status status = kz_driver_submit(node->driver, cluster->now, batch, &error);
    kz_batch_release(batch);
    after_step(cluster, node);
    return status;
}

enum kz_status kz_cluster_change(struct kz_cluster *cluster, uint64_t id, const char *roles)
{
    struct kz_node *node = kz_cluster_node(cluster, id);
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_test_membership(roles, record, sizeof record);
    struct kz_batch *batch = must(
        kz_batch_create(kz_driver_last_index(node->driver) + 1, 1, KZ_ENTRY_PREFIX_SIZE + size));
    memcpy(kz_batch_add(batch, kz_driver_term(node->driver), (uint32_t)size), record, size);
    struct kz_error error;
    enum kz_status status = kz_driver_submit(node->driver, cluster->now, batch, &error);
    kz_batch_release(batch);
    after_step(cluster, node);
    return status;
}

/* ---- Life of nodes ---- */

void kz_cluster_crash(struct kz_cluster *cluster, uint64_t id)
{
    struct kz_node *node = kz_cluster_node(cluster, id);
    kz_driver_destroy(node->driver);
    node->driver = NULL;
    node->life++;
    kz_disk_crash(&node->disk);
}

void kz_cluster_start(struct kz_cluster *cluster, uint64_t id)
{
    struct kz_node *node = kz_cluster_node(cluster, id);
    KZ_ASSERT(node->driver == NULL);

    char address[32];
    snprintf(address, sizeof address, "node-%u:1", (unsigned)id);
    struct kz_driver_options options = {
        .id = id,
        .address = address,
        .election_timeout_ms = ELECTION_TIMEOUT_MS,
        .heartbeat_ms = HEARTBEAT_MS,
        .seed = kz_cluster_random(cluster, UINT64_MAX),
        .cache_bytes =
            cluster->options.cache_bytes == 0 ? CACHE_BYTES : cluster->options.cache_bytes,
        .sink = {node, on_vote, on_write, on_send, on_load},
    };
    struct kz_error error;
    must_be_ok(kz_driver_create(&options, &node->driver, &error), &error);
    node->life++;
    node->next_write_ms = 0;
    node->applied = node->disk.applied;
    node->committed = node->disk.applied;
    struct kz_driver_start start = kz_disk_start(&node->disk);
    must_be_ok(kz_driver_start(node->driver, cluster->now, &start, &error), &error);
    kz_disk_release_start(&start);
    after_step(cluster, node);
}

void kz_cluster_isolate(struct kz_cluster *cluster, uint64_t id, bool isolated)
{
    for (unsigned i = 0; i < cluster->options.nodes; i++) {
        cluster->cut[id - 1][i] = isolated;
        cluster->cut[i][id - 1] = isolated;
    }
}

void kz_cluster_mend(struct kz_cluster *cluster)
{
    memset(cluster->cut, 0, sizeof cluster->cut);
}

/* ---- The cluster ---- */

static void write_first_entry(struct kz_cluster *cluster, struct kz_node *node)
{
    char roles[KZ_NODES_MAX + 1] = {0};
    memset(roles, 'v', cluster->options.voters);
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_test_membership(roles, record, sizeof record);
    struct kz_batch *batch = must(kz_batch_create(1, 1, KZ_ENTRY_PREFIX_SIZE + size));
    memcpy(kz_batch_add(batch, 1, (uint32_t)size), record, size);
    kz_disk_add(&node->disk, batch, 0);
    kz_batch_release(batch);
    node->disk.vote.term = 1;
}

void kz_cluster_init(struct kz_cluster *cluster, const struct kz_cluster_options *options)
{
    KZ_ASSERT(options->nodes <= KZ_NODES_MAX && options->voters <= options->nodes);
    memset(cluster, 0, sizeof *cluster);
    cluster->options = *options;
    cluster->random = options->seed;
    kz_disk_init(&cluster->truth);
    for (unsigned i = 0; i < options->nodes; i++) {
        cluster->nodes[i].cluster = cluster;
        kz_disk_init(&cluster->nodes[i].disk);
        if (i < options->voters) write_first_entry(cluster, &cluster->nodes[i]);
    }
    for (uint64_t id = 1; id <= options->nodes; id++)
        kz_cluster_start(cluster, id);
}

void kz_cluster_finish(struct kz_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->options.nodes; i++) {
        kz_driver_destroy(cluster->nodes[i].driver);
        kz_disk_finish(&cluster->nodes[i].disk);
    }
    kz_disk_finish(&cluster->truth);
    for (unsigned i = 0; i < cluster->event_count; i++)
        free(cluster->events[i].frame);
    free(cluster->events);
    free(cluster->leaders);
}
