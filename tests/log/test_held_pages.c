/* SPDX-License-Identifier: Apache-2.0 */
/* Another process that reads the ledger's file keeps pages from being used again: it is found, what
 * it holds back is counted, and all is room again once it has ended. */
#include "log/readers.h"
#include "tests/log/fixture.h"

#include <dlfcn.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_SIZE  ((size_t)2 << 20)
#define ROOM_SIZE ((uint64_t)64 << 10)

static off_t killed_below; /* a write to the file before this place is the process's last */

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    ssize_t written = real(file, bytes, size, offset);
    if (offset < killed_below) (void)raise(SIGKILL);
    return written;
}

/* In a child: reads the ledger as it is now, says so, and ends no sooner than the test. */
static void read_for_ever(int told)
{
    char path[PATH_SIZE + sizeof "/ledger"];
    MDB_env *environment;
    MDB_txn *txn;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(path, sizeof path, "%s/ledger", directory);
    if (mdb_env_create(&environment) != 0) _exit(1);
    if (mdb_env_open(environment, path, MDB_RDONLY, 0) != 0) _exit(1);
    if (mdb_txn_begin(environment, NULL, MDB_RDONLY, &txn) != 0) _exit(1);
    if (write(told, "", 1) != 1) _exit(1);
    for (;;)
        (void)pause();
}

static pid_t start_reader(void)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) read_for_ever(ends[1]);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return child;
}

static void kill_reader(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static struct kz_readers look(struct kz_log *log, struct kz_readers readers)
{
    struct kz_error error = {.text = ""};
    assert_int_equal(kz_readers_look(log, &readers, &error), KZ_OK);
    return readers;
}

static void append_times(struct kz_log *log, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        append(log, 1, 1);
}

static void nobody_holds_pages_back_while_nobody_reads(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    struct kz_readers readers = look(log, (struct kz_readers){0});
    append_times(log, 50);
    readers = look(log, readers);
    assert_int_equal(readers.process, 0);
    assert_int_equal(readers.held_bytes, 0);
    assert_int_equal(readers.cleared, 0);
    kz_log_close(log);
}

static void the_oldest_reader_is_named_with_what_it_holds_back(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    append_times(log, 50);
    pid_t first = start_reader();
    append_times(log, 100);
    pid_t second = start_reader();
    append_times(log, 100);

    struct kz_readers once = look(log, (struct kz_readers){0});
    assert_int_equal(once.process, first);
    assert_true(once.held_bytes > 0);
    append_times(log, 100);
    struct kz_readers readers = look(log, once);
    assert_int_equal(readers.process, first);
    assert_int_equal(readers.held_bytes, look(log, (struct kz_readers){0}).held_bytes);
    assert_in_range(readers.held_bytes, once.held_bytes * 5 / 4, once.held_bytes * 7 / 4);

    kill_reader(first);
    readers = look(log, readers);
    assert_int_equal(readers.process, second);
    assert_in_range(readers.held_bytes, once.held_bytes * 3 / 4, once.held_bytes * 5 / 4);
    kill_reader(second);
    readers = look(log, readers);
    assert_int_equal(readers.process, 0);
    assert_int_equal(readers.held_bytes, 0);
    assert_int_equal(readers.cleared, 2);
    kz_log_close(log);
}

static void the_file_stops_growing_when_the_reader_has_ended(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    append_times(log, 50);
    pid_t child = start_reader();
    uint64_t before = kz_log_used_bytes(log);
    append_times(log, 200);
    uint64_t grown = kz_log_used_bytes(log) - before;
    struct kz_readers readers = look(log, (struct kz_readers){0});
    assert_true(readers.held_bytes > grown / 2);

    kill_reader(child);
    readers = look(log, readers);
    before = kz_log_used_bytes(log);
    append_times(log, 200);
    assert_in_range(kz_log_used_bytes(log), before, before + grown / 10);
    kz_log_close(log);
}

static enum kz_status try_append(struct kz_log *log)
{
    struct kz_error error = {.text = ""};
    struct kz_batch *batch = make_batch(kz_log_last_index(log) + 1, 1, 1);
    const struct kz_batch *batches[] = {batch};
    struct kz_log_write write = {.batches = batches, .batch_count = 1};
    enum kz_status status = kz_log_append(log, &write, &error);
    kz_batch_release(batch);
    return status;
}

static void pages_that_are_free_again_are_room_in_a_full_map(void **state)
{
    (void)state;
    struct kz_log *log = NULL;
    struct kz_error error = {.text = ""};
    assert_int_equal(kz_log_open(directory, KZ_LOG_CREATE, MAP_SIZE, &log, &error), KZ_OK);
    kz_log_keep_room(log, ROOM_SIZE);
    append_times(log, 10);
    pid_t child = start_reader();
    enum kz_status status;
    while ((status = try_append(log)) == KZ_OK)
        continue;
    assert_int_equal(status, KZ_NO_SPACE);
    assert_false(kz_log_has_room(log));
    uint64_t last = kz_log_last_index(log);

    kill_reader(child);
    (void)look(log, (struct kz_readers){0});
    append_times(log, 50);
    assert_true(kz_log_has_room(log));
    assert_entries(log, last + 50);
    kz_log_close(log);
}

static void a_write_of_nothing_takes_no_page(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    struct kz_error error = {.text = ""};
    append_times(log, 10);
    pid_t child = start_reader();
    append_times(log, 10);
    uint64_t before = kz_log_used_bytes(log);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(kz_log_append(log, &(struct kz_log_write){0}, &error), KZ_OK);
    assert_int_equal(kz_log_used_bytes(log), before);
    assert_entries(log, 20);
    kill_reader(child);
    kz_log_close(log);
}

/* In a child: commits, and is killed before it has told the others. */
static void commit_and_die(uint32_t count)
{
    struct kz_log *log = open_log(directory);
    killed_below = 2 * sysconf(_SC_PAGESIZE);
    append(log, count, 1);
    _exit(1);
}

static void what_a_killed_process_has_committed_is_seen_while_another_reads(void **state)
{
    (void)state;
    struct kz_log *log = open_log(directory);
    append(log, 10, 1);
    kz_log_close(log);
    pid_t reader = start_reader();
    for (uint64_t last = 10; last < 30; last += 10) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) commit_and_die(9);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        log = open_log(directory);
        assert_entries(log, last + 9);
        append(log, 1, 1);
        kz_log_close(log);
    }
    log = open_log(directory);
    assert_entries(log, 30);
    kz_log_close(log);
    kill_reader(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_holds_pages_back_while_nobody_reads, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_reader_is_named_with_what_it_holds_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_file_stops_growing_when_the_reader_has_ended, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_write_of_nothing_takes_no_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_that_are_free_again_are_room_in_a_full_map, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            what_a_killed_process_has_committed_is_seen_while_another_reads, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("held_pages", tests, NULL, NULL);
}
