/* SPDX-License-Identifier: Apache-2.0 */
/* What an ANSWER carries, and the reasons in words. Every content has a fixed size but for a
 * territory's name, which comes last. */
#include "client/wire/messages.h"

#include "client/wire/parts.h"
#include "statemachine/base/utf8.h"

/* ---- Reasons ---- */

const char *kz_reason_text(uint8_t reason)
{
    static const char *const texts[KZ_REASON_END] = {
        [KZ_REASON_NONE] = "no reason was given",
        [KZ_REASON_NO_LEADER] = "the cluster has no leader at the moment; try again shortly",
        [KZ_REASON_CLOCK] = "no majority of the nodes agrees on the time, so nothing is written; "
                            "an operator has to look at the nodes' clocks",
        [KZ_REASON_DISK_FULL] = "the node's disk is full; reads go on, writes wait until an "
                                "operator makes room",
        [KZ_REASON_STARTING] = "the node is starting; try again shortly",
        [KZ_REASON_LEDGER_FULL] = "the ledger is near 2^32 entries and takes no more",
        [KZ_REASON_BUDGET] = "too many entries of this actor were refused in the last minute; "
                             "look at why before trying again",
        [KZ_REASON_PENDING] = "too many commands are in flight; try again shortly",
        [KZ_REASON_RECORD] = "the command is not exactly one record of this format version",
        [KZ_REASON_TYPE] = "only the clock or the cluster itself writes entries of this type",
        [KZ_REASON_STOPPING] = "the node is stopping; ask another one",
        [KZ_REASON_MEMBERS] = "the members can not be changed so",
        [KZ_REASON_NO_MEMBER] = "the cluster has no member of that number",
        [KZ_REASON_CHANGING] = "another change of the members is in progress; try again shortly",
        [KZ_REASON_BEHIND] = "the node is not connected, or does not have the ledger yet; try "
                             "again when it has caught up",
    };
    return reason < KZ_REASON_END ? texts[reason] : "a reason that this version does not know";
}

/* ---- The frame and its header ---- */

void kz_answer_begin(struct kz_answer_writer *answer, struct kz_writer *writer,
                     const struct kz_answer_header *header)
{
    *answer = (struct kz_answer_writer){writer, kz_write_room(writer, KZ_FRAME_HEADER_SIZE)};
    kz_write_u8(writer, header->code);
    kz_write_u8(writer, header->what);
    kz_write_u8(writer, header->reason);
    kz_write_u8(writer, header->found);
    kz_write_u32(writer, header->retry_ms);
    kz_write_u64(writer, header->applied);
    kz_write_u64(writer, (uint64_t)header->time);
}

void kz_answer_finish(struct kz_answer_writer *answer, uint64_t tag)
{
    if (answer->writer->failed) return;
    size_t size = (size_t)(answer->writer->next - answer->frame);
    kz_frame_seal(answer->frame, KZ_MESSAGE_ANSWER, tag, size - KZ_FRAME_HEADER_SIZE);
}

static bool read_bool(struct kz_reader *reader)
{
    return kz_parts_read_below(reader, 2) == 1;
}

static void read_id(struct kz_reader *reader, uint8_t out[static KZ_ID_SIZE])
{
    const uint8_t *bytes = kz_read_bytes(reader, KZ_ID_SIZE);
    if (bytes != NULL) memcpy(out, bytes, KZ_ID_SIZE);
}

enum kz_status kz_answer_decode(const struct kz_frame *frame, struct kz_answer_header *out_header,
                                struct kz_reader *out_content)
{
    struct kz_reader reader = kz_reader_init(frame->body, frame->body_size);
    struct kz_answer_header header = {0};
    header.code = kz_parts_read_below(&reader, KZ_ANSWER_CODE_END);
    header.what = kz_parts_read_below(&reader, KZ_QUERY_END);
    header.reason = kz_parts_read_below(&reader, KZ_REASON_END);
    header.found = read_bool(&reader);
    header.retry_ms = kz_read_u32(&reader);
    header.applied = kz_read_u64(&reader);
    header.time = (int64_t)kz_read_u64(&reader);
    if (reader.failed || frame->type != KZ_MESSAGE_ANSWER) return KZ_MALFORMED;

    *out_header = header;
    *out_content = reader;
    return KZ_OK;
}

/* ---- STATUS ---- */

void kz_status_content_write(struct kz_writer *writer, const struct kz_status_content *content)
{
    kz_write_u64(writer, content->node);
    kz_write_u64(writer, content->leader);
    kz_write_u64(writer, content->term);
    kz_write_u64(writer, content->last_index);
    kz_write_u64(writer, content->commit_index);
    kz_write_u64(writer, content->applied_index);
    kz_write_u64(writer, content->used_bytes);
    kz_write_u64(writer, content->waiting);
    kz_write_u8(writer, content->role);
    kz_write_bytes(writer, content->digest, KZ_ID_SIZE);
    kz_write_bytes(writer, content->cluster, KZ_ID_SIZE);
}

void kz_status_content_read(struct kz_reader *reader, struct kz_status_content *out)
{
    *out = (struct kz_status_content){0};
    out->node = kz_read_u64(reader);
    out->leader = kz_read_u64(reader);
    out->term = kz_read_u64(reader);
    out->last_index = kz_read_u64(reader);
    out->commit_index = kz_read_u64(reader);
    out->applied_index = kz_read_u64(reader);
    out->used_bytes = kz_read_u64(reader);
    out->waiting = kz_read_u64(reader);
    out->role = kz_parts_read_below(reader, 5);
    read_id(reader, out->digest);
    read_id(reader, out->cluster);
}

/* ---- APPLICATION, POSITIONS ---- */

void kz_application_content_write(struct kz_writer *writer,
                                  const struct kz_application_content *content)
{
    kz_write_u64(writer, content->number);
    kz_write_u32(writer, content->territory);
    kz_write_u16(writer, content->birth_year);
    kz_write_u8(writer, content->kind);
    kz_write_u8(writer, content->category);
    kz_write_u8(writer, content->state);
    kz_write_u8(writer, content->owed);
    kz_write_u8(writer, content->by_grant);
    kz_write_u8(writer, content->unused);
    kz_write_u32(writer, content->position);
    kz_write_u32(writer, content->kindergarten);
    kz_write_u64(writer, (uint64_t)content->applied_at);
    kz_write_u64(writer, content->bulletin);
    kz_write_u64(writer, content->referral);
    kz_write_u32(writer, (uint32_t)content->last_day);
    kz_write_bytes(writer, content->child, KZ_ID_SIZE);
}

void kz_application_content_read(struct kz_reader *reader, struct kz_application_content *out)
{
    *out = (struct kz_application_content){0};
    out->number = kz_read_u64(reader);
    out->territory = kz_read_u32(reader);
    out->birth_year = kz_read_u16(reader);
    out->kind = kz_parts_read_below(reader, KZ_KIND_END);
    out->category = kz_parts_read_below(reader, KZ_CATEGORY_END);
    out->state = kz_parts_read_below(reader, KZ_APPLICATION_STATE_END);
    out->owed = read_bool(reader);
    out->by_grant = read_bool(reader);
    out->unused = kz_read_u8(reader);
    out->position = kz_read_u32(reader);
    out->kindergarten = kz_read_u32(reader);
    out->applied_at = (int64_t)kz_read_u64(reader);
    out->bulletin = kz_read_u64(reader);
    out->referral = kz_read_u64(reader);
    out->last_day = (int32_t)kz_read_u32(reader);
    read_id(reader, out->child);
}

void kz_position_content_write(struct kz_writer *writer, const struct kz_position_content *content)
{
    kz_write_u32(writer, content->position);
    kz_write_u8(writer, content->state);
}

void kz_position_content_read(struct kz_reader *reader, struct kz_position_content *out)
{
    out->position = kz_read_u32(reader);
    out->state = kz_read_u8(reader);
    if (out->state >= KZ_APPLICATION_STATE_END && out->state != UINT8_MAX) reader->failed = true;
}

/* ---- QUEUE, BULLETINS, PLACES ---- */

void kz_queue_content_write(struct kz_writer *writer, const struct kz_queue_content *content)
{
    kz_write_u32(writer, content->owed);
    kz_write_u32(writer, content->out_of_turn);
    kz_write_u32(writer, content->first_priority);
    kz_write_u32(writer, content->general);
    kz_write_u32(writer, content->cycle);
    kz_write_u32(writer, content->calls_due);
    kz_write_u32(writer, content->open_places);
    kz_write_u32(writer, content->count);
}

void kz_queue_content_read(struct kz_reader *reader, struct kz_queue_content *out)
{
    out->owed = kz_read_u32(reader);
    out->out_of_turn = kz_read_u32(reader);
    out->first_priority = kz_read_u32(reader);
    out->general = kz_read_u32(reader);
    out->cycle = kz_read_u32(reader);
    out->calls_due = kz_read_u32(reader);
    out->open_places = kz_read_u32(reader);
    out->count = kz_read_u32(reader);
}

void kz_bulletin_content_write(struct kz_writer *writer, const struct kz_bulletin_content *content)
{
    kz_write_u64(writer, content->index);
    kz_write_u16(writer, content->birth_year);
    kz_write_u8(writer, content->kind);
    kz_write_u8(writer, content->in_priority);
    kz_write_u32(writer, (uint32_t)content->last_day);
    kz_write_u32(writer, content->free_places);
    kz_write_u32(writer, content->calls_due);
    kz_write_u32(writer, content->grants);
}

void kz_bulletin_content_read(struct kz_reader *reader, struct kz_bulletin_content *out)
{
    out->index = kz_read_u64(reader);
    out->birth_year = kz_read_u16(reader);
    out->kind = kz_parts_read_below(reader, KZ_KIND_END);
    out->in_priority = read_bool(reader);
    out->last_day = (int32_t)kz_read_u32(reader);
    out->free_places = kz_read_u32(reader);
    out->calls_due = kz_read_u32(reader);
    out->grants = kz_read_u32(reader);
}

void kz_places_content_write(struct kz_writer *writer, const struct kz_places_content *content)
{
    kz_write_u32(writer, content->kindergarten);
    kz_write_u16(writer, content->birth_year);
    kz_write_u8(writer, content->kind);
    kz_write_u8(writer, content->reported);
    kz_write_u64(writer, content->bulletin);
    kz_write_u32(writer, content->free_places);
}

void kz_places_content_read(struct kz_reader *reader, struct kz_places_content *out)
{
    out->kindergarten = kz_read_u32(reader);
    out->birth_year = kz_read_u16(reader);
    out->kind = kz_parts_read_below(reader, KZ_KIND_END);
    out->reported = read_bool(reader);
    out->bulletin = kz_read_u64(reader);
    out->free_places = kz_read_u32(reader);
}

/* ---- REQUEST, TERRITORY ---- */

void kz_request_content_write(struct kz_writer *writer, const struct kz_request_content *content)
{
    kz_write_u64(writer, content->index);
    kz_write_u8(writer, content->result);
}

void kz_request_content_read(struct kz_reader *reader, struct kz_request_content *out)
{
    out->index = kz_read_u64(reader);
    out->result = kz_parts_read_below(reader, KZ_RESULT_END);
}

void kz_territory_content_write(struct kz_writer *writer,
                                const struct kz_territory_content *content)
{
    const struct kz_policy_fields *policy = &content->policy;

    kz_write_u32(writer, content->territory.territory);
    kz_write_u32(writer, (uint32_t)content->territory.utc_offset_minutes);
    kz_write_u32(writer, (uint32_t)policy->evening);
    kz_write_u32(writer, (uint32_t)policy->morning);
    kz_write_u32(writer, (uint32_t)policy->first_priority);
    kz_write_u32(writer, (uint32_t)policy->general);
    kz_write_u32(writer, (uint32_t)policy->access_days);
    kz_write_u8(writer, policy->access_unit);
    kz_write_u32(writer, (uint32_t)policy->referral_days);
    kz_write_u32(writer, (uint32_t)policy->stop_list_days);
    kz_write_u32(writer, (uint32_t)policy->unused_limit);
    kz_write_u8(writer, policy->register_closed);
    kz_write_u16(writer, content->territory.name.size);
    kz_write_bytes(writer, content->territory.name.bytes, content->territory.name.size);
}

void kz_territory_content_read(struct kz_reader *reader, struct kz_territory_content *out)
{
    *out = (struct kz_territory_content){0};
    out->territory.territory = kz_read_u32(reader);
    out->policy.territory = out->territory.territory;
    out->territory.utc_offset_minutes = (int32_t)kz_read_u32(reader);
    out->policy.evening = (int32_t)kz_read_u32(reader);
    out->policy.morning = (int32_t)kz_read_u32(reader);
    out->policy.first_priority = (int32_t)kz_read_u32(reader);
    out->policy.general = (int32_t)kz_read_u32(reader);
    out->policy.access_days = (int32_t)kz_read_u32(reader);
    out->policy.access_unit = kz_parts_read_below(reader, KZ_ACCESS_UNIT_END);
    out->policy.referral_days = (int32_t)kz_read_u32(reader);
    out->policy.stop_list_days = (int32_t)kz_read_u32(reader);
    out->policy.unused_limit = (int32_t)kz_read_u32(reader);
    out->policy.register_closed = read_bool(reader);
    uint16_t size = kz_read_u16(reader);
    const char *name = (const char *)kz_read_bytes(reader, size);
    if (name == NULL || size > KZ_TEXT_SIZE_MAX || !kz_utf8_is_text(name, size)) {
        reader->failed = true;
        return;
    }
    out->territory.name = (struct kz_text){name, size};
}
