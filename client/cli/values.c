/* SPDX-License-Identifier: Apache-2.0 */
/* Values of options and words. */
#include "client/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool kz_cli_number(const char *text, const char *what, uint64_t min, uint64_t max,
                   uint64_t *out_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool whole = errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0';
    if (!whole || number < min || number > max) {
        (void)kz_cli_fail(EXIT_USAGE, "%s: \"%s\" is no number from %llu to %llu", what, text,
                          (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *out_number = number;
    return true;
}

bool kz_cli_number_value(const struct cli *cli, const char *name, uint64_t min, uint64_t max,
                         uint64_t *out_number)
{
    const char *value = kz_cli_value(cli, name);
    return value == NULL || kz_cli_number(value, name, min, max, out_number);
}

bool kz_cli_read_hex(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size || strspn(text, "0123456789abcdefABCDEF") != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        const char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

void kz_cli_write_hex(const uint8_t *bytes, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}
