/* SPDX-License-Identifier: Apache-2.0 */
/* What the nodes have to agree on: their states and their rules (agreement.c says how). */
#ifndef KZ_AGREEMENT_H
#define KZ_AGREEMENT_H

#include "client/wire/frame.h"
#include "log/digests.h"
#include "node/core/core.h"

struct kz_link_state;
struct kz_peer;

struct kz_agreement {
    struct kz_digests *digests;
    struct kz_digest_value own;    /* of the next digest entry, as this node has it; at 0: none */
    struct kz_digest_value judged; /* of the last one; at 0: none */
    uint64_t appended_index;       /* of the last entry appended from here … */
    uint64_t appended_term;        /* … while this node led that term */
    bool stale;                    /* `own` may be another */
    bool look;                     /* reports or `own` changed: to be judged in the next step */
    bool agreed;                   /* a majority of the voters has `own` */
};

/* Returns: the notes of a node that applied nothing. */
struct kz_digests *kz_agreement_digests(const struct kz_core_options *options);
/* Begins with the notes DIGESTS, which it takes over. */
void kz_agreement_init(struct kz_core *core, struct kz_digests *digests);
void kz_agreement_finish(struct kz_core *core);
/* Returns: the newest version of the rules that this build knows, as hellos tell it. */
uint8_t kz_agreement_rules_known(void);
/* Entry INDEX was applied with RESULT. Returns: false when the node halted. */
bool kz_agreement_applied(struct kz_core *core, uint64_t index, const struct kz_entry *entry,
                          enum kz_result result);
void kz_agreement_on_report(struct kz_core *core, struct kz_link_state *link, struct kz_peer *peer,
                            const struct kz_frame *frame);
/* Compares what the voters reported; halts a node that differs. Before anything is answered. */
void kz_agreement_judge(struct kz_core *core);
/* Fills in the `digest` or `version` entry that this leader is to append now. Returns: false for
 * none. */
bool kz_agreement_due(struct kz_core *core, struct kz_entry *out_entry);
/* It was appended as entry INDEX. */
void kz_agreement_appended(struct kz_core *core, uint64_t index);
/* Reports to the voters what is new. */
void kz_agreement_run(struct kz_core *core);
void kz_agreement_figures(const struct kz_core *core, struct kz_core_figures *out_figures);

#endif
