/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file, one after the other, in a buffer of fixed size. */
#ifndef KZ_LINE_READER_H
#define KZ_LINE_READER_H

#include "statemachine/base/status.h"

#include <stddef.h>

struct kz_line_reader;

/* Errors: KZ_NOT_FOUND, KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_line_reader_open(const char *path, struct kz_line_reader **out_reader,
                                   struct kz_error *error);
void kz_line_reader_close(struct kz_line_reader *reader); /* NULL is fine */

/* Gives the next line with its newline (the last one may have none), valid until the next call.
 * Errors: KZ_NOT_FOUND (the end), KZ_TOO_LARGE (over KZ_LINE_INPUT_SIZE_MAX), KZ_IO. */
enum kz_status kz_line_reader_next(struct kz_line_reader *reader, const char **out_text,
                                   size_t *out_size, struct kz_error *error);

#endif
