/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/record/golden.h"

#include "tests/base/testing.h"

static uint8_t nibble(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *found = strchr(digits, digit);
    assert_non_null(found);
    return (uint8_t)(found - digits);
}

static void split(char *text, struct golden *golden)
{
    char *space = strchr(text, ' ');
    char *newline = strchr(text, '\n');
    assert_non_null(space);
    assert_non_null(newline);
    *newline = '\0';

    golden->size = (size_t)(space - text) / 2;
    for (size_t i = 0; i < golden->size; i++)
        golden->record[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    memcpy(golden->line, space + 1, strlen(space + 1) + 1);
}

void kz_golden_each(void (*visit)(const struct golden *golden))
{
    static struct golden golden;
    static char text[KZ_GOLDEN_LINE_MAX];
    FILE *file = fopen(KZ_GOLDEN_FILE, "r");
    assert_non_null(file);

    for (golden.count = 0; fgets(text, sizeof text, file) != NULL;) {
        golden.count++;
        split(text, &golden);
        visit(&golden);
    }
    assert_int_equal(fclose(file), 0);
    assert_true(golden.count > 0);
}
