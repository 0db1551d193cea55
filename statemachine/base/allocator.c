/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/base/allocator.h"

#include <stdio.h>
#include <stdlib.h>

static void *allocate(void *context, size_t size)
{
    (void)context;
    void *memory = calloc(1, size);
    if (memory == NULL) {
        (void)fprintf(stderr, "out of memory: %zu bytes for the state machine\n", size);
        abort();
    }
    return memory;
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

const struct kz_allocator kz_allocator_system = {NULL, allocate, release};
