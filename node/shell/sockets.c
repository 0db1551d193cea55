/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/link.h"

#include "client/wire/messages.h"
#include "node/shell/clocks.h"
#include "node/shell/directory.h"
#include "statemachine/base/assert.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLOT_BITS        16
#define GOODBYE_SIZE_MAX 512
#define SCARCE_TENTHS    9
/* Places for the links of peers: accepted, dialed, and dialed ones that still close. */
#define PEER_PLACES (KZ_PEER_CONNECTIONS_MAX + 4 * KZ_MEMBERS_MAX)

/* ---- The table ---- */

struct link *kz_link_find(struct kz_sockets *sockets, kz_link number)
{
    uint64_t slot = number >> 1 & ((1u << SLOT_BITS) - 1);
    struct link *link = slot < sockets->slot_count ? sockets->slots[slot] : NULL;
    return link != NULL && link->number == number ? link : NULL;
}

struct link *kz_link_create(struct kz_sockets *sockets, enum kz_socket_kind kind)
{
    uint32_t kept = kind == KZ_SOCKET_CLIENT ? PEER_PLACES : 0;
    if (sockets->free_count <= kept) return NULL;
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) return NULL;
    if (uv_tcp_init(sockets->options.loop, &link->tcp) != 0) {
        free(link);
        return NULL;
    }
    uint16_t slot = sockets->free_slots[--sockets->free_count];
    sockets->slots[slot] = link;
    sockets->generation++;
    sockets->handles++;
    link->tcp.data = link;
    link->sockets = sockets;
    link->kind = kind;
    link->number = (sockets->generation << SLOT_BITS | slot) << 1 | (kind != KZ_SOCKET_CLIENT);
    link->state = LINK_CONNECTING;
    link->state_ms = uv_now(sockets->options.loop);
    return link;
}

static void on_sweep_closed(uv_handle_t *handle)
{
    struct kz_sockets *sockets = handle->data;
    sockets->handles--;
}

/* While stopping, the sweep goes last: it ends what lingers. */
static void close_sweep_if_last(struct kz_sockets *sockets)
{
    if (!sockets->is_stopping || sockets->handles != 1) return;
    if (!uv_is_closing((uv_handle_t *)&sockets->sweep)) {
        uv_close((uv_handle_t *)&sockets->sweep, on_sweep_closed);
    }
}

void kz_link_handle_closed(struct kz_sockets *sockets)
{
    KZ_ASSERT(sockets->handles > 0);
    sockets->handles--;
    close_sweep_if_last(sockets);
}

static void on_link_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    struct kz_sockets *sockets = link->sockets;
    uint16_t slot = (uint16_t)(link->number >> 1);

    KZ_ASSERT(!link->is_touched);
    sockets->slots[slot] = NULL;
    sockets->free_slots[sockets->free_count++] = slot;
    kz_link_handle_closed(sockets);
    free(link->kept);
    free(link);
}

/* ---- A link's life ---- */

/* A cut line says nothing, and TCP tries again later and later, 13 s after a cut of 14 s. So what a
 * peer does not acknowledge in time ends the connection: dialing finds the line when it is back. */
static void bound_silence(const struct link *link)
{
    unsigned timeout_ms = KZ_PEER_UNHEARD_MS;
    int file;

    if (uv_fileno((const uv_handle_t *)&link->tcp, &file) != 0) return;
    (void)setsockopt(file, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

void kz_link_opened(struct link *link)
{
    static const enum kz_event_type types[KZ_SOCKET_KINDS] = {
        KZ_EVENT_CLIENT_ACCEPTED, KZ_EVENT_PEER_ACCEPTED, KZ_EVENT_PEER_DIALED};
    struct kz_sockets *sockets = link->sockets;

    link->state = LINK_OPEN;
    link->opened_ms = link->state_ms = link->active_ms = uv_now(sockets->options.loop);
    sockets->figures.open[link->kind]++;
    sockets->figures.accepted[link->kind]++;
    if (link->kind == KZ_SOCKET_CLIENT) sockets->silent++;
    uv_tcp_nodelay(&link->tcp, 1);
    uv_tcp_keepalive(&link->tcp, 1, 60);
    if (link->kind != KZ_SOCKET_CLIENT) bound_silence(link);
    kz_inbox_add(sockets->options.inbox,
                 &(struct kz_event){.type = types[link->kind],
                                    .link = link->number,
                                    .peer = link->dialed == NULL ? 0 : link->dialed->id});
    kz_link_read_start(link);
}

/* OPEN is over: the counts go down, the core hears of it. */
static void leave_open(struct link *link)
{
    struct kz_sockets *sockets = link->sockets;

    if (link->state != LINK_OPEN) return;
    sockets->figures.open[link->kind]--;
    if (link->kind == KZ_SOCKET_CLIENT) {
        if (!link->has_spoken) sockets->silent--;
        kz_link_leave_bucket(link);
    }
    kz_inbox_add(sockets->options.inbox,
                 &(struct kz_event){.type = KZ_EVENT_CLOSED, .link = link->number});
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct link *link = request->handle->data;
    if (status < 0) kz_link_drop(link);
}

void kz_link_end(struct link *link)
{
    if (link->state == LINK_CONNECTING) kz_link_drop(link);
    if (link->state != LINK_OPEN) return;

    leave_open(link);
    link->state = LINK_ENDING;
    link->state_ms = uv_now(link->sockets->options.loop);
    link->rest_size = 0;
    if (link->is_full) kz_link_read_start(link); /* to see the other side's end */
    if (uv_shutdown(&link->request.shutdown, (uv_stream_t *)&link->tcp, on_shutdown) != 0) {
        kz_link_drop(link);
    }
}

void kz_link_drop(struct link *link)
{
    if (link->state == LINK_CLOSED) return;
    leave_open(link);
    link->state = LINK_CLOSED;
    link->rest_size = 0;
    if (link->dialed != NULL) kz_dialing_lost(link);
    uv_close((uv_handle_t *)&link->tcp, on_link_closed);
}

void kz_link_dismiss(struct link *link, const char *sentence)
{
    uint8_t *bytes = malloc(GOODBYE_SIZE_MAX);

    if (bytes != NULL) {
        struct kz_writer writer = kz_writer_init(bytes, GOODBYE_SIZE_MAX);
        kz_goodbye_encode(&writer, sentence);
        KZ_ASSERT(!writer.failed);
        kz_link_send(link, bytes, kz_writer_size(&writer));
    }
    kz_link_end(link);
}

/* ---- Times ---- */

static bool is_scarce(const struct kz_sockets *sockets)
{
    return (uint64_t)sockets->figures.open[KZ_SOCKET_CLIENT] * 10 >=
           (uint64_t)sockets->options.connections_max * SCARCE_TENTHS;
}

const char *kz_link_overdue(const struct link *link, uint64_t now)
{
    if (link->is_full && now - link->full_ms > KZ_STALLED_MS) {
        return "you do not take what is sent to you";
    }
    if (link->kind == KZ_SOCKET_DIALED) return NULL;
    if (!link->has_spoken && now - link->state_ms > KZ_HANDSHAKE_MS) {
        return "no hello came within 3 seconds";
    }
    if (link->partial_ms != 0 && !link->is_full && now - link->partial_ms > KZ_FRAME_MS) {
        return "a message was not complete within 10 seconds";
    }
    if (link->kind != KZ_SOCKET_CLIENT) return NULL;
    uint64_t idle_ms = is_scarce(link->sockets) ? KZ_IDLE_SCARCE_MS : KZ_IDLE_MS;
    if (now - link->active_ms > idle_ms) return "the connection was idle; connect again";
    return NULL;
}

void kz_link_drained(struct link *link, uint64_t now)
{
    link->is_full = false;
    if (link->partial_ms != 0) link->partial_ms += now - link->full_ms;
}

static void sweep_link(struct link *link, uint64_t now)
{
    const char *sentence;

    switch (link->state) {
    case LINK_CONNECTING:
        if (now - link->state_ms > KZ_DIAL_MS) kz_link_drop(link);
        break;
    case LINK_OPEN:
        kz_link_sweep_buffer(link);
        sentence = kz_link_overdue(link, now);
        if (sentence == NULL) break;
        link->sockets->figures.timed_out++;
        kz_link_dismiss(link, sentence);
        break;
    case LINK_ENDING:
        if (now - link->state_ms > KZ_LINGER_MS) kz_link_drop(link);
        break;
    case LINK_CLOSED: break;
    }
}

static void on_sweep(uv_timer_t *timer)
{
    struct kz_sockets *sockets = timer->data;
    uint64_t now = uv_now(sockets->options.loop);

    for (uint32_t i = 0; i < sockets->slot_count; i++)
        if (sockets->slots[i] != NULL) sweep_link(sockets->slots[i], now);
    kz_listening_catch_up(sockets);
}

/* ---- All of them ---- */

uint32_t kz_sockets_clients_size(uint32_t connections_max)
{
    uint32_t ending =
        connections_max < KZ_ENDING_CONNECTIONS_MAX ? connections_max : KZ_ENDING_CONNECTIONS_MAX;
    return connections_max + ending;
}

struct kz_sockets *kz_sockets_create(const struct kz_sockets_options *options)
{
    struct kz_sockets *sockets = calloc(1, sizeof *sockets);
    uint32_t slot_count = kz_sockets_clients_size(options->connections_max) + PEER_PLACES;

    KZ_ASSERT(slot_count <= 1u << SLOT_BITS);
    if (sockets == NULL) return NULL;
    sockets->options = *options;
    sockets->slots = calloc(slot_count, sizeof(struct link *));
    sockets->free_slots = calloc(slot_count, sizeof sockets->free_slots[0]);
    sockets->arena = malloc(KZ_ARENA_SIZE);
    if (sockets->slots == NULL || sockets->free_slots == NULL || sockets->arena == NULL) {
        kz_sockets_destroy(sockets);
        return NULL;
    }
    sockets->slot_count = slot_count;
    for (uint32_t i = 0; i < slot_count; i++)
        sockets->free_slots[sockets->free_count++] = (uint16_t)(slot_count - 1 - i);
    kz_random_fill(&sockets->seed, sizeof sockets->seed);

    uv_timer_init(options->loop, &sockets->sweep);
    sockets->sweep.data = sockets;
    sockets->handles++;
    uv_timer_start(&sockets->sweep, on_sweep, KZ_SWEEP_MS, KZ_SWEEP_MS);
    kz_dialing_start(sockets);
    return sockets;
}

void kz_sockets_stop(struct kz_sockets *sockets)
{
    if (sockets->is_stopping) return;
    sockets->is_stopping = true;
    kz_listening_stop(sockets);
    kz_dialing_stop(sockets);
    for (uint32_t i = 0; i < sockets->slot_count; i++)
        if (sockets->slots[i] != NULL) kz_link_end(sockets->slots[i]);
    close_sweep_if_last(sockets);
}

bool kz_sockets_is_empty(const struct kz_sockets *sockets)
{
    return sockets->handles == 0;
}

void kz_sockets_destroy(struct kz_sockets *sockets)
{
    free(sockets->slots);
    free(sockets->free_slots);
    free(sockets->arena);
    free(sockets);
}

void kz_sockets_send(struct kz_sockets *sockets, const struct kz_outgoing *outgoing)
{
    struct link *link = kz_link_find(sockets, outgoing->link);

    if (link == NULL || link->state != LINK_OPEN) {
        free(outgoing->bytes);
        return;
    }
    link->tells_drained |= outgoing->tell_drained;
    kz_link_send(link, outgoing->bytes, outgoing->size);
}

void kz_sockets_close(struct kz_sockets *sockets, kz_link number)
{
    struct link *link = kz_link_find(sockets, number);
    if (link != NULL) kz_link_end(link);
}

void kz_sockets_figures(const struct kz_sockets *sockets, struct kz_sockets_figures *out_figures)
{
    *out_figures = sockets->figures;
}
