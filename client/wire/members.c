/* SPDX-License-Identifier: Apache-2.0 */
#include "client/wire/members.h"

#include "client/wire/parts.h"
#include "statemachine/base/assert.h"

#include <assert.h>

static_assert(KZ_FRAME_HEADER_SIZE + 18 + 2 * KZ_ADDRESS_SIZE_MAX <= KZ_CHANGE_FRAME_SIZE_MAX,
              "the largest CHANGE fits");
static_assert(KZ_FRAME_HEADER_SIZE + 26 + KZ_CHANGE_SENTENCE_SIZE_MAX <= KZ_CHANGE_FRAME_SIZE_MAX,
              "the largest CHANGED fits");

/* ---- Parts ---- */

static struct kz_text read_address(struct kz_reader *reader)
{
    return kz_parts_read_text(reader, kz_read_u8(reader), KZ_ADDRESS_SIZE_MAX);
}

static void write_address(struct kz_writer *writer, struct kz_text address)
{
    KZ_ASSERT(address.size <= KZ_ADDRESS_SIZE_MAX);
    kz_write_u8(writer, (uint8_t)address.size);
    kz_write_bytes(writer, address.bytes, address.size);
}

static void seal(struct kz_writer *writer, uint8_t *frame, uint8_t type, uint64_t tag)
{
    if (writer->failed) return;
    kz_frame_seal(frame, type, tag, (size_t)(writer->next - frame) - KZ_FRAME_HEADER_SIZE);
}

/* ---- CHANGE ---- */

void kz_change_encode(struct kz_writer *writer, uint64_t tag, const struct kz_change *change)
{
    uint8_t *frame = kz_write_room(writer, KZ_FRAME_HEADER_SIZE);
    kz_write_u8(writer, change->what);
    kz_write_u8(writer, 0);
    kz_write_u16(writer, 0);
    kz_write_u32(writer, change->actor);
    kz_write_u64(writer, change->node);
    write_address(writer, change->peer);
    write_address(writer, change->client);
    seal(writer, frame, KZ_MESSAGE_CHANGE, tag);
}

enum kz_status kz_change_decode(const struct kz_frame *frame, struct kz_change *out_change)
{
    struct kz_reader reader = kz_reader_init(frame->body, frame->body_size);
    struct kz_change change = {0};
    change.what = kz_parts_read_below(&reader, KZ_CHANGE_END);
    uint8_t zero = kz_parts_read_below(&reader, 1);
    uint16_t zeros = kz_read_u16(&reader);
    change.actor = kz_read_u32(&reader);
    change.node = kz_read_u64(&reader);
    change.peer = read_address(&reader);
    change.client = read_address(&reader);
    if (frame->type != KZ_MESSAGE_CHANGE || !kz_reader_done(&reader)) return KZ_MALFORMED;
    if (change.what == 0 || zero != 0 || zeros != 0) return KZ_MALFORMED;
    if (change.node == 0 || change.node > INT64_MAX) return KZ_MALFORMED;

    bool adds = change.what == KZ_CHANGE_ADD;
    if ((change.peer.size > 0) != adds || (change.client.size > 0) != adds) return KZ_MALFORMED;
    *out_change = change;
    return KZ_OK;
}

/* ---- CHANGED ---- */

void kz_changed_encode(struct kz_writer *writer, uint64_t tag, const struct kz_changed *changed)
{
    KZ_ASSERT(changed->sentence.size <= KZ_CHANGE_SENTENCE_SIZE_MAX);

    uint8_t *frame = kz_write_room(writer, KZ_FRAME_HEADER_SIZE);
    kz_write_u8(writer, changed->code);
    kz_write_u8(writer, changed->result);
    kz_write_u8(writer, changed->reason);
    kz_write_u8(writer, 0);
    kz_write_u32(writer, changed->retry_ms);
    kz_write_u64(writer, changed->index);
    kz_write_u64(writer, changed->leader);
    kz_write_u16(writer, changed->sentence.size);
    kz_write_bytes(writer, changed->sentence.bytes, changed->sentence.size);
    seal(writer, frame, KZ_MESSAGE_CHANGED, tag);
}

enum kz_status kz_changed_decode(const struct kz_frame *frame, struct kz_changed *out_changed)
{
    struct kz_reader reader = kz_reader_init(frame->body, frame->body_size);
    struct kz_changed changed = {0};
    changed.code = kz_parts_read_below(&reader, KZ_ANSWER_CODE_END);
    changed.result = kz_parts_read_below(&reader, KZ_RESULT_END);
    changed.reason = kz_parts_read_below(&reader, KZ_REASON_END);
    uint8_t zero = kz_parts_read_below(&reader, 1);
    changed.retry_ms = kz_read_u32(&reader);
    changed.index = kz_read_u64(&reader);
    changed.leader = kz_read_u64(&reader);
    changed.sentence =
        kz_parts_read_text(&reader, kz_read_u16(&reader), KZ_CHANGE_SENTENCE_SIZE_MAX);
    if (frame->type != KZ_MESSAGE_CHANGED || !kz_reader_done(&reader) || zero != 0)
        return KZ_MALFORMED;
    if (changed.code == KZ_ANSWER_REPEATED || changed.code == KZ_ANSWER_MALFORMED)
        return KZ_MALFORMED;

    *out_changed = changed;
    return KZ_OK;
}

/* ---- MEMBERS ---- */

static void write_member(struct kz_writer *writer, const struct kz_member_content *content)
{
    kz_write_u64(writer, content->member.id);
    kz_write_u64(writer, content->match);
    kz_write_u8(writer, content->member.role);
    kz_write_u8(writer, content->connected);
    write_address(writer, content->member.peer);
    write_address(writer, content->member.client);
}

static void read_member(struct kz_reader *reader, struct kz_member_content *out)
{
    *out = (struct kz_member_content){.member = {.id = kz_read_u64(reader)}};
    out->match = kz_read_u64(reader);
    out->member.role = kz_parts_read_below(reader, KZ_MEMBER_ROLE_END);
    out->connected = kz_parts_read_below(reader, 2) == 1;
    out->member.peer = read_address(reader);
    out->member.client = read_address(reader);
}

void kz_members_content_write(struct kz_writer *writer, const struct kz_members_content *content)
{
    kz_write_u64(writer, content->node);
    kz_write_u64(writer, content->leader);
    kz_write_u64(writer, content->term);
    kz_write_u64(writer, content->last_index);
    kz_write_u8(writer, content->count);
    for (unsigned i = 0; i < content->count; i++)
        write_member(writer, &content->members[i]);
}

void kz_members_content_read(struct kz_reader *reader, struct kz_members_content *out)
{
    out->node = kz_read_u64(reader);
    out->leader = kz_read_u64(reader);
    out->term = kz_read_u64(reader);
    out->last_index = kz_read_u64(reader);
    out->count = kz_parts_read_below(reader, KZ_MEMBERS_MAX + 1);
    for (unsigned i = 0; i < out->count && !reader->failed; i++)
        read_member(reader, &out->members[i]);
}
