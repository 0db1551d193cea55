/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the ledger's `digest` entries while it is replayed: what the cluster agreed on must be
 * what the rules give. A digest may be of an index that is a multiple of 100,000, a `publish` or a
 * `morning`; its results are those since the previous digest's. */
#ifndef KZ_DIGESTS_H
#define KZ_DIGESTS_H

#include "client/audit/replay.h"

struct kz_digests;

/* Returns: NULL without memory. */
struct kz_digests *kz_digests_create(void);
void kz_digests_destroy(struct kz_digests *digests);

/* Errors: KZ_CORRUPT (ERROR names the entry), KZ_NEWER, KZ_NO_MEMORY. */
enum kz_status kz_digests_step(struct kz_digests *digests, const struct kz_replay_step *step,
                               struct kz_error *error);

#endif
