/* SPDX-License-Identifier: Apache-2.0 */
/* One bounded reader and one bounded writer of little-endian fields.
 *
 * Invariants:
 * 1. A reader never reads, and a writer never writes, outside its bounds.
 * 2. Failure is sticky: after it every read gives 0 (or NULL), every write is dropped, so that a
 *    decoder checks once, at its end. */
#ifndef KZ_BYTES_H
#define KZ_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t kz_get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t kz_get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static inline uint64_t kz_get_u64(const uint8_t *bytes)
{
    return (uint64_t)kz_get_u32(bytes) | (uint64_t)kz_get_u32(bytes + 4) << 32;
}

static inline void kz_put_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void kz_put_u32(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value; /* four stores in a row become one; a loop of them does not */
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
    bytes[3] = (uint8_t)(value >> 24);
}

static inline void kz_put_u64(uint8_t *bytes, uint64_t value)
{
    kz_put_u32(bytes, (uint32_t)value);
    kz_put_u32(bytes + 4, (uint32_t)(value >> 32));
}

struct kz_reader {
    const uint8_t *next;
    const uint8_t *end;
    bool failed;
};

static inline struct kz_reader kz_reader_init(const void *bytes, size_t size)
{
    const uint8_t *first = bytes;
    return (struct kz_reader){first, first + size, false};
}

static inline size_t kz_reader_left(const struct kz_reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

/* Returns: the next SIZE bytes, inside the reader's buffer; NULL when fewer are left. */
static inline const uint8_t *kz_read_bytes(struct kz_reader *reader, size_t size)
{
    if (reader->failed || kz_reader_left(reader) < size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->next;
    reader->next += size;
    return bytes;
}

static inline uint8_t kz_read_u8(struct kz_reader *reader)
{
    const uint8_t *bytes = kz_read_bytes(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

static inline uint16_t kz_read_u16(struct kz_reader *reader)
{
    const uint8_t *bytes = kz_read_bytes(reader, 2);
    return bytes == NULL ? 0 : kz_get_u16(bytes);
}

static inline uint32_t kz_read_u32(struct kz_reader *reader)
{
    const uint8_t *bytes = kz_read_bytes(reader, 4);
    return bytes == NULL ? 0 : kz_get_u32(bytes);
}

static inline uint64_t kz_read_u64(struct kz_reader *reader)
{
    const uint8_t *bytes = kz_read_bytes(reader, 8);
    return bytes == NULL ? 0 : kz_get_u64(bytes);
}

/* Returns: whether nothing failed and nothing is left: the check at a decoder's end. */
static inline bool kz_reader_done(const struct kz_reader *reader)
{
    return !reader->failed && reader->next == reader->end;
}

struct kz_writer {
    uint8_t *first;
    uint8_t *next;
    uint8_t *end;
    bool failed;
};

static inline struct kz_writer kz_writer_init(void *bytes, size_t capacity)
{
    uint8_t *first = bytes;
    return (struct kz_writer){first, first, first + capacity, false};
}

static inline size_t kz_writer_size(const struct kz_writer *writer)
{
    return (size_t)(writer->next - writer->first);
}

/* Returns: room for SIZE bytes that the caller fills; NULL when there is none. */
static inline uint8_t *kz_write_room(struct kz_writer *writer, size_t size)
{
    if (writer->failed || (size_t)(writer->end - writer->next) < size) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *bytes = writer->next;
    writer->next += size;
    return bytes;
}

static inline void kz_write_bytes(struct kz_writer *writer, const void *bytes, size_t size)
{
    uint8_t *room = kz_write_room(writer, size);
    if (room != NULL && size > 0) memcpy(room, bytes, size);
}

static inline void kz_write_u8(struct kz_writer *writer, uint8_t value)
{
    uint8_t *room = kz_write_room(writer, 1);
    if (room != NULL) room[0] = value;
}

static inline void kz_write_u16(struct kz_writer *writer, uint16_t value)
{
    uint8_t *room = kz_write_room(writer, 2);
    if (room != NULL) kz_put_u16(room, value);
}

static inline void kz_write_u32(struct kz_writer *writer, uint32_t value)
{
    uint8_t *room = kz_write_room(writer, 4);
    if (room != NULL) kz_put_u32(room, value);
}

static inline void kz_write_u64(struct kz_writer *writer, uint64_t value)
{
    uint8_t *room = kz_write_room(writer, 8);
    if (room != NULL) kz_put_u64(room, value);
}

#endif
