/* SPDX-License-Identifier: Apache-2.0 */
#include "log/merkle/leaf_hasher.h"

#include "statemachine/base/assert.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Records up to this size are hashed in one piece with their prefix. */
#define PIECE_SIZE 512

struct kz_leaf_hasher {
    EVP_MD *digest;
    EVP_MD_CTX *context;
};

struct kz_leaf_hasher *kz_leaf_hasher_create(void)
{
    struct kz_leaf_hasher *hasher = calloc(1, sizeof *hasher);
    if (hasher == NULL) return NULL;

    /* Where memory was short for its default context libcrypto has none, and a fetch would crash.
     */
    if (OSSL_LIB_CTX_get0_global_default() == NULL) {
        kz_leaf_hasher_destroy(hasher);
        return NULL;
    }
    hasher->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->context = EVP_MD_CTX_new();
    if (hasher->digest == NULL || hasher->context == NULL) {
        kz_leaf_hasher_destroy(hasher);
        return NULL;
    }
    return hasher;
}

void kz_leaf_hasher_destroy(struct kz_leaf_hasher *hasher)
{
    if (hasher == NULL) return;
    EVP_MD_CTX_free(hasher->context);
    EVP_MD_free(hasher->digest);
    free(hasher);
}

void kz_leaf_hasher_hash(struct kz_leaf_hasher *hasher, const uint8_t *record, size_t size,
                         uint8_t out_hash[static KZ_LEAF_HASH_SIZE])
{
    uint8_t piece[1 + PIECE_SIZE];
    size_t first = size < PIECE_SIZE ? size : PIECE_SIZE;
    piece[0] = 0;
    if (first > 0) memcpy(piece + 1, record, first);

    /* A beginning allocates; what follows a failed one must not be called. */
    KZ_ASSERT(EVP_DigestInit_ex2(hasher->context, hasher->digest, NULL) == 1);
    KZ_ASSERT(EVP_DigestUpdate(hasher->context, piece, 1 + first) == 1);
    if (size > first) {
        KZ_ASSERT(EVP_DigestUpdate(hasher->context, record + first, size - first) == 1);
    }
    KZ_ASSERT(EVP_DigestFinal_ex(hasher->context, out_hash, NULL) == 1);
}
