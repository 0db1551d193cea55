/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as rows of JSON objects, printed in the four forms. */
#include "client/cli/cli.h"

#include "statemachine/record/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24

json_t *kz_cli_date(int32_t date)
{
    char text[KZ_DATE_TEXT_SIZE];
    if (date == 0) return json_null();
    kz_date_format(date, text);
    return json_string(text);
}

json_t *kz_cli_time(const struct cli *cli, int64_t time_ms)
{
    if (cli->format == FORMAT_JSON || cli->format == FORMAT_JSONL) return json_integer(time_ms);

    char date[KZ_DATE_TEXT_SIZE];
    int64_t seconds = time_ms / 1000;
    int32_t days = (int32_t)(seconds / 86400);
    int of_day = (int)(seconds % 86400);
    kz_date_format(days, date);
    return json_sprintf("%sT%02d:%02d:%02dZ", date, of_day / 3600, of_day / 60 % 60, of_day % 60);
}

json_t *kz_cli_hex(const uint8_t *bytes, size_t size)
{
    char text[2 * 32 + 1] = "";
    for (size_t i = 0; i < size && i < 32; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_string(text);
}

/* Writes a value as people read it: no quotes, "-" for nothing. */
static const char *plain(const json_t *value, char *buffer, size_t size)
{
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_integer(value)) {
        (void)snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return buffer;
    }
    if (json_is_boolean(value)) return json_is_true(value) ? "yes" : "no";
    return "-";
}

/* Returns: how many characters the UTF-8 TEXT shows. */
static int shown_width(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(const char *text, int width, bool last)
{
    (void)fputs(text, stdout);
    if (last) {
        (void)fputc('\n', stdout);
        return;
    }
    for (int i = shown_width(text); i < width + 2; i++)
        (void)fputc(' ', stdout);
}

static void print_one_table(json_t *object)
{
    const char *key;
    json_t *value;
    char buffer[32];
    int width = 0;

    json_object_foreach(object, key, value)
    {
        if (shown_width(key) > width) width = shown_width(key);
    }
    json_object_foreach(object, key, value)
    {
        print_cell(key, width, false);
        print_cell(plain(value, buffer, sizeof buffer), 0, true);
    }
}

static void print_table(json_t *rows)
{
    int widths[COLUMNS_MAX] = {0};
    size_t i;
    json_t *row;
    const char *key;
    json_t *value;
    char buffer[32];

    json_array_foreach(rows, i, row)
    {
        int column = 0;
        json_object_foreach(row, key, value)
        {
            int width = shown_width(plain(value, buffer, sizeof buffer));
            if (i == 0 && shown_width(key) > width) width = shown_width(key);
            if (width > widths[column]) widths[column] = width;
            column++;
        }
    }
    json_array_foreach(rows, i, row)
    {
        int count = (int)json_object_size(row);
        int column = 0;
        if (i == 0) {
            json_object_foreach(row, key, value)
            {
                print_cell(key, widths[column], column + 1 == count);
                column++;
            }
            column = 0;
        }
        json_object_foreach(row, key, value)
        {
            print_cell(plain(value, buffer, sizeof buffer), widths[column], column + 1 == count);
            column++;
        }
    }
}

/* One line a row, the values with a space between. */
static void print_simple(json_t *rows)
{
    size_t i;
    json_t *row;
    const char *key;
    json_t *value;
    char buffer[32];

    json_array_foreach(rows, i, row)
    {
        const char *between = "";
        json_object_foreach(row, key, value)
        {
            (void)printf("%s%s", between, plain(value, buffer, sizeof buffer));
            between = " ";
        }
        (void)fputc('\n', stdout);
    }
}

static void print_lines(json_t *rows)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        (void)json_dumpf(row, stdout, JSON_COMPACT);
        (void)fputc('\n', stdout);
    }
}

int kz_cli_print(const struct cli *cli, json_t *rows, bool one)
{
    switch (cli->format) {
    case FORMAT_TABLE:
        if (one) {
            print_one_table(json_array_get(rows, 0));
        } else {
            print_table(rows);
        }
        break;
    case FORMAT_SIMPLE: print_simple(rows); break;
    case FORMAT_JSONL: print_lines(rows); break;
    case FORMAT_JSON:
        (void)json_dumpf(one ? json_array_get(rows, 0) : rows, stdout, JSON_COMPACT);
        (void)fputc('\n', stdout);
        break;
    }
    json_decref(rows);
    return EXIT_OK;
}
