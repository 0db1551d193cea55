/* SPDX-License-Identifier: Apache-2.0 */
/* Reads entries, and their results, from the ledger on a thread of its own. */
#ifndef KZ_LOADER_H
#define KZ_LOADER_H

#include "node/shell/inbox.h"
#include "node/shell/worker.h"

struct kz_loader {
    struct kz_worker worker;
    struct kz_log *log;
    struct kz_inbox *inbox;
    struct kz_jobs told; /* loads whose events are in the inbox, until the step is over */
    uint64_t loads;
    uint64_t failures;
};

enum kz_status kz_loader_start(struct kz_loader *loader, uv_loop_t *loop, struct kz_log *log,
                               struct kz_inbox *inbox);
void kz_loader_finish(struct kz_loader *loader);

void kz_loader_give(struct kz_loader *loader, const struct kz_load_order *order);

/* After a step: what its LOADED events pointed to is freed. */
void kz_loader_settle(struct kz_loader *loader);

#endif
