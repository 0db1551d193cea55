/* SPDX-License-Identifier: Apache-2.0 */
/* The table against a model that keeps each record's stamp in a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "statemachine/queue/table.h"
#include "tests/queue/support.h"

#include <string.h>

#define RECORD_SIZE   20
#define SEGMENT_SHIFT 3
#define OPERATIONS    50000

static void slots_are_given_out_lowest_first_then_last_removed_first(void **state)
{
    (void)state;
    struct kz_table table;
    kz_table_init(&table, &kz_allocator_system, RECORD_SIZE, SEGMENT_SHIFT);

    for (uint32_t slot = 0; slot < 20; slot++)
        assert_int_equal(kz_table_add(&table), slot);
    kz_table_remove(&table, 4);
    kz_table_remove(&table, 17);
    kz_table_remove(&table, 9);
    assert_int_equal(table.count, 17);
    assert_int_equal(kz_table_add(&table), 9);
    assert_int_equal(kz_table_add(&table), 17);
    assert_int_equal(kz_table_add(&table), 4);
    assert_int_equal(kz_table_add(&table), 20);
    kz_table_finish(&table);
}

static void a_record_never_moves(void **state)
{
    (void)state;
    struct kz_table table;
    kz_table_init(&table, &kz_allocator_system, RECORD_SIZE, 0);

    const void *first = kz_table_at(&table, kz_table_add(&table));
    for (uint32_t i = 0; i < 1000; i++)
        (void)kz_table_add(&table);
    assert_ptr_equal(first, kz_table_at(&table, 0));
    kz_table_finish(&table);
}

static void an_unused_table_allocates_nothing(void **state)
{
    (void)state;
    uint64_t bytes;
    struct kz_allocator allocator = counting_allocator(&bytes);
    struct kz_table table;
    kz_table_init(&table, &allocator, RECORD_SIZE, SEGMENT_SHIFT);

    assert_int_equal(bytes, 0);
    kz_table_finish(&table);
    assert_int_equal(bytes, 0);
}

/* Adds or removes one record. STAMPS: each slot's content; 0 is a free one. */
static void step(struct kz_table *table, uint64_t *random, uint32_t *stamps, uint32_t used_before)
{
    static const uint8_t zeros[RECORD_SIZE];
    uint32_t slot = table->used == 0 ? 0 : random_below(random, table->used);

    if (table->used > 0 && stamps[slot] != 0 && random_below(random, 100) < 48) {
        kz_table_remove(table, slot);
        stamps[slot] = 0;
        return;
    }
    slot = kz_table_add(table);
    assert_true(slot <= used_before);
    assert_int_equal(stamps[slot], 0);
    assert_memory_equal(kz_table_at(table, slot), zeros, RECORD_SIZE);
    stamps[slot] = 1 + random_below(random, UINT32_MAX - 1);
    for (uint32_t i = 0; i < RECORD_SIZE / 4; i++) {
        ((uint32_t *)kz_table_at(table, slot))[i] = stamps[slot];
    }
}

static void check(const struct kz_table *table, const uint32_t *stamps)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < table->used; slot++) {
        if (stamps[slot] == 0) continue;
        count++;
        for (uint32_t i = 0; i < RECORD_SIZE / 4; i++) {
            assert_int_equal(((uint32_t *)kz_table_at(table, slot))[i], stamps[slot]);
        }
    }
    assert_int_equal(table->count, count);
}

static void random_histories_agree_with_the_model(void **state)
{
    (void)state;
    static uint32_t stamps[OPERATIONS];

    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t random = seed;
        uint64_t bytes;
        struct kz_allocator allocator = counting_allocator(&bytes);
        struct kz_table table;
        kz_table_init(&table, &allocator, RECORD_SIZE, SEGMENT_SHIFT);
        memset(stamps, 0, sizeof stamps);

        for (uint32_t i = 0; i < OPERATIONS; i++) {
            step(&table, &random, stamps, table.used);
            if (i % 1000 == 0) check(&table, stamps);
        }
        check(&table, stamps);
        assert_int_equal(kz_table_bytes(&table), bytes);
        kz_table_finish(&table);
        assert_int_equal(bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_given_out_lowest_first_then_last_removed_first),
        cmocka_unit_test(a_record_never_moves),
        cmocka_unit_test(an_unused_table_allocates_nothing),
        cmocka_unit_test(random_histories_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
