/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the ledger's `digest` entries while it is replayed: what the cluster agreed on must be
 * what the rules give (log/digests.h). */
#ifndef KZ_AUDIT_DIGESTS_H
#define KZ_AUDIT_DIGESTS_H

#include "client/audit/replay.h"
#include "log/digests.h"

/* Takes the next STEP of a replay. Errors: KZ_CORRUPT (ERROR names the entry), KZ_NEWER,
 * KZ_NO_MEMORY. */
enum kz_status kz_audit_digests_step(struct kz_digests *digests, const struct kz_replay_step *step,
                                     struct kz_error *error);

#endif
