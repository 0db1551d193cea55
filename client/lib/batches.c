/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of commands: their memory, their list, their frame. */
#include "client/lib/client.h"

#include <stdlib.h>
#include <string.h>

/* ---- Memory ---- */

struct batch *kz_batches_take(struct kezek_client *client)
{
    struct batch *batch = client->spare;
    if (batch == NULL) {
        batch = calloc(1, sizeof *batch);
        if (batch == NULL) return NULL;
    } else {
        client->spare = batch->next;
        struct kz_buffer records = batch->records;
        kz_buffer_clear(&records);
        *batch = (struct batch){.records = records};
    }
    batch->tag = client->next_tag++;
    batch->begun_ms = client->now_ms;
    return batch;
}

void kz_batches_keep(struct kezek_client *client, struct batch *batch)
{
    batch->next = client->spare;
    client->spare = batch;
}

void kz_batches_finish(struct kezek_client *client)
{
    while (client->spare != NULL) {
        struct batch *batch = client->spare;
        client->spare = batch->next;
        kz_buffer_finish(&batch->records);
        free(batch);
    }
}

/* ---- The list ---- */

void kz_batches_insert(struct kezek_client *client, struct batch *previous, struct batch *batch)
{
    struct batch **link = previous == NULL ? &client->batches : &previous->next;

    batch->next = *link;
    *link = batch;
    if (batch->next == NULL) client->last_batch = batch;
}

void kz_batches_unlink(struct kezek_client *client, struct batch *previous, struct batch *batch)
{
    struct batch **link = previous == NULL ? &client->batches : &previous->next;

    *link = batch->next;
    if (client->last_batch == batch) client->last_batch = previous;
}

/* ---- Records ---- */

bool kz_batches_has_room(const struct batch *batch, size_t record_size)
{
    return batch->count < KZ_COMMANDS_MAX &&
           KZ_FRAME_HEADER_SIZE + 4 + kz_buffer_size(&batch->records) + 2 + record_size <=
               KZ_CLIENT_FRAME_SIZE_MAX;
}

bool kz_batches_add(struct batch *batch, const uint8_t *record, size_t size, struct waiter waiter)
{
    uint8_t *room = kz_buffer_room(&batch->records, 2 + size);
    if (room == NULL) return false;

    kz_put_u16(room, (uint16_t)size);
    memcpy(room + 2, record, size);
    kz_buffer_added(&batch->records, 2 + size);
    batch->waiters[batch->count++] = waiter;
    return true;
}

struct kz_reader kz_batches_records(const struct batch *batch)
{
    return kz_reader_init(kz_buffer_start(&batch->records), kz_buffer_size(&batch->records));
}

bool kz_batches_encode(const struct batch *batch, struct kz_buffer *out)
{
    uint8_t *room = kz_buffer_room(out, KZ_CLIENT_FRAME_SIZE_MAX);
    if (room == NULL) return false;

    struct kz_writer writer = kz_writer_init(room, KZ_CLIENT_FRAME_SIZE_MAX);
    struct kz_reader records = kz_batches_records(batch);
    struct kz_submit_writer submit;
    kz_submit_begin(&submit, &writer);
    for (unsigned i = 0; i < batch->count; i++) {
        uint16_t size = kz_read_u16(&records);
        (void)kz_submit_add(&submit, kz_read_bytes(&records, size), size);
    }
    kz_submit_finish(&submit, batch->tag);
    kz_buffer_added(out, kz_writer_size(&writer));
    return true;
}
