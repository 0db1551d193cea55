/* SPDX-License-Identifier: Apache-2.0 */
/* Reads: linearizable unless local; a leader that is cut off answers none. */
#include "node/core/bounds.h"
#include "tests/node/core/serving.h"

#include <stdlib.h>

static uint64_t application;

static int begin_with(uint32_t pending_max)
{
    serve(&(struct kz_sim_options){.seed = 5, .nodes = 3, .pending_max = pending_max});
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    entry = kz_sim_application(2, 1);
    application = kz_sim_ask(&client, &entry).index;
    return 0;
}

static int begin(void **state)
{
    (void)state;
    return begin_with(0);
}

static uint64_t ask(bool local)
{
    struct kz_query query = {.what = KZ_QUERY_APPLICATION, .local = local, .number = application};
    return kz_sim_query(&client, &query);
}

static bool answered(uint64_t tag, uint64_t limit_ms, struct kz_answer_header *out)
{
    struct kz_reader content;
    if (!kz_sim_await_answer(&client, tag, limit_ms, out, &content)) return false;
    if (out->code != KZ_ANSWER_APPLIED || !out->found) return true;
    struct kz_application_content view;
    kz_application_content_read(&content, &view);
    assert_true(kz_reader_done(&content));
    assert_int_equal(view.number, application);
    return true;
}

static uint64_t follower(void)
{
    return leader == 1 ? 2 : 1;
}

static void the_leader_answers_after_a_round(void **state)
{
    (void)state;
    struct kz_answer_header header;
    uint64_t rounds = kz_sim_figures(&sim, leader).confirm_rounds;
    assert_true(answered(ask(false), 200, &header));
    assert_int_equal(header.code, KZ_ANSWER_APPLIED);
    assert_true(header.found && header.applied >= application);
    assert_int_equal(kz_sim_figures(&sim, leader).confirm_rounds, rounds + 1);
}

static void one_round_serves_all_that_wait(void **state)
{
    (void)state;
    struct kz_answer_header header;
    uint64_t rounds = kz_sim_figures(&sim, leader).confirm_rounds;
    uint64_t reads = kz_sim_figures(&sim, leader).reads;
    uint64_t tag = 0;
    for (int i = 0; i < 20; i++)
        tag = ask(false);
    kz_sim_run(&sim, 50);
    (void)answered(tag, 200, &header);
    assert_int_equal(kz_sim_figures(&sim, leader).reads, reads + 20);
    assert_true(kz_sim_figures(&sim, leader).confirm_rounds <= rounds + 3);
}

static void a_follower_asks_the_leader(void **state)
{
    (void)state;
    struct kz_answer_header header;
    go_to(follower());
    assert_true(answered(ask(false), 500, &header));
    assert_int_equal(header.code, KZ_ANSWER_APPLIED);
    assert_true(header.found);
}

static void a_follower_that_is_behind_waits_for_the_index(void **state)
{
    (void)state;
    struct kz_answer_header header;
    sim.nodes[follower()].disk.full = true; /* it can not store, so it can not apply */
    struct kz_entry entry = kz_sim_application(3, 2);
    application = kz_sim_ask(&client, &entry).index;
    go_to(follower());
    uint64_t tag = ask(false);
    assert_false(answered(tag, 300, &header));
    sim.nodes[follower()].disk.full = false;
    assert_true(answered(tag, 700, &header));
    assert_int_equal(header.code, KZ_ANSWER_APPLIED);
    assert_true(header.found);
}

static void a_leader_that_is_cut_off_answers_no_read(void **state)
{
    (void)state;
    struct kz_answer_header header;
    kz_sim_isolate(&sim, leader);
    uint64_t tag = ask(false);
    assert_true(answered(tag, 3000, &header));
    assert_int_equal(header.code, KZ_ANSWER_UNAVAILABLE);
    assert_int_equal(header.reason, KZ_REASON_NO_LEADER);
}

static void a_local_read_says_its_index_even_when_cut_off(void **state)
{
    (void)state;
    struct kz_answer_header header;
    kz_sim_isolate(&sim, leader);
    kz_sim_run(&sim, 1000);
    assert_true(answered(ask(true), 100, &header));
    assert_int_equal(header.code, KZ_ANSWER_APPLIED);
    assert_true(header.found && header.applied >= application);
}

static void a_read_waits_for_a_new_leader(void **state)
{
    (void)state;
    struct kz_answer_header header;
    go_to(follower());
    kz_sim_run(&sim, 20);
    kz_sim_crash(&sim, leader);
    assert_true(answered(ask(false), 3000, &header));
    assert_int_equal(header.code, KZ_ANSWER_APPLIED);
    assert_true(header.found);
}

static void without_any_leader_a_read_ends_unavailable(void **state)
{
    (void)state;
    struct kz_answer_header header;
    go_to(follower());
    kz_sim_run(&sim, 20);
    for (uint64_t id = 1; id <= 3; id++)
        if (id != follower()) kz_sim_crash(&sim, id);
    assert_true(answered(ask(false), 3000, &header));
    assert_int_equal(header.code, KZ_ANSWER_UNAVAILABLE);
}

static void a_lone_voter_confirms_itself(void **state)
{
    (void)state;
    end(state);
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 5, .nodes = 1});
    kz_sim_start_all(&sim);
    leader = kz_sim_elect(&sim, 5000);
    kz_sim_connect(&sim, &client, leader);
    struct kz_entry entry = kz_sim_territory(1);
    kz_sim_ask(&client, &entry);
    entry = kz_sim_application(2, 1);
    application = kz_sim_ask(&client, &entry).index;
    struct kz_answer_header header;
    assert_true(answered(ask(false), 100, &header));
    assert_true(header.found);
}

/* ---- What is asked ---- */

static void everything_that_can_be_asked_is_answered(void **state)
{
    (void)state;
    uint8_t numbers[16];
    kz_put_u64(numbers, application);
    kz_put_u64(numbers + 8, 999);
    const struct kz_query queries[] = {
        {.what = KZ_QUERY_STATUS},
        {.what = KZ_QUERY_POSITIONS, .count = 2, .numbers = numbers},
        {.what = KZ_QUERY_QUEUE, .territory = 1, .birth_year = 2021, .first = 1, .count = 10},
        {.what = KZ_QUERY_BULLETINS, .territory = 1},
        {.what = KZ_QUERY_REQUEST, .request = {2}},
        {.what = KZ_QUERY_TERRITORY, .territory = 1},
        {.what = KZ_QUERY_PLACES, .territory = 1},
    };
    static const size_t sizes[] = {97, 10, 40, 4, 9, 50, 4};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct kz_answer_header header;
        struct kz_reader content;
        uint64_t tag = kz_sim_query(&client, &queries[i]);
        assert_true(kz_sim_await_answer(&client, tag, 500, &header, &content));
        assert_int_equal(header.code, KZ_ANSWER_APPLIED);
        assert_int_equal(header.what, queries[i].what);
        assert_true(header.found);
        assert_int_equal(kz_reader_left(&content), sizes[i]);
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    const struct kz_query queries[] = {
        {.what = KZ_QUERY_APPLICATION, .number = 999}, {.what = KZ_QUERY_BULLETINS, .territory = 9},
        {.what = KZ_QUERY_REQUEST, .request = {99}},   {.what = KZ_QUERY_TERRITORY, .territory = 9},
        {.what = KZ_QUERY_PLACES, .territory = 9},
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct kz_answer_header header;
        struct kz_reader content;
        uint64_t tag = kz_sim_query(&client, &queries[i]);
        assert_true(kz_sim_await_answer(&client, tag, 500, &header, &content));
        assert_int_equal(header.code, KZ_ANSWER_APPLIED);
        assert_false(header.found);
        assert_int_equal(kz_reader_left(&content), 0);
    }
}

static void over_the_bound_of_reads_that_wait_is_busy(void **state)
{
    struct kz_answer_header header;
    begin_with(2);
    kz_sim_isolate(&sim, leader); /* it can confirm none */
    uint64_t first = ask(false);
    uint64_t second = ask(false);
    assert_true(answered(ask(false), 3000, &header));
    assert_int_equal(header.code, KZ_ANSWER_BUSY);
    assert_true(header.retry_ms > 0);
    kz_sim_heal(&sim);
    assert_int_not_equal(first, second);
    assert_true(answered(second, 10000, &header));
    end(state);
}

#define FLOOD 60000 /* questions of 28 bytes at once, whose answers would be 9 MiB */

static void who_asks_for_more_than_a_step_answers_is_told_to_come_back(void **state)
{
    (void)state;
    size_t capacity = (size_t)FLOOD * 64;
    sim.options.queued_max = 2 * KZ_ANSWERS_PER_LINK_SIZE;
    uint8_t *bytes = malloc(capacity);
    assert_non_null(bytes);
    struct kz_writer writer = kz_writer_init(bytes, capacity);
    for (uint64_t tag = 0; tag < FLOOD; tag++)
        kz_query_encode(&writer, tag, &(struct kz_query){.what = KZ_QUERY_STATUS, .local = true});
    kz_sim_send(&client, &writer);
    free(bytes);
    kz_sim_run(&sim, 100);

    struct kz_frame frame;
    uint32_t answered_count = 0;
    uint32_t busy_count = 0;
    size_t answered_size = 0;
    while (kz_sim_take(&client, KZ_MESSAGE_ANSWER, &frame)) {
        struct kz_answer_header header;
        struct kz_reader content;
        assert_int_equal(kz_answer_decode(&frame, &header, &content), KZ_OK);
        if (header.code == KZ_ANSWER_APPLIED) {
            answered_count++;
            answered_size += KZ_FRAME_HEADER_SIZE + frame.body_size;
            continue;
        }
        busy_count++;
        assert_int_equal(header.code, KZ_ANSWER_BUSY);
        assert_true(header.retry_ms > 0);
    }
    assert_int_equal(answered_count + busy_count, FLOOD);
    assert_true(busy_count > 0);
    assert_in_range(answered_size, KZ_ANSWERS_PER_LINK_SIZE - 1000,
                    KZ_ANSWERS_PER_LINK_SIZE + 1000);

    struct kz_answer_header header;
    assert_true(answered(ask(false), 3000, &header));
    assert_int_equal(header.code, KZ_ANSWER_APPLIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_the_bound_of_reads_that_wait_is_busy),
        cmocka_unit_test_setup_teardown(who_asks_for_more_than_a_step_answers_is_told_to_come_back,
                                        begin, end),
        cmocka_unit_test_setup_teardown(the_leader_answers_after_a_round, begin, end),
        cmocka_unit_test_setup_teardown(one_round_serves_all_that_wait, begin, end),
        cmocka_unit_test_setup_teardown(a_follower_asks_the_leader, begin, end),
        cmocka_unit_test_setup_teardown(a_follower_that_is_behind_waits_for_the_index, begin, end),
        cmocka_unit_test_setup_teardown(a_leader_that_is_cut_off_answers_no_read, begin, end),
        cmocka_unit_test_setup_teardown(a_local_read_says_its_index_even_when_cut_off, begin, end),
        cmocka_unit_test_setup_teardown(a_read_waits_for_a_new_leader, begin, end),
        cmocka_unit_test_setup_teardown(without_any_leader_a_read_ends_unavailable, begin, end),
        cmocka_unit_test_setup_teardown(a_lone_voter_confirms_itself, begin, end),
        cmocka_unit_test_setup_teardown(everything_that_can_be_asked_is_answered, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
