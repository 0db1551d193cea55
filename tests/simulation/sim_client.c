/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/memory.h"
#include "tests/simulation/sim_network.h"

#include <string.h>

void kz_sim_connect(struct kz_sim *sim, struct kz_sim_client *client, uint64_t node)
{
    *client = (struct kz_sim_client){.sim = sim, .next_tag = 1};
    client->connection = kz_sim_network_connect(sim, 0, node, client);

    uint8_t bytes[64];
    struct kz_hello hello = {0};
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    kz_hello_encode(&writer, 0, &hello);
    kz_sim_send(client, &writer);
}

void kz_sim_disconnect(struct kz_sim_client *client)
{
    if (client->connection != NULL) {
        struct kz_sim_connection *connection = client->connection;
        kz_sim_network_break(client->sim, connection);
    }
    free(client->inbox);
    client->inbox = NULL;
    client->inbox_size = 0;
    client->inbox_taken = 0;
}

void kz_sim_send(struct kz_sim_client *client, const struct kz_writer *frames)
{
    KZ_ASSERT(!frames->failed);
    if (client->connection == NULL) return;
    kz_sim_network_post(client->sim, client->connection, 1, frames->first, kz_writer_size(frames),
                        false);
}

uint64_t kz_sim_submit(struct kz_sim_client *client, const struct kz_entry *entry)
{
    uint8_t bytes[KZ_RECORD_SIZE_MAX + 64];
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_record_encode(entry, record, sizeof(record));
    KZ_ASSERT(size > 0);

    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    struct kz_submit_writer submit;
    kz_submit_begin(&submit, &writer);
    kz_submit_add(&submit, record, size);
    uint64_t tag = client->next_tag++;
    kz_submit_finish(&submit, tag);
    kz_sim_send(client, &writer);
    return tag;
}

uint64_t kz_sim_query(struct kz_sim_client *client, const struct kz_query *query)
{
    uint8_t bytes[1024];
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    uint64_t tag = client->next_tag++;
    kz_query_encode(&writer, tag, query);
    kz_sim_send(client, &writer);
    return tag;
}

uint64_t kz_sim_change(struct kz_sim_client *client, const struct kz_change *change)
{
    uint8_t bytes[KZ_CHANGE_FRAME_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    uint64_t tag = client->next_tag++;
    kz_change_encode(&writer, tag, change);
    kz_sim_send(client, &writer);
    return tag;
}

bool kz_sim_await_changed(struct kz_sim_client *client, uint64_t tag, uint64_t limit_ms,
                          struct kz_changed *out_changed)
{
    for (uint64_t i = 0; i < limit_ms; i++) {
        struct kz_frame frame;
        while (kz_sim_take(client, KZ_MESSAGE_CHANGED, &frame)) {
            enum kz_status status = kz_changed_decode(&frame, out_changed);
            KZ_ASSERT(status == KZ_OK);
            if (frame.tag == tag) return true;
        }
        kz_sim_run(client->sim, 1);
    }
    return false;
}

bool kz_sim_take_any(struct kz_sim_client *client, struct kz_frame *out_frame)
{
    if (client->inbox_taken == client->inbox_size) return false;

    size_t size;
    enum kz_status status = kz_frame_parse(client->inbox + client->inbox_taken,
                                           client->inbox_size - client->inbox_taken,
                                           KZ_NODE_FRAME_SIZE_MAX, out_frame, &size);
    KZ_ASSERT(status == KZ_OK);
    client->inbox_taken += size;
    return true;
}

bool kz_sim_take(struct kz_sim_client *client, uint8_t type, struct kz_frame *out_frame)
{
    while (kz_sim_take_any(client, out_frame)) {
        if (out_frame->type == type) return true;
    }
    return false;
}

bool kz_sim_await(struct kz_sim_client *client, uint64_t tag, uint64_t limit_ms,
                  struct kz_answer *out_answer)
{
    for (uint64_t i = 0; i < limit_ms; i++) {
        struct kz_frame frame;
        while (kz_sim_take(client, KZ_MESSAGE_RESULTS, &frame)) {
            uint16_t count;
            enum kz_status status = kz_results_decode(&frame, out_answer, 1, &count);
            KZ_ASSERT(status == KZ_OK);
            if (frame.tag == tag) return true;
        }
        kz_sim_run(client->sim, 1);
    }
    return false;
}

struct kz_answer kz_sim_ask(struct kz_sim_client *client, const struct kz_entry *entry)
{
    struct kz_answer answer;
    bool came = kz_sim_await(client, kz_sim_submit(client, entry), 5000, &answer);
    KZ_ASSERT(came);
    return answer;
}

bool kz_sim_await_answer(struct kz_sim_client *client, uint64_t tag, uint64_t limit_ms,
                         struct kz_answer_header *out_header, struct kz_reader *out_content)
{
    for (uint64_t i = 0; i < limit_ms; i++) {
        struct kz_frame frame;
        while (kz_sim_take(client, KZ_MESSAGE_ANSWER, &frame)) {
            enum kz_status status = kz_answer_decode(&frame, out_header, out_content);
            KZ_ASSERT(status == KZ_OK);
            if (frame.tag == tag) return true;
        }
        kz_sim_run(client->sim, 1);
    }
    return false;
}

bool kz_sim_await_close(struct kz_sim_client *client, uint64_t limit_ms)
{
    for (uint64_t i = 0; i < limit_ms && client->connection != NULL; i++)
        kz_sim_run(client->sim, 1);
    return client->connection == NULL;
}

/* ---- Entries ---- */

void kz_sim_set_request(struct kz_entry *entry, uint64_t request)
{
    memset(entry->request, 0, KZ_ID_SIZE);
    memcpy(entry->request, &request, sizeof(request));
}

struct kz_entry kz_sim_territory(uint64_t request)
{
    struct kz_entry entry = {.type = KZ_TERRITORY};
    entry.territory = (struct kz_territory_fields){
        .territory = 1, .name = {"Shahar", 6}, .utc_offset_minutes = 300};
    kz_sim_set_request(&entry, request);
    return entry;
}

struct kz_entry kz_sim_application(uint64_t request, uint64_t child)
{
    struct kz_entry entry = {.type = KZ_APPLICATION};
    entry.application.territory = 1;
    entry.application.birth_year = 2021;
    entry.application.category = KZ_GENERAL;
    memcpy(entry.application.child, &child, sizeof(child));
    kz_sim_set_request(&entry, request);
    return entry;
}

struct kz_entry kz_sim_actor(uint64_t request, uint32_t number, enum kz_role role)
{
    struct kz_entry entry = {.type = KZ_ACTOR};
    entry.actor_entry.number = number;
    entry.actor_entry.role = (uint8_t)role;
    kz_sim_set_request(&entry, request);
    return entry;
}
