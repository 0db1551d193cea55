/* SPDX-License-Identifier: Apache-2.0 */
/* The budget of refusals and the clock's guard, as functions of the time they are given. */
#include "node/core/budget.h"
#include "node/core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- Budget ---- */

static struct kz_budget budget;

static void a_budget_is_spent_and_refills_evenly(void **state)
{
    (void)state;
    kz_budget_init(&budget, 100, 1000);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(kz_budget_wait(&budget, 1, 1000), 0);
        kz_budget_spend(&budget, 1, 1000);
    }
    uint32_t wait = kz_budget_wait(&budget, 1, 1000);
    assert_true(wait > 500 && wait <= 602);
    assert_int_equal(kz_budget_wait(&budget, 2, 1000), 0);
    assert_true(kz_budget_wait(&budget, 1, 1000 + wait - 2) > 0);
    assert_int_equal(kz_budget_wait(&budget, 1, 1000 + wait), 0);
    for (int i = 0; i < 100; i++)
        kz_budget_spend(&budget, 1, 61000 + 1000);
    assert_true(kz_budget_wait(&budget, 1, 62000) > 0);
}

/* Lets COUNT entries of ACTOR enter as far as there are places. Returns: how many did. */
static unsigned enter(uint32_t actor, unsigned count)
{
    unsigned entered = 0;
    while (entered < count && kz_budget_enter(&budget, actor, 1000))
        entered++;
    return entered;
}

static void leave(uint32_t actor, unsigned count, bool accepted)
{
    for (unsigned i = 0; i < count; i++) {
        kz_budget_leave(&budget, actor);
        if (accepted)
            kz_budget_earn(&budget, actor);
        else
            kz_budget_spend(&budget, actor, 1000);
    }
}

static void a_window_is_the_tokens_until_something_is_accepted(void **state)
{
    (void)state;
    kz_budget_init(&budget, 100, 1000);
    assert_false(kz_budget_is_full(&budget, 1, 1000));
    assert_int_equal(enter(1, 5000), 100);
    assert_true(kz_budget_is_full(&budget, 1, 1000));
    assert_int_equal(enter(2, 5000), 100);
    leave(1, 100, false);
    assert_false(kz_budget_is_full(&budget, 1, 1000)); /* spent: it is not to be waited for */
    assert_int_equal(enter(1, 1), 0);
    assert_in_range(kz_budget_wait(&budget, 1, 1000), 1, 602); /* no debt */
}

static void what_is_accepted_doubles_the_window_up_to_the_bound(void **state)
{
    (void)state;
    static const unsigned windows[] = {100, 200, 400, 800, 1100, 1100};
    kz_budget_init(&budget, 100, 1000);
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        assert_int_equal(enter(1, 5000), windows[i]);
        leave(1, windows[i], true);
    }
}

static void a_refusal_takes_a_token_and_a_credit(void **state)
{
    (void)state;
    kz_budget_init(&budget, 100, 1000);
    leave(1, enter(1, 100), true);
    enter(1, 50);
    leave(1, 50, false);
    assert_int_equal(enter(1, 5000), 50 + 50);
}

static void what_is_refused_on_credit_is_a_debt(void **state)
{
    (void)state;
    kz_budget_init(&budget, 100, 1000);
    for (int i = 0; i < 4; i++)
        leave(1, enter(1, 5000), true);
    leave(1, enter(1, 5000), false);
    assert_true(kz_budget_wait(&budget, 1, 1000) > 10 * 60000);
    assert_int_equal(kz_budget_wait(&budget, 1, 11 * 60000), 0);
}

static void whose_fate_is_not_known_earns_and_spends_nothing(void **state)
{
    (void)state;
    kz_budget_init(&budget, 100, 1000);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(enter(1, 5000), 100);
        for (int i = 0; i < 100; i++)
            kz_budget_leave(&budget, 1);
    }
}

static void who_follows_takes_tokens_and_makes_no_debt(void **state)
{
    (void)state;
    kz_budget_init(&budget, 100, 1000);
    for (int i = 0; i < 40; i++)
        kz_budget_follow(&budget, 1, 1000);
    assert_int_equal(enter(1, 5000), 60);
    for (int i = 0; i < 1000; i++)
        kz_budget_follow(&budget, 2, 1000);
    assert_in_range(kz_budget_wait(&budget, 2, 1000), 1, 602);
}

/* Entries enter, are accepted and refused at random, in order, while time passes. */
static void no_more_is_refused_than_was_given_and_accepted(void **state)
{
    (void)state;
    srand(1);
    for (int hostile = 0; hostile <= 100; hostile += 20) {
        uint64_t now_ms = 1;
        unsigned in_flight = 0;
        unsigned accepted = 0;
        unsigned refused = 0;
        kz_budget_init(&budget, 100, 1000);
        for (int step = 0; step < 50000; step++) {
            now_ms += rand() % 50 == 0;
            if (rand() % 2 == 0) {
                bool goes_on = kz_budget_wait(&budget, 1, now_ms) == 0;
                in_flight += goes_on && kz_budget_enter(&budget, 1, now_ms);
            } else if (in_flight > 0) {
                in_flight--;
                kz_budget_leave(&budget, 1);
                if (rand() % 100 < hostile) {
                    kz_budget_spend(&budget, 1, now_ms);
                    refused++;
                } else {
                    kz_budget_earn(&budget, 1);
                    accepted++;
                }
            }
            assert_true(refused + in_flight <= 100 + now_ms * 100 / 60000 + accepted);
        }
        assert_true(refused >= (hostile > 0 ? 100 : 0));
    }
}

static void a_bucket_with_entries_in_flight_keeps_its_place(void **state)
{
    (void)state;
    unsigned entered = 0;
    static bool is_in[20000];
    kz_budget_init(&budget, 100, 1000);
    for (uint32_t actor = 0; actor < 20000; actor++)
        entered += is_in[actor] = kz_budget_enter(&budget, actor, 1000);
    assert_in_range(entered, KZ_BUDGET_SETS, KZ_BUDGET_SETS * KZ_BUDGET_WAYS);

    for (uint32_t actor = 0; actor < 20000; actor++) {
        kz_budget_spend(&budget, actor, 1000); /* takes nobody's */
        if (is_in[actor]) assert_int_equal(enter(actor, 100), 98);
    }
    for (uint32_t actor = 0; actor < 20000; actor++) {
        for (int i = 0; is_in[actor] && i < 99; i++)
            kz_budget_leave(&budget, actor);
    }
    assert_int_equal(enter(20000, 1), 1);
}

static void the_largest_budget_is_one(void **state)
{
    (void)state;
    kz_budget_init(&budget, UINT32_MAX, 1000);
    kz_budget_spend(&budget, 1, 1000);
    assert_int_equal(kz_budget_wait(&budget, 1, 1000), 0);
    assert_int_equal(kz_budget_wait(&budget, 1, 1000 + (uint64_t)INT32_MAX), 0);
}

static void strangers_do_not_push_a_debtor_out(void **state)
{
    (void)state;
    kz_budget_init(&budget, 100, 1000);
    for (int i = 0; i < 200; i++)
        kz_budget_spend(&budget, 1, 1000);
    for (uint32_t actor = 2; actor < 200000; actor++)
        kz_budget_spend(&budget, actor, 1000);
    assert_true(kz_budget_wait(&budget, 1, 1000) > 0);
}

/* ---- Clock ---- */

static struct kz_clock clock_guard;

static struct kz_membership_fields voters(unsigned count)
{
    struct kz_membership_fields members = {.count = (uint8_t)count};
    for (unsigned i = 0; i < count; i++)
        members.members[i] = (struct kz_member){.id = i + 1, .role = KZ_VOTER};
    return members;
}

static void a_jump_past_a_second_is_told_and_forgets_the_offsets(void **state)
{
    (void)state;
    kz_clock_init(&clock_guard, 1);
    struct kz_membership_fields members = voters(3);
    assert_int_equal(kz_clock_check(&clock_guard, 5000, 1000000), 0);
    kz_clock_measured(&clock_guard, 2, 5000, 5002, 1000002, 1000001);
    assert_true(kz_clock_agrees(&clock_guard, 5002, &members, 1));
    assert_int_equal(kz_clock_check(&clock_guard, 5100, 1000100 + 1000), 0);
    assert_true(kz_clock_agrees(&clock_guard, 5100, &members, 1));
    assert_int_equal(kz_clock_check(&clock_guard, 5200, 1000200 - 1001), -1001);
    assert_false(kz_clock_agrees(&clock_guard, 5200, &members, 1));
    assert_int_equal(kz_clock_check(&clock_guard, 5300, 1000300 - 1001), 0);
}

static void agreement_needs_a_majority_within_five_seconds(void **state)
{
    (void)state;
    static const struct {
        unsigned voters;
        int64_t offsets[4]; /* of nodes 2 …; INT64_MIN: not measured */
        bool agrees;
    } cases[] = {
        {1, {0}, true},
        {2, {INT64_MIN}, false},
        {2, {5000}, true},
        {3, {INT64_MIN, INT64_MIN}, false},
        {3, {5000, INT64_MIN}, true},
        {3, {5001, -5001}, false},
        {3, {-5000, 900000}, true},
        {5, {0, 90000, 90000, INT64_MIN}, false},
        {5, {0, 0, 90000, INT64_MIN}, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kz_membership_fields members = voters(cases[i].voters);
        kz_clock_init(&clock_guard, 1);
        kz_clock_check(&clock_guard, 5000, 1000000);
        for (unsigned other = 2; other <= cases[i].voters; other++) {
            int64_t offset = cases[i].offsets[other - 2];
            if (offset == INT64_MIN) continue;
            kz_clock_measured(&clock_guard, other, 5000, 5000, 1000000, 1000000 + offset);
        }
        assert_int_equal(kz_clock_agrees(&clock_guard, 5000, &members, 1), cases[i].agrees);
    }
}

static void a_measurement_grows_old(void **state)
{
    (void)state;
    struct kz_membership_fields members = voters(3);
    kz_clock_init(&clock_guard, 1);
    kz_clock_measured(&clock_guard, 2, 5000, 5000, 1000000, 1000000);
    assert_true(kz_clock_agrees(&clock_guard, 5000 + KZ_CLOCK_FRESH_MS, &members, 1));
    assert_false(kz_clock_agrees(&clock_guard, 5001 + KZ_CLOCK_FRESH_MS, &members, 1));
}

static void half_of_the_way_is_counted_and_a_slow_answer_is_not(void **state)
{
    (void)state;
    struct kz_membership_fields members = voters(3);
    kz_clock_init(&clock_guard, 1);
    kz_clock_measured(&clock_guard, 2, 5000, 7000, 1002000, 1000000 + 6000);
    assert_true(kz_clock_agrees(&clock_guard, 7000, &members, 1)); /* 4000 + 1000 */
    kz_clock_init(&clock_guard, 1);
    kz_clock_measured(&clock_guard, 2, 5000, 5001 + KZ_CLOCK_FRESH_MS, 1000000, 1000000);
    assert_false(kz_clock_agrees(&clock_guard, 5001 + KZ_CLOCK_FRESH_MS, &members, 1));
    kz_clock_measured(&clock_guard, 2, 9000, 8000, 1000000, 1000000); /* from the future */
    assert_false(kz_clock_agrees(&clock_guard, 9000, &members, 1));
}

static void a_demonstration_has_its_tolerances_at_its_rate(void **state)
{
    (void)state;
    struct kz_membership_fields members = voters(3);
    kz_clock_init(&clock_guard, 2000);
    assert_int_equal(kz_clock_check(&clock_guard, 5000, 0), 0);
    assert_int_equal(kz_clock_check(&clock_guard, 5010, 20000 + 1999999), 0);
    kz_clock_measured(&clock_guard, 2, 5010, 5010, 20000, 20000 + 5000 * 2000);
    assert_true(kz_clock_agrees(&clock_guard, 5010, &members, 1));
    assert_int_not_equal(kz_clock_check(&clock_guard, 5020, 40000 + 2000001), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_is_spent_and_refills_evenly),
        cmocka_unit_test(a_window_is_the_tokens_until_something_is_accepted),
        cmocka_unit_test(what_is_accepted_doubles_the_window_up_to_the_bound),
        cmocka_unit_test(a_refusal_takes_a_token_and_a_credit),
        cmocka_unit_test(what_is_refused_on_credit_is_a_debt),
        cmocka_unit_test(whose_fate_is_not_known_earns_and_spends_nothing),
        cmocka_unit_test(who_follows_takes_tokens_and_makes_no_debt),
        cmocka_unit_test(no_more_is_refused_than_was_given_and_accepted),
        cmocka_unit_test(a_bucket_with_entries_in_flight_keeps_its_place),
        cmocka_unit_test(the_largest_budget_is_one),
        cmocka_unit_test(strangers_do_not_push_a_debtor_out),
        cmocka_unit_test(a_jump_past_a_second_is_told_and_forgets_the_offsets),
        cmocka_unit_test(agreement_needs_a_majority_within_five_seconds),
        cmocka_unit_test(a_measurement_grows_old),
        cmocka_unit_test(half_of_the_way_is_counted_and_a_slow_answer_is_not),
        cmocka_unit_test(a_demonstration_has_its_tolerances_at_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
