/* SPDX-License-Identifier: Apache-2.0 */
/* KZ_ASSERT: a bug stops the process, in every build. Bytes from disk, peer or client are never a
 * bug: they get a status or a result. */
#ifndef KZ_ASSERT_H
#define KZ_ASSERT_H

#define KZ_ASSERT(condition)                                                             \
    do {                                                                                 \
        if (__builtin_expect(!(condition), 0)) kz_panic(__FILE__, __LINE__, #condition); \
    } while (0)

/* Writes "FILE:LINE: MESSAGE" to standard error and aborts. Never returns. */
_Noreturn void kz_panic(const char *file, int line, const char *message);

#endif
