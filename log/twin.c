/* SPDX-License-Identifier: Apache-2.0 */
#include "log/twin_file.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <stdbool.h>
#include <string.h>

#define VERSION        1
#define MAGIC_SIZE     8
#define CONTENT_OFFSET 24
#define SUM_OFFSET     (KZ_TWIN_COPY_SIZE - 8)

static const uint8_t magic[MAGIC_SIZE] = "KZTWIN\0";

void kz_twin_encode(const uint8_t *content, size_t size, uint64_t sequence,
                    uint8_t out[static KZ_TWIN_COPY_SIZE])
{
    KZ_ASSERT(size <= KZ_TWIN_CONTENT_SIZE_MAX);
    memset(out, 0, KZ_TWIN_COPY_SIZE);
    memcpy(out, magic, MAGIC_SIZE);
    kz_put_u32(out + 8, VERSION);
    kz_put_u32(out + 12, (uint32_t)size);
    kz_put_u64(out + 16, sequence);
    memcpy(out + CONTENT_OFFSET, content, size);
    kz_put_u64(out + SUM_OFFSET, kz_checksum(out, SUM_OFFSET));
}

static enum kz_status decode_copy(const uint8_t *copy, struct kz_twin *out_twin)
{
    static const uint8_t zeros[KZ_TWIN_CONTENT_SIZE_MAX];
    uint32_t size = kz_get_u32(copy + 12);

    if (memcmp(copy, magic, MAGIC_SIZE) != 0) return KZ_CORRUPT;
    if (kz_get_u64(copy + SUM_OFFSET) != kz_checksum(copy, SUM_OFFSET)) return KZ_CORRUPT;
    if (kz_get_u32(copy + 8) > VERSION) return KZ_NEWER;
    if (kz_get_u32(copy + 8) != VERSION || size > KZ_TWIN_CONTENT_SIZE_MAX) return KZ_CORRUPT;
    if (memcmp(copy + CONTENT_OFFSET + size, zeros, KZ_TWIN_CONTENT_SIZE_MAX - size) != 0) {
        return KZ_CORRUPT;
    }
    *out_twin = (struct kz_twin){copy + CONTENT_OFFSET, size, kz_get_u64(copy + 16), 0};
    return KZ_OK;
}

enum kz_status kz_twin_decode(const uint8_t bytes[static KZ_TWIN_FILE_SIZE],
                              struct kz_twin *out_twin)
{
    struct kz_twin copies[2];
    enum kz_status first = decode_copy(bytes, &copies[0]);
    enum kz_status second = decode_copy(bytes + KZ_TWIN_COPY_SIZE, &copies[1]);

    if (first != KZ_OK && second != KZ_OK) return first == KZ_NEWER ? first : second;
    bool take_second =
        first != KZ_OK || (second == KZ_OK && copies[1].sequence > copies[0].sequence);
    *out_twin = copies[take_second];
    out_twin->older = take_second ? 0 : 1;
    return KZ_OK;
}
