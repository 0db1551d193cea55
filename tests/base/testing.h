/* SPDX-License-Identifier: Apache-2.0 */
/* <cmocka.h> with the headers that it wants before itself. */
#ifndef KZ_TESTING_H
#define KZ_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
