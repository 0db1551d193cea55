/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the state machine: aligned, zero, given out again, all of it given back. */
#include "node/shell/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 2000

static struct kz_arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = kz_arena_create();
    return arena == NULL;
}

static int end(void **state)
{
    (void)state;
    kz_arena_destroy(arena);
    return 0;
}

static uint8_t *allocate(size_t size)
{
    return arena->allocator.allocate(arena->allocator.context, size);
}

static void release(void *memory, size_t size)
{
    arena->allocator.release(arena->allocator.context, memory, size);
}

static bool is_all(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value) return false;
    return true;
}

/* Sizes around each power of two, and some between. */
static size_t size_of(unsigned i)
{
    size_t power = (size_t)1 << i % 19;
    return i % 3 == 0 ? power : i % 3 == 1 ? power + 1 : power + power / 2 + 3;
}

static void blocks_are_zero_aligned_and_apart(void **state)
{
    (void)state;
    static uint8_t *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = allocate(size_of(i));
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        assert_true(is_all(blocks[i], size_of(i), 0));
        memset(blocks[i], (int)(1 + i % 250), size_of(i));
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_true(is_all(blocks[i], size_of(i), (uint8_t)(1 + i % 250)));
}

static void a_freed_block_is_given_out_again_and_zero(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        size_t size = size_of(i);
        uint8_t *first = allocate(size);
        uint8_t *second = allocate(size);
        memset(first, 0xff, size);
        memset(second, 0xff, size);
        release(first, size);
        release(second, size);
        assert_ptr_equal(allocate(size), second);
        uint8_t *again = allocate(size);
        assert_ptr_equal(again, first);
        assert_true(is_all(again, size, 0));
    }
    release(NULL, 100);
}

static void a_large_block_leaves_the_place_of_small_ones(void **state)
{
    (void)state;
    uint8_t *small = allocate(1024);
    uint8_t *large = allocate((size_t)100 << 20);
    large[((size_t)100 << 20) - 1] = 1;
    assert_ptr_equal(allocate(1024), small + 1024);
}

static void a_piece_is_whole_zero_and_kept_when_pages_are_collapsed(void **state)
{
    (void)state;
    const size_t size = ((size_t)5 << 20) + 1;
    atomic_bool stop = false;
    uint8_t *piece = kz_arena_map(arena, size);
    assert_non_null(piece);
    assert_int_equal((uintptr_t)piece % ((uintptr_t)2 << 20), 0);
    assert_true(is_all(piece, size, 0));
    memset(piece, 7, size);
    kz_arena_collapse(arena, &stop);
    assert_true(is_all(piece, size, 7));
}

static void all_is_taken_back(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_non_null(kz_arena_map(arena, (size_t)1 << 28));
        allocate(1000);
        kz_arena_reset(arena);
        assert_int_equal(atomic_load(&arena->piece_count), 0);
    }
    assert_true(is_all(allocate(4096), 4096, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_are_zero_aligned_and_apart, begin, end),
        cmocka_unit_test_setup_teardown(a_freed_block_is_given_out_again_and_zero, begin, end),
        cmocka_unit_test_setup_teardown(a_large_block_leaves_the_place_of_small_ones, begin, end),
        cmocka_unit_test_setup_teardown(a_piece_is_whole_zero_and_kept_when_pages_are_collapsed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(all_is_taken_back, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
