/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/journal.h"

#include "node/core/bounds.h"

#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 1024 /* under PIPE_BUF: a pipe takes it whole */

/* Of the second that is running. The loop's thread alone writes the journal. */
static struct {
    time_t second;
    unsigned written;
    unsigned long omitted;
} budget;

static const char *level_text(enum kz_notice_level level)
{
    switch (level) {
    case KZ_NOTICE_INFO: return "info";
    case KZ_NOTICE_WARNING: return "warning";
    case KZ_NOTICE_ERROR: return "error";
    }
    return "error";
}

static size_t write_prefix(char *line, const struct timespec *now, enum kz_notice_level level)
{
    struct tm parts;
    gmtime_r(&now->tv_sec, &parts);
    size_t size = strftime(line, LINE_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    int rest = snprintf(line + size, LINE_SIZE - size, ".%03ldZ %s ", now->tv_nsec / 1000000,
                        level_text(level));
    return size + (size_t)rest;
}

static void write_line(char *line, size_t size)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (size > LINE_SIZE - 1) size = LINE_SIZE - 1;
    for (size_t i = 0; i < size; i++)
        if (line[i] == '\n' || line[i] == '\r') line[i] = ' ';
    line[size] = '\n';
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0 ||
        write(STDERR_FILENO, line, size + 1) < 0) {
        budget.omitted++;
    }
}

static void tell_omitted(const struct timespec *now)
{
    char line[LINE_SIZE];
    size_t size = write_prefix(line, now, KZ_NOTICE_WARNING);
    int rest = snprintf(line + size, LINE_SIZE - size, "lines_omitted count=%lu", budget.omitted);

    budget.omitted = 0;
    write_line(line, size + (size_t)rest);
}

void kz_journal(enum kz_notice_level level, const char *format, ...)
{
    char line[LINE_SIZE];
    struct timespec now;
    va_list arguments;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != budget.second) {
        budget.second = now.tv_sec;
        budget.written = 0;
        if (budget.omitted > 0) tell_omitted(&now);
    }
    if (budget.written == KZ_JOURNAL_LINES_MAX && level != KZ_NOTICE_ERROR) {
        budget.omitted++;
        return;
    }
    if (level != KZ_NOTICE_ERROR) budget.written++;

    size_t size = write_prefix(line, &now, level);
    va_start(arguments, format);
    int rest = vsnprintf(line + size, LINE_SIZE - size, format, arguments);
    va_end(arguments);
    if (rest > 0) write_line(line, size + (size_t)rest);
}

void kz_journal_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path == NULL ? 0 : strlen(path);

    if (size == 0 || size >= sizeof address.sun_path) return;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') address.sun_path[0] = '\0';

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
               address_size) < 0) {
        kz_journal(KZ_NOTICE_WARNING, "notify_failed socket=%s", path);
    }
    close(fd);
}
