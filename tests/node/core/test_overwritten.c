/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged entries of the tail: those that the other nodes overwrote are dropped before raft starts,
 * those that may be committed are waited for; what nobody can bring any more halts the node. */
#include "tests/simulation/sim_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct kz_sim sim;
static struct kz_sim_client client;
static uint64_t leader; /* the first one, whose disk rots */
static uint64_t requests;

static struct kz_entry next_entry(void)
{
    requests++;
    return kz_sim_application(requests, requests);
}

static void ask(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct kz_entry entry = next_entry();
        kz_sim_ask(&client, &entry);
    }
}

static void begin(unsigned nodes, uint64_t seed)
{
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = seed, .nodes = nodes});
    kz_sim_start_all(&sim);
    leader = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(leader, 0);
    kz_sim_connect(&sim, &client, leader);
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    requests = 100;
    ask(20);
    kz_sim_run(&sim, 500); /* results are stored */
}

static int end(void **state)
{
    (void)state;
    kz_sim_disconnect(&client);
    kz_sim_finish(&sim);
    return 0;
}

/* Stores COUNT entries on the leader alone, which goes down then. Returns: the first one's index.
 */
static uint64_t store_on_the_leader_alone(unsigned count)
{
    kz_sim_isolate(&sim, leader);
    uint64_t first = sim.nodes[leader].disk.last + 1;
    for (unsigned i = 0; i < count; i++) {
        struct kz_entry entry = next_entry();
        kz_sim_submit(&client, &entry);
    }
    kz_sim_run(&sim, 100);
    assert_int_equal(sim.nodes[leader].disk.last, first + count - 1);
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, leader);
    kz_sim_heal(&sim);
    return first;
}

/* Whoever is elected stores the first entry of its term alone, and goes down. Returns: its id. */
static uint64_t be_elected_alone(void)
{
    uint64_t id = kz_sim_leader(&sim);
    while (id == 0) {
        kz_sim_run(&sim, 1);
        id = kz_sim_leader(&sim);
    }
    kz_sim_isolate(&sim, id);
    kz_sim_run(&sim, 50);
    const struct kz_sim_disk *disk = &sim.nodes[id].disk;
    assert_int_equal(disk->entries[disk->last - 1].term, disk->vote.term);
    kz_sim_crash(&sim, id);
    kz_sim_heal(&sim);
    return id;
}

/* Stores COUNT committed entries without the first leader. */
static void go_on_without_it(unsigned count)
{
    uint64_t other = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(other, 0);
    kz_sim_connect(&sim, &client, other);
    ask(count);
}

static void assert_same_disks(void)
{
    for (uint64_t id = 2; id <= sim.options.nodes; id++) {
        const struct kz_sim_disk *one = &sim.nodes[1].disk;
        const struct kz_sim_disk *other = &sim.nodes[id].disk;
        assert_int_equal(one->last, other->last);
        for (uint64_t i = 0; i < one->last; i++) {
            assert_int_equal(one->entries[i].term, other->entries[i].term);
            assert_int_equal(one->entries[i].size, other->entries[i].size);
            assert_memory_equal(one->entries[i].record, other->entries[i].record,
                                one->entries[i].size);
        }
    }
}

static void assert_sound_in_the_end(void)
{
    assert_true(kz_sim_converge(&sim, 8000));
    for (uint64_t id = 1; id <= sim.options.nodes; id++)
        assert_false(kz_sim_is_rotten(&sim, id));
    assert_same_disks();
}

static void assert_halted(uint64_t id, uint64_t index)
{
    char name[48];
    (void)snprintf(name, sizeof name, "entry %llu is damaged", (unsigned long long)index);
    assert_true(sim.nodes[id].halted);
    assert_non_null(strstr(sim.nodes[id].halt.text, name));
}

/* ---- Overwritten ---- */

/* MORE entries are committed in their place; with fewer than there were, behind the new leader's
 * barrier nothing stands where the damage is. */
static void dropped(enum kz_damage damage, unsigned more)
{
    begin(3, 31);
    uint64_t first = store_on_the_leader_alone(10);
    kz_sim_rot(&sim, leader, first + 6, damage);
    go_on_without_it(more);
    kz_sim_start(&sim, leader);
    assert_sound_in_the_end();
    assert_int_equal(kz_sim_figures(&sim, leader).repaired, 1);
}

static void an_overwritten_record_is_dropped(void **state)
{
    (void)state;
    dropped(KZ_DAMAGE_RECORD, 20);
}

static void an_overwritten_entry_is_dropped_with_its_leaf(void **state)
{
    (void)state;
    dropped(KZ_DAMAGE_BOTH, 20);
}

static void an_entry_behind_the_others_end_is_dropped(void **state)
{
    (void)state;
    dropped(KZ_DAMAGE_RECORD, 0);
    end(state);
    dropped(KZ_DAMAGE_BOTH, 0);
}

static void a_term_that_begins_with_it_is_forgotten(void **state)
{
    (void)state;
    begin(3, 40);
    uint64_t earlier = leader;
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, earlier);
    leader = be_elected_alone();
    kz_sim_rot(&sim, leader, sim.nodes[leader].disk.last, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, earlier);
    go_on_without_it(5);
    kz_sim_start(&sim, leader);
    assert_sound_in_the_end();
}

static void damage_before_it_is_repaired_first(void **state)
{
    (void)state;
    begin(3, 32);
    uint64_t first = store_on_the_leader_alone(10);
    kz_sim_rot(&sim, leader, first - 3, KZ_DAMAGE_RECORD); /* committed, of the same block */
    kz_sim_rot(&sim, leader, first + 2, KZ_DAMAGE_BOTH);
    kz_sim_rot(&sim, leader, first + 4, KZ_DAMAGE_RECORD);
    go_on_without_it(3);
    kz_sim_start(&sim, leader);
    assert_sound_in_the_end();
}

/* The third is down: no majority could say that it lacks it. */
static void one_node_that_knows_another_to_be_committed_is_enough(void **state)
{
    (void)state;
    begin(3, 47);
    uint64_t first = store_on_the_leader_alone(4);
    go_on_without_it(5);
    kz_sim_run(&sim, 500);
    kz_sim_disconnect(&client);
    uint64_t down = leader % 3 + 1;
    kz_sim_crash(&sim, down);
    kz_sim_rot(&sim, leader, first + 1, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, leader);
    kz_sim_run(&sim, 3000);
    assert_int_equal(kz_sim_figures(&sim, leader).damaged_index, 0);
    assert_int_not_equal(kz_sim_leader(&sim), 0);
    kz_sim_start(&sim, down);
    assert_sound_in_the_end();
}

static void it_is_dropped_once_the_others_go_on(void **state)
{
    (void)state;
    begin(3, 33);
    uint64_t first = store_on_the_leader_alone(4);
    uint64_t other = leader % 3 + 1;
    kz_sim_crash(&sim, other);
    kz_sim_rot(&sim, leader, first, KZ_DAMAGE_BOTH);
    kz_sim_start(&sim, leader);
    kz_sim_run(&sim, 3000);
    assert_int_equal(sim.nodes[leader].disk.last, first + 3);
    assert_int_equal(kz_sim_figures(&sim, leader).damaged_index, first);
    kz_sim_start(&sim, other);
    assert_sound_in_the_end();
}

/* Breaks the connections of ID to all but WITH. */
static void cut_off(uint64_t id, uint64_t with)
{
    for (uint64_t other = 1; other <= sim.options.nodes; other++) {
        if (other != id && other != with) kz_sim_cut(&sim, id, other);
    }
}

/* Stores COUNT entries on the leader and OTHER alone. Returns: the first one's index. */
static uint64_t store_on_two(uint64_t other, unsigned count)
{
    uint64_t first = sim.nodes[leader].disk.last + 1;
    cut_off(leader, other);
    cut_off(other, leader);
    for (unsigned i = 0; i < count; i++) {
        struct kz_entry entry = next_entry();
        kz_sim_submit(&client, &entry);
    }
    kz_sim_run(&sim, 30);
    assert_int_equal(sim.nodes[leader].disk.last, first + count - 1);
    assert_int_equal(sim.nodes[other].disk.last, first + count - 1);
    return first;
}

/* A peer that asks for an entry behind the dropped one lets the node find that damaged, too. */
static void what_was_damaged_behind_it_is_forgotten(void **state)
{
    (void)state;
    begin(5, 41);
    uint64_t other = leader % 5 + 1;
    uint64_t first = store_on_two(other, 10);
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, leader);
    kz_sim_crash(&sim, other);
    kz_sim_heal(&sim);
    go_on_without_it(1); /* the others' ledgers end before it */
    kz_sim_disconnect(&client);
    for (uint64_t id = 1; id <= 5; id++) {
        if (id != leader && id != other) kz_sim_crash(&sim, id);
    }
    kz_sim_rot(&sim, leader, first, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, leader, first + 5, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, other, first + 5, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, other);
    kz_sim_run(&sim, 500);
    kz_sim_start(&sim, leader);
    for (unsigned i = 0; i < 500 && kz_sim_figures(&sim, leader).damaged < 2; i++)
        kz_sim_run(&sim, 1);
    kz_sim_crash(&sim, other); /* it has asked, and not answered yet */
    assert_int_equal(kz_sim_figures(&sim, leader).damaged, 2);
    assert_int_equal(kz_sim_figures(&sim, leader).repaired, 0);
    for (uint64_t id = 1; id <= 5; id++) {
        if (id != leader && id != other) kz_sim_start(&sim, id);
    }
    kz_sim_run(&sim, 5000);
    assert_int_equal(kz_sim_figures(&sim, leader).damaged_index, 0);
    kz_sim_start(&sim, other);
    assert_sound_in_the_end();
}

/* ---- Lacked by a majority ---- */

/* Two of three have entries of their own, and lost one each: nobody is left to commit another. */
static void nodes_that_wait_for_each_other_go_on(void **state)
{
    (void)state;
    begin(3, 42);
    uint64_t one = leader;
    uint64_t first = store_on_the_leader_alone(4);
    uint64_t two = be_elected_alone();
    kz_sim_rot(&sim, one, first, KZ_DAMAGE_BOTH);
    kz_sim_rot(&sim, two, sim.nodes[two].disk.last, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, one);
    kz_sim_start(&sim, two);
    assert_true(kz_sim_elect(&sim, 5000) != 0);
    assert_sound_in_the_end();
}

/* The others are in the term of the damaged entry, and can not elect one another. */
static void who_knows_of_no_leader_leaves_the_term(void **state)
{
    (void)state;
    begin(3, 43);
    uint64_t term = sim.nodes[leader].disk.vote.term;
    uint64_t first = store_on_the_leader_alone(3);
    uint64_t second = leader % 3 + 1;
    uint64_t third = second % 3 + 1;
    kz_sim_cut(&sim, second, third);
    kz_sim_rot(&sim, leader, first + 1, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, leader);
    kz_sim_run(&sim, 900);
    assert_int_equal(kz_sim_figures(&sim, leader).damaged_index, first + 1);
    assert_int_equal(sim.nodes[second].disk.vote.term, term);
    assert_int_equal(sim.nodes[third].disk.vote.term, term);
    assert_true(kz_sim_elect(&sim, 5000) != 0);
    kz_sim_heal(&sim);
    assert_sound_in_the_end();
}

/* A change of the members stands behind it, which may go with it. */
static void the_voters_that_were_appointed_before_it_decide(void **state)
{
    (void)state;
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 46, .nodes = 4, .founders = 3});
    for (uint64_t id = 1; id <= 3; id++)
        kz_sim_start(&sim, id);
    leader = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(leader, 0);
    kz_sim_connect(&sim, &client, leader);
    requests = 100;
    ask(5);
    kz_sim_run(&sim, 500);
    kz_sim_isolate(&sim, leader);
    uint64_t index = sim.nodes[leader].disk.last + 1;
    struct kz_entry entry = next_entry();
    const struct kz_change change = {
        .what = KZ_CHANGE_ADD, .node = 4, .peer = {"p4:1", 4}, .client = {"c4:1", 4}};
    kz_sim_submit(&client, &entry);
    kz_sim_run(&sim, 20);
    (void)kz_sim_change(&client, &change);
    kz_sim_run(&sim, 50);
    const struct kz_sim_disk *disk = &sim.nodes[leader].disk;
    assert_int_equal(disk->last, index + 1);
    assert_int_equal(kz_record_type(disk->entries[index].record), KZ_MEMBERSHIP);
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, leader);
    kz_sim_heal(&sim);
    kz_sim_cut(&sim, leader % 3 + 1, (leader + 1) % 3 + 1);
    kz_sim_rot(&sim, leader, index, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, leader);
    assert_true(kz_sim_elect(&sim, 5000) != 0);
    assert_int_equal(kz_sim_figures(&sim, leader).repaired, 1);
}

/* Two wait for one that is down; a third one that waits needs their word, and the fifth one's. */
static void who_waits_itself_leaves_the_term(void **state)
{
    (void)state;
    begin(5, 45);
    uint64_t one = leader;
    uint64_t two = leader % 5 + 1;
    uint64_t first = store_on_two(two, 4);
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, one);
    kz_sim_crash(&sim, two);
    kz_sim_heal(&sim);
    uint64_t three = be_elected_alone();
    uint64_t down = 1;
    while (down == one || down == two || down == three)
        down++;
    kz_sim_crash(&sim, down);
    kz_sim_rot(&sim, one, first + 2, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, two, first + 2, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, three, sim.nodes[three].disk.last, KZ_DAMAGE_RECORD);
    assert_true(sim.nodes[one].disk.vote.term < sim.nodes[three].disk.vote.term);
    kz_sim_start(&sim, one);
    kz_sim_start(&sim, two);
    kz_sim_start(&sim, three);
    kz_sim_run(&sim, 3000);
    assert_int_equal(kz_sim_figures(&sim, three).damaged_index, 0);
    assert_int_equal(kz_sim_figures(&sim, one).damaged_index, first + 2);
    kz_sim_start(&sim, down);
    assert_sound_in_the_end();
}

/* ---- Perhaps committed ---- */

/* It is committed by the two that go down; the third lacks it, and has something else there only
 * once it could have been elected, which it can not be. */
static void an_entry_that_one_lacks_and_one_may_have_is_waited_for(void **state)
{
    (void)state;
    begin(3, 34);
    uint64_t behind = leader % 3 + 1;
    uint64_t other = behind % 3 + 1;
    kz_sim_crash(&sim, behind);
    ask(5);
    uint64_t last = sim.nodes[leader].disk.last;
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, leader);
    kz_sim_crash(&sim, other);
    assert_true(sim.nodes[leader].disk.applied < last); /* it knows less than was told */
    kz_sim_rot(&sim, leader, last, KZ_DAMAGE_BOTH);
    kz_sim_start(&sim, leader);
    kz_sim_start(&sim, behind);
    kz_sim_run(&sim, 20000);
    assert_int_equal(sim.nodes[leader].disk.last, last);
    assert_int_equal(kz_sim_figures(&sim, leader).damaged_index, last);
    kz_sim_start(&sim, other);
    assert_sound_in_the_end();
    assert_true(sim.nodes[leader].disk.last >= last);
}

/* Who waits itself says nothing of its own tail: here that is the one that was overwritten. */
static void an_entry_that_another_s_tail_contradicts_is_waited_for(void **state)
{
    (void)state;
    begin(3, 39);
    uint64_t first = store_on_the_leader_alone(20);
    kz_sim_rot(&sim, leader, first - 3, KZ_DAMAGE_RECORD);
    go_on_without_it(10);
    kz_sim_disconnect(&client);
    uint64_t other = leader % 3 + 1;
    uint64_t away = other % 3 + 1;
    uint64_t last = sim.nodes[other].disk.last;
    kz_sim_crash(&sim, other);
    kz_sim_crash(&sim, away);
    assert_true(last < first + 20 && last > sim.nodes[other].disk.applied);
    kz_sim_rot(&sim, other, first - 3, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, other, last, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, other);
    kz_sim_start(&sim, leader);
    kz_sim_run(&sim, 3000);
    assert_int_equal(sim.nodes[other].disk.last, last);
    assert_int_equal(sim.nodes[leader].disk.last, first + 19);
    kz_sim_start(&sim, away);
    assert_sound_in_the_end();
    assert_true(sim.nodes[leader].disk.last >= last);
}

/* ---- Nobody can bring it ---- */

static void lost_where_it_was_both_halt_and_name_it(void **state)
{
    (void)state;
    begin(3, 35);
    uint64_t behind = leader % 3 + 1;
    uint64_t other = behind % 3 + 1;
    kz_sim_crash(&sim, behind);
    ask(5);
    uint64_t last = sim.nodes[other].disk.last;
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, leader);
    kz_sim_crash(&sim, other);
    kz_sim_rot(&sim, leader, last, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, other, last, KZ_DAMAGE_BOTH);
    kz_sim_start_all(&sim);
    kz_sim_run(&sim, 5000);
    assert_halted(leader, last);
    assert_halted(other, last);
    assert_false(sim.nodes[behind].halted);
}

static void of_two_nodes_the_one_that_alone_has_it_halts(void **state)
{
    (void)state;
    begin(2, 36);
    uint64_t first = store_on_the_leader_alone(3);
    kz_sim_rot(&sim, leader, first, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, leader);
    kz_sim_run(&sim, 5000);
    assert_halted(leader, first);
}

/* The others have a sound copy, or none, and wait themselves. */
static void all_start_at_once_with_damage_of_their_own(void **state)
{
    (void)state;
    begin(5, 37);
    uint64_t first = store_on_the_leader_alone(6);
    go_on_without_it(8);
    kz_sim_disconnect(&client);
    for (uint64_t id = 1; id <= 5; id++) {
        if (sim.nodes[id].core != NULL) kz_sim_crash(&sim, id);
    }
    for (uint64_t id = 1; id <= 5; id++)
        kz_sim_rot(&sim, id, first - id, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, leader, first + 1, KZ_DAMAGE_RECORD);
    kz_sim_start_all(&sim);
    assert_true(kz_sim_elect(&sim, 10000) != 0);
    assert_sound_in_the_end();
}

/* The scrub meets them, and who could give them is down. */
static void the_last_results_that_nobody_gives_are_worked_out_by_a_restart(void **state)
{
    (void)state;
    begin(3, 38);
    kz_sim_crash(&sim, leader);
    sim.options.scrub_pass_ms = 300;
    kz_sim_start(&sim, leader);
    assert_true(kz_sim_converge(&sim, 5000));
    kz_sim_run(&sim, 500); /* none is stored later, which would meet them too */
    for (uint64_t id = 1; id <= 3; id++) {
        if (id != leader) kz_sim_crash(&sim, id);
    }
    kz_sim_rot(&sim, leader, 1, KZ_DAMAGE_RESULTS);
    kz_sim_run(&sim, 3000);
    assert_true(sim.nodes[leader].halted);
    assert_non_null(strstr(sim.nodes[leader].halt.text, "the last results, from entry 1 on"));
    kz_sim_start_all(&sim);
    assert_sound_in_the_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_overwritten_record_is_dropped, end),
        cmocka_unit_test_teardown(an_overwritten_entry_is_dropped_with_its_leaf, end),
        cmocka_unit_test_teardown(an_entry_behind_the_others_end_is_dropped, end),
        cmocka_unit_test_teardown(a_term_that_begins_with_it_is_forgotten, end),
        cmocka_unit_test_teardown(damage_before_it_is_repaired_first, end),
        cmocka_unit_test_teardown(one_node_that_knows_another_to_be_committed_is_enough, end),
        cmocka_unit_test_teardown(it_is_dropped_once_the_others_go_on, end),
        cmocka_unit_test_teardown(what_was_damaged_behind_it_is_forgotten, end),
        cmocka_unit_test_teardown(nodes_that_wait_for_each_other_go_on, end),
        cmocka_unit_test_teardown(who_knows_of_no_leader_leaves_the_term, end),
        cmocka_unit_test_teardown(the_voters_that_were_appointed_before_it_decide, end),
        cmocka_unit_test_teardown(who_waits_itself_leaves_the_term, end),
        cmocka_unit_test_teardown(an_entry_that_one_lacks_and_one_may_have_is_waited_for, end),
        cmocka_unit_test_teardown(an_entry_that_another_s_tail_contradicts_is_waited_for, end),
        cmocka_unit_test_teardown(lost_where_it_was_both_halt_and_name_it, end),
        cmocka_unit_test_teardown(of_two_nodes_the_one_that_alone_has_it_halts, end),
        cmocka_unit_test_teardown(all_start_at_once_with_damage_of_their_own, end),
        cmocka_unit_test_teardown(the_last_results_that_nobody_gives_are_worked_out_by_a_restart,
                                  end),
    };
    return cmocka_run_group_tests_name("overwritten", tests, NULL, NULL);
}
