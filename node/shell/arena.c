/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/arena.h"

#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_SIZE  ((size_t)2 << 20)
#define PIECE_SIZE ((size_t)32 << 20)
#define BLOCK_MIN  ((size_t)512)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; the C library of Debian 12 does not name it */
#endif

static size_t round_up(size_t size, size_t step)
{
    return (size + step - 1) & ~(step - 1);
}

/* ---- Pieces ---- */

/* Maps SIZE bytes, a multiple of HUGE_SIZE, at a multiple of it. */
static uint8_t *map_aligned(size_t size)
{
    uint8_t *all =
        mmap(NULL, size + HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;

    size_t before = -(uintptr_t)all % HUGE_SIZE;
    if (before > 0) (void)munmap(all, before);
    (void)munmap(all + before + size, HUGE_SIZE - before);
    (void)madvise(all + before, size, MADV_HUGEPAGE); /* else small pages: slower, not wrong */
    return all + before;
}

void *kz_arena_map(struct kz_arena *arena, size_t size)
{
    unsigned count = atomic_load(&arena->piece_count);
    size_t whole = round_up(size, HUGE_SIZE);

    if (count == KZ_ARENA_PIECES_MAX) return NULL;
    uint8_t *bytes = map_aligned(whole);
    if (bytes == NULL) return NULL;
    arena->pieces[count] = (struct kz_arena_piece){bytes, whole};
    atomic_store(&arena->piece_count, count + 1);
    return bytes;
}

void kz_arena_reset(struct kz_arena *arena)
{
    unsigned count = atomic_load(&arena->piece_count);

    for (unsigned i = 0; i < count; i++)
        (void)munmap(arena->pieces[i].bytes, arena->pieces[i].size);
    atomic_store(&arena->piece_count, 0);
    arena->next = NULL;
    arena->end = NULL;
    memset(arena->free, 0, sizeof arena->free);
}

void kz_arena_collapse(struct kz_arena *arena, const atomic_bool *stop)
{
    unsigned count = atomic_load(&arena->piece_count);

    for (unsigned i = 0; i < count; i++) {
        const struct kz_arena_piece *piece = &arena->pieces[i];
        for (size_t at = 0; at < piece->size && !atomic_load(stop); at += HUGE_SIZE)
            (void)madvise(piece->bytes + at, HUGE_SIZE, MADV_COLLAPSE);
    }
}

/* ---- Blocks ---- */

/* Finds the rounded size of a block of SIZE bytes. Returns: the number of its list. */
static unsigned class_of(size_t size, size_t *out_rounded)
{
    if (size < BLOCK_MIN) size = BLOCK_MIN;
    unsigned shift = 60 - (unsigned)__builtin_clzll(size - 1); /* 8 steps up to the next power */
    size_t rounded = round_up(size, (size_t)1 << shift);

    *out_rounded = rounded;
    return 8 * shift + (unsigned)(rounded >> shift) - 8;
}

static uint8_t *cut_block(struct kz_arena *arena, size_t size)
{
    if ((size_t)(arena->end - arena->next) < size) {
        if (size > PIECE_SIZE / 4) return kz_arena_map(arena, size);
        arena->next = kz_arena_map(arena, PIECE_SIZE);
        if (arena->next == NULL) {
            arena->end = NULL;
            return NULL;
        }
        arena->end = arena->next + PIECE_SIZE;
    }
    uint8_t *block = arena->next;
    arena->next += size;
    return block;
}

static void *allocate(void *context, size_t size)
{
    struct kz_arena *arena = context;
    size_t rounded;
    unsigned number = class_of(size, &rounded);

    struct kz_arena_block *freed = arena->free[number];
    if (freed != NULL) {
        arena->free[number] = freed->next;
        return memset(freed, 0, rounded);
    }
    void *block = cut_block(arena, rounded);
    if (block == NULL) kz_panic(__FILE__, __LINE__, "no memory is left for the state machine");
    return block;
}

static void release(void *context, void *memory, size_t size)
{
    struct kz_arena *arena = context;
    struct kz_arena_block *freed = memory;
    size_t rounded;

    if (memory == NULL) return;
    unsigned number = class_of(size, &rounded);
    freed->next = arena->free[number];
    arena->free[number] = freed;
}

/* ---- Beginning and end ---- */

struct kz_arena *kz_arena_create(void)
{
    struct kz_arena *arena = calloc(1, sizeof *arena);
    if (arena != NULL) arena->allocator = (struct kz_allocator){arena, allocate, release};
    return arena;
}

void kz_arena_destroy(struct kz_arena *arena)
{
    if (arena == NULL) return;
    kz_arena_reset(arena);
    free(arena);
}
