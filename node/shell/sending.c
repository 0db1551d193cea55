/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes out: at once when the socket has room, else queued; and what a full queue means. */
#include "node/shell/link.h"

#include <stdlib.h>

struct queued_write {
    uv_write_t request;
    uint8_t *bytes;
    size_t size; /* that the socket had no room for */
};

struct marks {
    size_t high, low, limit;
};

static struct marks marks_of(const struct link *link)
{
    if (kz_link_is_peer(link)) {
        return (struct marks){KZ_PEER_QUEUE_HIGH, KZ_PEER_QUEUE_LOW, KZ_PEER_QUEUE_LIMIT};
    }
    return (struct marks){KZ_CLIENT_QUEUE_HIGH, KZ_CLIENT_QUEUE_LOW, KZ_CLIENT_QUEUE_LIMIT};
}

static size_t queued(const struct link *link)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&link->tcp);
}

/* Who does not take answers asks no more questions. */
static void become_full(struct link *link)
{
    link->is_full = true;
    link->full_ms = uv_now(link->sockets->options.loop);
    uv_read_stop((uv_stream_t *)&link->tcp);
}

static void see_drained(struct link *link)
{
    struct kz_sockets *sockets = link->sockets;

    if (link->state != LINK_OPEN || queued(link) > marks_of(link).low) return;
    if (link->is_full) {
        kz_link_drained(link, uv_now(sockets->options.loop));
        kz_link_read_start(link);
    }
    if (link->tells_drained) {
        link->tells_drained = false;
        kz_inbox_add(sockets->options.inbox,
                     &(struct kz_event){.type = KZ_EVENT_DRAINED, .link = link->number});
    }
}

static void on_written(uv_write_t *request, int status)
{
    struct queued_write *write = (struct queued_write *)request;
    struct link *link = request->handle->data;

    if (!kz_link_is_peer(link)) link->sockets->figures.client_queued_bytes -= write->size;
    free(write->bytes);
    free(write);
    if (status < 0) {
        kz_link_drop(link);
        return;
    }
    link->active_ms = uv_now(link->sockets->options.loop);
    see_drained(link);
}

static void queue(struct link *link, uint8_t *bytes, size_t size, size_t sent)
{
    struct queued_write *write = malloc(sizeof *write);
    uv_buf_t rest = uv_buf_init((char *)bytes + sent, (unsigned)(size - sent));

    if (write == NULL) goto fail;
    write->bytes = bytes;
    write->size = rest.len;
    link->sockets->figures.queued_writes++;
    if (uv_write(&write->request, (uv_stream_t *)&link->tcp, &rest, 1, on_written) != 0) goto fail;

    struct marks marks = marks_of(link);
    if (!kz_link_is_peer(link)) link->sockets->figures.client_queued_bytes += rest.len;
    bool is_over = link->sockets->figures.client_queued_bytes > KZ_CLIENT_QUEUES_SIZE;
    if (queued(link) > marks.limit || (is_over && !kz_link_is_peer(link))) {
        kz_link_drop(link);
    } else if (queued(link) > marks.high && !link->is_full) {
        become_full(link);
    }
    see_drained(link);
    return;

fail:
    free(write);
    free(bytes);
    kz_link_drop(link);
}

void kz_link_send(struct link *link, uint8_t *bytes, size_t size)
{
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)size);
    int sent = uv_try_write((uv_stream_t *)&link->tcp, &buffer, 1);

    link->sockets->figures.bytes_out += size;
    if (sent == UV_EAGAIN) sent = 0;
    if (sent < 0) {
        free(bytes);
        kz_link_drop(link);
        return;
    }
    if ((size_t)sent < size) {
        queue(link, bytes, size, (size_t)sent);
        return;
    }
    link->active_ms = uv_now(link->sockets->options.loop);
    free(bytes);
    see_drained(link);
}
