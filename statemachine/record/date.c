/* SPDX-License-Identifier: Apache-2.0 */
/* The conversions count from 1 March of the year 0, so that a leap day ends its year, in eras of
 * 400 years, which are all equally long (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms"). */
#include "statemachine/record/date.h"

#define ERA_DAYS   146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

int32_t kz_date_from_civil(int year, int month, int day)
{
    int32_t march_year = month <= 2 ? year - 1 : year;
    int32_t era = (march_year >= 0 ? march_year : march_year - 399) / 400;
    int32_t year_of_era = march_year - era * 400;
    int32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

void kz_date_to_civil(int32_t date, int *out_year, int *out_month, int *out_day)
{
    int64_t days = (int64_t)date + EPOCH_DAYS;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int32_t day_of_era = (int32_t)(days - era * ERA_DAYS);
    int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (ERA_DAYS - 1)) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t march_month = (5 * day_of_year + 2) / 153;

    *out_day = day_of_year - (153 * march_month + 2) / 5 + 1;
    *out_month = march_month < 10 ? march_month + 3 : march_month - 9;
    *out_year = (int)(year_of_era + era * 400) + (*out_month <= 2);
}

int kz_date_weekday(int32_t date)
{
    /* 1970-01-01 was a Thursday. */
    int weekday = (int)(((int64_t)date + 3) % 7);
    return weekday < 0 ? weekday + 7 : weekday;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Reads exactly COUNT digits. Returns: -1 when they are not all digits. */
static int read_digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Writes VALUE with at least COUNT digits. Returns: behind the last. */
static char *write_digits(char *out, uint32_t value, int count)
{
    char digits[10];
    int size = 0;
    for (; value > 0 || size < count; value /= 10)
        digits[size++] = (char)('0' + value % 10);
    while (size > 0)
        *out++ = digits[--size];
    return out;
}

/* Writes the sign of VALUE when it is negative. Returns: its magnitude. */
static uint32_t write_sign(char **out, int32_t value)
{
    if (value >= 0) return (uint32_t)value;
    *(*out)++ = '-';
    return 0U - (uint32_t)value;
}

bool kz_date_parse(const char *text, size_t size, int32_t *out_date)
{
    if (size != 10 || text[4] != '-' || text[7] != '-') return false;

    int year = read_digits(text, 4);
    int month = read_digits(text + 5, 2);
    int day = read_digits(text + 8, 2);
    if (year < 1 || month < 1 || month > 12) return false;
    if (day < 1 || day > days_in_month(year, month)) return false;

    *out_date = kz_date_from_civil(year, month, day);
    return true;
}

void kz_date_format(int32_t date, char out[static KZ_DATE_TEXT_SIZE])
{
    int year = 0;
    int month = 0;
    int day = 0;
    kz_date_to_civil(date, &year, &month, &day);

    uint32_t magnitude = write_sign(&out, year);
    out = write_digits(out, magnitude, 4);
    *out++ = '-';
    out = write_digits(out, (uint32_t)month, 2);
    *out++ = '-';
    out = write_digits(out, (uint32_t)day, 2);
    *out = '\0';
}

bool kz_hour_parse(const char *text, size_t size, int32_t *out_minutes)
{
    if (size != 5 || text[2] != ':') return false;

    int hour = read_digits(text, 2);
    int minute = read_digits(text + 3, 2);
    if (hour < 0 || minute < 0 || minute > 59) return false;

    *out_minutes = hour * 60 + minute;
    return true;
}

void kz_hour_format(int32_t minutes, char out[static KZ_HOUR_TEXT_SIZE])
{
    uint32_t magnitude = write_sign(&out, minutes);
    out = write_digits(out, magnitude / 60, 2);
    *out++ = ':';
    out = write_digits(out, magnitude % 60, 2);
    *out = '\0';
}
