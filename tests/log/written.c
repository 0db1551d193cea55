/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/log/written.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint8_t *image;
size_t image_size;

static int open_data(int flags)
{
    char path[PATH_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/ledger/data.mdb", directory);
    return open(path, flags | O_CLOEXEC);
}

uint8_t result_of(uint64_t index)
{
    return (uint8_t)(index * index % 13);
}

static void write_image(uint32_t count, uint32_t first_term_2, uint32_t result_count)
{
    struct kz_log *log = open_log(directory);
    append(log, first_term_2 - 1, 1);
    append(log, count - first_term_2 + 1, 2);
    uint8_t *results = malloc(result_count);
    assert_non_null(results);
    for (uint32_t i = 0; i < result_count; i++)
        results[i] = result_of(i + 1);
    struct kz_log_write write = {
        .result_first = 1, .results = results, .result_count = result_count};
    assert_int_equal(kz_log_append(log, &write, NULL), KZ_OK);
    free(results);
    image_size = kz_log_used_bytes(log);
    kz_log_close(log);

    image = malloc(image_size);
    assert_non_null(image);
    int file = open_data(O_RDONLY);
    assert_int_equal(pread(file, image, image_size, 0), image_size);
    (void)close(file);
}

int set_up_written(void **state, uint32_t count, uint32_t first_term_2, uint32_t result_count)
{
    int failed = set_up(state);
    if (failed == 0) write_image(count, first_term_2, result_count);
    return failed;
}

int tear_down_written(void **state)
{
    free(image);
    return tear_down(state);
}

void write_at(size_t offset, const void *bytes, size_t size)
{
    int file = open_data(O_WRONLY);
    ssize_t written = pwrite(file, bytes, size, (off_t)offset);
    (void)close(file);
    if (written != (ssize_t)size) _exit(9);
}

void flip(size_t offset)
{
    uint8_t byte = image[offset] ^ (uint8_t)(1 << offset % 8);
    write_at(offset, &byte, 1);
}
