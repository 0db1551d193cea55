/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t kz_checksum(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t kz_hash64(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

struct kz_hash128 kz_hash128_seeded(const void *bytes, size_t size, uint64_t seed)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, size, seed);
    return (struct kz_hash128){hash.low64, hash.high64};
}

struct kz_hash128 kz_hash128(const void *bytes, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, size);
    return (struct kz_hash128){hash.low64, hash.high64};
}
