/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "statemachine/record/words.h"

static const struct kz_words *const vocabularies[] = {
    &kz_entry_type_words,        &kz_result_words,      &kz_kind_words, &kz_category_words,
    &kz_application_state_words, &kz_access_unit_words, &kz_role_words, &kz_member_role_words,
};

static void every_number_but_the_entry_type_zero_has_a_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vocabularies); i++) {
        const struct kz_words *words = vocabularies[i];
        for (unsigned number = 0; number < words->count; number++) {
            bool exists = !(words == &kz_entry_type_words && number == 0);
            assert_int_equal(kz_word_exists(words, number), exists);
        }
        assert_false(kz_word_exists(words, words->count));
        assert_string_equal(kz_word(words, words->count), "?");
    }
    assert_string_equal(kz_word(&kz_entry_type_words, 0), "?");
    assert_string_equal(kz_word(&kz_result_words, KZ_RESULT_NONE), "?");
}

static void every_word_is_found_and_nothing_near_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vocabularies); i++) {
        const struct kz_words *words = vocabularies[i];
        for (unsigned number = 0; number < words->count; number++) {
            if (!kz_word_exists(words, number)) continue;
            const char *word = kz_word(words, number);
            size_t size = strlen(word);
            uint8_t found = 99;

            assert_false(kz_word_find(words, word, size - 1, &found));
            assert_false(kz_word_find(words, word, size + 1, &found));
            assert_int_equal(found, 99);
            assert_true(kz_word_find(words, word, size, &found));
            assert_int_equal(found, number);
        }
    }
}

static void words_are_exact(void **state)
{
    (void)state;
    uint8_t found = 99;
    assert_false(kz_word_find(&kz_kind_words, "", 0, &found));
    assert_false(kz_word_find(&kz_kind_words, "Ordinary", 8, &found));
    assert_false(kz_word_find(&kz_kind_words, "ordinary ", 9, &found));
    assert_false(kz_word_find(&kz_kind_words, "\0rdinary", 8, &found));
    assert_int_equal(found, 99);
}

/* The numbers that stand in ledgers, written out once more. */
static void numbers_never_change(void **state)
{
    (void)state;
    static const struct {
        const struct kz_words *words;
        unsigned number;
        const char *word;
    } pairs[] = {
        {&kz_entry_type_words, 1, "territory"},
        {&kz_entry_type_words, 6, "application"},
        {&kz_entry_type_words, 11, "claim"},
        {&kz_entry_type_words, 19, "grant"},
        {&kz_entry_type_words, 20, "membership"},
        {&kz_entry_type_words, 23, "version"},
        {&kz_result_words, 0, "ok"},
        {&kz_result_words, 7, "invalid"},
        {&kz_result_words, 15, "not_next"},
        {&kz_kind_words, 1, "correctional"},
        {&kz_category_words, 0, "out_of_turn"},
        {&kz_category_words, 2, "general"},
        {&kz_access_unit_words, 1, "calendar"},
        {&kz_role_words, 1, "administrator"},
        {&kz_role_words, 6, "operator"},
        {&kz_member_role_words, 1, "voter"},
        {&kz_application_state_words, 0, "waiting"},
        {&kz_application_state_words, 6, "withdrawn"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_string_equal(kz_word(pairs[i].words, pairs[i].number), pairs[i].word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_but_the_entry_type_zero_has_a_word),
        cmocka_unit_test(every_word_is_found_and_nothing_near_it),
        cmocka_unit_test(words_are_exact),
        cmocka_unit_test(numbers_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
