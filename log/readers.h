/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads the ledger's file, in this process and in others, and which pages that keeps from being
 * used again: all that later transactions gave up. The file grows instead, with each write. */
#ifndef KZ_READERS_H
#define KZ_READERS_H

#include "log/store.h"

struct kz_log;

/* What one look after the other found. All zero before the first. */
struct kz_readers {
    int64_t process; /* of the oldest reader that holds pages back, as its system counts; or 0 */
    uint64_t transaction; /* the last one that it sees */
    uint64_t held_bytes;  /* in pages that could be used again without it */
    uint64_t counted_end; /* HELD_BYTES counts the pages that transactions before this gave up */
    uint64_t cleared;     /* places of processes that ended without giving them back */
};

/* Gives back the places of processes that have ended, and finds the oldest reader. Costs as much as
 * there were writes since the last look. Any thread, but one look at a time. Errors: KZ_CORRUPT,
 * KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_readers_look(struct kz_log *log, struct kz_readers *readers,
                               struct kz_error *error);

/* Returns: the last transaction that the oldest reader of STORE sees, UINT64_MAX when nobody reads;
 * its process in OUT_PROCESS. */
uint64_t kz_readers_oldest(const struct kz_store *store, int64_t *out_process);

#endif
