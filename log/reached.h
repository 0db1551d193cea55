/* SPDX-License-Identifier: Apache-2.0 */
/* How far a ledger ever came: DIR/reached, beside it. An older copy of the ledger's file is whole,
 * every sum agrees, and it lacks entries that this node said are durable: with its vote they could
 * be lost. The file is written behind each commit, without a sync of its own: it may be behind the
 * truth, never ahead.
 *
 *   OFFSET SIZE FIELD
 *        0    8 "KZREACH", one zero
 *        8    8 number of the last transaction, by LMDB's count
 *       16    8 XXH3-64 of the 16 bytes before
 *
 * A file that is missing or damaged says nothing. */
#ifndef KZ_REACHED_H
#define KZ_REACHED_H

#include "statemachine/base/status.h"

#include <stdint.h>

#define KZ_REACHED_SIZE 24

struct kz_reached {
    int file; /* -1: none */
};

/* Opens DIRECTORY's, making it when there is none, and compares it with TRANSACTION, the ledger's
 * last one. Errors: KZ_MISMATCH: the ledger is older than what it was; KZ_IO, KZ_NO_SPACE. */
enum kz_status kz_reached_open(const char *directory, uint64_t transaction,
                               struct kz_reached *out_reached, struct kz_error *error);

/* Removes DIRECTORY's: a new ledger begins. */
enum kz_status kz_reached_forget(const char *directory, struct kz_error *error);
void kz_reached_close(struct kz_reached *reached);

/* TRANSACTION is durable. Should this fail, what is noted is older, and finds less. */
void kz_reached_note(const struct kz_reached *reached, uint64_t transaction);

#endif
