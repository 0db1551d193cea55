/* SPDX-License-Identifier: Apache-2.0 */
/* Written by hand because an export writes millions of lines; strings are escaped exactly as
 * jansson's compact dumps escape them (a test compares). No bounds are checked on the way: what has
 * a record fits KZ_LINE_SIZE_MAX, by the sizes asserted here. */
#include "client/lines/lines.h"

#include "statemachine/base/assert.h"
#include "statemachine/record/date.h"

#include <assert.h>
#include <string.h>

/* Of the common keys with their values, and of one member with its keys: generous bounds. */
#define COMMON_SIZE_MAX 512
#define MEMBER_SIZE_MAX (128 + 2 * 2 * KZ_ADDRESS_SIZE_MAX)
#define ESCAPE_SIZE_MAX 6 /* \u001F */

static_assert(COMMON_SIZE_MAX + ESCAPE_SIZE_MAX * KZ_TEXT_SIZE_MAX <= KZ_LINE_SIZE_MAX,
              "the longest text fits a line");
static_assert(COMMON_SIZE_MAX + KZ_MEMBERS_MAX * MEMBER_SIZE_MAX <= KZ_LINE_SIZE_MAX,
              "the largest membership fits a line");

/* Each put_…() writes at OUT and returns the place behind what it wrote, as stpcpy() does. */

static char *put_unsigned(char *out, uint64_t value)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(out, digits + first, sizeof digits - first);
    return out + (sizeof digits - first);
}

static char *put_signed(char *out, int64_t value)
{
    if (value >= 0) return put_unsigned(out, (uint64_t)value);
    *out++ = '-';
    return put_unsigned(out, 0 - (uint64_t)value);
}

static char *put_quoted(char *out, const char *string)
{
    *out++ = '"';
    out = stpcpy(out, string);
    *out++ = '"';
    return out;
}

static char *put_hex(char *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    *out++ = '"';
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out++ = '"';
    return out;
}

static char *put_escape(char *out, char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    *out++ = '\\';
    switch (byte) {
    case '"':
    case '\\': *out++ = byte; return out;
    case '\b': *out++ = 'b'; return out;
    case '\f': *out++ = 'f'; return out;
    case '\n': *out++ = 'n'; return out;
    case '\r': *out++ = 'r'; return out;
    case '\t': *out++ = 't'; return out;
    default: break;
    }
    out = stpcpy(out, "u00");
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}

static char *put_text(char *out, struct kz_text text)
{
    KZ_ASSERT(text.size <= KZ_TEXT_SIZE_MAX);
    *out++ = '"';
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.bytes[i];
        bool plain = (unsigned char)byte >= ' ' && byte != '"' && byte != '\\';
        if (plain) {
            *out++ = byte;
        } else {
            out = put_escape(out, byte);
        }
    }
    *out++ = '"';
    return out;
}

static char *put_date(char *out, int32_t date)
{
    char text[KZ_DATE_TEXT_SIZE];
    kz_date_format(date, text);
    return put_quoted(out, text);
}

static char *put_hour(char *out, int32_t minutes)
{
    char text[KZ_HOUR_TEXT_SIZE];
    kz_hour_format(minutes, text);
    return put_quoted(out, text);
}

static char *put_member(char *out, const struct kz_member *member)
{
    KZ_ASSERT(member->peer.size <= KZ_ADDRESS_SIZE_MAX);
    KZ_ASSERT(member->client.size <= KZ_ADDRESS_SIZE_MAX);
    out = put_unsigned(stpcpy(out, "{\"id\":"), member->id);
    out = put_text(stpcpy(out, ",\"peer\":"), member->peer);
    out = put_text(stpcpy(out, ",\"client\":"), member->client);
    out = put_quoted(stpcpy(out, ",\"role\":"), kz_word(&kz_member_role_words, member->role));
    *out++ = '}';
    return out;
}

static char *put_members(char *out, const struct kz_membership_fields *membership)
{
    KZ_ASSERT(membership->count <= KZ_MEMBERS_MAX);
    *out++ = '[';
    for (unsigned i = 0; i < membership->count; i++) {
        if (i > 0) *out++ = ',';
        out = put_member(out, &membership->members[i]);
    }
    *out++ = ']';
    return out;
}

static char *put_value(char *out, const struct kz_entry *entry, const struct kz_field *field)
{
    const void *member = (const uint8_t *)entry + field->offset;

    switch (field->form) {
    case KZ_FORM_U16: return put_unsigned(out, *(const uint16_t *)member);
    case KZ_FORM_U32: return put_unsigned(out, *(const uint32_t *)member);
    case KZ_FORM_U64: return put_unsigned(out, *(const uint64_t *)member);
    case KZ_FORM_I32: return put_signed(out, *(const int32_t *)member);
    case KZ_FORM_BOOL: return stpcpy(out, *(const bool *)member ? "true" : "false");
    case KZ_FORM_WORD: return put_quoted(out, kz_word(field->words, *(const uint8_t *)member));
    case KZ_FORM_DATE: return put_date(out, *(const int32_t *)member);
    case KZ_FORM_HOUR: return put_hour(out, *(const int32_t *)member);
    case KZ_FORM_TIME: return put_signed(out, *(const int64_t *)member);
    case KZ_FORM_ID: return put_hex(out, member, KZ_ID_SIZE);
    case KZ_FORM_HASH: return put_hex(out, member, KZ_HASH_SIZE);
    case KZ_FORM_TEXT: return put_text(out, *(const struct kz_text *)member);
    case KZ_FORM_MEMBERS: return put_members(out, &entry->membership);
    }
    return out;
}

static bool has_value(const struct kz_entry *entry, const struct kz_field *field)
{
    return field->form != KZ_FORM_TIME || entry->application.has_applied_at;
}

static bool shows_actor(const struct kz_entry *entry)
{
    return entry->actor != 0 || !(kz_type_is_clock(entry->type) || kz_type_is_cluster(entry->type));
}

static char *put_key(char *out, const char *name)
{
    *out++ = ',';
    out = put_quoted(out, name);
    *out++ = ':';
    return out;
}

static char *put_fields(char *out, const struct kz_entry *entry)
{
    const struct kz_schema *schema = kz_schema_of(entry->type);

    for (unsigned i = 0; i < schema->count; i++) {
        const struct kz_field *field = &schema->fields[i];
        if (has_value(entry, field)) out = put_value(put_key(out, field->name), entry, field);
    }
    return out;
}

size_t kz_line_format(uint64_t index, uint64_t term, const struct kz_entry *entry,
                      enum kz_result result, char out[static KZ_LINE_SIZE_MAX])
{
    char *next = out;

    if (index > 0) next = put_unsigned(put_key(next, "index"), index);
    if (term > 0) next = put_unsigned(put_key(next, "term"), term);
    next = put_signed(put_key(next, "time"), entry->time);
    if (kz_has_request(entry->request))
        next = put_hex(put_key(next, "request"), entry->request, KZ_ID_SIZE);
    if (shows_actor(entry)) next = put_unsigned(put_key(next, "actor"), entry->actor);
    next = put_quoted(put_key(next, "type"), kz_word(&kz_entry_type_words, entry->type));
    next = put_fields(next, entry);
    if (result != KZ_RESULT_NONE)
        next = put_quoted(put_key(next, "result"), kz_word(&kz_result_words, result));
    out[0] = '{'; /* in place of the first key's comma */
    *next++ = '}';
    *next = '\0';
    return (size_t)(next - out);
}

size_t kz_line_format_value(const struct kz_entry *entry, const struct kz_field *field,
                            char out[static KZ_LINE_SIZE_MAX])
{
    char *next = has_value(entry, field) ? put_value(out, entry, field) : out;
    *next = '\0';
    return (size_t)(next - out);
}
