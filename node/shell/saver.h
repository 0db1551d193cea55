/* SPDX-License-Identifier: Apache-2.0 */
/* Saves images of the state in a forked copy of the process, so that the loop does not wait for the
 * disk: the copy writes the memory as it was at the fork, and what the loop changes meanwhile is
 * copied page by page by the system.
 *
 * Invariants:
 * 1. One image at a time. DIR/state/new becomes an image when the copy ended well and the results
 * up to its entry are stored.
 * 2. The copy ends with the process (killed or not), holds none of its sockets and locks, runs at
 *    a low priority and is the first that a system without memory kills.
 * 3. Afterwards the pages that were copied are made huge again, on another thread, so that the next
 *    fork is as short as this one. */
#ifndef KZ_SAVER_H
#define KZ_SAVER_H

#include "node/shell/arena.h"
#include "node/shell/inbox.h"

#include <stdatomic.h>
#include <sys/types.h>
#include <uv.h>

struct kz_saver_figures {
    uint64_t saved;
    uint64_t failures;
    uint64_t bytes;            /* of the last image that was saved or opened */
    uint64_t fork_ns;          /* that the loop stood still for the last fork */
    double saved_time_seconds; /* of the last image, since 1970 UTC; 0: none */
};

struct kz_saver_options {
    uv_loop_t *loop;
    const char *directory;
    struct kz_arena *arena;
    struct kz_inbox *inbox;
    uint64_t opened_index; /* of the image that the node started from, 0: none */
    uint64_t opened_bytes;
    double opened_time_seconds; /* when that image was saved */
};

struct kz_saver {
    struct kz_saver_options options;
    uv_signal_t ended; /* a child */
    uv_work_t collapse;
    atomic_bool stopping;
    bool is_collapsing;
    bool is_written; /* the copy ended well; its results may still wait for the disk */
    pid_t child;     /* 0: none */
    uint64_t index;  /* of the image under way */
    uint64_t before; /* of the last good one, 0: none */
    struct kz_saver_figures figures;
};

void kz_saver_start(struct kz_saver *saver, const struct kz_saver_options *options);

/* Ends the copy, if there is one, and closes the handle: run the loop until that is done. */
void kz_saver_finish(struct kz_saver *saver);

/* Saves CORE as it is, as the image of entry INDEX. Answered by KZ_EVENT_IMAGE. */
void kz_saver_save(struct kz_saver *saver, const struct kz_core *core, uint64_t index);

/* Lets a written image count once the results are stored up to RESULTS_INDEX. */
void kz_saver_settle(struct kz_saver *saver, uint64_t results_index);

#endif
