/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator that the state machine is given.
 *
 * An allocation never fails: a state machine that can not apply a committed entry can not go on,
 * so an allocator without memory ends the process with a sentence (nothing is lost: the ledger is
 * durable, and a restart replays it). Rules therefore have no failure paths of their own. */
#ifndef KZ_ALLOCATOR_H
#define KZ_ALLOCATOR_H

#include <stddef.h>

struct kz_allocator {
    void *context;
    /* Returns SIZE > 0 zeroed bytes, aligned for any type; never NULL. */
    void *(*allocate)(void *context, size_t size);
    /* Takes back MEMORY (or NULL) of SIZE bytes. */
    void (*release)(void *context, void *memory, size_t size);
};

/* calloc() and free(); without memory it prints how much was asked for and aborts. */
extern const struct kz_allocator kz_allocator_system;

#endif
