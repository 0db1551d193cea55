/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that read while one appends and drops: each read sees one state of the ledger. */
#include "tests/log/fixture.h"

#include "log/meta_pages.h"
#include "statemachine/base/bytes.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS         300
#define READER_COUNT   3
#define WRITES_MAX     5
#define MAPS_LINE      512
#define META_BYTES     152 /* log/meta_pages.h */
#define TRANSACTION_AT 144

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

static void *read_once(void *argument)
{
    struct reader *reader = argument;
    struct kz_error error;
    struct kz_batch *batch = NULL;
    enum kz_status status = kz_log_read(reader->log, 60, 1000, SIZE_MAX, &batch, &error);
    if (status != KZ_OK) (void)fprintf(stderr, "a read failed: %s\n", error.text);
    if (status != KZ_OK || !is_right(batch)) reader->wrong_count++;
    if (status == KZ_OK) kz_batch_release(batch);
    return NULL;
}

static void *read_for_ever(void *argument)
{
    do { /* at least once, however late a busy machine starts the thread */
        (void)read_once(argument);
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

/* ---- Writes while a reader begins ----
 * LMDB's reader takes the number of the last commit, then copies what that commit wrote in one of
 * the file's first two pages. Here it can not read them at once: before it goes on, others commit,
 * each in the other page than the one before. */

static atomic_uint first_pages_wanted;
static atomic_uint first_pages_given;
static void *first_pages;
static size_t first_pages_size;

static void wait_for_writes(int signal_number)
{
    (void)signal_number;
    unsigned wanted = atomic_fetch_add(&first_pages_wanted, 1) + 1;
    while (atomic_load(&first_pages_given) != wanted)
        (void)sched_yield();
}

/* Finds the start of the data file's only map. */
static void find_first_pages(void)
{
    char line[MAPS_LINE];
    char path[PATH_SIZE + 32];
    uintptr_t address = 0;
    (void)snprintf(path, sizeof path, "%s/ledger/data.mdb\n", directory);
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (address == 0 && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, path) != NULL) assert_int_equal(sscanf(line, "%" SCNxPTR, &address), 1);
    }
    (void)fclose(maps);
    assert_int_not_equal(address, 0);
    first_pages = (void *)address;
    first_pages_size = 2 * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_reader_that_others_overtake_sees_a_whole_state(void **state)
{
    (void)state;
    const struct sigaction action = {.sa_handler = wait_for_writes};
    struct sigaction before;
    struct kz_log *log = open_log(directory);
    append(log, 101, 1);
    find_first_pages();
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    for (uint32_t writes = 0; writes <= WRITES_MAX; writes++) {
        struct reader reader = {.log = log};
        unsigned wanted = atomic_load(&first_pages_wanted) + 1;
        assert_int_equal(mprotect(first_pages, first_pages_size, PROT_NONE), 0);
        assert_int_equal(pthread_create(&reader.thread, NULL, read_once, &reader), 0);
        while (atomic_load(&first_pages_wanted) != wanted)
            (void)sched_yield();
        assert_int_equal(mprotect(first_pages, first_pages_size, PROT_READ), 0);
        for (uint32_t i = 0; i < writes; i++)
            append(log, 1, 1);
        atomic_store(&first_pages_given, wanted);
        assert_int_equal(pthread_join(reader.thread, NULL), 0);
        assert_int_equal(reader.wrong_count, 0);
    }
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    kz_log_close(log);
}

/* ---- Writes while the file is opened ---- */

#define OPENINGS 20000

/* Writes the two first pages in turn, as commits do. */
static void *write_first_pages(void *argument)
{
    int file = *(const int *)argument;
    uint8_t page[2][META_BYTES];
    const off_t size = (off_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < 2; i++)
        if (pread(file, page[i], META_BYTES, i * size) != META_BYTES) return NULL;
    uint64_t last = kz_get_u64(page[0] + TRANSACTION_AT);
    if (kz_get_u64(page[1] + TRANSACTION_AT) > last) last++;
    while (!atomic_load(&finished)) {
        last++;
        kz_put_u64(page[last % 2] + TRANSACTION_AT, last);
        if (pwrite(file, page[last % 2], META_BYTES, (off_t)(last % 2) * size) != META_BYTES) break;
    }
    return NULL;
}

static void an_opening_while_others_commit_finds_the_file_sound(void **state)
{
    (void)state;
    char path[PATH_SIZE + 32];
    struct kz_log *log = open_log(directory);
    append(log, 100, 1);
    append(log, 100, 1);
    kz_log_close(log);
    (void)snprintf(path, sizeof path, "%s/ledger/data.mdb", directory);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    pthread_t thread;
    atomic_store(&finished, false);
    assert_int_equal(pthread_create(&thread, NULL, write_first_pages, &file), 0);
    unsigned wrong_count = 0;
    for (unsigned i = 0; i < OPENINGS; i++) {
        struct kz_error error;
        wrong_count += kz_meta_pages_check(path, &error) != KZ_OK;
    }
    atomic_store(&finished, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(wrong_count, 0);
    assert_int_equal(close(file), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_see_whole_states, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_others_overtake_sees_a_whole_state, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_opening_while_others_commit_finds_the_file_sound, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
