/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes: appended at its end, taken from its start. */
#ifndef KZ_BUFFER_H
#define KZ_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kz_buffer {
    uint8_t *bytes;
    size_t first; /* bytes before it were taken */
    size_t end;
    size_t capacity;
};

void kz_buffer_finish(struct kz_buffer *buffer);

/* Returns: room for SIZE bytes behind the end (kz_buffer_added() takes them in); NULL without
 * memory. */
uint8_t *kz_buffer_room(struct kz_buffer *buffer, size_t size);
void kz_buffer_added(struct kz_buffer *buffer, size_t size);

/* Appends SIZE bytes. Returns: false without memory. */
bool kz_buffer_add(struct kz_buffer *buffer, const void *bytes, size_t size);

void kz_buffer_take(struct kz_buffer *buffer, size_t size);
void kz_buffer_clear(struct kz_buffer *buffer);

static inline size_t kz_buffer_size(const struct kz_buffer *buffer)
{
    return buffer->end - buffer->first;
}

static inline uint8_t *kz_buffer_start(const struct kz_buffer *buffer)
{
    return buffer->bytes + buffer->first;
}

#endif
