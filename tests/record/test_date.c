/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "statemachine/record/date.h"

static const struct {
    int32_t date;
    const char *text;
    int weekday;
} dates[] = {
    {KZ_DATE_FIRST, "0001-01-01", 0},
    {-25509, "1900-02-28", 2},
    {-25508, "1900-03-01", 3},
    {-1, "1969-12-31", 2},
    {0, "1970-01-01", 3},
    {58, "1970-02-28", 5},
    {59, "1970-03-01", 6},
    {789, "1972-02-29", 1},
    {KZ_DATE_MIN, "2000-01-01", 5},
    {11016, "2000-02-29", 1},
    {11017, "2000-03-01", 2},
    {20780, "2026-11-23", 0},
    {47540, "2100-02-28", 6},
    {47541, "2100-03-01", 0},
    {KZ_DATE_MAX, "2199-12-31", 1},
    {KZ_DATE_LAST, "9999-12-31", 4},
};

static void each_date_has_its_number_spelling_and_weekday(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(dates); i++) {
        char text[KZ_DATE_TEXT_SIZE];
        int32_t date = 0;

        kz_date_format(dates[i].date, text);
        assert_string_equal(text, dates[i].text);
        assert_true(kz_date_parse(text, strlen(text), &date));
        assert_int_equal(date, dates[i].date);
        assert_int_equal(kz_date_weekday(date), dates[i].weekday);
    }
}

/* A naive calendar that counts day by day through all spelled years. */
static void every_date_follows_the_one_before(void **state)
{
    (void)state;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t date = KZ_DATE_FIRST;

    for (int year = 1; year <= 9999; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int count = days[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= count; day++, date++) {
                int out[3];
                kz_date_to_civil(date, &out[0], &out[1], &out[2]);
                assert_true(out[0] == year && out[1] == month && out[2] == day);
                assert_true(kz_date_from_civil(year, month, day) == date);
                assert_true(kz_date_weekday(date) == (date - KZ_DATE_FIRST) % 7);
            }
        }
    }
    assert_int_equal(date, KZ_DATE_LAST + 1);
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           "2026",       "2026-11-2",  "2026-11-230", "2026-11-23 ", " 2026-11-23",
        "2026/11/23", "2026-11/23", "2026-1123-", "20261123",    "0000-01-01",  "2026-00-10",
        "2026-13-10", "2026-11-00", "2026-11-31", "2026-02-29",  "1900-02-29",  "2100-02-29",
        "2000-02-30", "-026-11-23", "+026-11-23", "2026-1 -23",  "2026-11-2x",  "2o26-11-23",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int32_t date = 77;
        if (kz_date_parse(texts[i], strlen(texts[i]), &date)) fail_msg("\"%s\"", texts[i]);
        assert_int_equal(date, 77);
    }
}

static void each_hour_has_its_spelling(void **state)
{
    (void)state;
    for (int32_t minutes = 0; minutes <= KZ_HOUR_LAST; minutes++) {
        char text[KZ_HOUR_TEXT_SIZE];
        char expected[KZ_HOUR_TEXT_SIZE];
        int32_t parsed = -1;

        (void)snprintf(expected, sizeof expected, "%02d:%02d", minutes / 60, minutes % 60);
        kz_hour_format(minutes, text);
        assert_string_equal(text, expected);
        assert_true(kz_hour_parse(text, strlen(text), &parsed));
        assert_int_equal(parsed, minutes);
    }
}

static void what_is_no_hour_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",      "7:00",  "07:0",  "07:000", "0700",  "07-00",
                                        "07:60", "07:99", "-1:00", " 7:00",  "07: 0", "0x:00"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int32_t minutes = 77;
        if (kz_hour_parse(texts[i], strlen(texts[i]), &minutes)) fail_msg("\"%s\"", texts[i]);
        assert_int_equal(minutes, 77);
    }
}

/* What no record carries is still spelled inside the buffer, for a log line. */
static void numbers_out_of_range_are_spelled_within_bounds(void **state)
{
    (void)state;
    static const struct {
        int32_t number;
        const char *date;
        const char *hour;
    } spellings[] = {
        {INT32_MIN, "-5877641-06-23", "-35791394:08"},
        {INT32_MAX, "5881580-07-11", "35791394:07"},
        {KZ_DATE_FIRST - 1, "0000-12-31", "-11986:03"},
        {KZ_DATE_LAST + 1, "10000-01-01", "48881:37"},
    };
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        char text[KZ_DATE_TEXT_SIZE];
        kz_date_format(spellings[i].number, text);
        assert_string_equal(text, spellings[i].date);
        kz_hour_format(spellings[i].number, text);
        assert_string_equal(text, spellings[i].hour);
    }
    assert_int_equal(kz_date_weekday(INT32_MIN), (int)(((int64_t)INT32_MIN + 3) % 7 + 7) % 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_date_has_its_number_spelling_and_weekday),
        cmocka_unit_test(every_date_follows_the_one_before),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(each_hour_has_its_spelling),
        cmocka_unit_test(what_is_no_hour_is_refused),
        cmocka_unit_test(numbers_out_of_range_are_spelled_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
