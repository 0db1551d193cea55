/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the core's own: as with the state machine's, a node without any can not go on. */
#ifndef KZ_MEMORY_H
#define KZ_MEMORY_H

#include "statemachine/base/assert.h"

#include <stdint.h>
#include <stdlib.h>

/* Returns: MEMORY (or NULL for none) grown or shrunk to SIZE > 0 bytes; never NULL. New bytes have
 * no defined content. */
static inline void *kz_memory_resize(void *memory, size_t size)
{
    KZ_ASSERT(size > 0);
    KZ_ASSERT(size > 0);
    void *resized = realloc(memory, size);
    if (resized == NULL) kz_panic(__FILE__, __LINE__, "no memory is left");
    return resized;
}

/* Returns: a capacity for at least NEEDED > 0 elements that grows by half at least. */
static inline uint32_t kz_memory_grown(uint32_t capacity, uint32_t needed)
{
    uint32_t grown = capacity + capacity / 2 + 8;
    return grown < needed ? needed : grown;
}

#endif
