/* SPDX-License-Identifier: Apache-2.0 */
/* Leaf hashes of the Merkle tree (RFC 6962, section 2.1): SHA-256(0x00 ‖ record). */
#ifndef KZ_LEAF_HASHER_H
#define KZ_LEAF_HASHER_H

#include <stddef.h>
#include <stdint.h>

#define KZ_LEAF_HASH_SIZE 32

/* One digest, fetched once, and one context, used again for each leaf: a look-up for each call
 * would cost as much as the hash. Belongs to one thread at a time. */
struct kz_leaf_hasher;

/* Returns: NULL without memory. */
struct kz_leaf_hasher *kz_leaf_hasher_create(void);
void kz_leaf_hasher_destroy(struct kz_leaf_hasher *hasher); /* NULL is fine */

void kz_leaf_hasher_hash(struct kz_leaf_hasher *hasher, const uint8_t *record, size_t size,
                         uint8_t out_hash[static KZ_LEAF_HASH_SIZE]);

#endif
