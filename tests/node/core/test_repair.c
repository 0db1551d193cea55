/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that rot: a damaged entry is fetched from the others and repaired, at the start and while
 * serving; nothing waits for ever, nothing is served that is not what was written; damaged on every
 * node, all of them halt and name it. */
#include "tests/simulation/sim_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENTRIES         60
#define MIDDLE          30 /* an application */
#define EVIDENCE_OFFSET 40 /* in its record */

static struct kz_sim sim;
static struct kz_sim_client client;
static uint64_t leader;

static void begin(unsigned nodes, uint64_t seed, uint64_t scrub_pass_ms)
{
    kz_sim_init(
        &sim, &(struct kz_sim_options){
                  .seed = seed, .nodes = nodes, .refusals = 1000, .scrub_pass_ms = scrub_pass_ms});
    kz_sim_start_all(&sim);
    leader = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(leader, 0);
    kz_sim_connect(&sim, &client, leader);
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        entry = kz_sim_application(100 + i, 100 + i);
        kz_sim_ask(&client, &entry);
    }
    kz_sim_run(&sim, 500); /* results are stored */
    assert_true(sim.nodes[1].disk.applied > MIDDLE);
    assert_int_equal(kz_record_type(sim.nodes[1].disk.entries[MIDDLE - 1].record), KZ_APPLICATION);
}

static int end(void **state)
{
    (void)state;
    kz_sim_disconnect(&client);
    kz_sim_finish(&sim);
    return 0;
}

static void crash_all(void)
{
    kz_sim_disconnect(&client);
    for (uint64_t id = 1; id <= sim.options.nodes; id++)
        kz_sim_crash(&sim, id);
}

/* A node that halts is started again: one whose last leaves rot can not append until it opens its
 * ledger anew. */
static bool await_sound(uint64_t id, uint64_t limit_ms)
{
    for (uint64_t until = sim.now_ms + limit_ms; sim.now_ms < until;) {
        if (sim.nodes[id].halted) kz_sim_start(&sim, id);
        if (!kz_sim_is_rotten(&sim, id)) return true;
        kz_sim_run(&sim, 10);
    }
    return false;
}

static void assert_same_disks(void)
{
    for (uint64_t id = 2; id <= sim.options.nodes; id++) {
        const struct kz_sim_disk *one = &sim.nodes[1].disk;
        const struct kz_sim_disk *other = &sim.nodes[id].disk;
        uint64_t applied = one->applied < other->applied ? one->applied : other->applied;
        for (uint64_t i = 0; i < applied; i++) {
            assert_int_equal(one->entries[i].term, other->entries[i].term);
            assert_int_equal(one->entries[i].size, other->entries[i].size);
            assert_memory_equal(one->entries[i].record, other->entries[i].record,
                                one->entries[i].size);
            assert_int_equal(one->results[i], other->results[i]);
        }
    }
}

/* ---- At the start ---- */

static void repaired_at_the_start(enum kz_damage damage, uint64_t index)
{
    begin(3, 5, 0);
    kz_sim_crash(&sim, 2);
    kz_sim_rot(&sim, 2, index, damage);
    kz_sim_start(&sim, 2);
    assert_true(kz_sim_converge(&sim, 5000));
    assert_false(kz_sim_is_rotten(&sim, 2));
    assert_same_disks();
    assert_int_equal(kz_sim_figures(&sim, 2).damaged, 1);
    assert_int_equal(kz_sim_figures(&sim, 2).repaired, 1);
    assert_int_equal(kz_sim_figures(&sim, 2).damaged_index, 0);
}

static void a_starting_node_fetches_a_record(void **state)
{
    (void)state;
    repaired_at_the_start(KZ_DAMAGE_RECORD, MIDDLE);
}

static void a_starting_node_fetches_the_first_entry(void **state)
{
    (void)state;
    repaired_at_the_start(KZ_DAMAGE_RECORD, 1);
}

/* Others talk to it all the time, so it is stepped more often than it tries. */
static void a_repair_that_found_no_room_is_tried_again(void **state)
{
    (void)state;
    begin(3, 5, 0);
    kz_sim_crash(&sim, 2);
    kz_sim_rot(&sim, 2, MIDDLE, KZ_DAMAGE_LEAF);
    sim.nodes[2].disk.full = true;
    kz_sim_start(&sim, 2);
    kz_sim_run(&sim, 1000);
    assert_true(kz_sim_is_rotten(&sim, 2));
    sim.nodes[2].disk.full = false;
    assert_true(kz_sim_converge(&sim, 5000));
    assert_false(kz_sim_is_rotten(&sim, 2));
}

static void a_starting_node_makes_a_leaf_again(void **state)
{
    (void)state;
    repaired_at_the_start(KZ_DAMAGE_LEAF, MIDDLE);
}

static void a_starting_node_takes_what_a_majority_gave_alike(void **state)
{
    (void)state;
    repaired_at_the_start(KZ_DAMAGE_BOTH, MIDDLE);
}

static void many_damaged_entries_are_repaired_one_by_one(void **state)
{
    (void)state;
    begin(3, 6, 0);
    crash_all();
    for (uint64_t index = 2; index < ENTRIES; index++) {
        enum kz_damage damage = KZ_DAMAGE_RECORD + index % 3;
        kz_sim_rot(&sim, 1 + index % 3, index, damage); /* each on another node: nobody is whole */
    }
    kz_sim_start_all(&sim);
    assert_true(kz_sim_elect(&sim, 30000) != 0);
    assert_true(kz_sim_converge(&sim, 5000));
    for (uint64_t id = 1; id <= 3; id++)
        assert_false(kz_sim_is_rotten(&sim, id));
    assert_same_disks();
}

static void the_tail_is_repaired_before_raft_starts(void **state)
{
    (void)state;
    begin(3, 7, 0);
    struct kz_entry entry = kz_sim_application(900, 900);
    kz_sim_ask(&client, &entry);
    kz_sim_disconnect(&client);
    kz_sim_crash(&sim, 2);
    kz_sim_crash(&sim, 3);
    struct kz_sim_disk *disk = &sim.nodes[2].disk;
    assert_true(disk->last > disk->applied);
    kz_sim_rot(&sim, 2, disk->last, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, 2);
    kz_sim_start(&sim, 3);
    assert_true(kz_sim_converge(&sim, 8000));
    assert_false(kz_sim_is_rotten(&sim, 2));
    assert_same_disks();
}

static void results_are_fetched_as_a_majority_has_them(void **state)
{
    (void)state;
    begin(3, 8, 0);
    for (uint64_t i = 0; i < 1024; i++) {
        struct kz_entry entry = kz_sim_application(5000 + i, 5000 + i / 2);
        kz_sim_submit(&client, &entry);
    }
    kz_sim_run(&sim, 2000);
    uint8_t results[1024];
    memcpy(results, sim.nodes[3].disk.results, sizeof results);
    crash_all();
    assert_true(sim.nodes[3].disk.applied > 1024);
    kz_sim_rot(&sim, 3, 1, KZ_DAMAGE_RESULTS);
    kz_sim_start_all(&sim);
    assert_true(kz_sim_elect(&sim, 5000) != 0);
    assert_true(kz_sim_converge(&sim, 5000));
    assert_false(kz_sim_is_rotten(&sim, 3));
    kz_sim_crash(&sim, 3);
    kz_sim_start(&sim, 3); /* its list is read from the disk again */
    assert_memory_equal(sim.nodes[3].disk.results, results, sizeof results);
}

/* ---- While serving ---- */

static void the_scrub_finds_and_repairs(uint64_t which)
{
    begin(3, 11, 300);
    crash_all();
    kz_sim_start_all(&sim);
    leader = kz_sim_elect(&sim, 5000);
    assert_true(kz_sim_converge(&sim, 5000));
    uint64_t id = which == 0 ? leader : leader % 3 + 1;
    kz_sim_rot(&sim, id, MIDDLE, KZ_DAMAGE_BOTH);
    kz_sim_rot(&sim, id, MIDDLE + 1, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, id, MIDDLE + 2, KZ_DAMAGE_LEAF);
    assert_true(await_sound(id, 5000));
    kz_sim_run(&sim, 1000);
    assert_true(kz_sim_figures(&sim, id).scrub_passes >= 2);
    assert_true(kz_sim_figures(&sim, id).repaired >= 2); /* the three leaves are of one block */
    assert_int_equal(kz_sim_leader(&sim), leader);       /* nobody noticed */
    assert_same_disks();
}

static void a_serving_leader_is_repaired(void **state)
{
    (void)state;
    the_scrub_finds_and_repairs(0);
}

static void a_serving_follower_is_repaired(void **state)
{
    (void)state;
    the_scrub_finds_and_repairs(1);
}

static void an_entry_that_is_in_memory_needs_nobody(void **state)
{
    (void)state;
    begin(3, 12, 300);
    kz_sim_isolate(&sim, leader % 3 + 1);
    kz_sim_rot(&sim, leader % 3 + 1, MIDDLE, KZ_DAMAGE_RECORD);
    assert_true(await_sound(leader % 3 + 1, 5000));
    kz_sim_rot(&sim, leader % 3 + 1, MIDDLE, KZ_DAMAGE_BOTH);
    assert_true(await_sound(leader % 3 + 1, 5000));
}

/* A follower that lost its whole disk's tail is fed by a leader whose copy is damaged. */
static void feed_from_damaged(enum kz_damage damage)
{
    begin(3, 13, 0);
    uint64_t behind = leader % 3 + 1;
    kz_sim_crash(&sim, behind);
    for (uint64_t i = 0; i < 20; i++) {
        struct kz_entry entry = kz_sim_application(700 + i, 700 + i);
        kz_sim_ask(&client, &entry);
    }
    kz_sim_run(&sim, 500);
    uint64_t first = sim.nodes[behind].disk.last + 1;
    crash_all();
    for (uint64_t id = 1; id <= 3; id++)
        if (id != behind) kz_sim_start(&sim, id);
    leader = kz_sim_elect(&sim, 5000);
    assert_int_not_equal(leader, 0);
    kz_sim_rot(&sim, leader, first + 3, damage);
    kz_sim_start(&sim, behind);
    assert_true(kz_sim_converge(&sim, 8000));
    assert_true(await_sound(leader, 5000));
    assert_same_disks();
}

static void a_leader_feeds_nothing_damaged(void **state)
{
    (void)state;
    feed_from_damaged(KZ_DAMAGE_RECORD);
}

/* Of its own entry nothing is left to say what it was, and the one who is behind has no word. */
static void a_leader_that_can_not_feed_takes_one_word_for_it(void **state)
{
    (void)state;
    feed_from_damaged(KZ_DAMAGE_BOTH);
}

/* ---- Nobody there, or nobody has it ---- */

static void it_waits_for_a_peer_and_says_which_entry(void **state)
{
    (void)state;
    begin(3, 14, 0);
    crash_all();
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, 1);
    kz_sim_run(&sim, 5000);
    assert_non_null(sim.nodes[1].core);
    assert_int_equal(kz_sim_figures(&sim, 1).damaged_index, MIDDLE);
    assert_false(kz_sim_figures(&sim, 1).ready);
    kz_sim_start(&sim, 3);
    assert_true(await_sound(1, 5000));
    assert_true(kz_sim_elect(&sim, 5000) != 0);
}

static void damage_that_grows_while_it_waits_is_repaired(void **state)
{
    (void)state;
    begin(3, 21, 0);
    crash_all();
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, 1);
    kz_sim_run(&sim, 1000);
    assert_int_equal(kz_sim_figures(&sim, 1).damaged_index, MIDDLE);
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_LEAF);
    kz_sim_start(&sim, 2);
    kz_sim_start(&sim, 3);
    assert_true(await_sound(1, 5000));
    assert_true(kz_sim_converge(&sim, 5000));
    assert_same_disks();
}

static void one_other_node_is_enough_when_the_rest_is_silent(void **state)
{
    (void)state;
    begin(3, 15, 0);
    crash_all();
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_BOTH);
    kz_sim_start(&sim, 1);
    kz_sim_start(&sim, 3);
    kz_sim_run(&sim, 500);
    assert_true(kz_sim_is_rotten(&sim, 1)); /* the rest has its time */
    assert_true(await_sound(1, 5000));
    kz_sim_start(&sim, 2);
    assert_true(kz_sim_converge(&sim, 5000));
    assert_same_disks();
}

static void assert_all_halted(uint64_t index)
{
    char name[32];
    snprintf(name, sizeof name, "entry %llu is damaged", (unsigned long long)index);
    for (uint64_t id = 1; id <= sim.options.nodes; id++) {
        assert_true(sim.nodes[id].halted);
        assert_non_null(strstr(sim.nodes[id].halt.text, name));
        assert_non_null(strstr(sim.nodes[id].halt.text, "on every node"));
    }
}

/* Of each other's entry they have the record, whose leaf is in the block that is damaged. */
static void two_nodes_help_each_other_without_sound_leaves(void **state)
{
    (void)state;
    begin(3, 21, 0);
    crash_all();
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_BOTH);
    kz_sim_rot(&sim, 2, MIDDLE + 1, KZ_DAMAGE_BOTH);
    kz_sim_start(&sim, 1);
    kz_sim_start(&sim, 2);
    assert_true(await_sound(1, 5000));
    assert_true(await_sound(2, 5000));
    kz_sim_start(&sim, 3);
    assert_true(kz_sim_converge(&sim, 5000));
    assert_same_disks();
}

static void damaged_everywhere_at_the_start_all_halt_and_name_it(void **state)
{
    (void)state;
    begin(3, 16, 0);
    crash_all();
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_rot(&sim, 2, MIDDLE, KZ_DAMAGE_BOTH);
    kz_sim_rot(&sim, 3, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_start_all(&sim);
    kz_sim_run(&sim, 5000);
    assert_all_halted(MIDDLE);
}

/* The two that waited know at once that nobody has the entry, when the third asks for it; it has to
 * hear so from them, on connections that they dial. */
static void the_last_of_the_damaged_to_come_halts_too(void **state)
{
    (void)state;
    uint32_t dial[3];
    begin(3, 16, 0);
    crash_all();
    for (uint64_t id = 1; id <= 3; id++)
        kz_sim_rot(&sim, id, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, 1);
    kz_sim_start(&sim, 2);
    kz_sim_run(&sim, 3000);
    for (uint64_t id = 1; id <= 2; id++) {
        dial[id] = sim.nodes[id].dial_count;
        sim.nodes[id].dial_count = 0;
    }
    kz_sim_start(&sim, 3);
    kz_sim_run(&sim, 500);
    for (uint64_t id = 1; id <= 2; id++)
        sim.nodes[id].dial_count = dial[id];
    kz_sim_run(&sim, 5000);
    assert_all_halted(MIDDLE);
}

static void damaged_everywhere_while_serving_all_halt_and_name_it(void **state)
{
    (void)state;
    begin(3, 17, 300);
    crash_all();
    kz_sim_start_all(&sim);
    assert_true(kz_sim_elect(&sim, 5000) != 0);
    for (uint64_t id = 1; id <= 3; id++)
        kz_sim_rot(&sim, id, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_run(&sim, 5000);
    assert_all_halted(MIDDLE);
}

static void a_lone_node_halts_and_names_it(void **state)
{
    (void)state;
    begin(1, 18, 0);
    crash_all();
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, 1);
    kz_sim_run(&sim, 2000);
    assert_all_halted(MIDDLE);
}

/* ---- Answers that are not what stood here ---- */

static uint8_t *byte_of(uint64_t id)
{
    return sim.nodes[id].disk.entries[MIDDLE - 1].record + EVIDENCE_OFFSET;
}

/* Starts a node that is down with another entry than was written. */
static void start_liar(uint64_t id)
{
    *byte_of(id) ^= 1;
    kz_sim_disk_rewrite(&sim.nodes[id].disk);
    kz_sim_start(&sim, id);
    sim.nodes[id].damaged = true;
}

static void an_entry_with_another_hash_is_refused(void **state)
{
    (void)state;
    begin(3, 19, 0);
    crash_all();
    uint8_t right = *byte_of(1);
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_RECORD);
    kz_sim_start(&sim, 1);
    start_liar(2);
    kz_sim_run(&sim, 3000);
    assert_true(kz_sim_is_rotten(&sim, 1));
    kz_sim_crash(&sim, 2);
    kz_sim_start(&sim, 3);
    assert_true(await_sound(1, 5000));
    assert_int_equal(*byte_of(1), right);
}

static void two_answers_that_differ_are_no_proof(void **state)
{
    (void)state;
    begin(3, 20, 0);
    crash_all();
    kz_sim_cut(&sim, 2, 3);
    kz_sim_rot(&sim, 1, MIDDLE, KZ_DAMAGE_BOTH);
    kz_sim_start(&sim, 1);
    start_liar(2);
    kz_sim_start(&sim, 3);
    kz_sim_run(&sim, 5000);
    assert_true(kz_sim_is_rotten(&sim, 1));
    assert_true(sim.nodes[1].halted);
    assert_non_null(strstr(sim.nodes[1].halt.text, "nodes differ about entry 30"));
}

/* ---- At random ---- */

static void a_minority_that_rots_loses_nothing(void **state)
{
    for (uint64_t seed = 100; seed < 115; seed++) {
        begin(3, seed, 200);
        for (unsigned round = 0; round < 12; round++) {
            uint64_t id = 1 + kz_sim_random(&sim, 3);
            bool restart = kz_sim_random(&sim, 2) == 0;
            if (restart) kz_sim_crash(&sim, id);
            for (unsigned i = 0; i < 3; i++) {
                uint64_t index = 1 + kz_sim_random(&sim, sim.nodes[id].disk.applied);
                kz_sim_rot(&sim, id, index, KZ_DAMAGE_RECORD + kz_sim_random(&sim, 3));
            }
            if (restart) kz_sim_start(&sim, id);
            assert_true(await_sound(id, 10000));
        }
        assert_true(kz_sim_converge(&sim, 5000));
        assert_same_disks();
        end(state);
    }
    begin(3, 1, 0); /* for the tear-down */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_starting_node_fetches_a_record, end),
        cmocka_unit_test_teardown(a_starting_node_fetches_the_first_entry, end),
        cmocka_unit_test_teardown(a_starting_node_makes_a_leaf_again, end),
        cmocka_unit_test_teardown(a_repair_that_found_no_room_is_tried_again, end),
        cmocka_unit_test_teardown(a_starting_node_takes_what_a_majority_gave_alike, end),
        cmocka_unit_test_teardown(many_damaged_entries_are_repaired_one_by_one, end),
        cmocka_unit_test_teardown(the_tail_is_repaired_before_raft_starts, end),
        cmocka_unit_test_teardown(results_are_fetched_as_a_majority_has_them, end),
        cmocka_unit_test_teardown(a_serving_leader_is_repaired, end),
        cmocka_unit_test_teardown(a_serving_follower_is_repaired, end),
        cmocka_unit_test_teardown(an_entry_that_is_in_memory_needs_nobody, end),
        cmocka_unit_test_teardown(a_leader_feeds_nothing_damaged, end),
        cmocka_unit_test_teardown(a_leader_that_can_not_feed_takes_one_word_for_it, end),
        cmocka_unit_test_teardown(it_waits_for_a_peer_and_says_which_entry, end),
        cmocka_unit_test_teardown(damage_that_grows_while_it_waits_is_repaired, end),
        cmocka_unit_test_teardown(one_other_node_is_enough_when_the_rest_is_silent, end),
        cmocka_unit_test_teardown(two_nodes_help_each_other_without_sound_leaves, end),
        cmocka_unit_test_teardown(damaged_everywhere_at_the_start_all_halt_and_name_it, end),
        cmocka_unit_test_teardown(the_last_of_the_damaged_to_come_halts_too, end),
        cmocka_unit_test_teardown(damaged_everywhere_while_serving_all_halt_and_name_it, end),
        cmocka_unit_test_teardown(a_lone_node_halts_and_names_it, end),
        cmocka_unit_test_teardown(an_entry_with_another_hash_is_refused, end),
        cmocka_unit_test_teardown(two_answers_that_differ_are_no_proof, end),
        cmocka_unit_test_teardown(a_minority_that_rots_loses_nothing, end),
    };
    return cmocka_run_group_tests_name("repair", tests, NULL, NULL);
}
