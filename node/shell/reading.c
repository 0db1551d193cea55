/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a link into frames (the arena of sockets.h). Invariant: before each read the arena has
 * room for the largest unfinished frame and READ_SIZE more. */
#include "node/shell/link.h"

#include "node/shell/clocks.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(KZ_ARENA_SIZE >= 4 * (KZ_PEER_FRAME_SIZE_MAX + KZ_READ_SIZE),
              "the arena takes several of the largest frames");

static size_t frame_bound(const struct link *link)
{
    return kz_link_is_peer(link) ? KZ_PEER_FRAME_SIZE_MAX : KZ_CLIENT_FRAME_SIZE_MAX;
}

static void touch(struct link *link)
{
    if (link->is_touched) return;
    link->is_touched = true;
    link->next_touched = link->sockets->touched;
    link->sockets->touched = link;
}

/* Bytes that the frame whose beginning is the link's rest still lacks. */
static size_t missing(const struct link *link)
{
    if (link->rest_size < 4) return 0;
    size_t size = kz_get_u32(link->rest); /* at most the bound: else it was no rest */
    return size > link->rest_size ? size - link->rest_size : 0;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer)
{
    struct link *link = handle->data;
    struct kz_sockets *sockets = link->sockets;
    (void)suggested;

    uint8_t *head = sockets->arena + sockets->arena_used;
    if (link->rest_size > 0 && link->rest + link->rest_size != head) {
        memcpy(head, link->rest, link->rest_size);
        link->rest = head;
        sockets->arena_used += link->rest_size;
        head += link->rest_size;
        touch(link);
    }
    size_t wanted = missing(link);
    if (wanted < KZ_READ_SIZE) wanted = KZ_READ_SIZE;
    KZ_ASSERT(sockets->arena_used + wanted <= KZ_ARENA_SIZE);
    *out_buffer = uv_buf_init((char *)head, (unsigned)wanted);
}

static void add_frame(struct link *link, const struct kz_frame *frame)
{
    struct kz_sockets *sockets = link->sockets;

    if (!link->has_spoken && link->kind == KZ_SOCKET_CLIENT) sockets->silent--;
    link->has_spoken = true;
    link->partial_ms = 0;
    sockets->figures.frames++;
    kz_inbox_add(sockets->options.inbox,
                 &(struct kz_event){.type = KZ_EVENT_FRAME, .link = link->number, .frame = *frame});
}

/* The stream can not be trusted to be in step any more: nothing more of it is heard. */
static void give_up(struct link *link, enum kz_status status)
{
    struct kz_sockets *sockets = link->sockets;

    sockets->figures.bad_frames++;
    link->rest_size = 0;
    link->is_deaf = true;
    kz_inbox_add(
        sockets->options.inbox,
        &(struct kz_event){.type = KZ_EVENT_BAD_FRAME, .link = link->number, .status = status});
}

static void take_frames(struct link *link)
{
    while (link->rest_size > 0) {
        struct kz_frame frame;
        size_t size;
        enum kz_status status =
            kz_frame_parse(link->rest, link->rest_size, frame_bound(link), &frame, &size);
        if (status == KZ_NOT_FOUND) return;
        if (status != KZ_OK) {
            give_up(link, status);
            return;
        }
        add_frame(link, &frame);
        link->rest += size;
        link->rest_size -= size;
    }
}

static void take_bytes(struct link *link, size_t size)
{
    struct kz_sockets *sockets = link->sockets;
    const uint8_t *head = sockets->arena + sockets->arena_used;

    sockets->figures.bytes_in += size;
    if (link->state != LINK_OPEN || link->is_deaf) return; /* read over by the next */

    sockets->arena_used += size;
    link->active_ms = uv_now(sockets->options.loop);
    if (link->rest_size == 0) link->rest = head;
    link->rest_size += size;
    touch(link);
    take_frames(link);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct link *link = stream->data;
    struct kz_sockets *sockets = link->sockets;
    (void)buffer;

    if (got < 0) kz_link_drop(link); /* what was put into the arena for this read takes room too */
    if (got > 0) take_bytes(link, (size_t)got);

    size_t room = KZ_ARENA_SIZE - sockets->arena_used;
    if (room < 2 * KZ_PEER_FRAME_SIZE_MAX + KZ_READ_SIZE) {
        sockets->options.on_arena_full(sockets->options.context);
    }
}

void kz_link_read_start(struct link *link)
{
    if (uv_read_start((uv_stream_t *)&link->tcp, on_allocate, on_read) != 0) kz_link_drop(link);
}

/* Keeps the unfinished frame outside the arena. */
static void keep_rest(struct link *link, uint64_t now)
{
    if (link->partial_ms == 0) link->partial_ms = now;
    if (link->kept_size < link->rest_size) {
        size_t size = KZ_REST_IDLE_SIZE;
        while (size < link->rest_size)
            size *= 2;
        free(link->kept);
        link->kept = malloc(size);
        link->kept_size = link->kept == NULL ? 0 : size;
    }
    if (link->kept == NULL) {
        link->rest_size = 0;
        kz_link_drop(link); /* without memory for it */
        return;
    }
    memcpy(link->kept, link->rest, link->rest_size);
    link->rest = link->kept;
}

void kz_sockets_settle(struct kz_sockets *sockets)
{
    uint64_t now = uv_now(sockets->options.loop);

    while (sockets->touched != NULL) {
        struct link *link = sockets->touched;
        sockets->touched = link->next_touched;
        link->is_touched = false;
        if (link->rest_size > 0) keep_rest(link, now);
    }
    sockets->arena_used = 0;
}

void kz_link_sweep_buffer(struct link *link)
{
    if (link->rest_size > 0 || link->kept_size <= KZ_REST_IDLE_SIZE) return;
    if (uv_now(link->sockets->options.loop) - link->active_ms < KZ_HANDSHAKE_MS) return;
    free(link->kept);
    link->kept = NULL;
    link->kept_size = 0;
}
