/* SPDX-License-Identifier: Apache-2.0 */
/* CHANGE: what is refused, what waits, what a change of the leader leaves, what is told. */
#include "tests/node/core/changing.h"

#include "node/core/bounds.h"

#include <stdio.h>
#include <string.h>

/* ---- What is refused ---- */

static void what_can_not_be_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        enum kz_change_what what;
        uint64_t node;
        enum kz_reason reason;
        const char *said;
    } cases[] = {
        {KZ_CHANGE_PROMOTE, 6, KZ_REASON_NO_MEMBER, ""},
        {KZ_CHANGE_LEADER, 6, KZ_REASON_NO_MEMBER, ""},
        {KZ_CHANGE_LEADER, 4, KZ_REASON_MEMBERS, "node 4 does not vote: promote it first"},
    };
    kz_sim_start(&sim, 4);
    change(KZ_CHANGE_ADD, 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kz_changed changed = insist(cases[i].what, cases[i].node);
        assert_int_equal(changed.code, KZ_ANSWER_REFUSED);
        assert_int_equal(changed.reason, cases[i].reason);
        assert_string_equal(sentence, cases[i].said);
    }
}

static void addresses_and_numbers_are_given_once(void **state)
{
    (void)state;
    struct kz_sim_client client;
    struct kz_changed changed;
    uint64_t leader = kz_sim_leader(&sim);
    const struct kz_text p1 = {"p1:1", 4};
    const struct kz_text c1 = {"c1:1", 4};
    const struct kz_text own = {"x:1", 3};
    const struct kz_change cases[] = {
        {KZ_CHANGE_ADD, 0, 4, p1, own},
        {KZ_CHANGE_ADD, 0, 4, own, c1},
        {KZ_CHANGE_ADD, 0, 1, own, own},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kz_sim_connect(&sim, &client, leader);
        assert_true(
            kz_sim_await_changed(&client, kz_sim_change(&client, &cases[i]), 5000, &changed));
        assert_int_equal(changed.code, KZ_ANSWER_REFUSED);
        assert_int_equal(changed.reason, KZ_REASON_MEMBERS);
        assert_true(changed.sentence.size > 0);
        assert_memory_equal(changed.sentence.bytes, "node 1 is a member already", 26);
        kz_sim_disconnect(&client);
    }
    change(KZ_CHANGE_ADD, 5);
    change(KZ_CHANGE_REMOVE, 5);
    for (uint64_t id = 4; id <= 5; id++) {
        assert_int_equal(insist(KZ_CHANGE_ADD, id).code, KZ_ANSWER_REFUSED);
        assert_non_null(strstr(sentence, "at least 6"));
    }
    change(KZ_CHANGE_ADD, 6);
}

static void only_an_operator_changes_members_once_there_are_actors(void **state)
{
    (void)state;
    struct kz_sim_client client;
    uint64_t leader = kz_sim_leader(&sim);
    assert_int_equal(ask_as(77, leader, KZ_CHANGE_ADD, 4).code, KZ_ANSWER_APPLIED);

    kz_sim_connect(&sim, &client, leader);
    struct kz_entry first = kz_sim_actor(1, 1, KZ_ADMINISTRATOR);
    assert_int_equal(kz_sim_ask(&client, &first).result, KZ_RESULT_OK);
    struct kz_entry operator_entry = kz_sim_actor(2, 9, KZ_OPERATOR);
    operator_entry.actor = 1;
    assert_int_equal(kz_sim_ask(&client, &operator_entry).result, KZ_RESULT_OK);
    kz_sim_disconnect(&client);

    for (uint32_t actor = 0; actor <= 9; actor++) {
        struct kz_changed changed = ask_as(actor, leader, KZ_CHANGE_REMOVE, 4);
        assert_int_equal(changed.code, actor == 9 ? KZ_ANSWER_APPLIED : KZ_ANSWER_REFUSED);
        if (actor != 9) assert_int_equal(changed.result, KZ_RESULT_NOT_ALLOWED);
    }
}

static void a_repeat_of_what_holds_is_done_and_appends_nothing(void **state)
{
    (void)state;
    join(4);
    change(KZ_CHANGE_REMOVE, 4);
    kz_sim_start(&sim, 5);
    change(KZ_CHANGE_ADD, 5);
    uint64_t leader = kz_sim_leader(&sim);
    uint64_t last = kz_sim_figures(&sim, leader).last_index;
    const struct {
        enum kz_change_what what;
        uint64_t node;
    } holds[] = {{KZ_CHANGE_ADD, 5},
                 {KZ_CHANGE_ADD, 1},
                 {KZ_CHANGE_REMOVE, 4},
                 {KZ_CHANGE_PROMOTE, 2},
                 {KZ_CHANGE_LEADER, leader}};
    for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
        struct kz_changed changed = ask(leader, holds[i].what, holds[i].node);
        assert_int_equal(changed.code, KZ_ANSWER_APPLIED);
        assert_int_equal(changed.leader, leader);
        assert_int_equal(changed.index, holds[i].what == KZ_CHANGE_LEADER ? 0 : last);
    }
    assert_int_equal(kz_sim_figures(&sim, leader).last_index, last);
}

/* ---- One at a time ---- */

static void a_second_change_waits_for_the_first(void **state)
{
    (void)state;
    char addresses[2][2][16];
    struct kz_sim_client client;
    struct kz_changed changed;
    kz_sim_connect(&sim, &client, kz_sim_leader(&sim));
    kz_sim_run(&sim, 10);
    struct kz_change four = change_of(KZ_CHANGE_ADD, 4, addresses[0]);
    struct kz_change five = change_of(KZ_CHANGE_ADD, 5, addresses[1]);
    uint64_t first = kz_sim_change(&client, &four);
    uint64_t second = kz_sim_change(&client, &five);
    uint64_t repeat = kz_sim_change(&client, &four);
    assert_true(kz_sim_await_changed(&client, second, 1000, &changed));
    assert_int_equal(changed.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(changed.reason, KZ_REASON_CHANGING);
    assert_true(kz_sim_await_changed(&client, first, 1000, &changed));
    assert_int_equal(changed.code, KZ_ANSWER_APPLIED);
    uint64_t index = changed.index;
    assert_true(kz_sim_await_changed(&client, repeat, 1000, &changed));
    assert_int_equal(changed.code, KZ_ANSWER_APPLIED);
    assert_int_equal(changed.index, index);
    kz_sim_disconnect(&client);
}

static void more_changes_than_are_taken_are_told_to_come_back(void **state)
{
    (void)state;
    uint8_t bytes[(KZ_CHANGES_MAX + 1) * KZ_CHANGE_FRAME_SIZE_MAX];
    char addresses[2][16];
    struct kz_sim_client client;
    struct kz_changed changed;
    struct kz_frame frame;
    unsigned busy = 0;
    unsigned done = 0;
    kz_sim_connect(&sim, &client, kz_sim_leader(&sim));
    kz_sim_run(&sim, 10);
    struct kz_change change = change_of(KZ_CHANGE_ADD, 4, addresses);
    for (unsigned round = 0; round < 2; round++) { /* in one step; and while others wait */
        struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
        for (unsigned i = 0; i < KZ_CHANGES_MAX + 1; i++)
            kz_change_encode(&writer, i, &change);
        kz_sim_send(&client, &writer);
    }
    for (unsigned ms = 0; ms < 500; ms++) {
        kz_sim_run(&sim, 1);
        while (kz_sim_take(&client, KZ_MESSAGE_CHANGED, &frame)) {
            assert_int_equal(kz_changed_decode(&frame, &changed), KZ_OK);
            done += changed.code == KZ_ANSWER_APPLIED;
            busy += changed.code == KZ_ANSWER_BUSY && changed.reason == KZ_REASON_PENDING;
        }
    }
    assert_int_equal(done + busy, 2 * (KZ_CHANGES_MAX + 1));
    assert_true(done >= KZ_CHANGES_MAX && busy >= 2);
    kz_sim_disconnect(&client);
}

/* RAFT's single-server hole: a leader that has committed nothing of its own term yet. */
static void a_leader_that_committed_nothing_changes_nothing(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        uint64_t old = kz_sim_leader(&sim);
        kz_sim_crash(&sim, old);
        for (unsigned i = 0; i < 5000 && kz_sim_leader(&sim) == 0; i++)
            kz_sim_run(&sim, 1);
        uint64_t leader = kz_sim_leader(&sim);
        uint64_t last = kz_sim_figures(&sim, leader).last_index;
        kz_sim_isolate(&sim, leader);
        struct kz_changed changed = ask(leader, KZ_CHANGE_ADD, 4);
        assert_int_equal(changed.code, KZ_ANSWER_UNAVAILABLE);
        assert_int_equal(changed.reason, KZ_REASON_STARTING);
        assert_true(kz_sim_figures(&sim, leader).last_index <= last + 1);
        kz_sim_heal(&sim);
        kz_sim_start(&sim, old);
        assert_int_not_equal(kz_sim_elect(&sim, 5000), 0);
    }
    join(4);
}

static void a_change_of_a_leader_cut_off_is_unknown_and_rolled_back(void **state)
{
    (void)state;
    char addresses[2][16];
    struct kz_sim_client client;
    struct kz_changed changed;
    fill(5);
    uint64_t old = kz_sim_leader(&sim);
    uint64_t removed = follower();
    kz_sim_connect(&sim, &client, old);
    kz_sim_run(&sim, 10);
    kz_sim_isolate(&sim, old);
    struct kz_change change = change_of(KZ_CHANGE_REMOVE, removed, addresses);
    uint64_t tag = kz_sim_change(&client, &change);
    assert_true(kz_sim_await_changed(&client, tag, 5000, &changed));
    assert_int_equal(changed.code, KZ_ANSWER_UNKNOWN);
    kz_sim_disconnect(&client);
    assert_int_equal(kz_sim_figures(&sim, old).voters, 2); /* appended there, and nowhere else */

    fill(1); /* the others go on without it */
    kz_sim_run(&sim, 100);
    kz_sim_crash(&sim,
                 6 - old - removed); /* what is left needs the old leader, and it the removed */
    kz_sim_heal(&sim);
    fill(2);
    assert_int_equal(kz_sim_figures(&sim, old).voters, 3);
    assert_false(sim.nodes[removed].halted);
}

/* ---- Leadership ---- */

static void leadership_moves_to_the_voter_that_is_named(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        uint64_t target = 1 + round % 3;
        uint64_t leader = kz_sim_leader(&sim);
        struct kz_changed changed = ask(leader, KZ_CHANGE_LEADER, target);
        assert_int_equal(changed.code, KZ_ANSWER_APPLIED);
        assert_int_equal(changed.leader, target);
        assert_int_equal(kz_sim_elect(&sim, 5000), target);
        fill(2);
    }
}

static void leadership_does_not_move_to_a_node_that_is_down(void **state)
{
    (void)state;
    uint64_t leader = kz_sim_leader(&sim);
    uint64_t down = follower();
    kz_sim_isolate(&sim, down);
    struct kz_changed changed = ask(leader, KZ_CHANGE_LEADER, down);
    assert_int_equal(changed.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(changed.reason, KZ_REASON_BEHIND);
    assert_int_equal(kz_sim_elect(&sim, 5000), leader);
}

static void a_successor_that_vanishes_leaves_the_leader_where_it_was(void **state)
{
    (void)state;
    char addresses[2][16];
    struct kz_sim_client client;
    struct kz_changed changed;
    uint64_t leader = kz_sim_leader(&sim);
    uint64_t target = follower();
    kz_sim_connect(&sim, &client, leader);
    kz_sim_run(&sim, 10);
    struct kz_change change = change_of(KZ_CHANGE_LEADER, target, addresses);
    uint64_t tag = kz_sim_change(&client, &change);
    kz_sim_run(&sim, 1);
    kz_sim_crash(&sim, target);
    assert_true(kz_sim_await_changed(&client, tag, 2000, &changed));
    assert_int_equal(changed.code, KZ_ANSWER_UNAVAILABLE);
    kz_sim_disconnect(&client);
    fill(2);
}

/* ---- What is told of members ---- */

static void members_are_told_with_their_progress(void **state)
{
    (void)state;
    fill(5);
    kz_sim_start(&sim, 4);
    change(KZ_CHANGE_ADD, 4);
    assert_true(kz_sim_converge(&sim, 2000));
    uint64_t leader = kz_sim_leader(&sim);
    uint64_t down = follower();
    kz_sim_crash(&sim, down);
    kz_sim_run(&sim, 50);

    struct kz_sim_client client;
    struct kz_answer_header header;
    struct kz_reader reader;
    struct kz_members_content content;
    const struct kz_query query = {.what = KZ_QUERY_MEMBERS};
    kz_sim_connect(&sim, &client, leader);
    uint64_t tag = kz_sim_query(&client, &query);
    assert_true(kz_sim_await_answer(&client, tag, 2000, &header, &reader));
    kz_members_content_read(&reader, &content);
    assert_true(kz_reader_done(&reader));
    assert_int_equal(content.count, 4);
    assert_int_equal(content.leader, leader);
    assert_int_equal(content.node, leader);
    for (unsigned i = 0; i < 4; i++) {
        const struct kz_member_content *member = &content.members[i];
        assert_int_equal(member->member.id, i + 1);
        assert_int_equal(member->member.role, i < 3 ? KZ_VOTER : KZ_STANDBY);
        assert_int_equal(member->connected, member->member.id != down);
        assert_int_equal(member->match, content.last_index);
        char client_address[16];
        snprintf(client_address, sizeof(client_address), "c%u:1", i + 1);
        assert_memory_equal(member->member.client.bytes, client_address, 4);
    }
    kz_sim_disconnect(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_can_not_be_is_refused_with_a_sentence),
        STORY(addresses_and_numbers_are_given_once),
        STORY(only_an_operator_changes_members_once_there_are_actors),
        STORY(a_repeat_of_what_holds_is_done_and_appends_nothing),
        STORY(a_second_change_waits_for_the_first),
        STORY(more_changes_than_are_taken_are_told_to_come_back),
        STORY(a_leader_that_committed_nothing_changes_nothing),
        STORY(a_change_of_a_leader_cut_off_is_unknown_and_rolled_back),
        STORY(leadership_moves_to_the_voter_that_is_named),
        STORY(leadership_does_not_move_to_a_node_that_is_down),
        STORY(a_successor_that_vanishes_leaves_the_leader_where_it_was),
        STORY(members_are_told_with_their_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
