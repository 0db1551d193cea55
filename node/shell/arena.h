/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine's memory: large pieces of the address space, made of huge pages where the
 * system has them. A fork copies a table of one entry for each page, so huge pages are what keeps
 * it short (saver.h): 2 ms instead of 45 for 3 GB. The machine is faster on them, too.
 *
 *   a piece:   [ block | block | …      never given out ]      2 MiB aligned
 *   a block:   its size is rounded up to eighths of a power of two; freed blocks of one rounded
 * size stand in a list and are given out again
 *
 * Invariants:
 * 1. A block is 64-byte aligned and zero when it is given out.
 * 2. Pieces are unmapped all together.
 * One thread uses an arena, but for kz_arena_collapse(). */
#ifndef KZ_ARENA_H
#define KZ_ARENA_H

#include "statemachine/base/allocator.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define KZ_ARENA_PIECES_MAX 16384
#define KZ_ARENA_CLASSES    512

struct kz_arena_piece {
    uint8_t *bytes;
    size_t size;
};

/* A freed block. */
struct kz_arena_block {
    struct kz_arena_block *next;
};

struct kz_arena {
    struct kz_allocator allocator; /* of blocks; ends the process when there is no memory */
    struct kz_arena_piece pieces[KZ_ARENA_PIECES_MAX];
    atomic_uint piece_count;
    uint8_t *next; /* in the piece that blocks are cut from */
    uint8_t *end;
    struct kz_arena_block *free[KZ_ARENA_CLASSES];
};

/* Returns: an arena; NULL without memory. */
struct kz_arena *kz_arena_create(void);
void kz_arena_destroy(struct kz_arena *arena); /* NULL is fine */

/* Returns: a piece of its own with room for SIZE > 0 bytes, all zero; NULL without memory. */
void *kz_arena_map(struct kz_arena *arena, size_t size);

/* Takes everything back: no block or piece is in use any more. */
void kz_arena_reset(struct kz_arena *arena);

/* Makes huge pages again of what a fork's copying tore to small ones, until STOP is set. Any
 * thread, beside the one that uses the arena. Without the system's support (Linux 6.1) nothing
 * happens. */
void kz_arena_collapse(struct kz_arena *arena, const atomic_bool *stop);

#endif
