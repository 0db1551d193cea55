/* SPDX-License-Identifier: Apache-2.0 */
/* A file of two copies. The first byte's bits 0 and 1 ask for a right checksum of the first and the
 * second copy, so that the fuzzer gets past it; the rest of the input begins the copies, half each,
 * and zeros follow. What decodes is what its encoder gives. */
#include "log/twin_file.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[KZ_TWIN_FILE_SIZE];
    uint8_t again[KZ_TWIN_COPY_SIZE];
    struct kz_twin twin;
    if (size == 0 || size - 1 > KZ_TWIN_FILE_SIZE) return 0;

    size_t half = (size - 1) / 2;
    memset(bytes, 0, sizeof bytes);
    for (size_t i = 0; i < 2; i++) {
        uint8_t *copy = bytes + i * KZ_TWIN_COPY_SIZE;
        memcpy(copy, data + 1 + i * half, half);
        if ((data[0] & 1 << i) == 0) continue;
        kz_put_u64(copy + KZ_TWIN_COPY_SIZE - 8, kz_checksum(copy, KZ_TWIN_COPY_SIZE - 8));
    }
    if (kz_twin_decode(bytes, &twin) != KZ_OK) return 0;
    KZ_ASSERT(twin.older <= 1 && twin.size <= KZ_TWIN_CONTENT_SIZE_MAX);
    kz_twin_encode(twin.content, twin.size, twin.sequence, again);
    const uint8_t *newer = bytes + (size_t)(1 - twin.older) * KZ_TWIN_COPY_SIZE;
    KZ_ASSERT(memcmp(again, newer, KZ_TWIN_COPY_SIZE) == 0);
    return 0;
}
