/* SPDX-License-Identifier: Apache-2.0 */
/* An image: the state machine's arrays as they lie in memory, so that opening one is mapping it.
 *
 *   header  | block | block | … | closing block
 *
 *   HEADER: OFFSET SIZE FIELD              BLOCK: OFFSET SIZE FIELD
 *                0    8 "KZIMAGE1"                     0    4 tag: what its owner calls it
 *                8    4 format version (1)             4    4 number, from 0
 *               12    4 reserved, zero                 8    8 size of the contents
 *               16    8 seed of the hash tables       16    8 checksum
 *               24    8 XXH3 of the 24 bytes before   24    … contents, zeros up to a multiple of 8
 *
 * A block's checksum is the XXH3 of its contents with the XXH3 of the 16 bytes before it as seed.
 * Contents are in the byte order of the machine, which is little-endian.
 *
 * Invariants:
 * 1. Nothing of a block is handed out before its checksum was compared.
 * 2. Failure is sticky, in a writer and in a reader: whoever uses one checks once, at the end.
 *
 * Checksums find decay, cut files and mixed versions. They do not keep out who forges an image on
 * purpose: an image is as trusted as the directory it lies in. */
#ifndef KZ_IMAGE_H
#define KZ_IMAGE_H

#include "statemachine/base/status.h"

#include <stddef.h>
#include <stdint.h>

#define KZ_IMAGE_VERSION 1

struct kz_image_writer {
    void *context;
    enum kz_status (*write)(void *context, const void *bytes, size_t size);
    enum kz_status status;
    uint32_t block_count;
    uint64_t size; /* bytes written so far */
};

/* Begins an image. WRITE takes its bytes one after the other and fails with a status of its own. */
void kz_image_writer_init(struct kz_image_writer *writer, void *context,
                          enum kz_status (*write)(void *context, const void *bytes, size_t size),
                          uint64_t seed);

/* Writes a block of SIZE bytes; TAG is not 0. */
void kz_image_write(struct kz_image_writer *writer, uint32_t tag, const void *bytes, size_t size);

/* Ends the image. Returns: KZ_OK, or the first failure of `write`: then there is no image. */
enum kz_status kz_image_writer_finish(struct kz_image_writer *writer);

struct kz_image_reader {
    uint8_t *next;
    uint8_t *end;
    enum kz_status status;
    uint32_t block_count;
};

/* Opens the image in the SIZE bytes at AREA, 8-byte-aligned memory that is the reader's to change
 * (a private mapping) and stays as long as what is opened from it.
 * Returns: KZ_OK; KZ_NEWER for a format that this build does not know; KZ_CORRUPT for anything else
 * that does not begin as an image. */
enum kz_status kz_image_reader_init(struct kz_image_reader *reader, void *area, size_t size,
                                    uint64_t *out_seed);

/* Reads the next block, which must be of that TAG and SIZE and whole.
 * Returns: its contents inside the area; NULL (status KZ_CORRUPT) when there is no such block. */
void *kz_image_read(struct kz_image_reader *reader, uint32_t tag, size_t size);

/* Declares that what was read makes no sense. Returns: the reader's status, not KZ_OK. */
enum kz_status kz_image_reject(struct kz_image_reader *reader);

/* Ends reading. Returns: KZ_OK when all blocks were read and whole; else the first failure. */
enum kz_status kz_image_reader_finish(struct kz_image_reader *reader);

#endif
