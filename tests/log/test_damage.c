/* SPDX-License-Identifier: Apache-2.0 */
/* Damage to the ledger's file: one bit in each byte of it, and whole pages. Each case opens the
 * ledger and reads all of it, and must find the damage or give exactly what was written. A child
 * does it, as LMDB may stop on bytes that it trusts: that is no wrong answer either, and is
 * counted. */
#include "tests/log/written.h"

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRY_COUNT  150
#define RESULT_COUNT 120
#define FIRST_TERM_2 41
#define MAP_SIZE     (UINT64_C(1) << 20)

enum outcome { UNKNOWN, HARMLESS, FOUND_OPENING, FOUND_READING, WRONG, OUTCOME_END };

/* What the child tells its parent, in shared memory. */
struct progress {
    size_t next; /* the case that is being tried */
    size_t counts[OUTCOME_END];
    size_t first_wrong;
    size_t first_ended;
};

static int begin(void **state)
{
    return set_up_written(state, ENTRY_COUNT, FIRST_TERM_2, RESULT_COUNT);
}

static bool head_is_right(const struct kz_log *log)
{
    uint32_t runs = 0;
    uint32_t memberships = 0;
    const struct kz_term_run *run = kz_log_term_runs(log, &runs);
    const uint64_t *membership = kz_log_memberships(log, &memberships);
    return kz_log_last_index(log) == ENTRY_COUNT && kz_log_last_term(log) == 2 &&
           kz_log_applied_index(log) == RESULT_COUNT && runs == 2 && run[0].first_index == 1 &&
           run[0].term == 1 && run[1].first_index == FIRST_TERM_2 && run[1].term == 2 &&
           memberships == 4 && membership[0] == 1 && membership[3] == 150;
}

static bool batch_is_right(const struct kz_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint8_t expected[KZ_RECORD_SIZE_MAX];
        uint32_t size = 0;
        uint64_t index = batch->first_index + i;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        if (size != make_record(index, expected) || memcmp(record, expected, size) != 0) {
            return false;
        }
        if (kz_batch_term(batch, i) != (index < FIRST_TERM_2 ? 1 : 2)) return false;
    }
    return true;
}

static enum outcome read_all(struct kz_log *log)
{
    uint8_t leaves[ENTRY_COUNT][KZ_HASH_SIZE];
    uint8_t results[RESULT_COUNT];
    struct kz_error error = {.text = ""};
    bool found = false;
    for (uint64_t index = 1; index <= ENTRY_COUNT;) {
        struct kz_batch *batch = NULL;
        enum kz_status status = kz_log_read(log, index, ENTRY_COUNT, SIZE_MAX, &batch, &error);
        if (status != KZ_OK) {
            found = true;
            break;
        }
        bool right = batch_is_right(batch);
        index = kz_batch_end(batch);
        kz_batch_release(batch);
        if (!right) return WRONG;
    }
    if (kz_log_read_leaves(log, 1, ENTRY_COUNT, leaves, &error) != KZ_OK) found = true;
    if (kz_log_read_results(log, 1, RESULT_COUNT, results, &error) != KZ_OK) return FOUND_READING;
    for (size_t i = 0; i < RESULT_COUNT; i++) {
        if (results[i] != result_of(i + 1)) return WRONG;
    }
    return found ? FOUND_READING : HARMLESS;
}

static enum outcome try_ledger(void)
{
    struct kz_log *log = NULL;
    struct kz_error error = {.text = ""};
    if (kz_log_open(directory, KZ_LOG_READ_ONLY, MAP_SIZE, &log, &error) != KZ_OK) {
        return FOUND_OPENING;
    }
    enum outcome outcome = head_is_right(log) ? read_all(log) : WRONG;
    kz_log_close(log);
    return outcome;
}

/* Damages the file for case NUMBER. Returns: false when that changes nothing. */
typedef bool damage_function(size_t number);

static void run_cases(size_t count, damage_function *damage, struct progress *progress)
{
    for (; progress->next < count; progress->next++) {
        if (!damage(progress->next)) continue;
        enum outcome outcome = try_ledger();
        if (outcome == WRONG && progress->counts[WRONG] == 0)
            progress->first_wrong = progress->next;
        progress->counts[outcome]++;
        write_at(0, image, image_size);
    }
}

/* Undoes cmocka's handlers, which would go on with the next test. */
static void die_quietly(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        (void)signal(signals[i], SIG_DFL);
    }
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(9);
}

/* Runs all cases, in a new child behind each one that ends the child. Returns: what came of them;
 * UNKNOWN counts the ended children. */
static struct progress try_cases(size_t count, damage_function *damage)
{
    struct progress *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    while (shared->next < count) {
        pid_t child = fork();
        if (child == 0) {
            die_quietly();
            run_cases(count, damage, shared);
            _exit(0);
        }
        int result = 0;
        assert_int_equal(waitpid(child, &result, 0), child);
        if (WIFEXITED(result) && WEXITSTATUS(result) == 0) break;
        assert_int_not_equal(WEXITSTATUS(result), 9);
        if (shared->counts[UNKNOWN] == 0) shared->first_ended = shared->next;
        shared->counts[UNKNOWN]++;
        shared->next++;
        write_at(0, image, image_size);
    }
    struct progress progress = *shared;
    (void)munmap(shared, sizeof *shared);
    print_message("harmless %zu, found at opening %zu, at reading %zu, ended the process %zu\n",
                  progress.counts[HARMLESS], progress.counts[FOUND_OPENING],
                  progress.counts[FOUND_READING], progress.counts[UNKNOWN]);
    if (progress.counts[WRONG] > 0) {
        print_error("%zu wrong, first in case %zu\n", progress.counts[WRONG], progress.first_wrong);
    }
    return progress;
}

static bool flip_a_bit(size_t number)
{
    flip(number);
    return true;
}

static void a_flipped_bit_is_never_read_as_truth(void **state)
{
    (void)state;
    struct progress progress = try_cases(image_size, flip_a_bit);
    assert_int_equal(progress.counts[WRONG], 0);
    assert_true(progress.counts[FOUND_READING] > ENTRY_COUNT * 32);
    /* The first two pages are checked before LMDB sees them. */
    assert_true(progress.first_ended == 0 || progress.first_ended >= 2 * PAGE_SIZE);
}

static bool clear_a_page(size_t number)
{
    static const uint8_t zeros[PAGE_SIZE];
    if (memcmp(image + number * PAGE_SIZE, zeros, PAGE_SIZE) == 0) return false;
    write_at(number * PAGE_SIZE, zeros, PAGE_SIZE);
    return true;
}

static void a_cleared_page_is_never_read_as_truth(void **state)
{
    (void)state;
    struct progress progress = try_cases(image_size / PAGE_SIZE, clear_a_page);
    assert_int_equal(progress.counts[WRONG], 0);
}

static bool swap_two_pages(size_t number)
{
    size_t pages = image_size / PAGE_SIZE;
    size_t one = number / pages;
    size_t other = number % pages;
    if (one >= other) return false;
    write_at(one * PAGE_SIZE, image + other * PAGE_SIZE, PAGE_SIZE);
    write_at(other * PAGE_SIZE, image + one * PAGE_SIZE, PAGE_SIZE);
    return true;
}

static void swapped_pages_are_never_read_as_truth(void **state)
{
    (void)state;
    size_t pages = image_size / PAGE_SIZE;
    struct progress progress = try_cases(pages * pages, swap_two_pages);
    assert_int_equal(progress.counts[WRONG], 0);
}

static void a_cut_file_is_found(void **state)
{
    (void)state;
    char path[PATH_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/ledger/data.mdb", directory);
    for (size_t size = 0; size < image_size; size += 512) {
        struct kz_log *log = NULL;
        struct kz_error error = {.text = ""};
        assert_int_equal(truncate(path, (off_t)size), 0);
        enum kz_status status = kz_log_open(directory, KZ_LOG_EXISTING, MAP_SIZE, &log, &error);
        if (size < 2 * (size_t)PAGE_SIZE) {
            assert_true(status == KZ_CORRUPT || status == KZ_MALFORMED);
        } else {
            assert_int_equal(status, KZ_CORRUPT);
        }
        write_at(0, image, image_size);
    }
}

/* The pages that a transaction freed, as the file lists them. */
struct free_list {
    uint64_t count;
    uint64_t pages[64]; /* from the highest down */
};

/* Gives two lists of at least three pages each. */
static void read_free_lists(struct free_list lists[static 2])
{
    MDB_env *environment = NULL;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val row = {0, NULL};
    char path[PATH_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/ledger", directory);
    assert_int_equal(mdb_env_create(&environment), 0);
    assert_int_equal(mdb_env_open(environment, path, MDB_RDONLY, 0), 0);
    assert_int_equal(mdb_txn_begin(environment, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_cursor_open(txn, 0, &cursor), 0);
    for (size_t found = 0; found < 2;) {
        assert_int_equal(mdb_cursor_get(cursor, &key, &row, MDB_NEXT), 0);
        if (row.mv_size <= 3 * sizeof lists->count) continue;
        assert_true(row.mv_size <= sizeof *lists);
        memcpy(&lists[found++], row.mv_data, row.mv_size);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(environment);
}

/* Writes DAMAGED over LIST, and over the copies of it that older pages hold. */
static void write_free_list(const struct free_list *list, const struct free_list *damaged)
{
    const size_t size = (1 + list->count) * sizeof list->count;
    const uint8_t *end = image + image_size;
    const uint8_t *at = memmem(image, image_size, list, size);
    assert_non_null(at);
    for (; at != NULL; at = memmem(at + 1, (size_t)(end - at) - 1, list, size))
        write_at((size_t)(at - image), damaged, size);
}

static void free_pages_are_looked_at_before_a_write_takes_them(void **state)
{
    (void)state;
    struct free_list lists[2];
    read_free_lists(lists);
    const struct free_list *list = &lists[lists[0].pages[0] < lists[1].pages[0] ? 0 : 1];
    const struct free_list *other = &lists[lists[0].pages[0] < lists[1].pages[0] ? 1 : 0];
    struct free_list cases[5] = {*list, *list, *list, *list, *list};
    cases[0].pages[0] = other->pages[0]; /* in two lists */
    cases[1].pages[1] = list->pages[0];  /* twice in one */
    cases[2].pages[0] = image_size / PAGE_SIZE;
    cases[3].pages[list->count - 1] = 1; /* a meta page */
    cases[4].count--;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kz_log *log = NULL;
        struct kz_error error = {.text = ""};
        write_free_list(list, &cases[i]);
        assert_int_equal(kz_log_open(directory, KZ_LOG_EXISTING, MAP_SIZE, &log, &error),
                         KZ_CORRUPT);
        write_at(0, image, image_size);
    }
}

#define LAST_PAGE_AT 136 /* within either of the first two pages: the number of the last in use */

static void write_with_last_page(uint64_t page)
{
    char path[PATH_SIZE + 32];
    struct stat before;
    struct stat after;
    struct kz_error error = {.text = ""};
    struct kz_log *log = open_log(directory);
    (void)snprintf(path, sizeof path, "%s/ledger/data.mdb", directory);
    assert_int_equal(stat(path, &before), 0);
    write_at(LAST_PAGE_AT, &page, sizeof page);
    write_at(PAGE_SIZE + LAST_PAGE_AT, &page, sizeof page);
    assert_int_equal(kz_log_append(log, &(struct kz_log_write){0}, &error), KZ_CORRUPT);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    kz_log_close(log);
}

static void a_last_page_behind_the_file_gets_no_room(void **state)
{
    (void)state;
    write_with_last_page(10000);
}

static void a_last_page_before_an_earlier_one_gets_no_write(void **state)
{
    (void)state;
    write_with_last_page(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_never_read_as_truth, begin,
                                        tear_down_written),
        cmocka_unit_test_setup_teardown(a_cleared_page_is_never_read_as_truth, begin,
                                        tear_down_written),
        cmocka_unit_test_setup_teardown(swapped_pages_are_never_read_as_truth, begin,
                                        tear_down_written),
        cmocka_unit_test_setup_teardown(a_cut_file_is_found, begin, tear_down_written),
        cmocka_unit_test_setup_teardown(free_pages_are_looked_at_before_a_write_takes_them, begin,
                                        tear_down_written),
        cmocka_unit_test_setup_teardown(a_last_page_behind_the_file_gets_no_room, begin,
                                        tear_down_written),
        cmocka_unit_test_setup_teardown(a_last_page_before_an_earlier_one_gets_no_write, begin,
                                        tear_down_written),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
