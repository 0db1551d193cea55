/* SPDX-License-Identifier: Apache-2.0 */
/* Dates as days since 1970-01-01 in the proleptic Gregorian calendar, hours as minutes since
 * midnight; and their spelling. No time zone data: a territory's offset is ledger data (R2). */
#ifndef KZ_DATE_H
#define KZ_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KZ_DATE_MIN       10957     /* 2000-01-01, the rules' first */
#define KZ_DATE_MAX       84005     /* 2199-12-31, the rules' last */
#define KZ_DATE_FIRST     (-719162) /* 0001-01-01, the first with a spelling */
#define KZ_DATE_LAST      2932896   /* 9999-12-31, the last with a spelling */
#define KZ_HOUR_LAST      5999      /* 99:59, the last with a spelling */
#define KZ_DATE_TEXT_SIZE 16
#define KZ_HOUR_TEXT_SIZE 16

/* Any year from −5,000,000 to 5,000,000, a month of 1 to 12 and a day of that month. */
int32_t kz_date_from_civil(int year, int month, int day);

/* Any date. */
void kz_date_to_civil(int32_t date, int *out_year, int *out_month, int *out_day);

/* Returns: 0 for Monday to 6 for Sunday. */
int kz_date_weekday(int32_t date);

/* Reads "YYYY-MM-DD" (years 0001 to 9999). Returns: whether TEXT is exactly such a date. */
bool kz_date_parse(const char *text, size_t size, int32_t *out_date);

/* Writes DATE and a closing zero; outside KZ_DATE_FIRST to KZ_DATE_LAST it is no date that
 * kz_date_parse() reads. */
void kz_date_format(int32_t date, char out[static KZ_DATE_TEXT_SIZE]);

/* Reads "HH:MM", 00:00 to 99:59 (past 23:59 is the rules' to refuse). */
bool kz_hour_parse(const char *text, size_t size, int32_t *out_minutes);

/* Writes MINUTES and a closing zero; outside 0 to KZ_HOUR_LAST it is nothing that kz_hour_parse()
 * reads. */
void kz_hour_format(int32_t minutes, char out[static KZ_HOUR_TEXT_SIZE]);

#endif
