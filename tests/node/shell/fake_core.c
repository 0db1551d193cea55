/* SPDX-License-Identifier: Apache-2.0 */
/* A core that only does what a client's frame tells it: it lets the tests see the shell alone.
 *
 *   TYPE                 THE FAKE
 *   100 echo             answers with the same body
 *   101 write            appends a barrier; answers when it is stored, with its index
 *   102 load, u64 first  answers with the number of entries read (u64), 0 when it failed
 *   103 flood, u32 n     answers with n frames of 60,000 bytes, each sent when the last has drained
 *   104 halt             halts
 *   105 close            answers, then closes the connection
 *   106 vote, u64 term   makes the vote durable and answers
 *   107 burst, u32 n     answers with n frames of 60,000 bytes at once
 *   108 spin, u32 on     from now on (or no longer) asks to be stepped again at once
 *
 * A bad frame is answered with a GOODBYE that names the status. To each peer it says frame 110 with
 * its id, and shows in `leader` the last id that it heard. */
#include "client/wire/messages.h"
#include "node/core/core.h"
#include "node/core/image.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define ORDERS_MAX   65536
#define FLOOD_SIZE   60000
#define HELLO        110
#define WAKE_MS      20
#define PENDING_SIZE 65536

enum { ECHO = 100, WRITE, LOAD, FLOOD, HALT, CLOSE, VOTE, BURST, SPIN };

/* A write or load under way: whom to answer. */
struct pending {
    kz_link link;
    uint64_t tag;
    uint64_t index;
};

struct flood {
    kz_link link;
    uint32_t left;
};

struct kz_core {
    uint64_t id;
    struct kz_membership_fields members;
    bool has_dialed;
    uint64_t last_index, stored_index, heard;
    uint64_t next_ticket, next_load;
    struct pending writes[PENDING_SIZE], loads[PENDING_SIZE];
    struct flood flood;
    bool stopping;
    bool spinning;
    struct kz_vote vote;
    struct kz_write_order write_orders[ORDERS_MAX];
    struct kz_outgoing outgoing[ORDERS_MAX];
    struct kz_load_order load_orders[ORDERS_MAX];
    struct kz_close_order closes[ORDERS_MAX];
    struct kz_batch *batches[PENDING_SIZE];
};

enum kz_status kz_core_create(const struct kz_core_options *options, struct kz_core **out_core,
                              struct kz_error *error)
{
    struct kz_core *core = calloc(1, sizeof *core);

    if (core == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory");
    core->id = options->id;
    core->members = options->first;
    core->last_index = core->stored_index = options->ledger.last_index;
    core->next_ticket = core->next_load = 1;
    *out_core = core;
    return KZ_OK;
}

void kz_core_destroy(struct kz_core *core)
{
    for (uint32_t i = 0; i < PENDING_SIZE; i++)
        kz_batch_release(core->batches[i]);
    free(core);
}

static void send(struct kz_core *core, struct kz_update *update, struct kz_outgoing outgoing)
{
    KZ_ASSERT(update->outgoing_count < ORDERS_MAX);
    core->outgoing[update->outgoing_count++] = outgoing;
}

static void answer(struct kz_core *core, struct kz_update *update, kz_link link, uint8_t type,
                   uint64_t tag, const void *body, size_t size)
{
    uint8_t *bytes = calloc(1, KZ_FRAME_HEADER_SIZE + size);
    KZ_ASSERT(bytes != NULL);
    if (body != NULL) memcpy(bytes + KZ_FRAME_HEADER_SIZE, body, size);
    kz_frame_seal(bytes, type, tag, size);
    send(core, update,
         (struct kz_outgoing){link, bytes, KZ_FRAME_HEADER_SIZE + size, type == FLOOD});
}

static void answer_number(struct kz_core *core, struct kz_update *update,
                          const struct pending *pending, uint8_t type, uint64_t number)
{
    uint8_t body[8];
    kz_put_u64(body, number);
    answer(core, update, pending->link, type, pending->tag, body, sizeof body);
}

static void say_goodbye(struct kz_core *core, struct kz_update *update, kz_link link,
                        enum kz_status status)
{
    uint8_t *bytes = malloc(512);
    struct kz_writer writer = kz_writer_init(bytes, 512);
    kz_goodbye_encode(&writer, kz_status_text(status));
    send(core, update, (struct kz_outgoing){link, bytes, kz_writer_size(&writer), false});
    core->closes[update->close_count++] = (struct kz_close_order){link};
}

static void order_write(struct kz_core *core, struct kz_update *update,
                        const struct kz_event *event)
{
    struct kz_entry entry = {.type = KZ_BARRIER};
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_record_encode(&entry, record, sizeof record);
    struct kz_batch *batch = kz_batch_create(++core->last_index, 1, KZ_ENTRY_PREFIX_SIZE + size);
    uint64_t ticket = core->next_ticket++;

    memcpy(kz_batch_add(batch, 1, (uint32_t)size), record, size);
    core->writes[ticket % PENDING_SIZE] =
        (struct pending){event->link, event->frame.tag, core->last_index};
    core->write_orders[update->write_count++] =
        (struct kz_write_order){.ticket = ticket, .batch = batch};
    kz_batch_release(core->batches[ticket % PENDING_SIZE]);
    core->batches[ticket % PENDING_SIZE] = batch;
}

static void order_load(struct kz_core *core, struct kz_update *update, const struct kz_event *event)
{
    uint64_t ticket = core->next_load++;
    core->loads[ticket % PENDING_SIZE] = (struct pending){event->link, event->frame.tag, 0};
    core->load_orders[update->load_count++] =
        (struct kz_load_order){.ticket = ticket,
                               .first = kz_get_u64(event->frame.body),
                               .count_max = 1000,
                               .size_max = 1 << 20};
}

static void pour(struct kz_core *core, struct kz_update *update)
{
    static const uint8_t zeros[FLOOD_SIZE];
    if (core->flood.left == 0) return;
    core->flood.left--;
    answer(core, update, core->flood.link, FLOOD, core->flood.left, zeros, sizeof zeros);
}

static void burst(struct kz_core *core, struct kz_update *update, const struct kz_event *event)
{
    static const uint8_t zeros[FLOOD_SIZE];
    for (uint32_t left = kz_get_u32(event->frame.body); left > 0; left--)
        answer(core, update, event->link, BURST, left, zeros, sizeof zeros);
}

static void on_frame(struct kz_core *core, struct kz_update *update, const struct kz_event *event)
{
    const struct kz_frame *frame = &event->frame;

    switch (frame->type) {
    case ECHO:
        answer(core, update, event->link, ECHO, frame->tag, frame->body, frame->body_size);
        break;
    case WRITE: order_write(core, update, event); break;
    case LOAD: order_load(core, update, event); break;
    case FLOOD:
        core->flood = (struct flood){event->link, kz_get_u32(frame->body)};
        pour(core, update);
        break;
    case HALT:
        update->halted = true;
        kz_error_set(&update->halt, KZ_CORRUPT, "entry 7 differs from what was written");
        break;
    case CLOSE:
        answer(core, update, event->link, CLOSE, frame->tag, NULL, 0);
        core->closes[update->close_count++] = (struct kz_close_order){event->link};
        break;
    case VOTE:
        core->vote = (struct kz_vote){kz_get_u64(frame->body), core->id};
        update->vote = &core->vote;
        answer(core, update, event->link, VOTE, frame->tag, NULL, 0);
        break;
    case BURST: burst(core, update, event); break;
    case SPIN: core->spinning = kz_get_u32(frame->body) != 0; break;
    case HELLO: core->heard = kz_get_u64(frame->body); break;
    default: break;
    }
}

static void on_stored(struct kz_core *core, struct kz_update *update, const struct kz_event *event)
{
    while (core->stored_index < core->last_index) {
        uint64_t oldest = core->next_ticket - (core->last_index - core->stored_index);
        if (oldest > event->ticket) break;
        struct pending *pending = &core->writes[oldest % PENDING_SIZE];
        core->stored_index++;
        answer_number(core, update, pending, WRITE, pending->index);
    }
}

static void on_event(struct kz_core *core, struct kz_update *update, const struct kz_event *event)
{
    switch (event->type) {
    case KZ_EVENT_FRAME: on_frame(core, update, event); break;
    case KZ_EVENT_BAD_FRAME: say_goodbye(core, update, event->link, event->status); break;
    case KZ_EVENT_DRAINED: pour(core, update); break;
    case KZ_EVENT_STORED: on_stored(core, update, event); break;
    case KZ_EVENT_LOADED:
        answer_number(core, update, &core->loads[event->ticket % PENDING_SIZE], LOAD,
                      event->batch == NULL ? 0 : event->batch->count);
        kz_batch_release(event->batch);
        break;
    case KZ_EVENT_PEER_DIALED:
        answer_number(core, update, &(struct pending){event->link, 0, 0}, HELLO, core->id);
        break;
    case KZ_EVENT_STOP: core->stopping = true; break;
    default: break;
    }
}

/* It has no state to save. */
enum kz_status kz_core_save(const struct kz_core *core, void *context,
                            enum kz_status (*write)(void *context, const void *bytes, size_t size))
{
    (void)core;
    return write(context, "", 1);
}

enum kz_status kz_core_image_open(void *area, size_t size, const struct kz_core_options *options,
                                  const struct kz_batch *entry, struct kz_core_image **out_image,
                                  struct kz_error *error)
{
    (void)area;
    (void)size;
    (void)options;
    (void)entry;
    (void)out_image;
    return kz_error_set(error, KZ_MISMATCH, "it is of another core");
}

void kz_core_image_close(struct kz_core_image *image)
{
    (void)image;
}

uint64_t kz_core_image_index(const struct kz_core_image *image)
{
    (void)image;
    return 0;
}

void kz_core_step(struct kz_core *core, uint64_t now_ms, int64_t wall_ms,
                  const struct kz_event *events, uint32_t count, struct kz_update *out_update)
{
    (void)wall_ms;
    *out_update = (struct kz_update){.writes = core->write_orders,
                                     .outgoing = core->outgoing,
                                     .loads = core->load_orders,
                                     .closes = core->closes,
                                     .wake_ms = now_ms + WAKE_MS};
    for (uint32_t i = 0; i < count; i++)
        on_event(core, out_update, &events[i]);
    if (!core->has_dialed) out_update->dial = &core->members;
    core->has_dialed = true;
    if (core->spinning) out_update->wake_ms = 0;
    out_update->stopped = core->stopping && core->stored_index == core->last_index;
}

void kz_core_figures(const struct kz_core *core, struct kz_core_figures *out_figures)
{
    *out_figures = (struct kz_core_figures){.ready = true,
                                            .leader = core->heard,
                                            .last_index = core->last_index,
                                            .stored_index = core->stored_index,
                                            .applied_index = core->stored_index};
}
