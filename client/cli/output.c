/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as rows of JSON objects, printed in the four forms. */
#include "client/cli/cli.h"

#include "statemachine/record/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24
#define CELL_SIZE   1200
#define DAY_SECONDS 86400

/* ---- Values ---- */

bool kz_cli_is_json(const struct cli *cli)
{
    return cli->format == FORMAT_JSON || cli->format == FORMAT_JSONL;
}

void kz_cli_add(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

json_t *kz_cli_date(int32_t date)
{
    char text[KZ_DATE_TEXT_SIZE];
    if (date == 0) return json_null();
    kz_date_format(date, text);
    return json_string(text);
}

json_t *kz_cli_time(const struct cli *cli, int64_t time_ms, int32_t offset_minutes)
{
    if (kz_cli_is_json(cli)) return json_integer(time_ms);

    char date[KZ_DATE_TEXT_SIZE];
    char zone[16] = "Z";
    int64_t seconds = time_ms / 1000 + (int64_t)offset_minutes * 60;
    int64_t day = seconds / DAY_SECONDS - (seconds % DAY_SECONDS < 0);
    int of_day = (int)(seconds - day * DAY_SECONDS);
    int offset = abs(offset_minutes);

    if (day < KZ_DATE_FIRST || day > KZ_DATE_LAST) return json_integer(time_ms);
    kz_date_format((int32_t)day, date);
    if (offset_minutes != 0) {
        (void)snprintf(zone, sizeof zone, "%c%02d:%02d", offset_minutes < 0 ? '-' : '+',
                       offset / 60, offset % 60);
    }
    return json_sprintf("%sT%02d:%02d:%02d%s", date, of_day / 3600, of_day / 60 % 60, of_day % 60,
                        zone);
}

json_t *kz_cli_hex(const uint8_t *bytes, size_t size)
{
    char text[2 * KZ_HASH_SIZE + 1] = "";
    if (size <= KZ_HASH_SIZE) kz_cli_write_hex(bytes, size, text);
    return json_string(text);
}

json_t *kz_cli_number_or_null(uint64_t number)
{
    return number == 0 ? json_null() : json_integer((json_int_t)number);
}

/* ---- Cells ---- */

/* Writes a text without what would move a terminal's cursor. */
static void write_printable(const char *text, char *out)
{
    size_t size = 0;
    for (const char *next = text; *next != '\0' && size + 1 < CELL_SIZE; next++) {
        unsigned char byte = (unsigned char)*next;
        bool c1 = byte == 0xc2 && (unsigned char)next[1] < 0xa0; /* U+0080 to U+009F */
        if (c1) next++;
        out[size++] = byte < ' ' || byte == 0x7f || c1 ? '?' : *next;
    }
    out[size] = '\0';
}

/* Writes a value as people read it: no quotes, "-" for nothing. */
static void write_cell(const json_t *value, char out[static CELL_SIZE])
{
    if (json_is_string(value)) {
        write_printable(json_string_value(value), out);
    } else if (json_is_integer(value)) {
        (void)snprintf(out, CELL_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        (void)snprintf(out, CELL_SIZE, "%s", json_is_true(value) ? "yes" : "no");
    } else {
        (void)snprintf(out, CELL_SIZE, "-");
    }
    if (out[0] == '\0') (void)snprintf(out, CELL_SIZE, "-");
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

/* ---- Forms ---- */

static void print_one_table(json_t *object)
{
    const char *key;
    json_t *value;
    char cell[CELL_SIZE];
    int width = 0;

    json_object_foreach(object, key, value)
    {
        if (shown_width(key) > width) width = shown_width(key);
    }
    json_object_foreach(object, key, value)
    {
        print_cell(key, width, false);
        write_cell(value, cell);
        print_cell(cell, 0, true);
    }
}

static void measure(json_t *rows, int widths[static COLUMNS_MAX])
{
    size_t i;
    json_t *row;
    const char *key;
    json_t *value;
    char cell[CELL_SIZE];

    json_array_foreach(rows, i, row)
    {
        int column = 0;
        json_object_foreach(row, key, value)
        {
            write_cell(value, cell);
            int width = shown_width(cell);
            if (shown_width(key) > width) width = shown_width(key);
            if (width > widths[column]) widths[column] = width;
            column++;
        }
    }
}

static void print_row(json_t *row, const int *widths, bool header)
{
    const char *key;
    json_t *value;
    char cell[CELL_SIZE];
    int left = (int)json_object_size(row);

    json_object_foreach(row, key, value)
    {
        write_cell(value, cell);
        print_cell(header ? key : cell, *widths++, --left == 0);
    }
}

static void print_table(json_t *rows)
{
    int widths[COLUMNS_MAX] = {0};
    size_t i;
    json_t *row;

    measure(rows, widths);
    json_array_foreach(rows, i, row)
    {
        if (i == 0) print_row(row, widths, true);
        print_row(row, widths, false);
    }
}

/* One line a row, the values with a space between. */
static void print_simple(json_t *rows)
{
    size_t i;
    json_t *row;
    const char *key;
    json_t *value;
    char cell[CELL_SIZE];

    json_array_foreach(rows, i, row)
    {
        const char *between = "";
        json_object_foreach(row, key, value)
        {
            write_cell(value, cell);
            (void)printf("%s%s", between, cell);
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
