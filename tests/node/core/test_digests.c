/* SPDX-License-Identifier: Apache-2.0 */
/* Silent divergence is found: digests are appended, whatever happens to leaders and links; a node
 * whose state is another's stops and says where, and without a majority all stop. The damage is a
 * bit of an application in one machine's memory. */
#include "log/digests.h"
#include "statemachine/rules/state.h"
#include "tests/node/core/serving.h"
#include "tests/simulation/sim_disk.h"

#include <stdio.h>
#include <string.h>

#define INTERVAL 10
#define LIMIT_MS 10000

static uint64_t requests;

static void lead(void)
{
    leader = kz_sim_elect(&sim, LIMIT_MS);
    assert_int_not_equal(leader, 0);
    go_to(leader);
}

static struct kz_answer ask(struct kz_entry entry)
{
    kz_sim_set_request(&entry, ++requests);
    struct kz_answer answer = kz_sim_ask(&client, &entry);
    assert_int_equal(answer.code, KZ_ANSWER_APPLIED);
    return answer;
}

static void begin(const struct kz_sim_options *options)
{
    requests = 0;
    struct kz_sim_options generous = *options;
    generous.refusals = 1000000;
    serve(&generous);
    ask(kz_sim_territory(0));
    ask(kz_sim_application(0, 1000));
    assert_true(kz_sim_converge(&sim, LIMIT_MS));
}

static int begin_three(void **state)
{
    (void)state;
    begin(&(struct kz_sim_options){.seed = 5, .nodes = 3, .digest_interval = INTERVAL});
    return 0;
}

/* Changes an application in node ID's memory, and thereby all digests after it is next touched. */
static void damage(uint64_t id, uint8_t bits)
{
    const struct kz_machine *machine = kz_core_machine(sim.nodes[id].core);
    kz_application_at(machine, 0)->child[15] ^= bits;
    sim.nodes[id].damaged = true;
}

/* Touches the damaged application. */
static void reclassify(void)
{
    struct kz_entry entry = {.type = KZ_RECLASSIFY};
    entry.reclassify.application =
        kz_application_at(kz_core_machine(sim.nodes[leader].core), 0)->number;
    entry.reclassify.category = KZ_FIRST_PRIORITY;
    assert_int_equal(ask(entry).result, KZ_RESULT_OK);
}

/* Appends until entry AT is there; every other application is refused. */
static void fill_up_to(uint64_t at)
{
    while (ask(kz_sim_application(0, 2000 + requests / 2)).index < at)
        continue;
}

static uint64_t next_point(void)
{
    uint64_t applied = kz_sim_figures(&sim, leader).last_index;
    return (applied / INTERVAL + 1) * INTERVAL;
}

static bool await_halt(uint64_t id)
{
    for (unsigned i = 0; i < LIMIT_MS && !sim.nodes[id].halted; i++)
        kz_sim_run(&sim, 1);
    return sim.nodes[id].halted;
}

static void names_entry(uint64_t id, uint64_t index)
{
    char words[64];
    snprintf(words, sizeof words, "at entry %llu ", (unsigned long long)index);
    assert_non_null(strstr(sim.nodes[id].halt.text, words));
    assert_non_null(strstr(sim.nodes[id].halt.text, "kezek-audit verify"));
    assert_int_equal(sim.nodes[id].halt.status, KZ_CORRUPT);
}

/* Runs until the digest of entry AT is an entry that node ID applied. */
static void await_digest(uint64_t id, uint64_t at)
{
    for (unsigned i = 0; i < LIMIT_MS && kz_sim_figures(&sim, id).digest_at < at; i++)
        kz_sim_run(&sim, 1);
    assert_true(kz_sim_figures(&sim, id).digest_at >= at);
}

/* ---- The digests of a whole ledger ---- */

struct found {
    unsigned points;
    unsigned digests;
    unsigned mornings; /* and publishes, among the points */
};

/* Replays node ID's ledger and judges each digest entry. */
static struct found replay(uint64_t id)
{
    const struct kz_sim_disk *disk = &sim.nodes[id].disk;
    struct kz_machine *machine = kz_machine_create(&kz_allocator_system, 1);
    struct kz_digests *digests = kz_digests_create(sim.options.digest_interval);
    struct found found = {0};
    for (uint64_t i = 0; i < disk->applied; i++) {
        struct kz_entry entry;
        struct kz_outcome outcome;
        struct kz_digest_value own;
        const struct kz_sim_entry *stored = &disk->entries[i];
        assert_int_equal(kz_record_decode(stored->record, stored->size, &entry), KZ_OK);
        assert_int_equal(kz_machine_apply(machine, i + 1, &entry, &outcome), KZ_OK);
        if (entry.type == KZ_DIGEST) {
            assert_int_equal(kz_digests_judge(digests, &entry.digest, &own), KZ_DIGEST_RIGHT);
            found.digests++;
        }
        assert_true(kz_digests_note(digests, i + 1, outcome.result));
        if (!kz_digests_is_point(digests, i + 1, entry.type, outcome.result)) continue;
        uint8_t state[KZ_ID_SIZE];
        kz_machine_digest(machine, state);
        kz_digests_note_point(digests, 1, state);
        found.points++;
        found.mornings += kz_type_is_clock(entry.type);
    }
    kz_digests_destroy(digests);
    kz_machine_destroy(machine);
    return found;
}

/* Everybody is up: each point has its digest, on each disk. */
static struct found check_all(void)
{
    assert_true(kz_sim_converge(&sim, LIMIT_MS));
    kz_sim_run(&sim, 1000); /* results are stored lazily */
    assert_true(kz_sim_converge(&sim, LIMIT_MS));
    struct found found = replay(1);
    assert_int_equal(found.digests, found.points);
    for (uint64_t id = 1; id <= sim.options.nodes; id++) {
        assert_int_equal(sim.nodes[id].disk.last, sim.nodes[1].disk.last);
        assert_int_equal(kz_sim_figures(&sim, id).digests_due, 0);
        assert_int_equal(kz_sim_figures(&sim, id).digest_differs, 0);
        assert_false(sim.nodes[id].halted);
        assert_int_equal(replay(id).digests, found.digests);
    }
    return found;
}

static void each_point_gets_its_digest(void **state)
{
    (void)state;
    begin(&(struct kz_sim_options){
        .seed = 11, .nodes = 3, .demo_rate = 2000, .digest_interval = INTERVAL});
    for (unsigned i = 0; i < 40; i++) {
        ask(kz_sim_application(0, 2000 + i));
        kz_sim_run(&sim, 3000); /* 100 minutes of its own */
    }
    struct found found = check_all();
    assert_true(found.mornings >= 4);
    assert_true(found.points >= found.mornings + 4);
}

static void a_node_alone_agrees_with_itself(void **state)
{
    (void)state;
    begin(&(struct kz_sim_options){.seed = 3, .nodes = 1, .digest_interval = INTERVAL});
    fill_up_to(45);
    assert_true(check_all().points >= 4);
}

static void no_more_than_needed_is_appended_at_rest(void **state)
{
    (void)state;
    fill_up_to(next_point());
    check_all();
    uint64_t last = sim.nodes[1].disk.last;
    kz_sim_run(&sim, 20000);
    assert_int_equal(sim.nodes[1].disk.last, last);
}

/* ---- Leaders, links and processes that come and go ---- */

static void a_new_leader_appends_what_the_old_one_did_not(void **state)
{
    (void)state;
    for (unsigned delay = 0; delay < 12; delay++) {
        fill_up_to(next_point());
        kz_sim_run(&sim, delay);
        uint64_t crashed = leader;
        kz_sim_crash(&sim, crashed);
        lead();
        ask(kz_sim_application(0, 2000 + requests));
        kz_sim_start(&sim, crashed);
        assert_true(kz_sim_converge(&sim, LIMIT_MS));
        lead();
    }
    check_all();
}

static void digests_survive_a_restart_of_all(void **state)
{
    (void)state;
    for (unsigned delay = 0; delay < 8; delay++) {
        fill_up_to(next_point());
        kz_sim_run(&sim, delay);
        for (uint64_t id = 1; id <= 3; id++)
            kz_sim_crash(&sim, id);
        kz_sim_start_all(&sim);
        lead();
    }
    check_all();
}

static void a_start_from_an_image_knows_what_came_before(void **state)
{
    (void)state;
    begin(&(struct kz_sim_options){
        .seed = 5, .nodes = 3, .digest_interval = INTERVAL, .image_every = 7});
    for (unsigned round = 0; round < 12; round++) {
        fill_up_to(next_point() - 1 - round % 4);
        kz_sim_run(&sim, 500);
        uint64_t crashed = round % 2 == 0 ? leader : leader % 3 + 1;
        kz_sim_crash(&sim, crashed);
        kz_sim_start(&sim, crashed);
        lead();
        assert_true(kz_sim_converge(&sim, LIMIT_MS));
        assert_true(round < 2 || sim.nodes[crashed].started_from > 0);
    }
    check_all();
}

static void reports_are_said_again_on_new_links(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 120; i++) {
        kz_sim_submit(&client, &(struct kz_entry){.type = KZ_WITHDRAW});
        for (unsigned j = 0; j < 3; j++) {
            if (kz_sim_random(&sim, 3) == 0) kz_sim_break_one(&sim);
            kz_sim_run(&sim, 1 + kz_sim_random(&sim, 20));
        }
        if (client.connection == NULL || kz_sim_leader(&sim) != leader) lead();
    }
    assert_true(check_all().points >= 10);
}

static void a_minority_that_is_away_stops_nobody(void **state)
{
    (void)state;
    uint64_t away = leader % 3 + 1;
    kz_sim_crash(&sim, away);
    uint64_t point = next_point();
    fill_up_to(point);
    await_digest(leader, point);
    kz_sim_start(&sim, away);
    await_digest(away, point);
    check_all();
}

/* ---- Nodes that differ ---- */

static void a_follower_that_differs_stops(void **state)
{
    (void)state;
    uint64_t other = leader % 3 + 1;
    damage(other, 1);
    reclassify();
    uint64_t point = next_point();
    fill_up_to(point);
    assert_true(await_halt(other));
    names_entry(other, point);
    await_digest(leader, point);
    assert_int_equal(kz_sim_figures(&sim, leader).digest_differs, 1);
    fill_up_to(next_point());

    kz_sim_start(&sim, other); /* the ledger was never damaged: a replay heals it */
    check_all();
}

/* It hears of no report: it stops at the entry, and what it says before is older than that. */
static void who_comes_back_stops_at_the_digest_entry(void **state)
{
    (void)state;
    uint64_t other = leader % 3 + 1;
    damage(other, 1);
    reclassify();
    kz_sim_run(&sim, 200);
    kz_sim_isolate(&sim, other);
    uint64_t point = next_point();
    fill_up_to(point);
    await_digest(leader, point);
    fill_up_to(next_point());
    uint64_t entry = point;
    while (kz_record_type(sim.nodes[leader].disk.entries[entry - 1].record) != KZ_DIGEST)
        entry++;

    static struct kz_sim_client reader;
    kz_sim_connect(&sim, &reader, other);
    kz_sim_heal(&sim);
    uint64_t reflected = 0;
    for (unsigned i = 0; i < LIMIT_MS && !sim.nodes[other].halted; i++) {
        struct kz_frame frame;
        struct kz_answer_header header;
        struct kz_reader content;
        kz_sim_query(&reader, &(struct kz_query){.what = KZ_QUERY_STATUS, .local = true});
        kz_sim_run(&sim, 1);
        while (kz_sim_take(&reader, KZ_MESSAGE_ANSWER, &frame)) {
            assert_int_equal(kz_answer_decode(&frame, &header, &content), KZ_OK);
            reflected = header.applied;
        }
    }
    assert_true(sim.nodes[other].halted);
    names_entry(other, point);
    assert_true(reflected > 0 && reflected < entry);
    kz_sim_disconnect(&reader);
}

static void change(const struct kz_change *change)
{
    struct kz_changed changed = {.code = KZ_ANSWER_UNAVAILABLE};
    for (unsigned i = 0; i < 100 && changed.code != KZ_ANSWER_APPLIED; i++) {
        assert_true(
            kz_sim_await_changed(&client, kz_sim_change(&client, change), LIMIT_MS, &changed));
        kz_sim_run(&sim, 20);
    }
    assert_int_equal(changed.code, KZ_ANSWER_APPLIED);
    assert_true(kz_sim_converge(&sim, LIMIT_MS));
}

static void a_standby_compares_and_reports_nothing(void **state)
{
    (void)state;
    begin(&(struct kz_sim_options){
        .seed = 8, .nodes = 4, .founders = 3, .digest_interval = INTERVAL});
    kz_sim_start(&sim, 4);
    change(&(struct kz_change){
        .what = KZ_CHANGE_ADD, .node = 4, .peer = {"p4:1", 4}, .client = {"c4:1", 4}});
    fill_up_to(next_point());
    check_all();
    damage(4, 1);
    reclassify();
    uint64_t point = next_point();
    fill_up_to(point);
    assert_true(await_halt(4));
    names_entry(4, point);
    assert_int_equal(kz_sim_figures(&sim, leader).digest_differs, 0);

    kz_sim_start(&sim, 4); /* two of three voters are a majority, whatever standbys there are */
    kz_sim_crash(&sim, leader % 3 + 1);
    point = next_point();
    fill_up_to(point);
    await_digest(leader, point);
}

/* Of five voters two are away and one differs: the two that agree are none until they are three. */
static void fewer_voters_may_have_a_majority(void **state)
{
    (void)state;
    begin(&(struct kz_sim_options){.seed = 6, .nodes = 5, .digest_interval = INTERVAL});
    uint64_t damaged = leader % 5 + 1;
    uint64_t away[] = {damaged % 5 + 1, (damaged + 1) % 5 + 1};
    damage(damaged, 1);
    reclassify();
    for (int i = 0; i < 2; i++)
        kz_sim_crash(&sim, away[i]);
    uint64_t point = next_point();
    fill_up_to(point);
    kz_sim_run(&sim, 1000);
    assert_true(kz_sim_figures(&sim, leader).digest_at < point);
    for (int i = 0; i < 2; i++)
        change(&(struct kz_change){.what = KZ_CHANGE_REMOVE, .node = away[i]});
    assert_true(await_halt(damaged));
    names_entry(damaged, point);
    await_digest(leader, point);
}

/* Two voters need each other's report, which is lost when the link breaks in the wrong moment. */
static void a_lost_report_is_said_again(void **state)
{
    (void)state;
    begin(&(struct kz_sim_options){
        .seed = 4, .nodes = 2, .latency_ms = 6, .digest_interval = INTERVAL});
    for (unsigned delay = 0; delay < 40; delay++) {
        lead();
        uint64_t point = next_point();
        fill_up_to(point);
        kz_sim_run(&sim, delay % 20);
        kz_sim_cut(&sim, 1, 2);
        kz_sim_run(&sim, 2);
        kz_sim_heal(&sim);
        await_digest(1, point);
        await_digest(2, point);
    }
    check_all();
}

static void a_leader_that_differs_stops_and_the_next_goes_on(void **state)
{
    (void)state;
    uint64_t old = leader;
    damage(old, 1);
    reclassify();
    uint64_t point = next_point();
    fill_up_to(point - 1);
    kz_sim_submit(&client, &(struct kz_entry){.type = KZ_WITHDRAW});
    assert_true(await_halt(old));
    names_entry(old, point);

    lead();
    assert_int_not_equal(leader, old);
    await_digest(leader, point);
    kz_sim_start(&sim, old);
    check_all();
}

static void without_a_majority_all_stop(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 3; id++)
        damage(id, (uint8_t)(1 << id));
    reclassify();
    uint64_t point = next_point();
    fill_up_to(point - 1);
    kz_sim_submit(&client, &(struct kz_entry){.type = KZ_WITHDRAW});
    for (uint64_t id = 1; id <= 3; id++) {
        assert_true(await_halt(id));
        names_entry(id, point);
        assert_non_null(strstr(sim.nodes[id].halt.text, "all stop"));
    }
    kz_sim_start_all(&sim);
    lead();
    check_all();
}

/* Two voters need each other's report; the one of who halts first may still be under way then. */
static void who_halts_first_is_heard_by_the_other(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        if (seed > 1) end(state);
        begin(&(struct kz_sim_options){
            .seed = seed, .nodes = 2, .latency_ms = 30, .digest_interval = INTERVAL});
        damage(1, 1);
        damage(2, 2);
        reclassify();
        uint64_t point = next_point();
        fill_up_to(point - 1);
        kz_sim_submit(&client, &(struct kz_entry){.type = KZ_WITHDRAW});
        for (uint64_t id = 1; id <= 2; id++) {
            assert_true(await_halt(id));
            names_entry(id, point);
        }
    }
}

/* Two that differ can not know who is wrong until the third is back. */
static void the_third_voter_decides(void **state)
{
    (void)state;
    uint64_t away = leader % 3 + 1;
    uint64_t damaged = away % 3 + 1;
    damage(damaged, 1);
    reclassify();
    kz_sim_crash(&sim, away);
    uint64_t point = next_point();
    fill_up_to(point);
    kz_sim_run(&sim, 2000);
    assert_false(sim.nodes[leader].halted || sim.nodes[damaged].halted);
    assert_true(kz_sim_figures(&sim, leader).digest_at < point);
    assert_int_equal(kz_sim_figures(&sim, leader).digest_differs, 1);
    assert_non_null(strstr(sim.nodes[leader].last_error, "digest_differs"));

    kz_sim_start(&sim, away);
    assert_true(await_halt(damaged));
    names_entry(damaged, point);
    await_digest(leader, point);
    kz_sim_start(&sim, damaged);
    check_all();
}

static void a_replay_that_differs_does_not_start(void **state)
{
    (void)state;
    uint64_t point = next_point();
    fill_up_to(point);
    check_all();
    struct kz_sim_disk *disk = &sim.nodes[2].disk;
    kz_sim_crash(&sim, 2);
    uint64_t application = 1;
    while (kz_record_type(disk->entries[application - 1].record) != KZ_APPLICATION)
        application++;
    disk->entries[application - 1].record[56] ^= 1; /* its child */
    kz_sim_disk_rewrite(disk);
    kz_sim_start(&sim, 2);
    sim.nodes[2].damaged = true;
    assert_true(await_halt(2));
    names_entry(2, point);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_point_gets_its_digest, end),
        cmocka_unit_test_teardown(a_node_alone_agrees_with_itself, end),
        cmocka_unit_test_setup_teardown(no_more_than_needed_is_appended_at_rest, begin_three, end),
        cmocka_unit_test_setup_teardown(a_new_leader_appends_what_the_old_one_did_not, begin_three,
                                        end),
        cmocka_unit_test_setup_teardown(digests_survive_a_restart_of_all, begin_three, end),
        cmocka_unit_test_teardown(a_start_from_an_image_knows_what_came_before, end),
        cmocka_unit_test_setup_teardown(reports_are_said_again_on_new_links, begin_three, end),
        cmocka_unit_test_setup_teardown(a_minority_that_is_away_stops_nobody, begin_three, end),
        cmocka_unit_test_setup_teardown(a_follower_that_differs_stops, begin_three, end),
        cmocka_unit_test_setup_teardown(who_comes_back_stops_at_the_digest_entry, begin_three, end),
        cmocka_unit_test_teardown(a_standby_compares_and_reports_nothing, end),
        cmocka_unit_test_teardown(fewer_voters_may_have_a_majority, end),
        cmocka_unit_test_teardown(a_lost_report_is_said_again, end),
        cmocka_unit_test_setup_teardown(a_leader_that_differs_stops_and_the_next_goes_on,
                                        begin_three, end),
        cmocka_unit_test_setup_teardown(without_a_majority_all_stop, begin_three, end),
        cmocka_unit_test_teardown(who_halts_first_is_heard_by_the_other, end),
        cmocka_unit_test_setup_teardown(the_third_voter_decides, begin_three, end),
        cmocka_unit_test_setup_teardown(a_replay_that_differs_does_not_start, begin_three, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
