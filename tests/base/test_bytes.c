/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"

#include "statemachine/base/bytes.h"

static const uint8_t counting[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void fields_are_little_endian(void **state)
{
    (void)state;
    struct kz_reader reader = kz_reader_init(counting, sizeof counting);

    assert_int_equal(kz_read_u8(&reader), 0x01);
    assert_int_equal(kz_read_u16(&reader), 0x0302);
    assert_int_equal(kz_read_u32(&reader), 0x07060504);
    assert_true(kz_read_u64(&reader) == 0x0f0e0d0c0b0a0908);
    assert_true(kz_reader_done(&reader));
}

static void what_is_written_is_what_was_read(void **state)
{
    (void)state;
    uint8_t bytes[sizeof counting];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);

    kz_write_u8(&writer, 0x01);
    kz_write_u16(&writer, 0x0302);
    kz_write_u32(&writer, 0x07060504);
    kz_write_u64(&writer, 0x0f0e0d0c0b0a0908);
    assert_false(writer.failed);
    assert_int_equal(kz_writer_size(&writer), sizeof counting);
    assert_memory_equal(bytes, counting, sizeof counting);
}

static void a_reader_is_done_only_at_its_end(void **state)
{
    (void)state;
    struct kz_reader reader = kz_reader_init(counting, 2);

    assert_false(kz_reader_done(&reader));
    assert_int_equal(kz_read_u8(&reader), 1);
    assert_false(kz_reader_done(&reader));
    assert_int_equal(kz_reader_left(&reader), 1);
    assert_int_equal(kz_read_u8(&reader), 2);
    assert_true(kz_reader_done(&reader));
}

/* Each kind of read, one byte short, then a read that would have fitted. */
static void a_failed_read_gives_zero_and_every_later_one_too(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        static const size_t sizes[] = {1, 2, 4, 8};
        struct kz_reader reader = kz_reader_init(counting, sizes[kind] - 1);
        uint64_t value = kind == 0   ? kz_read_u8(&reader)
                         : kind == 1 ? kz_read_u16(&reader)
                         : kind == 2 ? kz_read_u32(&reader)
                                     : kz_read_u64(&reader);
        assert_true(value == 0);
        assert_true(reader.failed);
        assert_null(kz_read_bytes(&reader, 0));
        assert_false(kz_reader_done(&reader));
    }
}

static void a_write_that_does_not_fit_changes_nothing_and_sticks(void **state)
{
    (void)state;
    uint8_t bytes[8] = {0};
    struct kz_writer writer = kz_writer_init(bytes, 3);

    kz_write_u16(&writer, 0xffff);
    kz_write_u32(&writer, 0xffffffff);
    kz_write_u8(&writer, 0xff);
    kz_write_u64(&writer, UINT64_MAX);
    kz_write_bytes(&writer, counting, 1);
    assert_true(writer.failed);
    assert_int_equal(kz_writer_size(&writer), 2);
    assert_memory_equal(bytes, "\xff\xff\0\0\0\0\0\0", 8);
}

static void a_writer_can_be_filled_to_its_last_byte(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0};
    struct kz_writer writer = kz_writer_init(bytes, 3);

    kz_write_bytes(&writer, counting, 3);
    kz_write_bytes(&writer, NULL, 0);
    assert_false(writer.failed);
    assert_memory_equal(bytes, "\1\2\3\0", 4);
    kz_write_u8(&writer, 9);
    assert_true(writer.failed);
    assert_int_equal(bytes[3], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_little_endian),
        cmocka_unit_test(what_is_written_is_what_was_read),
        cmocka_unit_test(a_reader_is_done_only_at_its_end),
        cmocka_unit_test(a_failed_read_gives_zero_and_every_later_one_too),
        cmocka_unit_test(a_write_that_does_not_fit_changes_nothing_and_sticks),
        cmocka_unit_test(a_writer_can_be_filled_to_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
