/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"
#include "node/core/bounds.h"
#include "node/shell/writer.h"
#include "statemachine/base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A ledger in a directory of its own, and its writer on a loop. */
struct fixture {
    char directory[64];
    struct kz_log *log;
    uv_loop_t loop;
    struct kz_inbox inbox;
    struct kz_syncs syncs;
    struct kz_ledger_writer writer;
    struct kz_batch *given[2048]; /* kept until the end, as the core keeps them until STORED */
    uint32_t given_count;
    uint64_t next_ticket;
};

static void set_up(struct fixture *fixture, uint64_t map_size)
{
    struct kz_error error;

    *fixture = (struct fixture){.directory = "/tmp/kezek-test-XXXXXX",
                                .next_ticket = 1,
                                .syncs = {.election_timeout_ms = UINT64_MAX}};
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(
        kz_log_open(fixture->directory, KZ_LOG_CREATE, map_size, &fixture->log, &error), KZ_OK);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    assert_int_equal(kz_ledger_writer_start(&fixture->writer, &fixture->loop, fixture->log,
                                            &fixture->inbox, &fixture->syncs),
                     KZ_OK);
}

static void remove_directory(const char *directory)
{
    static const char *const names[] = {"ledger/data.mdb", "ledger/lock.mdb", "ledger", "reached",
                                        ""};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void tear_down(struct fixture *fixture)
{
    kz_ledger_writer_finish(&fixture->writer);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    kz_inbox_finish(&fixture->inbox);
    kz_log_close(fixture->log);
    for (uint32_t i = 0; i < fixture->given_count; i++)
        kz_batch_release(fixture->given[i]);
    remove_directory(fixture->directory);
}

/* Gives the writer a batch of COUNT barriers from FIRST on, with RESULT_COUNT results. */
static void give(struct fixture *fixture, uint64_t drop_from, uint64_t first, uint32_t count,
                 uint64_t term, uint64_t result_first, uint32_t result_count)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_record_encode(&(struct kz_entry){.type = KZ_BARRIER}, record, sizeof record);
    struct kz_batch *batch = kz_batch_create(first, count, count * (KZ_ENTRY_PREFIX_SIZE + size));

    for (uint32_t i = 0; i < count; i++)
        memcpy(kz_batch_add(batch, term, (uint32_t)size), record, size);
    fixture->given[fixture->given_count++] = batch;

    struct kz_write_order order = {.ticket = fixture->next_ticket++,
                                   .drop_from = drop_from,
                                   .batch = batch,
                                   .result_first = result_first,
                                   .result_count = result_count};
    if (result_count > 0) {
        order.results = malloc(result_count);
        for (uint32_t i = 0; i < result_count; i++)
            order.results[i] = (uint8_t)(result_first + i);
    }
    kz_ledger_writer_give(&fixture->writer, &order);
}

static struct kz_event last_event(const struct fixture *fixture)
{
    KZ_ASSERT(fixture->inbox.count > 0);
    return fixture->inbox.events[fixture->inbox.count - 1];
}

static void wait_for_ticket(struct fixture *fixture, uint64_t ticket)
{
    while (fixture->inbox.count == 0 || last_event(fixture).ticket < ticket)
        uv_run(&fixture->loop, UV_RUN_ONCE);
}

static void writes_that_wait_share_a_transaction(void **state)
{
    struct fixture fixture;
    (void)state;

    set_up(&fixture, 0);
    for (uint64_t i = 0; i < 1000; i++)
        give(&fixture, 0, 1 + 3 * i, 3, 1, 0, 0);
    wait_for_ticket(&fixture, 1000);
    assert_int_equal(last_event(&fixture).type, KZ_EVENT_STORED);
    assert_true(last_event(&fixture).used_bytes > 0);
    assert_int_equal(kz_log_last_index(fixture.log), 3000);
    assert_true(fixture.writer.figures.transactions < 100);
    assert_int_equal(fixture.writer.figures.transactions, fixture.inbox.count);
    assert_int_equal(fixture.writer.figures.entries, 3000);
    assert_int_equal(fixture.writer.figures.waiting, 0);
    tear_down(&fixture);
}

/* Any two of the writes are more than a transaction takes. */
static void a_transaction_takes_no_more_than_its_bound(void **state)
{
    const uint32_t count = 100000;
    struct fixture fixture;
    (void)state;

    set_up(&fixture, 0);
    for (uint64_t i = 0; i < 6; i++)
        give(&fixture, 0, 1 + i * count, count, 1, 0, 0);
    assert_true(2 * fixture.given[0]->size > KZ_WRITE_GROUP_SIZE);
    wait_for_ticket(&fixture, 6);
    assert_int_equal(fixture.writer.figures.transactions, 6);
    assert_int_equal(kz_log_last_index(fixture.log), 6 * (uint64_t)count);
    tear_down(&fixture);
}

static void a_dropped_tail_is_dropped_in_its_turn(void **state)
{
    struct fixture fixture;
    const struct kz_term_run *runs;
    uint32_t count;
    (void)state;

    set_up(&fixture, 0);
    give(&fixture, 0, 1, 10, 1, 0, 0);
    give(&fixture, 0, 11, 10, 1, 0, 0);
    give(&fixture, 6, 6, 2, 2, 0, 0);
    give(&fixture, 0, 8, 1, 2, 0, 0);
    give(&fixture, 7, 7, 1, 3, 0, 0);
    wait_for_ticket(&fixture, 5);
    assert_int_equal(kz_log_last_index(fixture.log), 7);
    runs = kz_log_term_runs(fixture.log, &count);
    assert_int_equal(count, 3);
    assert_int_equal(runs[1].first_index, 6);
    assert_int_equal(runs[2].first_index, 7);
    tear_down(&fixture);
}

static void results_of_several_writes_are_joined(void **state)
{
    struct fixture fixture;
    struct kz_error error;
    uint8_t results[30];
    (void)state;

    set_up(&fixture, 0);
    give(&fixture, 0, 1, 10, 1, 0, 0);
    give(&fixture, 0, 11, 10, 1, 1, 4);
    give(&fixture, 0, 21, 10, 1, 5, 1);
    give(&fixture, 0, 31, 10, 1, 0, 0);
    give(&fixture, 0, 41, 10, 1, 6, 25);
    wait_for_ticket(&fixture, 5);
    assert_int_equal(kz_log_applied_index(fixture.log), 30);
    assert_int_equal(kz_log_read_results(fixture.log, 1, 30, results, &error), KZ_OK);
    for (uint8_t i = 0; i < 30; i++)
        assert_int_equal(results[i], i + 1);
    tear_down(&fixture);
}

/* Gives a repair of entry INDEX (it needs none) and waits for what comes of it. */
static enum kz_status repair(struct fixture *fixture, uint64_t index)
{
    uint32_t told = fixture->inbox.count;
    const struct kz_repair_order order = {.ticket = 70 + index, .index = index, .count = 1};
    kz_ledger_writer_repair(&fixture->writer, &order);
    while (fixture->inbox.count == told || last_event(fixture).type != KZ_EVENT_REPAIRED)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(last_event(fixture).ticket, 70 + index);
    return last_event(fixture).status;
}

static void a_repair_takes_its_turn_and_stops_nothing(void **state)
{
    struct fixture fixture;
    (void)state;

    set_up(&fixture, 0);
    give(&fixture, 0, 1, 10, 1, 0, 0);
    assert_int_equal(repair(&fixture, 10), KZ_OK); /* it is there by now */
    assert_int_equal(repair(&fixture, 11), KZ_NOT_FOUND);
    give(&fixture, 0, 11, 10, 1, 0, 0);
    wait_for_ticket(&fixture, 2);
    assert_int_equal(repair(&fixture, 11), KZ_OK);
    assert_int_equal(kz_log_last_index(fixture.log), 20);
    assert_int_equal(fixture.writer.figures.entries, 20);
    tear_down(&fixture);
}

static void a_full_map_is_reported_once_and_nothing_overtakes(void **state)
{
    struct fixture fixture;
    uint64_t first = 1;
    (void)state;

    set_up(&fixture, 1 << 20);
    while (fixture.inbox.count == 0 || last_event(&fixture).type == KZ_EVENT_STORED) {
        give(&fixture, 0, first, 100, 1, 0, 0);
        first += 100;
        wait_for_ticket(&fixture, fixture.next_ticket - 1);
    }
    struct kz_event failed = last_event(&fixture);
    uint32_t told = fixture.inbox.count;
    assert_int_equal(failed.type, KZ_EVENT_STORE_FAILED);
    assert_int_equal(failed.status, KZ_NO_SPACE);
    assert_int_equal(failed.ticket, fixture.next_ticket - 1);

    give(&fixture, 0, first, 1, 1, 0, 0);
    uint64_t until_ms = uv_now(&fixture.loop) + 1500; /* two more tries */
    while (uv_now(&fixture.loop) < until_ms)
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture.inbox.count, told);
    assert_int_equal(fixture.writer.figures.waiting, 2);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_that_wait_share_a_transaction),
        cmocka_unit_test(a_transaction_takes_no_more_than_its_bound),
        cmocka_unit_test(a_dropped_tail_is_dropped_in_its_turn),
        cmocka_unit_test(results_of_several_writes_are_joined),
        cmocka_unit_test(a_repair_takes_its_turn_and_stops_nothing),
        cmocka_unit_test(a_full_map_is_reported_once_and_nothing_overtakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
