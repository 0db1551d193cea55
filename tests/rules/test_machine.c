/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's front door: what it does not take, what a node asks before it appends, images. */
#include "tests/rules/check.h"
#include "tests/rules/clone.h"
#include "tests/rules/town.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void digest_of(const struct kz_machine *machine, uint8_t digest[static KZ_ID_SIZE])
{
    kz_machine_digest(machine, digest);
}

static void an_entry_that_does_not_follow_changes_nothing(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_entry entry = town_entry(KZ_BARRIER);
    struct kz_outcome outcome = {.first_index = 77};
    uint8_t before[KZ_ID_SIZE];
    uint8_t after[KZ_ID_SIZE];
    uint64_t applied = kz_machine_applied(town.machine);

    digest_of(town.machine, before);
    entry.time = town.time;
    assert_int_equal(kz_machine_apply(town.machine, applied, &entry, &outcome), KZ_CORRUPT);
    assert_int_equal(kz_machine_apply(town.machine, applied + 2, &entry, &outcome), KZ_CORRUPT);
    entry.time = town.time - 1;
    assert_int_equal(kz_machine_apply(town.machine, applied + 1, &entry, &outcome), KZ_CORRUPT);
    digest_of(town.machine, after);
    assert_memory_equal(before, after, KZ_ID_SIZE);
    assert_int_equal(outcome.first_index, 77);
    assert_int_equal(kz_machine_applied(town.machine), applied);

    entry.time = town.time;
    assert_int_equal(kz_machine_apply(town.machine, applied + 1, &entry, &outcome), KZ_OK);
    assert_int_equal(outcome.result, KZ_RESULT_OK);
    assert_int_equal(kz_machine_time(town.machine), town.time);
    digest_of(town.machine, after);
    assert_memory_not_equal(before, after, KZ_ID_SIZE);
    town_destroy(&town);
}

static void a_repeat_names_the_entry_that_it_repeats(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_outcome outcome;
    enum kz_result result = KZ_RESULT_NONE;
    uint64_t index = 0;
    struct kz_entry entry = town_entry(KZ_WITHDRAW);
    entry.application_only.application = 1;
    entry.request[0] = 1;

    assert_false(kz_machine_repeats(town.machine, &entry, town.time, &outcome));
    assert_int_equal(town_apply(&town, entry), KZ_RESULT_UNKNOWN_APPLICATION);
    uint64_t first = kz_machine_applied(town.machine);
    assert_true(kz_machine_repeats(town.machine, &entry, town.time + 400 * DAY, &outcome));
    assert_int_equal(outcome.result, KZ_RESULT_REPEATED);
    assert_int_equal(outcome.first_index, first);
    assert_int_equal(outcome.first_result, KZ_RESULT_UNKNOWN_APPLICATION);
    assert_false(kz_machine_repeats(town.machine, &entry, town.time + 400 * DAY + 1, &outcome));

    assert_int_equal(town_apply(&town, entry), KZ_RESULT_REPEATED);
    assert_int_equal(town.outcome.first_index, first);
    assert_int_equal(town.outcome.first_result, KZ_RESULT_UNKNOWN_APPLICATION);
    entry.application_only.application = 2;
    assert_int_equal(town_apply(&town, entry), KZ_RESULT_CONFLICT);
    assert_int_equal(town.outcome.first_index, first + 2);

    assert_true(kz_machine_request(town.machine, entry.request, town.time, &index, &result));
    assert_int_equal(index, first);
    assert_int_equal(result, KZ_RESULT_UNKNOWN_APPLICATION);
    entry.request[0] = 2;
    assert_false(kz_machine_request(town.machine, entry.request, town.time, &index, &result));
    town_destroy(&town);
}

/* Its time and actor do not count; all else in its record does. */
static void a_decoded_entry_repeats_one_made_by_hand(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_outcome outcome;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry = town_entry(KZ_WITHDRAW);
    entry.application_only.application = 1;
    entry.request[0] = 1;
    assert_int_equal(town_apply(&town, entry), KZ_RESULT_UNKNOWN_APPLICATION);

    entry.actor = 9;
    entry.time = town.time + DAY;
    size_t size = kz_record_encode(&entry, record, sizeof record);
    assert_int_equal(kz_record_decode(record, size, &entry), KZ_OK);
    assert_ptr_equal(entry.record, record);
    assert_true(kz_machine_repeats(town.machine, &entry, entry.time, &outcome));
    assert_int_equal(outcome.result, KZ_RESULT_REPEATED);

    record[size - 1] ^= 1;
    assert_int_equal(kz_record_decode(record, size, &entry), KZ_OK);
    assert_true(kz_machine_repeats(town.machine, &entry, entry.time, &outcome));
    assert_int_equal(outcome.result, KZ_RESULT_CONFLICT);
    town_destroy(&town);
}

static void a_request_id_of_the_clock_is_passed_over(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_entry entry = town_entry(KZ_PUBLISH);
    entry.clock = (struct kz_clock_fields){1, MONDAY};
    entry.request[0] = 1;

    assert_int_equal(town_apply(&town, entry), KZ_RESULT_NOT_DUE);
    assert_int_equal(town_apply(&town, entry), KZ_RESULT_NOT_DUE);
    entry.type = KZ_BARRIER;
    assert_int_equal(town_apply(&town, entry), KZ_RESULT_OK);
    town_destroy(&town);
}

static void what_is_too_old_is_forgotten_two_at_a_time(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_machine_figures figures;
    struct kz_entry entry = town_entry(KZ_WITHDRAW);
    for (uint8_t i = 1; i <= 7; i++) {
        entry.request[0] = i;
        town_apply(&town, entry);
    }
    town.time += 400 * DAY + 1;
    static const uint64_t left[] = {5, 3, 1, 0, 0};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        town_apply(&town, town_entry(KZ_BARRIER));
        kz_machine_figures(town.machine, &figures);
        assert_int_equal(figures.requests, left[i]);
        assert_null(kz_check(town.machine));
    }
    town_destroy(&town);
}

static void a_node_refuses_what_an_actor_may_not_write(void **state)
{
    (void)state;
    struct town town = town_create();
    struct kz_entry vacancy = town_entry(KZ_VACANCY);
    vacancy.places = (struct kz_places_fields){1, 2021, KZ_ORDINARY, 0};
    assert_false(kz_machine_forbids(town.machine, &vacancy));

    struct kz_entry actor = town_entry(KZ_ACTOR);
    actor.actor_entry = (struct kz_actor_fields){.number = 1, .role = KZ_ADMINISTRATOR};
    assert_int_equal(town_apply(&town, actor), KZ_RESULT_OK);
    assert_true(kz_machine_forbids(town.machine, &vacancy));
    vacancy.actor = 1;
    assert_false(kz_machine_forbids(town.machine, &vacancy)); /* `invalid`, and that is appended */
    assert_int_equal(town_apply(&town, vacancy), KZ_RESULT_INVALID);

    vacancy.places.kindergarten = 9;
    assert_false(kz_machine_forbids(town.machine, &vacancy)); /* unknown, which is told apart */

    struct kz_actor_fields found;
    assert_true(kz_machine_actor(town.machine, 1, &found));
    assert_int_equal(found.role, KZ_ADMINISTRATOR);
    assert_false(kz_machine_actor(town.machine, 2, &found));
    town_destroy(&town);
}

/* A town with something of everything in it. */
static struct town busy_town(void)
{
    struct town town = town_create();
    uint64_t first = town_application(&town, KZ_OUT_OF_TURN);
    for (int i = 0; i < 300; i++)
        (void)town_application(&town, (uint8_t)(i % KZ_CATEGORY_END));
    struct kz_entry day = town_entry(KZ_CALENDAR);
    day.calendar = (struct kz_calendar_fields){MONDAY + 2, false};
    day.request[0] = 9;
    town_apply(&town, day);
    town_vacancy(&town, 1, 3);
    town_vacancy(&town, 2, 2);
    town_set_hour(&town, 0, 18);
    town_do_what_is_due(&town);
    town_set_hour(&town, 1, 7);
    town_do_what_is_due(&town);
    assert_int_equal(town_claim(&town, first, 1), KZ_RESULT_OK);
    town_vacancy(&town, 2, 2);
    return town;
}

static void an_image_opens_with_the_same_digest_and_goes_on_alike(void **state)
{
    (void)state;
    struct town towns[2] = {busy_town(), {0}};
    struct kz_clone clone = {0};
    uint8_t digests[2][KZ_ID_SIZE];

    kz_clone_save(&clone, towns[0].machine, TOWN_SEED);
    towns[1].time = towns[0].time;
    assert_int_equal(kz_clone_open(&clone, &towns[1].machine), KZ_OK);
    for (int day = 1; day <= 20; day++) {
        for (int i = 0; i < 2; i++) {
            assert_null(kz_check(towns[i].machine));
            digest_of(towns[i].machine, digests[i]);
            town_set_hour(&towns[i], day, 19);
            (void)town_application(&towns[i], KZ_GENERAL);
            town_vacancy(&towns[i], 1, 1);
            town_do_what_is_due(&towns[i]);
        }
        assert_memory_equal(digests[0], digests[1], KZ_ID_SIZE);
    }
    town_destroy(&towns[1]);
    town_destroy(&towns[0]);
    kz_clone_finish(&clone);
}

static void a_damaged_image_is_a_status(void **state)
{
    (void)state;
    struct town town = busy_town();
    struct kz_clone clone = {0};
    struct kz_machine *machine = NULL;

    kz_clone_save(&clone, town.machine, TOWN_SEED);
    size_t step = clone.size / 500;
    for (size_t at = 0; at < clone.size; at += step) {
        clone.bytes[at] ^= 0x10;
        enum kz_status status = kz_clone_open(&clone, &machine);
        clone.bytes[at] ^= 0x10;
        assert_true(status == KZ_CORRUPT || status == KZ_NEWER);
    }
    struct kz_clone cut = clone;
    for (cut.size = 0; cut.size < clone.size; cut.size += step)
        assert_int_equal(kz_clone_open(&cut, &machine), KZ_CORRUPT);
    assert_null(machine);
    town_destroy(&town);
    kz_clone_finish(&clone);
}

/* Hash tables that spread otherwise give another arrangement, and the same content. */
static void the_digest_does_not_depend_on_the_seed(void **state)
{
    (void)state;
    uint8_t digests[2][KZ_ID_SIZE];
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct town town = {.machine = kz_machine_create(&kz_allocator_system, seed)};
        town_set_hour(&town, 0, 9);
        struct kz_entry entry = town_entry(KZ_TERRITORY);
        entry.territory = (struct kz_territory_fields){1, {"Town", 4}, 0};
        entry.request[3] = 1;
        town_apply(&town, entry);
        for (int i = 0; i < 50; i++)
            (void)town_application(&town, KZ_GENERAL);
        digest_of(town.machine, digests[seed]);
        town_destroy(&town);
    }
    assert_memory_equal(digests[0], digests[1], KZ_ID_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_that_does_not_follow_changes_nothing),
        cmocka_unit_test(a_repeat_names_the_entry_that_it_repeats),
        cmocka_unit_test(a_decoded_entry_repeats_one_made_by_hand),
        cmocka_unit_test(a_request_id_of_the_clock_is_passed_over),
        cmocka_unit_test(what_is_too_old_is_forgotten_two_at_a_time),
        cmocka_unit_test(a_node_refuses_what_an_actor_may_not_write),
        cmocka_unit_test(an_image_opens_with_the_same_digest_and_goes_on_alike),
        cmocka_unit_test(a_damaged_image_is_a_status),
        cmocka_unit_test(the_digest_does_not_depend_on_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
