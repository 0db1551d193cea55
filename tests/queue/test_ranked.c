/* SPDX-License-Identifier: Apache-2.0 */
/* Ranked sets against a sorted array, and their shape against the order of insertion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "statemachine/queue/chunk.h"
#include "statemachine/queue/ranked.h"
#include "tests/queue/support.h"

#include <string.h>

#define KEYS_MAX   20000
#define OPERATIONS 40000

struct model {
    struct kz_rank_key keys[KEYS_MAX];
    uint32_t count;
};

static int compare(const struct kz_rank_key *a, const struct kz_rank_key *b)
{
    if (a->applied_at != b->applied_at) return a->applied_at < b->applied_at ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static uint32_t model_rank(const struct model *model, const struct kz_rank_key *key)
{
    uint32_t rank = 0;
    uint32_t end = model->count;

    while (rank < end) {
        uint32_t middle = (rank + end) / 2;
        if (compare(&model->keys[middle], key) < 0) {
            rank = middle + 1;
        } else {
            end = middle;
        }
    }
    return rank;
}

static void model_insert(struct model *model, struct kz_rank_key key)
{
    uint32_t rank = model_rank(model, &key);
    memmove(&model->keys[rank + 1], &model->keys[rank], (model->count - rank) * sizeof key);
    model->keys[rank] = key;
    model->count++;
}

static void model_remove(struct model *model, uint32_t rank)
{
    model->count--;
    memmove(&model->keys[rank], &model->keys[rank + 1],
            (model->count - rank) * sizeof *model->keys);
}

static void assert_key_equal(const struct kz_rank_key *a, const struct kz_rank_key *b)
{
    assert_int_equal(a->applied_at, b->applied_at);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->slot, b->slot);
}

/* Checks the invariants below one chunk and writes its shape, names aside, into *SHAPE.
 * FIRST and LAST are the keys' bounds. Returns: the keys below it. */
static uint32_t walk(const struct kz_ranked_pool *pool, unsigned level, uint32_t name,
                     struct kz_rank_key *last, uint64_t *shape)
{
    if (name == KZ_NO_CHUNK) return 0;

    struct kz_chunk *chunk = kz_chunk_at(pool, level, name);
    uint32_t sum = 0;
    assert_in_range(chunk->count, 1, chunk->capacity);
    for (uint32_t i = 0; i < chunk->count; i++) {
        const struct kz_rank_key *key = &chunk->keys[i];
        if (level > 0) {
            uint32_t below = walk(pool, level - 1, key->slot, last, shape);
            assert_int_equal(kz_chunk_weights(chunk)[i], below);
            assert_true(compare(last, key) <= 0);
            sum += below;
        } else {
            assert_true(compare(last, key) < 0);
            *last = *key;
            sum++;
        }
        uint64_t words[] = {*shape,       level,           i,
                            chunk->count, chunk->capacity, (uint64_t)key->applied_at,
                            key->number};
        uint64_t state = 0;
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
            state ^= words[w];
            state = random_next(&state);
        }
        *shape = state;
    }
    return sum;
}

/* Returns: a fingerprint of SET's whole structure, names and slots aside. */
static uint64_t shape_of(const struct kz_ranked_pool *pool, const struct kz_ranked *set)
{
    struct kz_rank_key last = {INT64_MIN, 0, 0};
    uint64_t shape = set->height;

    assert_int_equal(walk(pool, set->height, set->root, &last, &shape), set->count);
    return shape;
}

static void check_reads(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                        const struct model *model)
{
    static struct kz_rank_key keys[KEYS_MAX];

    assert_int_equal(set->count, model->count);
    assert_int_equal(kz_ranked_read(pool, set, 0, keys, KEYS_MAX), model->count);
    for (uint32_t i = 0; i < model->count; i++)
        assert_key_equal(&keys[i], &model->keys[i]);
    assert_int_equal(kz_ranked_read(pool, set, model->count, keys, KEYS_MAX), 0);
    (void)shape_of(pool, set);
}

/* One random question at a random rank. */
static void ask(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                const struct model *model, uint64_t *random)
{
    if (model->count == 0) return;

    uint32_t rank = random_below(random, model->count);
    struct kz_rank_key key = kz_ranked_at(pool, set, rank);
    assert_key_equal(&key, &model->keys[rank]);
    assert_int_equal(kz_ranked_rank(pool, set, key), rank);

    struct kz_rank_key some[50];
    uint32_t count = kz_ranked_read(pool, set, rank, some, 50);
    assert_int_equal(count, model->count - rank < 50 ? model->count - rank : 50);
    for (uint32_t i = 0; i < count; i++)
        assert_key_equal(&some[i], &model->keys[rank + i]);
}

static struct kz_rank_key random_key(uint64_t *random, uint32_t dates)
{
    return (struct kz_rank_key){
        .applied_at = (int64_t)random_below(random, dates) - dates / 2,
        .number = random_below(random, 1000),
        .slot = random_below(random, UINT32_MAX),
    };
}

static void random_history(uint64_t seed, uint32_t dates, uint32_t target)
{
    static struct model model;
    uint64_t bytes;
    struct kz_allocator allocator = counting_allocator(&bytes);
    struct kz_ranked_pool *pool = kz_ranked_pool_create(&allocator);
    struct kz_ranked set = {0};
    uint64_t random = seed;
    model.count = 0;

    for (uint32_t i = 0; i < OPERATIONS; i++) {
        bool growing = random_below(&random, 2 * target) >= model.count;
        struct kz_rank_key key = random_key(&random, dates);
        uint32_t rank = model_rank(&model, &key);
        bool there = rank < model.count && compare(&key, &model.keys[rank]) == 0;
        assert_int_equal(kz_ranked_rank(pool, &set, key), rank);
        if (growing && !there) {
            kz_ranked_insert(pool, &set, key);
            model_insert(&model, key);
        } else if (!growing && model.count > 0) {
            rank = random_below(&random, model.count);
            kz_ranked_remove(pool, &set, model.keys[rank]);
            model_remove(&model, rank);
        }
        ask(pool, &set, &model, &random);
        if (i % 2000 == 0) check_reads(pool, &set, &model);
    }
    while (model.count > 0) {
        uint32_t rank = random_below(&random, model.count);
        kz_ranked_remove(pool, &set, model.keys[rank]);
        model_remove(&model, rank);
    }
    check_reads(pool, &set, &model);
    assert_int_equal(set.root, 0);
    assert_int_equal(set.height, 0);
    assert_int_equal(kz_ranked_pool_bytes(pool), bytes);
    kz_ranked_pool_destroy(pool);
    assert_int_equal(bytes, 0);
}

static void random_histories_agree_with_the_model(void **state)
{
    (void)state;
    static const struct {
        uint32_t dates;
        uint32_t target;
    } cases[] = {{3, 2}, {1000, 40}, {50, 1000}, {1000000, 8000}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            random_history(seed, cases[i].dates, cases[i].target);
        }
    }
}

static void an_empty_set_has_rank_zero_for_all(void **state)
{
    (void)state;
    struct kz_ranked_pool *pool = kz_ranked_pool_create(&kz_allocator_system);
    struct kz_ranked set = {0};
    struct kz_rank_key out;

    assert_int_equal(kz_ranked_rank(pool, &set, (struct kz_rank_key){INT64_MAX, UINT32_MAX, 0}), 0);
    assert_int_equal(kz_ranked_rank(pool, &set, (struct kz_rank_key){INT64_MIN, 0, 0}), 0);
    assert_int_equal(kz_ranked_read(pool, &set, 0, &out, 1), 0);
    kz_ranked_pool_destroy(pool);
}

static void the_smallest_and_the_greatest_keys_have_their_ranks(void **state)
{
    (void)state;
    static const struct kz_rank_key keys[] = {
        {INT64_MIN, 0, 1},   {INT64_MIN, UINT32_MAX, 2},
        {-1, UINT32_MAX, 3}, {0, 0, 4},
        {0, 1, 5},           {1, 0, 6},
        {INT64_MAX, 0, 7},   {INT64_MAX, UINT32_MAX - 1, 8},
    };
    const uint32_t count = sizeof keys / sizeof *keys;
    struct kz_ranked_pool *pool = kz_ranked_pool_create(&kz_allocator_system);
    struct kz_ranked set = {0};

    for (uint32_t i = count; i > 0; i--)
        kz_ranked_insert(pool, &set, keys[i - 1]);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(kz_ranked_rank(pool, &set, keys[i]), i);
        struct kz_rank_key key = kz_ranked_at(pool, &set, i);
        assert_key_equal(&key, &keys[i]);
    }
    kz_ranked_pool_destroy(pool);
}

static void shuffle(struct kz_rank_key *keys, uint32_t count, uint64_t *random)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = random_below(random, i);
        struct kz_rank_key key = keys[i - 1];
        keys[i - 1] = keys[other];
        keys[other] = key;
    }
}

/* Builds the set of the first COUNT keys in a random order, with others that come and go. */
static uint64_t shape_of_history(struct kz_rank_key *keys, uint32_t count, uint32_t others,
                                 uint64_t seed)
{
    struct kz_ranked_pool *pool = kz_ranked_pool_create(&kz_allocator_system);
    struct kz_ranked set = {0};
    uint64_t random = seed;

    shuffle(keys, count, &random);
    shuffle(keys + count, others, &random);
    uint32_t coming = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (coming < others) kz_ranked_insert(pool, &set, keys[count + coming++]);
        kz_ranked_insert(pool, &set, keys[i]);
    }
    while (coming > 0)
        kz_ranked_remove(pool, &set, keys[count + --coming]);

    uint64_t shape = shape_of(pool, &set);
    assert_int_equal(set.count, count);
    kz_ranked_pool_destroy(pool);
    return shape;
}

static void the_shape_follows_from_the_contents_alone(void **state)
{
    (void)state;
    static struct kz_rank_key keys[KEYS_MAX];
    static const uint32_t counts[] = {0, 1, 2, 31, 200, 3000, KEYS_MAX / 2};
    uint64_t random = 1;

    for (uint32_t i = 0; i < KEYS_MAX; i++) {
        keys[i] = (struct kz_rank_key){(int64_t)(random_next(&random) >> 24), i, i};
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint32_t count = counts[i];
        uint64_t shape = shape_of_history(keys, count, 0, 1);
        for (uint64_t seed = 2; seed <= 6; seed++) {
            assert_true(shape_of_history(keys, count, count * (seed % 2), seed) == shape);
        }
    }
}

static void sets_of_one_pool_do_not_disturb_each_other(void **state)
{
    (void)state;
    enum { SETS = 500, EACH = 60 };
    static struct kz_ranked sets[SETS];
    struct kz_ranked_pool *pool = kz_ranked_pool_create(&kz_allocator_system);
    memset(sets, 0, sizeof sets);

    for (uint32_t i = 0; i < EACH; i++) {
        for (uint32_t s = 0; s < SETS; s++) {
            kz_ranked_insert(pool, &sets[s], (struct kz_rank_key){(int64_t)i * 7 % EACH, s, i});
        }
    }
    for (uint32_t s = 0; s < SETS; s++) {
        assert_int_equal(sets[s].count, EACH);
        for (uint32_t i = 0; i < EACH; i++) {
            struct kz_rank_key key = kz_ranked_at(pool, &sets[s], i);
            assert_int_equal(key.applied_at, i);
            assert_int_equal(key.number, s);
        }
    }
    kz_ranked_pool_destroy(pool);
}

static void a_leaf_of_any_length_works(void **state)
{
    (void)state;
    enum { LENGTH = 5000 };
    struct kz_ranked_pool *pool = kz_ranked_pool_create(&kz_allocator_system);
    struct kz_ranked set = {0};

    /* Keys are kept as long as none of them closes a chunk: such a set has one leaf. */
    for (uint32_t number = 0; set.count < LENGTH; number++) {
        struct kz_rank_key key = {(int64_t)(number % 3), number, 0};
        kz_ranked_insert(pool, &set, key);
        if (set.height > 0) kz_ranked_remove(pool, &set, key);
    }
    assert_int_equal(set.height, 0);
    (void)shape_of(pool, &set);
    for (uint32_t rank = 0; rank < LENGTH; rank++) {
        assert_int_equal(kz_ranked_rank(pool, &set, kz_ranked_at(pool, &set, rank)), rank);
    }
    while (set.count > 0)
        kz_ranked_remove(pool, &set, kz_ranked_at(pool, &set, set.count / 2));
    assert_int_equal(set.root, 0);
    kz_ranked_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_agree_with_the_model),
        cmocka_unit_test(an_empty_set_has_rank_zero_for_all),
        cmocka_unit_test(the_smallest_and_the_greatest_keys_have_their_ranks),
        cmocka_unit_test(the_shape_follows_from_the_contents_alone),
        cmocka_unit_test(sets_of_one_pool_do_not_disturb_each_other),
        cmocka_unit_test(a_leaf_of_any_length_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
