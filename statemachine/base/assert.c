/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void kz_panic(const char *file, int line, const char *message)
{
    (void)fprintf(stderr, "%s:%d: %s\n", file, line, message);
    abort();
}
