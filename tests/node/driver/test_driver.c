/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of drivers: stories with a plot. Faults at random are test_driver_seeds.c's. */
#include "tests/base/testing.h"
#include "tests/node/driver/harness.h"

#define SECOND 1000u

static const struct kz_cluster_options three = {
    .seed = 1, .nodes = 3, .voters = 3, .latency_max_ms = 2, .disk_max_ms = 3};

static struct kz_cluster cluster;

static uint64_t start(const struct kz_cluster_options *options)
{
    kz_cluster_init(&cluster, options);
    uint64_t leader = kz_cluster_elect(&cluster, 5 * SECOND);
    assert_int_not_equal(leader, 0);
    return leader;
}

static int finish(void **state)
{
    (void)state;
    kz_cluster_finish(&cluster);
    return 0;
}

static struct kz_driver *driver_of(uint64_t id)
{
    return kz_cluster_node(&cluster, id)->driver;
}

static uint64_t other_than(uint64_t a, uint64_t b)
{
    uint64_t id = 1;
    while (id == a || id == b)
        id++;
    return id;
}

/* Returns: the leader after a handover of LEADER. */
static uint64_t hand_over(uint64_t leader)
{
    struct kz_error error;
    assert_int_equal(kz_driver_transfer(driver_of(leader), cluster.now, 0, &error), KZ_OK);
    kz_cluster_pass(&cluster, SECOND / 5);
    return kz_cluster_elect(&cluster, 5 * SECOND);
}

static void submit(uint64_t leader, uint32_t count)
{
    assert_int_equal(kz_cluster_submit(&cluster, leader, count), KZ_OK);
}

static enum kz_entry_type type_of(uint64_t index, int64_t *out_time)
{
    uint32_t size;
    const uint8_t *record = kz_disk_record(&cluster.truth, index, &size);
    *out_time = kz_record_time(record);
    return kz_record_type(record);
}

/* ---- Elections ---- */

static void three_nodes_elect_a_leader_and_commit(void **state)
{
    (void)state;
    uint64_t leader = start(&three);
    submit(leader, 1000);
    assert_true(kz_cluster_agree(&cluster, 1002, SECOND));
    assert_int_equal(cluster.truth.last_index, 1002);
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(kz_driver_leader(driver_of(id)), leader);
}

static void each_leader_begins_with_one_barrier_of_the_time_before(void **state)
{
    (void)state;
    struct kz_cluster_options small = three;
    small.cache_bytes = 1;
    uint64_t leader = start(&small);
    kz_cluster_pass(&cluster, 77);
    submit(leader, 10);
    assert_true(kz_cluster_agree(&cluster, 12, SECOND));
    leader = hand_over(leader);
    assert_true(kz_cluster_agree(&cluster, 13, SECOND));

    int64_t before;
    int64_t time;
    assert_int_equal(type_of(2, &time), KZ_BARRIER);
    assert_int_equal(time, 0);
    assert_int_equal(type_of(12, &before), KZ_APPLICATION);
    assert_int_equal(type_of(13, &time), KZ_BARRIER);
    assert_int_equal(time, before);
    assert_int_equal(kz_driver_last_index(driver_of(leader)), 13);
    assert_int_equal(kz_disk_term(&cluster.truth, 13), kz_driver_term(driver_of(leader)));
}

static void a_leader_without_a_majority_steps_down_and_comes_back(void **state)
{
    (void)state;
    uint64_t leader = start(&three);
    kz_cluster_isolate(&cluster, leader, true);
    kz_cluster_pass(&cluster, 2 * SECOND);
    assert_int_not_equal(kz_driver_role(driver_of(leader)), KZ_LEADER);
    uint64_t second = kz_cluster_leader(&cluster);
    assert_int_not_equal(second, 0);
    uint64_t term = kz_driver_term(driver_of(second));
    kz_cluster_mend(&cluster);
    kz_cluster_pass(&cluster, 2 * SECOND);
    assert_int_equal(kz_driver_term(driver_of(second)), term);
    assert_int_equal(kz_driver_leader(driver_of(leader)), second);
}

/* libraft would lead the same term twice. */
static void a_lone_voter_leads_a_new_term_at_each_start(void **state)
{
    (void)state;
    struct kz_cluster_options one = three;
    one.nodes = one.voters = 1;
    kz_cluster_init(&cluster, &one);
    for (uint64_t term = 2; term < 6; term++) {
        assert_int_equal(kz_cluster_elect(&cluster, SECOND), 1);
        assert_int_equal(kz_driver_term(driver_of(1)), term);
        assert_int_equal(cluster.nodes[0].disk.vote.term, term);
        assert_int_equal(cluster.nodes[0].disk.vote.voted_for, 1);
        submit(1, 5);
        assert_true(kz_cluster_agree(&cluster, 1 + 6 * (term - 1), SECOND));
        kz_cluster_crash(&cluster, 1);
        kz_cluster_start(&cluster, 1);
    }
}

static void a_handover_takes_one_term_and_submits_wait_for_it(void **state)
{
    (void)state;
    uint64_t leader = start(&three);
    uint64_t term = kz_driver_term(driver_of(leader));
    struct kz_error error;
    assert_int_equal(kz_driver_transfer(driver_of(leader), cluster.now, 0, &error), KZ_OK);
    assert_int_equal(kz_cluster_submit(&cluster, leader, 1), KZ_UNAVAILABLE);
    assert_int_equal(kz_driver_transfer(driver_of(leader), cluster.now, 0, &error), KZ_UNAVAILABLE);
    kz_cluster_pass(&cluster, SECOND / 10);
    uint64_t successor = kz_cluster_leader(&cluster);
    assert_int_not_equal(successor, leader);
    assert_int_equal(kz_driver_term(driver_of(successor)), term + 1);
}

/* ---- Replication ---- */

static void a_follower_behind_by_a_million_is_streamed_past_the_cache(void **state)
{
    (void)state;
    struct kz_cluster_options small = three;
    small.cache_bytes = 1u << 20;
    uint64_t leader = start(&small);
    uint64_t behind = other_than(leader, 0);
    uint64_t term = kz_driver_term(driver_of(leader));
    kz_cluster_isolate(&cluster, behind, true);
    for (unsigned i = 0; i < 100; i++) {
        submit(leader, 10000);
        kz_cluster_pass(&cluster, 5);
    }
    assert_true(kz_driver_committed(driver_of(leader)) > 900000);

    struct kz_node *node = kz_cluster_node(&cluster, leader);
    uint64_t begin = cluster.now;
    kz_cluster_mend(&cluster);
    submit(leader, 1);
    uint64_t last = kz_driver_last_index(driver_of(leader));
    assert_true(kz_cluster_agree(&cluster, last, 30 * SECOND));
    assert_int_equal(kz_driver_term(driver_of(leader)), term);
    assert_int_equal(kz_driver_leader(driver_of(behind)), leader);
    uint64_t needed = last * (KZ_ENTRY_PREFIX_SIZE + KZ_APPLICATION_SIZE);
    assert_true(node->load_bytes >= needed * 9 / 10);
    assert_true(node->load_bytes <= needed * 11 / 10);
    print_message("streamed in %u ms of virtual time, %u loads\n", (unsigned)(cluster.now - begin),
                  (unsigned)node->loads);
}

static void entries_from_before_a_restart_are_streamed_too(void **state)
{
    (void)state;
    uint64_t leader = start(&three);
    uint64_t behind = other_than(leader, 0);
    kz_cluster_crash(&cluster, behind);
    for (unsigned i = 0; i < 20; i++) {
        submit(leader, 1000);
        kz_cluster_pass(&cluster, 20);
    }
    for (uint64_t id = 1; id <= 3; id++) {
        if (id == behind) continue;
        cluster.nodes[id - 1].disk.applied = cluster.nodes[id - 1].applied;
        kz_cluster_crash(&cluster, id);
        kz_cluster_start(&cluster, id);
        assert_int_equal(kz_driver_last_index(driver_of(id)), 20002);
    }
    kz_cluster_start(&cluster, behind);
    assert_true(kz_cluster_agree(&cluster, 20003, 10 * SECOND));
}

static void a_failed_load_is_asked_for_again(void **state)
{
    (void)state;
    struct kz_cluster_options small = three;
    small.cache_bytes = 1;
    uint64_t leader = start(&small);
    uint64_t behind = other_than(leader, 0);
    kz_cluster_isolate(&cluster, behind, true);
    submit(leader, 100);
    kz_cluster_pass(&cluster, SECOND / 2);
    cluster.failures = 3;
    kz_cluster_mend(&cluster);
    assert_true(kz_cluster_agree(&cluster, 102, 5 * SECOND));
    assert_int_equal(cluster.failures, 0);
}

/* Without a hint it would be one round trip for each of the 5,000 entries. */
static void a_tail_that_nobody_else_has_is_replaced_in_a_few_round_trips(void **state)
{
    (void)state;
    uint64_t first = start(&three);
    kz_cluster_isolate(&cluster, first, true);
    submit(first, 5000);
    kz_cluster_pass(&cluster, 2 * SECOND);
    uint64_t second = kz_cluster_leader(&cluster);
    for (unsigned i = 0; i < 60; i++) {
        submit(second, 100);
        kz_cluster_pass(&cluster, 10);
    }
    struct kz_node *node = kz_cluster_node(&cluster, first);
    assert_int_equal(node->disk.last_index, 5002);
    second = hand_over(second); /* begins with what it holds itself */
    node->rejections = 0;
    kz_cluster_mend(&cluster);
    uint64_t last = kz_driver_last_index(driver_of(second));
    assert_true(kz_cluster_agree(&cluster, last, 5 * SECOND));
    assert_in_range(node->rejections, 1, 6);
    assert_int_equal(kz_disk_term(&node->disk, 3), kz_disk_term(&cluster.truth, 3));
}

static void all_nodes_may_stop_at_any_moment(void **state)
{
    (void)state;
    for (unsigned moment = 0; moment < 60; moment++) {
        if (moment > 0) kz_cluster_finish(&cluster);
        uint64_t leader = start(&three);
        for (unsigned i = 0; i < 5; i++) {
            submit(leader, 3);
            kz_cluster_pass(&cluster, 1);
        }
        kz_cluster_pass(&cluster, moment / 3);
        uint64_t known = cluster.truth.last_index;
        for (uint64_t id = 1; id <= 3; id++)
            kz_cluster_crash(&cluster, id);
        for (uint64_t id = 1; id <= 3; id++)
            kz_cluster_start(&cluster, id);
        assert_int_not_equal(kz_cluster_elect(&cluster, 5 * SECOND), 0);
        assert_true(kz_cluster_agree(&cluster, known + 1, 5 * SECOND));
    }
}

/* ---- Memberships ---- */

static struct kz_cluster_options with_joiner(void)
{
    struct kz_cluster_options options = three;
    options.nodes = 4;
    return options;
}

static void a_joiner_gets_the_ledger_as_standby_and_then_votes(void **state)
{
    (void)state;
    struct kz_cluster_options options = with_joiner();
    uint64_t leader = start(&options);
    submit(leader, 70000);
    kz_cluster_pass(&cluster, SECOND);
    assert_int_equal(kz_cluster_change(&cluster, leader, "vvvv"), KZ_USAGE);
    assert_int_equal(kz_cluster_change(&cluster, leader, "vvvs"), KZ_OK);
    assert_int_equal(kz_cluster_change(&cluster, leader, "vvv-"), KZ_UNAVAILABLE);
    while (kz_driver_committed(driver_of(leader)) < 70003)
        kz_cluster_pass(&cluster, 1);
    assert_int_equal(kz_cluster_change(&cluster, leader, "vvvv"), KZ_UNAVAILABLE);
    assert_true(kz_cluster_agree(&cluster, 70003, 5 * SECOND));
    assert_int_equal(kz_driver_match(driver_of(leader), 4), 70003);
    assert_int_equal(kz_cluster_change(&cluster, leader, "vvvv"), KZ_OK);
    assert_true(kz_cluster_agree(&cluster, 70004, 5 * SECOND));
    assert_int_equal(kz_driver_membership(driver_of(4))->members[3].role, KZ_VOTER);
}

static void a_removed_node_does_not_disturb(void **state)
{
    (void)state;
    uint64_t leader = start(&three);
    uint64_t removed = other_than(leader, 0);
    char roles[] = "vvv";
    roles[removed - 1] = '-';
    assert_int_equal(kz_cluster_change(&cluster, leader, roles), KZ_OK);
    uint64_t term = kz_driver_term(driver_of(leader));
    kz_cluster_pass(&cluster, 10 * SECOND);
    assert_int_equal(kz_cluster_leader(&cluster), leader);
    assert_int_equal(kz_driver_term(driver_of(leader)), term);
}

static void a_change_waits_for_an_entry_of_the_leaders_term(void **state)
{
    (void)state;
    kz_cluster_init(&cluster, &three);
    uint64_t leader = 0;
    while (leader == 0) {
        kz_cluster_pass(&cluster, 1);
        for (uint64_t id = 1; id <= 3; id++) {
            if (kz_driver_role(driver_of(id)) == KZ_LEADER) leader = id;
        }
    }
    assert_false(kz_driver_established(driver_of(leader)));
    uint64_t last = kz_driver_last_index(driver_of(leader));
    assert_int_equal(kz_cluster_change(&cluster, leader, leader == 1 ? "vv-" : "-vv"),
                     KZ_UNAVAILABLE);
    assert_int_equal(kz_driver_last_index(driver_of(leader)), last);
}

/* libraft files a change under the first index of its append: a follower that got it behind other
 * entries could never make one itself. */
static void a_change_behind_other_entries_does_not_block_a_later_leader(void **state)
{
    (void)state;
    struct kz_cluster_options options = with_joiner();
    uint64_t leader = start(&options);
    uint64_t behind = other_than(leader, 0);
    kz_cluster_isolate(&cluster, behind, true);
    submit(leader, 50);
    assert_int_equal(kz_cluster_change(&cluster, leader, "vvvs"), KZ_OK);
    submit(leader, 50);
    kz_cluster_pass(&cluster, SECOND);
    kz_cluster_mend(&cluster);
    assert_true(kz_cluster_agree(&cluster, 103, 5 * SECOND));
    while (leader != behind)
        leader = hand_over(leader);
    assert_int_equal(kz_cluster_change(&cluster, leader, "vvv-"), KZ_OK);
    kz_cluster_pass(&cluster, SECOND);
    assert_int_equal(kz_driver_membership(driver_of(leader))->count, 3);
}

static void a_cluster_shrinks_to_its_leader_and_goes_on(void **state)
{
    (void)state;
    uint64_t leader = start(&three);
    uint64_t second = other_than(leader, 0);
    char roles[] = "vvv";
    roles[other_than(leader, second) - 1] = '-';
    assert_int_equal(kz_cluster_change(&cluster, leader, roles), KZ_OK);
    kz_cluster_pass(&cluster, SECOND);
    char alone[] = "---";
    alone[second - 1] = 'v';
    assert_int_equal(kz_cluster_change(&cluster, leader, alone), KZ_USAGE);
    alone[second - 1] = '-';
    alone[leader - 1] = 'v';
    assert_int_equal(kz_cluster_change(&cluster, leader, alone), KZ_OK);
    kz_cluster_pass(&cluster, SECOND);

    uint64_t term = kz_driver_term(driver_of(leader));
    kz_cluster_crash(&cluster, leader);
    kz_cluster_start(&cluster, leader);
    kz_cluster_pass(&cluster, SECOND);
    assert_int_equal(kz_cluster_leader(&cluster), leader);
    assert_int_equal(kz_driver_term(driver_of(leader)), term + 1);
}

#define STORY(function) cmocka_unit_test_teardown(function, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(three_nodes_elect_a_leader_and_commit),
        STORY(each_leader_begins_with_one_barrier_of_the_time_before),
        STORY(a_leader_without_a_majority_steps_down_and_comes_back),
        STORY(a_lone_voter_leads_a_new_term_at_each_start),
        STORY(a_handover_takes_one_term_and_submits_wait_for_it),
        STORY(a_follower_behind_by_a_million_is_streamed_past_the_cache),
        STORY(entries_from_before_a_restart_are_streamed_too),
        STORY(a_failed_load_is_asked_for_again),
        STORY(a_tail_that_nobody_else_has_is_replaced_in_a_few_round_trips),
        STORY(all_nodes_may_stop_at_any_moment),
        STORY(a_joiner_gets_the_ledger_as_standby_and_then_votes),
        STORY(a_removed_node_does_not_disturb),
        STORY(a_change_waits_for_an_entry_of_the_leaders_term),
        STORY(a_change_behind_other_entries_does_not_block_a_later_leader),
        STORY(a_cluster_shrinks_to_its_leader_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
