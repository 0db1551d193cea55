/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of memberships: nodes that join, are promoted, lost, replaced, removed; leaders that are
 * moved. */
#include "node/core/bounds.h"
#include "tests/simulation/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kz_sim sim;
static uint64_t next_request;

/* What was acknowledged: the request at each index. */
static struct {
    uint64_t index;
    uint64_t request;
} acknowledged[256];
static unsigned acknowledged_count;

static int begin_with(unsigned founders)
{
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 17, .nodes = 6, .founders = founders});
    next_request = 1;
    acknowledged_count = 0;
    kz_sim_start_all(&sim);
    return kz_sim_elect(&sim, 5000) == 0 || !kz_sim_converge(&sim, 2000);
}

static int begin(void **state)
{
    (void)state;
    return begin_with(3);
}

static int begin_alone(void **state)
{
    (void)state;
    return begin_with(1);
}

static int end(void **state)
{
    (void)state;
    kz_sim_finish(&sim);
    return 0;
}

/* ---- Asking ---- */

static struct kz_change change_of(enum kz_change_what what, uint64_t node, char addresses[2][16])
{
    struct kz_change change = {.what = (uint8_t)what, .node = node};
    if (what != KZ_CHANGE_ADD) return change;
    int sizes[2] = {snprintf(addresses[0], 16, "p%u:1", (unsigned)node),
                    snprintf(addresses[1], 16, "c%u:1", (unsigned)node)};
    change.peer = (struct kz_text){addresses[0], (uint16_t)sizes[0]};
    change.client = (struct kz_text){addresses[1], (uint16_t)sizes[1]};
    return change;
}

static char sentence[KZ_CHANGE_SENTENCE_SIZE_MAX + 1];

/* Asks node AT once, and keeps the sentence. */
static struct kz_changed ask_as(uint32_t actor, uint64_t at, enum kz_change_what what,
                                uint64_t node)
{
    char addresses[2][16];
    struct kz_change change = change_of(what, node, addresses);
    struct kz_sim_client client;
    struct kz_changed changed;
    change.actor = actor;
    kz_sim_connect(&sim, &client, at);
    bool came = kz_sim_await_changed(&client, kz_sim_change(&client, &change), 5000, &changed);
    assert_true(came);
    snprintf(sentence, sizeof(sentence), "%.*s", (int)changed.sentence.size,
             changed.sentence.bytes);
    changed.sentence.size = 0;
    kz_sim_disconnect(&client);
    return changed;
}

static struct kz_changed ask(uint64_t at, enum kz_change_what what, uint64_t node)
{
    return ask_as(0, at, what, node);
}

/* Asks whoever leads, again and again, as a client does, until it holds or is refused. */
static struct kz_changed insist(enum kz_change_what what, uint64_t node)
{
    struct kz_changed changed = {.code = KZ_ANSWER_UNAVAILABLE};
    for (uint64_t end_ms = sim.now_ms + 20000; sim.now_ms < end_ms;) {
        uint64_t leader = kz_sim_elect(&sim, 5000);
        assert_int_not_equal(leader, 0);
        changed = ask(leader, what, node);
        if (changed.code == KZ_ANSWER_APPLIED || changed.code == KZ_ANSWER_REFUSED) break;
        kz_sim_run(&sim, 20);
    }
    return changed;
}

static void change(enum kz_change_what what, uint64_t node)
{
    struct kz_changed changed = insist(what, node);
    if (changed.code != KZ_ANSWER_APPLIED) fail_msg("%d of node %d: %s", what, (int)node, sentence);
}

/* Starts NODE, adds it and makes it a voter. */
static void join(uint64_t node)
{
    if (sim.nodes[node].core == NULL) kz_sim_start(&sim, node);
    change(KZ_CHANGE_ADD, node);
    change(KZ_CHANGE_PROMOTE, node);
}

/* Appends COUNT entries, all of which are acknowledged. Returns: the last one's index. */
static uint64_t fill(unsigned count)
{
    struct kz_answer answer = {0};
    for (unsigned i = 0; i < count; i++) {
        struct kz_sim_client client;
        uint64_t request = 100 + next_request++;
        struct kz_entry entry =
            request == 101 ? kz_sim_territory(request) : kz_sim_application(request, request);
        do {
            uint64_t leader = kz_sim_elect(&sim, 5000);
            assert_int_not_equal(leader, 0);
            kz_sim_connect(&sim, &client, leader);
            answer = kz_sim_ask(&client, &entry);
            kz_sim_disconnect(&client);
        } while (answer.code != KZ_ANSWER_APPLIED && answer.code != KZ_ANSWER_REPEATED);
        assert_int_equal(answer.result, KZ_RESULT_OK);
        if (acknowledged_count == sizeof(acknowledged) / sizeof(acknowledged[0])) continue;
        acknowledged[acknowledged_count].index = answer.index;
        acknowledged[acknowledged_count++].request = request;
    }
    return answer.index;
}

/* Each acknowledged entry is at its index on NODE's disk. */
static void nothing_is_lost(uint64_t node)
{
    const struct kz_sim_disk *disk = &sim.nodes[node].disk;
    for (unsigned i = 0; i < acknowledged_count; i++) {
        struct kz_entry entry;
        assert_true(acknowledged[i].index <= disk->last);
        const struct kz_sim_entry *stored = &disk->entries[acknowledged[i].index - 1];
        assert_int_equal(kz_record_decode(stored->record, stored->size, &entry), KZ_OK);
        assert_memory_equal(entry.request, &acknowledged[i].request, sizeof(uint64_t));
    }
}

static uint64_t follower(void)
{
    return kz_sim_leader(&sim) == 1 ? 2 : 1;
}

static bool has_halted(uint64_t node, uint64_t limit_ms)
{
    for (uint64_t i = 0; i < limit_ms && !sim.nodes[node].halted; i++)
        kz_sim_run(&sim, 1);
    return sim.nodes[node].halted;
}

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
 * last.
 */
static void changes_survive_faults(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        kz_sim_init(&sim, &(struct kz_sim_options){
                              .seed = seed, .nodes = 6, .founders = 3, .latency_ms = 8});
        next_request = 1;
        acknowledged_count = 0;
        kz_sim_start_all(&sim);
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

#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define ALONE(name) cmocka_unit_test_setup_teardown(name, begin_alone, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_node_joins_is_streamed_the_ledger_and_votes),
        STORY(a_node_without_the_ledger_is_not_promoted),
        STORY(a_joiner_goes_on_after_crashes),
        STORY(a_standby_alone_leads_nothing),
        STORY(nodes_that_join_alone_found_nothing),
        STORY(a_node_that_was_away_finds_a_cluster_that_changed_altogether),
        STORY(what_can_not_be_is_refused_with_a_sentence),
        STORY(addresses_and_numbers_are_given_once),
        STORY(only_an_operator_changes_members_once_there_are_actors),
        STORY(a_repeat_of_what_holds_is_done_and_appends_nothing),
        STORY(a_second_change_waits_for_the_first),
        STORY(more_changes_than_are_taken_are_told_to_come_back),
        STORY(a_leader_that_committed_nothing_changes_nothing),
        STORY(a_change_of_a_leader_cut_off_is_unknown_and_rolled_back),
        STORY(a_removed_node_ends_and_disturbs_nobody),
        STORY(a_node_removed_while_it_was_down_ends_when_it_starts),
        STORY(a_leader_is_removed_by_its_successor),
        ALONE(the_only_voter_stays),
        ALONE(a_cluster_grows_from_one_to_five_and_shrinks_to_one),
        STORY(leadership_moves_to_the_voter_that_is_named),
        STORY(leadership_does_not_move_to_a_node_that_is_down),
        STORY(a_successor_that_vanishes_leaves_the_leader_where_it_was),
        STORY(a_lost_node_is_refused_and_replaced),
        STORY(a_standby_that_lost_its_disk_is_refused),
        STORY(a_node_that_is_not_added_is_told_what_to_type),
        STORY(members_are_told_with_their_progress),
        cmocka_unit_test(changes_survive_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
