/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking wrapper: a client, a socket and poll(). */
#include "client/lib/client.h"
#include "client/lib/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE (256 * 1024)
#define TURN_MS   1000

struct kezek_connection {
    struct kezek_client *client;
    int socket; /* -1: none */
    bool connecting;
    unsigned dials;
    uint8_t input[READ_SIZE];
};

uint64_t kezek_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct kezek_connection *kezek_connect(const struct kezek_options *options,
                                       struct kezek_error *error)
{
    struct kezek_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        (void)kz_fail(error, KEZEK_NO_MEMORY, "out of memory for a connection");
        return NULL;
    }
    connection->socket = -1;
    connection->client = kezek_client_create(options, error);
    if (connection->client == NULL) {
        free(connection);
        return NULL;
    }
    return connection;
}

static void close_socket(struct kezek_connection *connection)
{
    if (connection->socket >= 0) (void)close(connection->socket);
    connection->socket = -1;
    connection->connecting = false;
}

void kezek_disconnect(struct kezek_connection *connection)
{
    if (connection == NULL) return;
    close_socket(connection);
    kezek_client_destroy(connection->client);
    free(connection);
}

struct kezek_client *kezek_connection_client(struct kezek_connection *connection)
{
    return connection->client;
}

/* Tells the client that its connection is gone, and why. */
static void lost(struct kezek_connection *connection, const char *reason)
{
    close_socket(connection);
    kezek_client_on_closed(connection->client, kezek_now_ms(), reason);
}

/* Does what the client wants until it wants nothing. */
static void follow_wants(struct kezek_connection *connection)
{
    char address[KEZEK_ADDRESS_SIZE];

    kezek_client_on_tick(connection->client, kezek_now_ms());
    for (;;) {
        switch (kezek_client_want(connection->client, address)) {
        case KEZEK_WANT_NOTHING: return;
        case KEZEK_WANT_CLOSE: lost(connection, "closed"); break;
        case KEZEK_WANT_CONNECT: {
            const char *reason;
            connection->socket = kz_socket_dial(address, connection->dials, &reason);
            connection->connecting = connection->socket >= 0;
            if (!connection->connecting) {
                connection->dials++;
                lost(connection, reason);
            }
            break;
        }
        }
    }
}

static void on_writable(struct kezek_connection *connection)
{
    if (connection->connecting) {
        int trouble = kz_socket_error(connection->socket);
        if (trouble != 0) {
            connection->dials++;
            lost(connection, strerror(trouble));
            return;
        }
        connection->connecting = false;
        kezek_client_on_connected(connection->client, kezek_now_ms());
    }
    const uint8_t *bytes;
    size_t size = kezek_client_output(connection->client, &bytes);
    if (size == 0) return;
    ssize_t sent = send(connection->socket, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
        kezek_client_on_sent(connection->client, (size_t)sent);
    } else if (errno != EAGAIN && errno != EINTR) {
        lost(connection, strerror(errno));
    }
}

static void on_readable(struct kezek_connection *connection)
{
    ssize_t got = recv(connection->socket, connection->input, READ_SIZE, MSG_DONTWAIT);

    if (got > 0) {
        kezek_client_on_bytes(connection->client, kezek_now_ms(), connection->input, (size_t)got);
    } else if (got == 0) {
        lost(connection, "the node closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        lost(connection, strerror(errno));
    }
}

void kezek_connection_turn(struct kezek_connection *connection, uint32_t timeout_ms)
{
    follow_wants(connection);
    const uint8_t *bytes;
    bool sending = connection->socket >= 0 &&
                   (connection->connecting || kezek_client_output(connection->client, &bytes) > 0);
    uint64_t deadline = kezek_client_deadline(connection->client);
    uint64_t now = kezek_now_ms();
    if (deadline > now + timeout_ms) deadline = now + timeout_ms;
    int wait = deadline <= now ? 0 : (int)(deadline - now);

    struct pollfd polled = {connection->socket, (short)(POLLIN | (sending ? POLLOUT : 0)), 0};
    int ready = poll(&polled, 1, wait);
    if (ready > 0 && sending && (polled.revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
        on_writable(connection);
    }
    if (ready > 0 && connection->socket >= 0 && !connection->connecting &&
        (polled.revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
        on_readable(connection);
    }
    kezek_client_on_tick(connection->client, kezek_now_ms());
}

uint32_t kezek_connection_run(struct kezek_connection *connection, uint32_t waiting_max,
                              uint32_t timeout_ms)
{
    uint64_t until = timeout_ms == 0 ? UINT64_MAX : kezek_now_ms() + timeout_ms;

    while (kezek_client_waiting(connection->client) > waiting_max) {
        uint64_t now = kezek_now_ms();
        if (now >= until) break;
        kezek_connection_turn(connection,
                              until - now < TURN_MS ? (uint32_t)(until - now) : TURN_MS);
    }
    return kezek_client_waiting(connection->client);
}

/* ---- One command, one question ---- */

static void keep_outcome(void *data, const struct kezek_outcome *outcome)
{
    struct kezek_outcome *kept = data;
    *kept = *outcome;
}

enum kezek_code kezek_submit(struct kezek_connection *connection,
                             const struct kezek_command *command, struct kezek_outcome *out_outcome)
{
    struct kezek_error error;
    struct kezek_outcome outcome = {.code = KEZEK_CLOSED};

    enum kezek_code code = kezek_client_submit(connection->client, kezek_now_ms(), command,
                                               keep_outcome, &outcome, &error);
    if (code != KEZEK_OK) {
        outcome = (struct kezek_outcome){.code = code};
        memcpy(outcome.text, error.text, sizeof outcome.text);
        outcome.text[sizeof outcome.text - 1] = '\0';
    }
    while (outcome.code == KEZEK_CLOSED)
        kezek_connection_turn(connection, TURN_MS);
    *out_outcome = outcome;
    return outcome.code;
}

struct kept_answer {
    enum kezek_code code;
    bool came;
    kezek_answer_callback callback;
    void *data;
    char text[160];
};

static void keep_answer(void *data, const struct kezek_answer *answer, const void *content,
                        uint32_t count)
{
    struct kept_answer *kept = data;

    kept->came = true;
    kept->code = answer->code;
    memcpy(kept->text, answer->text, sizeof kept->text);
    kept->callback(kept->data, answer, content, count);
}

enum kezek_code kezek_ask(struct kezek_connection *connection,
                          const struct kezek_question *question, kezek_answer_callback callback,
                          void *data, struct kezek_error *error)
{
    struct kept_answer kept = {.callback = callback, .data = data};

    enum kezek_code code =
        kezek_client_ask(connection->client, kezek_now_ms(), question, keep_answer, &kept, error);
    if (code != KEZEK_OK) return code;
    while (!kept.came)
        kezek_connection_turn(connection, TURN_MS);
    if (kept.code != KEZEK_OK) (void)kz_fail(error, kept.code, "%s", kept.text);
    return kept.code;
}

/* ---- One change ---- */

static void keep_changed(void *data, const struct kezek_changed *changed)
{
    struct kezek_changed *kept = data;
    *kept = *changed;
}

enum kezek_code kezek_change(struct kezek_connection *connection, const struct kezek_change *change,
                             struct kezek_changed *out_changed)
{
    struct kezek_error error;
    struct kezek_changed changed = {.code = KEZEK_CLOSED};

    enum kezek_code code = kezek_client_change(connection->client, kezek_now_ms(), change,
                                               keep_changed, &changed, &error);
    if (code != KEZEK_OK) {
        changed = (struct kezek_changed){.code = code};
        memcpy(changed.text, error.text, sizeof changed.text);
    }
    while (changed.code == KEZEK_CLOSED)
        kezek_connection_turn(connection, TURN_MS);
    *out_changed = changed;
    return changed.code;
}
