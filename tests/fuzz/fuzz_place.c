/* SPDX-License-Identifier: Apache-2.0 */
/* An image's first block is refused, or is what the encoder gives. Zeros stand for what an input is
 * too short for: nearly all of the block is padding. */
#include "node/core/place.h"
#include "statemachine/base/assert.h"

#include <string.h>

#define HEAD_SIZE 112

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* HEAD_SIZE bytes, then the membership's record, then the first entry's from the half of what is
 * left on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t block[KZ_PLACE_SIZE];
    static uint8_t again[KZ_PLACE_SIZE];
    struct kz_place place;

    memset(block, 0, sizeof block);
    memcpy(block, data, size < HEAD_SIZE ? size : HEAD_SIZE);
    size_t left = size < HEAD_SIZE ? 0 : (size - HEAD_SIZE) / 2;
    if (left > KZ_RECORD_SIZE_MAX) left = KZ_RECORD_SIZE_MAX;
    memcpy(block + HEAD_SIZE, data + size - 2 * left, left);
    memcpy(block + HEAD_SIZE + KZ_RECORD_SIZE_MAX, data + size - left, left);
    if (kz_place_decode(block, &place) != KZ_OK) return 0;

    kz_place_encode(&place, again);
    KZ_ASSERT(memcmp(block, again, sizeof again) == 0);
    return 0;
}
