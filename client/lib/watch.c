/* SPDX-License-Identifier: Apache-2.0 */
/* The watch: every applied entry from an index on, across reconnections. */
#include "client/lib/client.h"

#define ENTRIES_AT_ONCE 256

enum kezek_code kezek_client_watch(struct kezek_client *client, uint64_t from,
                                   kezek_entries_callback callback, void *data,
                                   struct kezek_error *error)
{
    if (client->watch.on) return kz_fail(error, KEZEK_USAGE, "the client watches already");
    if (from == 0) return kz_fail(error, KEZEK_USAGE, "entries are numbered from 1");

    client->watch = (struct watch){true, false, from, callback, data};
    return KEZEK_OK;
}

void kz_watch_send(struct kezek_client *client)
{
    if (!client->watch.on || client->watch.sent) return;

    uint8_t *room = kz_buffer_room(&client->output, KZ_CLIENT_FRAME_SIZE_MAX);
    if (room == NULL) return;
    struct kz_writer writer = kz_writer_init(room, KZ_CLIENT_FRAME_SIZE_MAX);
    kz_watch_encode(&writer, client->next_tag++, client->watch.next_index);
    kz_buffer_added(&client->output, kz_writer_size(&writer));
    client->watch.sent = true;
}

void kz_watch_on_entries(struct kezek_client *client, const struct kz_frame *frame)
{
    struct watch *watch = &client->watch;
    struct kz_entries_reader reader;
    if (!watch->on || kz_entries_decode(frame, &reader) != KZ_OK ||
        reader.first_index != watch->next_index) {
        kz_client_close(client, "its entries are malformed, or not the next ones");
        return;
    }
    struct kezek_entry entries[ENTRIES_AT_ONCE];
    uint32_t count = 0;
    uint8_t result;
    uint16_t size;
    uint64_t term;
    const uint8_t *record = NULL;
    if (reader.count == 0) watch->callback(watch->data, entries, 0);
    while ((record = kz_entries_next(&reader, &term, &result, &size)) != NULL) {
        entries[count++] = (struct kezek_entry){watch->next_index++, term,
                                                kz_word(&kz_result_words, result), record, size};
        if (count < ENTRIES_AT_ONCE) continue;
        watch->callback(watch->data, entries, count);
        count = 0;
    }
    if (count > 0) watch->callback(watch->data, entries, count);
    if (reader.reader.failed) kz_client_close(client, "its entries are malformed");
}
