/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the disk and comes from it: writes in order, results that travel with the next
 * write, loads and whom they are for.
 *
 * Invariant: results are ordered in order of index, and only for applied entries, which are stored
 * or stand in an earlier or the same write. */
#include "node/core/calls.h"
#include "node/core/memory.h"
#include "statemachine/base/canary.h"

#include <string.h>

#define RESULTS_RING       (UINT32_C(1) << 20)
#define RESULTS_WAIT_MS    200
#define RESULTS_WAIT_COUNT 65536
#define LOOK_MS            1000 /* between two looks for room on a full disk */
#define LOADS_RESERVED     20   /* places that watchers and peers leave to raft and the scrub */

void kz_storing_init(struct kz_core *core, uint64_t applied)
{
    core->results.ring = kz_memory_resize(NULL, RESULTS_RING);
    memset(core->results.ring, KZ_RESULT_NONE, RESULTS_RING);
    core->results.ordered = applied;
    core->results.stored = applied;
}

void kz_storing_finish(struct kz_core *core)
{
    for (uint32_t i = 0; i < core->storing.write_count; i++)
        kz_batch_release(core->storing.writes[i].batch);
    free(core->storing.writes);
    free(core->storing.orders);
    free(core->results.ring);
}

void kz_storing_begin_step(struct kz_core *core)
{
    if (core->phase == KZ_RUNNING && kz_canary(KZ_CANARY_ACK_BEFORE_SYNC)) {
        const struct kz_event early = {.ticket = core->storing.last_ticket};
        kz_storing_on_stored(core, &early);
    }
    core->storing.order_count = 0;
    core->storing.load_order_count = 0;
}

/* ---- Writes ---- */

static void order_write(struct kz_core *core, uint64_t drop_from, struct kz_batch *batch)
{
    struct kz_storing *storing = &core->storing;
    if (storing->order_count == storing->order_capacity) {
        storing->order_capacity = kz_memory_grown(storing->order_capacity, 1);
        storing->orders =
            kz_memory_resize(storing->orders, storing->order_capacity * sizeof(storing->orders[0]));
    }
    if (storing->write_count == storing->write_capacity) {
        storing->write_capacity = kz_memory_grown(storing->write_capacity, 1);
        storing->writes =
            kz_memory_resize(storing->writes, storing->write_capacity * sizeof(storing->writes[0]));
    }
    uint64_t ticket = ++storing->last_ticket;
    storing->orders[storing->order_count++] =
        (struct kz_write_order){.ticket = ticket, .drop_from = drop_from, .batch = batch};
    storing->writes[storing->write_count++] =
        (struct kz_write_underway){.ticket = ticket, .batch = batch};
}

void kz_storing_write(struct kz_core *core, uint64_t drop_from, struct kz_batch *batch)
{
    order_write(core, drop_from, kz_batch_retain(batch));
}

static void set_disk_full(struct kz_core *core, bool full)
{
    struct kz_storing *storing = &core->storing;
    if (full == storing->disk_full) return;

    storing->disk_full = full;
    storing->gave_way = false;
    storing->looked_ms = core->now_ms;
    core->greet = true;
    if (full) {
        kz_core_notice(core, KZ_NOTICE_ERROR,
                       "disk_full hint=\"reads go on, writes are refused until there is room\"");
    } else {
        kz_core_notice(core, KZ_NOTICE_INFO, "disk_has_room");
    }
}

void kz_storing_on_stored(struct kz_core *core, const struct kz_event *event)
{
    struct kz_storing *storing = &core->storing;
    struct kz_batch *last = NULL;
    uint32_t done = 0;
    while (done < storing->write_count && storing->writes[done].ticket <= event->ticket) {
        const struct kz_write_underway *write = &storing->writes[done++];
        if (write->results_end > 0) core->results.stored = write->results_end - 1;
        if (write->batch == NULL) continue;
        kz_batch_release(last);
        last = write->batch;
    }
    storing->write_count -= done;
    memmove(storing->writes, storing->writes + done,
            storing->write_count * sizeof(storing->writes[0]));
    if (event->used_bytes > 0) core->used_bytes = event->used_bytes;
    set_disk_full(core, event->status == KZ_NO_SPACE);
    if (last == NULL) return;

    struct kz_error error;
    if (core->phase == KZ_STORING)
        kz_bootstrap_on_stored(core);
    else
        kz_core_check(core, kz_driver_stored(core->driver, core->now_ms, last, &error), &error);
    if (!core->halted && !kz_bootstrap_is_marked(core)) kz_bootstrap_mark(core);
    kz_batch_release(last);
}

void kz_storing_on_failed(struct kz_core *core, const struct kz_event *event)
{
    if (event->status != KZ_NO_SPACE) {
        kz_core_halt(core, event->status,
                     "the ledger can not be written (%s): look at the disk; a restart checks the "
                     "ledger and goes on",
                     kz_status_text(event->status));
        return;
    }
    set_disk_full(core, true);
}

static bool is_full(struct kz_core *core, uint64_t id)
{
    if (id == core->options.id) return core->storing.disk_full;
    const struct kz_peer *peer = kz_peers_find(core, id);
    return peer != NULL && peer->disk_full;
}

bool kz_storing_lacks_room(struct kz_core *core)
{
    const struct kz_membership_fields *members = kz_core_members(core);
    unsigned voters = 0;
    unsigned full = 0;
    if (core->storing.disk_full) return true;
    for (unsigned i = 0; i < members->count; i++) {
        if (members->members[i].role != KZ_VOTER) continue;
        voters++;
        full += is_full(core, members->members[i].id);
    }
    return full > 0 && voters - full < voters / 2 + 1;
}

static void give_way(struct kz_core *core)
{
    core->storing.gave_way = true;
    struct kz_error error;
    enum kz_status status = kz_driver_transfer(core->driver, core->now_ms, 0, &error);
    if (status != KZ_OK && status != KZ_UNAVAILABLE) kz_core_check(core, status, &error);
}

void kz_storing_check(struct kz_core *core)
{
    struct kz_storing *storing = &core->storing;
    if (!storing->disk_full) return;

    if (!storing->gave_way && core->role == KZ_LEADER) give_way(core);
    if (storing->write_count > 0 || core->now_ms - storing->looked_ms < LOOK_MS) return;
    storing->looked_ms = core->now_ms;
    order_write(core, 0, NULL);
}

/* ---- Results ---- */

void kz_storing_result(struct kz_core *core, uint64_t index, enum kz_result result)
{
    struct kz_results *results = &core->results;
    KZ_ASSERT(index - results->ordered < RESULTS_RING);
    if (index == results->ordered + 1) results->waiting_since_ms = core->now_ms;
    results->ring[index % RESULTS_RING] = (uint8_t)result;
}

bool kz_storing_result_of(const struct kz_core *core, uint64_t index, uint8_t *out_result)
{
    if (index > core->applied || core->applied - index >= RESULTS_RING) return false;
    *out_result = core->results.ring[index % RESULTS_RING];
    return *out_result != KZ_RESULT_NONE;
}

static uint64_t waiting(const struct kz_core *core)
{
    return core->phase == KZ_RUNNING ? core->applied - core->results.ordered : 0;
}

void kz_storing_flush(struct kz_core *core, bool now)
{
    struct kz_storing *storing = &core->storing;
    struct kz_results *results = &core->results;
    uint64_t count = waiting(core);
    if (count == 0) return;
    if (storing->order_count == 0) {
        bool due = now || count >= RESULTS_WAIT_COUNT ||
                   core->now_ms - results->waiting_since_ms >= RESULTS_WAIT_MS;
        if (!due) return;
        order_write(core, 0, NULL);
    }
    struct kz_write_order *order = &storing->orders[storing->order_count - 1];
    uint64_t first = results->ordered + 1;
    order->result_first = first;
    order->result_count = (uint32_t)count;
    order->results = kz_memory_resize(NULL, count);
    for (uint64_t i = 0; i < count; i++)
        order->results[i] = results->ring[(first + i) % RESULTS_RING];
    storing->writes[storing->write_count - 1].results_end = core->applied + 1;
    results->ordered = core->applied;
}

uint64_t kz_storing_wake(const struct kz_core *core)
{
    const struct kz_storing *storing = &core->storing;
    uint64_t wake = UINT64_MAX;
    if (waiting(core) > 0) wake = core->results.waiting_since_ms + RESULTS_WAIT_MS;
    if (!storing->disk_full || storing->write_count > 0 || core->phase != KZ_RUNNING) return wake;
    uint64_t look_ms = storing->looked_ms + LOOK_MS;
    return look_ms < wake ? look_ms : wake;
}

/* ---- Loads ---- */

static struct kz_load_underway *place_for(struct kz_storing *storing, enum kz_load_purpose purpose)
{
    uint32_t end = purpose == KZ_LOAD_WATCH || purpose == KZ_LOAD_PEER
                       ? KZ_LOADS_MAX - LOADS_RESERVED
                       : KZ_LOADS_MAX;
    for (uint32_t i = 0; i < end; i++) {
        if (storing->loads[i].ticket == 0) return &storing->loads[i];
    }
    return NULL;
}

bool kz_storing_load(struct kz_core *core, const struct kz_load_underway *load, uint32_t count_max,
                     size_t size_max, bool with_results, uint64_t *out_ticket)
{
    struct kz_storing *storing = &core->storing;
    struct kz_load_underway *place = place_for(storing, load->purpose);
    if (place == NULL || storing->load_order_count == KZ_LOADS_MAX) return false;

    *place = *load;
    place->ticket = ++storing->last_load;
    place->order = (struct kz_load_order){
        .ticket = place->ticket,
        .first = load->first,
        .count_max = count_max,
        .size_max = size_max,
        .with_results = with_results,
        .record_alone = load->purpose == KZ_LOAD_PEER && !with_results,
    };
    storing->load_orders[storing->load_order_count++] = place->order;
    *out_ticket = place->ticket;
    return true;
}

bool kz_storing_start_waits_for(const struct kz_core *core, uint64_t index)
{
    for (uint32_t i = 0; i < KZ_LOADS_MAX; i++) {
        const struct kz_load_underway *load = &core->storing.loads[i];
        if (load->purpose == KZ_LOAD_REPLAY && load->ticket != 0 && load->waits_for == index)
            return true;
    }
    return false;
}

void kz_storing_load_again(struct kz_core *core)
{
    struct kz_storing *storing = &core->storing;
    for (uint32_t i = 0; i < KZ_LOADS_MAX; i++) {
        struct kz_load_underway *load = &storing->loads[i];
        if (load->ticket == 0 || load->waits_for == 0) continue;
        if (kz_repairing_is_open(core, load->waits_for)) continue;
        KZ_ASSERT(storing->load_order_count < KZ_LOADS_MAX); /* one for each place */
        load->waits_for = 0;
        storing->load_orders[storing->load_order_count++] = load->order;
    }
}

static void driver_loaded(struct kz_core *core, uint64_t first, struct kz_batch *batch)
{
    struct kz_error error;
    enum kz_status status = kz_driver_loaded(core->driver, core->now_ms, first, batch, &error);
    kz_core_check(core, status, &error);
}

void kz_storing_on_loaded(struct kz_core *core, const struct kz_event *event)
{
    struct kz_load_underway *place = core->storing.loads;
    while (place->ticket != event->ticket) {
        place++;
        KZ_ASSERT(place < core->storing.loads + KZ_LOADS_MAX);
    }
    if (event->status == KZ_CORRUPT) {
        if (!kz_repairing_on_fault(core, place, &event->fault)) place->ticket = 0;
        kz_batch_release(event->batch);
        return;
    }
    struct kz_load_underway load = *place;
    struct kz_batch *batch = event->status == KZ_OK ? event->batch : NULL;
    place->ticket = 0;
    switch (load.purpose) {
    case KZ_LOAD_DRIVER: driver_loaded(core, load.first, batch); break;
    case KZ_LOAD_WATCH: kz_watchers_on_loaded(core, &load, batch, event->results); break;
    case KZ_LOAD_REPLAY: kz_replaying_on_loaded(core, &load, batch, event->results); break;
    case KZ_LOAD_PEER:
        if (event->status == KZ_OK || event->status == KZ_NOT_FOUND)
            kz_helping_on_loaded(core, &load, batch, event->results);
        break; /* else the peer asks again */
    case KZ_LOAD_SCRUB: kz_scrubbing_on_loaded(core, &load, batch); break;
    }
    kz_batch_release(event->batch);
}
