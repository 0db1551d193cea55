/* SPDX-License-Identifier: Apache-2.0 */
/* A command under construction: a JSON object that the reader of lines judges as a whole, so that a
 * library's caller, a command line and a file are told the same things in the same words. */
#include "client/lib/client.h"
#include "client/lines/lines.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kezek_command {
    enum kz_entry_type type;
    json_t *object;
};

struct kezek_command *kezek_command_create(const char *type, struct kezek_error *error)
{
    uint8_t number;
    if (!kz_word_find(&kz_entry_type_words, type, strlen(type), &number)) {
        (void)kz_fail(error, KEZEK_USAGE, "\"%s\" is no type of entry", type);
        return NULL;
    }
    if (kz_type_is_clock(number) || kz_type_is_cluster(number)) {
        (void)kz_fail(error, KEZEK_USAGE, "a \"%s\" is written by the cluster alone", type);
        return NULL;
    }
    struct kezek_command *command = calloc(1, sizeof *command);
    json_t *object = json_pack("{s:s}", "type", type);
    if (command == NULL || object == NULL) {
        json_decref(object);
        free(command);
        (void)kz_fail(error, KEZEK_NO_MEMORY, "out of memory for a command");
        return NULL;
    }
    *command = (struct kezek_command){number, object};
    return command;
}

void kezek_command_destroy(struct kezek_command *command)
{
    if (command == NULL) return;
    json_decref(command->object);
    free(command);
}

static const struct kz_field *find_field(enum kz_entry_type type, const char *name)
{
    const struct kz_schema *schema = kz_schema_of(type);

    for (unsigned i = 0; i < schema->count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) return &schema->fields[i];
    }
    return NULL;
}

/* Returns: TEXT as the JSON value that a field of FORM has; a text that is no number stays a
 * string, which the reader of lines then refuses by name. */
static json_t *to_json(enum kz_field_form form, const char *text)
{
    switch (form) {
    case KZ_FORM_U16:
    case KZ_FORM_U32:
    case KZ_FORM_U64:
    case KZ_FORM_I32:
    case KZ_FORM_TIME: {
        char *end;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        bool whole = errno == 0 && end != text && *end == '\0';
        return whole ? json_integer(number) : json_string(text);
    }
    case KZ_FORM_BOOL:
        if (strcmp(text, "true") == 0) return json_true();
        if (strcmp(text, "false") == 0) return json_false();
        return json_string(text);
    default: return json_string(text);
    }
}

enum kezek_code kezek_command_set(struct kezek_command *command, const char *name,
                                  const char *value, struct kezek_error *error)
{
    const struct kz_field *field = find_field(command->type, name);
    if (field == NULL) {
        return kz_fail(error, KEZEK_USAGE, "\"%s\" is no field of an entry of type \"%s\"", name,
                       kz_word(&kz_entry_type_words, command->type));
    }
    if (json_object_set_new(command->object, name, to_json(field->form, value)) != 0) {
        return kz_fail(error, KEZEK_USAGE, "\"%s\": its value is not UTF-8", name);
    }
    return KEZEK_OK;
}

void kezek_command_set_actor(struct kezek_command *command, uint32_t actor)
{
    (void)json_object_set_new(command->object, "actor", json_integer(actor));
}

void kezek_command_set_request(struct kezek_command *command, const uint8_t request[16])
{
    char hex[2 * KZ_ID_SIZE + 1];
    for (unsigned i = 0; i < KZ_ID_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", request[i]);
    (void)json_object_set_new(command->object, "request", json_string(hex));
}

size_t kz_command_record(const struct kezek_command *command, const uint8_t request[KZ_ID_SIZE],
                         uint8_t *out, size_t capacity, struct kezek_error *error)
{
    struct kz_line line;
    struct kz_error why;
    if (kz_line_from_json(command->object, KZ_LINE_COMMAND, &line, &why) != KZ_OK) {
        (void)kz_fail(error, KEZEK_USAGE, "%s", why.text);
        return 0;
    }
    if (!kz_has_request(line.entry.request)) memcpy(line.entry.request, request, KZ_ID_SIZE);
    return kz_record_encode(&line.entry, out, capacity);
}

/* A repeated command's time, or that of one without an entry, is not known: the line does without.
 * Only an index can stand before it. */
static size_t drop_time(char *text, size_t size)
{
    static const char time[] = "\"time\":0,";
    char *found = strstr(text, time);

    memmove(found, found + sizeof time - 1, size + 1 - (size_t)(found + sizeof time - 1 - text));
    return size - (sizeof time - 1);
}

size_t kezek_command_line(const struct kezek_command *command, const struct kezek_outcome *outcome,
                          char *out, size_t capacity)
{
    struct kz_line line;
    char text[KZ_LINE_SIZE_MAX];
    uint8_t result = KZ_RESULT_NONE;

    if (kz_line_from_json(command->object, KZ_LINE_COMMAND, &line, NULL) != KZ_OK) return 0;
    if (outcome->result != NULL) {
        (void)kz_word_find(&kz_result_words, outcome->result, strlen(outcome->result), &result);
    }
    memcpy(line.entry.request, outcome->request, KZ_ID_SIZE);
    line.entry.time = outcome->time;
    size_t size = kz_line_format(outcome->index, 0, &line.entry, result, text);
    if (outcome->time == 0) size = drop_time(text, size);
    if (size >= capacity) return 0;
    memcpy(out, text, size + 1);
    return size;
}
