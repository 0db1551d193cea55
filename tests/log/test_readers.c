/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that read while one appends and drops: each read sees one state of the ledger. */
#include "tests/log/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS       300
#define READER_COUNT 3

static atomic_bool finished;

/* What one reader found; threads must not use cmocka's assertions. */
struct reader {
    struct kz_log *log;
    pthread_t thread;
    uint64_t wrong_count;
};

/* Every state of the ledger has the records of make_record(), and at least the 100 entries that are
 * never dropped. */
static bool is_right(const struct kz_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint8_t expected[KZ_RECORD_SIZE_MAX];
        uint32_t size = 0;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        if (size != make_record(batch->first_index + i, expected)) return false;
        if (memcmp(record, expected, size) != 0) return false;
    }
    return kz_batch_end(batch) >= 101;
}

static void *read_for_ever(void *argument)
{
    struct reader *reader = argument;
    do { /* at least once, however late a busy machine starts the thread */
        struct kz_error error;
        struct kz_batch *batch = NULL;
        enum kz_status status = kz_log_read(reader->log, 60, 1000, SIZE_MAX, &batch, &error);
        if (status != KZ_OK) (void)fprintf(stderr, "a read failed: %s\n", error.text);
        if (status != KZ_OK || !is_right(batch)) reader->wrong_count++;
        if (status == KZ_OK) kz_batch_release(batch);
    } while (!atomic_load(&finished));
    return NULL;
}

static void readers_see_whole_states(void **state)
{
    (void)state;
    struct reader readers[READER_COUNT];
    struct kz_error error;
    struct kz_log *log = open_log(directory);
    append(log, 100, 1);
    atomic_store(&finished, false);
    for (int i = 0; i < READER_COUNT; i++) {
        readers[i] = (struct reader){.log = log};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_for_ever, &readers[i]), 0);
    }
    for (uint64_t round = 0; round < ROUNDS; round++) {
        append(log, 1 + (uint32_t)(round * 37 % 200), 2 + round);
        struct kz_log_write drop = {.drop_from = 101 + round % 3};
        if (round % 4 == 3) assert_int_equal(kz_log_append(log, &drop, &error), KZ_OK);
    }
    atomic_store(&finished, true);
    for (int i = 0; i < READER_COUNT; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].wrong_count, 0);
    }
    kz_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_see_whole_states, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
