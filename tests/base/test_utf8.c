/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "statemachine/base/utf8.h"

struct example {
    const char *bytes;
    size_t size;
    bool is_text;
    bool is_printable;
};

#define EXAMPLE(bytes, is_text, is_printable)           \
    {                                                   \
        bytes, sizeof(bytes) - 1, is_text, is_printable \
    }

static const struct example examples[] = {
    EXAMPLE("", true, true),
    EXAMPLE("a", true, true),
    EXAMPLE("№7 «Балдырған» 😀", true, true),
    EXAMPLE("\0", false, false),
    EXAMPLE("a\0b", false, false),
    /* Control characters: the ends of C0, DEL and C1, and their neighbours. */
    EXAMPLE("\x01", true, false),
    EXAMPLE("\x1f", true, false),
    EXAMPLE("\x20", true, true),
    EXAMPLE("\x7e", true, true),
    EXAMPLE("\x7f", true, false),
    EXAMPLE("\xc2\x80", true, false),
    EXAMPLE("\xc2\x9f", true, false),
    EXAMPLE("\xc2\xa0", true, true),
    /* The first and last character of each size. */
    EXAMPLE("\xdf\xbf", true, true),
    EXAMPLE("\xe0\xa0\x80", true, true),
    EXAMPLE("\xef\xbf\xbf", true, true),
    EXAMPLE("\xf0\x90\x80\x80", true, true),
    EXAMPLE("\xf4\x8f\xbf\xbf", true, true),
    /* Past U+10FFFF. */
    EXAMPLE("\xf4\x90\x80\x80", false, false),
    EXAMPLE("\xf5\x80\x80\x80", false, false),
    EXAMPLE("\xff", false, false),
    /* Surrogates and their neighbours. */
    EXAMPLE("\xed\x9f\xbf", true, true),
    EXAMPLE("\xed\xa0\x80", false, false),
    EXAMPLE("\xed\xbf\xbf", false, false),
    EXAMPLE("\xee\x80\x80", true, true),
    /* Overlong forms of NUL, '/', U+007F, U+07FF, U+FFFF. */
    EXAMPLE("\xc0\x80", false, false),
    EXAMPLE("\xc0\xaf", false, false),
    EXAMPLE("\xc1\xbf", false, false),
    EXAMPLE("\xe0\x9f\xbf", false, false),
    EXAMPLE("\xf0\x8f\xbf\xbf", false, false),
    /* A continuation alone, characters cut short, a wrong continuation. */
    EXAMPLE("\x80", false, false),
    EXAMPLE("\xbf", false, false),
    EXAMPLE("\xc2", false, false),
    EXAMPLE("\xe2\x82", false, false),
    EXAMPLE("\xf0\x9f\x98", false, false),
    EXAMPLE("\xc2\x41", false, false),
    EXAMPLE("\xe2\x82\xc0", false, false),
};

static void each_example_is_judged_by_rfc_3629(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        const struct example *example = &examples[i];
        if (kz_utf8_is_text(example->bytes, example->size) != example->is_text ||
            kz_utf8_is_printable(example->bytes, example->size) != example->is_printable)
            fail_msg("example %zu is judged wrongly", i);
    }
}

/* Every code point, encoded; of them only NUL and the surrogates are no text. */
static void every_code_point_but_nul_and_surrogates_is_text(void **state)
{
    (void)state;
    uint32_t counts[5] = {0};

    for (uint32_t code = 0; code < 0x110000; code++) {
        char bytes[4];
        size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        for (size_t i = size; i-- > 1;)
            bytes[i] = (char)(0x80 | (code >> 6 * (size - 1 - i) & 0x3f));
        static const unsigned leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
        bytes[0] = (char)(leads[size] | code >> 6 * (size - 1));
        counts[size] += kz_utf8_is_text(bytes, size);
        assert_false(size > 1 && kz_utf8_is_text(bytes, size - 1));
    }
    assert_int_equal(counts[1], 0x7f);
    assert_int_equal(counts[2], 0x800 - 0x80);
    assert_int_equal(counts[3], 0x10000 - 0x800 - 0x800);
    assert_int_equal(counts[4], 0x110000 - 0x10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_example_is_judged_by_rfc_3629),
        cmocka_unit_test(every_code_point_but_nul_and_surrogates_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
