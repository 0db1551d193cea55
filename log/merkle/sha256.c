/* SPDX-License-Identifier: Apache-2.0 */
#include "log/merkle/sha256.h"

#include "statemachine/base/assert.h"

#include <openssl/evp.h>

void kz_sha256(const void *bytes, size_t size, uint8_t out_hash[static KZ_SHA256_SIZE])
{
    int done = EVP_Digest(bytes, size, out_hash, NULL, EVP_sha256(), NULL);
    KZ_ASSERT(done == 1);
}
