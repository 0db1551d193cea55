/* SPDX-License-Identifier: Apache-2.0 */
/* Bits flipped in the rows of a ledger: the damaged entry and its place are named exactly, nothing
 * of it is read, and it is repaired by nothing but what stood there. */
#include "tests/log/written.h"

#include "log/damage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_COUNT      1100
#define RESULT_COUNT     1060
#define FIRST_TERM_2     60
#define BLOCK_FIRST      46 /* of the second block of leaves, and its end */
#define BLOCK_END        91
#define TAIL_BLOCK_FIRST 1081 /* of a block behind the results */
#define LEAF_SIZE        44

static void put_back(void)
{
    char path[PATH_SIZE + 32];
    write_at(0, image, image_size);
    (void)snprintf(path, sizeof path, "%s/reached", directory);
    (void)unlink(path); /* the file is an older one than some repairs left */
}

static int as_written(void **state)
{
    (void)state;
    put_back();
    return 0;
}

static int begin(void **state)
{
    return set_up_written(state, ENTRY_COUNT, FIRST_TERM_2, RESULT_COUNT);
}

/* ---- Finding rows in the file ---- */

static struct kz_log *open_as(enum kz_log_mode mode)
{
    struct kz_error error = {.text = ""};
    struct kz_log *log = NULL;
    enum kz_status status = kz_log_open(directory, mode, 0, &log, &error);
    if (status != KZ_OK) fail_msg("%s: %s", kz_status_text(status), error.text);
    return log;
}

static struct kz_fault examine(struct kz_log *log)
{
    struct kz_error error = {.text = ""};
    struct kz_fault fault;
    assert_int_equal(kz_log_examine(log, 1, ENTRY_COUNT, true, &fault, &error), KZ_OK);
    return fault;
}

/* Returns: where BYTES stand in the file, in the page that is in use: that of which a damaged byte
 * is found. */
static size_t find(const void *bytes, size_t size)
{
    const uint8_t *found = image;
    while ((found = memmem(found, (size_t)(image + image_size - found), bytes, size)) != NULL) {
        size_t offset = (size_t)(found - image);
        flip(offset);
        struct kz_log *log = open_as(KZ_LOG_READ_ONLY);
        bool is_used = examine(log).damage != KZ_DAMAGE_NONE;
        kz_log_close(log);
        write_at(offset, image + offset, 1);
        if (is_used) return offset;
        found++;
    }
    fail_msg("it is not there");
    return 0;
}

/* Returns: where the row of entry INDEX begins, its checksum before its record. */
static size_t find_row(uint64_t index, size_t *out_size)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = make_record(index, record);
    *out_size = size + 8;
    return find(record, size) - 8;
}

/* Returns: where the block of leaves begins whose first is FIRST: the copy with all of them. */
static size_t find_leaves(uint64_t first, uint32_t count)
{
    uint8_t hashes[45][KZ_HASH_SIZE];
    struct kz_error error = {.text = ""};
    struct kz_log *log = NULL;
    assert_int_equal(kz_log_open(directory, KZ_LOG_READ_ONLY, 0, &log, &error), KZ_OK);
    assert_int_equal(kz_log_read_leaves(log, first, count, hashes, &error), KZ_OK);
    kz_log_close(log);
    size_t last = find(hashes[count - 1], KZ_HASH_SIZE);
    return last - 12 - (size_t)(count - 1) * LEAF_SIZE;
}

/* ---- Damage ---- */

static void assert_named(enum kz_damage damage, uint64_t index)
{
    struct kz_log *log = open_as(KZ_LOG_READ_ONLY);
    struct kz_fault fault = examine(log);
    if (fault.damage != damage || fault.index != index) {
        fail_msg("damage %d of entry %llu was named, not %d of %llu", (int)fault.damage,
                 (unsigned long long)fault.index, (int)damage, (unsigned long long)index);
    }
    kz_log_close(log);
}

static void assert_unreadable(uint64_t index)
{
    struct kz_error error = {.text = ""};
    struct kz_batch *batch = NULL;
    struct kz_log *log = open_as(KZ_LOG_READ_ONLY);
    assert_int_equal(kz_log_read(log, index, 1, SIZE_MAX, &batch, &error), KZ_CORRUPT);
    kz_log_close(log);
}

static void assert_whole(struct kz_log *log)
{
    uint8_t results[RESULT_COUNT];
    struct kz_error error = {.text = ""};
    assert_int_equal(examine(log).damage, KZ_DAMAGE_NONE);
    assert_entries(log, ENTRY_COUNT);
    assert_int_equal(kz_log_applied_index(log), RESULT_COUNT);
    assert_int_equal(kz_log_read_results(log, 1, RESULT_COUNT, results, &error), KZ_OK);
    for (uint64_t i = 0; i < RESULT_COUNT; i++)
        assert_int_equal(results[i], result_of(i + 1));
}

static uint64_t term_of(uint64_t index)
{
    return index < FIRST_TERM_2 ? 1 : 2;
}

static enum kz_status repair(struct kz_log *log, uint64_t index, struct kz_batch *entry,
                             bool is_proven)
{
    struct kz_error error = {.text = ""};
    const struct kz_log_repair order = {.index = index, .entry = entry, .is_proven = is_proven};
    enum kz_status status = kz_log_repair(log, &order, &error);
    kz_batch_release(entry);
    return status;
}

/* ---- Cases ---- */

static void each_byte_of_a_record_names_its_entry(void **state)
{
    (void)state;
    for (uint64_t index = 57; index < 63; index++) {
        size_t size = 0;
        size_t row = find_row(index, &size);
        for (size_t i = 0; i < size; i++) {
            flip(row + i);
            assert_named(KZ_DAMAGE_RECORD, index);
            if (i % 8 == 0) assert_unreadable(index);
            write_at(row + i, image + row + i, 1);
        }
    }
}

static void each_byte_of_a_block_of_leaves_names_its_first_entry(void **state)
{
    (void)state;
    size_t block = find_leaves(BLOCK_FIRST, BLOCK_END - BLOCK_FIRST);
    for (size_t i = 0; i < (BLOCK_END - BLOCK_FIRST) * LEAF_SIZE + 8; i++) {
        flip(block + i);
        assert_named(KZ_DAMAGE_LEAF, BLOCK_FIRST);
        if (i % 64 == 0) assert_unreadable(BLOCK_FIRST + 3);
        write_at(block + i, image + block + i, 1);
    }
}

static size_t find_results(void)
{
    uint8_t results[64];
    for (size_t i = 0; i < sizeof results; i++)
        results[i] = result_of(i + 1);
    return find(results, sizeof results);
}

static void each_byte_of_results_names_their_block(void **state)
{
    (void)state;
    size_t block = find_results();
    for (size_t i = 0; i < 1024 + 8; i++) {
        flip(block + i);
        assert_named(KZ_DAMAGE_RESULTS, 1);
        write_at(block + i, image + block + i, 1);
    }
}

static void a_record_is_repaired_by_what_its_leaf_says_alone(void **state)
{
    (void)state;
    for (uint64_t index = 57; index < 63; index++) {
        size_t size = 0;
        size_t row = find_row(index, &size);
        flip(row + 8 + index % 30);
        struct kz_log *log = open_as(KZ_LOG_EXISTING);
        struct kz_batch *other = make_batch(index, 1, term_of(index));
        other->bytes[KZ_ENTRY_PREFIX_SIZE + 20] ^= 1; /* of its request id */
        assert_int_equal(repair(log, index, other, true), KZ_MISMATCH);
        assert_int_equal(repair(log, index, make_batch(index, 1, 3), true), KZ_MISMATCH);
        assert_int_equal(repair(log, index, NULL, true), KZ_UNAVAILABLE);
        assert_int_equal(examine(log).index, index);

        assert_int_equal(repair(log, index, make_batch(index, 1, term_of(index)), false), KZ_OK);
        assert_whole(log);
        append(log, 3, 2); /* and the log goes on */
        kz_log_close(log);
        put_back();
    }
}

static void leaves_are_made_again_from_sound_records(void **state)
{
    (void)state;
    flip(find_leaves(BLOCK_FIRST, BLOCK_END - BLOCK_FIRST) + 777);
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    assert_int_equal(repair(log, BLOCK_FIRST, NULL, false), KZ_OK);
    assert_whole(log);
    assert_int_equal(repair(log, BLOCK_FIRST, NULL, false), KZ_OK); /* again: nothing to do */
    kz_log_close(log);
}

static void a_record_and_its_leaf_need_a_proof(void **state)
{
    (void)state;
    size_t size = 0;
    size_t leaves = find_leaves(BLOCK_FIRST, BLOCK_END - BLOCK_FIRST);
    size_t row_50 = find_row(50, &size);
    size_t row_70 = find_row(70, &size);
    flip(leaves + 5);
    flip(row_50 + 9);
    flip(row_70 + 12);
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    struct kz_fault fault = examine(log);
    assert_int_equal(fault.damage, KZ_DAMAGE_BOTH);
    assert_int_equal(fault.index, 50);
    struct kz_error error;
    assert_int_equal(kz_log_examine(log, 70, 1, false, &fault, &error), KZ_OK);
    assert_int_equal(fault.index, 50); /* though nobody reads it */
    assert_int_equal(repair(log, BLOCK_FIRST, NULL, false), KZ_UNAVAILABLE); /* 50 and 70 first */
    assert_int_equal(repair(log, 50, make_batch(50, 1, 1), false), KZ_UNAVAILABLE);
    assert_int_equal(repair(log, 50, make_batch(50, 1, 1), true), KZ_OK);
    assert_int_equal(examine(log).index, 70);
    assert_int_equal(repair(log, 70, make_batch(70, 1, 1), true), KZ_MISMATCH); /* its term is 2 */
    assert_int_equal(repair(log, 70, make_batch(70, 1, 2), true), KZ_OK); /* the block with it */
    assert_whole(log);
    kz_log_close(log);
}

static enum kz_status drop(struct kz_log *log, uint64_t index)
{
    struct kz_error error = {.text = ""};
    const struct kz_log_repair order = {.index = index, .is_overwritten = true};
    return kz_log_repair(log, &order, &error);
}

/* Bits of an entry's record and of its block of leaves, and the log that goes on without it. */
static void an_overwritten_entry_goes_with_all_behind_it(void **state)
{
    (void)state;
    for (uint64_t index = TAIL_BLOCK_FIRST - 1; index < TAIL_BLOCK_FIRST + 3; index++) {
        size_t size = 0;
        uint64_t block = index < TAIL_BLOCK_FIRST ? TAIL_BLOCK_FIRST - 45 : TAIL_BLOCK_FIRST;
        uint64_t end = index < TAIL_BLOCK_FIRST ? TAIL_BLOCK_FIRST : ENTRY_COUNT + 1;
        flip(find_row(index, &size) + 9);
        flip(find_leaves(block, end - block) + 5);
        struct kz_log *log = open_as(KZ_LOG_EXISTING);
        assert_int_equal(examine(log).damage, KZ_DAMAGE_BOTH);
        assert_int_equal(drop(log, index), KZ_OK);
        assert_int_equal(kz_log_last_index(log), index - 1);
        assert_int_equal(drop(log, index), KZ_NOT_FOUND);
        assert_int_equal(examine(log).damage, KZ_DAMAGE_NONE);
        append(log, ENTRY_COUNT - (unsigned)index + 1, 2);
        assert_whole(log);
        kz_log_close(log);
        log = open_as(KZ_LOG_READ_ONLY);
        assert_whole(log);
        kz_log_close(log);
        put_back();
    }
}

static void a_term_that_began_with_it_is_forgotten(void **state)
{
    (void)state;
    uint32_t count = 0;
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    append(log, 5, 3);
    assert_int_equal(drop(log, ENTRY_COUNT + 1), KZ_OK);
    kz_log_term_runs(log, &count);
    assert_int_equal(count, 2);
    assert_int_equal(kz_log_last_term(log), 2);
    append(log, 5, 4);
    kz_log_close(log);
    log = open_as(KZ_LOG_EXISTING); /* its head agrees with its tables */
    assert_int_equal(kz_log_last_term(log), 4);
    kz_log_close(log);
}

static void damaged_records_before_it_come_first(void **state)
{
    (void)state;
    size_t size = 0;
    uint64_t index = TAIL_BLOCK_FIRST + 4;
    flip(find_row(index - 1, &size) + 9);
    flip(find_row(index, &size) + 9);
    flip(find_leaves(TAIL_BLOCK_FIRST, ENTRY_COUNT + 1 - TAIL_BLOCK_FIRST) + 5);
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    assert_int_equal(drop(log, index), KZ_UNAVAILABLE);
    assert_int_equal(kz_log_last_index(log), ENTRY_COUNT);
    assert_int_equal(repair(log, index - 1, make_batch(index - 1, 1, 2), true), KZ_OK);
    assert_int_equal(drop(log, index), KZ_OK);
    assert_int_equal(examine(log).damage, KZ_DAMAGE_NONE);
    kz_log_close(log);
}

static void results_are_taken_as_a_whole_block(void **state)
{
    (void)state;
    uint8_t results[1024];
    struct kz_error error = {.text = ""};
    for (size_t i = 0; i < sizeof results; i++)
        results[i] = result_of(i + 1);
    flip(find_results() + 300);
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    struct kz_fault fault = examine(log);
    assert_int_equal(fault.count, 1024);
    const struct kz_log_repair order = {.index = 1, .results = results, .count = 1024};
    assert_int_equal(kz_log_repair(log, &order, &error), KZ_OK);
    assert_whole(log);
    kz_log_close(log);
}

/* Flips each bit of the size of the row that begins at ROW: 4 bytes of the node's 8 that stand
 * before the 8 of the key. ORDER repairs none of them, and changes nothing. */
static void assert_not_written_over(size_t row, const struct kz_log_repair *order)
{
    struct kz_error error = {.text = ""};
    for (unsigned bit = 0; bit < 32; bit++) {
        size_t offset = row - 16 + bit / 8;
        uint8_t byte = image[offset] ^ (uint8_t)(1 << bit % 8);
        write_at(offset, &byte, 1);
        struct kz_log *log = open_as(KZ_LOG_EXISTING);
        struct kz_fault fault = examine(log);
        assert_int_not_equal(fault.damage, KZ_DAMAGE_NONE);
        assert_int_equal(kz_log_repair(log, order, &error), KZ_CORRUPT);
        struct kz_fault left = examine(log);
        assert_int_equal(left.damage, fault.damage);
        assert_int_equal(left.index, fault.index);
        append(log, 1, 2); /* nothing is poisoned */
        kz_log_close(log);
        put_back();
    }
}

/* A row of another size than it should have is LMDB's own: it is not written over. */
static void a_row_of_another_size_is_left_alone(void **state)
{
    (void)state;
    size_t size = 0;
    uint8_t results[1024];
    for (size_t i = 0; i < sizeof results; i++)
        results[i] = result_of(i + 1);
    struct kz_batch *entry = make_batch(61, 1, term_of(61));
    const struct kz_log_repair of_record = {.index = 61, .entry = entry};
    const struct kz_log_repair of_leaves = {.index = BLOCK_FIRST};
    const struct kz_log_repair of_results = {.index = 1, .results = results, .count = 1024};
    assert_not_written_over(find_row(61, &size), &of_record);
    assert_not_written_over(find_leaves(BLOCK_FIRST, BLOCK_END - BLOCK_FIRST), &of_leaves);
    assert_not_written_over(find_results(), &of_results);
    kz_batch_release(entry);
}

static void the_last_leaves_are_mended_at_the_opening(void **state)
{
    (void)state;
    uint32_t count = ENTRY_COUNT % 45;
    flip(find_leaves(ENTRY_COUNT - count + 1, count) + 3);
    assert_named(KZ_DAMAGE_LEAF, ENTRY_COUNT - count + 1);
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    assert_whole(log);
    append(log, 100, 2);
    kz_log_close(log);
}

static void the_last_results_are_given_up_at_the_opening(void **state)
{
    (void)state;
    uint8_t last[RESULT_COUNT - 1024];
    for (size_t i = 0; i < sizeof last; i++)
        last[i] = result_of(1025 + i);
    flip(find(last, sizeof last) + 7);
    assert_named(KZ_DAMAGE_RESULTS, 1025);
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    assert_int_equal(kz_log_applied_index(log), 1024);
    struct kz_log_write write = {
        .result_first = 1025, .results = last, .result_count = sizeof last};
    assert_int_equal(kz_log_append(log, &write, NULL), KZ_OK);
    assert_whole(log);
    kz_log_close(log);
}

static void an_older_copy_of_the_file_is_refused(void **state)
{
    (void)state;
    struct kz_error error = {.text = ""};
    struct kz_log *log = open_as(KZ_LOG_EXISTING);
    append(log, 10, 2);
    kz_log_close(log);
    write_at(0, image, image_size);
    assert_int_equal(kz_log_open(directory, KZ_LOG_EXISTING, 0, &log, &error), KZ_MISMATCH);
    put_back();
    kz_log_close(open_as(KZ_LOG_EXISTING)); /* nothing is known any more */
}

/* Under an open ledger: its first pages are believed at each read. */
static void first_pages_that_lie_are_damage_to_the_pages(void **state)
{
    (void)state;
    uint8_t noise[2 * PAGE_SIZE];
    struct kz_fault fault;
    struct kz_error error = {.text = ""};
    struct kz_batch *batch = NULL;
    struct kz_log *log = open_as(KZ_LOG_READ_ONLY);
    memset(noise, 0xa5, sizeof noise);
    write_at(0, noise, sizeof noise);
    assert_int_equal(kz_log_read(log, 1, 10, SIZE_MAX, &batch, &error), KZ_CORRUPT);
    assert_int_equal(kz_log_examine(log, 1, 10, true, &fault, &error), KZ_OK);
    assert_int_equal(fault.damage, KZ_DAMAGE_PAGES);
    put_back();
    kz_log_close(log);
}

/* As above: a read looks whether others have committed meanwhile, and takes no lie for that. */
static void a_read_ends_where_a_first_page_lies_about_its_transaction(void **state)
{
    (void)state;
    struct kz_error error = {.text = ""};
    struct kz_batch *batch = NULL;
    struct kz_log *log = open_as(KZ_LOG_READ_ONLY);
    flip(150); /* of the number's 8 bytes */
    assert_int_equal(kz_log_read(log, 1, 10, SIZE_MAX, &batch, &error), KZ_OK);
    kz_batch_release(batch);
    put_back();
    kz_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_byte_of_a_record_names_its_entry, as_written),
        cmocka_unit_test_setup(each_byte_of_a_block_of_leaves_names_its_first_entry, as_written),
        cmocka_unit_test_setup(each_byte_of_results_names_their_block, as_written),
        cmocka_unit_test_setup(a_record_is_repaired_by_what_its_leaf_says_alone, as_written),
        cmocka_unit_test_setup(leaves_are_made_again_from_sound_records, as_written),
        cmocka_unit_test_setup(a_record_and_its_leaf_need_a_proof, as_written),
        cmocka_unit_test_setup(an_overwritten_entry_goes_with_all_behind_it, as_written),
        cmocka_unit_test_setup(a_term_that_began_with_it_is_forgotten, as_written),
        cmocka_unit_test_setup(damaged_records_before_it_come_first, as_written),
        cmocka_unit_test_setup(results_are_taken_as_a_whole_block, as_written),
        cmocka_unit_test_setup(a_row_of_another_size_is_left_alone, as_written),
        cmocka_unit_test_setup(the_last_leaves_are_mended_at_the_opening, as_written),
        cmocka_unit_test_setup(the_last_results_are_given_up_at_the_opening, as_written),
        cmocka_unit_test_setup(first_pages_that_lie_are_damage_to_the_pages, as_written),
        cmocka_unit_test_setup(a_read_ends_where_a_first_page_lies_about_its_transaction,
                               as_written),
        cmocka_unit_test_setup(an_older_copy_of_the_file_is_refused, as_written),
    };
    return cmocka_run_group_tests_name("repair", tests, begin, tear_down_written);
}
