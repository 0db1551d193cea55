/* SPDX-License-Identifier: Apache-2.0 */
/* The codec of the messages themselves; answers.c has the contents of ANSWER. */
#include "client/wire/messages.h"

#include "client/wire/parts.h"
#include "statemachine/base/assert.h"

#include <assert.h>

#define GOODBYE_SIZE_MAX  512
#define ENTRY_PREFIX_SIZE 12
#define RESULT_SIZE       24

static_assert(KZ_FRAME_HEADER_SIZE + 4 + KZ_COMMANDS_MAX * RESULT_SIZE <= KZ_NODE_FRAME_SIZE_MAX,
              "the answers to the largest SUBMIT are one frame");
static_assert(KZ_FRAME_HEADER_SIZE + 6 + KZ_NUMBERS_MAX * 8 <= KZ_CLIENT_FRAME_SIZE_MAX,
              "the largest POSITIONS is one frame");

/* ---- Frames around bodies ---- */

static uint8_t *begin(struct kz_writer *writer)
{
    return kz_write_room(writer, KZ_FRAME_HEADER_SIZE);
}

static void seal(struct kz_writer *writer, uint8_t *frame, uint8_t type, uint64_t tag)
{
    if (writer->failed) return;
    kz_frame_seal(frame, type, tag, (size_t)(writer->next - frame) - KZ_FRAME_HEADER_SIZE);
}

static struct kz_reader open_body(const struct kz_frame *frame, enum kz_message_type type)
{
    struct kz_reader reader = kz_reader_init(frame->body, frame->body_size);
    reader.failed = frame->type != type;
    return reader;
}

/* Returns: whether SIZE more bytes fit into the frame that began at FRAME, and into the writer. */
static bool has_room(const struct kz_writer *writer, const uint8_t *frame, size_t bound,
                     size_t size)
{
    if (writer->failed) return false;
    return (size_t)(writer->next - frame) + size <= bound &&
           (size_t)(writer->end - writer->next) >= size;
}

/* ---- HELLO, WELCOME, GOODBYE ---- */

void kz_hello_encode(struct kz_writer *writer, uint64_t tag, const struct kz_hello *hello)
{
    uint8_t *frame = begin(writer);
    kz_write_bytes(writer, hello->cluster, KZ_ID_SIZE);
    seal(writer, frame, KZ_MESSAGE_HELLO, tag);
}

enum kz_status kz_hello_decode(const struct kz_frame *frame, struct kz_hello *out_hello)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_HELLO);
    const uint8_t *cluster = kz_read_bytes(&reader, KZ_ID_SIZE);
    if (cluster == NULL || !kz_reader_done(&reader)) return KZ_MALFORMED;

    memcpy(out_hello->cluster, cluster, KZ_ID_SIZE);
    return KZ_OK;
}

void kz_welcome_encode(struct kz_writer *writer, uint64_t tag, const struct kz_welcome *welcome)
{
    KZ_ASSERT(welcome->leader_client.size <= KZ_ADDRESS_SIZE_MAX);

    uint8_t *frame = begin(writer);
    kz_write_bytes(writer, welcome->cluster, KZ_ID_SIZE);
    kz_write_u64(writer, welcome->node);
    kz_write_u64(writer, welcome->leader);
    kz_write_u8(writer, (uint8_t)welcome->leader_client.size);
    kz_write_bytes(writer, welcome->leader_client.bytes, welcome->leader_client.size);
    seal(writer, frame, KZ_MESSAGE_WELCOME, tag);
}

enum kz_status kz_welcome_decode(const struct kz_frame *frame, struct kz_welcome *out_welcome)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_WELCOME);
    struct kz_welcome welcome;
    const uint8_t *cluster = kz_read_bytes(&reader, KZ_ID_SIZE);
    welcome.node = kz_read_u64(&reader);
    welcome.leader = kz_read_u64(&reader);
    welcome.leader_client = kz_parts_read_text(&reader, kz_read_u8(&reader), KZ_ADDRESS_SIZE_MAX);
    if (cluster == NULL || !kz_reader_done(&reader)) return KZ_MALFORMED;

    memcpy(welcome.cluster, cluster, KZ_ID_SIZE);
    *out_welcome = welcome;
    return KZ_OK;
}

void kz_goodbye_encode(struct kz_writer *writer, const char *sentence)
{
    size_t size = strnlen(sentence, GOODBYE_SIZE_MAX);
    uint8_t *frame = begin(writer);
    kz_write_u16(writer, (uint16_t)size);
    kz_write_bytes(writer, sentence, size);
    seal(writer, frame, KZ_MESSAGE_GOODBYE, 0);
}

enum kz_status kz_goodbye_decode(const struct kz_frame *frame, struct kz_text *out_sentence)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_GOODBYE);
    struct kz_text sentence = kz_parts_read_text(&reader, kz_read_u16(&reader), GOODBYE_SIZE_MAX);
    if (!kz_reader_done(&reader)) return KZ_MALFORMED;

    *out_sentence = sentence;
    return KZ_OK;
}

/* ---- SUBMIT ---- */

void kz_submit_begin(struct kz_submit_writer *submit, struct kz_writer *writer)
{
    *submit = (struct kz_submit_writer){writer, begin(writer), 0};
    kz_write_u32(writer, 0);
}

bool kz_submit_add(struct kz_submit_writer *submit, const uint8_t *record, size_t size)
{
    if (submit->count == KZ_COMMANDS_MAX || size > KZ_RECORD_SIZE_MAX) return false;
    if (!has_room(submit->writer, submit->frame, KZ_CLIENT_FRAME_SIZE_MAX, 2 + size)) return false;

    kz_write_u16(submit->writer, (uint16_t)size);
    kz_write_bytes(submit->writer, record, size);
    submit->count++;
    return true;
}

void kz_submit_finish(struct kz_submit_writer *submit, uint64_t tag)
{
    if (submit->writer->failed) return;
    kz_put_u16(submit->frame + KZ_FRAME_HEADER_SIZE, submit->count);
    seal(submit->writer, submit->frame, KZ_MESSAGE_SUBMIT, tag);
}

enum kz_status kz_submit_decode(const struct kz_frame *frame, struct kz_command_reader *out_reader)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_SUBMIT);
    uint16_t count = kz_read_u16(&reader);
    uint16_t zero = kz_read_u16(&reader);
    if (reader.failed || zero != 0 || count == 0 || count > KZ_COMMANDS_MAX) return KZ_MALFORMED;

    struct kz_command_reader commands = {reader, count, 0};
    for (unsigned i = 0; i < count; i++)
        kz_read_bytes(&reader, kz_read_u16(&reader));
    if (!kz_reader_done(&reader)) return KZ_MALFORMED;

    *out_reader = commands;
    return KZ_OK;
}

const uint8_t *kz_command_next(struct kz_command_reader *commands, uint16_t *out_size)
{
    if (commands->taken == commands->count) return NULL;
    commands->taken++;
    *out_size = kz_read_u16(&commands->reader);
    return kz_read_bytes(&commands->reader, *out_size);
}

void kz_command_rewind(struct kz_command_reader *commands, const uint8_t *record, uint16_t taken)
{
    KZ_ASSERT(taken < commands->taken && record <= commands->reader.next);
    commands->reader.next = record - 2; /* its size */
    commands->taken = taken;
}

/* ---- RESULTS ---- */

void kz_results_encode(struct kz_writer *writer, uint64_t tag, const struct kz_answer *answers,
                       uint16_t count)
{
    uint8_t *frame = begin(writer);
    kz_write_u16(writer, count);
    kz_write_u16(writer, 0);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *room = kz_write_room(writer, RESULT_SIZE);
        if (room == NULL) return;
        room[0] = answers[i].code;
        room[1] = answers[i].result;
        room[2] = answers[i].reason;
        room[3] = 0;
        kz_put_u32(room + 4, answers[i].retry_ms);
        kz_put_u64(room + 8, answers[i].index);
        kz_put_u64(room + 16, (uint64_t)answers[i].time);
    }
    seal(writer, frame, KZ_MESSAGE_RESULTS, tag);
}

static bool read_result(struct kz_reader *reader, struct kz_answer *out_answer)
{
    const uint8_t *bytes = kz_read_bytes(reader, RESULT_SIZE);
    if (bytes == NULL || bytes[0] >= KZ_ANSWER_CODE_END || bytes[1] >= KZ_RESULT_END ||
        bytes[2] >= KZ_REASON_END || bytes[3] != 0) {
        return false;
    }
    *out_answer = (struct kz_answer){bytes[0],
                                     bytes[1],
                                     bytes[2],
                                     kz_get_u32(bytes + 4),
                                     kz_get_u64(bytes + 8),
                                     (int64_t)kz_get_u64(bytes + 16)};
    return true;
}

enum kz_status kz_results_decode(const struct kz_frame *frame, struct kz_answer *out_answers,
                                 uint16_t capacity, uint16_t *out_count)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_RESULTS);
    uint16_t count = kz_read_u16(&reader);
    uint16_t zero = kz_read_u16(&reader);
    if (reader.failed || zero != 0 || count > capacity) return KZ_MALFORMED;
    if (kz_reader_left(&reader) != (size_t)count * RESULT_SIZE) return KZ_MALFORMED;

    for (unsigned i = 0; i < count; i++) {
        if (!read_result(&reader, &out_answers[i])) return KZ_MALFORMED;
    }
    *out_count = count;
    return KZ_OK;
}

/* ---- QUERY ---- */

static void write_query_queue(struct kz_writer *writer, const struct kz_query *query)
{
    kz_write_u32(writer, query->territory);
    kz_write_u16(writer, query->birth_year);
    kz_write_u8(writer, query->kind);
    kz_write_u8(writer, 0);
    kz_write_u32(writer, query->first);
    kz_write_u32(writer, query->count);
}

void kz_query_encode(struct kz_writer *writer, uint64_t tag, const struct kz_query *query)
{
    uint8_t *frame = begin(writer);
    kz_write_u8(writer, query->what);
    kz_write_u8(writer, query->local);
    kz_write_u16(writer, 0);
    switch ((enum kz_query_what)query->what) {
    case KZ_QUERY_APPLICATION: kz_write_u64(writer, query->number); break;
    case KZ_QUERY_POSITIONS:
        kz_write_u16(writer, (uint16_t)query->count);
        kz_write_bytes(writer, query->numbers, (size_t)query->count * 8);
        break;
    case KZ_QUERY_QUEUE: write_query_queue(writer, query); break;
    case KZ_QUERY_BULLETINS:
    case KZ_QUERY_TERRITORY:
    case KZ_QUERY_PLACES: kz_write_u32(writer, query->territory); break;
    case KZ_QUERY_REQUEST: kz_write_bytes(writer, query->request, KZ_ID_SIZE); break;
    case KZ_QUERY_STATUS:
    case KZ_QUERY_MEMBERS:
    case KZ_QUERY_END: break;
    }
    seal(writer, frame, KZ_MESSAGE_QUERY, tag);
}

static bool read_query_queue(struct kz_reader *reader, struct kz_query *query)
{
    query->territory = kz_read_u32(reader);
    query->birth_year = kz_read_u16(reader);
    query->kind = kz_read_u8(reader);
    uint8_t zero = kz_read_u8(reader);
    query->first = kz_read_u32(reader);
    query->count = kz_read_u32(reader);
    return query->kind < KZ_KIND_END && zero == 0 && query->first >= 1 &&
           query->count <= KZ_NUMBERS_MAX;
}

static bool read_query_positions(struct kz_reader *reader, struct kz_query *query)
{
    query->count = kz_read_u16(reader);
    query->numbers = kz_read_bytes(reader, (size_t)query->count * 8);
    return query->count >= 1 && query->count <= KZ_NUMBERS_MAX;
}

static bool read_query_request(struct kz_reader *reader, struct kz_query *query)
{
    const uint8_t *request = kz_read_bytes(reader, KZ_ID_SIZE);
    if (request != NULL) memcpy(query->request, request, KZ_ID_SIZE);
    return request != NULL;
}

static bool read_query_content(struct kz_reader *reader, struct kz_query *query)
{
    switch ((enum kz_query_what)query->what) {
    case KZ_QUERY_STATUS:
    case KZ_QUERY_MEMBERS: return true;
    case KZ_QUERY_APPLICATION: query->number = kz_read_u64(reader); return true;
    case KZ_QUERY_POSITIONS: return read_query_positions(reader, query);
    case KZ_QUERY_QUEUE: return read_query_queue(reader, query);
    case KZ_QUERY_BULLETINS:
    case KZ_QUERY_TERRITORY:
    case KZ_QUERY_PLACES: query->territory = kz_read_u32(reader); return true;
    case KZ_QUERY_REQUEST: return read_query_request(reader, query);
    case KZ_QUERY_END: break;
    }
    return false;
}

enum kz_status kz_query_decode(const struct kz_frame *frame, struct kz_query *out_query)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_QUERY);
    struct kz_query query = {0};
    query.what = kz_read_u8(&reader);
    uint8_t local = kz_read_u8(&reader);
    uint16_t zero = kz_read_u16(&reader);
    query.local = local == 1;
    if (reader.failed || local > 1 || zero != 0) return KZ_MALFORMED;
    if (!read_query_content(&reader, &query) || !kz_reader_done(&reader)) return KZ_MALFORMED;

    *out_query = query;
    return KZ_OK;
}

/* ---- WATCH, ENTRIES ---- */

void kz_watch_encode(struct kz_writer *writer, uint64_t tag, uint64_t first_index)
{
    uint8_t *frame = begin(writer);
    kz_write_u64(writer, first_index);
    seal(writer, frame, KZ_MESSAGE_WATCH, tag);
}

enum kz_status kz_watch_decode(const struct kz_frame *frame, uint64_t *out_first_index)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_WATCH);
    uint64_t first_index = kz_read_u64(&reader);
    if (!kz_reader_done(&reader) || first_index == 0) return KZ_MALFORMED;

    *out_first_index = first_index;
    return KZ_OK;
}

void kz_entries_begin(struct kz_entries_writer *entries, struct kz_writer *writer,
                      uint64_t first_index)
{
    *entries = (struct kz_entries_writer){writer, begin(writer), 0};
    kz_write_u64(writer, first_index);
    kz_write_u64(writer, 0);
}

bool kz_entries_add(struct kz_entries_writer *entries, uint64_t term, uint8_t result,
                    const uint8_t *record, size_t size)
{
    KZ_ASSERT(size <= KZ_RECORD_SIZE_MAX);
    if (!has_room(entries->writer, entries->frame, KZ_NODE_FRAME_SIZE_MAX,
                  ENTRY_PREFIX_SIZE + size)) {
        return false;
    }
    kz_write_u64(entries->writer, term);
    kz_write_u8(entries->writer, result);
    kz_write_u8(entries->writer, 0);
    kz_write_u16(entries->writer, (uint16_t)size);
    kz_write_bytes(entries->writer, record, size);
    entries->count++;
    return true;
}

void kz_entries_finish(struct kz_entries_writer *entries, uint64_t tag)
{
    if (entries->writer->failed) return;
    kz_put_u32(entries->frame + KZ_FRAME_HEADER_SIZE + 8, entries->count);
    seal(entries->writer, entries->frame, KZ_MESSAGE_ENTRIES, tag);
}

enum kz_status kz_entries_decode(const struct kz_frame *frame, struct kz_entries_reader *out_reader)
{
    struct kz_reader reader = open_body(frame, KZ_MESSAGE_ENTRIES);
    struct kz_entries_reader entries = {0};
    entries.first_index = kz_read_u64(&reader);
    entries.count = kz_read_u32(&reader);
    uint32_t zero = kz_read_u32(&reader);
    if (reader.failed || zero != 0 || entries.first_index == 0) return KZ_MALFORMED;
    entries.reader = reader;

    struct kz_entries_reader walk = entries;
    uint64_t term;
    uint8_t result;
    uint16_t size;
    while (kz_entries_next(&walk, &term, &result, &size) != NULL) {
    }
    if (!kz_reader_done(&walk.reader)) return KZ_MALFORMED;

    *out_reader = entries;
    return KZ_OK;
}

const uint8_t *kz_entries_next(struct kz_entries_reader *entries, uint64_t *out_term,
                               uint8_t *out_result, uint16_t *out_size)
{
    struct kz_reader *reader = &entries->reader;
    if (entries->taken == entries->count) return NULL;

    uint64_t term = kz_read_u64(reader);
    uint8_t result = kz_read_u8(reader);
    uint8_t zero = kz_read_u8(reader);
    uint16_t size = kz_read_u16(reader);
    const uint8_t *record = kz_read_bytes(reader, size);
    if (record == NULL || zero != 0 || result >= KZ_RESULT_END || size > KZ_RECORD_SIZE_MAX) {
        reader->failed = true;
        return NULL;
    }
    entries->taken++;
    *out_term = term;
    *out_result = result;
    *out_size = size;
    return record;
}
