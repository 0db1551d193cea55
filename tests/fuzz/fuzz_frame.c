/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of frames: every frame that is taken is sealed again to the same bytes, also by way of
 * another tag. */
#include "client/wire/frame.h"
#include "statemachine/base/assert.h"

#include <stdbool.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Frames come to the parser with whatever checksum the fuzzer thought of; a first byte that is odd
 * asks for a right one, so that the fuzzer gets past it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t stream[KZ_CLIENT_FRAME_SIZE_MAX];
    static uint8_t again[KZ_CLIENT_FRAME_SIZE_MAX];
    if (size == 0 || size - 1 > sizeof(stream)) return 0;

    bool repair = (data[0] & 1) != 0;
    size--;
    memcpy(stream, data + 1, size);
    if (repair && size >= KZ_FRAME_HEADER_SIZE)
        kz_frame_seal(stream, stream[5], 1, size - KZ_FRAME_HEADER_SIZE);

    struct kz_frame frame;
    size_t taken;
    size_t at = 0;
    while (kz_frame_parse(stream + at, size - at, sizeof(stream), &frame, &taken) == KZ_OK) {
        KZ_ASSERT(taken == KZ_FRAME_HEADER_SIZE + frame.body_size && taken <= size - at);
        memcpy(again + KZ_FRAME_HEADER_SIZE, frame.body, frame.body_size);
        kz_frame_seal(again, frame.type, ~frame.tag, frame.body_size);
        kz_frame_retag(again, frame.tag);
        KZ_ASSERT(memcmp(again, stream + at, taken) == 0);
        at += taken;
    }
    return 0;
}
