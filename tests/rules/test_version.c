/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that change: which version holds from which entry on, and who goes on. This program's
 * kz_rules_known() stands in the place of the product's. */
#include "tests/rules/clone.h"
#include "tests/rules/town.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint32_t known;

uint32_t kz_rules_known(void)
{
    return known;
}

static struct kz_entry version_entry(uint32_t rules)
{
    struct kz_entry entry = town_entry(KZ_VERSION_ENTRY);
    entry.version.rules = rules;
    return entry;
}

static enum kz_status begin_rules(struct town *town, uint32_t rules)
{
    struct kz_entry entry = version_entry(rules);
    entry.time = town->time;
    return kz_machine_apply(town->machine, kz_machine_applied(town->machine) + 1, &entry,
                            &town->outcome);
}

static void rules_that_are_not_known_are_not_begun(void **state)
{
    (void)state;
    known = 1;
    struct town town = town_create();
    uint8_t before[KZ_ID_SIZE];
    uint8_t after[KZ_ID_SIZE];
    kz_machine_digest(town.machine, before);
    uint64_t applied = kz_machine_applied(town.machine);

    assert_int_equal(begin_rules(&town, 2), KZ_NEWER);
    assert_int_equal(kz_machine_applied(town.machine), applied);
    assert_int_equal(kz_machine_rules(town.machine), 1);
    kz_machine_digest(town.machine, after);
    assert_memory_equal(before, after, KZ_ID_SIZE);

    assert_int_equal(begin_rules(&town, 1), KZ_OK);
    assert_int_equal(kz_machine_rules(town.machine), 1);
    town_destroy(&town);
}

static void the_highest_version_begun_holds(void **state)
{
    (void)state;
    known = 3;
    struct town town = town_create();
    const struct {
        uint32_t begun, holds;
    } steps[] = {{0, 1}, {1, 1}, {2, 2}, {1, 2}, {3, 3}, {2, 3}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(begin_rules(&town, steps[i].begun), KZ_OK);
        assert_int_equal(town.outcome.result, KZ_RESULT_OK);
        assert_int_equal(kz_machine_rules(town.machine), steps[i].holds);
    }
    assert_int_equal(begin_rules(&town, 4), KZ_NEWER);
    town_destroy(&town);
}

/* Two ledgers of equal length and time differ in nothing but the version that holds. */
static void the_digest_tells_the_version_from_the_second_on(void **state)
{
    (void)state;
    known = 2;
    uint8_t digests[3][KZ_ID_SIZE];
    for (uint32_t rules = 0; rules <= 2; rules++) {
        struct town town = town_create();
        assert_int_equal(begin_rules(&town, rules), KZ_OK);
        kz_machine_digest(town.machine, digests[rules]);
        town_destroy(&town);
    }
    assert_memory_equal(digests[0], digests[1], KZ_ID_SIZE);
    assert_memory_not_equal(digests[1], digests[2], KZ_ID_SIZE);
}

static void an_image_keeps_the_version(void **state)
{
    (void)state;
    known = 2;
    struct town town = town_create();
    struct kz_clone clone = {0};
    struct kz_machine *opened = NULL;
    uint8_t saved[KZ_ID_SIZE];
    uint8_t again[KZ_ID_SIZE];
    assert_int_equal(begin_rules(&town, 2), KZ_OK);
    kz_clone_save(&clone, town.machine, TOWN_SEED);

    assert_int_equal(kz_clone_open(&clone, &opened), KZ_OK);
    assert_int_equal(kz_machine_rules(opened), 2);
    kz_machine_digest(town.machine, saved);
    kz_machine_digest(opened, again);
    assert_memory_equal(saved, again, KZ_ID_SIZE);
    kz_machine_destroy(opened);

    known = 1;
    assert_int_equal(kz_clone_open(&clone, &opened), KZ_NEWER);
    kz_clone_finish(&clone);
    town_destroy(&town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_that_are_not_known_are_not_begun),
        cmocka_unit_test(the_highest_version_begun_holds),
        cmocka_unit_test(the_digest_tells_the_version_from_the_second_on),
        cmocka_unit_test(an_image_keeps_the_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
