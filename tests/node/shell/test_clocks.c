/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/clocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void instants_are_iso_8601_with_an_offset(void **state)
{
    static const struct {
        const char *text;
        bool right;
        int64_t ms;
    } table[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"1970-01-01T00:00Z", true, 0},
        {"1970-01-01T06:00:00+06:00", true, 0},
        {"1969-12-31T18:30:00-05:30", true, 0},
        {"1970-01-01T00:00:01.234Z", true, 1234},
        {"2021-06-09T17:00:00+06:00", true, 1623236400000},
        {"9999-12-31T23:59:59Z", true, 253402300799000},
        {"2021-06-09T17:00:00", false, 0},
        {"2021-06-09 17:00:00Z", false, 0},
        {"2021-06-09T24:00:00Z", false, 0},
        {"2021-06-09T17:60:00Z", false, 0},
        {"2021-06-09T17:00:60Z", false, 0},
        {"2021-06-31T17:00:00Z", false, 0},
        {"2021-06-09T17:00:00.1Z", false, 0},
        {"2021-06-09T17:00:00+24:00", false, 0},
        {"2021-06-09T17:00:00+6:00", false, 0},
        {"2021-06-09T17:00:00Zx", false, 0},
        {"2021-06-09T17:0", false, 0},
        {"2021-06-09T", false, 0},
        {"2021-06-09", false, 0},
        {"", false, 0},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t ms = 0;
        bool right = kz_instant_parse(table[i].text, strlen(table[i].text), &ms);
        assert_int_equal(right, table[i].right);
        assert_int_equal(ms, table[i].ms);
    }
}

static void every_prefix_of_an_instant_is_refused_without_reading_past_it(void **state)
{
    const char *text = "2021-06-09T17:00:00.000+06:00";
    (void)state;

    for (size_t size = 0; size < strlen(text); size++) {
        char exact[32];
        int64_t ms = 77;
        memset(exact, '9', sizeof exact);
        memcpy(exact, text, size);
        assert_false(kz_instant_parse(exact, size, &ms));
        assert_int_equal(ms, 77);
    }
}

static void demo_clocks_have_an_instant_a_rate_and_an_anchor(void **state)
{
    static const struct {
        const char *text;
        bool right;
    } table[] = {
        {"2021-06-09T17:00:00+06:00,2000,2026-11-23T10:00:00Z", true},
        {"2021-06-09T17:00:00Z,1,2026-11-23T10:00:00Z", true},
        {"2021-06-09T17:00:00Z,100000,2026-11-23T10:00:00Z", true},
        {"2021-06-09T17:00:00Z,0,2026-11-23T10:00:00Z", false},
        {"2021-06-09T17:00:00Z,100001,2026-11-23T10:00:00Z", false},
        {"1999-12-31T23:59:59Z,1,2026-11-23T10:00:00Z", false},
        {"2021-06-09T17:00:00Z,1,2200-01-01T00:00:00Z", false},
        {"2021-06-09T17:00:00Z,1", false},
        {"2021-06-09T17:00:00Z,1,", false},
        {"2021-06-09T17:00:00Z,1,2026-11-23T10:00:00Z,", false},
        {"", false},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        struct kz_demo_clock clock;
        assert_int_equal(kz_demo_clock_parse(table[i].text, &clock), table[i].right);
    }
}

static void a_demo_clock_runs_from_its_anchor_at_its_rate(void **state)
{
    struct kz_demo_clock clock = {true, 1000000, 2000, 500000};
    struct kz_demo_clock fastest = {true, 946684800000, KZ_DEMO_RATE_MAX, 946684800000};
    (void)state;

    assert_int_equal(kz_demo_clock_at(&clock, 500000000), 1000000);
    assert_int_equal(kz_demo_clock_at(&clock, 500001000), 1002000);
    assert_int_equal(kz_demo_clock_at(&clock, 500000001), 1000002);
    assert_int_equal(kz_demo_clock_at(&clock, 499999000), 998000);
    /* 200 years later there is no overflow. */
    assert_true(kz_demo_clock_at(&fastest, INT64_C(7258118399000000)) >
                INT64_C(600000000000000000));
}

static void without_a_demo_the_wall_clock_is_the_machines(void **state)
{
    struct kz_demo_clock clock = {0};
    (void)state;

    assert_int_equal(kz_demo_clock_at(&clock, 1234567), 1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_are_iso_8601_with_an_offset),
        cmocka_unit_test(every_prefix_of_an_instant_is_refused_without_reading_past_it),
        cmocka_unit_test(demo_clocks_have_an_instant_a_rate_and_an_anchor),
        cmocka_unit_test(a_demo_clock_runs_from_its_anchor_at_its_rate),
        cmocka_unit_test(without_a_demo_the_wall_clock_is_the_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
