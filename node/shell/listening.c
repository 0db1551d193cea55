/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting connections, within the bounds. */
#include "node/shell/link.h"

#include "client/wire/messages.h"
#include "node/shell/journal.h"
#include "statemachine/base/checksum.h"

#include <netinet/in.h>
#include <string.h>

static struct origin origin_of(const struct link *link)
{
    struct sockaddr_storage address = {0};
    struct origin origin = {0};
    int size = sizeof address;

    if (uv_tcp_getpeername(&link->tcp, (struct sockaddr *)&address, &size) != 0) return origin;
    if (address.ss_family == AF_INET6) {
        memcpy(&origin, &((struct sockaddr_in6 *)&address)->sin6_addr, sizeof origin);
    } else {
        memcpy(&origin, &((struct sockaddr_in *)&address)->sin_addr, 4);
    }
    return origin;
}

static struct link **bucket_of(struct kz_sockets *sockets, struct origin origin)
{
    return &sockets->buckets[kz_hash64(&origin, sizeof origin, sockets->seed) % LINK_BUCKETS];
}

static uint32_t count_of_origin(struct kz_sockets *sockets, struct origin origin)
{
    uint32_t count = 0;
    for (struct link *link = *bucket_of(sockets, origin); link != NULL; link = link->next_of_bucket)
        count += link->origin.bits == origin.bits;
    return count;
}

static void enter_bucket(struct link *link)
{
    struct link **bucket = bucket_of(link->sockets, link->origin);

    link->next_of_bucket = *bucket;
    if (*bucket != NULL) (*bucket)->previous_of_bucket = link;
    *bucket = link;
}

void kz_link_leave_bucket(struct link *link)
{
    if (link->previous_of_bucket == NULL) {
        *bucket_of(link->sockets, link->origin) = link->next_of_bucket;
    } else {
        link->previous_of_bucket->next_of_bucket = link->next_of_bucket;
    }
    if (link->next_of_bucket != NULL) {
        link->next_of_bucket->previous_of_bucket = link->previous_of_bucket;
    }
}

/* Returns: which bound the new link is over, NULL when it is within all. */
static const char *over_bound(struct kz_sockets *sockets, const struct link *link)
{
    if (link->kind == KZ_SOCKET_PEER) {
        return sockets->figures.open[KZ_SOCKET_PEER] < KZ_PEER_CONNECTIONS_MAX
                   ? NULL
                   : "too many peers are connected";
    }
    if (sockets->silent >= KZ_HANDSHAKES_MAX) return "too many connections have not said hello yet";
    if (sockets->figures.open[KZ_SOCKET_CLIENT] >= sockets->options.connections_max) {
        return "too many clients are connected (--connections)";
    }
    if (count_of_origin(sockets, link->origin) >= sockets->options.connections_per_address_max) {
        return "too many clients are connected from this address (--connections-per-address)";
    }
    return NULL;
}

/* Says why without waiting for anything: what the socket does not take at once is lost. */
static void refuse(struct link *link, const char *sentence)
{
    uint8_t bytes[256];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);

    kz_goodbye_encode(&writer, sentence);
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)kz_writer_size(&writer));
    uv_try_write((uv_stream_t *)&link->tcp, &buffer, 1);
    link->sockets->figures.refused++;
    kz_journal(KZ_NOTICE_WARNING, "connection_refused reason=\"%s\"", sentence);
    kz_link_drop(link);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct kz_sockets *sockets = listener->data;
    enum kz_socket_kind kind = listener == (uv_stream_t *)&sockets->listeners[KZ_SOCKET_PEER]
                                   ? KZ_SOCKET_PEER
                                   : KZ_SOCKET_CLIENT;

    if (status < 0) {
        kz_journal(KZ_NOTICE_WARNING, "accept_failed reason=\"%s\"", uv_strerror(status));
        return;
    }
    struct link *link = kz_link_create(sockets, kind);
    if (link == NULL) {
        sockets->is_behind[kind] = true;
        kz_journal(KZ_NOTICE_WARNING, "accept_waits reason=\"out of memory or of places\"");
        return;
    }
    if (uv_accept(listener, (uv_stream_t *)&link->tcp) != 0) {
        kz_link_drop(link);
        return;
    }
    link->origin = origin_of(link);
    const char *sentence = over_bound(sockets, link);
    if (sentence != NULL) {
        refuse(link, sentence);
        return;
    }
    if (kind == KZ_SOCKET_CLIENT) enter_bucket(link);
    kz_link_opened(link);
}

void kz_listening_catch_up(struct kz_sockets *sockets)
{
    for (int kind = KZ_SOCKET_CLIENT; kind <= KZ_SOCKET_PEER; kind++) {
        if (!sockets->is_listening[kind] || !sockets->is_behind[kind]) continue;
        sockets->is_behind[kind] = false;
        on_connection((uv_stream_t *)&sockets->listeners[kind], 0);
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    kz_link_handle_closed(handle->data);
}

enum kz_status kz_listening_status(int code, const struct kz_address *address,
                                   struct kz_error *error)
{
    if (code == 0) return KZ_OK;
    if (code == UV_EADDRINUSE) {
        return kz_error_set(error, KZ_EXISTS,
                            "%s is in use: another process listens there; stop it, or give "
                            "another address",
                            address->text);
    }
    return kz_error_set(error, KZ_IO, "can not listen at %s: %s", address->text, uv_strerror(code));
}

enum kz_status kz_sockets_listen(struct kz_sockets *sockets, enum kz_socket_kind kind,
                                 const struct kz_address *address, struct kz_error *error)
{
    uv_tcp_t *listener = &sockets->listeners[kind];
    int failed = uv_tcp_init(sockets->options.loop, listener);

    if (failed == 0) {
        sockets->is_listening[kind] = true;
        sockets->handles++;
        listener->data = sockets;
        failed = uv_tcp_bind(listener, (const struct sockaddr *)&address->socket, 0);
    }
    if (failed == 0) failed = uv_listen((uv_stream_t *)listener, KZ_LISTEN_BACKLOG, on_connection);
    return kz_listening_status(failed, address, error);
}

void kz_listening_stop(struct kz_sockets *sockets)
{
    for (int kind = KZ_SOCKET_CLIENT; kind <= KZ_SOCKET_PEER; kind++) {
        if (!sockets->is_listening[kind]) continue;
        sockets->is_listening[kind] = false;
        uv_close((uv_handle_t *)&sockets->listeners[kind], on_listener_closed);
    }
}
