/* SPDX-License-Identifier: Apache-2.0 */
/* XXH3: finds bit rot, fingerprints, spreads keys over tables. Never a proof: those are SHA-256. */
#ifndef KZ_CHECKSUM_H
#define KZ_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

struct kz_hash128 {
    uint64_t low;
    uint64_t high;
};

/* XXH3-64 of SIZE bytes. */
uint64_t kz_checksum(const void *bytes, size_t size);

/* XXH3-64 with a seed, for the tables' keys. */
uint64_t kz_hash64(const void *bytes, size_t size, uint64_t seed);

/* XXH3-128 of SIZE bytes, for the state's digest. */
struct kz_hash128 kz_hash128(const void *bytes, size_t size);

/* XXH3-128 with a seed, for fingerprints. */
struct kz_hash128 kz_hash128_seeded(const void *bytes, size_t size, uint64_t seed);

#endif
