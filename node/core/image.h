/* SPDX-License-Identifier: Apache-2.0 */
/* An image of a node's state: what it restarts from, so that it applies the ledger's tail alone.
 *
 *   place (place.h) | notes of digests (log/digests.h) |
 *   the machine's blocks (statemachine/rules/image.c) | closing block
 *
 * Invariants:
 * 1. An image is never trusted over the ledger: it is opened only if this node saved it and its
 * last entry stands in this ledger, with that term and record, among those whose results are
 * stored. (Equal index and term: raft makes all entries before equal too.)
 * 2. Every byte of it is under a checksum that is compared before it is used.
 * 3. An image that is refused changes nothing: the node replays. */
#ifndef KZ_CORE_IMAGE_H
#define KZ_CORE_IMAGE_H

#include "node/core/core.h"

/* An image that was opened: a machine and its place. */
struct kz_core_image;

/* Opens the image in the SIZE bytes at AREA, which are the image's to change and stay as long as
 * the core that is made of it. OPTIONS: those that the core will be created with. ENTRY: the one
 * that the image says it was saved after, as read from the ledger. O(size).
 * Errors, each with a reason: KZ_NEWER (of a later version of the program, or of an earlier one
 * with other records), KZ_CORRUPT, KZ_MISMATCH (of another node or ledger, or ahead of the
 * results).
 */
enum kz_status kz_core_image_open(void *area, size_t size, const struct kz_core_options *options,
                                  const struct kz_batch *entry, struct kz_core_image **out_image,
                                  struct kz_error *error);

/* Closes an image that no core was made of; NULL is fine. */
void kz_core_image_close(struct kz_core_image *image);

/* Returns: the index of the last entry that the image's state reflects. */
uint64_t kz_core_image_index(const struct kz_core_image *image);

#endif
