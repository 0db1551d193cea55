/* SPDX-License-Identifier: Apache-2.0 */
/* The log's insides, shared by log.c and damage.c alone. */
#ifndef KZ_LOG_STATE_H
#define KZ_LOG_STATE_H

#include "log/blocks.h"
#include "log/head.h"
#include "log/history.h"
#include "log/log.h"
#include "log/merkle/leaf_hasher.h"
#include "log/reached.h"

#define KZ_RESULTS_PER_BLOCK 1024

extern const struct kz_block_form kz_result_form;

struct kz_log {
    struct kz_store *store;
    struct kz_leaf_hasher *hasher;
    struct kz_head head;
    struct kz_history history;
    struct kz_reached reached;
    uint64_t sync_count;
    bool read_only;
    bool poisoned;
};

/* Makes HEAD, the log's, that of a log without the entries from INDEX on. */
void kz_log_plan_drop(const struct kz_log *log, uint64_t index, struct kz_head *head);

/* Drops the entries from INDEX on within TRANSACTION. */
enum kz_status kz_log_drop(struct kz_transaction *transaction, uint64_t index);

/* Ends TRANSACTION, a write of LOG: commits it when STATUS, of what was done in it, is KZ_OK, else
 * gives it up. Returns: STATUS, or why the commit failed, which poisons the log. */
enum kz_status kz_log_end_write(struct kz_log *log, struct kz_transaction *transaction,
                                enum kz_status status);

#endif
