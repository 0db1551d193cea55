/* SPDX-License-Identifier: Apache-2.0 */
/* An older copy of a node's whole directory is put back: its peers heard more of it. */
#include "node/core/standing.h"
#include "tests/simulation/sim.h"
#include "tests/simulation/sim_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SAID_MS 1200 /* until every peer heard what a node has stored */

static struct kz_sim sim;
static struct kz_sim_disk copy;
static uint64_t leader;
static uint64_t old; /* the node of the copy */
static uint64_t other;

static int begin(void **state)
{
    (void)state;
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 11, .nodes = 3});
    kz_sim_start_all(&sim);
    leader = kz_sim_elect(&sim, 5000);
    if (leader == 0 || !kz_sim_converge(&sim, 2000)) return 1;
    old = leader == 1 ? 2 : 1;
    other = 6 - leader - old;
    return 0;
}

static int end(void **state)
{
    (void)state;
    kz_sim_disk_clear(&copy);
    kz_sim_finish(&sim);
    return 0;
}

static void fill(unsigned count)
{
    static uint64_t request;
    struct kz_sim_client client;
    kz_sim_connect(&sim, &client, kz_sim_leader(&sim));
    for (unsigned i = 0; i < count; i++) {
        struct kz_entry entry = kz_sim_territory(++request);
        (void)kz_sim_ask(&client, &entry);
    }
    kz_sim_disconnect(&client);
}

static void put_back(void)
{
    kz_sim_crash(&sim, old);
    kz_sim_disk_clear(&sim.nodes[old].disk);
    sim.nodes[old].disk = copy;
    copy = (struct kz_sim_disk){0};
    kz_sim_start(&sim, old);
}

static void is_refused(void)
{
    kz_sim_run(&sim, 600);
    const struct kz_sim_node *node = &sim.nodes[old];
    char typed[96];
    (void)snprintf(typed, sizeof typed, "kezek member add 4=p%d:1 --client c%d:1 --replaces %d",
                   (int)old, (int)old, (int)old);
    assert_true(node->halted);
    assert_int_equal(node->halt.status, KZ_MISMATCH);
    assert_non_null(strstr(node->halt.text, "an older copy of its directory was put back"));
    assert_non_null(strstr(node->halt.text, typed));
}

static void a_standing_that_has_fallen_is_told_from_one_that_rose(void **state)
{
    static const struct {
        struct kz_standing earlier;
        struct kz_standing now;
        bool has_fallen;
    } cases[] = {
        {{0, 0, 0}, {0, 0, 0}, false}, {{3, 0, 7}, {3, 0, 7}, false}, {{3, 0, 7}, {3, 0, 8}, false},
        {{3, 0, 7}, {3, 0, 6}, true},  {{3, 0, 7}, {3, 0, 0}, true},  {{3, 0, 7}, {4, 0, 0}, false},
        {{3, 2, 7}, {2, 2, 9}, true},  {{3, 0, 7}, {3, 1, 7}, false}, {{3, 1, 7}, {3, 0, 7}, true},
        {{3, 1, 7}, {3, 2, 9}, true},  {{3, 1, 7}, {4, 0, 0}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(kz_standing_has_fallen(&cases[i].now, &cases[i].earlier),
                         cases[i].has_fallen);
}

static void a_copy_that_lacks_entries_is_refused_with_what_to_type(void **state)
{
    (void)state;
    kz_sim_disk_copy(&sim.nodes[old].disk, &copy);
    fill(10);
    kz_sim_run(&sim, SAID_MS);
    put_back();
    is_refused();
    fill(1);
}

static void a_copy_that_was_refused_is_not_started_from_again(void **state)
{
    (void)state;
    kz_sim_disk_copy(&sim.nodes[old].disk, &copy);
    fill(10);
    kz_sim_run(&sim, SAID_MS);
    put_back();
    is_refused();
    kz_sim_crash(&sim, leader);
    kz_sim_crash(&sim, other);
    kz_sim_start_all(&sim); /* nobody remembers */
    assert_true(sim.nodes[old].halted);
    assert_non_null(strstr(sim.nodes[old].halt.text, "is an older copy of itself"));
    assert_non_null(strstr(sim.nodes[old].halt.text, "--replaces"));
    assert_int_not_equal(kz_sim_elect(&sim, 2000), 0);
}

static void the_leader_remembers_what_was_acknowledged_a_moment_ago(void **state)
{
    (void)state;
    kz_sim_run(&sim, 100);
    kz_sim_disk_copy(&sim.nodes[old].disk, &copy);
    fill(1);
    put_back();
    is_refused();
}

static void who_led_remembers_what_was_acknowledged_to_it(void **state)
{
    (void)state;
    kz_sim_run(&sim, SAID_MS);
    kz_sim_disk_copy(&sim.nodes[old].disk, &copy);
    fill(10);
    kz_sim_crash(&sim, other);
    kz_sim_cut(&sim, leader, old);
    while (kz_sim_leader(&sim) == leader)
        kz_sim_run(&sim, 1);
    kz_sim_heal(&sim);
    put_back();
    is_refused();
}

static void any_peer_remembers_what_was_stored(void **state)
{
    (void)state;
    kz_sim_disk_copy(&sim.nodes[old].disk, &copy);
    fill(10);
    kz_sim_run(&sim, SAID_MS);
    kz_sim_crash(&sim, leader);
    put_back();
    is_refused();
    assert_int_equal(kz_sim_elect(&sim, 2000), 0);
}

static void any_peer_remembers_the_last_vote(void **state)
{
    (void)state;
    kz_sim_disk_copy(&sim.nodes[old].disk, &copy);
    kz_sim_crash(&sim, leader);
    while (sim.nodes[old].disk.vote.term == copy.vote.term)
        kz_sim_run(&sim, 1);
    kz_sim_run(&sim, 3); /* to be heard, and not for an entry of the new term */
    put_back();
    is_refused();
}

static void it_does_not_vote_before_who_heard_more_had_a_say(void **state)
{
    (void)state;
    kz_sim_isolate(&sim, other);
    kz_sim_disk_copy(&sim.nodes[old].disk, &copy);
    fill(10); /* the other lacks these, and asks for votes again and again */
    struct kz_vote vote = copy.vote;
    kz_sim_join(&sim, old, other);
    sim.nodes[leader].paused_until_ms = sim.now_ms + 200;
    put_back();
    is_refused();
    assert_int_equal(sim.nodes[old].disk.vote.term, vote.term);
    assert_int_equal(sim.nodes[old].disk.vote.voted_for, vote.voted_for);
    kz_sim_heal(&sim);
    assert_true(kz_sim_converge(&sim, 3000));
}

static void a_start_waits_for_who_is_down_no_longer_than_an_election(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 3; id++)
        kz_sim_crash(&sim, id);
    kz_sim_start(&sim, old);
    kz_sim_start(&sim, other);
    assert_int_not_equal(kz_sim_elect(&sim, 900), 0);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standing_that_has_fallen_is_told_from_one_that_rose),
        STORY(a_copy_that_lacks_entries_is_refused_with_what_to_type),
        STORY(a_copy_that_was_refused_is_not_started_from_again),
        STORY(the_leader_remembers_what_was_acknowledged_a_moment_ago),
        STORY(who_led_remembers_what_was_acknowledged_to_it),
        STORY(any_peer_remembers_what_was_stored),
        STORY(any_peer_remembers_the_last_vote),
        STORY(it_does_not_vote_before_who_heard_more_had_a_say),
        STORY(a_start_waits_for_who_is_down_no_longer_than_an_election),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
