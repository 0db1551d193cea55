/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"
#include "tests/node/driver/records.h"

#include "node/core/tail_cache.h"

#define OPERATIONS 20000
#define MODEL_MAX  40000

/* The naive model: the mark of each entry by index. */
static uint64_t marks[MODEL_MAX];

static uint64_t random_state;

static uint64_t below(uint64_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % bound;
}

static struct kz_batch *batch_of(uint64_t first, uint32_t count, uint64_t mark)
{
    struct kz_batch *batch = kz_batch_create(first, count, 124 * (size_t)count);
    for (uint32_t i = 0; i < count; i++)
        kz_test_application(batch, 1, (int64_t)(mark + i), mark + i);
    return batch;
}

static int64_t time_in(const struct kz_batch *batch, uint64_t index)
{
    uint32_t size;
    return kz_record_time(kz_batch_record(batch, (uint32_t)(index - batch->first_index), &size));
}

static void check(const struct kz_tail_cache *cache, uint64_t kept_from, uint64_t last)
{
    assert_int_equal(kz_tail_cache_end(cache), last + 1);
    assert_int_equal(kz_tail_cache_time(cache), marks[last]);
    assert_null(kz_tail_cache_find(cache, last + 1));
    assert_null(kz_tail_cache_find(cache, cache->floor));
    for (unsigned i = 0; i < 5 && last > cache->floor; i++) {
        uint64_t index = cache->floor + 1 + below(last - cache->floor);
        const struct kz_batch *batch = kz_tail_cache_find(cache, index);
        assert_non_null(batch);
        assert_int_equal(time_in(batch, index), marks[index]);
    }
    assert_true(cache->floor < kept_from);
}

static void it_agrees_with_a_model(void **state)
{
    (void)state;
    struct kz_tail_cache cache;
    kz_tail_cache_init(&cache, 20000);
    kz_tail_cache_start(&cache, 0, 0);
    uint64_t last = 0;
    uint64_t applied = 0;
    uint64_t mark = 1;
    random_state = 1;
    for (unsigned i = 0; i < OPERATIONS && last + 50 < MODEL_MAX; i++) {
        switch (below(4)) {
        case 0:
            if (last == applied) break;
            last = applied + below(last - applied);
            if (kz_tail_cache_end(&cache) == last + 1) break;
            assert_int_equal(kz_tail_cache_truncate(&cache, last + 1), KZ_OK);
            break;
        case 1:
            if (last > applied) applied += below(last - applied + 1);
            kz_tail_cache_trim(&cache, applied);
            break;
        default: {
            uint32_t count = 1 + (uint32_t)below(20);
            struct kz_batch *batch = batch_of(last + 1, count, mark);
            assert_int_equal(kz_tail_cache_append(&cache, batch), KZ_OK);
            kz_batch_release(batch);
            for (uint32_t j = 0; j < count; j++)
                marks[++last] = mark++;
        }
        }
        check(&cache, applied + 1, last);
    }
    assert_true(last > 10000);
    kz_tail_cache_finish(&cache);
}

static void trimming_stops_at_what_is_not_applied_and_at_the_bound(void **state)
{
    (void)state;
    struct kz_tail_cache cache;
    kz_tail_cache_init(&cache, 0);
    kz_tail_cache_start(&cache, 100, 7);
    assert_int_equal(kz_tail_cache_time(&cache), 7);
    for (uint64_t first = 101; first < 121; first += 10) {
        struct kz_batch *batch = batch_of(first, 10, first);
        assert_int_equal(kz_tail_cache_append(&cache, batch), KZ_OK);
        kz_batch_release(batch);
    }
    kz_tail_cache_trim(&cache, 109);
    assert_non_null(kz_tail_cache_find(&cache, 101));
    kz_tail_cache_trim(&cache, 110);
    assert_null(kz_tail_cache_find(&cache, 110));
    assert_non_null(kz_tail_cache_find(&cache, 111));
    assert_int_equal(kz_tail_cache_truncate(&cache, 111), KZ_OK);
    assert_int_equal(kz_tail_cache_time(&cache), 110);
    assert_int_equal(cache.bytes, 0);
    cache.bytes_max = 1u << 20;
    struct kz_batch *batch = batch_of(111, 10, 111);
    assert_int_equal(kz_tail_cache_append(&cache, batch), KZ_OK);
    kz_batch_release(batch);
    kz_tail_cache_trim(&cache, 120);
    assert_non_null(kz_tail_cache_find(&cache, 111));
    kz_tail_cache_finish(&cache);
}

static void a_slice_is_a_batch_of_its_own(void **state)
{
    (void)state;
    struct kz_batch *batch = batch_of(5, 10, 50);
    struct kz_batch *slice = kz_batch_slice(batch, 7, 9);
    kz_batch_release(batch);
    assert_int_equal(slice->first_index, 7);
    assert_int_equal(slice->count, 2);
    assert_int_equal(time_in(slice, 7), 52);
    assert_int_equal(time_in(slice, 8), 53);
    kz_batch_release(slice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_model),
        cmocka_unit_test(trimming_stops_at_what_is_not_applied_and_at_the_bound),
        cmocka_unit_test(a_slice_is_a_batch_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
