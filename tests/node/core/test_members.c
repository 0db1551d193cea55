/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of nodes that join, are promoted, removed, lost, replaced; all that under faults. */
#include "tests/node/core/changing.h"

#include <stdio.h>
#include <string.h>

/* ---- Joining ---- */

static void a_node_joins_is_streamed_the_ledger_and_votes(void **state)
{
    (void)state;
    uint64_t last = fill(200);
    kz_sim_start(&sim, 4);
    kz_sim_run(&sim, 1000);
    assert_true(kz_sim_figures(&sim, 4).joining);
    assert_int_equal(sim.nodes[4].disk.last, 0);

    change(KZ_CHANGE_ADD, 4);
    struct kz_core_figures figures = kz_sim_figures(&sim, kz_sim_leader(&sim));
    assert_int_equal(figures.voters, 3);
    assert_int_equal(figures.standbys, 1);
    change(KZ_CHANGE_PROMOTE, 4);
    assert_int_equal(kz_sim_figures(&sim, kz_sim_leader(&sim)).voters, 4);
    assert_true(kz_sim_converge(&sim, 3000));
    assert_true(kz_sim_figures(&sim, 4).applied_index > last);
    assert_false(kz_sim_figures(&sim, 4).joining);

    kz_sim_crash(&sim, follower()); /* of four three are a majority, and node 4 is needed for it */
    fill(3);
}

static void a_node_without_the_ledger_is_not_promoted(void **state)
{
    (void)state;
    fill(10);
    change(KZ_CHANGE_ADD, 4); /* it is down */
    struct kz_changed changed = ask(kz_sim_leader(&sim), KZ_CHANGE_PROMOTE, 4);
    assert_int_equal(changed.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(changed.reason, KZ_REASON_BEHIND);
    assert_non_null(strstr(sentence, "node 4 has 0 of"));
    kz_sim_start(&sim, 4);
    change(KZ_CHANGE_PROMOTE, 4);
}

static void a_joiner_goes_on_after_crashes(void **state)
{
    (void)state;
    fill(100);
    change(KZ_CHANGE_ADD, 4);
    for (unsigned ms = 1; ms < 60; ms += 3) {
        kz_sim_start(&sim, 4);
        kz_sim_run(&sim, ms);
        assert_false(sim.nodes[4].halted);
        kz_sim_crash(&sim, 4);
    }
    kz_sim_start(&sim, 4);
    change(KZ_CHANGE_PROMOTE, 4);
    assert_true(kz_sim_converge(&sim, 3000));
}

static void a_standby_alone_leads_nothing(void **state)
{
    (void)state;
    fill(10);
    kz_sim_start(&sim, 4);
    change(KZ_CHANGE_ADD, 4);
    assert_true(kz_sim_converge(&sim, 3000));
    uint64_t term = kz_sim_figures(&sim, 4).term;
    for (uint64_t id = 1; id <= 3; id++)
        kz_sim_crash(&sim, id);
    kz_sim_run(&sim, 5000);
    assert_int_equal(kz_sim_leader(&sim), 0);
    assert_int_equal(kz_sim_figures(&sim, 4).term, term);
    assert_int_equal(sim.nodes[4].disk.vote.voted_for, 0);
    kz_sim_start_all(&sim);
    fill(1);
}

static void nodes_that_join_alone_found_nothing(void **state)
{
    (void)state;
    kz_sim_start(&sim, 4);
    kz_sim_start(&sim, 5);
    kz_sim_run(&sim, 3000);
    assert_int_equal(sim.nodes[4].disk.last + sim.nodes[5].disk.last, 0);
    assert_int_equal(sim.nodes[4].disk.vote.term, 0);
}

static void a_node_that_was_away_finds_a_cluster_that_changed_altogether(void **state)
{
    (void)state;
    fill(5);
    if (kz_sim_leader(&sim) == 3) change(KZ_CHANGE_LEADER, 1);
    kz_sim_crash(&sim, 3);
    join(4);
    join(5);
    change(KZ_CHANGE_REMOVE, 1);
    change(KZ_CHANGE_REMOVE, 2);
    kz_sim_crash(&sim, 1);
    kz_sim_crash(&sim, 2);
    fill(50);
    kz_sim_start(&sim, 3); /* it knows 1, 2 and itself */
    assert_true(kz_sim_converge(&sim, 5000));
    join(6); /* its ledger begins with a membership of nodes that are gone */
    assert_true(kz_sim_converge(&sim, 5000));
    nothing_is_lost(6);
    kz_sim_crash(&sim, 4);
    fill(5);
}

/* ---- Removing ---- */

static void a_removed_node_ends_and_disturbs_nobody(void **state)
{
    (void)state;
    fill(5);
    uint64_t leader = kz_sim_leader(&sim);
    uint64_t removed = follower();
    uint64_t term = kz_sim_figures(&sim, leader).term;
    change(KZ_CHANGE_REMOVE, removed);
    assert_true(has_halted(removed, 10000));
    assert_non_null(strstr(sim.nodes[removed].halt.text, "was removed from the cluster"));
    assert_non_null(strstr(sim.nodes[removed].halt.text, "--id 4 --join"));

    kz_sim_start(&sim, removed); /* somebody starts it again */
    assert_true(has_halted(removed, 15000));
    assert_int_equal(kz_sim_leader(&sim), leader);
    assert_int_equal(kz_sim_figures(&sim, leader).term, term);
    fill(5);
}

static void a_node_removed_while_it_was_down_ends_when_it_starts(void **state)
{
    (void)state;
    uint64_t removed = follower();
    kz_sim_crash(&sim, removed);
    change(KZ_CHANGE_REMOVE, removed);
    uint64_t term = kz_sim_figures(&sim, kz_sim_leader(&sim)).term;
    kz_sim_start(&sim, removed);
    assert_true(has_halted(removed, 15000));
    assert_non_null(strstr(sim.nodes[removed].halt.text, "was removed from the cluster"));
    assert_int_equal(kz_sim_figures(&sim, kz_sim_leader(&sim)).term, term);
}

static void a_leader_is_removed_by_its_successor(void **state)
{
    (void)state;
    uint64_t last = fill(20);
    uint64_t old = kz_sim_leader(&sim);
    change(KZ_CHANGE_REMOVE, old);
    uint64_t leader = kz_sim_leader(&sim);
    assert_int_not_equal(leader, old);
    assert_int_equal(kz_sim_figures(&sim, leader).voters, 2);
    assert_true(has_halted(old, 10000));
    assert_true(fill(5) > last);
}

static void the_only_voter_stays(void **state)
{
    (void)state;
    assert_int_equal(insist(KZ_CHANGE_REMOVE, 1).code, KZ_ANSWER_REFUSED);
    assert_string_equal(sentence, "node 1 is the only voter: add and promote another first");
    kz_sim_start(&sim, 2);
    change(KZ_CHANGE_ADD, 2);
    assert_int_equal(insist(KZ_CHANGE_REMOVE, 1).code, KZ_ANSWER_REFUSED);
    change(KZ_CHANGE_PROMOTE, 2);
    change(KZ_CHANGE_REMOVE, 1);
    assert_int_equal(kz_sim_elect(&sim, 5000), 2);
    fill(3);
}

static void a_cluster_grows_from_one_to_five_and_shrinks_to_one(void **state)
{
    (void)state;
    for (uint64_t id = 2; id <= 5; id++) {
        fill(10);
        join(id);
    }
    assert_true(kz_sim_converge(&sim, 3000));
    assert_int_equal(kz_sim_figures(&sim, kz_sim_leader(&sim)).voters, 5);
    kz_sim_crash(&sim, 1);
    kz_sim_crash(&sim, 3);
    fill(10); /* three of five */
    kz_sim_start(&sim, 1);
    kz_sim_start(&sim, 3);
    for (uint64_t id = 1; id <= 4; id++) {
        change(KZ_CHANGE_REMOVE, id);
        fill(3);
    }
    assert_int_equal(kz_sim_elect(&sim, 5000), 5);
    assert_int_equal(kz_sim_figures(&sim, 5).voters, 1);
    nothing_is_lost(5);
    kz_sim_crash(&sim, 5); /* alone it elects itself, in a term of its own */
    kz_sim_start(&sim, 5);
    fill(3);
}

/* ---- A node that lost its disk ---- */

static void a_lost_node_is_refused_and_replaced(void **state)
{
    (void)state;
    uint64_t last = fill(50);
    uint64_t lost = follower();
    kz_sim_crash(&sim, lost);
    kz_sim_wipe(&sim, lost);
    kz_sim_start(&sim, lost);
    assert_true(has_halted(lost, 2000));
    char typed[96];
    snprintf(typed, sizeof(typed), "kezek member add 4=p%d:1 --client c%d:1 --replaces %d",
             (int)lost, (int)lost, (int)lost);
    assert_non_null(strstr(sim.nodes[lost].halt.text, typed));
    assert_int_equal(sim.nodes[lost].disk.vote.term, 0);

    change(KZ_CHANGE_REMOVE, lost);
    join(4);
    fill(5);
    kz_sim_crash(&sim, follower() == lost ? 6 - lost - kz_sim_leader(&sim) : follower());
    assert_true(fill(5) > last + 10);
    assert_int_equal(sim.nodes[4].disk.entries[last - 1].size,
                     sim.nodes[kz_sim_leader(&sim)].disk.entries[last - 1].size);

    nothing_is_lost(4);
    kz_sim_start(&sim, lost); /* under its old number it stays refused */
    assert_true(has_halted(lost, 5000));
    assert_int_equal(sim.nodes[lost].disk.vote.term, 0);
}

static void a_standby_that_lost_its_disk_is_refused(void **state)
{
    (void)state;
    fill(5);
    kz_sim_start(&sim, 4);
    change(KZ_CHANGE_ADD, 4);
    assert_true(kz_sim_converge(&sim, 2000));
    kz_sim_crash(&sim, 4);
    kz_sim_wipe(&sim, 4);
    kz_sim_start(&sim, 4);
    assert_true(has_halted(4, 5000));
    assert_non_null(strstr(sim.nodes[4].halt.text, "--replaces 4"));
}

static void a_node_that_is_not_added_is_told_what_to_type(void **state)
{
    (void)state;
    struct kz_identity *identity = &sim.nodes[4].disk.identity;
    sim.options.founders = 4; /* it was given a list with itself and the three */
    kz_sim_start(&sim, 4);
    kz_sim_run(&sim, 500);
    assert_non_null(strstr(sim.nodes[4].last_error, "kezek member add 4=p4:1 --client c4:1"));
    assert_int_equal(identity->peer_count, 0);
    change(KZ_CHANGE_ADD, 4);
    change(KZ_CHANGE_PROMOTE, 4);
}

/* ---- Faults at random ---- */

static void hurt(uint64_t now)
{
    uint64_t id = 1 + kz_sim_random(&sim, 6);
    switch (kz_sim_random(&sim, 5)) {
    case 0: kz_sim_crash(&sim, id); break;
    case 1: kz_sim_isolate(&sim, id); break;
    case 2: kz_sim_break_one(&sim); break;
    case 3: kz_sim_cut(&sim, id, 1 + (id + now) % 6); break;
    default: kz_sim_heal(&sim); break;
    }
}

static void mend(void)
{
    kz_sim_heal(&sim);
    for (uint64_t id = 1; id <= 6; id++)
        if (sim.nodes[id].core == NULL && !sim.nodes[id].halted) kz_sim_start(&sim, id);
}

/* Whatever is wanted while nodes crash and links break, what holds in the end is what was done
 * last. */
static void changes_survive_faults(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        found(&(struct kz_sim_options){.seed = seed, .nodes = 6, .founders = 3, .latency_ms = 8});
        assert_int_not_equal(kz_sim_elect(&sim, 5000), 0);
        for (uint64_t id = 4; id <= 6; id++) {
            fill(3);
            mend();
            const struct {
                enum kz_change_what what;
                uint64_t node;
            } steps[] = {{KZ_CHANGE_ADD, id}, {KZ_CHANGE_PROMOTE, id}, {KZ_CHANGE_REMOVE, id - 3}};
            for (unsigned i = 0; i < 3; i++) {
                char addresses[2][16];
                struct kz_change wanted = change_of(steps[i].what, steps[i].node, addresses);
                struct kz_sim_client client;
                kz_sim_connect(&sim, &client, 1 + kz_sim_random(&sim, 6));
                kz_sim_change(&client, &wanted); /* it may or may not happen */
                kz_sim_run(&sim, kz_sim_random(&sim, 20));
                hurt(sim.now_ms);
                kz_sim_run(&sim, kz_sim_random(&sim, 400));
                kz_sim_disconnect(&client);
                mend();
                change(steps[i].what, steps[i].node);
            }
        }
        uint64_t last = fill(3);
        for (uint64_t id = 1; id <= 3; id++)
            if (sim.nodes[id].core != NULL && !has_halted(id, 15000)) kz_sim_crash(&sim, id);
        assert_true(kz_sim_converge(&sim, 5000));
        for (uint64_t id = 4; id <= 6; id++) {
            assert_int_equal(kz_sim_figures(&sim, id).voters, 3);
            assert_true(kz_sim_figures(&sim, id).applied_index >= last);
            nothing_is_lost(id);
        }
        kz_sim_finish(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_node_joins_is_streamed_the_ledger_and_votes),
        STORY(a_node_without_the_ledger_is_not_promoted),
        STORY(a_joiner_goes_on_after_crashes),
        STORY(a_standby_alone_leads_nothing),
        STORY(nodes_that_join_alone_found_nothing),
        STORY(a_node_that_was_away_finds_a_cluster_that_changed_altogether),
        STORY(a_removed_node_ends_and_disturbs_nobody),
        STORY(a_node_removed_while_it_was_down_ends_when_it_starts),
        STORY(a_leader_is_removed_by_its_successor),
        ALONE(the_only_voter_stays),
        ALONE(a_cluster_grows_from_one_to_five_and_shrinks_to_one),
        STORY(a_lost_node_is_refused_and_replaced),
        STORY(a_standby_that_lost_its_disk_is_refused),
        STORY(a_node_that_is_not_added_is_told_what_to_type),
        cmocka_unit_test(changes_survive_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
