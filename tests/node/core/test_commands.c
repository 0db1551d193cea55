/* SPDX-License-Identifier: Apache-2.0 */
/* SUBMIT: what is appended, what is answered without an entry, what a lost leader says. */
#include "tests/node/core/serving.h"

static int begin(void **state)
{
    (void)state;
    serve(&(struct kz_sim_options){.seed = 3, .nodes = 3});
    struct kz_entry territory = kz_sim_territory(1);
    return kz_sim_ask(&client, &territory).result == KZ_RESULT_OK ? 0 : -1;
}

static uint64_t last_index(uint64_t id)
{
    return kz_sim_figures(&sim, id).last_index;
}

static uint64_t other_than(uint64_t id)
{
    return id == 1 ? 2 : 1;
}

/* ---- Repeats ---- */

static void a_repeat_is_answered_without_an_entry(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_answer first = kz_sim_ask(&client, &entry);
    uint64_t last = last_index(leader);
    struct kz_answer second = kz_sim_ask(&client, &entry);
    assert_int_equal(second.code, KZ_ANSWER_REPEATED);
    assert_int_equal(second.result, KZ_RESULT_OK);
    assert_int_equal(second.index, first.index);
    assert_int_equal(last_index(leader), last);
}

static void another_command_under_the_same_id_is_a_conflict(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    kz_sim_ask(&client, &entry);
    uint64_t last = last_index(leader);
    entry = kz_sim_application(10, 2);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_REFUSED);
    assert_int_equal(answer.result, KZ_RESULT_CONFLICT);
    assert_int_equal(last_index(leader), last);
}

static void a_repeat_in_flight_waits_for_the_first(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_entry other = kz_sim_application(10, 2);
    uint64_t last = last_index(leader);
    uint64_t tags[3] = {kz_sim_submit(&client, &entry), kz_sim_submit(&client, &entry),
                        kz_sim_submit(&client, &other)};
    struct kz_answer answers[3];
    unsigned came = 0;
    for (int i = 0; i < 1000 && came < 3; i++) {
        struct kz_frame frame;
        struct kz_answer answer;
        uint16_t count;
        kz_sim_run(&sim, 1);
        while (kz_sim_take(&client, KZ_MESSAGE_RESULTS, &frame)) {
            kz_results_decode(&frame, &answer, 1, &count);
            for (int t = 0; t < 3; t++)
                if (frame.tag == tags[t]) answers[t] = answer;
            came++;
        }
    }
    assert_int_equal(came, 3);
    assert_int_equal(answers[0].code, KZ_ANSWER_APPLIED);
    assert_int_equal(answers[1].code, KZ_ANSWER_REPEATED);
    assert_int_equal(answers[1].index, answers[0].index);
    assert_int_equal(answers[2].code, KZ_ANSWER_REFUSED);
    assert_int_equal(answers[2].result, KZ_RESULT_CONFLICT);
    assert_int_equal(last_index(leader), last + 1);
}

static void a_repeat_after_failover_gets_the_first_answer(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_answer first = kz_sim_ask(&client, &entry);
    kz_sim_crash(&sim, leader);
    kz_sim_disconnect(&client);
    uint64_t next = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(next, 0);
    kz_sim_connect(&sim, &client, next);
    struct kz_answer second = kz_sim_ask(&client, &entry);
    assert_int_equal(second.code, KZ_ANSWER_REPEATED);
    assert_int_equal(second.index, first.index);
}

static void what_the_rules_refused_is_repeated_as_refused(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    entry.application.territory = 9;
    struct kz_answer first = kz_sim_ask(&client, &entry);
    assert_int_equal(first.code, KZ_ANSWER_APPLIED);
    assert_int_equal(first.result, KZ_RESULT_UNKNOWN_TERRITORY);
    struct kz_answer second = kz_sim_ask(&client, &entry);
    assert_int_equal(second.code, KZ_ANSWER_REPEATED);
    assert_int_equal(second.result, KZ_RESULT_UNKNOWN_TERRITORY);
}

/* ---- Refused without an entry ---- */

static void types_of_clock_and_cluster_are_malformed(void **state)
{
    (void)state;
    struct kz_entry publish = {.type = KZ_PUBLISH};
    publish.clock = (struct kz_clock_fields){1, 20800};
    struct kz_entry barrier = {.type = KZ_BARRIER};
    uint64_t last = last_index(leader);
    assert_int_equal(kz_sim_ask(&client, &publish).code, KZ_ANSWER_MALFORMED);
    assert_int_equal(kz_sim_ask(&client, &barrier).reason, KZ_REASON_TYPE);
    assert_int_equal(last_index(leader), last);
}

static void a_follower_appends_nothing(void **state)
{
    (void)state;
    go_to(other_than(leader));
    struct kz_entry entry = kz_sim_application(10, 1);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_NOT_LEADER);
}

static void who_is_not_allowed_is_told_without_an_entry(void **state)
{
    (void)state;
    struct kz_entry administrator = kz_sim_actor(20, 1, KZ_ADMINISTRATOR);
    assert_int_equal(kz_sim_ask(&client, &administrator).result, KZ_RESULT_OK);
    uint64_t last = last_index(leader);
    struct kz_entry entry = kz_sim_application(10, 1);
    entry.actor = 2;
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_REFUSED);
    assert_int_equal(answer.result, KZ_RESULT_NOT_ALLOWED);
    assert_int_equal(last_index(leader), last);
    assert_int_equal(kz_sim_figures(&sim, leader).refused_without_entry, 1);
}

static void an_actor_in_flight_makes_nothing_certain(void **state)
{
    (void)state;
    struct kz_entry administrator = kz_sim_actor(20, 1, KZ_ADMINISTRATOR);
    kz_sim_ask(&client, &administrator);
    struct kz_entry portal = kz_sim_actor(21, 2, KZ_PORTAL);
    portal.actor = 1;
    struct kz_entry entry = kz_sim_application(10, 1);
    entry.actor = 2;
    kz_sim_submit(&client, &portal);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_APPLIED);
    assert_int_equal(answer.result, KZ_RESULT_OK);
}

static void a_spent_budget_is_refilled_by_time(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(0, 1);
    entry.application.territory = 9;
    unsigned refused = 0;
    struct kz_answer answer;
    while ((answer = kz_sim_ask(&client, &entry)).code == KZ_ANSWER_APPLIED)
        refused++;
    assert_true(refused >= 100 && refused < 110);
    assert_int_equal(answer.code, KZ_ANSWER_BUSY);
    assert_int_equal(answer.reason, KZ_REASON_BUDGET);
    assert_true(answer.retry_ms > 0 && answer.retry_ms <= 60000);

    kz_sim_run(&sim, answer.retry_ms + 10);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
}

static void a_spent_budget_is_spent_with_the_next_leader(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(0, 1);
    entry.application.territory = 9;
    while (kz_sim_ask(&client, &entry).code == KZ_ANSWER_APPLIED)
        ;
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, leader);
    leader = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(leader, 0);
    kz_sim_connect(&sim, &client, leader);
    unsigned refused = 0;
    while (kz_sim_ask(&client, &entry).code == KZ_ANSWER_APPLIED)
        refused++;
    assert_in_range(refused, 0, 10); /* what came in meanwhile */
}

static void made_up_actors_share_one_budget(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(0, 1);
    entry.application.territory = 9;
    unsigned refused = 0;
    struct kz_answer answer;
    do {
        entry.actor = 1000 + refused;
        answer = kz_sim_ask(&client, &entry);
    } while (answer.code == KZ_ANSWER_APPLIED && ++refused < 300);
    assert_in_range(refused, 100, 110);
    assert_int_equal(answer.code, KZ_ANSWER_BUSY);
    assert_int_equal(answer.reason, KZ_REASON_BUDGET);
}

static void over_the_bound_in_flight_is_busy(void **state)
{
    (void)state;
    serve(&(struct kz_sim_options){.seed = 3, .nodes = 3, .pending_max = 2});
    struct kz_entry territory = kz_sim_territory(1);
    assert_int_equal(kz_sim_ask(&client, &territory).result, KZ_RESULT_OK);
    struct kz_answer answer;
    struct kz_entry entry = kz_sim_application(10, 1);
    kz_sim_submit(&client, &entry);
    entry = kz_sim_application(11, 2);
    uint64_t second = kz_sim_submit(&client, &entry);
    entry = kz_sim_application(12, 3);
    uint64_t third = kz_sim_submit(&client, &entry);
    assert_true(kz_sim_await(&client, third, 1000, &answer));
    assert_int_equal(answer.code, KZ_ANSWER_BUSY);
    assert_int_equal(answer.reason, KZ_REASON_PENDING);
    assert_true(kz_sim_await(&client, second, 1000, &answer));
    assert_int_equal(answer.code, KZ_ANSWER_APPLIED);
}

static void a_malformed_submit_ends_the_connection(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    kz_write_room(&writer, KZ_FRAME_HEADER_SIZE + 4);
    kz_frame_seal(bytes, KZ_MESSAGE_SUBMIT, 5, 4);
    kz_sim_send(&client, &writer);
    assert_true(kz_sim_await_close(&client, 100));
    struct kz_frame frame;
    assert_true(kz_sim_take(&client, KZ_MESSAGE_GOODBYE, &frame));
}

static void whoever_does_not_say_hello_is_dismissed(void **state)
{
    (void)state;
    kz_sim_run(&sim, 20);
    struct kz_sim_client rude;
    kz_sim_connect(&sim, &rude, leader);
    uint8_t bytes[64];
    struct kz_hello hello = {.cluster = {9}};
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    kz_hello_encode(&writer, 0, &hello);
    kz_sim_send(&rude, &writer); /* a second hello, too */
    assert_true(kz_sim_await_close(&rude, 100));
    kz_sim_disconnect(&rude);
}

/* ---- Losing leadership ---- */

static void a_leader_that_is_cut_off_says_unknown(void **state)
{
    (void)state;
    kz_sim_isolate(&sim, leader);
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_answer answer;
    uint64_t tag = kz_sim_submit(&client, &entry);
    assert_true(kz_sim_await(&client, tag, 3000, &answer));
    assert_int_equal(answer.code, KZ_ANSWER_UNKNOWN);

    uint64_t next = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(next, leader);
    kz_sim_heal(&sim);
    go_to(next);
    answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_APPLIED);
    assert_int_equal(answer.result, KZ_RESULT_OK);
    assert_true(kz_sim_converge(&sim, 3000));
}

/* ---- Disk full ---- */

static void reads_are_answered(void)
{
    struct kz_query query = {.what = KZ_QUERY_APPLICATION, .number = 1};
    struct kz_answer_header header;
    struct kz_reader content;
    uint64_t tag = kz_sim_query(&client, &query);
    assert_true(kz_sim_await_answer(&client, tag, 3000, &header, &content));
    assert_int_equal(header.code, KZ_ANSWER_APPLIED);
}

static void ask_the_leader(void)
{
    leader = kz_sim_elect(&sim, 10000);
    assert_int_not_equal(leader, 0);
    go_to(leader);
}

static void a_write_that_found_no_room_waits_for_it(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    for (uint64_t id = 1; id <= 3; id++)
        sim.nodes[id].disk.full = true;
    kz_sim_submit(&client, &entry);
    kz_sim_run(&sim, 500);
    assert_true(kz_sim_figures(&sim, leader).disk_full);
    assert_false(kz_sim_leader(&sim) == 0);

    for (uint64_t id = 1; id <= 3; id++)
        sim.nodes[id].disk.full = false;
    kz_sim_run(&sim, 1000);
    ask_the_leader();
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_REPEATED);
}

static void a_leader_whose_disk_is_full_gives_way_to_one_that_has_room(void **state)
{
    (void)state;
    uint64_t full = leader;
    struct kz_entry entry = kz_sim_application(10, 1);
    sim.nodes[full].disk.low = true;
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    kz_sim_run(&sim, 2000);
    ask_the_leader();
    assert_int_not_equal(leader, full);
    entry = kz_sim_application(11, 2);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    assert_true(kz_sim_converge(&sim, 3000));
}

static void a_leader_with_room_refuses_while_a_majority_has_none(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    uint64_t other = other_than(leader);
    uint64_t third = 6 - leader - other;
    sim.nodes[other].disk.low = true;
    sim.nodes[third].disk.low = true;
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    kz_sim_run(&sim, 500);
    entry = kz_sim_application(11, 2);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(answer.reason, KZ_REASON_DISK_FULL);
    assert_false(kz_sim_figures(&sim, leader).disk_full);

    sim.nodes[third].disk.low = false;
    kz_sim_run(&sim, 2000);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
}

/* All disks are full: what is in flight is kept, elections and reads go on, new commands are
 * refused until one looks for room and finds it. */
static void full_disks_refuse_writes_alone(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    for (uint64_t id = 1; id <= 3; id++)
        sim.nodes[id].disk.low = true;
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    for (int round = 0; round < 3; round++) {
        kz_sim_run(&sim, 5000); /* each leader gives way once, and then leads */
        ask_the_leader();
        reads_are_answered();
        entry = kz_sim_application(11, 2);
        struct kz_answer answer = kz_sim_ask(&client, &entry);
        assert_int_equal(answer.code, KZ_ANSWER_UNAVAILABLE);
        assert_int_equal(answer.reason, KZ_REASON_DISK_FULL);
        assert_true(answer.retry_ms > 0);
        kz_sim_crash(&sim, leader);
        kz_sim_run(&sim, 5000);
        kz_sim_start(&sim, leader);
    }
    for (uint64_t id = 1; id <= 3; id++)
        sim.nodes[id].disk.low = false;
    kz_sim_run(&sim, 5000);
    ask_the_leader();
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    entry = kz_sim_application(10, 1);
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_REPEATED);
    assert_true(kz_sim_converge(&sim, 3000));
}

/* ---- The ledger's end ---- */

static void a_ledger_near_its_end_warns_at_half_of_it_and_then_takes_nothing_more(void **state)
{
    (void)state;
    serve(&(struct kz_sim_options){.seed = 3, .nodes = 3, .entries_max = 60});
    struct kz_entry territory = kz_sim_territory(1);
    struct kz_answer answer = kz_sim_ask(&client, &territory);
    uint64_t request = 100;
    for (; answer.code == KZ_ANSWER_APPLIED && request < 300; request++) {
        struct kz_core_figures figures = kz_sim_figures(&sim, leader);
        assert_int_equal(figures.ledger_large, figures.last_index > 30);
        struct kz_entry entry = kz_sim_application(request, request);
        answer = kz_sim_ask(&client, &entry);
    }
    assert_int_equal(answer.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(answer.reason, KZ_REASON_LEDGER_FULL);
    assert_int_equal(kz_sim_figures(&sim, leader).last_index, 60);
    reads_are_answered();
    end(state);
}

/* ---- Stopping ---- */

static void a_stopped_node_has_stored_its_results(void **state)
{
    (void)state;
    struct kz_entry entry = kz_sim_application(10, 1);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    kz_sim_stop(&sim, leader);
    kz_sim_run(&sim, 2000);
    assert_null(sim.nodes[leader].core);
    assert_true(sim.nodes[leader].stopped);
    assert_true(sim.nodes[leader].disk.applied >= answer.index);
}

static void a_stopping_leader_hands_over(void **state)
{
    (void)state;
    uint64_t old = leader;
    kz_sim_stop(&sim, old);
    uint64_t limit = sim.now_ms + 120; /* less than an election timeout */
    uint64_t next = 0;
    while (sim.now_ms < limit && (next == 0 || next == old)) {
        kz_sim_run(&sim, 1);
        next = kz_sim_leader(&sim);
    }
    assert_int_not_equal(next, 0);
    assert_int_not_equal(next, old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repeat_is_answered_without_an_entry, begin, end),
        cmocka_unit_test_setup_teardown(another_command_under_the_same_id_is_a_conflict, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_repeat_in_flight_waits_for_the_first, begin, end),
        cmocka_unit_test_setup_teardown(a_repeat_after_failover_gets_the_first_answer, begin, end),
        cmocka_unit_test_setup_teardown(what_the_rules_refused_is_repeated_as_refused, begin, end),
        cmocka_unit_test_setup_teardown(types_of_clock_and_cluster_are_malformed, begin, end),
        cmocka_unit_test_setup_teardown(a_follower_appends_nothing, begin, end),
        cmocka_unit_test_setup_teardown(who_is_not_allowed_is_told_without_an_entry, begin, end),
        cmocka_unit_test_setup_teardown(an_actor_in_flight_makes_nothing_certain, begin, end),
        cmocka_unit_test_setup_teardown(a_spent_budget_is_refilled_by_time, begin, end),
        cmocka_unit_test_setup_teardown(a_spent_budget_is_spent_with_the_next_leader, begin, end),
        cmocka_unit_test_setup_teardown(made_up_actors_share_one_budget, begin, end),
        cmocka_unit_test_teardown(over_the_bound_in_flight_is_busy, end),
        cmocka_unit_test_setup_teardown(a_malformed_submit_ends_the_connection, begin, end),
        cmocka_unit_test_setup_teardown(whoever_does_not_say_hello_is_dismissed, begin, end),
        cmocka_unit_test_setup_teardown(a_leader_that_is_cut_off_says_unknown, begin, end),
        cmocka_unit_test_setup_teardown(a_write_that_found_no_room_waits_for_it, begin, end),
        cmocka_unit_test_setup_teardown(a_leader_whose_disk_is_full_gives_way_to_one_that_has_room,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_leader_with_room_refuses_while_a_majority_has_none, begin,
                                        end),
        cmocka_unit_test_setup_teardown(full_disks_refuse_writes_alone, begin, end),
        cmocka_unit_test(a_ledger_near_its_end_warns_at_half_of_it_and_then_takes_nothing_more),
        cmocka_unit_test_setup_teardown(a_stopped_node_has_stored_its_results, begin, end),
        cmocka_unit_test_setup_teardown(a_stopping_leader_hands_over, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
