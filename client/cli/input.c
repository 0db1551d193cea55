/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/input.h"

#include "client/lines/lines.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static_assert(INPUT_SIZE > 2 * KZ_LINE_INPUT_SIZE_MAX, "the longest line fits beside another one");

bool kz_input_take(struct input *input, const char **out_text, size_t *out_size)
{
    const char *first = input->bytes + input->start;
    size_t left = input->end - input->start;
    const char *newline = memchr(first, '\n', left);
    size_t size = newline == NULL ? left : (size_t)(newline - first) + 1;

    if (newline == NULL && !input->ended && left <= KZ_LINE_INPUT_SIZE_MAX) return false;
    if (size == 0) return false;
    input->start += size;
    *out_text = first;
    *out_size = size;
    return true;
}

bool kz_input_ready(const struct input *input, int timeout_ms)
{
    struct pollfd polled = {input->file, POLLIN, 0};
    return poll(&polled, 1, timeout_ms) > 0;
}

void kz_input_read(struct input *input)
{
    memmove(input->bytes, input->bytes + input->start, input->end - input->start);
    input->end -= input->start;
    input->start = 0;

    ssize_t got = read(input->file, input->bytes + input->end, INPUT_SIZE - input->end);
    if (got > 0) {
        input->end += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
        input->error = got == 0 ? 0 : errno;
        input->ended = true;
    }
}
