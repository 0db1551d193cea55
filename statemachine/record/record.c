/* SPDX-License-Identifier: Apache-2.0 */
/* The codec: one walk over a type's fields (schema.h) with two cursors, `fixed` in the part whose
 * size the type alone decides, `tail` in the texts and lists behind it. So every field of a fixed
 * size has a fixed offset. What an encoder lets through is what a decoder accepts: both ask the
 * same checks. */
#include "statemachine/record/record.h"

#include "statemachine/base/bytes.h"
#include "statemachine/base/utf8.h"
#include "statemachine/record/date.h"
#include "statemachine/record/schema.h"

#include <assert.h>

#define VERSION_OFFSET 0
#define TYPE_OFFSET    1
#define FLAGS_OFFSET   2
#define TIME_OFFSET    4

#define FLAG_APPLIED_AT 1

#define MEMBER_SIZE_MAX (8 + 1 + 2 * (1 + KZ_ADDRESS_SIZE_MAX))

static_assert(KZ_APPLICATION_SIZE ==
                  KZ_RECORD_HEADER_SIZE + 4 + 2 + 1 + 1 + 2 * KZ_ID_SIZE + KZ_HASH_SIZE + 8,
              "an application's record is one 128-byte leaf with its prefix and padding");
static_assert(KZ_RECORD_HEADER_SIZE + 1 + KZ_MEMBERS_MAX * MEMBER_SIZE_MAX <= KZ_RECORD_SIZE_MAX,
              "the largest membership is a record");
static_assert(KZ_APPLICATION_SIZE + 2 + KZ_TEXT_SIZE_MAX <= KZ_RECORD_SIZE_MAX,
              "the largest text is a record");

/* ---- What both sides check ---- */

static bool is_date(int32_t date)
{
    return date >= KZ_DATE_FIRST && date <= KZ_DATE_LAST;
}

static bool is_hour(int32_t minutes)
{
    return minutes >= 0 && minutes <= KZ_HOUR_LAST;
}

static bool is_name(struct kz_text text)
{
    return text.size <= KZ_TEXT_SIZE_MAX && kz_utf8_is_text(text.bytes, text.size);
}

static bool is_address(struct kz_text text)
{
    return text.size <= KZ_ADDRESS_SIZE_MAX && kz_utf8_is_printable(text.bytes, text.size);
}

/* Returns: whether VALUE is one that every JSON reader's integers can hold. */
static bool is_number(uint64_t value)
{
    return value <= INT64_MAX;
}

static bool is_member(const struct kz_member *member)
{
    return is_number(member->id) && kz_word_exists(&kz_member_role_words, member->role) &&
           is_address(member->peer) && is_address(member->client);
}

/* Returns: whether applied_at and what says that it is there agree. */
static bool is_applied_at(const struct kz_application_fields *fields)
{
    return fields->has_applied_at || fields->applied_at == 0;
}

/* ---- Encoding ---- */

static void write_address(struct kz_writer *tail, struct kz_text text)
{
    kz_write_u8(tail, (uint8_t)text.size);
    kz_write_bytes(tail, text.bytes, text.size);
}

static bool encode_members(const struct kz_membership_fields *membership, struct kz_writer *tail)
{
    if (membership->count > KZ_MEMBERS_MAX) return false;

    kz_write_u8(tail, membership->count);
    for (unsigned i = 0; i < membership->count; i++) {
        const struct kz_member *member = &membership->members[i];
        if (!is_member(member)) return false;
        kz_write_u64(tail, member->id);
        kz_write_u8(tail, member->role);
        write_address(tail, member->peer);
        write_address(tail, member->client);
    }
    return true;
}

static bool encode_text(struct kz_text text, struct kz_writer *tail)
{
    kz_write_u16(tail, text.size);
    kz_write_bytes(tail, text.bytes, text.size);
    return is_name(text);
}

/* Returns: whether the field has a value that a record can carry. */
static bool encode_field(const struct kz_field *field, const struct kz_entry *entry,
                         struct kz_writer *fixed, struct kz_writer *tail)
{
    const void *member = (const uint8_t *)entry + field->offset;

    switch (field->form) {
    case KZ_FORM_U16: kz_write_u16(fixed, *(const uint16_t *)member); return true;
    case KZ_FORM_U32: kz_write_u32(fixed, *(const uint32_t *)member); return true;
    case KZ_FORM_I32: kz_write_u32(fixed, (uint32_t) * (const int32_t *)member); return true;
    case KZ_FORM_U64:
        kz_write_u64(fixed, *(const uint64_t *)member);
        return is_number(*(const uint64_t *)member);
    case KZ_FORM_BOOL: kz_write_u8(fixed, *(const bool *)member); return true;
    case KZ_FORM_WORD:
        kz_write_u8(fixed, *(const uint8_t *)member);
        return kz_word_exists(field->words, *(const uint8_t *)member);
    case KZ_FORM_DATE:
        kz_write_u32(fixed, (uint32_t) * (const int32_t *)member);
        return is_date(*(const int32_t *)member);
    case KZ_FORM_HOUR:
        kz_write_u32(fixed, (uint32_t) * (const int32_t *)member);
        return is_hour(*(const int32_t *)member);
    case KZ_FORM_TIME:
        kz_write_u64(fixed, (uint64_t)entry->application.applied_at);
        return is_applied_at(&entry->application);
    case KZ_FORM_ID: kz_write_bytes(fixed, member, KZ_ID_SIZE); return true;
    case KZ_FORM_HASH: kz_write_bytes(fixed, member, KZ_HASH_SIZE); return true;
    case KZ_FORM_TEXT: return encode_text(*(const struct kz_text *)member, tail);
    case KZ_FORM_MEMBERS: return encode_members(&entry->membership, tail);
    }
    return false;
}

static uint16_t flags_of(const struct kz_entry *entry)
{
    bool has_applied_at = entry->type == KZ_APPLICATION && entry->application.has_applied_at;
    return has_applied_at ? FLAG_APPLIED_AT : 0;
}

static void encode_header(const struct kz_entry *entry, struct kz_writer *fixed)
{
    kz_write_u8(fixed, KZ_RECORD_VERSION);
    kz_write_u8(fixed, (uint8_t)entry->type);
    kz_write_u16(fixed, flags_of(entry));
    kz_write_u64(fixed, (uint64_t)entry->time);
    kz_write_bytes(fixed, entry->request, KZ_ID_SIZE);
    kz_write_u32(fixed, entry->actor);
}

size_t kz_record_encode(const struct kz_entry *entry, uint8_t *out, size_t capacity)
{
    if (!kz_word_exists(&kz_entry_type_words, entry->type) || entry->time < 0) return 0;

    const struct kz_schema *schema = kz_schema_of(entry->type);
    if (capacity < schema->record_size) return 0;

    struct kz_writer fixed = kz_writer_init(out, schema->record_size);
    struct kz_writer tail =
        kz_writer_init(out + schema->record_size, capacity - schema->record_size);
    encode_header(entry, &fixed);
    for (unsigned i = 0; i < schema->count; i++) {
        if (!encode_field(&schema->fields[i], entry, &fixed, &tail)) return 0;
    }
    return tail.failed ? 0 : schema->record_size + kz_writer_size(&tail);
}

/* ---- Decoding ---- */

static struct kz_text read_text(struct kz_reader *tail, uint16_t size)
{
    return (struct kz_text){(const char *)kz_read_bytes(tail, size), size};
}

static bool decode_members(struct kz_reader *tail, struct kz_membership_fields *membership)
{
    membership->count = kz_read_u8(tail);
    if (membership->count > KZ_MEMBERS_MAX) return false;

    for (unsigned i = 0; i < membership->count; i++) {
        struct kz_member *member = &membership->members[i];
        member->id = kz_read_u64(tail);
        member->role = kz_read_u8(tail);
        member->peer = read_text(tail, kz_read_u8(tail));
        member->client = read_text(tail, kz_read_u8(tail));
        if (tail->failed || !is_member(member)) return false;
    }
    return true;
}

static bool decode_text(struct kz_reader *tail, struct kz_text *text)
{
    *text = read_text(tail, kz_read_u16(tail));
    return !tail->failed && is_name(*text);
}

static bool decode_bool(uint8_t byte, bool *value)
{
    *value = byte == 1;
    return byte <= 1;
}

/* Returns: whether the field has a form that a record may have. */
static bool decode_field(const struct kz_field *field, struct kz_reader *fixed,
                         struct kz_reader *tail, struct kz_entry *entry)
{
    void *member = (uint8_t *)entry + field->offset;

    switch (field->form) {
    case KZ_FORM_U16: *(uint16_t *)member = kz_read_u16(fixed); return true;
    case KZ_FORM_U32: *(uint32_t *)member = kz_read_u32(fixed); return true;
    case KZ_FORM_I32: *(int32_t *)member = (int32_t)kz_read_u32(fixed); return true;
    case KZ_FORM_U64:
        *(uint64_t *)member = kz_read_u64(fixed);
        return is_number(*(uint64_t *)member);
    case KZ_FORM_BOOL: return decode_bool(kz_read_u8(fixed), member);
    case KZ_FORM_WORD:
        *(uint8_t *)member = kz_read_u8(fixed);
        return kz_word_exists(field->words, *(uint8_t *)member);
    case KZ_FORM_DATE:
        *(int32_t *)member = (int32_t)kz_read_u32(fixed);
        return is_date(*(int32_t *)member);
    case KZ_FORM_HOUR:
        *(int32_t *)member = (int32_t)kz_read_u32(fixed);
        return is_hour(*(int32_t *)member);
    case KZ_FORM_TIME:
        entry->application.applied_at = (int64_t)kz_read_u64(fixed);
        return is_applied_at(&entry->application);
    case KZ_FORM_ID: memcpy(member, kz_read_bytes(fixed, KZ_ID_SIZE), KZ_ID_SIZE); return true;
    case KZ_FORM_HASH:
        memcpy(member, kz_read_bytes(fixed, KZ_HASH_SIZE), KZ_HASH_SIZE);
        return true;
    case KZ_FORM_TEXT: return decode_text(tail, member);
    case KZ_FORM_MEMBERS: return decode_members(tail, &entry->membership);
    }
    return false;
}

/* Returns: whether the header behind version and type has a form that a record may have. */
static bool decode_header(struct kz_reader *fixed, struct kz_entry *entry)
{
    uint16_t flags = kz_read_u16(fixed);
    entry->time = (int64_t)kz_read_u64(fixed);
    memcpy(entry->request, kz_read_bytes(fixed, KZ_ID_SIZE), KZ_ID_SIZE);
    entry->actor = kz_read_u32(fixed);

    if (entry->type == KZ_APPLICATION) {
        entry->application.has_applied_at = (flags & FLAG_APPLIED_AT) != 0;
        flags &= (uint16_t)~FLAG_APPLIED_AT;
    }
    return flags == 0 && entry->time >= 0;
}

enum kz_status kz_record_decode(const uint8_t *record, size_t size, struct kz_entry *out_entry)
{
    if (size <= TYPE_OFFSET || record[VERSION_OFFSET] == 0) return KZ_MALFORMED;
    if (record[VERSION_OFFSET] > KZ_RECORD_VERSION) return KZ_NEWER;
    if (!kz_word_exists(&kz_entry_type_words, record[TYPE_OFFSET])) return KZ_NEWER;

    enum kz_entry_type type = kz_record_type(record);
    const struct kz_schema *schema = kz_schema_of(type);
    if (size < schema->record_size) return KZ_MALFORMED;

    /* The fields of a fixed size are all there from here on: only `tail` can fail. */
    struct kz_reader fixed =
        kz_reader_init(record + FLAGS_OFFSET, schema->record_size - FLAGS_OFFSET);
    struct kz_reader tail =
        kz_reader_init(record + schema->record_size, size - schema->record_size);
    struct kz_entry entry;
    memset(&entry, 0, schema->entry_size);
    entry.type = type;
    entry.record = record;
    entry.record_size = (uint32_t)size;
    if (!decode_header(&fixed, &entry)) return KZ_MALFORMED;
    for (unsigned i = 0; i < schema->count; i++) {
        if (!decode_field(&schema->fields[i], &fixed, &tail, &entry)) return KZ_MALFORMED;
    }
    if (!kz_reader_done(&fixed) || !kz_reader_done(&tail)) return KZ_MALFORMED;

    memcpy(out_entry, &entry, schema->entry_size);
    return KZ_OK;
}

/* ---- The header alone ---- */

enum kz_entry_type kz_record_type(const uint8_t *record)
{
    return (enum kz_entry_type)record[TYPE_OFFSET];
}

int64_t kz_record_time(const uint8_t *record)
{
    return (int64_t)kz_get_u64(record + TIME_OFFSET);
}

void kz_record_set_time(uint8_t *record, int64_t time)
{
    kz_put_u64(record + TIME_OFFSET, (uint64_t)time);
}

bool kz_has_request(const uint8_t request[static KZ_ID_SIZE])
{
    static const uint8_t none[KZ_ID_SIZE];
    return memcmp(request, none, KZ_ID_SIZE) != 0;
}

bool kz_type_is_clock(enum kz_entry_type type)
{
    return type >= KZ_PUBLISH && type <= KZ_GRANT;
}

bool kz_type_is_cluster(enum kz_entry_type type)
{
    return type >= KZ_MEMBERSHIP && type < KZ_ENTRY_TYPE_END;
}
