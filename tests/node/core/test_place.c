/* SPDX-License-Identifier: Apache-2.0 */
/* The first block of an image: what is encoded is decoded, nothing else is. */
#include "node/core/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t record[KZ_RECORD_SIZE_MAX];
static uint8_t bytes[KZ_PLACE_SIZE];

static struct kz_place example(bool founded)
{
    struct kz_entry entry = {.type = KZ_MEMBERSHIP};
    entry.membership.count = 1;
    entry.membership.members[0] = (struct kz_member){
        .id = 3, .role = KZ_VOTER, .peer = {"peer:1", 6}, .client = {"client:1", 8}};
    size_t size = kz_record_encode(&entry, record, sizeof(record));
    assert_int_not_equal(size, 0);
    struct kz_place place = {
        .cluster = {1, 2},
        .incarnation = {3, 4},
        .index = 90,
        .term = 4,
        .entry = {5, 6},
        .digest = {7, 8},
        .membership_index = 80,
        .id_max = 9,
        .membership = record,
        .membership_size = (uint32_t)size,
        .founders = record,
        .founders_size = founded ? (uint32_t)size : 0,
    };
    kz_place_encode(&place, bytes);
    return place;
}

static void a_place_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int founded = 0; founded < 2; founded++) {
        struct kz_place place = example(founded == 1);
        struct kz_place back;
        uint8_t again[KZ_PLACE_SIZE];
        assert_int_equal(kz_place_decode(bytes, &back), KZ_OK);
        assert_int_equal(back.index, 90);
        assert_int_equal(back.term, 4);
        assert_int_equal(back.membership_index, 80);
        assert_int_equal(back.id_max, 9);
        assert_int_equal(back.founders_size, place.founders_size);
        assert_memory_equal(back.membership, record, place.membership_size);
        kz_place_encode(&back, again);
        assert_memory_equal(again, bytes, sizeof(bytes));
    }
}

static void a_later_version_is_told_from_damage(void **state)
{
    (void)state;
    struct kz_place back;
    example(true);
    bytes[0] = 2;
    assert_int_equal(kz_place_decode(bytes, &back), KZ_NEWER);
    bytes[0] = 0;
    assert_int_equal(kz_place_decode(bytes, &back), KZ_CORRUPT);
}

static void what_no_encoder_gives_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint64_t value;
        unsigned size;
    } table[] = {
        {4, 1, 4},                        /* not zero */
        {40, 0, 8},                       /* no index */
        {48, 0, 8},                       /* no term */
        {88, 0, 8},                       /* no membership */
        {88, 91, 8},                      /* a membership behind the index */
        {104, 0, 4},                      /* an empty record */
        {104, KZ_RECORD_SIZE_MAX + 1, 4}, /* one that is too long */
        {104, 200, 4},                    /* one with zeros behind it */
        {108, 0, 4},                      /* a record that is not announced */
        {108, 200, 4},
        {108, KZ_RECORD_SIZE_MAX + 1, 4},
        {112 + 1, 12, 1}, /* a record of another type */
        {112 + KZ_RECORD_SIZE_MAX - 1, 1, 1},
        {KZ_PLACE_SIZE - 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct kz_place back;
        example(true);
        for (unsigned b = 0; b < table[i].size; b++)
            bytes[table[i].offset + b] = (uint8_t)(table[i].value >> 8 * b);
        assert_int_equal(kz_place_decode(bytes, &back), KZ_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_comes_back_as_it_was),
        cmocka_unit_test(a_later_version_is_told_from_damage),
        cmocka_unit_test(what_no_encoder_gives_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
