/* SPDX-License-Identifier: Apache-2.0 */
/* WATCH: the applied entries with their results, from an index on; first from the ledger by loads,
 * then from memory as they are applied. What a watcher has not read yet stays in the ledger, not in
 * memory: after SEND_MAX bytes nothing is sent until the runner says that they have drained. */
#include "node/core/calls.h"

#define SEND_MAX     (256u * 1024)
#define LOAD_COUNT   4096
#define LOAD_SIZE    (256u * 1024)
#define HEADERS_SIZE (KZ_FRAME_HEADER_SIZE + 16)

void kz_watchers_take(struct kz_core *core, struct kz_link_state *link,
                      const struct kz_frame *frame)
{
    uint64_t first;
    if (kz_watch_decode(frame, &first) != KZ_OK) {
        kz_sessions_dismiss(core, link, "the WATCH is malformed: see PROTOCOL.md");
        return;
    }
    kz_links_watch(&core->links, link, first, frame->tag);
}

void kz_watchers_on_drained(struct kz_link_state *link)
{
    link->watch.blocked = false;
}

static void count_sent(struct kz_link_state *link, size_t size)
{
    link->watch.unsaid += size;
    if (link->watch.unsaid < SEND_MAX) return;
    link->watch.unsaid = 0;
    link->watch.blocked = true;
    link->tell_drained = true;
}

/* Sends entries FROM … TO − 1 of BATCH, as many as one frame of SEND_MAX bytes takes. RESULTS are
 * the batch's, NULL: those in memory. */
static void send_entries(struct kz_core *core, struct kz_link_state *link,
                         const struct kz_batch *batch, uint32_t from, uint32_t to,
                         const uint8_t *results)
{
    size_t size_max = HEADERS_SIZE + batch->size - batch->offsets[from];
    if (size_max > SEND_MAX) size_max = SEND_MAX;

    struct kz_entries_writer entries;
    struct kz_writer writer = kz_links_writer(link, size_max);
    kz_entries_begin(&entries, &writer, batch->first_index + from);
    for (uint32_t i = from; i < to; i++) {
        uint32_t size;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        uint8_t result;
        if (results != NULL)
            result = results[i];
        else if (!kz_storing_result_of(core, batch->first_index + i, &result))
            break;
        if (!kz_entries_add(&entries, kz_batch_term(batch, i), result, record, size)) break;
    }
    kz_entries_finish(&entries, link->watch.tag);
    count_sent(link, kz_writer_size(&writer));
    kz_links_written(&core->links, link, &writer);
    link->watch.next += entries.count;
}

static void tell_caught_up(struct kz_core *core, struct kz_link_state *link)
{
    struct kz_entries_writer entries;
    struct kz_writer writer = kz_links_writer(link, HEADERS_SIZE);
    kz_entries_begin(&entries, &writer, link->watch.next);
    kz_entries_finish(&entries, link->watch.tag);
    kz_links_written(&core->links, link, &writer);
    link->watch.caught_up = true;
}

/* Returns: whether something was sent, so that there may be more to send. */
static bool send_from_memory(struct kz_core *core, struct kz_link_state *link)
{
    uint64_t next = link->watch.next;
    uint8_t result;
    const struct kz_batch *batch = kz_driver_cached(core->driver, next);
    if (batch == NULL || !kz_storing_result_of(core, next, &result)) return false;

    uint64_t to = core->applied + 1 - batch->first_index;
    send_entries(core, link, batch, (uint32_t)(next - batch->first_index),
                 to < batch->count ? (uint32_t)to : batch->count, NULL);
    return true;
}

static void load(struct kz_core *core, struct kz_link_state *link)
{
    uint64_t next = link->watch.next;
    if (next > core->results.stored) return; /* soon: results are stored within 200 ms */
    uint64_t left = core->results.stored + 1 - next;
    const struct kz_load_underway order = {
        .purpose = KZ_LOAD_WATCH, .link = link->number, .first = next};
    kz_storing_load(core, &order, left < LOAD_COUNT ? (uint32_t)left : LOAD_COUNT, LOAD_SIZE, true,
                    &link->watch.load);
}

void kz_watchers_on_loaded(struct kz_core *core, const struct kz_load_underway *load_done,
                           struct kz_batch *batch, const uint8_t *results)
{
    struct kz_link_state *link = kz_links_find(&core->links, load_done->link);
    if (link == NULL || link->watch.load != load_done->ticket) return;

    link->watch.load = 0;
    if (batch == NULL || results == NULL || batch->first_index != link->watch.next) return;
    send_entries(core, link, batch, 0, batch->count, results);
}

static void serve(struct kz_core *core, struct kz_link_state *link)
{
    while (link->watch.next <= core->applied && !link->watch.blocked && link->watch.load == 0) {
        if (send_from_memory(core, link)) continue;
        load(core, link);
        return;
    }
    if (link->watch.next > core->applied && !link->watch.caught_up) tell_caught_up(core, link);
}

void kz_watchers_run(struct kz_core *core)
{
    for (uint32_t i = 0; i < core->links.watchers; i++)
        serve(core, core->links.watching[i]);
}
