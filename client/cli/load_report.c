/* SPDX-License-Identifier: Apache-2.0 */
/* What a load tells: lines that were refused, a bar, a summary. */
#include "client/cli/load.h"

#include "client/lines/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_MS 200
#define BAR_WIDTH   40

/* Clears the bar's line, which the next progress draws again. */
static void clear_bar(struct load *load)
{
    if (load->progress && load->shown_ms > 0) (void)fputs("\r\033[K", stderr);
    load->shown_ms = 0;
}

/* ---- Lines ---- */

static void print_answer(const struct loaded_line *loaded, const struct kezek_outcome *outcome,
                         uint8_t result)
{
    static char line[KZ_LINE_SIZE_MAX];
    struct kz_entry entry;

    if (kz_record_decode(loaded->record, loaded->size, &entry) != KZ_OK) return;
    entry.time = outcome->time;
    (void)kz_line_format(outcome->index, 0, &entry, result, line);
    (void)puts(line);
}

static void note_result(const struct loaded_line *line, const struct kezek_outcome *outcome)
{
    struct load *load = line->load;
    uint8_t result = KZ_RESULT_OK;

    (void)kz_word_find(&kz_result_words, outcome->result, strlen(outcome->result), &result);
    load->counts[result]++;
    load->repeated += outcome->repeated;
    if (kz_cli_is_json(load->cli)) print_answer(line, outcome, result);
}

static const char *type_of(const struct loaded_line *line)
{
    struct kz_entry entry;
    bool is_known = kz_record_decode(line->record, line->size, &entry) == KZ_OK;
    return is_known ? kz_word(&kz_entry_type_words, entry.type) : "";
}

void kz_load_report_outcome(const struct loaded_line *line, const struct kezek_outcome *outcome)
{
    struct load *load = line->load;

    load->answered++;
    load->twice += line->drawn && (outcome->code == KEZEK_OK || outcome->code == KEZEK_UNKNOWN);
    if (outcome->result != NULL) note_result(line, outcome);
    if (outcome->code == KEZEK_OK) return;

    load->refused += outcome->result != NULL;
    load->unanswered += outcome->result == NULL;
    if (outcome->result == NULL && load->unanswered > 1) return; /* the first one says why */
    clear_bar(load);
    if (outcome->result != NULL) {
        (void)fprintf(stderr, "%s:%" PRIu64 ": %s: %s\n", load->path, line->number, outcome->result,
                      kz_cli_explain(outcome->result, type_of(line)));
    } else {
        (void)fprintf(stderr, "%s:%" PRIu64 ": %s\n", load->path, line->number, outcome->text);
    }
}

void kz_load_report_malformed(struct load *load, const char *why)
{
    clear_bar(load);
    (void)fprintf(stderr, "%s:%" PRIu64 ": %s; nothing behind it was sent\n", load->path,
                  load->lines, why);
    load->malformed = true;
}

/* ---- The bar ---- */

void kz_load_report_progress(struct load *load, bool last)
{
    uint64_t now = kezek_now_ms();
    if (!load->progress || (!last && now < load->shown_ms + PROGRESS_MS)) return;

    load->shown_ms = now;
    if (load->bytes_in_all > 0) {
        char bar[BAR_WIDTH + 1];
        unsigned percent = (unsigned)(100 * load->bytes / load->bytes_in_all);
        unsigned filled = BAR_WIDTH * percent / 100;
        for (unsigned i = 0; i < BAR_WIDTH; i++)
            bar[i] = i < filled ? '#' : '.';
        bar[BAR_WIDTH] = '\0';
        (void)fprintf(stderr, "\r[%s] %3u %% ", bar, percent);
    } else {
        (void)fprintf(stderr, "\r%" PRIu64 " lines read, ", load->lines);
    }
    (void)fprintf(stderr, "%" PRIu64 " answered%s", load->answered, last ? "\n" : "");
}

/* ---- The summary ---- */

/* Of a load that stopped before its end. */
static void tell_how_to_go_on(const struct load *load)
{
    if (load->twice > 0) {
        (void)fprintf(stderr,
                      "do not load it again as it is: %" PRIu64 " lines without a \"request\" are "
                      "in the ledger, or may be, and would be acted on twice; leave out those that "
                      "were answered (-o jsonl tells them), and give each line a request id\n",
                      load->twice);
    } else if (load->unanswered > 0) {
        (void)fputs("load it again: lines that are there already change nothing\n", stderr);
    }
}

void kz_load_report_summary(const struct load *load)
{
    FILE *out = kz_cli_is_json(load->cli) ? stderr : stdout;
    uint64_t took_ms = kezek_now_ms() - load->begun_ms;

    (void)fprintf(out, "%s: %" PRIu64 " commands", load->path, load->answered);
    for (unsigned result = 0; result < KZ_RESULT_END; result++) {
        if (load->counts[result] == 0) continue;
        (void)fprintf(out, ", %" PRIu64 " %s", load->counts[result],
                      kz_word(&kz_result_words, result));
    }
    if (load->repeated > 0) {
        (void)fprintf(out, " (%" PRIu64 " of them repeated: they were there already)",
                      load->repeated);
    }
    if (load->unanswered > 0) {
        (void)fprintf(out, ", %" PRIu64 " without an answer", load->unanswered);
    }
    (void)fprintf(out, ", in %" PRIu64 ".%" PRIu64 " s\n", took_ms / 1000, took_ms / 100 % 10);
    if (load->unanswered > 0 || load->malformed) tell_how_to_go_on(load);
}
