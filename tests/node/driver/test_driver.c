/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"
#include "tests/node/driver/harness.h"

#define SECOND 1000u

static const struct kz_cluster_options three = {
    .seed = 1, .nodes = 3, .voters = 3, .latency_max_ms = 2, .disk_max_ms = 3};

static void three_nodes_elect_a_leader_and_commit(void **state)
{
    (void)state;
    struct kz_cluster cluster;
    kz_cluster_init(&cluster, &three);
    uint64_t leader = kz_cluster_elect(&cluster, 5 * SECOND);
    assert_int_not_equal(leader, 0);
    assert_int_equal(kz_cluster_submit(&cluster, leader, 1000), KZ_OK);
    assert_true(kz_cluster_agree(&cluster, 1002, SECOND));
    assert_int_equal(cluster.truth.last_index, 1002);
    kz_cluster_finish(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_nodes_elect_a_leader_and_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
