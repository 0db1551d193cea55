/* SPDX-License-Identifier: Apache-2.0 */
/* Records of version 1 stay readable for ever, and every reader agrees on their bytes. */
#include "tests/base/testing.h"

#include "statemachine/record/schema.h"
#include "tests/record/golden.h"

static void decode(const struct golden *golden, struct kz_entry *entry)
{
    enum kz_status status = kz_record_decode(golden->record, golden->size, entry);
    if (status != KZ_OK) fail_msg("golden line %zu: %s", golden->count, kz_status_text(status));
}

static void encodes_to_itself(const struct golden *golden)
{
    struct kz_entry entry;
    uint8_t record[KZ_RECORD_SIZE_MAX];

    decode(golden, &entry);
    assert_int_equal(kz_record_encode(&entry, record, sizeof record), golden->size);
    assert_memory_equal(record, golden->record, golden->size);

    /* Exactly its size is room enough, one byte less is not. */
    assert_int_equal(kz_record_encode(&entry, record, golden->size), golden->size);
    assert_int_equal(kz_record_encode(&entry, record, golden->size - 1), 0);
}

static void every_golden_record_encodes_to_itself(void **state)
{
    (void)state;
    kz_golden_each(encodes_to_itself);
}

static unsigned seen[KZ_ENTRY_TYPE_END];

static void see_type(const struct golden *golden)
{
    seen[kz_record_type(golden->record)]++;
}

static void every_type_has_a_golden_record(void **state)
{
    (void)state;
    kz_golden_each(see_type);
    for (int type = KZ_TERRITORY; type < KZ_ENTRY_TYPE_END; type++)
        assert_true(seen[type] > 0);
}

static void cut_and_prolonged(const struct golden *golden)
{
    struct kz_entry entry;
    uint8_t longer[KZ_RECORD_SIZE_MAX + 1];

    for (size_t size = 0; size < golden->size; size++)
        assert_int_equal(kz_record_decode(golden->record, size, &entry), KZ_MALFORMED);
    memcpy(longer, golden->record, golden->size);
    longer[golden->size] = 0;
    assert_int_equal(kz_record_decode(longer, golden->size + 1, &entry), KZ_MALFORMED);
}

static void a_record_cut_short_or_prolonged_is_malformed(void **state)
{
    (void)state;
    kz_golden_each(cut_and_prolonged);
}

/* Every byte of every golden record set to every value: what decodes, encodes to the same bytes. */
static void changed_anywhere(const struct golden *golden)
{
    uint8_t changed[KZ_RECORD_SIZE_MAX];
    uint8_t encoded[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry;

    memcpy(changed, golden->record, golden->size);
    for (size_t i = 0; i < golden->size; i++) {
        for (unsigned value = 0; value < 256; value++) {
            changed[i] = (uint8_t)value;
            if (kz_record_decode(changed, golden->size, &entry) != KZ_OK) continue;
            assert_int_equal(kz_record_encode(&entry, encoded, sizeof encoded), golden->size);
            assert_memory_equal(encoded, changed, golden->size);
        }
        changed[i] = golden->record[i];
    }
}

static void an_entry_has_one_record(void **state)
{
    (void)state;
    kz_golden_each(changed_anywhere);
}

/* One golden record by its values, so that names and members are not swapped on both ways. */
static unsigned applications_seen;

static void check_application(const struct golden *golden)
{
    struct kz_entry entry;
    decode(golden, &entry);
    if (entry.type != KZ_APPLICATION || applications_seen++ != 1) return;

    assert_int_equal(golden->size, KZ_APPLICATION_SIZE);
    assert_true(entry.time == 1796101200000);
    assert_false(kz_has_request(entry.request));
    assert_int_equal(entry.actor, 0);
    assert_int_equal(entry.application.territory, 1);
    assert_int_equal(entry.application.birth_year, 2021);
    assert_int_equal(entry.application.kind, KZ_CORRECTIONAL);
    assert_int_equal(entry.application.category, KZ_OUT_OF_TURN);
    assert_int_equal(entry.application.evidence[1], 0x01);
    assert_int_equal(entry.application.child[0], 0xf0);
    assert_int_equal(entry.application.secret_hash[31], 0x3f);
    assert_true(entry.application.has_applied_at);
    assert_true(entry.application.applied_at == 1600000000000);
}

static void an_application_has_its_values_where_the_page_says(void **state)
{
    (void)state;
    kz_golden_each(check_application);
    assert_true(applications_seen > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_record_encodes_to_itself),
        cmocka_unit_test(every_type_has_a_golden_record),
        cmocka_unit_test(a_record_cut_short_or_prolonged_is_malformed),
        cmocka_unit_test(an_entry_has_one_record),
        cmocka_unit_test(an_application_has_its_values_where_the_page_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
