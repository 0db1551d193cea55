/* SPDX-License-Identifier: Apache-2.0 */
/* The clock's guard in whole nodes: a minority's clock moves nothing, a majority's no more than a
 * day; and the clock's own entries. */
#include "tests/node/core/serving.h"

#include <string.h>

#define HOUR_MS INT64_C(3600000)

static int begin(void **state)
{
    (void)state;
    serve(&(struct kz_sim_options){.seed = 11, .nodes = 3});
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    return 0;
}

static int64_t ledger_time(void)
{
    return kz_sim_figures(&sim, kz_sim_leader(&sim)).ledger_time;
}

static void a_leader_whose_clock_jumps_stamps_nothing_and_hands_over(void **state)
{
    (void)state;
    sim.nodes[leader].clock_off_ms = 10 * HOUR_MS;
    kz_sim_run(&sim, 20);
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(answer.reason, KZ_REASON_CLOCK);

    kz_sim_run(&sim, 3000);
    uint64_t next = kz_sim_leader(&sim);
    assert_int_not_equal(next, leader);
    assert_true(kz_sim_figures(&sim, next).clock_trusted);
    go_to(next);
    answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_APPLIED);
    assert_true(answer.time < KZ_SIM_WALL_MS + HOUR_MS);
}

static void a_jump_while_the_ledger_is_read_is_noticed(void **state)
{
    (void)state;
    uint64_t slow = leader == 1 ? 2 : 1;
    const struct kz_change change = {.what = KZ_CHANGE_LEADER, .node = slow};
    struct kz_changed changed;
    kz_sim_run(&sim, 500);
    kz_sim_crash(&sim, slow);
    sim.nodes[slow].disk.slow_ms = 1500;
    kz_sim_start(&sim, slow);
    kz_sim_run(&sim, 1400); /* it has measured the others' clocks */
    sim.nodes[slow].clock_off_ms = 10 * HOUR_MS;
    for (int i = 0; i < 1000 && kz_sim_figures(&sim, slow).leader == 0; i++)
        kz_sim_run(&sim, 1);
    sim.nodes[slow].disk.slow_ms = 0;
    assert_true(kz_sim_await_changed(&client, kz_sim_change(&client, &change), 2000, &changed));
    assert_int_equal(changed.code, KZ_ANSWER_APPLIED);

    go_to(slow);
    for (uint64_t i = 0; i < 20; i++) {
        struct kz_entry entry = kz_sim_application(10 + i, 1 + i);
        assert_int_not_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    }
}

static void a_follower_whose_clock_is_wrong_moves_nothing(void **state)
{
    (void)state;
    sim.nodes[leader == 1 ? 2 : 1].clock_off_ms = -500 * HOUR_MS;
    kz_sim_run(&sim, 3000);
    struct kz_entry entry = kz_sim_application(10, 1);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    assert_true(ledger_time() >= KZ_SIM_WALL_MS);
}

static void two_wrong_clocks_of_three_stop_the_right_one(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 3; id++)
        if (id != leader) sim.nodes[id].clock_off_ms = (int64_t)id * HOUR_MS;
    kz_sim_run(&sim, 4000);
    struct kz_entry entry = kz_sim_application(10, 1);
    go_to(kz_sim_leader(&sim));
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(answer.reason, KZ_REASON_CLOCK);
}

static void a_small_correction_of_a_clock_passes(void **state)
{
    (void)state;
    sim.nodes[leader].clock_off_ms = 2000; /* more than a second: measured again, then trusted */
    kz_sim_run(&sim, 500);
    struct kz_entry entry = kz_sim_application(10, 1);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    assert_int_equal(kz_sim_leader(&sim), leader);
}

static void a_clock_that_goes_back_does_not_take_the_ledger_along(void **state)
{
    (void)state;
    int64_t before = ledger_time();
    for (uint64_t id = 1; id <= 3; id++)
        sim.nodes[id].clock_off_ms = -2 * HOUR_MS;
    kz_sim_run(&sim, 3000);
    leader = kz_sim_elect(&sim, 3000);
    go_to(leader);
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_APPLIED);
    assert_true(answer.time >= before && answer.time < before + 60000);
}

static void restart_a_day_later(int64_t accept_time)
{
    kz_sim_run(&sim, 500);
    for (uint64_t id = 1; id <= 3; id++) {
        kz_sim_crash(&sim, id);
        sim.nodes[id].clock_off_ms = 25 * HOUR_MS;
    }
    sim.options.accept_time = accept_time;
    kz_sim_start_all(&sim);
    kz_sim_run(&sim, 3000);
    leader = kz_sim_leader(&sim);
    assert_int_not_equal(leader, 0);
    go_to(leader);
}

static void a_majority_does_not_step_more_than_a_day(void **state)
{
    (void)state;
    restart_a_day_later(0);
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(answer.reason, KZ_REASON_CLOCK);
    assert_non_null(strstr(sim.nodes[leader].last_error, "--accept-time"));
}

static void a_person_lets_it_step(void **state)
{
    (void)state;
    restart_a_day_later(KZ_SIM_WALL_MS + 26 * HOUR_MS);
    struct kz_entry entry = kz_sim_application(10, 1);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
}

static void a_demonstration_runs_through_its_days(void **state)
{
    (void)state;
    serve(&(struct kz_sim_options){.seed = 11, .nodes = 3, .demo_rate = 2000});
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    kz_sim_run(&sim, 3 * 24 * 3600 * 1000 / 2000); /* three days of its own */

    unsigned publishes = 0;
    unsigned mornings = 0;
    const struct kz_sim_disk *disk = &sim.nodes[leader].disk;
    for (uint64_t i = 0; i < disk->applied; i++) {
        enum kz_entry_type type = kz_record_type(disk->entries[i].record);
        if (disk->results[i] != KZ_RESULT_OK) continue;
        publishes += type == KZ_PUBLISH;
        mornings += type == KZ_MORNING;
    }
    assert_true(publishes >= 3 && publishes <= 4);
    assert_true(mornings >= 3 && mornings <= 4);
}

static bool ends_with_the_clocks(const struct kz_sim_disk *disk)
{
    return kz_type_is_clock(kz_record_type(disk->entries[disk->last - 1].record));
}

/* A leader that is cut off appends many entries, and behind them what the clock makes due; the
 * others go on without them, and it leads again. */
static void the_clocks_entries_lost_with_a_leadership_delay_no_later_ones(void **state)
{
    (void)state;
    serve(&(struct kz_sim_options){.seed = 11, .nodes = 3, .demo_rate = 4 * 86400});
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    kz_sim_run(&sim, 200); /* a day of its own is 250 ms */
    const struct kz_sim_disk *disk = &sim.nodes[leader].disk;
    uint64_t kept = disk->last;
    kz_sim_isolate(&sim, leader);
    for (uint64_t i = 0; i < 100; i++) {
        entry = kz_sim_application(10 + i, 1 + i);
        kz_sim_submit(&client, &entry);
    }
    for (int ms = 0; ms < 1000 && (disk->last < kept + 100 || !ends_with_the_clocks(disk)); ms++)
        kz_sim_run(&sim, 1);
    uint64_t lost = disk->last;
    assert_true(lost > kept + 100 && ends_with_the_clocks(disk));
    kz_sim_run(&sim, 1000);
    kz_sim_heal(&sim);
    kz_sim_run(&sim, 500);

    const struct kz_change back = {.what = KZ_CHANGE_LEADER, .node = leader};
    struct kz_changed changed;
    go_to(kz_sim_leader(&sim));
    assert_true(kz_sim_await_changed(&client, kz_sim_change(&client, &back), 2000, &changed));
    assert_int_equal(changed.code, KZ_ANSWER_APPLIED);
    uint64_t first = disk->last;
    unsigned due = 0;
    kz_sim_run(&sim, 1000); /* four days of its own */
    for (uint64_t i = first; i < disk->last; i++)
        due += kz_type_is_clock(kz_record_type(disk->entries[i].record));
    assert_int_equal(kz_sim_leader(&sim), leader);
    assert_true(disk->last < lost && due >= 7);
}

static void what_the_clock_makes_due_is_appended_once(void **state)
{
    (void)state;
    kz_sim_run(&sim, 5000);
    unsigned refused = 0;
    const struct kz_sim_disk *disk = &sim.nodes[leader].disk;
    for (uint64_t i = 0; i < disk->applied; i++)
        refused += kz_type_is_clock(kz_record_type(disk->entries[i].record)) &&
                   disk->results[i] != KZ_RESULT_OK;
    assert_int_equal(refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_leader_whose_clock_jumps_stamps_nothing_and_hands_over,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_jump_while_the_ledger_is_read_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(a_follower_whose_clock_is_wrong_moves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(two_wrong_clocks_of_three_stop_the_right_one, begin, end),
        cmocka_unit_test_setup_teardown(a_small_correction_of_a_clock_passes, begin, end),
        cmocka_unit_test_setup_teardown(a_clock_that_goes_back_does_not_take_the_ledger_along,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_majority_does_not_step_more_than_a_day, begin, end),
        cmocka_unit_test_setup_teardown(a_person_lets_it_step, begin, end),
        cmocka_unit_test_teardown(a_demonstration_runs_through_its_days, end),
        cmocka_unit_test_teardown(the_clocks_entries_lost_with_a_leadership_delay_no_later_ones,
                                  end),
        cmocka_unit_test_setup_teardown(what_the_clock_makes_due_is_appended_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
