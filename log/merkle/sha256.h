/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of bytes in one piece. For leaves, which are many and small, see leaf_hasher.h. */
#ifndef KZ_SHA256_H
#define KZ_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define KZ_SHA256_SIZE 32

void kz_sha256(const void *bytes, size_t size, uint8_t out_hash[static KZ_SHA256_SIZE]);

#endif
