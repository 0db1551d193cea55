/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void readiness_is_told_in_words(void **state)
{
    static const struct {
        struct kz_node_figures figures;
        bool ready;
        const char *words;
    } table[] = {
        {{.id = 2, .core = {.ready = true, .applied_index = 9, .leader = 1}},
         true,
         "ready: node 2 is at entry 9, the leader is node 1\n"},
        {{.core = {.role = 3, .applied_index = 9, .replay_target = 12}},
         false,
         "starting: entry 9 of 12 is applied\n"},
        {{.core = {.role = 0}},
         false,
         "no leader: a majority of the nodes does not answer, or an election is going on\n"},
        {{.core = {.leader = 3, .applied_index = 9, .commit_index = 11}},
         false,
         "behind: entry 9 of 11 is applied; the leader is node 3\n"},
        {{.core = {.ready = true}, .is_stopping = true},
         false,
         "stopping: leadership is handed over and what is in flight is finished\n"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        assert_int_equal(kz_metrics_write_ready(&table[i].figures, out), table[i].ready);
        fclose(out);
        assert_string_equal(text, table[i].words);
        free(text);
    }
}

static void a_duration_falls_into_the_first_column_that_holds_it(void **state)
{
    static const struct {
        uint64_t ns;
        unsigned column;
    } table[] = {
        {0, 0},       {50000, 0},   {50001, 1},       {100000, 1},
        {1000000, 4}, {1000001, 5}, {1000000000, 13}, {1000000001, 14},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct kz_histogram histogram = {0};
        kz_histogram_add(&histogram, table[i].ns);
        for (unsigned column = 0; column <= KZ_HISTOGRAM_COUNT; column++)
            assert_int_equal(histogram.counts[column], column == table[i].column);
        assert_int_equal(histogram.sum_ns, table[i].ns);
    }
}

static void a_histograms_columns_add_up(void **state)
{
    struct kz_node_figures figures = {0};
    char *text;
    size_t size;
    (void)state;

    kz_histogram_add(&figures.writer.append, 40000);
    kz_histogram_add(&figures.writer.append, 120000);
    kz_histogram_add(&figures.writer.append, 2000000000);
    FILE *out = open_memstream(&text, &size);
    kz_metrics_write(&figures, out);
    fclose(out);
    assert_non_null(strstr(text, "kezek_append_seconds_bucket{le=\"5e-05\"} 1\n"
                                 "kezek_append_seconds_bucket{le=\"0.0001\"} 1\n"
                                 "kezek_append_seconds_bucket{le=\"0.0002\"} 2\n"));
    assert_non_null(strstr(text, "kezek_append_seconds_bucket{le=\"1\"} 2\n"
                                 "kezek_append_seconds_bucket{le=\"+Inf\"} 3\n"
                                 "kezek_append_seconds_sum 2.000160000\n"
                                 "kezek_append_seconds_count 3\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_is_told_in_words),
        cmocka_unit_test(a_duration_falls_into_the_first_column_that_holds_it),
        cmocka_unit_test(a_histograms_columns_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
