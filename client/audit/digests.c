/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/digests.h"

#include <inttypes.h>
#include <string.h>

static enum kz_status check(struct kz_digests *digests, uint64_t index,
                            const struct kz_digest_fields *claimed, struct kz_error *error)
{
    struct kz_digest_value own;
    if (claimed->version > kz_rules_known()) {
        return kz_error_set(error, KZ_NEWER,
                            "entry %" PRIu64 " is of rules %" PRIu32
                            "; this program knows rules %" PRIu32,
                            index, claimed->version, kz_rules_known());
    }
    switch (kz_digests_judge(digests, claimed, &own)) {
    case KZ_DIGEST_RIGHT: return KZ_OK;
    case KZ_DIGEST_UNKNOWN:
        return kz_error_set(error, KZ_CORRUPT,
                            "entry %" PRIu64 " is bad: a digest of entry %" PRIu64
                            ", which is not one to have a digest here",
                            index, claimed->at);
    case KZ_DIGEST_WRONG: break;
    }
    const char *what = "results up to";
    if (memcmp(own.state, claimed->state, KZ_ID_SIZE) != 0) what = "state for";
    if (own.version != claimed->version) what = "version of the rules for";
    return kz_error_set(error, KZ_CORRUPT,
                        "entry %" PRIu64 " is bad: the replay gives another %s entry %" PRIu64,
                        index, what, claimed->at);
}

enum kz_status kz_audit_digests_step(struct kz_digests *digests, const struct kz_replay_step *step,
                                     struct kz_error *error)
{
    if (step->entry->type == KZ_DIGEST) {
        enum kz_status status = check(digests, step->index, &step->entry->digest, error);
        if (status != KZ_OK) return status;
    }
    if (!kz_digests_note(digests, step->index, step->result))
        return kz_error_set(error, KZ_NO_MEMORY, "no memory for the results");
    if (kz_digests_is_point(digests, step->index, step->entry->type, step->result)) {
        uint8_t state[KZ_ID_SIZE];
        kz_machine_digest(step->machine, state);
        kz_digests_note_point(digests, kz_machine_rules(step->machine), state);
    }
    return KZ_OK;
}
