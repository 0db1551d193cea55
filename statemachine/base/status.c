/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *kz_status_text(enum kz_status status)
{
    switch (status) {
    case KZ_OK: return "ok";
    case KZ_NO_MEMORY: return "out of memory";
    case KZ_MALFORMED: return "malformed";
    case KZ_CORRUPT: return "corrupt";
    case KZ_NEWER: return "newer version";
    case KZ_TOO_LARGE: return "too large";
    case KZ_NOT_FOUND: return "not found";
    case KZ_EXISTS: return "exists";
    case KZ_MISMATCH: return "mismatch";
    case KZ_LOCKED: return "locked";
    case KZ_IO: return "input/output error";
    case KZ_NO_SPACE: return "no space";
    case KZ_POISONED: return "poisoned";
    case KZ_UNAVAILABLE: return "unavailable";
    case KZ_USAGE: return "usage";
    }
    return "unknown status";
}

enum kz_status kz_error_set(struct kz_error *error, enum kz_status status, const char *format, ...)
{
    if (error == NULL) return status;

    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}
