/* SPDX-License-Identifier: Apache-2.0 */
/* log/FORMAT.md and the schema say the same: the page's tables of types and words are what this
 * program prints when it is called with --print, to be pasted between the page's markers. */
#include "tests/base/testing.h"

#include "statemachine/record/schema.h"

#include <stdlib.h>

#define BEGIN_MARKER "<!-- tables of the schema: begin -->\n"
#define END_MARKER   "<!-- tables of the schema: end -->\n"

static const char *form_name(const struct kz_field *field)
{
    switch (field->form) {
    case KZ_FORM_U16: return "u16";
    case KZ_FORM_U32: return "u32";
    case KZ_FORM_U64: return "u64";
    case KZ_FORM_I32: return "i32";
    case KZ_FORM_BOOL: return "bool";
    case KZ_FORM_WORD: return "word";
    case KZ_FORM_DATE: return "date";
    case KZ_FORM_HOUR: return "hour";
    case KZ_FORM_TIME: return "time";
    case KZ_FORM_ID: return "id";
    case KZ_FORM_HASH: return "hash";
    case KZ_FORM_TEXT: return "text";
    case KZ_FORM_MEMBERS: return "members";
    }
    return "?";
}

static void print_words(FILE *page, const struct kz_words *words)
{
    const char *separator = "";
    for (unsigned number = 0; number < words->count; number++) {
        if (!kz_word_exists(words, number)) continue;
        (void)fprintf(page, "%s%u %s", separator, number, kz_word(words, number));
        separator = ", ";
    }
}

static void print_field(FILE *page, const struct kz_field *field, unsigned offset)
{
    unsigned size = kz_form_size(field->form);
    char shown[8] = "…"; /* two bytes more than it is wide */
    if (size > 0) (void)snprintf(shown, sizeof shown, "%u", size);

    (void)fprintf(page, "%6u %*s %-18s %s", offset, size > 0 ? 4 : 6, shown, field->name,
                  form_name(field));
    if (field->form == KZ_FORM_WORD) {
        (void)fputs(": ", page);
        print_words(page, field->words);
    }
    (void)fputs("\n", page);
}

static void print_type(FILE *page, enum kz_entry_type type)
{
    const struct kz_schema *schema = kz_schema_of(type);
    unsigned offset = KZ_RECORD_HEADER_SIZE;

    (void)fprintf(page, "\n%u `%s`", type, kz_word(&kz_entry_type_words, type));
    if (schema->count == 0) {
        (void)fputs(": no fields\n", page);
        return;
    }
    (void)fputs("\n\n```\nOFFSET SIZE FIELD\n", page);
    for (unsigned i = 0; i < schema->count; i++) {
        const struct kz_field *field = &schema->fields[i];
        if (kz_form_size(field->form) == 0) continue;
        print_field(page, field, offset);
        offset += kz_form_size(field->form);
    }
    for (unsigned i = 0; i < schema->count; i++) {
        if (kz_form_size(schema->fields[i].form) == 0)
            print_field(page, &schema->fields[i], offset);
    }
    (void)fputs("```\n", page);
}

static void print_tables(FILE *page)
{
    for (int type = KZ_TERRITORY; type < KZ_ENTRY_TYPE_END; type++)
        print_type(page, (enum kz_entry_type)type);
    (void)fputs("\nThe role of a member: ", page);
    print_words(page, &kz_member_role_words);
    (void)fputs(".\n\nThe result of an entry, which is stored beside it: ", page);
    print_words(page, &kz_result_words);
    (void)fprintf(page, "; %u while it is not applied.\n\n", KZ_RESULT_NONE);
}

static char *read_page(void)
{
    static char page[1 << 18];
    FILE *file = fopen(KZ_FORMAT_PAGE, "r");
    assert_non_null(file);
    size_t size = fread(page, 1, sizeof page - 1, file);
    assert_int_equal(fclose(file), 0);
    page[size] = '\0';
    return page;
}

static void the_page_has_the_schemas_tables(void **state)
{
    (void)state;
    char *printed = NULL;
    size_t size = 0;
    FILE *tables = open_memstream(&printed, &size);
    print_tables(tables);
    assert_int_equal(fclose(tables), 0);

    char *begin = strstr(read_page(), BEGIN_MARKER);
    assert_non_null(begin);
    begin += strlen(BEGIN_MARKER);
    char *end = strstr(begin, END_MARKER);
    assert_non_null(end);
    *end = '\0';
    assert_string_equal(begin, printed);
    free(printed);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_the_schemas_tables),
    };
    if (count == 2 && strcmp(arguments[1], "--print") == 0) {
        print_tables(stdout);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
