/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/log/fixture.h"

#include "log/merkle/leaf_hasher.h"

#include <string.h>

/* Closes and opens again: what is asserted behind it comes from the disk. */
static struct kz_log *reopen(struct kz_log *log)
{
    kz_log_close(log);
    return open_log(directory);
}

static void a_new_ledger_is_empty(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    struct kz_batch *batch = NULL;
    struct kz_error error;
    assert_entries(log, 0);
    assert_int_equal(kz_log_last_term(log), 0);
    assert_int_equal(kz_log_applied_index(log), 0);
    assert_int_equal(kz_log_read(log, 1, 1, 1000, &batch, &error), KZ_NOT_FOUND);
    log = reopen(log);
    assert_entries(log, 0);
    kz_log_close(log);
}

static void appended_entries_are_read_back(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 1, 43, 1, 45, 1, 2, 89, 90, 91, 1000, 1, 1024};
    struct kz_log *log = open_log(directory);
    uint64_t last = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        append(log, counts[i], 1 + i / 3);
        last += counts[i];
        assert_entries(log, last);
        log = reopen(log);
        assert_entries(log, last);
    }
    kz_log_close(log);
}

static void entries_can_come_one_by_one(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    for (uint64_t last = 1; last <= 300; last++)
        append(log, 1, 1 + last / 100);
    assert_entries(log, 300);
    log = reopen(log);
    assert_entries(log, 300);
    kz_log_close(log);
}

static void several_batches_are_one_transaction(void **state)
{
    (void)state;
    struct kz_error error;
    struct kz_log *log = open_log(directory);
    struct kz_batch *first = make_batch(1, 50, 1);
    struct kz_batch *second = make_batch(51, 1, 2);
    const struct kz_batch *batches[] = {first, second};
    struct kz_log_write write = {.batches = batches, .batch_count = 2};
    uint64_t syncs = kz_log_sync_count(log);
    assert_int_equal(kz_log_append(log, &write, &error), KZ_OK);
    assert_int_equal(kz_log_sync_count(log), syncs + 1);
    assert_entries(log, 51);
    assert_int_equal(kz_log_last_term(log), 2);
    kz_batch_release(first);
    kz_batch_release(second);
    kz_log_close(log);
}

static void a_dropped_tail_is_replaced(void **state)
{
    (void)state;
    struct kz_error error;
    struct kz_log *log = open_log(directory);
    append(log, 100, 1);
    append(log, 100, 3);
    for (uint64_t from = 201; from > 0; from -= from > 20 ? 20 : 1) {
        struct kz_log_write drop = {.drop_from = from};
        assert_int_equal(kz_log_append(log, &drop, &error), KZ_OK);
        assert_entries(log, from - 1);
        log = reopen(log);
        assert_entries(log, from - 1);
    }
    append(log, 100, 4);
    struct kz_batch *batch = make_batch(40, 70, 5);
    const struct kz_batch *batches[] = {batch};
    struct kz_log_write write = {.drop_from = 40, .batches = batches, .batch_count = 1};
    assert_int_equal(kz_log_append(log, &write, &error), KZ_OK);
    kz_batch_release(batch);
    assert_entries(log, 109);
    log = reopen(log);
    assert_entries(log, 109);
    assert_int_equal(kz_log_last_term(log), 5);
    kz_log_close(log);
}

static void terms_are_dropped_with_their_entries(void **state)
{
    (void)state;
    uint32_t count = 0;
    struct kz_error error;
    struct kz_log *log = open_log(directory);
    for (uint64_t term = 1; term <= 6; term++)
        append(log, 10, term);
    struct kz_batch *batch = make_batch(32, 30, 9);
    const struct kz_batch *batches[] = {batch};
    struct kz_log_write write = {.drop_from = 32, .batches = batches, .batch_count = 1};
    assert_int_equal(kz_log_append(log, &write, &error), KZ_OK);
    kz_batch_release(batch);
    for (int round = 0; round < 2; round++) {
        const struct kz_term_run *runs = kz_log_term_runs(log, &count);
        assert_int_equal(count, 5);
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(runs[i].first_index, 1 + 10 * i);
            assert_int_equal(runs[i].term, 1 + i);
        }
        assert_int_equal(runs[4].first_index, 32);
        assert_int_equal(runs[4].term, 9);
        assert_entries(log, 61);
        log = reopen(log);
    }
    kz_log_close(log);
}

static void a_long_tail_is_dropped(void **state)
{
    (void)state;
    struct kz_error error;
    struct kz_log *log = open_log(directory);
    append(log, 10, 1);
    for (int i = 0; i < 20; i++)
        append(log, 1000, 2);
    struct kz_log_write drop = {.drop_from = 7};
    assert_int_equal(kz_log_append(log, &drop, &error), KZ_OK);
    assert_entries(log, 6);
    log = reopen(log);
    append(log, 2000, 3);
    assert_entries(log, 2006);
    kz_log_close(log);
}

static void reads_stay_within_their_limits(void **state)
{
    (void)state;
    struct kz_error error;
    struct kz_batch *batch = NULL;
    struct kz_log *log = open_log(directory);
    append(log, 200, 1);

    assert_int_equal(kz_log_read(log, 7, 5, SIZE_MAX, &batch, &error), KZ_OK);
    assert_int_equal(batch->count, 5);
    kz_batch_release(batch);
    assert_int_equal(kz_log_read(log, 7, 100, 0, &batch, &error), KZ_OK);
    assert_int_equal(batch->count, 1);
    size_t size = batch->size;
    kz_batch_release(batch);
    assert_int_equal(kz_log_read(log, 7, 100, size + 1, &batch, &error), KZ_OK);
    assert_int_equal(batch->count, 1);
    kz_batch_release(batch);
    assert_int_equal(kz_log_read(log, 190, UINT32_MAX, SIZE_MAX, &batch, &error), KZ_OK);
    assert_int_equal(batch->count, 11);
    kz_batch_release(batch);
    assert_int_equal(kz_log_read(log, 201, 1, SIZE_MAX, &batch, &error), KZ_NOT_FOUND);
    assert_int_equal(kz_log_read(log, UINT64_MAX, 1, SIZE_MAX, &batch, &error), KZ_NOT_FOUND);
    kz_log_close(log);
}

static enum kz_status append_results(struct kz_log *log, uint32_t count)
{
    uint8_t results[4096];
    struct kz_error error;
    uint64_t first = kz_log_applied_index(log) + 1;
    for (uint32_t i = 0; i < count; i++)
        results[i] = (uint8_t)((first + i) % KZ_RESULT_END);
    struct kz_log_write write = {.result_first = first, .results = results, .result_count = count};
    return kz_log_append(log, &write, &error);
}

static void results_are_stored_behind_the_applied_index(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 1, 1021, 1, 1, 1023, 2000, 1};
    uint8_t results[4096];
    struct kz_error error;
    struct kz_log *log = open_log(directory);
    append(log, 5000, 1);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t applied = kz_log_applied_index(log) + counts[i];
        assert_int_equal(append_results(log, counts[i]), KZ_OK);
        log = reopen(log);
        assert_int_equal(kz_log_applied_index(log), applied);
        assert_int_equal(kz_log_read_results(log, 2, (uint32_t)applied - 1, results, &error),
                         KZ_OK);
        for (uint64_t index = 2; index <= applied && index < 4096; index++) {
            assert_int_equal(results[index - 2], index % KZ_RESULT_END);
        }
        assert_int_equal(kz_log_read_results(log, applied, 2, results, &error), KZ_NOT_FOUND);
        assert_int_equal(kz_log_read_results(log, applied + 1, 1, results, &error), KZ_NOT_FOUND);
    }
    kz_log_close(log);
}

static void leaves_are_the_records_hashes(void **state)
{
    (void)state;
    static uint8_t leaves[200][KZ_HASH_SIZE];
    struct kz_error error;
    struct kz_leaf_hasher *hasher = kz_leaf_hasher_create();
    struct kz_log *log = open_log(directory);
    append(log, 120, 1);
    append(log, 80, 1);
    assert_int_equal(kz_log_read_leaves(log, 1, 200, leaves, &error), KZ_OK);
    for (uint64_t index = 1; index <= 200; index++) {
        uint8_t record[KZ_RECORD_SIZE_MAX];
        uint8_t expected[KZ_HASH_SIZE];
        kz_leaf_hasher_hash(hasher, record, make_record(index, record), expected);
        assert_memory_equal(leaves[index - 1], expected, KZ_HASH_SIZE);
    }
    assert_int_equal(kz_log_read_leaves(log, 2, 200, leaves, &error), KZ_NOT_FOUND);
    kz_log_close(log);
    kz_leaf_hasher_destroy(hasher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_ledger_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(appended_entries_are_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(entries_can_come_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_batches_are_one_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dropped_tail_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(terms_are_dropped_with_their_entries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_tail_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_stay_within_their_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_are_stored_behind_the_applied_index, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(leaves_are_the_records_hashes, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
