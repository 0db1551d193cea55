/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/raft_heap.h"

#include "statemachine/base/assert.h"

#include <raft.h>
#include <stdlib.h>

static void *checked(void *memory, size_t size)
{
    if (memory == NULL && size > 0) kz_panic(__FILE__, __LINE__, "no memory is left");
    return memory;
}

static void *heap_malloc(void *data, size_t size)
{
    (void)data;
    return checked(malloc(size), size);
}

static void *heap_calloc(void *data, size_t count, size_t size)
{
    (void)data;
    return checked(calloc(count, size), count * size);
}

static void *heap_realloc(void *data, void *memory, size_t size)
{
    (void)data;
    return checked(realloc(memory, size), size);
}

static void *heap_aligned_alloc(void *data, size_t alignment, size_t size)
{
    (void)data;
    return checked(aligned_alloc(alignment, size), size);
}

static void heap_free(void *data, void *memory)
{
    (void)data;
    free(memory);
}

static void heap_aligned_free(void *data, size_t alignment, void *memory)
{
    (void)alignment;
    heap_free(data, memory);
}

void kz_raft_heap_install(void)
{
    static struct raft_heap heap = {.malloc = heap_malloc,
                                    .free = heap_free,
                                    .calloc = heap_calloc,
                                    .realloc = heap_realloc,
                                    .aligned_alloc = heap_aligned_alloc,
                                    .aligned_free = heap_aligned_free};
    raft_heap_set(&heap);
}
