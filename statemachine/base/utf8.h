/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
#ifndef KZ_UTF8_H
#define KZ_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Returns: whether the SIZE bytes at TEXT are UTF-8 without a zero byte. */
bool kz_utf8_is_text(const char *text, size_t size);

/* Returns: whether they are that and without control characters (C0, DEL, C1). */
bool kz_utf8_is_printable(const char *text, size_t size);

#endif
