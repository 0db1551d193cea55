/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "client/lines/lines.h"
#include "tests/record/golden.h"
#include "tests/record/random_entry.h"

#include <jansson.h>
#include <stdlib.h>

#define ROUNDS 200

static struct kz_line line;
static struct kz_error error;

static enum kz_status parse(const char *text)
{
    return kz_line_parse(text, strlen(text), KZ_LINE_LEDGER, &line, &error);
}

static enum kz_status parse_command(const char *text)
{
    return kz_line_parse(text, strlen(text), KZ_LINE_COMMAND, &line, &error);
}

/* ---- Round trips ---- */

static void parses_to_its_record(const struct golden *golden)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];

    if (parse(golden->line) != KZ_OK) fail_msg("line %zu: %s", golden->count, error.text);
    assert_int_equal(kz_record_encode(&line.entry, record, sizeof record), golden->size);
    assert_memory_equal(record, golden->record, golden->size);
}

static void every_golden_line_gives_its_record(void **state)
{
    (void)state;
    kz_golden_each(parses_to_its_record);
}

static void a_random_entry_survives_export_and_import(void **state)
{
    (void)state;
    static struct random_entry random = {.seed = 99};
    char exported[KZ_LINE_SIZE_MAX];
    char again[KZ_LINE_SIZE_MAX];
    uint8_t before[KZ_RECORD_SIZE_MAX];
    uint8_t after[KZ_RECORD_SIZE_MAX];

    for (int i = 0; i < ROUNDS; i++) {
        for (int type = KZ_TERRITORY; type < KZ_ENTRY_TYPE_END; type++) {
            struct kz_entry entry = kz_random_entry(&random, (enum kz_entry_type)type);
            uint64_t index = 1 + kz_random_below(&random, INT64_MAX);
            uint64_t term = kz_random_below(&random, 3);
            enum kz_result result = (enum kz_result)kz_random_below(&random, KZ_RESULT_END);
            size_t size = kz_line_format(index, term, &entry, result, exported);

            if (parse(exported) != KZ_OK) fail_msg("%s: %s", exported, error.text);
            assert_true(line.index == index && line.term == term && line.result == result);
            size_t record_size = kz_record_encode(&entry, before, sizeof before);
            assert_int_equal(kz_record_encode(&line.entry, after, sizeof after), record_size);
            assert_memory_equal(after, before, record_size);
            assert_int_equal(kz_line_format(line.index, line.term, &line.entry, line.result, again),
                             size);
            assert_memory_equal(again, exported, size);
        }
    }
}

/* ---- What is accepted ---- */

static void everything_common_but_the_time_may_be_missing(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"time\":5,\"type\":\"ready\",\"application\":4}"), KZ_OK);
    assert_true(line.index == 0 && line.term == 0 && line.result == KZ_RESULT_NONE);
    assert_true(line.entry.time == 5 && line.entry.actor == 0);
    assert_false(kz_has_request(line.entry.request));
    assert_int_equal(line.entry.application_only.application, 4);

    assert_int_equal(parse_command("{\"type\":\"ready\",\"application\":4}"), KZ_OK);
    assert_true(line.entry.time == 0);
    assert_int_equal(parse_command("{\"type\":\"ready\",\"application\":4,\"index\":3,\"time\":9}"),
                     KZ_OK);
    assert_true(line.entry.time == 9 && line.index == 3);
}

static void a_membership_without_members_is_empty(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"index\":1,\"time\":5,\"type\":\"membership\"}"), KZ_OK);
    assert_int_equal(line.entry.membership.count, 0);
}

static void spaces_order_and_escapes_are_free(void **state)
{
    (void)state;
    assert_int_equal(parse(" { \"name\" : \"\\u049aала\\u002d1\" ,\t\"utc_offset_minutes\": -210,"
                           "\"territory\": 7, \"type\":\"territory\" , \"time\" : 0 } \r\n"),
                     KZ_OK);
    assert_int_equal(line.entry.territory.name.size, 10);
    assert_memory_equal(line.entry.territory.name.bytes, "Қала-1", 10);
    assert_int_equal(line.entry.territory.utc_offset_minutes, -210);
    assert_int_equal(line.entry.territory.territory, 7);
}

static void hex_digits_may_be_of_either_case(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"time\":0,\"type\":\"ready\",\"application\":1,"
                           "\"request\":\"ABCDEFabcdef00000000000000000009\"}"),
                     KZ_OK);
    assert_memory_equal(line.entry.request, "\xab\xcd\xef\xab\xcd\xef\0\0\0\0\0\0\0\0\0\x09",
                        KZ_ID_SIZE);
}

static void a_parsed_value_is_read_like_a_line(void **state)
{
    (void)state;
    json_t *json = json_pack("{s:s, s:I}", "type", "enrol", "application", (json_int_t)12);
    assert_non_null(json);
    assert_int_equal(kz_line_from_json(json, KZ_LINE_COMMAND, &line, &error), KZ_OK);
    assert_int_equal(line.entry.type, KZ_ENROL);
    assert_int_equal(line.entry.application_only.application, 12);
    json_decref(json);

    json = json_loads("{\"type\":\"territory\",\"territory\":1,\"utc_offset_minutes\":300,"
                      "\"name\":\"a\\u0000b\"}",
                      JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    assert_int_equal(kz_line_from_json(json, KZ_LINE_COMMAND, &line, &error), KZ_MALFORMED);
    json_decref(json);
}

/* ---- What is refused, and in which words ---- */

struct refusal {
    const char *text;
    const char *error;
};

#define TIME_AND(rest) "{\"time\":0," rest "}"
#define ZERO_ID        "\"00000000000000000000000000000000\""
#define ZERO_HASH      "\"0000000000000000000000000000000000000000000000000000000000000000\""

static const struct refusal of_the_line[] = {
    {"[]", "\"line\": [] is not an object"},
    {"7", "\"line\": 7 is not an object"},
    {"{}", "\"type\" is missing"},
    {"{\"type\":null}",
     "\"type\": null is not one of territory, policy, calendar, kindergarten, actor, application, "
     "reclassify, correct, withdraw, reinstate, claim, decline, ready, vacancy, retract, enrol, "
     "publish, morning, grant, membership, barrier, digest, version"},
    {"{\"type\":\"barrier\"}", "\"time\" is missing"},
    {"{\"type\":\"barrier\",\"time\":null}",
     "\"time\": null is not a whole number from 0 to 9223372036854775807"},
    {"{\"type\":\"barrier\",\"time\":-1}",
     "\"time\": -1 is not a whole number from 0 to 9223372036854775807"},
    {"{\"type\":\"barrier\",\"time\":1.0}",
     "\"time\": 1.0 is not a whole number from 0 to 9223372036854775807"},
    {"{\"type\":\"barrier\",\"time\":0,\"index\":0}",
     "\"index\": 0 is not a whole number from 1 to 9223372036854775807"},
    {"{\"type\":\"barrier\",\"time\":0,\"term\":\"1\"}",
     "\"term\": \"1\" is not a whole number from 1 to 9223372036854775807"},
    {"{\"type\":\"barrier\",\"time\":0,\"actor\":4294967296}",
     "\"actor\": 4294967296 is not a whole number from 0 to 4294967295"},
    {"{\"type\":\"barrier\",\"time\":0,\"request\":\"00\"}",
     "\"request\": \"00\" is not 32 hex digits"},
    {"{\"type\":\"barrier\",\"time\":0,\"request\":\"000000000000000000000000000000000\"}",
     "\"request\": \"000000000000000000000000000000000\" is not 32 hex digits"},
    {"{\"type\":\"barrier\",\"time\":0,\"request\":null}",
     "\"request\": null is not 32 hex digits"},
    {"{\"type\":\"barrier\",\"time\":0,\"result\":\"fine\"}",
     "\"result\": \"fine\" is not one of ok, repeated, conflict, not_allowed, unknown_territory, "
     "unknown_kindergarten, unknown_application, invalid, wrong_state, duplicate, "
     "wrong_territory, closed, no_access, no_place, not_due, not_next"},
    {"{\"type\":\"barrier\",\"time\":0,\"request_id\":1}",
     "\"request_id\" is no field of an entry of type \"barrier\""},
    {"{\"type\":\"barrier\",\"time\":0,\"\":1}",
     "\"\" is no field of an entry of type \"barrier\""},
    {TIME_AND("\"type\":\"ready\",\"application\":1,\"kindergarten\":1"),
     "\"kindergarten\" is no field of an entry of type \"ready\""},
};

static const char *const no_json[] = {
    "",
    "{",
    "{}x",
    "{\"time\":1,\"time\":1}",
    "{\"time\":99999999999999999999}",
    "{\"time\":01}",
    "{\"name\":\"\xff\"}",
    "{\"name\":\"\xed\xa0\x80\"}",
    "{\"name\":\"\\ud800\"}",
    "{\"name\":\"\\u0000\"}",
    "{'time':1}",
    "{\"time\":NaN}",
    "{\"time\":1,}",
    "{\"time\":1} // one",
};

static const struct refusal of_fields[] = {
    {TIME_AND("\"type\":\"ready\""), "\"application\" is missing"},
    {TIME_AND("\"type\":\"ready\",\"application\":-1"),
     "\"application\": -1 is not a whole number from 0 to 9223372036854775807"},
    {TIME_AND("\"type\":\"claim\",\"application\":1,\"kindergarten\":4294967296"),
     "\"kindergarten\": 4294967296 is not a whole number from 0 to 4294967295"},
    {TIME_AND("\"type\":\"correct\",\"application\":1,\"birth_year\":65536,\"kind\":\"ordinary\""),
     "\"birth_year\": 65536 is not a whole number from 0 to 65535"},
    {TIME_AND("\"type\":\"correct\",\"application\":1,\"birth_year\":2021,\"kind\":\"Ordinary\""),
     "\"kind\": \"Ordinary\" is not one of ordinary, correctional"},
    {TIME_AND("\"type\":\"correct\",\"application\":1,\"birth_year\":2021,\"kind\":0"),
     "\"kind\": 0 is not one of ordinary, correctional"},
    {TIME_AND("\"type\":\"vacancy\",\"kindergarten\":1,\"birth_year\":2021,\"kind\":\"ordinary\","
              "\"places\":2147483648"),
     "\"places\": 2147483648 is not a whole number from -2147483648 to 2147483647"},
    {TIME_AND("\"type\":\"calendar\",\"date\":\"2026-02-29\",\"working\":true"),
     "\"date\": \"2026-02-29\" is not a date like \"2026-11-23\""},
    {TIME_AND("\"type\":\"calendar\",\"date\":20780,\"working\":true"),
     "\"date\": 20780 is not a date like \"2026-11-23\""},
    {TIME_AND("\"type\":\"calendar\",\"date\":\"2026-11-23\",\"working\":1"),
     "\"working\": 1 is not true or false"},
    {TIME_AND("\"type\":\"policy\",\"territory\":1,\"evening\":\"18.00\""),
     "\"evening\": \"18.00\" is not an hour like \"18:00\""},
    {TIME_AND("\"type\":\"policy\",\"territory\":1,\"evening\":18"),
     "\"evening\": 18 is not an hour like \"18:00\""},
    {TIME_AND("\"type\":\"reclassify\",\"application\":1,\"category\":\"general\","
              "\"evidence\":\"0000000000000000000000000000000g\""),
     "\"evidence\": \"0000000000000000000000000000000g\" is not 32 hex digits"},
    {TIME_AND("\"type\":\"digest\",\"at\":1,\"version\":1,\"state\":" ZERO_ID
              ",\"results\":" ZERO_ID),
     "\"results\": \"00000000000000000000000000000000\" is not 64 hex digits"},
    {TIME_AND("\"type\":\"application\",\"territory\":1,\"birth_year\":2021,\"kind\":\"ordinary\","
              "\"category\":\"general\",\"evidence\":" ZERO_ID ",\"child\":" ZERO_ID
              ",\"secret_hash\":" ZERO_HASH ",\"applied_at\":null"),
     "\"applied_at\": null is not a whole number from -9223372036854775808 to "
     "9223372036854775807"},
    {TIME_AND("\"type\":\"territory\",\"territory\":1,\"name\":7,\"utc_offset_minutes\":300"),
     "\"name\": 7 is not a text of at most 1024 bytes"},
};

#define MEMBERS(list) TIME_AND("\"type\":\"membership\",\"members\":" list)

static const struct refusal of_members[] = {
    {MEMBERS("{}"), "\"members\": {} is not a list of at most 16 members"},
    {MEMBERS("[1]"), "\"members[0]\": 1 is not an object of id, peer, client and role"},
    {MEMBERS("[{\"id\":1,\"peer\":\"\",\"client\":\"\",\"role\":\"voter\"},{\"id\":2}]"),
     "\"members[1].peer\" is missing"},
    {MEMBERS("[{\"id\":-1,\"peer\":\"\",\"client\":\"\",\"role\":\"voter\"}]"),
     "\"members[0].id\": -1 is not a whole number from 0 to 9223372036854775807"},
    {MEMBERS("[{\"id\":1,\"peer\":\"\\n\",\"client\":\"\",\"role\":\"voter\"}]"),
     "\"members[0].peer\": \"\\n\" is not an address of at most 64 bytes"},
    {MEMBERS("[{\"id\":1,\"peer\":\"\",\"client\":5,\"role\":\"voter\"}]"),
     "\"members[0].client\": 5 is not an address of at most 64 bytes"},
    {MEMBERS("[{\"id\":1,\"peer\":\"\",\"client\":\"\",\"role\":\"leader\"}]"),
     "\"members[0].role\": \"leader\" is not one of standby, voter, spare"},
    {MEMBERS("[{\"id\":1,\"peer\":\"\",\"client\":\"\",\"role\":\"voter\",\"x\":1}]"),
     "\"members[0]\": {\"id\":1,\"peer\":\"\",\"client\":\"\",\"role\":\"voter\",\"x\"… is not an "
     "object of id, peer, client and role"},
    {MEMBERS("[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7]"),
     "\"members\": [1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7] is not a list of at most 16 members"},
};

static void assert_refused(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(parse(refusals[i].text), KZ_MALFORMED);
        assert_int_equal(error.status, KZ_MALFORMED);
        assert_string_equal(error.text, refusals[i].error);
        assert_int_equal(
            kz_line_parse(refusals[i].text, strlen(refusals[i].text), KZ_LINE_LEDGER, &line, NULL),
            KZ_MALFORMED);
    }
}

/* The rest of the sentence is jansson's. */
static void what_is_no_json_is_called_so_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(no_json); i++) {
        assert_int_equal(parse(no_json[i]), KZ_MALFORMED);
        if (strncmp(error.text, "not JSON at byte ", 17) != 0)
            fail_msg("%s: %s", no_json[i], error.text);
    }
    assert_int_equal(parse("{\"type\":\"barrier\",\"time\":1,\"time\":1}"), KZ_MALFORMED);
    assert_non_null(strstr(error.text, "at byte 33"));
}

static void a_refused_line_names_what_is_wrong(void **state)
{
    (void)state;
    assert_refused(of_the_line, COUNT_OF(of_the_line));
}

static void a_refused_field_is_named_with_what_it_may_be(void **state)
{
    (void)state;
    assert_refused(of_fields, COUNT_OF(of_fields));
}

static void a_refused_member_is_named_by_its_place(void **state)
{
    (void)state;
    assert_refused(of_members, COUNT_OF(of_members));
}

/* Every golden line without one of its fields, and with null for it. */
static void check_each_field(const struct golden *golden)
{
    assert_int_equal(parse(golden->line), KZ_OK);
    const struct kz_schema *schema = kz_schema_of(line.entry.type);

    for (unsigned i = 0; i < schema->count; i++) {
        const struct kz_field *field = &schema->fields[i];
        json_t *json = json_loads(golden->line, 0, NULL);
        bool optional = field->form == KZ_FORM_TIME || field->form == KZ_FORM_MEMBERS;

        (void)json_object_del(json, field->name);
        assert_int_equal(kz_line_from_json(json, KZ_LINE_LEDGER, &line, NULL),
                         optional ? KZ_OK : KZ_MALFORMED);
        (void)json_object_set_new(json, field->name, json_null());
        assert_int_equal(kz_line_from_json(json, KZ_LINE_LEDGER, &line, NULL), KZ_MALFORMED);
        json_decref(json);
    }
}

static void no_field_may_be_missing_or_null(void **state)
{
    (void)state;
    kz_golden_each(check_each_field);
}

/* ---- Bounds ---- */

static char *territory_named(size_t size, const char *piece)
{
    static char text[KZ_LINE_INPUT_SIZE_MAX + 200];
    size_t used = (size_t)sprintf(text, "{\"time\":0,\"type\":\"territory\",\"territory\":1,"
                                        "\"utc_offset_minutes\":0,\"name\":\"");
    for (size_t i = 0; i < size; i++)
        text[used++] = piece[i % strlen(piece)];
    (void)sprintf(text + used, "\"}");
    return text;
}

static void a_text_has_at_most_its_bytes(void **state)
{
    (void)state;
    assert_int_equal(parse(territory_named(KZ_TEXT_SIZE_MAX, "x")), KZ_OK);
    assert_int_equal(line.entry.territory.name.size, KZ_TEXT_SIZE_MAX);
    assert_int_equal(parse(territory_named(KZ_TEXT_SIZE_MAX + 1, "x")), KZ_MALFORMED);
}

static void an_address_has_at_most_its_bytes(void **state)
{
    (void)state;
    char text[256];
    for (int size = KZ_ADDRESS_SIZE_MAX; size <= KZ_ADDRESS_SIZE_MAX + 1; size++) {
        (void)snprintf(text, sizeof text,
                       MEMBERS("[{\"id\":1,\"peer\":\"%0*d\",\"client\":\"\",\"role\":\"voter\"}]"),
                       size, 7);
        assert_int_equal(parse(text), size == KZ_ADDRESS_SIZE_MAX ? KZ_OK : KZ_MALFORMED);
    }
}

/* The value in an error is cut to a whole character, wherever the cut falls. */
static void a_long_value_is_cut_at_a_character(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"", "a", "aa", "aaa"};
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        char piece[16];
        (void)sprintf(piece, "%s😀😀😀", prefixes[i]);
        assert_int_equal(parse(territory_named(1200 - 1200 % strlen(piece), piece)), KZ_MALFORMED);
        json_t *text = json_stringn(error.text, strlen(error.text)); /* NULL unless UTF-8 */
        assert_non_null(text);
        assert_non_null(strstr(error.text, "… is not a text of at most 1024 bytes"));
        json_decref(text);
    }
    assert_int_equal(parse("{\"type\":\"barrier\",\"time\":0,"
                           "\"қққққққққққққққққққққққққққққққққққққққққққққ\":1}"),
                     KZ_MALFORMED);
    assert_string_equal(error.text, "\"қққққққққққққққққққққққ…\" is no field of an entry of type "
                                    "\"barrier\"");
}

static void a_line_has_at_most_its_bytes(void **state)
{
    (void)state;
    static char text[KZ_LINE_INPUT_SIZE_MAX + 1];
    memset(text, ' ', sizeof text);
    const char *barrier = "{\"type\":\"barrier\",\"time\":0}";
    memcpy(text, barrier, strlen(barrier));

    assert_int_equal(kz_line_parse(text, sizeof text - 1, KZ_LINE_LEDGER, &line, &error), KZ_OK);
    assert_int_equal(kz_line_parse(text, sizeof text, KZ_LINE_LEDGER, &line, &error), KZ_TOO_LARGE);
    assert_string_equal(error.text, "a line has at most 65536 bytes, and this one has more");
}

/* ---- Memory ---- */

static size_t allocations_left;

static void *allocate_some(size_t size)
{
    if (allocations_left == 0) return NULL;
    allocations_left--;
    return malloc(size);
}

static void without_memory_a_line_is_refused(void **state)
{
    (void)state;
    enum kz_status status = KZ_MALFORMED;

    json_set_alloc_funcs(allocate_some, free);
    for (size_t n = 0; status != KZ_OK; n++) {
        allocations_left = n;
        status = parse("{\"time\":0,\"type\":\"ready\",\"application\":1}");
        assert_true(status == KZ_MALFORMED || status == KZ_OK);
        assert_true(n < 1000);
    }
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_line_gives_its_record),
        cmocka_unit_test(a_random_entry_survives_export_and_import),
        cmocka_unit_test(everything_common_but_the_time_may_be_missing),
        cmocka_unit_test(a_membership_without_members_is_empty),
        cmocka_unit_test(spaces_order_and_escapes_are_free),
        cmocka_unit_test(hex_digits_may_be_of_either_case),
        cmocka_unit_test(a_parsed_value_is_read_like_a_line),
        cmocka_unit_test(what_is_no_json_is_called_so_with_its_place),
        cmocka_unit_test(a_refused_line_names_what_is_wrong),
        cmocka_unit_test(a_refused_field_is_named_with_what_it_may_be),
        cmocka_unit_test(a_refused_member_is_named_by_its_place),
        cmocka_unit_test(no_field_may_be_missing_or_null),
        cmocka_unit_test(a_text_has_at_most_its_bytes),
        cmocka_unit_test(an_address_has_at_most_its_bytes),
        cmocka_unit_test(a_long_value_is_cut_at_a_character),
        cmocka_unit_test(a_line_has_at_most_its_bytes),
        cmocka_unit_test(without_memory_a_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
