/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that messages of clients and of nodes have in common. */
#ifndef KZ_PARTS_H
#define KZ_PARTS_H

#include "statemachine/base/bytes.h"
#include "statemachine/base/utf8.h"
#include "statemachine/record/record.h"

/* Reads a byte below END; else the reader has failed. */
static inline uint8_t kz_parts_read_below(struct kz_reader *reader, unsigned end)
{
    uint8_t value = kz_read_u8(reader);
    if (value >= end) reader->failed = true;
    return value;
}

/* Reads SIZE bytes of printable UTF-8, at most SIZE_MAX; else the reader has failed. */
static inline struct kz_text kz_parts_read_text(struct kz_reader *reader, size_t size,
                                                size_t size_max)
{
    const char *bytes = (const char *)kz_read_bytes(reader, size);
    if (bytes == NULL || size > size_max || !kz_utf8_is_printable(bytes, size)) {
        reader->failed = true;
        return (struct kz_text){NULL, 0};
    }
    return (struct kz_text){bytes, (uint16_t)size};
}

#endif
