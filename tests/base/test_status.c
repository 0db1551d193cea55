/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "statemachine/base/status.h"

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = KZ_OK; a <= KZ_USAGE; a++) {
        assert_string_not_equal(kz_status_text((enum kz_status)a), "unknown status");
        for (int b = KZ_OK; b < a; b++) {
            assert_string_not_equal(kz_status_text((enum kz_status)a),
                                    kz_status_text((enum kz_status)b));
        }
    }
    assert_string_equal(kz_status_text((enum kz_status)(KZ_USAGE + 1)), "unknown status");
}

static void an_error_carries_its_status_and_sentence(void **state)
{
    (void)state;
    struct kz_error error = {KZ_OK, ""};
    assert_int_equal(kz_error_set(&error, KZ_IO, "cannot open %s: %d", "data", 5), KZ_IO);
    assert_int_equal(error.status, KZ_IO);
    assert_string_equal(error.text, "cannot open data: 5");
    assert_int_equal(kz_error_set(NULL, KZ_LOCKED, "nobody listens"), KZ_LOCKED);
}

static void a_sentence_that_is_too_long_is_cut(void **state)
{
    (void)state;
    char text[1000];
    struct kz_error error;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';

    (void)kz_error_set(&error, KZ_IO, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(an_error_carries_its_status_and_sentence),
        cmocka_unit_test(a_sentence_that_is_too_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
