/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between nodes: byte 0 is the frame's type, the rest its body. What a decoder takes
 * is encoded again to the same bytes. */
#include "node/core/peer_messages.h"
#include "statemachine/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_the_same(const struct kz_writer *writer, const struct kz_frame *frame)
{
    size_t size = kz_writer_size(writer) - KZ_FRAME_HEADER_SIZE;
    KZ_ASSERT(!writer->failed && size == frame->body_size);
    KZ_ASSERT(size == 0 || memcmp(writer->first + KZ_FRAME_HEADER_SIZE, frame->body, size) == 0);
}

static void refused(const struct kz_frame *frame, struct kz_writer *writer)
{
    enum kz_refusal why;
    struct kz_text sentence;
    if (kz_peer_refused_decode(frame, &why, &sentence) != KZ_OK) return;

    char text[KZ_PEER_SMALL_SIZE_MAX] = {0};
    memcpy(text, sentence.bytes, sentence.size);
    kz_peer_refused_encode(writer, why, text);
    is_the_same(writer, frame);
}

static void first_entry(const struct kz_frame *frame, struct kz_writer *writer)
{
    struct kz_entry entry = {.type = KZ_MEMBERSHIP};
    if (kz_peer_first_entry_decode(frame, &entry.membership) != KZ_OK) return;

    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_record_encode(&entry, record, sizeof(record));
    kz_peer_first_entry_encode(writer, record, entry.membership.count == 0 ? 0 : size);
    is_the_same(writer, frame);
}

static void digest_report(const struct kz_frame *frame, struct kz_writer *writer)
{
    struct kz_digest_value value;
    if (kz_peer_digest_report_decode(frame, &value) != KZ_OK) return;

    kz_peer_digest_report_encode(writer, &value);
    is_the_same(writer, frame);
}

static void fetch(const struct kz_frame *frame, struct kz_writer *writer)
{
    struct kz_peer_fetch fetch;
    struct kz_peer_fetched fetched;
    if (kz_peer_fetch_decode(frame, &fetch) == KZ_OK) {
        kz_peer_fetch_encode(writer, &fetch);
        is_the_same(writer, frame);
    } else if (kz_peer_fetched_decode(frame, &fetched) == KZ_OK) {
        kz_peer_fetched_encode(writer, &fetched);
        is_the_same(writer, frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[2 * KZ_RECORD_SIZE_MAX];
    if (size == 0 || size > KZ_RECORD_SIZE_MAX) return 0;

    struct kz_frame frame = {data[0], 0, data + 1, size - 1};
    struct kz_writer writer = kz_writer_init(again, sizeof(again));
    struct kz_peer_hello hello;
    struct kz_peer_pair pair;
    if (kz_peer_hello_decode(&frame, &hello) == KZ_OK) {
        kz_peer_hello_encode(&writer, &hello);
        is_the_same(&writer, &frame);
    } else if (kz_peer_pair_decode(&frame, &pair) == KZ_OK) {
        kz_peer_pair_encode(&writer, (enum kz_peer_frame)frame.type, pair);
        is_the_same(&writer, &frame);
    }
    writer = kz_writer_init(again, sizeof(again));
    refused(&frame, &writer);
    writer = kz_writer_init(again, sizeof(again));
    first_entry(&frame, &writer);
    writer = kz_writer_init(again, sizeof(again));
    digest_report(&frame, &writer);
    writer = kz_writer_init(again, sizeof(again));
    fetch(&frame, &writer);
    return 0;
}
