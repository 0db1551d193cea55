/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that fail: the test's own definitions take the place of the C library's. */
#ifndef KZ_TEST_LOG_FAILING_H
#define KZ_TEST_LOG_FAILING_H

#include <stdbool.h>

/* With CALLS_LEFT at 0 the next call fails with CALL_ERRNO; negative: none does. fdatasync() is
 * among them; a test adds those that it needs. */
extern int calls_left;
extern int call_errno;
extern int syncs; /* calls of fdatasync() */

/* Counts a call. Returns: whether it fails, with errno set. */
bool call_fails(void);

#endif
