/* SPDX-License-Identifier: Apache-2.0 */
/* Watches for readers of the ledger's file that make it grow (log/readers.h): a look each
 * KZ_READERS_LOOK_MS, on a thread of its own, since it may read the disk. Who holds back
 * KZ_HELD_PAGES_SIZE is named in the journal, and again each KZ_HELD_PAGES_AGAIN_MS. */
#ifndef KZ_HELD_PAGES_H
#define KZ_HELD_PAGES_H

#include "log/log.h"
#include "log/readers.h"
#include "node/shell/worker.h"

struct kz_held_pages {
    struct kz_worker worker;
    uv_timer_t timer;
    struct kz_log *log;
    struct kz_job look; /* the one job, and what it works on: the thread's while IS_LOOKING */
    struct kz_readers readers;
    struct kz_error error;
    enum kz_status status;
    bool is_looking;
    struct kz_readers found; /* by the last look that succeeded */
    int64_t told;            /* the process that was named last, 0: none */
    uint64_t told_ms;
};

/* Errors: KZ_NO_MEMORY, when the system has no thread to give. */
enum kz_status kz_held_pages_start(struct kz_held_pages *held, uv_loop_t *loop, struct kz_log *log);

/* Waits for a look under way, and closes the handles: run the loop until that is done. */
void kz_held_pages_finish(struct kz_held_pages *held);

#endif
