/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/line_reader.h"

#include "client/lines/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)1 << 20)

struct kz_line_reader {
    int file;
    bool at_end;
    size_t begin; /* what was read and not given yet: bytes[begin … end − 1] */
    size_t end;
    char bytes[BUFFER_SIZE];
};

enum kz_status kz_line_reader_open(const char *path, struct kz_line_reader **out_reader,
                                   struct kz_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        enum kz_status status = errno == ENOENT ? KZ_NOT_FOUND : KZ_IO;
        return kz_error_set(error, status, "cannot open %s: %s", path, strerror(errno));
    }
    struct kz_line_reader *reader = malloc(sizeof *reader);
    if (reader == NULL) {
        (void)close(file);
        return kz_error_set(error, KZ_NO_MEMORY, "no memory to read %s", path);
    }
    reader->file = file;
    reader->at_end = false;
    reader->begin = 0;
    reader->end = 0;
    *out_reader = reader;
    return KZ_OK;
}

void kz_line_reader_close(struct kz_line_reader *reader)
{
    if (reader == NULL) return;
    (void)close(reader->file);
    free(reader);
}

/* Moves what is left to the buffer's front and reads more behind it. */
static enum kz_status fill(struct kz_line_reader *reader, struct kz_error *error)
{
    size_t left = reader->end - reader->begin;
    memmove(reader->bytes, reader->bytes + reader->begin, left);
    reader->begin = 0;
    reader->end = left;
    ssize_t size = -1;
    do {
        size = read(reader->file, reader->bytes + left, BUFFER_SIZE - left);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return kz_error_set(error, KZ_IO, "it can not be read: %s", strerror(errno));
    reader->at_end = size == 0;
    reader->end += (size_t)size;
    return KZ_OK;
}

enum kz_status kz_line_reader_next(struct kz_line_reader *reader, const char **out_text,
                                   size_t *out_size, struct kz_error *error)
{
    const char *newline = NULL;
    for (;;) {
        size_t left = reader->end - reader->begin;
        newline = memchr(reader->bytes + reader->begin, '\n', left);
        if (newline != NULL || reader->at_end || left > KZ_LINE_INPUT_SIZE_MAX) break;
        enum kz_status status = fill(reader, error);
        if (status != KZ_OK) return status;
    }
    const char *text = reader->bytes + reader->begin;
    size_t size = newline != NULL ? (size_t)(newline - text) + 1 : reader->end - reader->begin;
    if (size == 0) return kz_error_set(error, KZ_NOT_FOUND, "the file's end");
    if (size > KZ_LINE_INPUT_SIZE_MAX) {
        return kz_error_set(error, KZ_TOO_LARGE, "it is longer than %d bytes",
                            KZ_LINE_INPUT_SIZE_MAX);
    }
    reader->begin += size;
    *out_text = text;
    *out_size = size;
    return KZ_OK;
}
