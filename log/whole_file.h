/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that are read and replaced as a whole, and the directories they stand in: after a
 * crash the old or the new one is there. */
#ifndef KZ_WHOLE_FILE_H
#define KZ_WHOLE_FILE_H

#include "statemachine/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Reads DIRECTORY/NAME. Errors: KZ_NOT_FOUND, KZ_CORRUPT (larger than CAPACITY), KZ_IO. */
enum kz_status kz_whole_file_read(const char *directory, const char *name, uint8_t *out,
                                  size_t capacity, size_t *out_size, struct kz_error *error);

/* Replaces DIRECTORY/NAME: write beside it, fdatasync, rename, fsync of the directory. */
enum kz_status kz_whole_file_write(const char *directory, const char *name, const uint8_t *bytes,
                                   size_t size, struct kz_error *error);

/* Renames FROM to TO, both in DIRECTORY, durably. */
enum kz_status kz_file_rename(const char *directory, const char *from, const char *to,
                              struct kz_error *error);

enum kz_status kz_directory_sync(const char *directory, struct kz_error *error);

/* Makes the directory PATH, or removes the files in it. */
enum kz_status kz_directory_make_empty(const char *path, struct kz_error *error);

#endif
