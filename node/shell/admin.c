/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/admin.h"

#include "node/core/bounds.h"
#include "node/shell/admin_request.h"
#include "node/shell/sockets.h"

#include <stdlib.h>
#include <string.h>

#define READ_SIZE 1024

struct visitor {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct kz_admin *admin;
    unsigned handles; /* of the two above that libuv holds */
    struct kz_admin_request request;
    bool is_answered; /* what still comes in is dropped */
    char input[READ_SIZE];
    char *head; /* of the answer, malloc'ed */
    char *body;
    struct visitor *next;
    struct visitor *previous;
};

struct kz_admin {
    struct kz_admin_options options;
    uv_tcp_t listener;
    uv_timer_t retry; /* of a connection that waits for memory: libuv accepts none after it */
    unsigned handles; /* of the two above that libuv holds */
    struct visitor *visitors;
    unsigned visitor_count;
};

/* ---- A visitor's end ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct visitor *visitor = handle->data;
    struct kz_admin *admin = visitor->admin;

    if (--visitor->handles > 0) return;
    if (visitor->previous != NULL) visitor->previous->next = visitor->next;
    if (visitor->next != NULL) visitor->next->previous = visitor->previous;
    if (admin->visitors == visitor) admin->visitors = visitor->next;
    admin->visitor_count--;
    free(visitor->head);
    free(visitor->body);
    free(visitor);
}

static void leave(struct visitor *visitor)
{
    if (uv_is_closing((uv_handle_t *)&visitor->tcp)) return;
    uv_close((uv_handle_t *)&visitor->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&visitor->timer, on_handle_closed);
}

static void on_timer(uv_timer_t *timer)
{
    leave(timer->data);
}

/* ---- Answers ---- */

static const char *status_text(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
    }
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    if (status < 0) leave(request->handle->data);
}

/* All is sent; the visitor's own end, or the timer, closes. */
static void on_written(uv_write_t *request, int status)
{
    struct visitor *visitor = request->handle->data;

    if (status < 0 ||
        uv_shutdown(&visitor->shutdown, (uv_stream_t *)&visitor->tcp, on_shutdown) != 0) {
        leave(visitor);
    }
}

static void send_answer(struct visitor *visitor, unsigned status, size_t body_size)
{
    int head_size =
        asprintf(&visitor->head,
                 "HTTP/1.1 %u %s\r\n"
                 "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                 "Content-Length: %zu\r\n%s"
                 "Connection: close\r\n\r\n",
                 status, status_text(status), body_size, status == 405 ? "Allow: GET\r\n" : "");
    if (head_size < 0) {
        visitor->head = NULL;
        leave(visitor);
        return;
    }
    uv_buf_t buffers[2] = {uv_buf_init(visitor->head, (unsigned)head_size),
                           uv_buf_init(visitor->body, (unsigned)body_size)};
    visitor->is_answered = true;
    uv_timer_start(&visitor->timer, on_timer, KZ_ADMIN_ANSWER_MS, 0);
    if (uv_write(&visitor->write, (uv_stream_t *)&visitor->tcp, buffers, 2, on_written) != 0) {
        leave(visitor);
    }
}

/* Answers with the page at the request's path, or why there is none. */
static void answer(struct visitor *visitor, unsigned status)
{
    const struct kz_admin_options *options = &visitor->admin->options;
    size_t size = 0;
    FILE *out = open_memstream(&visitor->body, &size);

    if (out == NULL) {
        leave(visitor);
        return;
    }
    if (status == 200) status = options->write_page(options->context, visitor->request.path, out);
    if (status == 404) fputs("nothing is here; there are /livez, /readyz and /metrics\n", out);
    if (status == 405) fputs("only GET is allowed\n", out);
    if (status == 400) fputs("this is no HTTP/1 request\n", out);
    if (status == 431) fputs("the request is too long\n", out);
    if (fclose(out) != 0) {
        leave(visitor);
        return;
    }
    send_answer(visitor, status, size);
}

/* ---- Requests ---- */

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer)
{
    struct visitor *visitor = handle->data;
    (void)suggested;
    *out_buffer = uv_buf_init(visitor->input, sizeof visitor->input);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct visitor *visitor = stream->data;

    if (got < 0) leave(visitor);
    if (got <= 0 || visitor->is_answered) return;
    unsigned status = kz_admin_request_feed(&visitor->request, buffer->base, (size_t)got);
    if (status != 0) answer(visitor, status);
}

static struct visitor *create_visitor(struct kz_admin *admin)
{
    struct visitor *visitor = calloc(1, sizeof *visitor);

    if (visitor == NULL) return NULL;
    if (uv_tcp_init(admin->options.loop, &visitor->tcp) != 0) {
        free(visitor);
        return NULL;
    }
    uv_timer_init(admin->options.loop, &visitor->timer);
    kz_admin_request_init(&visitor->request);
    visitor->tcp.data = visitor->timer.data = visitor;
    visitor->handles = 2;
    visitor->admin = admin;
    visitor->next = admin->visitors;
    if (visitor->next != NULL) visitor->next->previous = visitor;
    admin->visitors = visitor;
    admin->visitor_count++;
    return visitor;
}

static void on_retry(uv_timer_t *timer);

static void on_connection(uv_stream_t *listener, int status)
{
    struct kz_admin *admin = listener->data;
    if (status < 0) return;

    struct visitor *visitor = create_visitor(admin);
    if (visitor == NULL) {
        uv_timer_start(&admin->retry, on_retry, KZ_SWEEP_MS, 0);
        return;
    }
    if (uv_accept(listener, (uv_stream_t *)&visitor->tcp) != 0 ||
        admin->visitor_count > KZ_ADMIN_CONNECTIONS_MAX ||
        uv_read_start((uv_stream_t *)&visitor->tcp, on_allocate, on_read) != 0) {
        leave(visitor);
        return;
    }
    uv_timer_start(&visitor->timer, on_timer, KZ_ADMIN_HEADER_MS, 0);
}

static void on_retry(uv_timer_t *timer)
{
    struct kz_admin *admin = timer->data;
    on_connection((uv_stream_t *)&admin->listener, 0);
}

/* ---- All of it ---- */

struct kz_admin *kz_admin_create(const struct kz_admin_options *options)
{
    struct kz_admin *admin = calloc(1, sizeof *admin);

    if (admin == NULL) return NULL;
    admin->options = *options;
    return admin;
}

enum kz_status kz_admin_listen(struct kz_admin *admin, const struct kz_address *address,
                               struct kz_error *error)
{
    int failed = uv_tcp_init(admin->options.loop, &admin->listener);

    if (failed == 0) {
        uv_timer_init(admin->options.loop, &admin->retry);
        admin->handles = 2;
        admin->listener.data = admin->retry.data = admin;
        failed = uv_tcp_bind(&admin->listener, (const struct sockaddr *)&address->socket, 0);
    }
    if (failed == 0) {
        failed =
            uv_listen((uv_stream_t *)&admin->listener, KZ_ADMIN_CONNECTIONS_MAX, on_connection);
    }
    return kz_listening_status(failed, address, error);
}

static void on_own_closed(uv_handle_t *handle)
{
    struct kz_admin *admin = handle->data;
    admin->handles--;
}

void kz_admin_stop(struct kz_admin *admin)
{
    if (admin->handles > 0 && !uv_is_closing((uv_handle_t *)&admin->listener)) {
        uv_close((uv_handle_t *)&admin->listener, on_own_closed);
        uv_close((uv_handle_t *)&admin->retry, on_own_closed);
    }
    for (struct visitor *visitor = admin->visitors; visitor != NULL; visitor = visitor->next)
        leave(visitor);
}

bool kz_admin_is_empty(const struct kz_admin *admin)
{
    return admin->handles == 0 && admin->visitors == NULL;
}

void kz_admin_destroy(struct kz_admin *admin)
{
    free(admin);
}
