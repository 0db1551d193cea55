/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_COUNT_MAX 16

static const struct kz_option *find(const struct kz_option *options, size_t option_count,
                                    const char *word, size_t size)
{
    for (size_t i = 0; i < option_count; i++) {
        if (strlen(options[i].name) == size && memcmp(options[i].name, word, size) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static bool read_number(const struct kz_option *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    bool is_number = text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0;
    if (!is_number || number < option->min || number > option->max) {
        kz_report("%s is a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"", option->name,
                  option->min, option->max, text);
        return false;
    }
    *(uint64_t *)option->out = number;
    return true;
}

static bool take(const struct kz_option *option, const char *text)
{
    if (option->form == KZ_OPTION_NUMBER) return read_number(option, text);
    *(const char **)option->out = text;
    return true;
}

/* Reads the option at ARGUMENTS[*I], and leaves *I at the last word that belongs to it. */
static const struct kz_option *read_one(const struct kz_option *options, size_t option_count,
                                        int count, char **arguments, int *i)
{
    const char *word = arguments[*i];
    const char *equals = strchr(word, '=');
    size_t size = equals == NULL ? strlen(word) : (size_t)(equals - word);
    const struct kz_option *option = find(options, option_count, word, size);
    if (option == NULL) {
        kz_report("\"%s\" is no option of this command", word);
        return NULL;
    }
    const char *value = equals == NULL ? NULL : equals + 1;
    if (value == NULL && *i + 1 < count) value = arguments[++*i];
    if (value == NULL || *value == 0) {
        kz_report("%s has no value", option->name);
        return NULL;
    }
    return take(option, value) ? option : NULL;
}

static bool read_all(const struct kz_option *options, size_t option_count, int count,
                     char **arguments)
{
    bool given[OPTION_COUNT_MAX] = {false};
    for (int i = 0; i < count; i++) {
        const struct kz_option *option = read_one(options, option_count, count, arguments, &i);
        if (option == NULL) return false;
        if (given[option - options]) {
            kz_report("%s is given twice", option->name);
            return false;
        }
        given[option - options] = true;
    }
    for (size_t i = 0; i < option_count; i++) {
        if (options[i].required && !given[i]) {
            kz_report("%s is missing", options[i].name);
            return false;
        }
    }
    return true;
}

bool kz_options_read(const struct kz_audit_command *self, const struct kz_option *options,
                     size_t option_count, int count, char **arguments, int *out_exit)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--help") != 0) continue;
        (void)printf("usage: kezek-audit %s %s\n\n%s\n", self->name, self->usage, self->help);
        *out_exit = KZ_EXIT_OK;
        return false;
    }
    if (read_all(options, option_count, count, arguments)) return true;
    (void)fprintf(stderr, "usage: kezek-audit %s %s\n", self->name, self->usage);
    *out_exit = KZ_EXIT_USAGE;
    return false;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool kz_hex_read(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size) return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit_of(text[2 * i]);
        int low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void kz_hex_write(const uint8_t *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = 0;
}
