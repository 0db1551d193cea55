/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "client/lines/lines.h"
#include "tests/record/golden.h"
#include "tests/record/random_entry.h"

#include <jansson.h>
#include <stdlib.h>

#define ROUNDS 500

static struct kz_entry entry_of(enum kz_entry_type type)
{
    struct kz_entry entry;
    memset(&entry, 0, sizeof entry);
    entry.type = type;
    entry.time = 1796101200000;
    return entry;
}

static void assert_line(uint64_t index, uint64_t term, const struct kz_entry *entry,
                        enum kz_result result, const char *expected)
{
    char line[KZ_LINE_SIZE_MAX];
    assert_int_equal(kz_line_format(index, term, entry, result, line), strlen(expected));
    assert_string_equal(line, expected);
}

/* ---- The forms: two whole lines, and what is left out ---- */

static void an_ordinary_entry_shows_its_actor(void **state)
{
    (void)state;
    struct kz_entry entry = entry_of(KZ_APPLICATION);
    entry.request[15] = 0xab;
    entry.application.territory = 1;
    entry.application.birth_year = 2021;
    entry.application.category = KZ_GENERAL;
    assert_line(12, 1, &entry, KZ_RESULT_OK,
                "{\"index\":12,\"term\":1,\"time\":1796101200000,"
                "\"request\":\"000000000000000000000000000000ab\",\"actor\":0,"
                "\"type\":\"application\",\"territory\":1,\"birth_year\":2021,"
                "\"kind\":\"ordinary\",\"category\":\"general\","
                "\"evidence\":\"00000000000000000000000000000000\","
                "\"child\":\"00000000000000000000000000000000\",\"secret_hash\":"
                "\"0000000000000000000000000000000000000000000000000000000000000000\","
                "\"result\":\"ok\"}");
}

static void a_clock_driven_entry_shows_no_actor(void **state)
{
    (void)state;
    struct kz_entry entry = entry_of(KZ_PUBLISH);
    entry.clock.territory = 1;
    entry.clock.date = 20780;
    assert_line(13, 1, &entry, KZ_RESULT_OK,
                "{\"index\":13,\"term\":1,\"time\":1796101200000,\"type\":\"publish\","
                "\"territory\":1,\"date\":\"2026-11-23\",\"result\":\"ok\"}");
    entry.actor = 7;
    assert_line(13, 1, &entry, KZ_RESULT_NOT_ALLOWED,
                "{\"index\":13,\"term\":1,\"time\":1796101200000,\"actor\":7,\"type\":\"publish\","
                "\"territory\":1,\"date\":\"2026-11-23\",\"result\":\"not_allowed\"}");
}

static void index_term_and_result_may_be_missing(void **state)
{
    (void)state;
    struct kz_entry entry = entry_of(KZ_BARRIER);
    assert_line(0, 0, &entry, KZ_RESULT_NONE, "{\"time\":1796101200000,\"type\":\"barrier\"}");
    assert_line(UINT64_MAX, 0, &entry, KZ_RESULT_OK,
                "{\"index\":18446744073709551615,\"time\":1796101200000,\"type\":\"barrier\","
                "\"result\":\"ok\"}");
    assert_line(1, 1, &entry, KZ_RESULT_NONE,
                "{\"index\":1,\"term\":1,\"time\":1796101200000,\"type\":\"barrier\"}");
    assert_line(0, 9, &entry, KZ_RESULT_NOT_NEXT,
                "{\"term\":9,\"time\":1796101200000,\"type\":\"barrier\",\"result\":\"not_next\"}");
}

static void a_value_stands_alone_for_tables(void **state)
{
    (void)state;
    struct kz_entry entry = entry_of(KZ_APPLICATION);
    const struct kz_schema *schema = kz_schema_of(KZ_APPLICATION);
    char value[KZ_LINE_SIZE_MAX];
    entry.application.kind = KZ_CORRECTIONAL;

    assert_int_equal(kz_line_format_value(&entry, &schema->fields[2], value), 14);
    assert_string_equal(value, "\"correctional\"");
    assert_int_equal(kz_line_format_value(&entry, &schema->fields[7], value), 0);
    assert_string_equal(value, "");
    entry.application.has_applied_at = true;
    entry.application.applied_at = INT64_MIN;
    assert_int_equal(kz_line_format_value(&entry, &schema->fields[7], value), 20);
    assert_string_equal(value, "-9223372036854775808");
}

/* ---- Against a second writer ---- */

static void formats_as_it_is_written(const struct golden *golden)
{
    struct kz_entry entry;
    char line[KZ_LINE_SIZE_MAX];

    assert_int_equal(kz_record_decode(golden->record, golden->size, &entry), KZ_OK);
    size_t size = kz_line_format(0, 0, &entry, KZ_RESULT_NONE, line);
    assert_string_equal(line, golden->line);
    assert_int_equal(size, strlen(golden->line));
}

static void every_golden_record_has_its_golden_line(void **state)
{
    (void)state;
    kz_golden_each(formats_as_it_is_written);
}

/* jansson, reading the line and writing it compactly, must change no byte. */
static void a_line_is_what_jansson_would_have_written(void **state)
{
    (void)state;
    static struct random_entry random = {.seed = 4};
    char line[KZ_LINE_SIZE_MAX];

    for (int i = 0; i < ROUNDS; i++) {
        for (int type = KZ_TERRITORY; type < KZ_ENTRY_TYPE_END; type++) {
            struct kz_entry entry = kz_random_entry(&random, (enum kz_entry_type)type);
            size_t size =
                kz_line_format(1 + kz_random_below(&random, 1000), 0, &entry, KZ_RESULT_NONE, line);
            json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(json);
            char *again = json_dumps(json, JSON_COMPACT);
            assert_string_equal(line, again);
            free(again);
            json_decref(json);
        }
    }
}

/* ---- The bound on a line's size ---- */

static void the_longest_lines_fit(void **state)
{
    (void)state;
    char escaped[KZ_TEXT_SIZE_MAX];
    char line[KZ_LINE_SIZE_MAX];
    memset(escaped, 1, sizeof escaped);
    struct kz_entry entry = entry_of(KZ_TERRITORY);
    entry.time = INT64_MAX;
    entry.actor = UINT32_MAX;
    memset(entry.request, 255, KZ_ID_SIZE);
    entry.territory.territory = UINT32_MAX;
    entry.territory.utc_offset_minutes = INT32_MIN;
    entry.territory.name = (struct kz_text){escaped, KZ_TEXT_SIZE_MAX};
    assert_in_range(
        kz_line_format(UINT64_MAX, UINT64_MAX, &entry, KZ_RESULT_UNKNOWN_KINDERGARTEN, line),
        6 * KZ_TEXT_SIZE_MAX, KZ_LINE_SIZE_MAX - 1);

    memset(escaped, '"', sizeof escaped);
    entry.type = KZ_MEMBERSHIP;
    entry.membership.count = KZ_MEMBERS_MAX;
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct kz_text address = {escaped, KZ_ADDRESS_SIZE_MAX};
        entry.membership.members[i] = (struct kz_member){INT64_MAX, KZ_STANDBY, address, address};
    }
    assert_in_range(
        kz_line_format(UINT64_MAX, UINT64_MAX, &entry, KZ_RESULT_UNKNOWN_KINDERGARTEN, line),
        4 * KZ_MEMBERS_MAX * KZ_ADDRESS_SIZE_MAX, KZ_LINE_SIZE_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_entry_shows_its_actor),
        cmocka_unit_test(a_clock_driven_entry_shows_no_actor),
        cmocka_unit_test(index_term_and_result_may_be_missing),
        cmocka_unit_test(a_value_stands_alone_for_tables),
        cmocka_unit_test(every_golden_record_has_its_golden_line),
        cmocka_unit_test(a_line_is_what_jansson_would_have_written),
        cmocka_unit_test(the_longest_lines_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
