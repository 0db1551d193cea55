/* SPDX-License-Identifier: Apache-2.0 */
/* A file of two copies: after every write that stopped anywhere, and after damage to one copy, the
 * content is the one before or the one behind it. */
#include "tests/log/failing.h"
#include "tests/log/fixture.h"

#include "log/twin_file.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "vote"

static const uint8_t old_content[] = "the vote of the term before";
static const uint8_t new_content[] = "the vote of this term";

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    return call_fails() ? -1 : real(file, bytes, size, offset);
}

/* ---- The file ---- */

static FILE *open_file(const char *mode)
{
    char path[PATH_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/" NAME, directory);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    return file;
}

static void get_bytes(uint8_t out[static KZ_TWIN_FILE_SIZE])
{
    FILE *file = open_file("rb");
    assert_int_equal(fread(out, 1, KZ_TWIN_FILE_SIZE, file), KZ_TWIN_FILE_SIZE);
    assert_int_equal(fgetc(file), EOF);
    (void)fclose(file);
}

static void put_bytes(const uint8_t *bytes, size_t size)
{
    FILE *file = open_file("wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    (void)fclose(file);
}

static void put_content(const uint8_t *content, size_t size)
{
    struct kz_error error;
    assert_int_equal(kz_twin_file_write(directory, NAME, content, size, &error), KZ_OK);
}

static bool holds(const uint8_t *content, size_t size)
{
    uint8_t found[KZ_TWIN_CONTENT_SIZE_MAX];
    size_t found_size = 0;
    struct kz_error error;
    assert_int_equal(kz_twin_file_read(directory, NAME, found, sizeof found, &found_size, &error),
                     KZ_OK);
    return found_size == size && memcmp(found, content, size) == 0;
}

static bool holds_old(void)
{
    return holds(old_content, sizeof old_content);
}

static bool holds_new(void)
{
    return holds(new_content, sizeof new_content);
}

/* ---- Cases ---- */

static void content_is_read_as_written(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 40, 456, KZ_TWIN_CONTENT_SIZE_MAX};
    uint8_t content[KZ_TWIN_CONTENT_SIZE_MAX];
    memset(content, 0xab, sizeof content);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        put_content(content, sizes[i]);
        assert_true(holds(content, sizes[i]));
    }
}

static void the_bytes_are_the_documented_ones(void **state)
{
    (void)state;
    uint8_t bytes[KZ_TWIN_FILE_SIZE];
    put_content(old_content, sizeof old_content);
    put_content(new_content, sizeof new_content);
    get_bytes(bytes);
    assert_memory_equal(bytes, "KZTWIN\0\0\1\0\0\0\x16\0\0\0\2\0\0\0\0\0\0\0", 24);
    assert_memory_equal(bytes + 24, new_content, sizeof new_content);
    for (size_t i = 24 + sizeof new_content; i < KZ_TWIN_COPY_SIZE - 8; i++)
        assert_int_equal(bytes[i], 0);
    assert_memory_equal(bytes + KZ_TWIN_COPY_SIZE - 8, "\x00\xae\xc3\x1c\x02\xf5\xae\x4b", 8);
    assert_memory_equal(bytes, bytes + KZ_TWIN_COPY_SIZE, KZ_TWIN_COPY_SIZE);
}

static void a_file_of_the_older_form_is_read_and_replaced(void **state)
{
    (void)state;
    put_bytes(old_content, sizeof old_content);
    assert_true(holds_old());
    put_content(new_content, sizeof new_content);
    assert_true(holds_new());
    uint8_t bytes[KZ_TWIN_FILE_SIZE];
    get_bytes(bytes);
}

static void a_write_whose_nth_call_fails_leaves_one_of_the_two(void **state)
{
    (void)state;
    static const int codes[] = {EIO, ENOSPC};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        enum kz_status status = KZ_IO;
        int n = 0;
        for (; status != KZ_OK; n++) {
            struct kz_error error = {.text = ""};
            put_content(old_content, sizeof old_content);
            call_errno = codes[i];
            calls_left = n;
            status = kz_twin_file_write(directory, NAME, new_content, sizeof new_content, &error);
            calls_left = -1;
            if (status != KZ_OK) assert_non_null(strstr(error.text, NAME));
            assert_true(holds_new() || (status != KZ_OK && holds_old()));
        }
        assert_int_equal(n, 5); /* each copy: a write and a sync */
    }
}

static void a_write_torn_at_any_byte_leaves_one_of_the_two(void **state)
{
    (void)state;
    uint8_t before[KZ_TWIN_FILE_SIZE];
    uint8_t behind[KZ_TWIN_FILE_SIZE];
    put_content(old_content, sizeof old_content);
    put_content(old_content, sizeof old_content);
    get_bytes(before);
    put_content(new_content, sizeof new_content);
    get_bytes(behind);

    struct kz_twin twin;
    assert_int_equal(kz_twin_decode(before, &twin), KZ_OK);
    unsigned first = twin.older;
    for (unsigned step = 0; step < 2; step++) {
        size_t at = (step == 0 ? first : 1 - first) * KZ_TWIN_COPY_SIZE;
        for (size_t cut = 0; cut <= KZ_TWIN_COPY_SIZE; cut += cut < 64 ? 1 : 16) {
            memcpy(before + at, behind + at, cut);
            put_bytes(before, sizeof before);
            bool is_new = step == 1 || cut == KZ_TWIN_COPY_SIZE;
            assert_true(is_new ? holds_new() : holds_old());
        }
    }
}

static void damage_to_either_copy_loses_nothing_and_the_next_write_heals_it(void **state)
{
    (void)state;
    for (size_t at = 0; at < KZ_TWIN_FILE_SIZE; at += 149) {
        uint8_t bytes[KZ_TWIN_FILE_SIZE];
        put_content(old_content, sizeof old_content);
        get_bytes(bytes);
        bytes[at] ^= 0x10;
        put_bytes(bytes, sizeof bytes);
        assert_true(holds_old());

        put_content(new_content, sizeof new_content);
        get_bytes(bytes);
        assert_memory_equal(bytes, bytes + KZ_TWIN_COPY_SIZE, KZ_TWIN_COPY_SIZE);
        assert_true(holds_new());
    }
}

static void damage_to_both_copies_is_told(void **state)
{
    (void)state;
    uint8_t bytes[KZ_TWIN_FILE_SIZE];
    uint8_t found[KZ_TWIN_CONTENT_SIZE_MAX];
    size_t size = 0;
    struct kz_error error = {.text = ""};
    put_content(old_content, sizeof old_content);
    get_bytes(bytes);
    bytes[30] ^= 1;
    bytes[KZ_TWIN_COPY_SIZE + 4000] ^= 1;
    put_bytes(bytes, sizeof bytes);
    assert_int_equal(kz_twin_file_read(directory, NAME, found, sizeof found, &size, &error),
                     KZ_CORRUPT);
    assert_non_null(strstr(error.text, NAME));
}

static void a_later_format_is_told(void **state)
{
    (void)state;
    uint8_t bytes[KZ_TWIN_FILE_SIZE];
    struct kz_twin twin;
    kz_twin_encode(old_content, sizeof old_content, 1, bytes);
    bytes[8] = 2;
    kz_put_u64(bytes + KZ_TWIN_COPY_SIZE - 8, kz_checksum(bytes, KZ_TWIN_COPY_SIZE - 8));
    memcpy(bytes + KZ_TWIN_COPY_SIZE, bytes, KZ_TWIN_COPY_SIZE);
    assert_int_equal(kz_twin_decode(bytes, &twin), KZ_NEWER);
}

static void a_longer_content_than_asked_for_is_corrupt(void **state)
{
    (void)state;
    uint8_t found[8];
    size_t size = 0;
    struct kz_error error;
    put_content(old_content, sizeof old_content);
    assert_int_equal(kz_twin_file_read(directory, NAME, found, sizeof found, &size, &error),
                     KZ_CORRUPT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(content_is_read_as_written),
        CASE(the_bytes_are_the_documented_ones),
        CASE(a_file_of_the_older_form_is_read_and_replaced),
        CASE(a_write_whose_nth_call_fails_leaves_one_of_the_two),
        CASE(a_write_torn_at_any_byte_leaves_one_of_the_two),
        CASE(damage_to_either_copy_loses_nothing_and_the_next_write_heals_it),
        CASE(damage_to_both_copies_is_told),
        CASE(a_later_format_is_told),
        CASE(a_longer_content_than_asked_for_is_corrupt),
    };
    return cmocka_run_group_tests_name("twin_file", tests, NULL, NULL);
}
