/* SPDX-License-Identifier: Apache-2.0 */
/* The client's core bound to a libuv loop: one TCP handle, one timer, one prepare that sends at the
 * end of each turn. It knows the public interface alone, and is a library of its own, so that
 * libkezek itself does not need libuv.
 *
 * Invariants:
 * 1. A link whose `owner` is NULL was given up: its callbacks only free it.
 * 2. After kezek_uv_close() the client is not touched until its handles have closed, so closing is
 *    allowed in the client's own callbacks. */
#include "client/lib/address.h"

#include <kezek/kezek_uv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define READ_SIZE (256 * 1024)

/* A connection of its own, so that a new one may begin while the old one still closes. */
struct link {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    uv_getaddrinfo_t lookup;
    struct kezek_uv *owner;
    uint8_t *sending;
    bool connected;
    bool looking; /* the lookup is under way */
    bool closed;
};

struct kezek_uv {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_prepare_t prepare;
    struct kezek_client *client;
    struct link *link;
    unsigned dials; /* that failed: a host may have several addresses */
    bool ended;
    unsigned closing; /* handles of our own that still close */
    void (*closed)(void *data);
    void *data;
    char input[READ_SIZE];
};

static void follow(struct kezek_uv *handle);

/* ---- Links ---- */

static void free_link(struct link *link)
{
    if (!link->closed || link->looking) return;
    free(link->sending);
    free(link);
}

static void on_link_closed(uv_handle_t *tcp)
{
    struct link *link = tcp->data;
    link->closed = true;
    free_link(link);
}

static void drop_link(struct kezek_uv *handle)
{
    struct link *link = handle->link;
    if (link == NULL) return;

    link->owner = NULL;
    handle->link = NULL;
    if (link->looking) (void)uv_cancel((uv_req_t *)&link->lookup);
    uv_close((uv_handle_t *)&link->tcp, on_link_closed);
}

static void lost(struct kezek_uv *handle, const char *reason)
{
    drop_link(handle);
    kezek_client_on_closed(handle->client, uv_now(handle->loop), reason);
}

static void give_memory(uv_handle_t *tcp, size_t suggested, uv_buf_t *out)
{
    struct link *link = tcp->data;
    (void)suggested;
    *out = link->owner == NULL ? uv_buf_init(NULL, 0) : uv_buf_init(link->owner->input, READ_SIZE);
}

static void on_read(uv_stream_t *tcp, ssize_t got, const uv_buf_t *buffer)
{
    struct link *link = tcp->data;
    struct kezek_uv *handle = link->owner;
    if (handle == NULL || got == 0) return;

    if (got < 0) {
        lost(handle, uv_strerror((int)got));
    } else {
        kezek_client_on_bytes(handle->client, uv_now(handle->loop), (const uint8_t *)buffer->base,
                              (size_t)got);
    }
    follow(handle);
}

static void on_written(uv_write_t *write, int status)
{
    struct link *link = write->handle->data;
    free(link->sending);
    link->sending = NULL;
    struct kezek_uv *handle = link->owner;
    if (handle == NULL) return;

    if (status != 0) lost(handle, uv_strerror(status));
    follow(handle);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct link *link = connect->handle->data;
    struct kezek_uv *handle = link->owner;
    if (handle == NULL) return;

    if (status == 0) status = uv_read_start((uv_stream_t *)&link->tcp, give_memory, on_read);
    if (status != 0) {
        handle->dials++;
        lost(handle, uv_strerror(status));
    } else {
        (void)uv_tcp_nodelay(&link->tcp, 1);
        link->connected = true;
        kezek_client_on_connected(handle->client, uv_now(handle->loop));
    }
    follow(handle);
}

/* ---- Dialing ---- */

static void on_found(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct link *link = lookup->data;
    struct kezek_uv *handle = link->owner;

    link->looking = false;
    if (handle != NULL) {
        if (status == 0) {
            status =
                uv_tcp_connect(&link->connect, &link->tcp,
                               kz_address_of_turn(found, handle->dials)->ai_addr, on_connected);
        }
        if (status != 0) {
            handle->dials++;
            lost(handle, uv_strerror(status));
        }
        follow(handle);
    } else {
        free_link(link);
    }
    uv_freeaddrinfo(found);
}

/* Returns: 0, or a libuv error. */
static int look_up(struct link *link, const char *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char host[KEZEK_ADDRESS_SIZE];
    const char *port = kz_address_split(address, host);

    link->lookup.data = link;
    int status = uv_getaddrinfo(link->tcp.loop, &link->lookup, on_found, host, port, &hints);
    link->looking = status == 0;
    return status;
}

static int dial(struct kezek_uv *handle, const char *address)
{
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) return UV_ENOMEM;

    int status = uv_tcp_init(handle->loop, &link->tcp);
    if (status != 0) {
        free(link);
        return status;
    }
    link->tcp.data = link;
    link->owner = handle;
    handle->link = link;
    return look_up(link, address);
}

/* ---- Turns ---- */

/* Takes all output that is there and writes it in one request. */
static void send_output(struct kezek_uv *handle)
{
    struct link *link = handle->link;
    if (handle->ended || link == NULL || !link->connected || link->sending != NULL) return;

    const uint8_t *bytes;
    size_t size = kezek_client_output(handle->client, &bytes);
    if (size == 0) return;
    link->sending = malloc(size);
    if (link->sending == NULL) return;
    memcpy(link->sending, bytes, size);
    kezek_client_on_sent(handle->client, size);
    uv_buf_t buffer = uv_buf_init((char *)link->sending, (unsigned)size);
    int status = uv_write(&link->write, (uv_stream_t *)&link->tcp, &buffer, 1, on_written);
    if (status != 0) lost(handle, uv_strerror(status));
}

static void on_timer(uv_timer_t *timer)
{
    struct kezek_uv *handle = timer->data;
    kezek_client_on_tick(handle->client, uv_now(handle->loop));
    follow(handle);
}

static void set_timer(struct kezek_uv *handle)
{
    uint64_t deadline = kezek_client_deadline(handle->client);
    uint64_t now = uv_now(handle->loop);
    if (deadline == UINT64_MAX) {
        (void)uv_timer_stop(&handle->timer);
        return;
    }
    (void)uv_timer_start(&handle->timer, on_timer, deadline > now ? deadline - now : 0, 0);
}

static void follow(struct kezek_uv *handle)
{
    char address[KEZEK_ADDRESS_SIZE];
    enum kezek_want want;

    if (handle->ended) return;
    while ((want = kezek_client_want(handle->client, address)) != KEZEK_WANT_NOTHING) {
        if (want == KEZEK_WANT_CLOSE) {
            lost(handle, "closed");
        } else {
            int status = dial(handle, address);
            if (status != 0) lost(handle, uv_strerror(status));
        }
    }
    send_output(handle);
    set_timer(handle);
}

static void on_prepare(uv_prepare_t *prepare)
{
    (void)uv_prepare_stop(prepare);
    follow(prepare->data);
}

/* ---- Public ---- */

struct kezek_uv *kezek_uv_open(struct uv_loop_s *loop, const struct kezek_options *options,
                               struct kezek_error *error)
{
    struct kezek_uv *handle = calloc(1, sizeof *handle);
    if (handle == NULL) {
        *error = (struct kezek_error){.code = KEZEK_NO_MEMORY};
        (void)snprintf(error->text, sizeof error->text, "out of memory for a client");
        return NULL;
    }
    handle->client = kezek_client_create(options, error);
    if (handle->client == NULL) {
        free(handle);
        return NULL;
    }
    handle->loop = loop;
    (void)uv_timer_init(loop, &handle->timer);
    (void)uv_prepare_init(loop, &handle->prepare);
    handle->timer.data = handle;
    handle->prepare.data = handle;
    kezek_client_on_tick(handle->client, uv_now(loop));
    kezek_uv_flush(handle);
    return handle;
}

struct kezek_client *kezek_uv_client(struct kezek_uv *handle)
{
    return handle->client;
}

void kezek_uv_flush(struct kezek_uv *handle)
{
    if (!handle->ended) (void)uv_prepare_start(&handle->prepare, on_prepare);
}

static void on_own_closed(uv_handle_t *own)
{
    struct kezek_uv *handle = own->data;
    if (--handle->closing > 0) return;

    kezek_client_destroy(handle->client);
    if (handle->closed != NULL) handle->closed(handle->data);
    free(handle);
}

void kezek_uv_close(struct kezek_uv *handle, void (*closed)(void *data), void *data)
{
    if (handle->ended) return;

    handle->ended = true;
    handle->closed = closed;
    handle->data = data;
    handle->closing = 2;
    drop_link(handle);
    uv_close((uv_handle_t *)&handle->timer, on_own_closed);
    uv_close((uv_handle_t *)&handle->prepare, on_own_closed);
}
