/* SPDX-License-Identifier: Apache-2.0 */
#include "client/wire/frame.h"

#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#define CHECKSUM_OFFSET 16

static uint64_t frame_checksum(const uint8_t *frame, size_t body_size)
{
    return kz_checksum(frame, CHECKSUM_OFFSET) ^
           kz_checksum(frame + KZ_FRAME_HEADER_SIZE, body_size);
}

enum kz_status kz_frame_parse(const uint8_t *bytes, size_t size, size_t bound,
                              struct kz_frame *out_frame, size_t *out_size)
{
    if (size >= 4) {
        uint32_t announced = kz_get_u32(bytes);
        if (announced < KZ_FRAME_HEADER_SIZE) return KZ_MALFORMED;
        if (announced > bound) return KZ_TOO_LARGE;
    }
    if (size >= 5 && bytes[4] != KZ_FRAME_VERSION) return KZ_NEWER;
    if (size < KZ_FRAME_HEADER_SIZE) return KZ_NOT_FOUND;
    if (kz_get_u16(bytes + 6) != 0) return KZ_MALFORMED;

    size_t frame_size = kz_get_u32(bytes);
    if (size < frame_size) return KZ_NOT_FOUND;

    size_t body_size = frame_size - KZ_FRAME_HEADER_SIZE;
    if (kz_get_u64(bytes + CHECKSUM_OFFSET) != frame_checksum(bytes, body_size)) {
        return KZ_MALFORMED;
    }
    *out_frame =
        (struct kz_frame){bytes[5], kz_get_u64(bytes + 8), bytes + KZ_FRAME_HEADER_SIZE, body_size};
    *out_size = frame_size;
    return KZ_OK;
}

void kz_frame_seal(uint8_t *frame, uint8_t type, uint64_t tag, size_t body_size)
{
    kz_put_u32(frame, (uint32_t)(KZ_FRAME_HEADER_SIZE + body_size));
    frame[4] = KZ_FRAME_VERSION;
    frame[5] = type;
    kz_put_u16(frame + 6, 0);
    kz_put_u64(frame + 8, tag);
    kz_put_u64(frame + CHECKSUM_OFFSET, frame_checksum(frame, body_size));
}

void kz_frame_retag(uint8_t *frame, uint64_t tag)
{
    uint64_t body_sum = kz_get_u64(frame + CHECKSUM_OFFSET) ^ kz_checksum(frame, CHECKSUM_OFFSET);
    kz_put_u64(frame + 8, tag);
    kz_put_u64(frame + CHECKSUM_OFFSET, body_sum ^ kz_checksum(frame, CHECKSUM_OFFSET));
}
