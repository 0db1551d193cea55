/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine answers, and what the clock makes due. */
#include "tests/rules/town.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct kz_application_view view_of(const struct town *town, uint64_t number)
{
    struct kz_application_view view;
    assert_true(kz_machine_application(town->machine, number, &view));
    return view;
}

static void an_application_is_seen_through_its_states(void **state)
{
    (void)state;
    struct town town = town_create();
    uint64_t number = town_application(&town, KZ_GENERAL);
    struct kz_application_view view = view_of(&town, number);
    assert_int_equal(view.state, KZ_WAITING);
    assert_int_equal(view.position, 1);
    assert_int_equal(view.applied_at, town.time);

    town_vacancy(&town, 2, 1);
    town_set_hour(&town, 0, 18);
    town_do_what_is_due(&town);
    uint64_t publish = kz_machine_applied(town.machine);
    town_set_hour(&town, 1, 7);
    assert_int_equal(town_do_what_is_due(&town), 2); /* the morning and the grant */
    view = view_of(&town, number);
    assert_int_equal(view.state, KZ_CALLED);
    assert_int_equal(view.position, 0);
    assert_int_equal(view.bulletin, publish);
    assert_int_equal(view.last_day, MONDAY + 3);

    assert_int_equal(town_claim(&town, number, 2), KZ_RESULT_OK);
    view = view_of(&town, number);
    assert_int_equal(view.state, KZ_REFERRED);
    assert_int_equal(view.referral, kz_machine_applied(town.machine));
    assert_int_equal(view.kindergarten, 2);
    assert_true(view.by_grant);
    assert_int_equal(view.bulletin, 0);
    assert_int_equal(view.last_day, MONDAY + 8);
    assert_false(kz_machine_application(town.machine, number + 1, &view));
    assert_false(kz_machine_application(town.machine, UINT64_MAX, &view));
    town_destroy(&town);
}

static void applications_are_walked_in_order_of_number(void **state)
{
    (void)state;
    struct town town = town_create();
    assert_int_equal(kz_machine_next_application(town.machine, 0), 0);
    uint64_t numbers[200];
    for (int i = 0; i < 200; i++) {
        numbers[i] = town_application(&town, KZ_GENERAL);
        for (int j = 0; j < i % 5 * 20; j++)
            town_apply(&town, town_entry(KZ_BARRIER));
    }
    uint64_t at = 0;
    for (int i = 0; i < 200; i++) {
        at = kz_machine_next_application(town.machine, at);
        assert_int_equal(at, numbers[i]);
    }
    assert_int_equal(kz_machine_next_application(town.machine, at), 0);
    assert_int_equal(kz_machine_next_application(town.machine, UINT64_MAX), 0);
    town_destroy(&town);
}

static void a_queue_is_read_from_any_position(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_queue_id id = {1, 2021, KZ_ORDINARY};
    struct kz_queue_view view;
    uint64_t all[1000];
    uint64_t some[1000];
    assert_false(kz_machine_queue(town.machine, id, &view));
    assert_int_equal(kz_machine_queue_order(town.machine, id, 1, all, 1000), 0);

    for (int i = 0; i < 700; i++)
        (void)town_application(&town, (uint8_t)(i % 7 == 0   ? KZ_OUT_OF_TURN
                                                : i % 3 == 0 ? KZ_FIRST_PRIORITY
                                                             : KZ_GENERAL));
    assert_true(kz_machine_queue(town.machine, id, &view));
    assert_int_equal(view.out_of_turn + view.first_priority + view.general, 700);
    assert_int_equal(kz_machine_queue_order(town.machine, id, 1, all, 1000), 700);
    assert_int_equal(kz_machine_queue_order(town.machine, id, 0, some, 1000), 0);
    for (uint32_t first = 1; first <= 701; first++) {
        uint32_t count = kz_machine_queue_order(town.machine, id, first, some, 1000);
        assert_int_equal(count, 701 - first);
        assert_memory_equal(some, all + first - 1, count * sizeof *all);
        if (first <= 700) assert_int_equal(view_of(&town, all[first - 1]).position, first);
    }
    town_destroy(&town);
}

static void queues_are_walked_with_correctional_first(void **state)
{
    (void)state;
    static const struct kz_queue_id made[] = {
        {1, 2022, KZ_ORDINARY}, {1, 2021, KZ_ORDINARY}, {1, 2021, KZ_CORRECTIONAL}};
    static const int order[] = {2, 1, 0};
    struct town town = town_create();
    struct kz_queue_id id = {0, 0, 0};
    assert_false(kz_machine_next_queue(town.machine, NULL, &id));
    for (int i = 0; i < 3; i++) {
        struct kz_entry entry = town_entry(KZ_APPLICATION);
        entry.application.territory = 1;
        entry.application.birth_year = made[i].birth_year;
        entry.application.kind = made[i].kind;
        entry.application.child[0] = (uint8_t)i;
        assert_int_equal(town_apply(&town, entry), KZ_RESULT_OK);
    }
    assert_true(kz_machine_next_queue(town.machine, NULL, &id));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(id.birth_year, made[order[i]].birth_year);
        assert_int_equal(id.kind, made[order[i]].kind);
        assert_int_equal(kz_machine_next_queue(town.machine, &id, &id), i < 2);
    }
    town_destroy(&town);
}

static void free_places_are_listed_open_then_by_bulletin_then_reported(void **state)
{
    (void)state;
    struct town town = town_create();
    town_vacancy(&town, 1, 2);
    town_set_hour(&town, 0, 18);
    town_do_what_is_due(&town);
    town_set_hour(&town, 1, 7);
    town_do_what_is_due(&town); /* nobody waits: two are open */
    (void)town_application(&town, KZ_GENERAL);
    uint64_t publishes[2];
    for (int day = 1; day <= 2; day++) {
        town_set_hour(&town, day, 8);
        town_do_what_is_due(&town);
        town_vacancy(&town, 1, 3);
        town_vacancy(&town, 2, 4);
        town_set_hour(&town, day, 18);
        town_do_what_is_due(&town);
        publishes[day - 1] = kz_machine_applied(town.machine);
    }
    town_vacancy(&town, 1, 5);

    const struct kz_places_view expected[] = {
        {1, 2021, KZ_ORDINARY, 0, false, 2},
        {1, 2021, KZ_ORDINARY, publishes[0], false, 3},
        {1, 2021, KZ_ORDINARY, publishes[1], false, 3},
        {1, 2021, KZ_ORDINARY, 0, true, 5},
        {2, 2021, KZ_ORDINARY, publishes[0], false, 4},
        {2, 2021, KZ_ORDINARY, publishes[1], false, 4},
    };
    struct kz_places_view view;
    uint64_t cursor = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(kz_machine_next_places(town.machine, 1, &cursor, &view));
        assert_int_equal(view.kindergarten, expected[i].kindergarten);
        assert_int_equal(view.bulletin, expected[i].bulletin);
        assert_int_equal(view.reported, expected[i].reported);
        assert_int_equal(view.free_places, expected[i].free_places);
    }
    assert_false(kz_machine_next_places(town.machine, 1, &cursor, &view));

    struct kz_bulletin_view bulletin;
    cursor = 0;
    for (int i = 0; i < 2; i++) {
        assert_true(kz_machine_next_bulletin(town.machine, 1, &cursor, &bulletin));
        assert_int_equal(bulletin.index, publishes[i]);
        assert_int_equal(bulletin.in_priority, i == 0);
        assert_int_equal(bulletin.free_places, 7);
        assert_int_equal(bulletin.grants, i == 0 ? 1 : 0);
    }
    assert_false(kz_machine_next_bulletin(town.machine, 1, &cursor, &bulletin));
    assert_false(kz_machine_next_bulletin(town.machine, 2, &cursor, &bulletin));
    town_destroy(&town);
}

static void territories_and_kindergartens_are_found_and_walked(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_territory_fields territory;
    struct kz_policy_fields policy;
    struct kz_kindergarten_fields kindergarten;
    assert_true(kz_machine_territory(town.machine, 1, &territory, &policy));
    assert_memory_equal(territory.name.bytes, "Town", 4);
    assert_int_equal(policy.evening, 18 * 60);
    assert_int_equal(policy.unused_limit, 3);
    assert_false(kz_machine_territory(town.machine, 2, &territory, &policy));
    assert_true(kz_machine_kindergarten(town.machine, 2, &kindergarten));
    assert_int_equal(kindergarten.territory, 1);
    assert_false(kz_machine_kindergarten(town.machine, 3, &kindergarten));
    assert_int_equal(kz_machine_next_territory(town.machine, 0), 1);
    assert_int_equal(kz_machine_next_territory(town.machine, 1), 0);
    assert_int_equal(kz_machine_next_kindergarten(town.machine, 1), 2);
    assert_int_equal(kz_machine_next_kindergarten(town.machine, UINT32_MAX), 0);
    town_destroy(&town);
}

static void the_clock_looks_at_the_right_hours(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_entry due[4];
    /* Monday 09:00: the morning is overdue, so now. */
    assert_int_equal(kz_machine_next_due(town.machine, town.time), town.time);
    assert_int_equal(kz_machine_due(town.machine, town.time, due, 4), 1);
    assert_int_equal(due[0].type, KZ_MORNING);
    assert_int_equal(due[0].clock.date, MONDAY);
    town_do_what_is_due(&town);
    assert_int_equal(kz_machine_next_due(town.machine, town.time), MONDAY * DAY + 18 * HOUR);
    assert_int_equal(kz_machine_due(town.machine, MONDAY * DAY + 18 * HOUR - 1, due, 4), 0);

    /* After a day without a leader the morning goes first; a time before the last is the last. */
    town_set_hour(&town, 1, 20);
    assert_int_equal(kz_machine_due(town.machine, town.time, due, 4), 2);
    assert_int_equal(due[0].type, KZ_MORNING);
    assert_int_equal(due[1].type, KZ_PUBLISH);
    assert_int_equal(kz_machine_due(town.machine, town.time, due, 1), 1);
    town_do_what_is_due(&town);
    assert_int_equal(kz_machine_due(town.machine, 0, due, 4), 0);
    assert_int_equal(kz_machine_next_due(town.machine, 0), (MONDAY + 2) * DAY + 7 * HOUR);
    town_destroy(&town);
}

static void without_territories_the_clock_never_looks(void **state)
{
    (void)state;
    struct kz_machine *machine = kz_machine_create(&kz_allocator_system, 1);
    struct kz_entry due[1];
    assert_int_equal(kz_machine_next_due(machine, 5), INT64_MAX);
    assert_int_equal(kz_machine_due(machine, 5, due, 1), 0);
    kz_machine_destroy(machine);
}

/* Thousands at once: foreseen in one call, over two bulletins, with the cycle; each is `ok`. */
static void all_calls_of_a_morning_are_foreseen_at_once(void **state)
{
    (void)state;
    struct town town = town_create();
    for (int i = 0; i < 3000; i++)
        (void)town_application(&town, i % 9 == 0 ? KZ_FIRST_PRIORITY : KZ_GENERAL);
    for (int i = 0; i < 2; i++) {
        town_vacancy(&town, 1, 700);
        town_set_hour(&town, i, 18);
        struct kz_entry publish = town_entry(KZ_PUBLISH);
        publish.clock = (struct kz_clock_fields){1, MONDAY + i};
        assert_int_equal(town_apply(&town, publish), KZ_RESULT_OK);
    }
    town_set_hour(&town, 2, 7);
    struct kz_entry *due = calloc(1500, sizeof *due);
    assert_int_equal(kz_machine_due(town.machine, town.time, due, 1500), 1);
    assert_int_equal(town_apply(&town, due[0]), KZ_RESULT_OK);
    assert_int_equal(kz_machine_due(town.machine, town.time, due, 1500), 1400);
    for (int i = 0; i < 1400; i++)
        assert_int_equal(town_apply(&town, due[i]), KZ_RESULT_OK);
    assert_int_not_equal(due[699].grant.bulletin, due[700].grant.bulletin);
    assert_int_equal(kz_machine_due(town.machine, town.time, due, 1500), 0);
    free(due);
    town_destroy(&town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_application_is_seen_through_its_states),
        cmocka_unit_test(applications_are_walked_in_order_of_number),
        cmocka_unit_test(a_queue_is_read_from_any_position),
        cmocka_unit_test(queues_are_walked_with_correctional_first),
        cmocka_unit_test(free_places_are_listed_open_then_by_bulletin_then_reported),
        cmocka_unit_test(territories_and_kindergartens_are_found_and_walked),
        cmocka_unit_test(the_clock_looks_at_the_right_hours),
        cmocka_unit_test(without_territories_the_clock_never_looks),
        cmocka_unit_test(all_calls_of_a_morning_are_foreseen_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
