/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lines/lines.h"
#include "client/lines/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static_assert(KZ_TEXT_SIZE_MAX <= KZ_LINE_TEXTS_SIZE, "a line keeps the longest text");

struct parser {
    const json_t *json;
    size_t taken; /* how many of its keys were asked for: the others are unknown */
    struct kz_line *line;
    size_t texts_size; /* of line->texts, used */
    struct kz_error *error;
};

static const json_t *take(struct parser *parser, const char *key)
{
    const json_t *value = json_object_get(parser->json, key);
    if (value != NULL) parser->taken++;
    return value;
}

/* Moves a text into the line, because JSON's own goes with it. */
static void keep_text(struct parser *parser, struct kz_text *text)
{
    char *kept = parser->line->texts + parser->texts_size;
    memcpy(kept, text->bytes, text->size);
    parser->texts_size += text->size;
    text->bytes = kept;
}

/* ---- Fields ---- */

static enum kz_status read_text(struct parser *parser, const char *name, const json_t *value,
                                struct kz_text *out_text)
{
    enum kz_status status = kz_value_text(name, value, out_text, parser->error);
    if (status == KZ_OK) keep_text(parser, out_text);
    return status;
}

enum member_key { MEMBER_ID, MEMBER_PEER, MEMBER_CLIENT, MEMBER_ROLE, MEMBER_KEY_END };

static const char *const member_keys[MEMBER_KEY_END] = {"id", "peer", "client", "role"};

static enum kz_status read_address(struct parser *parser, const char *name, const json_t *value,
                                   struct kz_text *out_text)
{
    enum kz_status status = kz_value_address(name, value, out_text, parser->error);
    if (status == KZ_OK) keep_text(parser, out_text);
    return status;
}

static enum kz_status read_member_key(struct parser *parser, enum member_key key, const char *name,
                                      const json_t *value, struct kz_member *member)
{
    enum kz_status status = KZ_OK;
    int64_t id = 0;

    switch (key) {
    case MEMBER_ID:
        status = kz_value_number(name, value, 0, INT64_MAX, &id, parser->error);
        member->id = (uint64_t)id;
        return status;
    case MEMBER_PEER: return read_address(parser, name, value, &member->peer);
    case MEMBER_CLIENT: return read_address(parser, name, value, &member->client);
    case MEMBER_ROLE:
        return kz_value_word(name, value, &kz_member_role_words, &member->role, parser->error);
    case MEMBER_KEY_END: break;
    }
    return KZ_MALFORMED;
}

static enum kz_status read_member(struct parser *parser, unsigned i, const json_t *json,
                                  struct kz_member *member)
{
    char name[32];

    (void)snprintf(name, sizeof name, "members[%u]", i);
    if (!json_is_object(json) || json_object_size(json) > MEMBER_KEY_END)
        return kz_value_fail(name, json, "an object of id, peer, client and role", parser->error);

    for (enum member_key key = 0; key < MEMBER_KEY_END; key++) {
        (void)snprintf(name, sizeof name, "members[%u].%s", i, member_keys[key]);
        const json_t *value = json_object_get(json, member_keys[key]);
        if (value == NULL) return kz_value_fail_missing(name, parser->error);
        enum kz_status status = read_member_key(parser, key, name, value, member);
        if (status != KZ_OK) return status;
    }
    return KZ_OK;
}

static enum kz_status read_members(struct parser *parser, const char *name, const json_t *value)
{
    struct kz_membership_fields *membership = &parser->line->entry.membership;

    if (!json_is_array(value) || json_array_size(value) > KZ_MEMBERS_MAX)
        return kz_value_fail(name, value, "a list of at most 16 members", parser->error);
    membership->count = (uint8_t)json_array_size(value);
    for (unsigned i = 0; i < membership->count; i++) {
        enum kz_status status =
            read_member(parser, i, json_array_get(value, i), &membership->members[i]);
        if (status != KZ_OK) return status;
    }
    return KZ_OK;
}

static enum kz_status read_field(struct parser *parser, const struct kz_field *field,
                                 const json_t *value)
{
    struct kz_entry *entry = &parser->line->entry;
    struct kz_error *error = parser->error;
    const char *name = field->name;
    void *member = (uint8_t *)entry + field->offset;
    enum kz_status status = KZ_OK;
    int64_t number = 0;

    switch (field->form) {
    case KZ_FORM_U16:
        status = kz_value_number(name, value, 0, UINT16_MAX, &number, error);
        *(uint16_t *)member = (uint16_t)number;
        return status;
    case KZ_FORM_U32:
        status = kz_value_number(name, value, 0, UINT32_MAX, &number, error);
        *(uint32_t *)member = (uint32_t)number;
        return status;
    case KZ_FORM_U64:
        status = kz_value_number(name, value, 0, INT64_MAX, &number, error);
        *(uint64_t *)member = (uint64_t)number;
        return status;
    case KZ_FORM_I32:
        status = kz_value_number(name, value, INT32_MIN, INT32_MAX, &number, error);
        *(int32_t *)member = (int32_t)number;
        return status;
    case KZ_FORM_TIME:
        entry->application.has_applied_at = true;
        return kz_value_number(name, value, INT64_MIN, INT64_MAX, member, error);
    case KZ_FORM_BOOL: return kz_value_bool(name, value, member, error);
    case KZ_FORM_WORD: return kz_value_word(name, value, field->words, member, error);
    case KZ_FORM_DATE: return kz_value_date(name, value, member, error);
    case KZ_FORM_HOUR: return kz_value_hour(name, value, member, error);
    case KZ_FORM_ID: return kz_value_hex(name, value, member, KZ_ID_SIZE, error);
    case KZ_FORM_HASH: return kz_value_hex(name, value, member, KZ_HASH_SIZE, error);
    case KZ_FORM_TEXT: return read_text(parser, name, value, member);
    case KZ_FORM_MEMBERS: return read_members(parser, name, value);
    }
    return KZ_MALFORMED;
}

static bool may_be_missing(const struct kz_field *field)
{
    return field->form == KZ_FORM_TIME || field->form == KZ_FORM_MEMBERS;
}

static enum kz_status read_fields(struct parser *parser)
{
    const struct kz_schema *schema = kz_schema_of(parser->line->entry.type);

    for (unsigned i = 0; i < schema->count; i++) {
        const struct kz_field *field = &schema->fields[i];
        const json_t *value = take(parser, field->name);
        if (value == NULL && may_be_missing(field)) continue;
        if (value == NULL) return kz_value_fail_missing(field->name, parser->error);
        enum kz_status status = read_field(parser, field, value);
        if (status != KZ_OK) return status;
    }
    return KZ_OK;
}

/* ---- What every type has ---- */

/* Reads a number that may be missing: 0 then. */
static enum kz_status read_number(struct parser *parser, const char *name, int64_t min, int64_t max,
                                  int64_t *out_number)
{
    const json_t *value = take(parser, name);
    *out_number = 0;
    if (value == NULL) return KZ_OK;
    return kz_value_number(name, value, min, max, out_number, parser->error);
}

static enum kz_status read_numbers(struct parser *parser, enum kz_line_mode mode)
{
    struct kz_line *line = parser->line;
    int64_t index = 0;
    int64_t term = 0;
    int64_t actor = 0;

    enum kz_status status = read_number(parser, "index", 1, INT64_MAX, &index);
    if (status == KZ_OK) status = read_number(parser, "term", 1, INT64_MAX, &term);
    if (status == KZ_OK) status = read_number(parser, "time", 0, INT64_MAX, &line->entry.time);
    if (status == KZ_OK) status = read_number(parser, "actor", 0, UINT32_MAX, &actor);
    if (status != KZ_OK) return status;
    if (mode == KZ_LINE_LEDGER && json_object_get(parser->json, "time") == NULL)
        return kz_value_fail_missing("time", parser->error);

    line->index = (uint64_t)index;
    line->term = (uint64_t)term;
    line->entry.actor = (uint32_t)actor;
    return KZ_OK;
}

static enum kz_status read_common(struct parser *parser, enum kz_line_mode mode)
{
    struct kz_line *line = parser->line;
    enum kz_status status = read_numbers(parser, mode);
    if (status != KZ_OK) return status;

    const json_t *request = take(parser, "request");
    if (request != NULL)
        status = kz_value_hex("request", request, line->entry.request, KZ_ID_SIZE, parser->error);
    if (status != KZ_OK) return status;

    const json_t *result = take(parser, "result");
    uint8_t number = KZ_RESULT_NONE;
    if (result != NULL)
        status = kz_value_word("result", result, &kz_result_words, &number, parser->error);
    line->result = (enum kz_result)number;
    return status;
}

static enum kz_status read_type(struct parser *parser, enum kz_entry_type *out_type)
{
    const json_t *value = take(parser, "type");
    uint8_t number = 0;

    if (value == NULL) return kz_value_fail_missing("type", parser->error);
    enum kz_status status =
        kz_value_word("type", value, &kz_entry_type_words, &number, parser->error);
    *out_type = (enum kz_entry_type)number;
    return status;
}

static bool is_known(const char *key, const struct kz_schema *schema)
{
    static const char *const common[] = {"index", "term",   "time", "request",
                                         "actor", "result", "type"};

    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        if (strcmp(key, common[i]) == 0) return true;
    }
    for (unsigned i = 0; i < schema->count; i++) {
        if (strcmp(key, schema->fields[i].name) == 0) return true;
    }
    return false;
}

/* Names the first key that nothing asked for; there is one. */
static enum kz_status fail_unknown(struct parser *parser)
{
    enum kz_entry_type type = parser->line->entry.type;
    json_t *json = (json_t *)(uintptr_t)parser->json; /* jansson's iterators are not const */
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(json, key, value)
    {
        if (!is_known(key, kz_schema_of(type))) break;
    }
    return kz_value_fail_unknown(key, type, parser->error);
}

/* ---- The line ---- */

enum kz_status kz_line_from_json(const struct json_t *json, enum kz_line_mode mode,
                                 struct kz_line *line, struct kz_error *error)
{
    struct parser parser = {.json = json, .line = line, .error = error};
    enum kz_entry_type type = KZ_ENTRY_TYPE_END;

    if (!json_is_object(json)) return kz_value_fail("line", json, "an object", error);
    enum kz_status status = read_type(&parser, &type);
    if (status != KZ_OK) return status;

    memset(&line->entry, 0, kz_schema_of(type)->entry_size);
    line->entry.type = type;
    status = read_common(&parser, mode);
    if (status == KZ_OK) status = read_fields(&parser);
    if (status != KZ_OK) return status;
    return parser.taken == json_object_size(json) ? KZ_OK : fail_unknown(&parser);
}

enum kz_status kz_line_parse(const char *text, size_t size, enum kz_line_mode mode,
                             struct kz_line *line, struct kz_error *error)
{
    if (size > KZ_LINE_INPUT_SIZE_MAX)
        return kz_error_set(error, KZ_TOO_LARGE,
                            "a line has at most %d bytes, and this one has more",
                            KZ_LINE_INPUT_SIZE_MAX);

    json_error_t reason;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &reason);
    if (json == NULL)
        return kz_error_set(error, KZ_MALFORMED, "not JSON at byte %d: %s", reason.position,
                            reason.text);

    enum kz_status status = kz_line_from_json(json, mode, line, error);
    json_decref(json);
    return status;
}
