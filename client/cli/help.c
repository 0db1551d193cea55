/* SPDX-License-Identifier: Apache-2.0 */
/* What there is, and what was probably meant. */
#include "client/cli/cli.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE_MAX 40

/* ---- Help ---- */

void kz_cli_print_help(FILE *out)
{
    (void)fputs("kezek: the ledger of the kindergarten queue\n\n"
                "usage: kezek COMMAND [WORD…] [--option value…]\n\n",
                out);
    for (int i = 0; i < kz_subcommand_count; i++) {
        (void)fprintf(out, "  %-16s  %s\n", kz_subcommands[i].name, kz_subcommands[i].help);
    }
    (void)fputs(
        "\nkezek help COMMAND tells a command's options. Options of every command:\n"
        "  --endpoints HOST:PORT,…       the nodes; or KEZEK_ENDPOINTS in the environment\n"
        "  -o table|simple|json|jsonl    table on a terminal, else simple\n"
        "  --timeout SECONDS             10 unless given (load: 120, endpoint: 3); or 500ms\n"
        "  --actor NUMBER                who asks; 0 unless given\n"
        "  --request HEX                 the request id, 32 digits; random unless given\n"
        "  --local                       any node's answer at once, perhaps an older one\n"
        "\nexit codes: 0 ok, 1 refused by the rules or failed, 2 usage, 3 unavailable or "
        "not known,\n"
        "            4 not found, 5 conflict or duplicate, 6 not allowed, 7 verification failed\n",
        out);
}

static void print_form(const struct kz_field *field)
{
    switch (field->form) {
    case KZ_FORM_BOOL: (void)fputs("true|false", stdout); return;
    case KZ_FORM_DATE: (void)fputs("YYYY-MM-DD", stdout); return;
    case KZ_FORM_HOUR: (void)fputs("HH:MM", stdout); return;
    case KZ_FORM_TIME: (void)fputs("MILLISECONDS (since 1970 UTC)", stdout); return;
    case KZ_FORM_ID: (void)fputs("HEX (32 digits)", stdout); return;
    case KZ_FORM_HASH: (void)fputs("HEX (64 digits)", stdout); return;
    case KZ_FORM_TEXT: (void)fputs("TEXT", stdout); return;
    case KZ_FORM_WORD: break;
    default: (void)fputs("NUMBER", stdout); return;
    }
    const char *between = "";
    for (unsigned i = 0; i < field->words->count; i++) {
        if (!kz_word_exists(field->words, i)) continue;
        (void)printf("%s%s", between, kz_word(field->words, i));
        between = "|";
    }
}

/* What happens without an option. */
static const char *unless_given(const struct subcommand *subcommand, const char *field)
{
    static const struct {
        const char *command, *field, *text;
    } notes[] = {
        {"apply", "secret_hash", "  made unless given, and its secret shown once"},
        {"apply", "applied_at", "  the entry's time unless given"},
        {"actor set", "kindergarten", "  0 unless given"},
    };
    for (unsigned i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (strcmp(subcommand->name, notes[i].command) == 0 && strcmp(field, notes[i].field) == 0) {
            return notes[i].text;
        }
    }
    if (strcmp(field, "evidence") == 0 || strcmp(field, "key_hash") == 0) {
        return "  zeros unless given";
    }
    bool set = strcmp(subcommand->name, "policy set") == 0 ||
               strcmp(subcommand->name, "territory set") == 0;
    return set && strcmp(field, "territory") != 0 ? "  as it is unless given" : "";
}

void kz_cli_print_subcommand_help(const struct subcommand *subcommand)
{
    const struct kz_schema *schema = kz_cli_schema(subcommand);

    (void)printf("usage: kezek %s%s%s\n\n%s\n", subcommand->name,
                 subcommand->usage[0] == '\0' ? "" : " ", subcommand->usage, subcommand->help);
    if (schema == NULL) return;
    (void)fputs("\noptions, which words may stand for as above:\n", stdout);
    for (unsigned i = 0; i < schema->count; i++) {
        (void)fputs("  --", stdout);
        for (const char *letter = schema->fields[i].name; *letter != '\0'; letter++)
            (void)putchar(*letter == '_' ? '-' : *letter);
        (void)putchar(' ');
        print_form(&schema->fields[i]);
        (void)puts(unless_given(subcommand, schema->fields[i].name));
    }
}

/* ---- What was meant ---- */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* Levenshtein's distance, row by row; names that are too long are far from everything. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_SIZE_MAX + 1];
    size_t width = strlen(b);
    if (width > NAME_SIZE_MAX || strlen(a) > NAME_SIZE_MAX) return NAME_SIZE_MAX;

    for (unsigned j = 0; j <= width; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= width; j++) {
            unsigned above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[width];
}

const char *kz_cli_nearest(const char *text, const char *const *names, int count)
{
    const char *nearest = "";
    unsigned shortest = (unsigned)strlen(text) / 2 + 1; /* half of it, at most, may be wrong */

    for (int i = 0; i < count; i++) {
        unsigned found = distance(text, names[i]);
        if (found < shortest) {
            shortest = found;
            nearest = names[i];
        }
    }
    return nearest;
}

/* Lists the commands of two words that begin with WORD. Returns: whether there is one. */
static bool list_group(const char *word)
{
    size_t size = strlen(word);
    bool any = false;

    for (int i = 0; i < kz_subcommand_count; i++) {
        const char *name = kz_subcommands[i].name;
        if (strncmp(name, word, size) != 0 || name[size] != ' ') continue;
        (void)fprintf(stderr, "%s %s", any ? "," : "; there are:", name);
        any = true;
    }
    return any;
}

int kz_cli_unknown_command(const char *const *words, int count)
{
    const char *names[64];
    char given[2 * NAME_SIZE_MAX];

    (void)snprintf(given, sizeof given, "%s", words[0]);
    (void)fprintf(stderr, "kezek: no command \"%s%s%s\"", words[0], count > 1 ? " " : "",
                  count > 1 ? words[1] : "");
    if (!list_group(words[0])) {
        for (int i = 0; i < kz_subcommand_count; i++)
            names[i] = kz_subcommands[i].name;
        const char *nearest = kz_cli_nearest(given, names, kz_subcommand_count);
        if (nearest[0] == '\0' && count > 1) {
            (void)snprintf(given, sizeof given, "%s %s", words[0], words[1]);
            nearest = kz_cli_nearest(given, names, kz_subcommand_count);
        }
        if (nearest[0] != '\0') (void)fprintf(stderr, "; did you mean \"%s\"?", nearest);
    }
    (void)fputs("\nkezek help tells what there is\n", stderr);
    return EXIT_USAGE;
}
