/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lines/value.h"

#include "statemachine/base/utf8.h"
#include "statemachine/record/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALLOWED_SIZE 384 /* of "one of …" with all entry types */
#define SHOWN_SIZE   48  /* of a value in an error */

/* ---- Errors ---- */

/* Text for an error, cut at a character's end to what fits. */
struct shown {
    char text[SHOWN_SIZE + sizeof "…"];
    size_t size;
};

/* Takes what fits of the next SIZE bytes. Returns: 0; -1 when it did not all fit. */
static int show_part(const char *bytes, size_t size, void *context)
{
    struct shown *shown = context;
    size_t room = SHOWN_SIZE - shown->size;
    size_t count = size < room ? size : room;

    memcpy(shown->text + shown->size, bytes, count);
    shown->size += count;
    if (count == size) return 0;

    /* The last character may not be whole: back to where it begins. */
    while ((shown->text[shown->size - 1] & 0xc0) == 0x80)
        shown->size--;
    if ((shown->text[shown->size - 1] & 0xc0) == 0xc0) shown->size--;
    memcpy(shown->text + shown->size, "…", sizeof "…");
    return -1;
}

enum kz_status kz_value_fail(const char *name, const json_t *value, const char *allowed,
                             struct kz_error *error)
{
    struct shown shown = {.size = 0};
    (void)json_dump_callback(value, show_part, &shown, JSON_COMPACT | JSON_ENCODE_ANY);
    return kz_error_set(error, KZ_MALFORMED, "\"%s\": %s is not %s", name, shown.text, allowed);
}

enum kz_status kz_value_fail_missing(const char *name, struct kz_error *error)
{
    return kz_error_set(error, KZ_MALFORMED, "\"%s\" is missing", name);
}

enum kz_status kz_value_fail_unknown(const char *key, enum kz_entry_type type,
                                     struct kz_error *error)
{
    struct shown shown = {.size = 0};
    (void)show_part(key, strlen(key), &shown);
    return kz_error_set(error, KZ_MALFORMED, "\"%s\" is no field of an entry of type \"%s\"",
                        shown.text, kz_word(&kz_entry_type_words, type));
}

static enum kz_status fail_word(const char *name, const json_t *value, const struct kz_words *words,
                                struct kz_error *error)
{
    char allowed[ALLOWED_SIZE];
    size_t size = 0;

    for (unsigned number = 0; number < words->count; number++) {
        if (!kz_word_exists(words, number)) continue;
        size += (size_t)snprintf(allowed + size, sizeof allowed - size, "%s%s",
                                 size == 0 ? "one of " : ", ", kz_word(words, number));
    }
    return kz_value_fail(name, value, allowed, error);
}

/* ---- Values ---- */

enum kz_status kz_value_number(const char *name, const json_t *value, int64_t min, int64_t max,
                               int64_t *out_number, struct kz_error *error)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < min || number > max) {
        char allowed[ALLOWED_SIZE];
        (void)snprintf(allowed, sizeof allowed, "a whole number from %" PRId64 " to %" PRId64, min,
                       max);
        return kz_value_fail(name, value, allowed, error);
    }
    *out_number = number;
    return KZ_OK;
}

enum kz_status kz_value_bool(const char *name, const json_t *value, bool *out_bool,
                             struct kz_error *error)
{
    if (!json_is_boolean(value)) return kz_value_fail(name, value, "true or false", error);
    *out_bool = json_is_true(value);
    return KZ_OK;
}

enum kz_status kz_value_word(const char *name, const json_t *value, const struct kz_words *words,
                             uint8_t *out_number, struct kz_error *error)
{
    if (!json_is_string(value) ||
        !kz_word_find(words, json_string_value(value), json_string_length(value), out_number))
        return fail_word(name, value, words, error);
    return KZ_OK;
}

enum kz_status kz_value_date(const char *name, const json_t *value, int32_t *out_date,
                             struct kz_error *error)
{
    if (!json_is_string(value) ||
        !kz_date_parse(json_string_value(value), json_string_length(value), out_date))
        return kz_value_fail(name, value, "a date like \"2026-11-23\"", error);
    return KZ_OK;
}

enum kz_status kz_value_hour(const char *name, const json_t *value, int32_t *out_minutes,
                             struct kz_error *error)
{
    if (!json_is_string(value) ||
        !kz_hour_parse(json_string_value(value), json_string_length(value), out_minutes))
        return kz_value_fail(name, value, "an hour like \"18:00\"", error);
    return KZ_OK;
}

#define NO_HEX_DIGIT 16

static unsigned hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') return (unsigned)(digit - '0');
    if (digit >= 'a' && digit <= 'f') return (unsigned)(digit - 'a') + 10;
    if (digit >= 'A' && digit <= 'F') return (unsigned)(digit - 'A') + 10;
    return NO_HEX_DIGIT;
}

static bool is_hex(const json_t *value, size_t size)
{
    if (!json_is_string(value) || json_string_length(value) != size) return false;

    const char *digits = json_string_value(value);
    for (size_t i = 0; i < size; i++) {
        if (hex_value(digits[i]) == NO_HEX_DIGIT) return false;
    }
    return true;
}

enum kz_status kz_value_hex(const char *name, const json_t *value, uint8_t *out_bytes, size_t size,
                            struct kz_error *error)
{
    if (!is_hex(value, 2 * size))
        return kz_value_fail(name, value, size == KZ_ID_SIZE ? "32 hex digits" : "64 hex digits",
                             error);

    const char *digits = json_string_value(value);
    for (size_t i = 0; i < size; i++)
        out_bytes[i] = (uint8_t)(hex_value(digits[2 * i]) << 4 | hex_value(digits[2 * i + 1]));
    return KZ_OK;
}

static struct kz_text text_of(const json_t *value)
{
    return (struct kz_text){json_string_value(value), (uint16_t)json_string_length(value)};
}

enum kz_status kz_value_text(const char *name, const json_t *value, struct kz_text *out_text,
                             struct kz_error *error)
{
    if (!json_is_string(value) || json_string_length(value) > KZ_TEXT_SIZE_MAX ||
        !kz_utf8_is_text(json_string_value(value), json_string_length(value)))
        return kz_value_fail(name, value, "a text of at most 1024 bytes", error);
    *out_text = text_of(value);
    return KZ_OK;
}

enum kz_status kz_value_address(const char *name, const json_t *value, struct kz_text *out_text,
                                struct kz_error *error)
{
    if (!json_is_string(value) || json_string_length(value) > KZ_ADDRESS_SIZE_MAX ||
        !kz_utf8_is_printable(json_string_value(value), json_string_length(value)))
        return kz_value_fail(name, value, "an address of at most 64 bytes", error);
    *out_text = text_of(value);
    return KZ_OK;
}
