/* SPDX-License-Identifier: Apache-2.0 */
/* A small file that is rewritten in place, so that a full disk does not refuse it: two copies of
 * its content, each in a block of its own.
 *
 *   OFFSET SIZE FIELD
 *        0 4096 a copy
 *     4096 4096 the other
 *
 * A copy:
 *
 *   OFFSET SIZE FIELD
 *        0    8 "KZTWIN", two zeros
 *        8    4 format version (1)
 *       12    4 size of the content, n ≤ 4064
 *       16    8 sequence: the number of the write, from 1
 *       24    n the content
 *     24+n    … zeros
 *     4088    8 XXH3-64 of the 4088 bytes before
 *
 * Invariants:
 * 1. A write goes to the older copy, is made durable, then goes to the other and is made durable:
 * at every moment one copy is whole, and the newer whole one is the file's content.
 * 2. Between writes both copies are the same: damage to either loses nothing.
 *
 * A file of any other size is read as its own content: so were these files once written. */
#ifndef KZ_TWIN_FILE_H
#define KZ_TWIN_FILE_H

#include "statemachine/base/status.h"

#include <stddef.h>
#include <stdint.h>

#define KZ_TWIN_COPY_SIZE        4096
#define KZ_TWIN_FILE_SIZE        (2 * KZ_TWIN_COPY_SIZE)
#define KZ_TWIN_CONTENT_SIZE_MAX (KZ_TWIN_COPY_SIZE - 32)

/* What a whole file says. */
struct kz_twin {
    const uint8_t *content; /* inside the bytes that were decoded */
    size_t size;
    uint64_t sequence;
    unsigned older; /* the copy to write first: 0 or 1 */
};

/* Writes one copy. SIZE ≤ KZ_TWIN_CONTENT_SIZE_MAX. */
void kz_twin_encode(const uint8_t *content, size_t size, uint64_t sequence,
                    uint8_t out[static KZ_TWIN_COPY_SIZE]);

/* Errors: KZ_CORRUPT (neither copy is whole), KZ_NEWER (neither, and one is of a later format). */
enum kz_status kz_twin_decode(const uint8_t bytes[static KZ_TWIN_FILE_SIZE],
                              struct kz_twin *out_twin);

/* Reads the content of DIRECTORY/NAME. Errors: KZ_NOT_FOUND, KZ_CORRUPT, KZ_NEWER, KZ_IO; each with
 * a sentence. */
enum kz_status kz_twin_file_read(const char *directory, const char *name, uint8_t *out,
                                 size_t capacity, size_t *out_size, struct kz_error *error);

/* Rewrites DIRECTORY/NAME in place, durably; replaces it as a whole where it is not there, is of
 * the older form, or has no whole copy. Errors: KZ_IO; KZ_NO_SPACE only where it is replaced. */
enum kz_status kz_twin_file_write(const char *directory, const char *name, const uint8_t *content,
                                  size_t size, struct kz_error *error);

#endif
