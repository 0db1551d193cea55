/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a model that looks at every slot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "statemachine/base/checksum.h"
#include "statemachine/queue/index.h"
#include "tests/queue/support.h"

#include <stdbool.h>
#include <string.h>

#define KEYS       9000
#define OPERATIONS 60000

static uint64_t hash_well(uint32_t key)
{
    return kz_hash64(&key, sizeof key, 7);
}

/* The tags of the last home, of the first, and few in between: pages with long runs. */
static uint64_t hash_all_alike(uint32_t key)
{
    (void)key;
    return UINT64_MAX;
}

static uint64_t hash_to_zero(uint32_t key)
{
    (void)key;
    return 0;
}

static uint64_t hash_to_few(uint32_t key)
{
    return hash_well(key % 7);
}

/* Nearly all tags of a page have one home. */
static uint64_t hash_to_one_home(uint32_t key)
{
    return UINT64_C(0xffff0000) + key;
}

struct fixture {
    uint64_t bytes;
    struct kz_allocator allocator;
    struct kz_table records; /* of keys */
    struct kz_index index;
    uint64_t (*hash)(uint32_t key);
};

static void begin(struct fixture *fixture, uint64_t (*hash)(uint32_t key))
{
    fixture->allocator = counting_allocator(&fixture->bytes);
    fixture->hash = hash;
    kz_table_init(&fixture->records, &fixture->allocator, sizeof(uint32_t), 6);
    kz_index_init(&fixture->index, &fixture->allocator);
}

static uint32_t key_at(const struct fixture *fixture, uint32_t slot)
{
    return *(const uint32_t *)kz_table_at(&fixture->records, slot);
}

static void end(struct fixture *fixture)
{
    assert_int_equal(kz_index_bytes(&fixture->index) + kz_table_bytes(&fixture->records),
                     fixture->bytes);
    kz_index_finish(&fixture->index);
    kz_table_finish(&fixture->records);
    assert_int_equal(fixture->bytes, 0);
}

static uint32_t add(struct fixture *fixture, uint32_t key)
{
    uint32_t slot = kz_table_add(&fixture->records);
    *(uint32_t *)kz_table_at(&fixture->records, slot) = key;
    kz_index_add(&fixture->index, fixture->hash(key), slot);
    return slot;
}

/* Returns: how many records of KEY the index finds; OUT_SLOT is one of them. */
static uint32_t find(const struct fixture *fixture, uint32_t key, uint32_t *out_slot)
{
    uint32_t found = 0;
    struct kz_index_search search = kz_index_look(&fixture->index, fixture->hash(key));
    uint32_t slot;

    while ((slot = kz_index_next(&search)) != KZ_NO_SLOT) {
        if (key_at(fixture, slot) != key) continue;
        *out_slot = slot;
        found++;
    }
    return found;
}

static void an_empty_index_finds_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    uint32_t slot;

    begin(&fixture, hash_to_zero);
    assert_int_equal(find(&fixture, 0, &slot), 0);
    end(&fixture);
    begin(&fixture, hash_all_alike);
    assert_int_equal(find(&fixture, 0, &slot), 0);
    end(&fixture);
}

static void records_with_one_hash_are_all_found(void **state)
{
    (void)state;
    uint64_t (*const hashes[])(uint32_t) = {hash_all_alike, hash_to_zero, hash_to_few,
                                            hash_to_one_home};

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        struct fixture fixture;
        uint32_t slot;
        begin(&fixture, hashes[i]);
        for (uint32_t key = 0; key < 5000; key++)
            (void)add(&fixture, key);
        for (uint32_t key = 0; key < 5000; key += 2) {
            assert_int_equal(find(&fixture, key, &slot), 1);
            kz_index_remove(&fixture.index, fixture.hash(key), slot);
        }
        for (uint32_t key = 0; key < 5000; key++) {
            assert_int_equal(find(&fixture, key, &slot), key % 2);
        }
        end(&fixture);
    }
}

static void pages_follow_the_count(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, hash_well);

    for (uint32_t key = 1; key <= 50000; key++) {
        (void)add(&fixture, key);
        const struct kz_index *index = &fixture.index;
        assert_true(index->split < UINT32_C(1) << index->level);
        assert_int_equal(index->pages.count, (UINT32_C(1) << index->level) + index->split);
        assert_int_equal(index->pages.count, (key + 3071) / 3072);
    }
    end(&fixture);
}

/* The budget: 56 bytes for a remembered request, whose record has 44. */
static void a_slot_costs_less_than_twelve_bytes(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, hash_well);

    for (uint32_t key = 1; key <= 400000; key++) {
        (void)add(&fixture, key);
        if (key >= 20000) assert_true(kz_index_bytes(&fixture.index) < UINT64_C(12) * key);
    }
    end(&fixture);
}

static void searches_are_short(void **state)
{
    (void)state;
    struct fixture fixture;
    uint64_t cells = 0;
    begin(&fixture, hash_well);
    for (uint32_t key = 0; key < 100000; key++)
        (void)add(&fixture, key);

    for (uint32_t key = 0; key < 200000; key++) {
        struct kz_index_search search = kz_index_look(&fixture.index, hash_well(key));
        const uint64_t *home = search.cell;
        while (kz_index_next(&search) != KZ_NO_SLOT)
            continue;
        assert_in_range(search.cell - home, 0, 200);
        cells += (uint64_t)(search.cell - home);
    }
    assert_in_range(cells, 200000, 4 * 200000);
    end(&fixture);
}

/* Adds or removes the record of a random key. */
static void step(struct fixture *fixture, uint64_t *random, uint32_t keys, bool *present)
{
    uint32_t key = random_below(random, keys);
    uint32_t slot = KZ_NO_SLOT;
    uint32_t count = fixture->index.count;

    assert_int_equal(find(fixture, key, &slot), present[key]);
    if (present[key]) {
        kz_index_remove(&fixture->index, fixture->hash(key), slot);
        kz_table_remove(&fixture->records, slot);
    } else {
        (void)add(fixture, key);
    }
    assert_int_equal(fixture->index.count, present[key] ? count - 1 : count + 1);
    present[key] = !present[key];
}

static void random_histories_agree_with_the_model(void **state)
{
    (void)state;
    static bool present[KEYS];
    uint64_t (*const hashes[])(uint32_t) = {hash_well, hash_well, hash_to_few, hash_to_one_home};

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        struct fixture fixture;
        uint64_t random = i;
        memset(present, 0, sizeof present);
        begin(&fixture, hashes[i]);

        for (uint32_t j = 0; j < OPERATIONS; j++)
            step(&fixture, &random, j < OPERATIONS / 2 ? KEYS : KEYS / 8, present);
        for (uint32_t key = 0; key < KEYS; key++) {
            uint32_t slot;
            assert_int_equal(find(&fixture, key, &slot), present[key]);
        }
        end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_index_finds_nothing),
        cmocka_unit_test(records_with_one_hash_are_all_found),
        cmocka_unit_test(pages_follow_the_count),
        cmocka_unit_test(a_slot_costs_less_than_twelve_bytes),
        cmocka_unit_test(searches_are_short),
        cmocka_unit_test(random_histories_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
