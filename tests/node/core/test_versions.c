/* SPDX-License-Identifier: Apache-2.0 */
/* Later rules begin when every member knows them, and not before. Each node is a program of its own
 * here: kz_rules_known() answers for the one whose turn it is, in the place of the product's. */
#include "tests/simulation/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_MS 10000

static struct kz_sim sim;
static struct kz_sim_client client;
static uint32_t known[KZ_SIM_NODES_MAX + 1]; /* by node */
static uint64_t turn;

uint32_t kz_rules_known(void)
{
    return known[turn];
}

static void before_turn(uint64_t id)
{
    turn = id;
}

static int begin(void **state)
{
    (void)state;
    const struct kz_sim_options options = {.seed = 9, .nodes = 3, .digest_interval = 10};
    for (uint64_t id = 0; id <= 3; id++)
        known[id] = 1;
    kz_sim_init(&sim, &options);
    sim.before_turn = before_turn;
    kz_sim_start_all(&sim);
    return 0;
}

static int end(void **state)
{
    (void)state;
    kz_sim_disconnect(&client);
    kz_sim_finish(&sim);
    return 0;
}

/* Installs another program on node ID. */
static void install(uint64_t id, uint32_t rules)
{
    kz_sim_crash(&sim, id);
    known[id] = rules;
    kz_sim_start(&sim, id);
    assert_true(kz_sim_converge(&sim, LIMIT_MS));
}

/* Appends COUNT entries. */
static void append(unsigned count)
{
    static uint64_t request;
    uint64_t leader = kz_sim_elect(&sim, LIMIT_MS);
    assert_int_not_equal(leader, 0);
    kz_sim_disconnect(&client);
    kz_sim_connect(&sim, &client, leader);
    for (unsigned i = 0; i < count; i++) {
        struct kz_entry entry = kz_sim_territory(++request);
        assert_int_equal(kz_sim_ask(&client, &entry).code, KZ_ANSWER_APPLIED);
    }
    assert_true(kz_sim_converge(&sim, LIMIT_MS));
    kz_sim_run(&sim, 1000); /* results are stored lazily */
}

/* Returns: the index of the only entry of TYPE after AFTER on node ID; 0: none. */
static uint64_t find(uint64_t id, enum kz_entry_type type, uint64_t after)
{
    uint64_t found = 0;
    const struct kz_sim_disk *disk = &sim.nodes[id].disk;
    for (uint64_t index = after + 1; index <= disk->last; index++) {
        if (kz_record_type(disk->entries[index - 1].record) != type) continue;
        if (type == KZ_VERSION_ENTRY) assert_int_equal(found, 0);
        found = index;
    }
    return found;
}

static struct kz_entry entry_at(uint64_t id, uint64_t index)
{
    struct kz_entry entry;
    const struct kz_sim_entry *stored = &sim.nodes[id].disk.entries[index - 1];
    assert_int_equal(kz_record_decode(stored->record, stored->size, &entry), KZ_OK);
    return entry;
}

static void later_rules_begin_with_the_last_upgrade(void **state)
{
    (void)state;
    append(15);
    install(1, 2);
    append(15);
    install(2, 2);
    append(15);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(find(id, KZ_VERSION_ENTRY, 0), 0);
        assert_int_equal(kz_sim_figures(&sim, id).rules, 1);
    }
    uint64_t last = sim.nodes[1].disk.last;
    assert_int_equal(entry_at(1, find(1, KZ_DIGEST, 0)).digest.version, 1);

    install(3, 2);
    append(15);
    kz_sim_run(&sim, 3000);
    uint64_t begun = find(1, KZ_VERSION_ENTRY, 0);
    assert_true(begun > last);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(find(id, KZ_VERSION_ENTRY, 0), begun);
        assert_int_equal(entry_at(id, begun).version.rules, 2);
        assert_int_equal(kz_sim_figures(&sim, id).rules, 2);
        uint64_t digest = find(id, KZ_DIGEST, begun);
        assert_true(digest > 0 && entry_at(id, digest).digest.at > begun);
        assert_int_equal(entry_at(id, digest).digest.version, 2);
    }
}

static void nothing_begins_while_a_member_is_away(void **state)
{
    (void)state;
    install(1, 3);
    install(3, 3);
    install(2, 2);
    append(1);
    uint64_t begun = find(1, KZ_VERSION_ENTRY, 0);
    assert_true(begun > 0);
    assert_int_equal(entry_at(1, begun).version.rules, 2);

    kz_sim_crash(&sim, 3);
    install(2, 3);
    append(15);
    assert_int_equal(find(1, KZ_VERSION_ENTRY, begun), 0);
    kz_sim_start(&sim, 3);
    append(15);
    uint64_t next = find(1, KZ_VERSION_ENTRY, begun);
    assert_true(next > begun);
    assert_int_equal(entry_at(1, next).version.rules, 3);
}

static void await_refusal(uint64_t id)
{
    for (unsigned i = 0; i < LIMIT_MS && !sim.nodes[id].halted; i++)
        kz_sim_run(&sim, 1);
    assert_true(sim.nodes[id].halted);
    assert_int_equal(sim.nodes[id].halt.status, KZ_NEWER);
    assert_non_null(strstr(sim.nodes[id].halt.text, "knows rules 1: install"));
}

static void who_does_not_know_the_rules_does_not_start(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 3; id++)
        install(id, 2);
    append(5);
    uint64_t begun = find(1, KZ_VERSION_ENTRY, 0);
    assert_true(begun > 0);

    kz_sim_crash(&sim, 2);
    known[2] = 1;
    kz_sim_start(&sim, 2);
    await_refusal(2);
    install(2, 2);
    append(5);
}

/* An older program is started on a ledger that ends before the entry, which the others then bring.
 */
static void who_meets_later_rules_stops_before_them(void **state)
{
    (void)state;
    install(1, 2);
    install(2, 2);
    kz_sim_crash(&sim, 3);
    known[3] = 2;
    kz_sim_start(&sim, 3);
    uint64_t begun = 0;
    for (unsigned i = 0; i < LIMIT_MS && begun == 0; i++) {
        kz_sim_run(&sim, 1);
        begun = find(1, KZ_VERSION_ENTRY, 0) + find(2, KZ_VERSION_ENTRY, 0);
    }
    assert_true(begun > 0);
    kz_sim_crash(&sim, 3);
    assert_true(sim.nodes[3].disk.applied < begun);
    known[3] = 1;
    kz_sim_start(&sim, 3);
    await_refusal(3);
    assert_true(sim.nodes[3].disk.applied < begun);
    append(15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(later_rules_begin_with_the_last_upgrade, begin, end),
        cmocka_unit_test_setup_teardown(nothing_begins_while_a_member_is_away, begin, end),
        cmocka_unit_test_setup_teardown(who_does_not_know_the_rules_does_not_start, begin, end),
        cmocka_unit_test_setup_teardown(who_meets_later_rules_stops_before_them, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
