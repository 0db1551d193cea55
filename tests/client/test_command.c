/* SPDX-License-Identifier: Apache-2.0 */
/* Commands under construction: values from text, and the line of what became of one. */
#include "tests/client/scripted.h"

static void only_types_that_clients_write_can_be_begun(void **state)
{
    static const char *const wrong[] = {"publish", "morning", "grant", "membership", "barrier",
                                        "digest",  "version", "",      "Claim",      "claims"};
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(wrong); i++) {
        struct kezek_error error = {.code = KEZEK_OK};
        assert_null(kezek_command_create(wrong[i], &error));
        assert_int_equal(error.code, KEZEK_USAGE);
        assert_true(error.text[0] != '\0');
    }
    for (uint8_t type = KZ_TERRITORY; type <= KZ_ENROL; type++) {
        struct kezek_command *command =
            kezek_command_create(kz_word(&kz_entry_type_words, type), NULL);
        assert_non_null(command);
        kezek_command_destroy(command);
    }
    kezek_command_destroy(NULL);
}

/* Returns: whether a `kindergarten` with one value changed (NULL: left out) has a line. */
static bool is_command_with(const char *name, const char *value)
{
    static const char *const values[][2] = {
        {"kindergarten", "7"}, {"territory", "1"}, {"name", "Балапан"}, {"open", "true"}};
    const struct kezek_outcome outcome = {.result = "ok", .request = {1}};
    struct kezek_command *command = kezek_command_create("kindergarten", NULL);
    enum kezek_code code = KEZEK_OK;
    char line[1024];

    for (unsigned i = 0; i < COUNT_OF(values) && code == KEZEK_OK; i++) {
        bool changed = strcmp(values[i][0], name) == 0;
        if (changed && value == NULL) continue;
        code = kezek_command_set(command, values[i][0], changed ? value : values[i][1], NULL);
    }
    size_t size = code == KEZEK_OK ? kezek_command_line(command, &outcome, line, sizeof line) : 0;
    kezek_command_destroy(command);
    return size > 0;
}

static void values_are_judged(void **state)
{
    static const struct {
        const char *name, *value;
        bool good;
    } cases[] = {
        {"", NULL, true},
        {"kindergarten", "4294967295", true},
        {"kindergarten", "4294967296", false},
        {"kindergarten", "99999999999999999999", false},
        {"kindergarten", "-1", false},
        {"kindergarten", "7x", false},
        {"kindergarten", "", false},
        {"kindergarten", NULL, false},
        {"name", "", true}, /* the rules' to refuse */
        {"name", "\xff", false},
        {"name", NULL, false},
        {"open", "false", true},
        {"open", "yes", false},
        {"open", NULL, false},
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        if (is_command_with(cases[i].name, cases[i].value) != cases[i].good) {
            fail_msg("%s = %s", cases[i].name, cases[i].value == NULL ? "(none)" : cases[i].value);
        }
    }
}

static void an_unknown_field_is_named(void **state)
{
    struct kezek_error error;
    struct kezek_command *command = kezek_command_create("claim", NULL);
    (void)state;
    assert_int_equal(kezek_command_set(command, "territory", "1", &error), KEZEK_USAGE);
    assert_string_equal(error.text, "\"territory\" is no field of an entry of type \"claim\"");
    kezek_command_destroy(command);
}

static void a_missing_field_is_named(void **state)
{
    struct scripted script;
    struct kezek_error error;
    struct kezek_command *command = kezek_command_create("claim", NULL);
    (void)state;
    scripted_init(&script, "a:1");
    assert_int_equal(kezek_command_set(command, "application", "1", &error), KEZEK_OK);
    assert_int_equal(
        kezek_client_submit(script.client, 0, command, scripted_keep_outcome, NULL, &error),
        KEZEK_USAGE);
    assert_non_null(strstr(error.text, "kindergarten"));
    assert_int_equal(kezek_client_waiting(script.client), 0);
    kezek_command_destroy(command);
    scripted_finish(&script);
}

static void the_line_tells_what_is_known(void **state)
{
    static const struct {
        struct kezek_outcome outcome;
        const char *line;
    } cases[] = {
        {{.result = "ok", .index = 12, .time = 99},
         "{\"index\":12,\"time\":99,\"request\":\"abcd0000000000000000000000000000\",\"actor\":4,"
         "\"type\":\"claim\",\"application\":5,\"kindergarten\":6,\"result\":\"ok\"}"},
        {{.result = "no_place", .index = 12, .repeated = true},
         "{\"index\":12,\"request\":\"abcd0000000000000000000000000000\",\"actor\":4,"
         "\"type\":\"claim\",\"application\":5,\"kindergarten\":6,\"result\":\"no_place\"}"},
        {{.result = "conflict"},
         "{\"request\":\"abcd0000000000000000000000000000\",\"actor\":4,"
         "\"type\":\"claim\",\"application\":5,\"kindergarten\":6,\"result\":\"conflict\"}"},
        {{.code = KEZEK_UNKNOWN},
         "{\"request\":\"abcd0000000000000000000000000000\",\"actor\":4,"
         "\"type\":\"claim\",\"application\":5,\"kindergarten\":6}"},
    };
    const uint8_t request[16] = {0xab, 0xcd};
    struct kezek_command *command = kezek_command_create("claim", NULL);
    (void)state;
    kezek_command_set_actor(command, 4);
    assert_int_equal(kezek_command_set(command, "application", "5", NULL), KEZEK_OK);
    assert_int_equal(kezek_command_set(command, "kindergarten", "6", NULL), KEZEK_OK);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        char line[512] = "";
        struct kezek_outcome outcome = cases[i].outcome;
        size_t size = strlen(cases[i].line);
        memcpy(outcome.request, request, sizeof request);
        assert_int_equal(kezek_command_line(command, &outcome, line, size), 0);
        assert_int_equal(kezek_command_line(command, &outcome, line, size + 1), size);
        assert_string_equal(line, cases[i].line);
    }
    kezek_command_destroy(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_types_that_clients_write_can_be_begun),
        cmocka_unit_test(values_are_judged),
        cmocka_unit_test(an_unknown_field_is_named),
        cmocka_unit_test(a_missing_field_is_named),
        cmocka_unit_test(the_line_tells_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
