/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that have no place in their actor's window: pipelines, hostile and honest. */
#include "node/core/bounds.h"
#include "tests/node/core/serving.h"

#include <stdio.h>
#include <string.h>

#define REFUSALS    10 /* the budget, and so the first window */
#define PER_SUBMIT  100
#define COMMANDS    1000 /* of a pipeline */
#define CONNECTIONS 3
#define ANSWER_MS   3000
#define NO_REQUEST  0
#define LARGE_FIT   (KZ_PENDING_HELD_SIZE / KZ_CLIENT_FRAME_SIZE_MAX) /* SUBMITs that are held */

/* A client that says many commands before it hears of the first. */
struct pipeline {
    struct kz_sim_client client;
    struct kz_answer answers[COMMANDS];
    bool answered[COMMANDS];
    unsigned said;
    unsigned heard;
};

static struct pipeline pipelines[CONNECTIONS];

static void begin_with(uint32_t pending_max)
{
    memset(pipelines, 0, sizeof(pipelines));
    serve(&(struct kz_sim_options){
        .seed = 3, .nodes = 3, .refusals = REFUSALS, .pending_max = pending_max});
    for (unsigned i = 0; i < CONNECTIONS; i++)
        kz_sim_connect(&sim, &pipelines[i].client, leader);
    struct kz_entry territory = kz_sim_territory(1);
    assert_int_equal(kz_sim_ask(&client, &territory).result, KZ_RESULT_OK);
}

static int begin(void **state)
{
    (void)state;
    begin_with(0);
    return 0;
}

static int end_pipelines(void **state)
{
    for (unsigned i = 0; i < CONNECTIONS; i++)
        kz_sim_disconnect(&pipelines[i].client);
    return end(state);
}

/* ---- Pipelines ---- */

/* Refused by the rules: there is no such territory. */
static struct kz_entry refused_command(void)
{
    struct kz_entry entry = kz_sim_application(NO_REQUEST, 1);
    entry.application.territory = 9;
    return entry;
}

static void say(struct pipeline *pipeline, const struct kz_entry *entries, unsigned count)
{
    static uint8_t bytes[KZ_CLIENT_FRAME_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    struct kz_submit_writer submit;
    kz_submit_begin(&submit, &writer);
    for (unsigned i = 0; i < count; i++) {
        uint8_t record[KZ_RECORD_SIZE_MAX];
        size_t size = kz_record_encode(&entries[i], record, sizeof(record));
        assert_true(kz_submit_add(&submit, record, size));
    }
    kz_submit_finish(&submit, pipeline->said);
    kz_sim_send(&pipeline->client, &writer);
    pipeline->said += count;
    assert_true(pipeline->said <= COMMANDS);
}

/* Says COUNT times the same. */
static void say_often(struct pipeline *pipeline, const struct kz_entry *entry, unsigned count)
{
    struct kz_entry entries[PER_SUBMIT];
    for (unsigned i = 0; i < PER_SUBMIT; i++)
        entries[i] = *entry;
    for (unsigned left = count; left > 0;) {
        unsigned now = left < PER_SUBMIT ? left : PER_SUBMIT;
        say(pipeline, entries, now);
        left -= now;
    }
}

/* Says COUNT applications of ACTOR, of children and with request ids from FIRST on. */
static void apply(struct pipeline *pipeline, uint64_t first, unsigned count, uint32_t actor)
{
    struct kz_entry entries[PER_SUBMIT];
    for (unsigned done = 0; done < count;) {
        unsigned now = 0;
        for (; now < PER_SUBMIT && done < count; now++, done++) {
            entries[now] = kz_sim_application(first + done, first + done);
            entries[now].actor = actor;
        }
        say(pipeline, entries, now);
    }
}

static void hear(struct pipeline *pipeline)
{
    struct kz_frame frame;
    while (kz_sim_take(&pipeline->client, KZ_MESSAGE_RESULTS, &frame)) {
        struct kz_answer answers[KZ_COMMANDS_MAX];
        uint16_t count;
        assert_int_equal(kz_results_decode(&frame, answers, KZ_COMMANDS_MAX, &count), KZ_OK);
        for (uint64_t i = 0; i < count; i++) {
            assert_false(pipeline->answered[frame.tag + i]);
            pipeline->answers[frame.tag + i] = answers[i];
            pipeline->answered[frame.tag + i] = true;
        }
        pipeline->heard += count;
    }
}

static bool all_heard(void)
{
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (pipelines[i].heard < pipelines[i].said) return false;
    return true;
}

/* Runs until all is answered, which has to come. */
static void hear_all(void)
{
    for (unsigned ms = 0; ms < ANSWER_MS && !all_heard(); ms++) {
        kz_sim_run(&sim, 1);
        for (unsigned i = 0; i < CONNECTIONS; i++)
            hear(&pipelines[i]);
    }
    assert_true(all_heard());
}

static unsigned answered_with(enum kz_answer_code code, enum kz_reason reason)
{
    unsigned count = 0;
    for (unsigned p = 0; p < CONNECTIONS; p++) {
        for (unsigned i = 0; i < pipelines[p].said; i++) {
            const struct kz_answer *answer = &pipelines[p].answers[i];
            count += pipelines[p].answered[i] && answer->code == code && answer->reason == reason;
        }
    }
    return count;
}

static unsigned appended(void)
{
    return answered_with(KZ_ANSWER_APPLIED, KZ_REASON_NONE);
}

/* Commands FROM … TO − 1 of PIPELINE were accepted, in their order. */
static void assert_accepted_in_order(const struct pipeline *pipeline, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        assert_int_equal(pipeline->answers[i].code, KZ_ANSWER_APPLIED);
        assert_int_equal(pipeline->answers[i].result, KZ_RESULT_OK);
        if (i > from) assert_true(pipeline->answers[i].index > pipeline->answers[i - 1].index);
    }
}

/* Returns: how many entries of the ledger were refused by the rules, as node LEADER has them. */
static unsigned refused_entries(void)
{
    assert_true(kz_sim_converge(&sim, 3000));
    kz_sim_run(&sim, 500); /* results are stored lazily */
    const struct kz_sim_disk *disk = &sim.nodes[leader].disk;
    unsigned refused = 0;
    for (uint64_t i = 0; i < disk->applied; i++)
        refused += disk->results[i] != KZ_RESULT_OK;
    return refused;
}

/* Actor 1 is the administrator, 2 and 3 are portals. */
static void make_actors(void)
{
    struct kz_entry administrator = kz_sim_actor(2, 1, KZ_ADMINISTRATOR);
    assert_int_equal(kz_sim_ask(&client, &administrator).result, KZ_RESULT_OK);
    for (uint32_t number = 2; number <= 3; number++) {
        struct kz_entry portal = kz_sim_actor(1 + number, number, KZ_PORTAL);
        portal.actor = 1;
        assert_int_equal(kz_sim_ask(&client, &portal).result, KZ_RESULT_OK);
    }
}

/* ---- Hostile ---- */

static void a_pipeline_that_adds_nothing_valid_stays_within_the_budget(void **state)
{
    (void)state;
    make_actors(); /* with a credit of three for actors 0 and 1 alone */
    struct kz_entry entry = refused_command();
    entry.actor = 2;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        say_often(&pipelines[i], &entry, COMMANDS);
    hear_all();
    assert_int_equal(appended(), REFUSALS);
    assert_int_equal(answered_with(KZ_ANSWER_BUSY, KZ_REASON_BUDGET),
                     CONNECTIONS * COMMANDS - REFUSALS);
    assert_int_equal(refused_entries(), REFUSALS);
}

static void made_up_actors_share_one_window(void **state)
{
    (void)state;
    struct kz_entry entry = refused_command();
    for (unsigned i = 0; i < COMMANDS; i++) {
        entry.actor = 1000 + i;
        say(&pipelines[0], &entry, 1);
    }
    hear_all();
    assert_int_equal(appended(), REFUSALS + 1); /* the territory was accepted of one of them */
}

static void what_was_accepted_is_all_that_may_be_refused_beyond_the_budget(void **state)
{
    (void)state;
    struct kz_entry entry = refused_command();
    apply(&pipelines[0], 10, 200, 0);
    hear_all();
    say_often(&pipelines[1], &entry, COMMANDS);
    hear_all();
    assert_int_equal(refused_entries(), REFUSALS + 1 + 200);

    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_BUSY);
    kz_sim_run(&sim, 60000); /* and all of it has to be waited for */
    assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_BUSY);
}

/* ---- Honest ---- */

static void an_honest_pipeline_is_appended_whole_and_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        apply(&pipelines[i], 10 + i * COMMANDS, COMMANDS, 0);
    hear_all();
    for (unsigned i = 0; i < CONNECTIONS; i++)
        assert_accepted_in_order(&pipelines[i], 0, COMMANDS);
}

static void another_actor_keeps_its_place_behind_what_its_connection_has_held(void **state)
{
    (void)state;
    make_actors();
    apply(&pipelines[0], 1000, 150, 2);
    apply(&pipelines[0], 2000, 1, 3);
    apply(&pipelines[0], 3000, 150, 2);
    hear_all();
    assert_accepted_in_order(&pipelines[0], 0, 301);
}

static void another_connection_does_not_wait_for_what_is_held(void **state)
{
    (void)state;
    make_actors();
    apply(&pipelines[0], 1000, COMMANDS, 2);
    apply(&pipelines[1], 3000, 1, 3);
    hear_all();
    assert_accepted_in_order(&pipelines[0], 0, COMMANDS);
    assert_accepted_in_order(&pipelines[1], 0, 1);
    assert_true(pipelines[1].answers[0].index < pipelines[0].answers[COMMANDS / 2].index);
}

static void a_repeat_of_what_is_held_acts_once(void **state)
{
    (void)state;
    apply(&pipelines[0], 1000, COMMANDS, 0);
    apply(&pipelines[1], 1000, COMMANDS, 0);
    hear_all();
    assert_int_equal(appended(), COMMANDS);
    for (unsigned i = 0; i < COMMANDS; i++)
        assert_int_equal(pipelines[0].answers[i].index, pipelines[1].answers[i].index);
}

/* ---- Ends ---- */

/* At most a window was appended, or perhaps; the others, of REASON or at another leader, were not.
 */
static void assert_held_was_not_appended(enum kz_reason reason)
{
    unsigned unknown = answered_with(KZ_ANSWER_UNKNOWN, KZ_REASON_NONE);
    unsigned unavailable = answered_with(KZ_ANSWER_UNAVAILABLE, reason);
    unsigned moved = answered_with(KZ_ANSWER_NOT_LEADER, KZ_REASON_NONE);
    assert_in_range(unknown, 0, REFUSALS + 1);
    assert_int_equal(appended() + unknown + unavailable + moved, COMMANDS);
    assert_true(unavailable + moved >= COMMANDS - REFUSALS - 1);
}

static void a_leader_that_is_cut_off_says_that_what_it_held_was_not_appended(void **state)
{
    (void)state;
    kz_sim_isolate(&sim, leader);
    apply(&pipelines[0], 1000, COMMANDS, 0);
    hear_all();
    assert_held_was_not_appended(KZ_REASON_NO_LEADER);
    kz_sim_heal(&sim);
    assert_true(kz_sim_converge(&sim, 3000));
    assert_true(kz_sim_figures(&sim, leader).last_index < 50);
}

static void a_stopping_leader_answers_what_it_held(void **state)
{
    (void)state;
    apply(&pipelines[0], 1000, COMMANDS, 0);
    for (unsigned ms = 0; ms < 100 && kz_sim_figures(&sim, leader).pending_commands == 0; ms++)
        kz_sim_run(&sim, 1);
    kz_sim_stop(&sim, leader);
    hear_all();
    unsigned turned_away = answered_with(KZ_ANSWER_UNAVAILABLE, KZ_REASON_STOPPING);
    assert_true(turned_away > 0);
    assert_int_equal(appended() + turned_away, COMMANDS);
    kz_sim_run(&sim, 2000);
    assert_true(sim.nodes[leader].stopped);
}

static void a_node_that_ends_forgets_what_it_held(void **state)
{
    (void)state;
    kz_sim_isolate(&sim, leader);
    apply(&pipelines[0], 1000, COMMANDS, 0);
    kz_sim_run(&sim, 20);
    assert_int_equal(kz_sim_figures(&sim, leader).pending_commands, COMMANDS);
    kz_sim_crash(&sim, leader); /* a leak is a sanitizer's to find */
}

static void what_a_lost_connection_has_held_is_dropped(void **state)
{
    (void)state;
    kz_sim_isolate(&sim, leader);
    apply(&pipelines[0], 1000, COMMANDS, 0);
    apply(&pipelines[1], 3000, COMMANDS, 0);
    kz_sim_run(&sim, 20);
    assert_int_equal(kz_sim_figures(&sim, leader).pending_commands, 2 * COMMANDS);
    kz_sim_disconnect(&pipelines[0].client);
    kz_sim_run(&sim, 20);
    assert_int_equal(kz_sim_figures(&sim, leader).pending_commands, COMMANDS + REFUSALS + 1);
}

/* ---- Bounds ---- */

static void what_is_held_counts_against_the_bound_in_flight(void **state)
{
    (void)state;
    end_pipelines(state);
    begin_with(250);
    apply(&pipelines[0], 1000, COMMANDS, 0);
    for (unsigned ms = 0; ms < ANSWER_MS && !all_heard(); ms++) {
        kz_sim_run(&sim, 1);
        hear(&pipelines[0]);
        assert_true(kz_sim_figures(&sim, leader).pending_commands <= 250);
    }
    assert_true(all_heard());
    assert_int_equal(appended(), 200); /* SUBMITs are held whole */
    assert_int_equal(answered_with(KZ_ANSWER_BUSY, KZ_REASON_PENDING), COMMANDS - 200);
}

/* A SUBMIT of one record of nearly 64 KiB, which is none. */
static void say_large(struct pipeline *pipeline)
{
    static uint8_t bytes[KZ_CLIENT_FRAME_SIZE_MAX];
    uint32_t body_size = sizeof(bytes) - KZ_FRAME_HEADER_SIZE;
    memset(bytes, 0, sizeof(bytes));
    kz_put_u16(bytes + KZ_FRAME_HEADER_SIZE, 1);
    kz_put_u16(bytes + KZ_FRAME_HEADER_SIZE + 4, (uint16_t)(body_size - 6));
    kz_frame_seal(bytes, KZ_MESSAGE_SUBMIT, pipeline->said++, body_size);
    struct kz_writer writer = kz_writer_init(bytes, sizeof(bytes));
    kz_write_room(&writer, sizeof(bytes));
    kz_sim_send(&pipeline->client, &writer);
}

/* Has COUNT of them held behind a window that is full, by a leader that is cut off. */
static void say_large_behind_a_window(struct pipeline *pipeline, uint64_t first, unsigned count)
{
    apply(pipeline, first, PER_SUBMIT, 0);
    for (unsigned i = 0; i < count; i++)
        say_large(pipeline);
}

static void the_bytes_that_are_held_are_bounded(void **state)
{
    (void)state;
    kz_sim_isolate(&sim, leader);
    say_large_behind_a_window(&pipelines[0], 1000, 2 * LARGE_FIT);
    hear_all();
    unsigned busy = answered_with(KZ_ANSWER_BUSY, KZ_REASON_PENDING);
    assert_in_range(busy, LARGE_FIT - 2, LARGE_FIT + 2);
}

static void bytes_that_are_held_no_more_are_room(void **state)
{
    (void)state;
    kz_sim_isolate(&sim, leader);
    say_large_behind_a_window(&pipelines[0], 1000, LARGE_FIT - 2);
    kz_sim_run(&sim, 20);
    assert_int_equal(kz_sim_figures(&sim, leader).pending_commands, PER_SUBMIT + LARGE_FIT - 2);
    kz_sim_disconnect(&pipelines[0].client);
    pipelines[0].said = 0; /* nobody waits for its answers */
    kz_sim_run(&sim, 20);
    say_large_behind_a_window(&pipelines[1], 3000, LARGE_FIT - 2);
    hear_all();
    assert_int_equal(answered_with(KZ_ANSWER_BUSY, KZ_REASON_PENDING), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pipeline_that_adds_nothing_valid_stays_within_the_budget,
                                        begin, end_pipelines),
        cmocka_unit_test_setup_teardown(made_up_actors_share_one_window, begin, end_pipelines),
        cmocka_unit_test_setup_teardown(
            what_was_accepted_is_all_that_may_be_refused_beyond_the_budget, begin, end_pipelines),
        cmocka_unit_test_setup_teardown(an_honest_pipeline_is_appended_whole_and_in_order, begin,
                                        end_pipelines),
        cmocka_unit_test_setup_teardown(
            another_actor_keeps_its_place_behind_what_its_connection_has_held, begin,
            end_pipelines),
        cmocka_unit_test_setup_teardown(another_connection_does_not_wait_for_what_is_held, begin,
                                        end_pipelines),
        cmocka_unit_test_setup_teardown(a_repeat_of_what_is_held_acts_once, begin, end_pipelines),
        cmocka_unit_test_setup_teardown(
            a_leader_that_is_cut_off_says_that_what_it_held_was_not_appended, begin, end_pipelines),
        cmocka_unit_test_setup_teardown(a_stopping_leader_answers_what_it_held, begin,
                                        end_pipelines),
        cmocka_unit_test_setup_teardown(a_node_that_ends_forgets_what_it_held, begin,
                                        end_pipelines),
        cmocka_unit_test_setup_teardown(what_a_lost_connection_has_held_is_dropped, begin,
                                        end_pipelines),
        cmocka_unit_test_setup_teardown(what_is_held_counts_against_the_bound_in_flight, begin,
                                        end_pipelines),
        cmocka_unit_test_setup_teardown(the_bytes_that_are_held_are_bounded, begin, end_pipelines),
        cmocka_unit_test_setup_teardown(bytes_that_are_held_no_more_are_room, begin, end_pipelines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
