/* SPDX-License-Identifier: Apache-2.0 */
/* What a leader, node 3, sends to whom, and when it loads. */
#include "tests/base/testing.h"
#include "tests/node/driver/alone.h"
#include "tests/node/driver/records.h"

/* A leader of ROLES whose barrier, entry 2, and COUNT applications are durable here and at node 1,
 * committed, and no longer in memory. */
static void lead_past(const char *roles, uint32_t count)
{
    kz_alone_start(roles, 1);
    kz_alone_lead();
    kz_alone_submit(count);
    kz_alone_stored(1);
    kz_alone_answer(1, 0, 2 + count);
    if (strlen(roles) == 5) kz_alone_answer(2, 0, 2 + count);
    assert_int_equal(kz_driver_committed(kz_alone.driver), 2 + count);
    kz_driver_applied(kz_alone.driver, 2 + count);
    assert_null(kz_driver_cached(kz_alone.driver, 2));
}

static struct kz_batch *loaded_batch(uint64_t first, uint32_t count, uint64_t term)
{
    struct kz_batch *batch = kz_batch_create(first, count, 200 * (size_t)count);
    for (uint32_t i = 0; i < count; i++)
        kz_test_application(batch, term, 5000, i);
    return batch;
}

static void load(uint64_t first, struct kz_batch *batch)
{
    struct kz_error error;
    assert_int_equal(kz_driver_loaded(kz_alone.driver, kz_alone.now, first, batch, &error), KZ_OK);
    kz_batch_release(batch);
}

static void what_goes_to_both_followers_goes_once_to_each(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    kz_alone_lead();
    kz_alone_answer(1, 0, 1);
    kz_alone_answer(2, 0, 1);
    unsigned before = kz_alone.to[1].count;
    kz_alone_submit(7);
    for (uint64_t peer = 1; peer <= 2; peer++) {
        assert_int_equal(kz_alone_entries(peer), 7);
        assert_int_equal(kz_alone_field(peer, 1), 2);
        assert_int_equal(kz_alone.to[peer].count, before + 1);
    }
    assert_memory_equal(kz_alone.to[1].bytes, kz_alone.to[2].bytes, kz_alone.to[1].size);
}

static void entries_sent_again_carry_the_commit_index_of_now(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    kz_alone_lead();
    kz_alone_answer(1, 0, 1);
    kz_alone_answer(2, 0, 1);
    kz_alone_stored(0);
    kz_alone_answer(1, 0, 2);
    kz_alone_answer(2, 0, 2);
    kz_alone_submit(5);
    kz_alone_stored(1);
    assert_int_equal(kz_alone_field(2, 3), 2);
    kz_alone_answer(1, 0, 7);
    assert_int_equal(kz_driver_committed(kz_alone.driver), 7);
    kz_alone_answer(2, 7, 2); /* it lost them */
    assert_int_equal(kz_alone_field(2, 1), 2);
    assert_int_equal(kz_alone_entries(2), 5);
    assert_int_equal(kz_alone_field(2, 3), 7);
}

static void a_late_rejection_does_not_lead_back_behind_what_matches(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    kz_alone_lead();
    kz_alone_answer(1, 0, 2);
    kz_alone_submit(3);
    kz_alone_answer(1, 3, 2); /* a frame was lost: libraft probes behind entry 2 */
    kz_alone_answer(1, 2, 1); /* from before entry 2 was there */
    kz_alone_tick();
    kz_alone_tick();
    assert_int_equal(kz_alone_field(1, 1), 5);
    assert_int_equal(kz_driver_match(kz_alone.driver, 1), 2);
    kz_alone_answer(1, 0, 5);
    assert_int_equal(kz_driver_match(kz_alone.driver, 1), 5);
}

static void one_load_at_a_time_and_heartbeats_meanwhile(void **state)
{
    (void)state;
    lead_past("vvv", 20);
    kz_alone_answer(2, 1, 0); /* it has nothing */
    assert_int_equal(kz_alone.load_count, 1);
    assert_int_equal(kz_alone.load_first, 1);
    for (unsigned i = 0; i < 4; i++) {
        unsigned frames = kz_alone.to[2].count;
        kz_alone_tick();
        kz_alone_answer(1, 0, 22);
        assert_int_equal(kz_alone.to[2].count, frames + 1);
        assert_int_equal(kz_alone_entries(2), 0);
        assert_int_equal(kz_alone_field(2, 1), 0);
    }
    assert_int_equal(kz_alone.load_count, 1);
}

static void a_load_is_sent_when_it_comes_and_the_next_one_asked_for(void **state)
{
    (void)state;
    lead_past("vvv", 20);
    kz_alone_answer(2, 1, 0);
    load(1, loaded_batch(1, 1, 1));
    assert_int_equal(kz_alone_entries(2), 1);
    assert_int_equal(kz_alone.load_count, 2);
    assert_int_equal(kz_alone.load_first, 2);
    load(2, loaded_batch(2, 21, 2));
    assert_int_equal(kz_alone_entries(2), 21);
    assert_int_equal(kz_alone_field(2, 1), 1);
    assert_int_equal(kz_alone_field(2, 2), 1);
    assert_int_equal(kz_alone.load_count, 2);
}

static void a_load_serves_a_stream_that_has_moved_on(void **state)
{
    (void)state;
    lead_past("vvv", 20);
    kz_alone_answer(2, 1, 0);
    kz_alone_answer(2, 0, 5);
    kz_alone_answer(2, 8, 5);
    assert_int_equal(kz_alone.load_count, 1);
    load(1, loaded_batch(1, 22, 2));
    assert_int_equal(kz_alone_entries(2), 17);
    assert_int_equal(kz_alone_field(2, 1), 5);
    assert_int_equal(kz_alone.load_count, 1);
}

static void a_load_from_before_the_log_changed_is_not_sent(void **state)
{
    (void)state;
    lead_past("vvv", 20);
    kz_alone_answer(2, 1, 0);
    unsigned frames = kz_alone.to[2].count;
    load(1, loaded_batch(1, 10, 1));
    load(1, loaded_batch(1, 40, 2));
    assert_int_equal(kz_alone.to[2].count, frames);
}

static void followers_that_need_the_same_share_a_load(void **state)
{
    (void)state;
    lead_past("vvvvv", 20);
    kz_alone_answer(4, 1, 0);
    kz_alone_answer(5, 1, 0);
    assert_int_equal(kz_alone.load_count, 1);
    load(1, loaded_batch(1, 1, 1));
    assert_int_equal(kz_alone_entries(4), 1);
    assert_int_equal(kz_alone_entries(5), 1);
    assert_int_equal(kz_alone.load_count, 2);
}

static void nothing_is_loaded_for_a_follower_that_is_silent(void **state)
{
    (void)state;
    lead_past("vvv", 20);
    kz_alone_answer(2, 1, 0);
    load(1, NULL);
    uint64_t silent_from = kz_alone.now + 300;
    while (kz_alone.now < silent_from) {
        kz_alone_tick();
        kz_alone_answer(1, 0, 22);
    }
    unsigned loads = kz_alone.load_count;
    load(kz_alone.load_first, NULL);
    for (unsigned i = 0; i < 5; i++) {
        kz_alone_tick();
        kz_alone_answer(1, 0, 22);
        assert_int_equal(kz_alone_entries(2), 0);
    }
    assert_int_equal(kz_alone.load_count, loads);
    kz_alone_answer(2, 0, 0);
    kz_alone_tick();
    kz_alone_tick();
    assert_int_equal(kz_alone.load_count, loads + 1);
}

static void frames_end_at_the_bound(void **state)
{
    (void)state;
    kz_alone_start("vvv", 64u << 20);
    kz_alone_lead();
    kz_alone_answer(1, 0, 1);
    unsigned before = kz_alone.to[1].count;
    kz_alone_submit(20000);
    /* 124 bytes each: 8,455 to a frame. */
    assert_int_equal(kz_alone.to[1].count, before + 3);
    assert_int_equal(kz_alone_entries(1), 20000 - 2 * 8455);
    assert_int_equal(kz_alone_field(1, 1), 2 + 2 * 8455);
    assert_true(kz_alone.to[1].size <= KZ_PEER_FRAME_SIZE_MAX);
}

#define CASE(function) cmocka_unit_test_teardown(function, kz_alone_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_goes_to_both_followers_goes_once_to_each),
        CASE(entries_sent_again_carry_the_commit_index_of_now),
        CASE(a_late_rejection_does_not_lead_back_behind_what_matches),
        CASE(one_load_at_a_time_and_heartbeats_meanwhile),
        CASE(a_load_is_sent_when_it_comes_and_the_next_one_asked_for),
        CASE(a_load_serves_a_stream_that_has_moved_on),
        CASE(a_load_from_before_the_log_changed_is_not_sent),
        CASE(followers_that_need_the_same_share_a_load),
        CASE(nothing_is_loaded_for_a_follower_that_is_silent),
        CASE(frames_end_at_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
