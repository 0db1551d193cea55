/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_PERIOD_MS 200

void kz_report(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("kezek-audit: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
}

int kz_report_error(const struct kz_error *error)
{
    kz_report("%s", error->text);
    switch (error->status) {
    case KZ_CORRUPT: return KZ_EXIT_NOT_VERIFIED;
    case KZ_USAGE: return KZ_EXIT_USAGE;
    default: return KZ_EXIT_FAILED;
    }
}

int kz_report_written(int exit_code)
{
    bool written = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (written || exit_code != KZ_EXIT_OK) return exit_code;
    kz_report("cannot write to standard output");
    return KZ_EXIT_FAILED;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct kz_progress kz_progress_start(const char *verb, uint64_t total)
{
    bool on_terminal = isatty(STDERR_FILENO) == 1;
    return (struct kz_progress){verb, total, now_ms() + PROGRESS_PERIOD_MS, on_terminal};
}

void kz_progress_show(struct kz_progress *progress, uint64_t done)
{
    if (!progress->on_terminal) return;
    int64_t now = now_ms();
    if (now < progress->next_ms) return;
    progress->next_ms = now + PROGRESS_PERIOD_MS;
    (void)fprintf(stderr, "\r%s %" PRIu64, progress->verb, done);
    if (progress->total > 0) {
        (void)fprintf(stderr, " of %" PRIu64 " entries (%d %%)", progress->total,
                      (int)(done * 100 / progress->total));
    }
    (void)fputs("\033[K", stderr);
}

void kz_progress_end(struct kz_progress *progress)
{
    if (progress->on_terminal) (void)fputs("\r\033[K", stderr);
}
