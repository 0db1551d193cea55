/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums stand in ledgers: they are XXH3's own, whatever library computes them. */
#include "tests/base/testing.h"

#include "statemachine/base/checksum.h"

/* Of xxHash's published sanity checks: the empty input. */
static void the_checksum_of_nothing_is_xxh3s(void **state)
{
    (void)state;
    assert_true(kz_checksum("", 0) == 0x2d06800538d394c2);
    assert_true(kz_hash64("", 0, 0) == 0x2d06800538d394c2);

    struct kz_hash128 hash = kz_hash128("", 0);
    assert_true(hash.high == 0x99aa06d3014798d8);
    assert_true(hash.low == 0x6001c324468d497f);
}

static void a_seed_changes_the_hash_and_nothing_else_does(void **state)
{
    (void)state;
    assert_true(kz_hash64("kezek", 5, 0) == kz_checksum("kezek", 5));
    assert_true(kz_hash64("kezek", 5, 1) == kz_hash64("kezek", 5, 1));
    assert_true(kz_hash64("kezek", 5, 1) != kz_hash64("kezek", 5, 2));
}

static void every_flipped_bit_changes_the_checksum(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37);
    uint64_t checksum = kz_checksum(bytes, sizeof bytes);

    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(kz_checksum(bytes, sizeof bytes) != checksum);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_of_nothing_is_xxh3s),
        cmocka_unit_test(a_seed_changes_the_hash_and_nothing_else_does),
        cmocka_unit_test(every_flipped_bit_changes_the_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
