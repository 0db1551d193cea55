/* SPDX-License-Identifier: Apache-2.0 */
/* The head: one row that says what the other tables must hold. Each transaction writes it, so that
 * a table that lost rows is found when the ledger is opened.
 *
 *   OFFSET SIZE FIELD
 *        0    8 "KZLEDGER"
 *        8    4 format version (1)
 *       12    4 zero
 *       16    8 last index
 *       24    8 last term
 *       32    8 applied index
 *       40    8 number of term runs
 *       48    8 number of memberships
 *       56    8 the transaction that wrote this head, by LMDB's count
 *       64    8 XXH3-64 of the 64 bytes before
 *
 * A head of another transaction than the last one belongs to an older state of the ledger. */
#ifndef KZ_HEAD_H
#define KZ_HEAD_H

#include "log/store.h"

#include <stdint.h>

#define KZ_LEDGER_VERSION 1
#define KZ_HEAD_SIZE      72

struct kz_head {
    uint64_t last_index;
    uint64_t last_term;
    uint64_t applied_index;
    uint64_t run_count;
    uint64_t membership_count;
};

/* Errors: KZ_MALFORMED (no head), KZ_NEWER, KZ_CORRUPT, KZ_IO. */
enum kz_status kz_head_read(struct kz_transaction *transaction, struct kz_head *out_head);
enum kz_status kz_head_write(struct kz_transaction *transaction, const struct kz_head *head);

#endif
