/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file or a pipe, without waiting where the next one has not come yet. */
#ifndef KZ_INPUT_H
#define KZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#define INPUT_SIZE (256 * 1024)

struct input {
    int file;
    bool ended; /* all was read */
    int error;  /* an errno: reading failed, and nothing more will come */
    size_t start;
    size_t end;
    char bytes[INPUT_SIZE];
};

/* Takes the next line that was read already, its newline included; at the end of the file the last
 * one needs none. A line longer than KZ_LINE_INPUT_SIZE_MAX comes in parts, which no parser takes.
 * OUT_TEXT is valid until the next call. Returns: false when there is none. */
bool kz_input_take(struct input *input, const char **out_text, size_t *out_size);

/* Waits up to TIMEOUT_MS. Returns: whether kz_input_read() would not wait. */
bool kz_input_ready(const struct input *input, int timeout_ms);

/* Reads more. */
void kz_input_read(struct input *input);

#endif
