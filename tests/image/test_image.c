/* SPDX-License-Identifier: Apache-2.0 */
/* Images of a few blocks: read back, damaged, cut, forged, and written to a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"
#include "statemachine/image/image.h"
#include "tests/image/support.h"

#define SEED        UINT64_C(0x0123456789abcdef)
#define HEADER_SIZE 32

struct block {
    uint32_t tag;
    size_t size;
    const char *contents;
};

static const struct block blocks[] = {
    {1, 0, ""}, {1, 1, "a"}, {2, 7, "bcdefgh"}, {1, 8, "ijklmnop"}, {UINT32_MAX, 9, "qrstuvwxy"},
};

#define BLOCK_COUNT (sizeof blocks / sizeof *blocks)

static enum kz_status write_image(struct memory *memory)
{
    struct kz_image_writer writer;

    kz_image_writer_init(&writer, memory, memory_write, SEED);
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        kz_image_write(&writer, blocks[i].tag, blocks[i].contents, blocks[i].size);
    }
    enum kz_status status = kz_image_writer_finish(&writer);
    if (status == KZ_OK) assert_int_equal(writer.size, memory->size);
    return status;
}

static enum kz_status read_image(uint8_t *area, size_t size)
{
    struct kz_image_reader reader;
    uint64_t seed = 0;
    enum kz_status status = kz_image_reader_init(&reader, area, size, &seed);

    if (status != KZ_OK) return status;
    assert_true(seed == SEED);
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        const void *contents = kz_image_read(&reader, blocks[i].tag, blocks[i].size);
        assert_int_equal(contents == NULL, reader.status != KZ_OK);
        if (contents == NULL) continue;
        assert_int_equal((uintptr_t)contents % 8, 0);
        assert_memory_equal(contents, blocks[i].contents, blocks[i].size);
    }
    return kz_image_reader_finish(&reader);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct memory memory = memory_empty();

    assert_int_equal(write_image(&memory), KZ_OK);
    assert_int_equal(memory.size % 8, 0);
    assert_int_equal(read_image(memory.bytes, memory.size), KZ_OK);
    free(memory.bytes);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    struct memory memory = memory_empty();
    assert_int_equal(write_image(&memory), KZ_OK);

    for (size_t bit = 0; bit < 8 * memory.size; bit++) {
        memory.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(read_image(memory.bytes, memory.size), KZ_CORRUPT);
        memory.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(memory.bytes);
}

static void every_cut_is_found(void **state)
{
    (void)state;
    struct memory memory = memory_empty();
    assert_int_equal(write_image(&memory), KZ_OK);

    for (size_t size = 0; size < memory.size; size++) {
        struct memory part = {.bytes = memory.bytes, .size = size};
        uint8_t *area = memory_map(&part); /* so that the sanitizer sees its end */
        assert_int_equal(read_image(area, size), KZ_CORRUPT);
        free(area);
    }
    free(memory.bytes);
}

static void bytes_behind_the_end_are_found(void **state)
{
    (void)state;
    struct memory memory = memory_empty();

    assert_int_equal(write_image(&memory), KZ_OK);
    assert_int_equal(memory_write(&memory, "\0\0\0\0\0\0\0", 8), KZ_OK);
    assert_int_equal(read_image(memory.bytes, memory.size), KZ_CORRUPT);
    free(memory.bytes);
}

static void a_newer_format_is_told_apart_from_damage(void **state)
{
    (void)state;
    struct memory memory = memory_empty();
    assert_int_equal(write_image(&memory), KZ_OK);

    kz_put_u32(memory.bytes + 8, KZ_IMAGE_VERSION + 1);
    assert_int_equal(read_image(memory.bytes, memory.size), KZ_CORRUPT);
    kz_put_u64(memory.bytes + 24, kz_checksum(memory.bytes, 24));
    assert_int_equal(read_image(memory.bytes, memory.size), KZ_NEWER);
    free(memory.bytes);
}

static void a_block_of_another_tag_size_or_place_is_refused(void **state)
{
    (void)state;
    static const struct block asked[] = {{2, 8, NULL}, {1, 7, NULL}, {1, 9, NULL}, {1, 16, NULL}};
    struct kz_image_writer writer;
    struct memory memory = memory_empty();
    kz_image_writer_init(&writer, &memory, memory_write, SEED);
    kz_image_write(&writer, 1, "01234567", 8);
    kz_image_write(&writer, 1, "01234567", 8);
    assert_int_equal(kz_image_writer_finish(&writer), KZ_OK);

    struct kz_image_reader reader;
    uint64_t seed;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        assert_int_equal(kz_image_reader_init(&reader, memory.bytes, memory.size, &seed), KZ_OK);
        assert_null(kz_image_read(&reader, asked[i].tag, asked[i].size));
        assert_null(kz_image_read(&reader, 1, 8));
        assert_int_equal(kz_image_reader_finish(&reader), KZ_CORRUPT);
    }
    /* The second block in the first one's place is whole, but not number 0. */
    memcpy(memory.bytes + HEADER_SIZE, memory.bytes + HEADER_SIZE + 32, 32);
    assert_int_equal(kz_image_reader_init(&reader, memory.bytes, memory.size, &seed), KZ_OK);
    assert_null(kz_image_read(&reader, 1, 8));
    free(memory.bytes);
}

static void an_image_whose_write_failed_says_so(void **state)
{
    (void)state;
    uint32_t failures = 0;
    enum kz_status status = KZ_NO_SPACE;

    while (status != KZ_OK) {
        struct memory memory = memory_empty();
        memory.writes_left = failures;
        status = write_image(&memory);
        assert_true(status == KZ_OK || status == KZ_NO_SPACE);
        failures += status != KZ_OK;
        free(memory.bytes);
    }
    assert_in_range(failures, 10, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(bytes_behind_the_end_are_found),
        cmocka_unit_test(a_newer_format_is_told_apart_from_damage),
        cmocka_unit_test(a_block_of_another_tag_size_or_place_is_refused),
        cmocka_unit_test(an_image_whose_write_failed_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
