/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/buffer.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 4096

void kz_buffer_finish(struct kz_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct kz_buffer){0};
}

uint8_t *kz_buffer_room(struct kz_buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->end >= size) return buffer->bytes + buffer->end;

    size_t used = kz_buffer_size(buffer);
    if (buffer->first > 0 && buffer->capacity - used >= size && buffer->first >= used) {
        memcpy(buffer->bytes, kz_buffer_start(buffer), used);
    } else {
        size_t capacity = buffer->capacity == 0 ? CAPACITY_MIN : buffer->capacity;
        while (capacity - used < size)
            capacity *= 2;
        uint8_t *bytes = malloc(capacity);
        if (bytes == NULL) return NULL;
        if (used > 0) memcpy(bytes, kz_buffer_start(buffer), used);
        free(buffer->bytes);
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    buffer->first = 0;
    buffer->end = used;
    return buffer->bytes + buffer->end;
}

void kz_buffer_added(struct kz_buffer *buffer, size_t size)
{
    buffer->end += size;
}

bool kz_buffer_add(struct kz_buffer *buffer, const void *bytes, size_t size)
{
    uint8_t *room = kz_buffer_room(buffer, size);
    if (room == NULL) return false;

    memcpy(room, bytes, size);
    kz_buffer_added(buffer, size);
    return true;
}

void kz_buffer_take(struct kz_buffer *buffer, size_t size)
{
    buffer->first += size;
    if (buffer->first == buffer->end) buffer->first = buffer->end = 0;
}

void kz_buffer_clear(struct kz_buffer *buffer)
{
    buffer->first = buffer->end = 0;
}
