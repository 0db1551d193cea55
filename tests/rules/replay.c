/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a ledger as JSON lines on standard input, applies each, prints each result.
 *
 *   kz_replay [--positions-at I]… [--positions-each] [--digest-each] [--due-each] [--check]
 *             [--try-due] [--compare]
 *
 * --positions-…  after that entry (each entry) the positions as CSV, then an empty line
 * --digest-each  the digest beside each result
 * --due-each     after each result one line: `due`, and what kz_machine_due names at that time
 * --try-due      after every fourth entry opens the machine once more from an image of it, applies
 *                there what kz_machine_due names, at that time and a day later: each must be `ok`
 * --check        looks at every invariant after each entry, and stops at the first that is broken
 * --compare      prints only where a line's own `result` differs, and then exits 1 */
#include "client/lines/lines.h"
#include "statemachine/rules/machine.h"
#include "tests/rules/check.h"
#include "tests/rules/clone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSITIONS_AT_MAX 16
#define DUE_MAX          64
#define ROUNDS_MAX       1000
#define TRY_DUE_EACH     4
#define SEED             1
#define DAY_MS           INT64_C(86400000)

struct options {
    uint64_t positions_at[POSITIONS_AT_MAX];
    int positions_at_count;
    bool positions_each;
    bool digest_each;
    bool due_each;
    bool try_due;
    bool check;
    bool compare;
};

static bool parse_options(int count, char **arguments, struct options *options)
{
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (strcmp(name, "--positions-each") == 0)
            options->positions_each = true;
        else if (strcmp(name, "--digest-each") == 0)
            options->digest_each = true;
        else if (strcmp(name, "--due-each") == 0)
            options->due_each = true;
        else if (strcmp(name, "--try-due") == 0)
            options->try_due = true;
        else if (strcmp(name, "--check") == 0)
            options->check = true;
        else if (strcmp(name, "--compare") == 0)
            options->compare = true;
        else if (strcmp(name, "--positions-at") == 0 && i + 1 < count &&
                 options->positions_at_count < POSITIONS_AT_MAX)
            options->positions_at[options->positions_at_count++] =
                strtoull(arguments[++i], NULL, 10);
        else
            return false;
    }
    return true;
}

static bool wants_positions(const struct options *options, uint64_t index)
{
    bool wanted = options->positions_each;
    for (int i = 0; i < options->positions_at_count; i++)
        wanted = wanted || options->positions_at[i] == index;
    return wanted;
}

static int compare_views(const void *left, const void *right)
{
    const struct kz_application_view *a = left;
    const struct kz_application_view *b = right;
    if (a->queue.territory != b->queue.territory)
        return a->queue.territory < b->queue.territory ? -1 : 1;
    if (a->queue.birth_year != b->queue.birth_year)
        return a->queue.birth_year < b->queue.birth_year ? -1 : 1;
    if (a->queue.kind != b->queue.kind) return a->queue.kind == KZ_CORRECTIONAL ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

static void print_positions(const struct kz_machine *machine)
{
    struct kz_machine_figures figures;
    kz_machine_figures(machine, &figures);
    struct kz_application_view *views = calloc(figures.applications + 1, sizeof *views);
    if (views == NULL) abort();

    size_t count = 0;
    for (uint64_t number = kz_machine_next_application(machine, 0); number != 0;
         number = kz_machine_next_application(machine, number))
        if (kz_machine_application(machine, number, &views[count])) count++;
    qsort(views, count, sizeof *views, compare_views);
    puts("territory,birth_year,kind,position,application,category,state");
    for (size_t i = 0; i < count; i++)
        printf("%" PRIu32 ",%u,%s,%" PRIu32 ",%" PRIu64 ",%s,%s\n", views[i].queue.territory,
               views[i].queue.birth_year, kz_word(&kz_kind_words, views[i].queue.kind),
               views[i].position, views[i].number, kz_word(&kz_category_words, views[i].category),
               kz_word(&kz_application_state_words, views[i].state));
    puts("");
    free(views);
}

static void print_due(const struct kz_machine *machine, int64_t time)
{
    static struct kz_entry due[DUE_MAX];
    uint32_t count = kz_machine_due(machine, time, due, DUE_MAX);
    (void)fputs("due", stdout);
    for (uint32_t i = 0; i < count; i++) {
        if (due[i].type == KZ_GRANT)
            printf(" grant:%" PRIu64 ":%" PRIu64, due[i].grant.application, due[i].grant.bulletin);
        else
            printf(" %s:%" PRIu32, kz_word(&kz_entry_type_words, due[i].type),
                   due[i].clock.territory);
    }
    puts("");
}

/* Applies to MACHINE, a copy, what is due at TIME, call after call until nothing is.
 * Returns: NULL, or what went wrong. */
static const char *apply_due(struct kz_machine *machine, int64_t time)
{
    static struct kz_entry due[DUE_MAX];
    uint32_t count = 1;
    for (int round = 0; count > 0; round++) {
        if (round == ROUNDS_MAX) return "what is due never ends";
        count = kz_machine_due(machine, time, due, DUE_MAX);
        for (uint32_t i = 0; i < count; i++) {
            struct kz_outcome outcome;
            uint64_t index = kz_machine_applied(machine) + 1;
            if (kz_machine_apply(machine, index, &due[i], &outcome) != KZ_OK)
                return "what is due does not follow";
            if (outcome.result != KZ_RESULT_OK) return "what is due is refused";
        }
    }
    int64_t next = kz_machine_next_due(machine, time);
    if (next <= time) return "nothing is due, and yet the clock should look now";
    if (kz_machine_due(machine, next - 1, due, 1) != 0) return "something is due before its time";
    if (next != INT64_MAX && kz_machine_due(machine, next, due, 1) != 1)
        return "nothing is due when the clock should look";
    return kz_check(machine);
}

static const char *try_due(const struct kz_machine *machine)
{
    static struct kz_clone clone;
    struct kz_machine *copy = NULL;
    uint8_t digests[2][KZ_ID_SIZE];

    kz_clone_save(&clone, machine, SEED);
    if (kz_clone_open(&clone, &copy) != KZ_OK) return "the image does not open";
    kz_machine_digest(machine, digests[0]);
    kz_machine_digest(copy, digests[1]);
    const char *wrong = memcmp(digests[0], digests[1], KZ_ID_SIZE) == 0
                            ? apply_due(copy, kz_machine_time(copy))
                            : "the image has another digest";
    if (wrong == NULL) wrong = apply_due(copy, kz_machine_time(copy) + DAY_MS);
    kz_machine_destroy(copy);
    return wrong;
}

static void print_result(const struct kz_machine *machine, const struct options *options,
                         enum kz_result result)
{
    (void)fputs(kz_word(&kz_result_words, result), stdout);
    if (options->digest_each) {
        uint8_t digest[KZ_ID_SIZE];
        kz_machine_digest(machine, digest);
        putchar(' ');
        for (int i = 0; i < KZ_ID_SIZE; i++)
            printf("%02x", digest[i]);
    }
    puts("");
}

/* Returns: 0; 1 for a difference or a broken invariant; 2 for a line that is no entry. */
static int replay_line(struct kz_machine *machine, const struct options *options, const char *text,
                       size_t size)
{
    static struct kz_line line;
    struct kz_error error;
    struct kz_outcome outcome;
    uint64_t index = kz_machine_applied(machine) + 1;

    if (kz_line_parse(text, size, KZ_LINE_LEDGER, &line, &error) != KZ_OK) {
        (void)fprintf(stderr, "entry %" PRIu64 ": %s\n", index, error.text);
        return 2;
    }
    if (kz_machine_apply(machine, index, &line.entry, &outcome) != KZ_OK) {
        (void)fprintf(stderr, "entry %" PRIu64 " does not follow\n", index);
        return 2;
    }
    if (!options->compare) print_result(machine, options, outcome.result);
    if (options->due_each) print_due(machine, line.entry.time);
    if (wants_positions(options, index)) print_positions(machine);
    const char *wrong = options->check ? kz_check(machine) : NULL;
    if (wrong == NULL && options->try_due && index % TRY_DUE_EACH == 0) wrong = try_due(machine);
    if (wrong != NULL) {
        (void)fprintf(stderr, "entry %" PRIu64 ": %s\n", index, wrong);
        return 1;
    }
    bool has_result = line.result != KZ_RESULT_NONE;
    if (!options->compare || !has_result || line.result == outcome.result) return 0;
    printf("entry %" PRIu64 ": %s, not %s\n", index, kz_word(&kz_result_words, outcome.result),
           kz_word(&kz_result_words, line.result));
    return 1;
}

int main(int count, char **arguments)
{
    struct options options = {0};
    if (!parse_options(count, arguments, &options)) {
        (void)fprintf(stderr, "usage: the head of tests/rules/replay.c\n");
        return 2;
    }
    struct kz_machine *machine = kz_machine_create(&kz_allocator_system, SEED);
    char *text = NULL;
    size_t capacity = 0;
    int status = 0;
    ssize_t size = 0;
    while (status == 0 && (size = getline(&text, &capacity, stdin)) > 0)
        status = replay_line(machine, &options, text, (size_t)size);
    free(text);
    kz_machine_destroy(machine);
    return status;
}
