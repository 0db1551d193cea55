/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim_network.h"

#include "node/core/memory.h"

#include <string.h>

#define DIAL_EVERY_MS 20
#define HALF_OPEN_MS  300
#define LATE_MS       800           /* what is late, by at most */
#define QUEUED_MAX    (640u * 1024) /* for a client that reads */

struct kz_sim_message {
    struct kz_sim_message *next;
    uint64_t arrives_ms;
    int to;
    bool tell_drained;
    size_t size;
    uint8_t bytes[];
};

/* ---- Making and breaking ---- */

struct kz_sim_connection *kz_sim_network_connect(struct kz_sim *sim, uint64_t from, uint64_t to,
                                                 struct kz_sim_client *client)
{
    struct kz_sim_connection *connection = kz_memory_resize(NULL, sizeof(*connection));
    *connection = (struct kz_sim_connection){
        .ends = {{.node = from, .link = sim->next_link}, {.node = to, .link = sim->next_link + 1}},
        .stands_ms = sim->now_ms + 1 + kz_sim_random(sim, sim->options.latency_ms),
        .client = client,
    };
    sim->next_link += 2;
    struct kz_sim_connection **last = &sim->connections;
    while (*last != NULL)
        last = &(*last)->next;
    *last = connection;
    return connection;
}

static void drop_messages(struct kz_sim_connection *connection)
{
    while (connection->messages != NULL) {
        struct kz_sim_message *message = connection->messages;
        connection->messages = message->next;
        free(message);
    }
}

void kz_sim_network_break(struct kz_sim *sim, struct kz_sim_connection *connection)
{
    for (int i = 0; i < 2; i++) {
        const struct kz_sim_end *end = &connection->ends[i];
        if (!end->told || end->node == 0) continue;
        kz_sim_event(&sim->nodes[end->node],
                     &(struct kz_event){.type = KZ_EVENT_CLOSED, .link = end->link}, NULL);
    }
    if (connection->client != NULL) connection->client->connection = NULL;
    drop_messages(connection);
    struct kz_sim_connection **at = &sim->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    free(connection);
}

void kz_sim_network_drop(struct kz_sim *sim, uint64_t node)
{
    struct kz_sim_connection *next;
    for (struct kz_sim_connection *c = sim->connections; c != NULL; c = next) {
        next = c->next;
        for (int i = 0; i < 2; i++)
            if (c->ends[i].node == node) c->ends[i].told = false;
        if (c->ends[0].node == node || c->ends[1].node == node) kz_sim_network_break(sim, c);
    }
}

void kz_sim_network_finish(struct kz_sim *sim)
{
    while (sim->connections != NULL)
        kz_sim_network_break(sim, sim->connections);
}

static bool joins(const struct kz_sim_connection *connection, uint64_t a, uint64_t b)
{
    uint64_t x = connection->ends[0].node;
    uint64_t y = connection->ends[1].node;
    return (x == a && y == b) || (x == b && y == a);
}

void kz_sim_cut(struct kz_sim *sim, uint64_t a, uint64_t b)
{
    sim->cut[a][b] = sim->cut[b][a] = true;
    struct kz_sim_connection *next;
    for (struct kz_sim_connection *c = sim->connections; c != NULL; c = next) {
        next = c->next;
        if (joins(c, a, b)) kz_sim_network_break(sim, c);
    }
}

void kz_sim_isolate(struct kz_sim *sim, uint64_t id)
{
    for (unsigned other = 1; other <= sim->options.nodes; other++)
        if (other != id) kz_sim_cut(sim, id, other);
}

void kz_sim_join(struct kz_sim *sim, uint64_t a, uint64_t b)
{
    sim->cut[a][b] = sim->cut[b][a] = false;
}

void kz_sim_heal(struct kz_sim *sim)
{
    memset(sim->cut, 0, sizeof(sim->cut));
    memset(sim->held, 0, sizeof(sim->held));
}

/* Who dialed finds the connection broken and dials again; who accepted does not know yet. */
static void half_open(struct kz_sim *sim, struct kz_sim_connection *connection)
{
    struct kz_sim_end *dialed = &connection->ends[0];
    if (dialed->told) {
        kz_sim_event(&sim->nodes[dialed->node],
                     &(struct kz_event){.type = KZ_EVENT_CLOSED, .link = dialed->link}, NULL);
    }
    dialed->told = false;
    if (kz_sim_random(sim, 2) == 0) drop_messages(connection); /* else they come late */
    connection->dead_ms = sim->now_ms + 1 + kz_sim_random(sim, HALF_OPEN_MS);
}

void kz_sim_break_one(struct kz_sim *sim)
{
    uint64_t count = 0;
    for (struct kz_sim_connection *c = sim->connections; c != NULL; c = c->next)
        count += c->client == NULL && c->dead_ms == 0;
    if (count == 0) return;
    uint64_t chosen = kz_sim_random(sim, count);
    for (struct kz_sim_connection *c = sim->connections; c != NULL; c = c->next) {
        if (c->client != NULL || c->dead_ms != 0 || chosen-- > 0) continue;
        half_open(sim, c);
        return;
    }
}

/* ---- Sending ---- */

void kz_sim_network_post(struct kz_sim *sim, struct kz_sim_connection *connection, int which,
                         const uint8_t *bytes, size_t size, bool tell_drained)
{
    struct kz_sim_message *message = kz_memory_resize(NULL, sizeof(*message) + size);
    uint64_t arrives = sim->now_ms + 1 + kz_sim_random(sim, sim->options.latency_ms);
    if (arrives < connection->stands_ms) arrives = connection->stands_ms;
    if (arrives < connection->arrival_ms[which]) arrives = connection->arrival_ms[which];
    connection->arrival_ms[which] = arrives;
    *message = (struct kz_sim_message){NULL, arrives, which, tell_drained, size};
    memcpy(message->bytes, bytes, size);
    if (connection->ends[which].node == 0) connection->queued += size;
    KZ_ASSERT(connection->queued <=
              (sim->options.queued_max > 0 ? sim->options.queued_max : QUEUED_MAX));
    struct kz_sim_message **last = &connection->messages;
    while (*last != NULL)
        last = &(*last)->next;
    *last = message;
}

/* Lets the message that was sent last come late, behind later ones, or come once more. */
static void disturb(struct kz_sim *sim, struct kz_sim_connection *connection)
{
    struct kz_sim_message **last = &connection->messages;
    if (*last == NULL || kz_sim_random(sim, sim->options.late_one_in) != 0) return;
    while ((*last)->next != NULL)
        last = &(*last)->next;
    uint64_t late_ms = 1 + kz_sim_random(sim, LATE_MS);
    if (kz_sim_random(sim, 2) == 0) {
        (*last)->arrives_ms += late_ms;
        return;
    }
    size_t size = sizeof(**last) + (*last)->size;
    struct kz_sim_message *copy = kz_memory_resize(NULL, size);
    memcpy(copy, *last, size);
    copy->arrives_ms += late_ms;
    copy->tell_drained = false;
    (*last)->next = copy;
}

static struct kz_sim_connection *find(struct kz_sim *sim, uint64_t node, kz_link link, int *out_end)
{
    for (struct kz_sim_connection *c = sim->connections; c != NULL; c = c->next) {
        for (int i = 0; i < 2; i++) {
            if (c->ends[i].node != node || c->ends[i].link != link) continue;
            *out_end = i;
            return c;
        }
    }
    return NULL;
}

void kz_sim_network_send(struct kz_sim *sim, uint64_t node, const struct kz_outgoing *outgoing)
{
    int end;
    struct kz_sim_connection *connection = find(sim, node, outgoing->link, &end);
    if (connection != NULL && !connection->closing && connection->dead_ms == 0) {
        kz_sim_network_post(sim, connection, 1 - end, outgoing->bytes, outgoing->size,
                            outgoing->tell_drained);
        if (sim->options.late_one_in > 0 && connection->client == NULL) disturb(sim, connection);
    }
    free(outgoing->bytes);
}

void kz_sim_network_close(struct kz_sim *sim, uint64_t node, kz_link link)
{
    int end;
    struct kz_sim_connection *connection = find(sim, node, link, &end);
    if (connection == NULL) return;
    connection->closing = true;
    connection->ends[end].told = false;
}

/* ---- Arriving ---- */

static void deliver_to_node(struct kz_sim *sim, const struct kz_sim_end *end,
                            const struct kz_sim_message *message)
{
    for (size_t at = 0; at < message->size;) {
        struct kz_event event = {.type = KZ_EVENT_FRAME, .link = end->link};
        size_t taken = 0;
        enum kz_status status = kz_frame_parse(message->bytes + at, message->size - at,
                                               KZ_PEER_FRAME_SIZE_MAX, &event.frame, &taken);
        if (status != KZ_OK) {
            event.type = KZ_EVENT_BAD_FRAME;
            event.status = status;
            kz_sim_event(&sim->nodes[end->node], &event, NULL);
            return;
        }
        uint8_t *body = kz_memory_resize(NULL, event.frame.body_size + 1);
        memcpy(body, event.frame.body, event.frame.body_size);
        event.frame.body = body;
        kz_sim_event(&sim->nodes[end->node], &event, body);
        at += taken;
    }
}

static void deliver_to_client(struct kz_sim_client *client, const struct kz_sim_message *message)
{
    client->inbox = kz_memory_resize(client->inbox, client->inbox_size + message->size);
    memcpy(client->inbox + client->inbox_size, message->bytes, message->size);
    client->inbox_size += message->size;
}

static void tell_standing(struct kz_sim *sim, struct kz_sim_connection *connection)
{
    struct kz_sim_end *dialed = &connection->ends[0];
    struct kz_sim_end *accepted = &connection->ends[1];
    if (dialed->told || accepted->told || connection->closing) return;
    dialed->told = accepted->told = true;
    struct kz_event event = {.type = KZ_EVENT_CLIENT_ACCEPTED, .link = accepted->link};
    if (connection->client == NULL) event.type = KZ_EVENT_PEER_ACCEPTED;
    kz_sim_event(&sim->nodes[accepted->node], &event, NULL);
    if (connection->client != NULL) return;
    struct kz_event peer = {
        .type = KZ_EVENT_PEER_DIALED, .link = dialed->link, .peer = accepted->node};
    kz_sim_event(&sim->nodes[dialed->node], &peer, NULL);
}

static void deliver(struct kz_sim *sim, struct kz_sim_connection *connection)
{
    struct kz_sim_message **at = &connection->messages;
    while (*at != NULL) {
        struct kz_sim_message *message = *at;
        bool waits =
            sim->held[connection->ends[1 - message->to].node][connection->ends[message->to].node];
        if (message->arrives_ms > sim->now_ms || waits) {
            at = &message->next;
            continue;
        }
        *at = message->next;
        const struct kz_sim_end *to = &connection->ends[message->to];
        const struct kz_sim_end *from = &connection->ends[1 - message->to];
        if (to->node == 0) {
            deliver_to_client(connection->client, message);
            connection->queued -= message->size;
        } else if (to->told) {
            deliver_to_node(sim, to, message);
        }
        if (message->tell_drained && from->told) {
            kz_sim_event(&sim->nodes[from->node],
                         &(struct kz_event){.type = KZ_EVENT_DRAINED, .link = from->link}, NULL);
        }
        free(message);
    }
}

static void dial(struct kz_sim *sim, const struct kz_sim_node *node, uint64_t other)
{
    if (sim->nodes[other].core == NULL || sim->cut[node->id][other]) return;
    if (sim->held[node->id][other] || sim->held[other][node->id]) return;
    for (struct kz_sim_connection *c = sim->connections; c != NULL; c = c->next)
        if (c->ends[0].node == node->id && c->ends[1].node == other && c->dead_ms == 0) return;
    kz_sim_network_connect(sim, node->id, other, NULL);
}

void kz_sim_network_tick(struct kz_sim *sim)
{
    struct kz_sim_connection *next;
    for (struct kz_sim_connection *c = sim->connections; c != NULL; c = next) {
        next = c->next;
        if (c->stands_ms <= sim->now_ms && c->dead_ms == 0) tell_standing(sim, c);
        deliver(sim, c);
        bool is_dead = c->dead_ms != 0 && c->dead_ms <= sim->now_ms;
        if (is_dead || (c->closing && c->messages == NULL)) kz_sim_network_break(sim, c);
    }
    if (sim->now_ms % DIAL_EVERY_MS != 0) return;
    for (unsigned id = 1; id <= sim->options.nodes; id++) {
        const struct kz_sim_node *node = &sim->nodes[id];
        for (uint32_t i = 0; node->core != NULL && i < node->dial_count; i++)
            dial(sim, node, node->dial[i]);
    }
}
