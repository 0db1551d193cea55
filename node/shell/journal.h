/* SPDX-License-Identifier: Apache-2.0 */
/* The log on standard error: one line an event, `TIME LEVEL EVENT key=value …`; and what systemd
 * is told. Never blocks: a line that the reader of a pipe has no room for is counted and dropped.
 */
#ifndef KZ_JOURNAL_H
#define KZ_JOURNAL_H

#include "node/core/core.h"

/* Writes one line. FORMAT begins with the event's name. At most KZ_JOURNAL_LINES_MAX lines a
 * second; the next line of the following second tells how many were left out. */
void kz_journal(enum kz_notice_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells systemd STATE ("READY=1", "STOPPING=1") when NOTIFY_SOCKET is set (sd_notify(3)). */
void kz_journal_notify(const char *state);

#endif
