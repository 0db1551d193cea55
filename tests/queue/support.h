/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the containers share: reproducible random numbers, and an allocator that knows
 * what it has given out. */
#ifndef KZ_QUEUE_TEST_SUPPORT_H
#define KZ_QUEUE_TEST_SUPPORT_H

#include "statemachine/base/allocator.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static inline uint32_t random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(random_next(state) % bound);
}

static inline void *counting_allocate(void *context, size_t size)
{
    uint64_t *bytes = context;
    *bytes += size;
    return kz_allocator_system.allocate(NULL, size);
}

static inline void counting_release(void *context, void *memory, size_t size)
{
    uint64_t *bytes = context;
    assert(*bytes >= size);
    *bytes -= size;
    kz_allocator_system.release(NULL, memory, size);
}

/* Counts the bytes that are allocated now in *BYTES. */
static inline struct kz_allocator counting_allocator(uint64_t *bytes)
{
    *bytes = 0;
    return (struct kz_allocator){bytes, counting_allocate, counting_release};
}

#endif
