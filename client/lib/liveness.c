/* SPDX-License-Identifier: Apache-2.0 */
/* Gives up a node that is connected and of no use: it says nothing though it owes an answer, or it
 * knows no leader for so long that another node may know more. Sending the same request ids to
 * another node is safe, so the times are short. A watch expects silence: then the node is asked
 * something small now and again. */
#include "client/lib/client.h"

#include <string.h>

#define STALL_MS      3000 /* without a byte while an answer is owed */
#define PING_MS       5000 /* of silence, while only a watch is on */
#define LEADERLESS_MS 1000 /* before another node is asked */

void kz_liveness_begin(struct kezek_client *client)
{
    client->quiet_since_ms = client->now_ms;
    client->outstanding = 0;
    client->ping_tag = 0;
    client->flowing = false;
}

static bool is_leaderless(const struct kezek_client *client)
{
    return client->phase == PHASE_READY && client->leader == 0 && !client->any_node &&
           client->endpoint_count > 1;
}

static bool only_watches(const struct kezek_client *client)
{
    return client->phase == PHASE_READY && client->outstanding == 0 && client->watch.sent;
}

static void ping(struct kezek_client *client)
{
    const struct kz_query query = {.what = KZ_QUERY_STATUS, .local = true};
    uint8_t frame[KZ_FRAME_HEADER_SIZE + 8];
    struct kz_writer writer = kz_writer_init(frame, sizeof frame);

    kz_query_encode(&writer, client->next_tag, &query);
    client->quiet_since_ms = client->now_ms; /* without memory: later */
    if (!kz_buffer_add(&client->output, frame, kz_writer_size(&writer))) return;
    client->ping_tag = client->next_tag++;
    kz_client_sent(client);
}

void kz_liveness_check(struct kezek_client *client)
{
    if (client->phase != PHASE_READY) return;

    if (client->outstanding > 0 && client->now_ms >= client->quiet_since_ms + STALL_MS) {
        kz_client_close(client, "it does not answer");
    } else if (is_leaderless(client) &&
               client->now_ms >= client->leaderless_since_ms + LEADERLESS_MS) {
        memcpy(client->leaderless, client->address, ADDRESS_TEXT_SIZE);
        kz_client_close(client, "it knows no leader");
    } else if (only_watches(client) && client->now_ms >= client->quiet_since_ms + PING_MS) {
        ping(client);
    }
}

uint64_t kz_liveness_deadline(const struct kezek_client *client)
{
    uint64_t deadline = UINT64_MAX;

    if (client->phase != PHASE_READY) return deadline;
    if (client->outstanding > 0) deadline = client->quiet_since_ms + STALL_MS;
    if (only_watches(client)) deadline = client->quiet_since_ms + PING_MS;
    if (is_leaderless(client) && client->leaderless_since_ms + LEADERLESS_MS < deadline) {
        deadline = client->leaderless_since_ms + LEADERLESS_MS;
    }
    return deadline;
}
