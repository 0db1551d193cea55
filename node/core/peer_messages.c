/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/peer_messages.h"

#include "client/wire/parts.h"
#include "statemachine/base/assert.h"

#define FLAG_EMPTY        1
#define FLAG_DISK_FULL    2
#define SENTENCE_SIZE_MAX 512

static uint8_t *begin(struct kz_writer *writer)
{
    return kz_write_room(writer, KZ_FRAME_HEADER_SIZE);
}

static void seal(struct kz_writer *writer, uint8_t *frame, enum kz_peer_frame type)
{
    if (writer->failed) return;
    size_t size = (size_t)(writer->next - frame);
    kz_frame_seal(frame, (uint8_t)type, 0, size - KZ_FRAME_HEADER_SIZE);
}

static struct kz_reader open_body(const struct kz_frame *frame, enum kz_peer_frame type)
{
    struct kz_reader reader = kz_reader_init(frame->body, frame->body_size);
    reader.failed = frame->type != type;
    return reader;
}

static void read_id(struct kz_reader *reader, uint8_t out[static KZ_ID_SIZE])
{
    const uint8_t *bytes = kz_read_bytes(reader, KZ_ID_SIZE);
    if (bytes != NULL) memcpy(out, bytes, KZ_ID_SIZE);
}

/* ---- Hello ---- */

static void write_address(struct kz_writer *writer, struct kz_text address)
{
    KZ_ASSERT(address.size <= KZ_ADDRESS_SIZE_MAX);
    kz_write_u8(writer, (uint8_t)address.size);
    kz_write_bytes(writer, address.bytes, address.size);
}

void kz_peer_hello_encode(struct kz_writer *writer, const struct kz_peer_hello *hello)
{
    uint8_t *frame = begin(writer);
    kz_write_bytes(writer, hello->cluster, KZ_ID_SIZE);
    kz_write_u64(writer, hello->id);
    kz_write_u64(writer, hello->to);
    kz_write_bytes(writer, hello->incarnation, KZ_ID_SIZE);
    kz_write_bytes(writer, hello->list, KZ_ID_SIZE);
    kz_write_bytes(writer, hello->first, KZ_ID_SIZE);
    kz_write_bytes(writer, hello->known, KZ_ID_SIZE);
    kz_write_u64(writer, hello->members_index);
    kz_write_u64(writer, hello->standing.term);
    kz_write_u64(writer, hello->standing.voted_for);
    kz_write_u64(writer, hello->standing.index);
    kz_write_u8(writer, (hello->empty ? FLAG_EMPTY : 0) | (hello->disk_full ? FLAG_DISK_FULL : 0));
    kz_write_u8(writer, hello->rules);
    write_address(writer, hello->peer);
    write_address(writer, hello->client);
    seal(writer, frame, KZ_PEER_HELLO);
}

enum kz_status kz_peer_hello_decode(const struct kz_frame *frame, struct kz_peer_hello *out_hello)
{
    struct kz_reader reader = open_body(frame, KZ_PEER_HELLO);
    struct kz_peer_hello hello = {0};
    read_id(&reader, hello.cluster);
    hello.id = kz_read_u64(&reader);
    hello.to = kz_read_u64(&reader);
    read_id(&reader, hello.incarnation);
    read_id(&reader, hello.list);
    read_id(&reader, hello.first);
    read_id(&reader, hello.known);
    hello.members_index = kz_read_u64(&reader);
    hello.standing.term = kz_read_u64(&reader);
    hello.standing.voted_for = kz_read_u64(&reader);
    hello.standing.index = kz_read_u64(&reader);
    uint8_t flags = kz_parts_read_below(&reader, FLAG_EMPTY + FLAG_DISK_FULL + 1);
    hello.empty = (flags & FLAG_EMPTY) != 0;
    hello.disk_full = (flags & FLAG_DISK_FULL) != 0;
    hello.rules = kz_read_u8(&reader);
    hello.peer = kz_parts_read_text(&reader, kz_read_u8(&reader), KZ_ADDRESS_SIZE_MAX);
    hello.client = kz_parts_read_text(&reader, kz_read_u8(&reader), KZ_ADDRESS_SIZE_MAX);
    if (!kz_reader_done(&reader) || hello.id == 0 || hello.id > INT64_MAX) return KZ_MALFORMED;
    if (hello.rules == 0) return KZ_MALFORMED;

    *out_hello = hello;
    return KZ_OK;
}

/* ---- Refused ---- */

void kz_peer_refused_encode(struct kz_writer *writer, enum kz_refusal why, const char *sentence)
{
    size_t size = strnlen(sentence, SENTENCE_SIZE_MAX);
    uint8_t *frame = begin(writer);
    kz_write_u8(writer, (uint8_t)why);
    kz_write_u8(writer, 0);
    kz_write_u16(writer, (uint16_t)size);
    kz_write_bytes(writer, sentence, size);
    seal(writer, frame, KZ_PEER_REFUSED);
}

enum kz_status kz_peer_refused_decode(const struct kz_frame *frame, enum kz_refusal *out_why,
                                      struct kz_text *out_sentence)
{
    struct kz_reader reader = open_body(frame, KZ_PEER_REFUSED);
    uint8_t why = kz_parts_read_below(&reader, KZ_REFUSAL_END);
    uint8_t zero = kz_parts_read_below(&reader, 1);
    struct kz_text sentence = kz_parts_read_text(&reader, kz_read_u16(&reader), SENTENCE_SIZE_MAX);
    if (!kz_reader_done(&reader) || why == 0 || zero != 0) return KZ_MALFORMED;

    *out_why = (enum kz_refusal)why;
    *out_sentence = sentence;
    return KZ_OK;
}

/* ---- Pairs ---- */

static bool has_second(enum kz_peer_frame type)
{
    return type != KZ_PEER_CLOCK && type != KZ_PEER_READ_INDEX;
}

void kz_peer_pair_encode(struct kz_writer *writer, enum kz_peer_frame type,
                         struct kz_peer_pair pair)
{
    uint8_t *frame = begin(writer);
    kz_write_u64(writer, pair.first);
    if (has_second(type)) kz_write_u64(writer, pair.second);
    seal(writer, frame, type);
}

enum kz_status kz_peer_pair_decode(const struct kz_frame *frame, struct kz_peer_pair *out_pair)
{
    if (frame->type < KZ_PEER_CLOCK || frame->type > KZ_PEER_READ_INDEX_ANSWER) return KZ_MALFORMED;

    enum kz_peer_frame type = (enum kz_peer_frame)frame->type;
    struct kz_reader reader = open_body(frame, type);
    struct kz_peer_pair pair = {0};
    pair.first = kz_read_u64(&reader);
    if (has_second(type)) pair.second = kz_read_u64(&reader);
    if (!kz_reader_done(&reader)) return KZ_MALFORMED;

    *out_pair = pair;
    return KZ_OK;
}

/* ---- The first entry ---- */

void kz_peer_first_entry_encode(struct kz_writer *writer, const uint8_t *record, size_t size)
{
    uint8_t *frame = begin(writer);
    kz_write_bytes(writer, record, size);
    seal(writer, frame, KZ_PEER_FIRST_ENTRY);
}

enum kz_status kz_peer_first_entry_decode(const struct kz_frame *frame,
                                          struct kz_membership_fields *out_members)
{
    if (frame->type != KZ_PEER_FIRST_ENTRY || frame->body_size > KZ_RECORD_SIZE_MAX)
        return KZ_MALFORMED;
    if (frame->body_size == 0) {
        out_members->count = 0;
        return KZ_OK;
    }
    struct kz_entry entry;
    if (kz_record_decode(frame->body, frame->body_size, &entry) != KZ_OK) return KZ_MALFORMED;
    if (entry.type != KZ_MEMBERSHIP || entry.time != 0 || entry.actor != 0 ||
        kz_has_request(entry.request) || entry.membership.count == 0) {
        return KZ_MALFORMED;
    }
    *out_members = entry.membership;
    return KZ_OK;
}

/* ---- Digest reports ---- */

void kz_peer_digest_report_encode(struct kz_writer *writer, const struct kz_digest_value *value)
{
    uint8_t *frame = begin(writer);
    kz_write_u64(writer, value->at);
    kz_write_u64(writer, value->since);
    kz_write_u32(writer, value->version);
    kz_write_u32(writer, 0);
    kz_write_bytes(writer, value->state, KZ_ID_SIZE);
    kz_write_bytes(writer, value->results, KZ_HASH_SIZE);
    seal(writer, frame, KZ_PEER_DIGEST_REPORT);
}

enum kz_status kz_peer_digest_report_decode(const struct kz_frame *frame,
                                            struct kz_digest_value *out_value)
{
    struct kz_reader reader = open_body(frame, KZ_PEER_DIGEST_REPORT);
    struct kz_digest_value value = {0};
    value.at = kz_read_u64(&reader);
    value.since = kz_read_u64(&reader);
    value.version = kz_read_u32(&reader);
    uint32_t zero = kz_read_u32(&reader);
    const uint8_t *state = kz_read_bytes(&reader, KZ_ID_SIZE);
    const uint8_t *results = kz_read_bytes(&reader, KZ_HASH_SIZE);
    if (!kz_reader_done(&reader) || zero != 0) return KZ_MALFORMED;
    if (value.since >= value.at || value.at > INT64_MAX) return KZ_MALFORMED;

    memcpy(value.state, state, KZ_ID_SIZE);
    memcpy(value.results, results, KZ_HASH_SIZE);
    *out_value = value;
    return KZ_OK;
}

/* ---- Damaged entries ---- */

static void write_fetch(struct kz_writer *writer, const struct kz_peer_fetch *fetch)
{
    kz_write_u64(writer, fetch->index);
    kz_write_u32(writer, fetch->count);
    kz_write_u8(writer, fetch->results);
    kz_write_bytes(writer, (const uint8_t[3]){0}, 3);
    kz_write_u64(writer, fetch->term);
    kz_write_u64(writer, fetch->leave);
}

static struct kz_peer_fetch read_fetch(struct kz_reader *reader)
{
    struct kz_peer_fetch fetch = {.index = kz_read_u64(reader)};
    fetch.count = kz_read_u32(reader);
    fetch.results = kz_parts_read_below(reader, 2) == 1;
    uint32_t count_max = fetch.results ? KZ_FETCH_RESULTS_MAX : 1;
    if (fetch.count == 0 || fetch.count > count_max) reader->failed = true;
    if (fetch.index == 0 || fetch.index > INT64_MAX) reader->failed = true;
    if (kz_read_u8(reader) != 0 || kz_read_u16(reader) != 0) reader->failed = true;
    fetch.term = kz_read_u64(reader);
    fetch.leave = kz_read_u64(reader);
    if ((fetch.term == 0) != fetch.results || fetch.term > INT64_MAX) reader->failed = true;
    if (fetch.leave != 0 && (fetch.results || fetch.leave < fetch.term || fetch.leave >= INT64_MAX))
        reader->failed = true;
    return fetch;
}

void kz_peer_fetch_encode(struct kz_writer *writer, const struct kz_peer_fetch *fetch)
{
    uint8_t *frame = begin(writer);
    write_fetch(writer, fetch);
    seal(writer, frame, KZ_PEER_FETCH);
}

enum kz_status kz_peer_fetch_decode(const struct kz_frame *frame, struct kz_peer_fetch *out_fetch)
{
    struct kz_reader reader = open_body(frame, KZ_PEER_FETCH);
    struct kz_peer_fetch fetch = read_fetch(&reader);
    if (!kz_reader_done(&reader)) return KZ_MALFORMED;

    *out_fetch = fetch;
    return KZ_OK;
}

void kz_peer_fetched_encode(struct kz_writer *writer, const struct kz_peer_fetched *fetched)
{
    uint8_t *frame = begin(writer);
    write_fetch(writer, &fetched->fetch);
    kz_write_u8(writer, (uint8_t)fetched->state);
    kz_write_bytes(writer, (const uint8_t[7]){0}, 7);
    kz_write_u64(writer, fetched->committed);
    kz_write_u64(writer, fetched->committed_term);
    kz_write_u64(writer, fetched->lacking_term);
    if (fetched->state == KZ_FETCHED_HERE) kz_write_bytes(writer, fetched->content, fetched->size);
    seal(writer, frame, KZ_PEER_FETCHED);
}

enum kz_status kz_peer_fetched_decode(const struct kz_frame *frame,
                                      struct kz_peer_fetched *out_fetched)
{
    struct kz_reader reader = open_body(frame, KZ_PEER_FETCHED);
    struct kz_peer_fetched fetched = {.fetch = read_fetch(&reader)};
    fetched.state = (enum kz_fetched_state)kz_parts_read_below(&reader, KZ_FETCHED_END);
    static const uint8_t reserved[7];
    const uint8_t *zeros = kz_read_bytes(&reader, sizeof reserved);
    fetched.committed = kz_read_u64(&reader);
    fetched.committed_term = kz_read_u64(&reader);
    fetched.lacking_term = kz_read_u64(&reader);
    fetched.size = kz_reader_left(&reader);
    fetched.content = kz_read_bytes(&reader, fetched.size);
    if (!kz_reader_done(&reader) || memcmp(zeros, reserved, sizeof reserved) != 0)
        return KZ_MALFORMED;
    if (fetched.lacking_term != 0 && (fetched.state != KZ_FETCHED_ABSENT || fetched.fetch.results))
        return KZ_MALFORMED;
    if (fetched.committed > fetched.fetch.index) return KZ_MALFORMED;
    if ((fetched.committed == 0) != (fetched.committed_term == 0)) return KZ_MALFORMED;
    if (fetched.state != KZ_FETCHED_HERE) {
        if (fetched.size > 0) return KZ_MALFORMED;
    } else if (fetched.fetch.results ? fetched.size != fetched.fetch.count
                                     : fetched.size <= KZ_ENTRY_PREFIX_SIZE) {
        return KZ_MALFORMED;
    }
    *out_fetched = fetched;
    return KZ_OK;
}
