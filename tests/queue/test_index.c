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

#define KEYS       3000
#define OPERATIONS 60000

struct record {
    uint32_t key;
    uint32_t link;
};

static uint64_t hash_key(uint32_t key, uint64_t seed)
{
    return kz_hash64(&key, sizeof key, seed);
}

static uint64_t hash_record(const void *record, uint64_t seed)
{
    return hash_key(((const struct record *)record)->key, seed);
}

static uint64_t hash_all_alike(const void *record, uint64_t seed)
{
    (void)record;
    (void)seed;
    return UINT64_MAX;
}

struct fixture {
    uint64_t bytes;
    struct kz_allocator allocator;
    struct kz_table records;
    struct kz_index index;
};

static void begin(struct fixture *fixture, uint64_t (*hash)(const void *, uint64_t), uint64_t seed)
{
    fixture->allocator = counting_allocator(&fixture->bytes);
    kz_table_init(&fixture->records, &fixture->allocator, sizeof(struct record), 6);
    kz_index_init(&fixture->index, &fixture->records, offsetof(struct record, link), hash, seed);
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
    ((struct record *)kz_table_at(&fixture->records, slot))->key = key;
    kz_index_add(&fixture->index, slot);
    return slot;
}

/* Returns: how many records of KEY the index finds; OUT_SLOT is one of them. */
static uint32_t find(const struct fixture *fixture, uint32_t key, uint64_t hash, uint32_t *out_slot)
{
    uint32_t found = 0;
    uint32_t slot = kz_index_first(&fixture->index, hash);

    for (; slot != KZ_NO_SLOT; slot = kz_index_next(&fixture->index, slot)) {
        if (((struct record *)kz_table_at(&fixture->records, slot))->key != key) continue;
        *out_slot = slot;
        found++;
    }
    return found;
}

static void an_empty_index_finds_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, hash_record, 1);

    assert_int_equal(kz_index_first(&fixture.index, 0), KZ_NO_SLOT);
    assert_int_equal(kz_index_first(&fixture.index, UINT64_MAX), KZ_NO_SLOT);
    end(&fixture);
}

static void records_with_one_hash_are_all_found(void **state)
{
    (void)state;
    struct fixture fixture;
    uint32_t slot;
    begin(&fixture, hash_all_alike, 1);

    for (uint32_t key = 0; key < 100; key++)
        (void)add(&fixture, key);
    for (uint32_t key = 0; key < 100; key += 2) {
        assert_int_equal(find(&fixture, key, UINT64_MAX, &slot), 1);
        kz_index_remove(&fixture.index, slot);
    }
    for (uint32_t key = 0; key < 100; key++) {
        assert_int_equal(find(&fixture, key, UINT64_MAX, &slot), key % 2);
    }
    end(&fixture);
}

static void there_are_as_many_buckets_as_the_most_records(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, hash_record, 1);

    for (uint32_t key = 1; key <= 5000; key++) {
        (void)add(&fixture, key);
        const struct kz_index *index = &fixture.index;
        assert_true(index->split < UINT32_C(1) << index->level);
        assert_int_equal(index->heads.count, (UINT32_C(1) << index->level) + index->split);
        assert_in_range(index->heads.count, key, key + 1);
    }
    end(&fixture);
}

static void chains_stay_short(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, hash_record, 7);
    for (uint32_t key = 0; key < 100000; key++)
        (void)add(&fixture, key);

    uint32_t longest = 0;
    for (uint32_t key = 0; key < 100000; key++) {
        uint32_t length = 0;
        uint32_t slot = kz_index_first(&fixture.index, hash_key(key, 7));
        for (; slot != KZ_NO_SLOT; slot = kz_index_next(&fixture.index, slot))
            length++;
        if (length > longest) longest = length;
    }
    assert_in_range(longest, 1, 20);
    end(&fixture);
}

static void random_histories_agree_with_the_model(void **state)
{
    (void)state;
    static bool present[KEYS];

    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct fixture fixture;
        uint64_t random = seed;
        uint32_t count = 0;
        memset(present, 0, sizeof present);
        begin(&fixture, hash_record, seed);

        for (uint32_t i = 0; i < OPERATIONS; i++) {
            uint32_t key = random_below(&random, i < OPERATIONS / 2 ? KEYS : KEYS / 8);
            uint32_t slot = KZ_NO_SLOT;
            assert_int_equal(find(&fixture, key, hash_key(key, seed), &slot), present[key]);
            if (present[key]) {
                kz_index_remove(&fixture.index, slot);
                kz_table_remove(&fixture.records, slot);
            } else {
                (void)add(&fixture, key);
            }
            count += present[key] ? UINT32_MAX : 1;
            present[key] = !present[key];
            assert_int_equal(fixture.index.count, count);
        }
        for (uint32_t key = 0; key < KEYS; key++) {
            uint32_t slot;
            assert_int_equal(find(&fixture, key, hash_key(key, seed), &slot), present[key]);
        }
        end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_index_finds_nothing),
        cmocka_unit_test(records_with_one_hash_are_all_found),
        cmocka_unit_test(there_are_as_many_buckets_as_the_most_records),
        cmocka_unit_test(chains_stay_short),
        cmocka_unit_test(random_histories_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
