/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/node/core/serving.h"

struct kz_sim sim;
struct kz_sim_client client;
uint64_t leader;

void serve(const struct kz_sim_options *options)
{
    kz_sim_init(&sim, options);
    kz_sim_start_all(&sim);
    leader = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(leader, 0);
    kz_sim_connect(&sim, &client, leader);
}

int end(void **state)
{
    (void)state;
    kz_sim_disconnect(&client);
    kz_sim_finish(&sim);
    return 0;
}

void go_to(uint64_t node)
{
    kz_sim_disconnect(&client);
    kz_sim_connect(&sim, &client, node);
}
