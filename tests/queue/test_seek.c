/* SPDX-License-Identifier: Apache-2.0 */
/* The search against looking at every key, however wrong the bounds that guide its guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "statemachine/queue/seek.h"
#include "tests/queue/support.h"

#define KEYS_MAX 300

static const int64_t spreads[] = {1, 3, 100, INT64_C(1) << 33, INT64_MAX};

/* Returns: a date between −SPREAD and SPREAD. */
static int64_t random_date(uint64_t *random, int64_t spread)
{
    int64_t date = (int64_t)(random_next(random) >> 1) % spread;
    return random_next(random) % 2 == 0 ? date : -date;
}

/* Fills KEYS in ascending order. Returns: how many. */
static uint32_t random_run(struct kz_rank_key keys[static KEYS_MAX], uint64_t *random,
                           int64_t spread)
{
    uint32_t count = random_below(random, KEYS_MAX + 1);

    for (uint32_t i = 0; i < count; i++) {
        struct kz_rank_key key = {random_date(random, spread), 2 * i, i};
        uint32_t at = i;
        for (; at > 0 && keys[at - 1].applied_at > key.applied_at; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
    return count;
}

static uint32_t seek_naively(const struct kz_rank_key *keys, uint32_t count,
                             const struct kz_rank_key *key)
{
    uint32_t at = 0;

    while (at < count &&
           (keys[at].applied_at < key->applied_at ||
            (keys[at].applied_at == key->applied_at && keys[at].number < key->number))) {
        at++;
    }
    return at;
}

static void it_finds_what_looking_at_every_key_finds(void **state)
{
    (void)state;
    static struct kz_rank_key keys[KEYS_MAX];
    uint64_t random = 1;

    for (uint32_t round = 0; round < 2000; round++) {
        int64_t spread = spreads[round % (sizeof spreads / sizeof *spreads)];
        uint32_t count = random_run(keys, &random, spread);
        for (uint32_t i = 0; i < 50; i++) {
            struct kz_rank_key key = {random_date(&random, spread),
                                      random_below(&random, 2 * KEYS_MAX), 0};
            struct kz_bounds known = {count > 0 ? keys[0].applied_at : 0,
                                      count > 0 ? keys[count - 1].applied_at : 0};
            struct kz_bounds wrong = {random_date(&random, spread), random_date(&random, spread)};
            uint32_t at = seek_naively(keys, count, &key);
            assert_int_equal(kz_seek(keys, count, &key, (struct kz_bounds){INT64_MIN, INT64_MAX}),
                             at);
            assert_int_equal(kz_seek(keys, count, &key, known), at);
            assert_int_equal(kz_seek(keys, count, &key, wrong), at);
        }
    }
}

static void it_finds_the_smallest_and_the_greatest_keys(void **state)
{
    (void)state;
    static const struct kz_rank_key keys[] = {
        {INT64_MIN, 0, 0}, {INT64_MIN, UINT32_MAX, 0}, {0, 0, 0}, {INT64_MAX, UINT32_MAX, 0}};
    const uint32_t count = sizeof keys / sizeof *keys;

    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(kz_seek(keys, count, &keys[i], (struct kz_bounds){INT64_MIN, INT64_MAX}),
                         i);
        assert_int_equal(kz_seek(keys, count, &keys[i], (struct kz_bounds){-1, 1}), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_looking_at_every_key_finds),
        cmocka_unit_test(it_finds_the_smallest_and_the_greatest_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
