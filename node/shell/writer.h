/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the core's writes durable on a thread of its own.
 *
 * Invariants:
 * 1. Writes reach the ledger in the order of their tickets.
 * 2. Group commit: all that wait and drop nothing go into one transaction (one fdatasync), at most
 *    KZ_WRITE_GROUP_SIZE of entries.
 * 3. A repair is a transaction of its own; when it fails without having changed anything, the
 * writes go on.
 * 4. A write that found the disk full is reported once and tried again each KZ_SPACE_RETRY_MS;
 *    nothing overtakes it. After any other failure every later write fails too. */
#ifndef KZ_WRITER_H
#define KZ_WRITER_H

#include "node/shell/histogram.h"
#include "node/shell/inbox.h"
#include "node/shell/syncs.h"
#include "node/shell/worker.h"

struct kz_writer_figures {
    struct kz_histogram append; /* duration of each transaction */
    uint64_t transactions;
    uint64_t entries;
    uint64_t bytes; /* of entries */
    uint64_t failures;
    uint64_t syncs;      /* fdatasync calls of this process */
    uint64_t used_bytes; /* of the ledger's file */
    uint64_t waiting;    /* writes given and not yet done */
};

/* The ledger's writer; a part of the loop that it serves. */
struct kz_ledger_writer {
    struct kz_worker worker;
    struct kz_log *log;
    struct kz_inbox *inbox;
    struct kz_syncs *syncs; /* told of each transaction */
    enum kz_status broken;  /* the thread's: of the first write that was given up, KZ_OK before */
    struct kz_writer_figures figures;
};

enum kz_status kz_ledger_writer_start(struct kz_ledger_writer *writer, uv_loop_t *loop,
                                      struct kz_log *log, struct kz_inbox *inbox,
                                      struct kz_syncs *syncs);

/* Does what was given (but for what finds the disk full), then ends the thread. */
void kz_ledger_writer_finish(struct kz_ledger_writer *writer);

/* Repairs in order with the writes. What ORDER points to stays as it is until REPAIRED. */
void kz_ledger_writer_repair(struct kz_ledger_writer *writer, const struct kz_repair_order *order);

/* Takes over the order's results; its batch stays the core's, who keeps it until STORED. */
void kz_ledger_writer_give(struct kz_ledger_writer *writer, const struct kz_write_order *order);

#endif
