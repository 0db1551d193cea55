/* SPDX-License-Identifier: Apache-2.0 */
/* Whole nodes: the first start, commands, failover. */
#include "tests/node/core/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kz_sim sim;

static uint64_t begin(unsigned nodes)
{
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 1, .nodes = nodes});
    kz_sim_start_all(&sim);
    uint64_t leader = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(leader, 0);
    return leader;
}

static struct kz_answer ask(struct kz_sim_client *client, const struct kz_entry *entry)
{
    struct kz_answer answer;
    assert_true(kz_sim_await(client, kz_sim_submit(client, entry), 3000, &answer));
    return answer;
}

static void three_empty_nodes_found_a_cluster(void **state)
{
    (void)state;
    begin(3);
    assert_true(kz_sim_converge(&sim, 2000));
    for (uint64_t id = 1; id <= 3; id++) {
        assert_true(sim.nodes[id].disk.last >= 1);
        assert_int_equal(kz_record_type(sim.nodes[id].disk.entries[0].record), KZ_MEMBERSHIP);
        assert_int_equal(sim.nodes[id].disk.entries[0].size, sim.nodes[1].disk.entries[0].size);
        assert_memory_equal(sim.nodes[id].disk.entries[0].record,
                            sim.nodes[1].disk.entries[0].record, sim.nodes[1].disk.entries[0].size);
    }
    kz_sim_finish(&sim);
}

static void a_single_node_founds_a_cluster(void **state)
{
    (void)state;
    begin(1);
    kz_sim_finish(&sim);
}

static void two_of_three_empty_nodes_wait_for_the_third(void **state)
{
    (void)state;
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 1, .nodes = 3});
    kz_sim_start(&sim, 1);
    kz_sim_start(&sim, 2);
    assert_int_equal(kz_sim_elect(&sim, 3000), 0);
    assert_int_equal(sim.nodes[1].disk.last, 0);
    kz_sim_start(&sim, 3);
    assert_int_not_equal(kz_sim_elect(&sim, 3000), 0);
    kz_sim_finish(&sim);
}

static void a_command_is_applied_and_answered(void **state)
{
    (void)state;
    uint64_t leader = begin(3);
    struct kz_sim_client client;
    kz_sim_connect(&sim, &client, leader);

    struct kz_entry territory = kz_sim_territory(100);
    struct kz_answer answer = ask(&client, &territory);
    assert_int_equal(answer.code, KZ_ANSWER_APPLIED);
    assert_int_equal(answer.result, KZ_RESULT_OK);
    assert_true(answer.time >= KZ_SIM_WALL_MS);

    struct kz_entry application = kz_sim_application(101, 1);
    struct kz_answer second = ask(&client, &application);
    assert_int_equal(second.code, KZ_ANSWER_APPLIED);
    assert_true(second.index > answer.index);
    kz_sim_disconnect(&client);
    kz_sim_finish(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_node_founds_a_cluster),
        cmocka_unit_test(three_empty_nodes_found_a_cluster),
        cmocka_unit_test(two_of_three_empty_nodes_wait_for_the_third),
        cmocka_unit_test(a_command_is_applied_and_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
