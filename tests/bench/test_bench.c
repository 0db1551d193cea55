/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "ops/bench/city.h"
#include "ops/bench/execute.h"
#include "ops/bench/histogram.h"
#include "ops/bench/options.h"

#define FILLED 60000

static struct histogram histogram;

static void a_percentile_is_within_one_percent_of_any_value(void **state)
{
    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(1) << 60; ns = ns * 5 / 4 + 1) {
        histogram_clear(&histogram);
        histogram_add(&histogram, ns);
        histogram_add(&histogram, UINT64_C(1) << 62); /* else the largest value is the answer */
        double ms = histogram_ms(&histogram, 0.5);
        double exact = (double)ns / 1e6;
        assert_true(ms >= exact * 0.9999 && ms <= exact * 1.01);
    }
}

static void percentiles_are_those_of_a_sorted_list(void **state)
{
    (void)state;
    histogram_clear(&histogram);
    for (uint64_t us = 1000; us >= 1; us--)
        histogram_add(&histogram, us * 1000);
    assert_true(histogram_ms(&histogram, 0.5) > 0.499 && histogram_ms(&histogram, 0.5) < 0.505);
    assert_true(histogram_ms(&histogram, 0.99) > 0.989 && histogram_ms(&histogram, 0.99) < 1.0);
    assert_true(histogram_ms(&histogram, 1) == 1.0);
}

static void a_histogram_without_values_says_zero(void **state)
{
    (void)state;
    histogram_clear(&histogram);
    assert_true(histogram_ms(&histogram, 0.5) == 0);
}

static void options_have_their_defaults_and_what_is_given(void **state)
{
    (void)state;
    struct bench_options options;
    char endpoints[] = "--endpoints";
    char address[] = "a:1";
    char outstanding[] = "--outstanding";
    char most[] = "100000";
    char *words[] = {endpoints, address, outstanding, most};

    assert_true(bench_options_read(&options, BENCH_APPEND, 4, words));
    assert_string_equal(options.endpoints, "a:1");
    assert_int_equal(options.outstanding, 100000);
    assert_int_equal(options.connections, 1);
    assert_null(options.admin);
}

/* Days of the city: nothing that it draws is refused, but for who had let a referral lapse. */
static void a_city_draws_what_the_rules_accept(void **state)
{
    (void)state;
    static struct chunk chunk;
    struct city city;
    struct kz_machine *machine = kz_machine_create(&kz_allocator_system, 1);
    uint64_t entries = 0;
    uint64_t refused = 0;
    uint64_t grants = 0;

    city_init(&city, 7, 3, FILLED);
    for (uint32_t number = 1; entries < 400000;) {
        bool founding = city_found(&city, number++, &chunk);
        if (!founding && entries < FILLED) city_fill(&city, &chunk);
        if (!founding && entries >= FILLED) city_draw(&city, machine, &chunk);
        for (uint32_t i = 0; i < chunk.count; i++) {
            uint8_t result;
            const uint8_t *record = chunk.records[i];
            assert_true(execute_group(machine, &record, &chunk.sizes[i], 1, &result));
            city_learn(&city, &chunk, i, kz_machine_applied(machine), result);
            refused += result != KZ_RESULT_OK;
            grants += chunk.types[i] == KZ_GRANT;
        }
        entries += chunk.count;
    }
    assert_true(refused < entries / 1000);
    assert_true(grants > entries / 20);
    city_finish(&city);
    kz_machine_destroy(machine);
}

static void a_record_that_is_none_stops_the_execution_before_it(void **state)
{
    (void)state;
    struct kz_machine *machine = kz_machine_create(&kz_allocator_system, 1);
    uint8_t results[2];
    uint8_t good[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry = {.type = KZ_BARRIER, .time = 5};
    const uint8_t *records[] = {good, (const uint8_t *)"none"};
    uint32_t sizes[] = {(uint32_t)kz_record_encode(&entry, good, sizeof good), 4};

    assert_false(execute_group(machine, records, sizes, 2, results));
    assert_int_equal(kz_machine_applied(machine), 1);
    kz_machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_within_one_percent_of_any_value),
        cmocka_unit_test(percentiles_are_those_of_a_sorted_list),
        cmocka_unit_test(a_histogram_without_values_says_zero),
        cmocka_unit_test(options_have_their_defaults_and_what_is_given),
        cmocka_unit_test(a_city_draws_what_the_rules_accept),
        cmocka_unit_test(a_record_that_is_none_stops_the_execution_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
