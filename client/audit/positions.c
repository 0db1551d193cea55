/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit positions: every application ever accepted and its position after an entry, as CSV.
 */
#include "client/audit/audit.h"
#include "client/audit/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct filter {
    uint64_t territory;  /* 0: all */
    uint64_t birth_year; /* 0: all */
    const char *kind;    /* NULL: all */
};

/* What rows are sorted by. Kinds are in the order of their spelling. */
struct row {
    uint32_t territory;
    uint16_t birth_year;
    uint8_t is_ordinary;
    uint64_t application;
};

static int compare_rows(const void *a, const void *b)
{
    const struct row *one = a;
    const struct row *other = b;
    if (one->territory != other->territory) return one->territory < other->territory ? -1 : 1;
    if (one->birth_year != other->birth_year) return one->birth_year < other->birth_year ? -1 : 1;
    if (one->is_ordinary != other->is_ordinary)
        return one->is_ordinary < other->is_ordinary ? -1 : 1;
    if (one->application == other->application) return 0;
    return one->application < other->application ? -1 : 1;
}

static bool passes(const struct filter *filter, const struct kz_application_view *view)
{
    if (filter->territory != 0 && filter->territory != view->queue.territory) return false;
    if (filter->birth_year != 0 && filter->birth_year != view->queue.birth_year) return false;
    return filter->kind == NULL ||
           strcmp(filter->kind, kz_word(&kz_kind_words, view->queue.kind)) == 0;
}

/* Collects the rows that pass FILTER, sorted. Returns: how many; OUT_ROWS is NULL without memory.
 */
static size_t collect(const struct kz_machine *machine, const struct filter *filter,
                      struct row **out_rows)
{
    struct kz_machine_figures figures;
    kz_machine_figures(machine, &figures);
    struct row *rows = calloc(figures.applications + 1, sizeof *rows);
    *out_rows = rows;
    if (rows == NULL) return 0;

    size_t count = 0;
    uint64_t number = 0;
    while ((number = kz_machine_next_application(machine, number)) != 0) {
        struct kz_application_view view;
        if (!kz_machine_application(machine, number, &view) || !passes(filter, &view)) continue;
        rows[count++] = (struct row){view.queue.territory, view.queue.birth_year,
                                     view.queue.kind == KZ_ORDINARY, number};
    }
    qsort(rows, count, sizeof *rows, compare_rows);
    return count;
}

static void print_row(const struct kz_machine *machine, uint64_t number)
{
    struct kz_application_view view;
    if (!kz_machine_application(machine, number, &view)) return;
    (void)printf("%" PRIu32 ",%u,%s,%" PRIu32 ",%" PRIu64 ",%s,%s\n", view.queue.territory,
                 view.queue.birth_year, kz_word(&kz_kind_words, view.queue.kind), view.position,
                 number, kz_word(&kz_category_words, view.category),
                 kz_word(&kz_application_state_words, view.state));
}

static int print(const struct kz_machine *machine, const struct filter *filter)
{
    struct row *rows = NULL;
    size_t count = collect(machine, filter, &rows);
    if (rows == NULL) {
        kz_report("no memory for the applications");
        return KZ_EXIT_FAILED;
    }
    (void)puts("territory,birth_year,kind,position,application,category,state");
    for (size_t i = 0; i < count; i++)
        print_row(machine, rows[i].application);
    free(rows);
    return KZ_EXIT_OK;
}

static bool filter_is_known(const struct filter *filter)
{
    uint8_t kind = 0;
    if (filter->kind == NULL) return true;
    if (kz_word_find(&kz_kind_words, filter->kind, strlen(filter->kind), &kind)) return true;
    kz_report("--kind is ordinary or correctional, not \"%s\"", filter->kind);
    return false;
}

static int run(const char *data, uint64_t at, const struct filter *filter)
{
    struct kz_audit_directory directory;
    int exit_code = kz_audit_directory_open(data, KZ_LOG_READ_ONLY, &directory);
    if (exit_code != KZ_EXIT_OK) return exit_code;
    if (kz_audit_find_end(&directory, &at)) {
        struct kz_error error = {.text = ""};
        struct kz_machine *machine = NULL;
        struct kz_replay replay = {.log = directory.log, .to = at, .verb = "replayed"};
        exit_code = kz_replay_run(&replay, &machine, &error) == KZ_OK ? print(machine, filter)
                                                                      : kz_report_error(&error);
        kz_machine_destroy(machine);
    } else {
        exit_code = KZ_EXIT_USAGE;
    }
    kz_audit_directory_close(&directory);
    return exit_code;
}

int kz_audit_positions(const struct kz_audit_command *self, int count, char **arguments)
{
    int exit_code = KZ_EXIT_OK;
    const char *data = NULL;
    uint64_t at = 0;
    struct filter filter = {0};
    const struct kz_option options[] = {
        {"--data", KZ_OPTION_TEXT, true, &data, 0, 0},
        {"--at", KZ_OPTION_NUMBER, false, &at, 1, UINT64_MAX},
        {"--territory", KZ_OPTION_NUMBER, false, &filter.territory, 1, UINT32_MAX},
        {"--birth-year", KZ_OPTION_NUMBER, false, &filter.birth_year, 2000, 2199},
        {"--kind", KZ_OPTION_TEXT, false, &filter.kind, 0, 0},
    };
    size_t option_count = sizeof options / sizeof options[0];
    if (!kz_options_read(self, options, option_count, count, arguments, &exit_code)) {
        return exit_code;
    }
    return filter_is_known(&filter) ? run(data, at, &filter) : KZ_EXIT_USAGE;
}
