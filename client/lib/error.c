/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/client.h"

#include <stdarg.h>
#include <stdio.h>

enum kezek_code kz_fail(struct kezek_error *error, enum kezek_code code, const char *format, ...)
{
    if (error == NULL) return code;

    va_list arguments;
    va_start(arguments, format);
    *error = (struct kezek_error){.code = code};
    error->retry = code == KEZEK_BUSY || code == KEZEK_UNAVAILABLE || code == KEZEK_UNKNOWN;
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return code;
}
