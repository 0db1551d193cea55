/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a client: greeting a node, following the leader, what goes in and out. */
#include "client/lib/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TIMEOUT_DEFAULT_MS 10000
#define CONNECT_TIMEOUT_MS 2000

const char *kezek_version(void)
{
    return KZ_VERSION;
}

/* splitmix64 over two words of state: request ids need to differ, not to be secret. */
uint64_t kz_client_random(struct kezek_client *client)
{
    client->random[0] += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = client->random[0] ^ client->random[1];
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    client->random[1] = client->random[1] * UINT64_C(0xd1342543de82ef95) + mixed;
    return mixed ^ (mixed >> 31);
}

/* ---- Making and ending a client ---- */

struct kezek_client *kezek_client_create(const struct kezek_options *options,
                                         struct kezek_error *error)
{
    struct kezek_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        (void)kz_fail(error, KEZEK_NO_MEMORY, "out of memory for a client");
        return NULL;
    }
    if (kz_endpoints_parse(client, options->endpoints, error) != KEZEK_OK) {
        free(client);
        return NULL;
    }
    memcpy(client->cluster, options->cluster, KZ_ID_SIZE);
    client->timeout_ms = options->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : options->timeout_ms;
    client->any_node = options->any_node;
    memcpy(client->random, options->seed, sizeof client->random);
    if (options->seed[0] == 0 && options->seed[1] == 0 &&
        getrandom(client->random, sizeof client->random, 0) != sizeof client->random) {
        (void)kz_fail(error, KEZEK_UNAVAILABLE, "no random numbers from the system: %s",
                      strerror(errno));
        free(client);
        return NULL;
    }
    client->next_tag = 1;
    return client;
}

void kezek_client_destroy(struct kezek_client *client)
{
    if (client == NULL) return;
    kz_commands_finish(client);
    kz_questions_finish(client);
    kz_changes_finish(client);
    kz_buffer_finish(&client->input);
    kz_buffer_finish(&client->output);
    free(client);
}

/* ---- What the I/O does ---- */

/* A dead first endpoint leaves time for the next one. */
static uint64_t connect_timeout_ms(const struct kezek_client *client)
{
    uint64_t half = client->timeout_ms / 2;
    return half < CONNECT_TIMEOUT_MS ? half : CONNECT_TIMEOUT_MS;
}

enum kezek_want kezek_client_want(struct kezek_client *client, char out_address[KEZEK_ADDRESS_SIZE])
{
    if (client->phase == PHASE_CLOSING && !client->close_told) {
        client->close_told = true;
        return KEZEK_WANT_CLOSE;
    }
    if (client->phase != PHASE_IDLE || client->now_ms < client->connect_at_ms) {
        return KEZEK_WANT_NOTHING;
    }
    kz_endpoints_next(client);
    memcpy(out_address, client->address, ADDRESS_TEXT_SIZE);
    client->phase = PHASE_CONNECTING;
    client->connect_deadline_ms = client->now_ms + connect_timeout_ms(client);
    return KEZEK_WANT_CONNECT;
}

void kezek_client_on_connected(struct kezek_client *client, uint64_t now_ms)
{
    kz_client_advance(client, now_ms);
    if (client->phase != PHASE_CONNECTING) return;

    struct kz_hello hello;
    memcpy(hello.cluster, client->cluster, KZ_ID_SIZE);
    kz_buffer_clear(&client->input);
    kz_buffer_clear(&client->output);
    uint8_t *room = kz_buffer_room(&client->output, KZ_CLIENT_FRAME_SIZE_MAX);
    if (room == NULL) {
        kz_client_close(client, "out of memory");
        return;
    }
    struct kz_writer writer = kz_writer_init(room, KZ_CLIENT_FRAME_SIZE_MAX);
    kz_hello_encode(&writer, client->next_tag++, &hello);
    kz_buffer_added(&client->output, kz_writer_size(&writer));
    kz_liveness_begin(client);
    client->phase = PHASE_GREETING;
}

/* Notes why a connection failed; a node that is there and knows no leader says more than the next
 * one's being away. */
static void note_trouble(struct kezek_client *client, const char *reason)
{
    bool is_other =
        client->leaderless[0] != '\0' && strcmp(client->leaderless, client->address) != 0;
    (void)snprintf(client->trouble, sizeof client->trouble, "%s%s%s: %s",
                   is_other ? client->leaderless : "", is_other ? " knows no leader, " : "",
                   client->address, reason);
    client->failures++;
}

void kezek_client_on_closed(struct kezek_client *client, uint64_t now_ms, const char *reason)
{
    kz_client_advance(client, now_ms);
    if (client->phase != PHASE_CLOSING) note_trouble(client, reason);
    client->phase = PHASE_IDLE;
    client->close_told = false;
    client->node = 0;
    client->leader = 0;
    kz_endpoints_schedule(client);
    client->outstanding = 0;
    client->watch.sent = false;
    kz_buffer_clear(&client->input);
    kz_buffer_clear(&client->output);
    kz_commands_on_closed(client);
    kz_questions_on_closed(client);
    kz_changes_on_closed(client);
}

void kz_client_close(struct kezek_client *client, const char *reason)
{
    if (client->phase == PHASE_IDLE || client->phase == PHASE_CLOSING) return;

    if (client->redirect[0] == '\0') note_trouble(client, reason);
    client->phase = PHASE_CLOSING;
    client->close_told = false;
}

/* ---- What the node says ---- */

bool kz_client_speaks_with_leader(const struct kezek_client *client)
{
    return client->any_node || client->leader == client->node;
}

static bool is_own_cluster(const struct kezek_client *client, const struct kz_welcome *welcome)
{
    static const uint8_t any[KZ_ID_SIZE];

    return memcmp(client->cluster, any, KZ_ID_SIZE) == 0 ||
           memcmp(client->cluster, welcome->cluster, KZ_ID_SIZE) == 0;
}

static void on_welcome(struct kezek_client *client, const struct kz_frame *frame)
{
    struct kz_welcome welcome;
    if (kz_welcome_decode(frame, &welcome) != KZ_OK) {
        kz_client_close(client, "its welcome is malformed");
        return;
    }
    if (!is_own_cluster(client, &welcome)) {
        kz_client_close(client, "it belongs to another cluster");
        return;
    }
    if (client->phase == PHASE_GREETING || client->leader != 0) {
        client->leaderless_since_ms = client->now_ms; /* if it knows none */
    }
    client->phase = PHASE_READY;
    client->node = welcome.node;
    client->leader = welcome.leader;
    if (welcome.leader != 0) client->leaderless[0] = '\0';
    if (kz_client_speaks_with_leader(client)) {
        client->failures = 0;
        return;
    }
    if (welcome.leader == 0) return;
    bool known = kz_endpoints_redirect(client, welcome.leader_client);
    kz_client_close(client, known ? "it does not lead"
                                  : "it does not lead, and does not know the leader's address");
}

static void on_goodbye(struct kezek_client *client, const struct kz_frame *frame)
{
    struct kz_text sentence;
    char reason[128] = "it closed the connection";
    if (kz_goodbye_decode(frame, &sentence) == KZ_OK) {
        (void)snprintf(reason, sizeof reason, "%.*s", (int)sentence.size, sentence.bytes);
    }
    kz_client_close(client, reason);
}

static void on_frame(struct kezek_client *client, const struct kz_frame *frame)
{
    switch (frame->type) {
    case KZ_MESSAGE_WELCOME: on_welcome(client, frame); return;
    case KZ_MESSAGE_GOODBYE: on_goodbye(client, frame); return;
    case KZ_MESSAGE_RESULTS: kz_commands_on_results(client, frame); return;
    case KZ_MESSAGE_ANSWER: kz_questions_on_answer(client, frame); return;
    case KZ_MESSAGE_ENTRIES: kz_watch_on_entries(client, frame); return;
    case KZ_MESSAGE_CHANGED: kz_changes_on_changed(client, frame); return;
    default: kz_client_close(client, "it sent a message of an unknown type"); return;
    }
}

static const char *frame_trouble(enum kz_status status)
{
    if (status == KZ_NEWER) return "it speaks another version of the protocol";
    if (status == KZ_TOO_LARGE)
        return "it sent a frame over the bound: is this a node's client port?";
    return "what it sent is no frame of this protocol: is this a node's client port?";
}

void kezek_client_on_bytes(struct kezek_client *client, uint64_t now_ms, const uint8_t *bytes,
                           size_t size)
{
    kz_client_advance(client, now_ms);
    client->quiet_since_ms = client->now_ms;
    if (!kz_buffer_add(&client->input, bytes, size)) {
        kz_client_close(client, "out of memory");
        return;
    }
    while (client->phase == PHASE_GREETING || client->phase == PHASE_READY) {
        struct kz_frame frame;
        size_t frame_size;
        enum kz_status status =
            kz_frame_parse(kz_buffer_start(&client->input), kz_buffer_size(&client->input),
                           KZ_NODE_FRAME_SIZE_MAX, &frame, &frame_size);
        if (status == KZ_NOT_FOUND) break;
        if (status != KZ_OK) {
            kz_client_close(client, frame_trouble(status));
            break;
        }
        on_frame(client, &frame);
        kz_buffer_take(&client->input, frame_size);
    }
}

/* ---- Output and time ---- */

size_t kezek_client_output(struct kezek_client *client, const uint8_t **out_bytes)
{
    if (client->phase == PHASE_READY) {
        kz_watch_send(client);
        kz_questions_send(client);
        if (kz_client_speaks_with_leader(client)) {
            kz_changes_send(client);
            kz_commands_send(client);
        }
    }
    *out_bytes = kz_buffer_start(&client->output);
    return kz_buffer_size(&client->output);
}

void kezek_client_on_sent(struct kezek_client *client, size_t size)
{
    kz_buffer_take(&client->output, size);
}

void kz_client_advance(struct kezek_client *client, uint64_t now_ms)
{
    if (now_ms > client->now_ms) client->now_ms = now_ms;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t kezek_client_deadline(const struct kezek_client *client)
{
    uint64_t deadline = smaller(kz_commands_deadline(client), kz_questions_deadline(client));
    deadline = smaller(deadline, kz_changes_deadline(client));

    if (client->phase == PHASE_IDLE) return smaller(deadline, client->connect_at_ms);
    if (client->phase == PHASE_CONNECTING || client->phase == PHASE_GREETING) {
        return smaller(deadline, client->connect_deadline_ms);
    }
    return smaller(deadline, kz_liveness_deadline(client));
}

void kezek_client_on_tick(struct kezek_client *client, uint64_t now_ms)
{
    kz_client_advance(client, now_ms);
    if ((client->phase == PHASE_CONNECTING || client->phase == PHASE_GREETING) &&
        client->now_ms >= client->connect_deadline_ms) {
        kz_client_close(client, "no answer in time");
    }
    kz_liveness_check(client);
    kz_commands_expire(client);
    kz_questions_expire(client);
    kz_changes_expire(client);
}

void kz_client_sent(struct kezek_client *client)
{
    if (client->outstanding++ == 0) client->quiet_since_ms = client->now_ms;
}

void kz_client_settled(struct kezek_client *client)
{
    if (client->outstanding > 0) client->outstanding--;
}

uint32_t kezek_client_waiting(const struct kezek_client *client)
{
    return client->waiting;
}
