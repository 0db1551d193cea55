/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/raft_messages.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/record/record.h"

#define APPEND_SIZE        (KZ_RAFT_APPEND_HEADER_SIZE - KZ_FRAME_HEADER_SIZE)
#define APPEND_RESULT_SIZE 24
#define REQUEST_VOTE_SIZE  32
#define VOTE_RESULT_SIZE   16
#define TIMEOUT_NOW_SIZE   24

#define FLAG_DISRUPT_LEADER 1
#define FLAG_GRANTED        1
#define FLAG_PRE_VOTE       2

#if RAFT_VERSION_NUMBER != 2201
#error "the driver knows the structs and the ownership rules of libraft 0.22.1 alone"
#endif

/* From this version on libraft trusts the pre_vote field of a vote and of its result. */
#define VOTE_VERSION 2

/* libraft copies the address of whoever sent a message and never uses it. */
static const char *const peer_address = "peer";

/* ---- Encoding ---- */

static void write_zeros(struct kz_writer *writer, size_t size)
{
    for (size_t i = 0; i < size; i++)
        kz_write_u8(writer, 0);
}

static uint8_t vote_flags(bool first, bool pre_vote)
{
    return (uint8_t)((first ? FLAG_GRANTED : 0) | (pre_vote ? FLAG_PRE_VOTE : 0));
}

static enum kz_raft_frame encode_body(const struct raft_message *message, struct kz_writer *writer)
{
    switch (message->type) {
    case RAFT_APPEND_ENTRIES_RESULT:
        kz_write_u64(writer, message->append_entries_result.term);
        kz_write_u64(writer, message->append_entries_result.rejected);
        kz_write_u64(writer, message->append_entries_result.last_log_index);
        return KZ_RAFT_APPEND_RESULT;
    case RAFT_REQUEST_VOTE:
        kz_write_u64(writer, message->request_vote.term);
        kz_write_u64(writer, message->request_vote.last_log_index);
        kz_write_u64(writer, message->request_vote.last_log_term);
        kz_write_u8(writer, vote_flags(message->request_vote.disrupt_leader,
                                       message->request_vote.pre_vote));
        write_zeros(writer, 7);
        return KZ_RAFT_REQUEST_VOTE;
    case RAFT_REQUEST_VOTE_RESULT:
        kz_write_u64(writer, message->request_vote_result.term);
        kz_write_u8(writer, vote_flags(message->request_vote_result.vote_granted,
                                       message->request_vote_result.pre_vote));
        write_zeros(writer, 7);
        return KZ_RAFT_VOTE_RESULT;
    case RAFT_TIMEOUT_NOW:
        kz_write_u64(writer, message->timeout_now.term);
        kz_write_u64(writer, message->timeout_now.last_log_index);
        kz_write_u64(writer, message->timeout_now.last_log_term);
        return KZ_RAFT_TIMEOUT_NOW;
    case RAFT_APPEND_ENTRIES:
    case RAFT_INSTALL_SNAPSHOT: break;
    }
    kz_panic(__FILE__, __LINE__, "no frame carries this message");
}

size_t kz_raft_message_encode(const struct raft_message *message,
                              uint8_t frame[static KZ_RAFT_SMALL_FRAME_SIZE_MAX])
{
    struct kz_writer writer = kz_writer_init(frame + KZ_FRAME_HEADER_SIZE,
                                             KZ_RAFT_SMALL_FRAME_SIZE_MAX - KZ_FRAME_HEADER_SIZE);
    enum kz_raft_frame type = encode_body(message, &writer);
    KZ_ASSERT(!writer.failed);
    kz_frame_seal(frame, (uint8_t)type, 0, kz_writer_size(&writer));
    return KZ_FRAME_HEADER_SIZE + kz_writer_size(&writer);
}

size_t kz_raft_append_seal(const struct raft_append_entries *header, uint8_t *frame,
                           size_t entries_size)
{
    KZ_ASSERT(entries_size <= KZ_RAFT_ENTRIES_SIZE_MAX);

    struct kz_writer writer = kz_writer_init(frame + KZ_FRAME_HEADER_SIZE, APPEND_SIZE);
    kz_write_u64(&writer, header->term);
    kz_write_u64(&writer, header->prev_log_index);
    kz_write_u64(&writer, header->prev_log_term);
    kz_write_u64(&writer, header->leader_commit);
    kz_write_u32(&writer, header->n_entries);
    kz_write_u32(&writer, 0);
    KZ_ASSERT(!writer.failed);
    kz_frame_seal(frame, KZ_RAFT_APPEND, 0, APPEND_SIZE + entries_size);
    return KZ_RAFT_APPEND_HEADER_SIZE + entries_size;
}

/* ---- Decoding ---- */

/* Reads an index or a term. */
static uint64_t read_number(struct kz_reader *reader)
{
    uint64_t number = kz_read_u64(reader);
    if (number > INT64_MAX) reader->failed = true;
    return number;
}

static uint64_t read_term(struct kz_reader *reader)
{
    uint64_t term = read_number(reader);
    if (term == 0) reader->failed = true;
    return term;
}

static uint8_t read_flags(struct kz_reader *reader)
{
    uint8_t flags = kz_read_u8(reader);
    if ((flags & ~(FLAG_GRANTED | FLAG_PRE_VOTE)) != 0) reader->failed = true;
    for (int i = 0; i < 7; i++) {
        if (kz_read_u8(reader) != 0) reader->failed = true;
    }
    return flags;
}

static void read_append_result(struct kz_reader *reader, struct raft_message *message)
{
    struct raft_append_entries_result *result = &message->append_entries_result;
    message->type = RAFT_APPEND_ENTRIES_RESULT;
    result->term = read_term(reader);
    result->rejected = read_number(reader);
    result->last_log_index = read_number(reader);
    if (result->rejected > 0 && result->last_log_index >= result->rejected) reader->failed = true;
}

static void read_request_vote(struct kz_reader *reader, uint64_t peer, struct raft_message *message)
{
    struct raft_request_vote *vote = &message->request_vote;
    message->type = RAFT_REQUEST_VOTE;
    vote->version = VOTE_VERSION;
    vote->candidate_id = peer;
    vote->term = read_term(reader);
    vote->last_log_index = read_number(reader);
    vote->last_log_term = read_number(reader);
    uint8_t flags = read_flags(reader);
    vote->disrupt_leader = (flags & FLAG_DISRUPT_LEADER) != 0;
    vote->pre_vote = (flags & FLAG_PRE_VOTE) != 0;
}

static void read_vote_result(struct kz_reader *reader, struct raft_message *message)
{
    struct raft_request_vote_result *result = &message->request_vote_result;
    message->type = RAFT_REQUEST_VOTE_RESULT;
    result->version = VOTE_VERSION;
    result->term = read_term(reader);
    uint8_t flags = read_flags(reader);
    result->vote_granted = (flags & FLAG_GRANTED) != 0;
    result->pre_vote = (flags & FLAG_PRE_VOTE) != 0;
}

static void read_timeout_now(struct kz_reader *reader, struct raft_message *message)
{
    message->type = RAFT_TIMEOUT_NOW;
    message->timeout_now.term = read_term(reader);
    message->timeout_now.last_log_index = read_number(reader);
    message->timeout_now.last_log_term = read_number(reader);
}

/* Returns: whether the entries may follow what APPEND says stands before them (invariants 1, 2). */
static bool entries_may_follow(const struct raft_append_entries *append,
                               const struct kz_batch *batch)
{
    if (kz_batch_term(batch, 0) < append->prev_log_term) return false;
    if (kz_batch_term(batch, batch->count - 1) > append->term) return false;
    for (uint32_t i = 1; i < batch->count; i++) {
        uint32_t size;
        if (kz_record_type(kz_batch_record(batch, i, &size)) == KZ_MEMBERSHIP) return false;
    }
    return true;
}

static enum kz_status decode_append(struct kz_reader *reader, struct raft_message *message,
                                    struct kz_batch **out_batch)
{
    struct raft_append_entries *append = &message->append_entries;
    message->type = RAFT_APPEND_ENTRIES;
    append->term = read_term(reader);
    append->prev_log_index = read_number(reader);
    append->prev_log_term = read_number(reader);
    append->leader_commit = read_number(reader);
    append->n_entries = kz_read_u32(reader);
    if (kz_read_u32(reader) != 0 || reader->failed) return KZ_MALFORMED;
    if ((append->prev_log_index == 0) != (append->prev_log_term == 0)) return KZ_MALFORMED;
    if (append->prev_log_term > append->term) return KZ_MALFORMED;
    if (append->n_entries == 0) return kz_reader_done(reader) ? KZ_OK : KZ_MALFORMED;

    struct kz_batch *batch;
    enum kz_status status = kz_batch_parse(append->prev_log_index + 1, append->n_entries,
                                           reader->next, kz_reader_left(reader), &batch);
    if (status != KZ_OK) return status;
    if (!entries_may_follow(append, batch)) {
        kz_batch_release(batch);
        return KZ_MALFORMED;
    }
    *out_batch = batch;
    return KZ_OK;
}

enum kz_status kz_raft_message_decode(const struct kz_frame *frame, uint64_t peer,
                                      struct raft_message *out_message, struct kz_batch **out_batch)
{
    struct kz_reader reader = kz_reader_init(frame->body, frame->body_size);
    struct raft_message message = {.server_id = peer, .server_address = peer_address};
    struct kz_batch *batch = NULL;

    if (frame->type == KZ_RAFT_APPEND) {
        enum kz_status status = decode_append(&reader, &message, &batch);
        if (status != KZ_OK) return status;
    } else {
        switch (frame->type) {
        case KZ_RAFT_APPEND_RESULT: read_append_result(&reader, &message); break;
        case KZ_RAFT_REQUEST_VOTE: read_request_vote(&reader, peer, &message); break;
        case KZ_RAFT_VOTE_RESULT: read_vote_result(&reader, &message); break;
        case KZ_RAFT_TIMEOUT_NOW: read_timeout_now(&reader, &message); break;
        default: return KZ_NEWER;
        }
        if (!kz_reader_done(&reader)) return KZ_MALFORMED;
    }
    *out_message = message;
    *out_batch = batch;
    return KZ_OK;
}
