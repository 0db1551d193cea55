/* SPDX-License-Identifier: Apache-2.0 */
/* What the log does when the world fails: full map and disk, errors of the disk, a killed process,
 * a directory that is no ledger. */
#include "tests/log/failing.h"
#include "tests/log/fixture.h"

#include "log/head.h"
#include "log/reached.h"
#include "log/store.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_WRITE_MAX (16 << 10) /* LMDB gives no more to one pwrite() here */

/* ---- LMDB's calls ----
 * What is written to DIR/reached may fail unseen, and is let through. */

static unsigned zero_steps; /* writes of zeros ahead of others, known by their size */

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    zero_steps += size > PAGE_WRITE_MAX;
    return size != KZ_REACHED_SIZE && call_fails() ? -1 : real(file, bytes, size, offset);
}

ssize_t writev(int file, const struct iovec *pieces, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "writev");
    return call_fails() ? -1 : real(file, pieces, count);
}

int fallocate(int file, int mode, off_t offset, off_t size)
{
    static int (*real)(int, int, off_t, off_t);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "fallocate");
    return call_fails() ? -1 : real(file, mode, offset, size);
}

static enum kz_status try_append(struct kz_log *log, uint64_t drop_from, uint32_t count,
                                 uint64_t term, struct kz_error *error)
{
    uint64_t first = drop_from == 0 ? kz_log_last_index(log) + 1 : drop_from;
    struct kz_batch *batch = make_batch(first, count, term);
    const struct kz_batch *batches[] = {batch};
    struct kz_log_write write = {.drop_from = drop_from, .batches = batches, .batch_count = 1};
    enum kz_status status = kz_log_append(log, &write, error);
    kz_batch_release(batch);
    return status;
}

/* Appends behind entry 50 while the n-th call fails. Returns: whether a call did fail. */
static bool fail_a_call(int n, int code, enum kz_status expected)
{
    struct kz_error error = {.text = ""};
    struct kz_log *log = open_log(directory);
    call_errno = code;
    calls_left = n;
    enum kz_status status = try_append(log, 51, 50, 3, &error);
    bool failed = calls_left < 0;
    calls_left = -1;
    if (!failed) {
        assert_int_equal(status, KZ_OK);
    } else if (status == KZ_NO_SPACE) {
        assert_int_equal(expected, KZ_NO_SPACE);
        assert_entries(log, 100);
        assert_int_equal(kz_log_last_term(log), 2);
    } else {
        assert_int_equal(status, KZ_IO);
        assert_int_equal(kz_log_last_term(log), 2);
        assert_int_equal(try_append(log, 0, 1, 3, &error), KZ_POISONED);
    }
    kz_log_close(log);
    return failed;
}

/* Lets the n-th call of an append fail with CODE, for n = 0, 1, … until the append succeeds: each
 * time the ledger is the one before it. */
static void fail_each_call(int code, enum kz_status expected)
{
    int n = 0;
    while (fail_a_call(n, code, expected)) {
        struct kz_log *log = open_log(directory);
        assert_entries(log, 100);
        assert_int_equal(kz_log_last_term(log), 2);
        kz_log_close(log);
        n++;
    }
    assert_true(n >= 3);
}

static void a_failed_disk_poisons_the_log(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    append(log, 50, 1);
    append(log, 50, 2);
    kz_log_close(log);
    fail_each_call(EIO, KZ_IO);
}

static void a_full_disk_changes_nothing_and_the_log_goes_on(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    append(log, 50, 1);
    append(log, 50, 2);
    kz_log_close(log);
    fail_each_call(ENOSPC, KZ_NO_SPACE);
    log = open_log(directory);
    for (int n = 0; n < 3; n++) {
        struct kz_error error = {.text = ""};
        uint64_t last = kz_log_last_index(log);
        calls_left = n;
        enum kz_status status = try_append(log, 0, 20, 4, &error);
        calls_left = -1;
        if (status != KZ_OK) {
            assert_int_equal(status, KZ_NO_SPACE);
            assert_entries(log, last);
            append(log, 20, 4);
        }
        assert_entries(log, last + 20);
    }
    kz_log_close(log);
}

static void many_small_writes_share_the_zeros_ahead_of_them(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    zero_steps = 0;
    for (unsigned i = 0; i < 40; i++)
        append(log, 1, 1);
    assert_true(zero_steps <= 1); /* there may be zeros since it was opened */
    for (unsigned i = 0; i < 40; i++)
        append(log, 100, 1); /* 1.1 MB in all */
    assert_in_range(zero_steps, 1, 10);
    assert_entries(log, 4040);
    kz_log_close(log);
}

static void a_full_map_changes_nothing_and_the_log_goes_on(void **state)
{
    (void)state;
    struct kz_log *log = NULL;
    struct kz_error error = {.text = ""};
    enum kz_status status = KZ_OK;
    assert_int_equal(kz_log_open(directory, KZ_LOG_CREATE, 400 * 1024, &log, &error), KZ_OK);
    uint64_t last = 0;
    while ((status = try_append(log, 0, 100, 1, &error)) == KZ_OK)
        last += 100;
    assert_int_equal(status, KZ_NO_SPACE);
    assert_true(last >= 500);
    assert_entries(log, last);

    struct kz_log_write drop = {.drop_from = last - 199};
    assert_int_equal(kz_log_append(log, &drop, &error), KZ_OK);
    append(log, 50, 1);
    assert_entries(log, last - 150);
    kz_log_close(log);

    log = open_log(directory); /* with a larger map it grows */
    append(log, 1000, 2);
    assert_entries(log, last + 850);
    kz_log_close(log);
}

/* A limit of the file's size stands for a disk: growing past it fails, as without room. */
static void a_disk_without_room_for_the_file_is_no_space(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    struct kz_error error = {.text = ""};
    enum kz_status status = KZ_OK;
    append(log, 100, 1);
    uint64_t last = 100;
    struct rlimit old_limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    struct rlimit limit = {1 << 20, old_limit.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    while ((status = try_append(log, 0, 100, 1, &error)) == KZ_OK)
        last += 100;

    kz_log_close(log); /* a start writes nothing, and syncs what a killed process wrote */
    syncs = 0;
    log = open_log(directory);
    assert_in_range(syncs, 1, 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    (void)signal(SIGXFSZ, SIG_DFL);

    assert_int_equal(status, KZ_NO_SPACE);
    assert_true(last > 2000);
    assert_entries(log, last);
    append(log, 100, 2);
    log = (kz_log_close(log), open_log(directory));
    assert_entries(log, last + 100);
    kz_log_close(log);
}

/* Appends, drops and stores results until it is killed. */
static void write_for_ever(void)
{
    struct kz_error error = {.text = ""};
    struct kz_log *log = open_log(directory);
    uint8_t results[16] = {0};
    for (uint64_t term = kz_log_last_term(log) + 1;; term++) {
        struct kz_log_write apply = {
            .result_first = kz_log_applied_index(log) + 1, .results = results, .result_count = 5};
        uint64_t drop_from = kz_log_last_index(log) > 10 ? kz_log_last_index(log) - 3 : 0;
        if (try_append(log, drop_from, 20, term, &error) != KZ_OK) _exit(1);
        if (kz_log_append(log, &apply, &error) != KZ_OK) _exit(1);
    }
}

static void a_killed_process_leaves_whole_transactions(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int round = 0; round < 20; round++) {
        pid_t child = fork();
        if (child == 0) write_for_ever();
        struct timespec pause = {0, (3 + round * 2) * 1000000L};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        int result = 0;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFSIGNALED(result));

        struct kz_log *log = open_log(directory);
        assert_true(kz_log_last_index(log) >= last);
        last = kz_log_last_index(log);
        assert_entries(log, last);
        assert_true(kz_log_applied_index(log) <= last);
        assert_true(last == 0 || (last - 20) % 16 == 0);
        kz_log_close(log);
    }
    assert_true(last > 0);
}

/* The room that is kept lets appends go on where the file can not grow any more, and says so. */
static void the_room_for_a_full_disk_is_used_and_made_whole_again(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    struct kz_error error = {.text = ""};
    struct rlimit old_limit;
    kz_log_keep_room(log, 2 << 20);
    append(log, 100, 1);
    assert_true(kz_log_has_room(log));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    struct rlimit limit = {4 << 20, old_limit.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);

    uint32_t taken = 0;
    while (kz_log_has_room(log))
        append(log, 100, 1);
    while (try_append(log, 0, 100, 1, &error) == KZ_OK) {
        assert_false(kz_log_has_room(log));
        taken += 100;
    }
    assert_int_equal(error.status, KZ_NO_SPACE);
    assert_in_range(taken, 6000, 14000); /* of 2 MiB, at about 190 bytes an entry */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    (void)signal(SIGXFSZ, SIG_DFL);

    assert_int_equal(kz_log_append(log, &(struct kz_log_write){0}, &error), KZ_OK);
    assert_true(kz_log_has_room(log));
    assert_entries(log, kz_log_last_index(log));
    kz_log_close(log);
}

/* What the map leaves is judged like what the disk leaves. */
static void the_room_is_kept_below_the_end_of_the_map_too(void **state)
{
    (void)state;
    struct kz_log *log = NULL;
    struct kz_error error = {.text = ""};
    assert_int_equal(kz_log_open(directory, KZ_LOG_CREATE, 8 << 20, &log, &error), KZ_OK);
    kz_log_keep_room(log, 16 << 20);
    while (kz_log_has_room(log))
        append(log, 100, 1);
    uint64_t used = kz_log_used_bytes(log);
    assert_in_range(used, 6 << 20, 7 << 20); /* an eighth is kept */
    append(log, 1000, 1);
    assert_false(kz_log_has_room(log));
    kz_log_close(log);
}

static void put_file(const char *name, const char *text)
{
    char path[PATH_SIZE + 64];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void make_ledger_directory(void)
{
    char path[PATH_SIZE + 64];
    (void)snprintf(path, sizeof path, "%s/ledger", directory);
    assert_int_equal(mkdir(path, 0700), 0);
}

static enum kz_status status_of_opening(enum kz_log_mode mode)
{
    struct kz_log *log = NULL;
    struct kz_error error = {.text = ""};
    enum kz_status status = kz_log_open(directory, mode, 0, &log, &error);
    if (status == KZ_OK) {
        kz_log_close(log);
    } else {
        assert_int_equal(error.status, status);
        assert_int_not_equal(strlen(error.text), 0);
    }
    return status;
}

static void what_is_no_ledger_is_not_opened(void **state)
{
    (void)state;
    assert_int_equal(status_of_opening(KZ_LOG_EXISTING), KZ_NOT_FOUND);
    assert_int_equal(status_of_opening(KZ_LOG_READ_ONLY), KZ_NOT_FOUND);
    make_ledger_directory();
    for (int mode = KZ_LOG_CREATE; mode <= KZ_LOG_READ_ONLY; mode++) {
        assert_int_equal(status_of_opening((enum kz_log_mode)mode), KZ_MALFORMED);
    }
    char text[9001];
    memset(text, 'x', sizeof text - 1);
    text[9000] = 0;
    put_file("ledger/data.mdb", text);
    assert_int_equal(status_of_opening(KZ_LOG_CREATE), KZ_MALFORMED);
    put_file("ledger/data.mdb", "");
    assert_int_equal(status_of_opening(KZ_LOG_CREATE), KZ_CORRUPT);
}

static void a_path_that_is_a_file_is_no_ledger(void **state)
{
    (void)state;
    put_file("ledger", "text");
    assert_int_equal(status_of_opening(KZ_LOG_CREATE), KZ_MALFORMED);
}

static void a_ledger_that_was_half_made_is_made_again(void **state)
{
    (void)state;
    char path[PATH_SIZE + 64];
    (void)snprintf(path, sizeof path, "%s/ledger.new", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file("ledger.new/data.mdb", "half");
    struct kz_log *log = open_log(directory);
    append(log, 3, 1);
    assert_entries(log, 3);
    kz_log_close(log);
}

/* Opens the store itself and gives its head another version. */
static void a_newer_format_is_told_apart(void **state)
{
    (void)state;
    char path[PATH_SIZE + 64];
    uint8_t *room = NULL;
    uint8_t bytes[KZ_HEAD_SIZE] = "KZLEDGER\2";
    struct kz_store *store = NULL;
    struct kz_transaction transaction;
    struct kz_error error = {.text = ""};
    kz_log_close(open_log(directory));
    (void)snprintf(path, sizeof path, "%s/ledger", directory);
    assert_int_equal(kz_store_open(path, false, 0, &store, &error), KZ_OK);
    assert_int_equal(kz_transaction_begin_write(store, 0, &error, &transaction), KZ_OK);
    assert_int_equal(kz_table_replace(&transaction, KZ_TABLE_HEAD, 0, sizeof bytes, &room), KZ_OK);
    memcpy(room, bytes, sizeof bytes);
    assert_int_equal(kz_transaction_commit(&transaction), KZ_OK);
    kz_store_close(store);

    assert_int_equal(status_of_opening(KZ_LOG_CREATE), KZ_NEWER);
    assert_int_equal(status_of_opening(KZ_LOG_READ_ONLY), KZ_NEWER);
}

/* Writes HEAD with right checksums into a ledger of 100 entries. Returns: what opening it says. */
static enum kz_status status_with_head(const struct kz_head *head)
{
    char path[PATH_SIZE + 64];
    struct kz_store *store = NULL;
    struct kz_transaction transaction;
    struct kz_error error = {.text = ""};
    (void)snprintf(path, sizeof path, "%s/ledger", directory);
    assert_int_equal(kz_store_open(path, false, 0, &store, &error), KZ_OK);
    assert_int_equal(kz_transaction_begin_write(store, 0, &error, &transaction), KZ_OK);
    assert_int_equal(kz_head_write(&transaction, head), KZ_OK);
    assert_int_equal(kz_transaction_commit(&transaction), KZ_OK);
    kz_store_close(store);
    return status_of_opening(KZ_LOG_EXISTING);
}

static void a_head_that_differs_from_the_tables_is_found(void **state)
{
    (void)state;
    uint8_t results[40] = {0};
    struct kz_log *log = open_log(directory);
    append(log, 60, 1);
    append(log, 40, 5);
    struct kz_log_write apply = {.result_first = 1, .results = results, .result_count = 40};
    assert_int_equal(kz_log_append(log, &apply, NULL), KZ_OK);
    kz_log_close(log);

    const struct kz_head right = {100, 5, 40, 2, 3};
    assert_int_equal(status_with_head(&right), KZ_OK);
    const struct kz_head wrong[] = {
        {101, 5, 40, 2, 3}, {99, 5, 40, 2, 3},  {100, 4, 40, 2, 3}, {100, 5, 41, 2, 3},
        {100, 5, 39, 2, 3}, {100, 5, 40, 1, 3}, {100, 5, 40, 3, 3}, {100, 5, 40, 2, 2},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(status_with_head(&wrong[i]), KZ_CORRUPT);
    }
    assert_int_equal(status_with_head(&right), KZ_OK);
}

static void a_read_only_log_is_not_written(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    append(log, 10, 1);
    kz_log_close(log);
    struct kz_error error = {.text = ""};
    assert_int_equal(kz_log_open(directory, KZ_LOG_READ_ONLY, 0, &log, &error), KZ_OK);
    assert_entries(log, 10);
    kz_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_disk_poisons_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_changes_nothing_and_the_log_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_small_writes_share_the_zeros_ahead_of_them, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_map_changes_nothing_and_the_log_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_room_for_a_full_disk_is_used_and_made_whole_again,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_room_is_kept_below_the_end_of_the_map_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_disk_without_room_for_the_file_is_no_space, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_killed_process_leaves_whole_transactions, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_ledger_is_not_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_is_a_file_is_no_ledger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ledger_that_was_half_made_is_made_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_newer_format_is_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_head_that_differs_from_the_tables_is_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_read_only_log_is_not_written, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
