/* SPDX-License-Identifier: Apache-2.0 */
/* WATCH: every applied entry once, in order, with its result; from the ledger, then live. */
#include "tests/simulation/sim.h"
#include "tests/simulation/sim_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kz_sim sim;
static struct kz_sim_client client;
static struct kz_sim_client watcher;
static uint64_t leader;
static uint64_t next_child = 1000;

static int begin(void **state)
{
    (void)state;
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 9, .nodes = 3});
    kz_sim_start_all(&sim);
    leader = kz_sim_elect(&sim, 5000);
    kz_sim_connect(&sim, &client, leader);
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    kz_sim_run(&sim, 500); /* what the clock makes due follows */
    return 0;
}

static int end(void **state)
{
    (void)state;
    kz_sim_disconnect(&client);
    kz_sim_disconnect(&watcher);
    kz_sim_finish(&sim);
    return 0;
}

static void apply(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct kz_entry entry = kz_sim_application(next_child, next_child);
        if (i % 7 == 6) entry.application.territory = 9;
        next_child++;
        kz_sim_ask(&client, &entry);
    }
}

static void watch(uint64_t node, uint64_t first)
{
    uint8_t bytes[64];
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    kz_sim_connect(&sim, &watcher, node);
    kz_watch_encode(&writer, 77, first);
    kz_sim_send(&watcher, &writer);
}

/* Takes what came: in order from FIRST, as it stands on the node's disk. Returns: the index after
 * the last. */
static uint64_t take(uint64_t node, uint64_t first, unsigned *out_empty)
{
    struct kz_frame frame;
    while (kz_sim_take(&watcher, KZ_MESSAGE_ENTRIES, &frame)) {
        struct kz_entries_reader reader;
        uint64_t term;
        uint8_t result;
        uint16_t size;
        const uint8_t *record;
        assert_int_equal(kz_entries_decode(&frame, &reader), KZ_OK);
        assert_int_equal(frame.tag, 77);
        assert_int_equal(reader.first_index, first);
        *out_empty += reader.count == 0;
        while ((record = kz_entries_next(&reader, &term, &result, &size)) != NULL) {
            const struct kz_sim_disk *disk = &sim.nodes[node].disk;
            const struct kz_sim_entry *entry = &disk->entries[first - 1];
            assert_int_equal(term, entry->term);
            assert_int_equal(size, entry->size);
            assert_memory_equal(record, entry->record, size);
            if (first <= disk->applied) assert_int_equal(result, disk->results[first - 1]);
            first++;
        }
    }
    return first;
}

static void entries_come_from_memory_and_then_live(void **state)
{
    (void)state;
    unsigned empty = 0;
    apply(20);
    watch(leader, 1);
    kz_sim_run(&sim, 100);
    uint64_t next = take(leader, 1, &empty);
    assert_int_equal(next, kz_sim_figures(&sim, leader).applied_index + 1);
    assert_int_equal(empty, 1);

    apply(5);
    kz_sim_run(&sim, 50);
    next = take(leader, next, &empty);
    assert_int_equal(next, kz_sim_figures(&sim, leader).applied_index + 1);
    assert_int_equal(empty, 1);
}

static void a_watch_begins_where_it_is_told(void **state)
{
    (void)state;
    unsigned empty = 0;
    apply(10);
    watch(leader, 6);
    kz_sim_run(&sim, 100);
    assert_int_equal(take(leader, 6, &empty), kz_sim_figures(&sim, leader).applied_index + 1);
}

static void a_watch_past_the_end_waits(void **state)
{
    (void)state;
    unsigned empty = 0;
    uint64_t next = kz_sim_figures(&sim, leader).applied_index + 1;
    watch(leader, next);
    kz_sim_run(&sim, 100);
    assert_int_equal(take(leader, next, &empty), next);
    assert_int_equal(empty, 1);
    apply(1);
    kz_sim_run(&sim, 50);
    assert_int_equal(take(leader, next, &empty), next + 1);
}

static void after_a_restart_entries_come_from_the_ledger(void **state)
{
    (void)state;
    unsigned empty = 0;
    uint64_t node = leader == 1 ? 2 : 1;
    apply(30);
    kz_sim_run(&sim, 500);
    kz_sim_crash(&sim, node);
    kz_sim_start(&sim, node);
    watch(node, 1);
    kz_sim_run(&sim, 1500);
    uint64_t next = take(node, 1, &empty);
    assert_int_equal(next, kz_sim_figures(&sim, node).applied_index + 1);
    assert_int_equal(empty, 1);
}

static void what_does_not_fit_waits_until_it_has_drained(void **state)
{
    (void)state;
    unsigned empty = 0;
    uint64_t first = sim.nodes[1].disk.last + 1;
    enum { COUNT = 20000 };
    struct kz_batch *batch = kz_batch_create(first, COUNT, COUNT * 60);
    struct kz_entry entry = {.type = KZ_CALENDAR, .time = KZ_SIM_WALL_MS + 60000};
    uint8_t record[64];
    for (int i = 0; i < COUNT; i++) {
        entry.calendar = (struct kz_calendar_fields){20000 + i, true};
        size_t size = kz_record_encode(&entry, record, sizeof(record));
        memcpy(kz_batch_add(batch, sim.nodes[1].disk.vote.term, (uint32_t)size), record, size);
    }
    static uint8_t results[COUNT];
    for (uint64_t id = 1; id <= 3; id++) {
        kz_sim_crash(&sim, id);
        assert_int_equal(sim.nodes[id].disk.last, first - 1);
        kz_sim_disk_write(&sim.nodes[id].disk, &(struct kz_write_order){.batch = batch,
                                                                        .result_first = first,
                                                                        .results = results,
                                                                        .result_count = COUNT});
    }
    kz_batch_release(batch);
    kz_sim_start_all(&sim);
    kz_sim_elect(&sim, 5000);
    sim.options.latency_ms = 40; /* sim_network.c bounds what is on its way */
    watch(1, 1);
    kz_sim_run(&sim, 2000);
    uint64_t next = take(1, 1, &empty);
    assert_int_equal(next, kz_sim_figures(&sim, 1).applied_index + 1);
    assert_true(next > first + COUNT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_come_from_memory_and_then_live, begin, end),
        cmocka_unit_test_setup_teardown(a_watch_begins_where_it_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_watch_past_the_end_waits, begin, end),
        cmocka_unit_test_setup_teardown(after_a_restart_entries_come_from_the_ledger, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_waits_until_it_has_drained, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
