/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/verdict.h"

#include "statemachine/base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

struct kz_verdict *kz_verdict;

_Noreturn void kz_broken(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(kz_verdict->broken, sizeof kz_verdict->broken, format, arguments);
    va_end(arguments);
    (void)fflush(NULL);
    _exit(1);
}

/* In the place of the one of statemachine/base/assert.c: a broken assertion is a verdict too. */
_Noreturn void kz_panic(const char *file, int line, const char *message)
{
    kz_broken("%s:%d: %s", file, line, message);
}
