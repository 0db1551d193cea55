/* SPDX-License-Identifier: Apache-2.0 */
/* An image in memory, for tests: what a file and its private mapping are in a node. */
#ifndef KZ_IMAGE_TEST_SUPPORT_H
#define KZ_IMAGE_TEST_SUPPORT_H

#include "statemachine/image/image.h"

#include <stdlib.h>
#include <string.h>

struct memory {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    uint32_t writes_left; /* before the disk is full */
};

static inline enum kz_status memory_write(void *context, const void *bytes, size_t size)
{
    struct memory *memory = context;

    if (memory->writes_left-- == 0) return KZ_NO_SPACE;
    if (memory->size + size > memory->capacity) {
        memory->capacity = 2 * (memory->size + size);
        memory->bytes = realloc(memory->bytes, memory->capacity);
        if (memory->bytes == NULL) abort();
    }
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    return KZ_OK;
}

/* An empty memory with unlimited writes. */
static inline struct memory memory_empty(void)
{
    return (struct memory){.writes_left = UINT32_MAX};
}

/* Returns: a copy for one reader to change; the caller frees it. */
static inline uint8_t *memory_map(const struct memory *memory)
{
    uint8_t *area = malloc(memory->size > 0 ? memory->size : 1);
    if (area == NULL) abort();
    if (memory->size > 0) memcpy(area, memory->bytes, memory->size);
    return area;
}

#endif
