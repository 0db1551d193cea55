/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of bytes by number in one LMDB environment, and transactions over them. Knows nothing of
 * entries; nobody outside of its files (store_state.h) knows LMDB.
 *
 * Invariants:
 * 1. A transaction is all or nothing, and durable when its commit gives KZ_OK.
 * 2. The data file is never shorter than the pages in use: space is taken from the file system
 * before a transaction needs it, so that a full disk is found before anything is written, and a
 * file that was cut is found at opening. Where there is none, pages that may be used again are
 * room. */
#ifndef KZ_STORE_H
#define KZ_STORE_H

#include "statemachine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Their names stand in the file. */
enum kz_table {
    KZ_TABLE_HEAD,
    KZ_TABLE_ENTRIES,
    KZ_TABLE_LEAVES,
    KZ_TABLE_RESULTS,
    KZ_TABLE_RUNS,
    KZ_TABLE_MEMBERSHIPS,
    KZ_TABLE_END,
};

const char *kz_table_name(enum kz_table table);

struct kz_store;
struct MDB_txn;
struct MDB_cursor;

/* Opens the environment in the directory PATH. Its pages are not checked, only that it is one, has
 * every table and is not cut. Errors: KZ_NOT_FOUND (no PATH), KZ_MALFORMED (not such an
 * environment), KZ_CORRUPT, KZ_NEWER, KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_store_open(const char *path, bool read_only, uint64_t map_size,
                             struct kz_store **out_store, struct kz_error *error);

/* Makes an environment with every table, all empty, in PATH, which is an empty directory. */
enum kz_status kz_store_create(const char *path, uint64_t map_size, struct kz_store **out_store,
                               struct kz_error *error);
void kz_store_close(struct kz_store *store); /* NULL is fine */

/* Returns: bytes up to the end of the last page in use. */
uint64_t kz_store_used_bytes(const struct kz_store *store);

/* Room that is kept, as kz_log_keep_room() says; whether it was whole at the last write. */
void kz_store_keep_room(struct kz_store *store, uint64_t size);
bool kz_store_has_room(const struct kz_store *store);

/* A transaction in the caller's memory, for one thread. Functions that fail fill ERROR, but for
 * KZ_NOT_FOUND, whose meaning the caller knows. */
struct kz_transaction {
    struct kz_store *store;
    struct MDB_txn *txn;
    struct MDB_cursor *cursors[KZ_TABLE_END]; /* opened when first used */
    struct kz_error *error;
};

struct kz_row {
    uint64_t key;
    const uint8_t *bytes; /* valid until the transaction's end or next write */
    size_t size;
};

enum kz_status kz_transaction_begin_read(struct kz_store *store, struct kz_error *error,
                                         struct kz_transaction *out_transaction);

/* SIZE: bytes that will be written, about; twice as much is made sure of.
 * Errors: KZ_NO_SPACE, KZ_IO, KZ_POISONED. */
enum kz_status kz_transaction_begin_write(struct kz_store *store, uint64_t size,
                                          struct kz_error *error,
                                          struct kz_transaction *out_transaction);

/* Returns: the number that a writing transaction will have when it is committed; that of the last
 * committed one for a reading transaction. */
uint64_t kz_transaction_number(const struct kz_transaction *transaction);

/* Errors: KZ_NO_SPACE (nothing has changed), or anything else: what the disk holds is unknown. The
 * transaction has ended in any case. */
enum kz_status kz_transaction_commit(struct kz_transaction *transaction);
void kz_transaction_abort(struct kz_transaction *transaction); /* an ended one is fine */

/* Find a row by its key, the row behind the one found last in TABLE, the first and the last one.
 * Errors: KZ_NOT_FOUND, KZ_CORRUPT, KZ_IO. */
enum kz_status kz_table_find(struct kz_transaction *transaction, enum kz_table table, uint64_t key,
                             struct kz_row *out_row);
enum kz_status kz_table_next(struct kz_transaction *transaction, enum kz_table table,
                             struct kz_row *out_row);
enum kz_status kz_table_first(struct kz_transaction *transaction, enum kz_table table,
                              struct kz_row *out_row);
enum kz_status kz_table_last(struct kz_transaction *transaction, enum kz_table table,
                             struct kz_row *out_row);

/* Gives room for a row of SIZE bytes: behind the last one, or in the place of the one with that
 * key. OUT_ROOM is to be filled before the next call. Errors: KZ_NO_SPACE, KZ_CORRUPT, KZ_IO. */
enum kz_status kz_table_append(struct kz_transaction *transaction, enum kz_table table,
                               uint64_t key, size_t size, uint8_t **out_room);
enum kz_status kz_table_replace(struct kz_transaction *transaction, enum kz_table table,
                                uint64_t key, size_t size, uint8_t **out_room);

/* Removes every row whose key is ≥ KEY. */
enum kz_status kz_table_drop_from(struct kz_transaction *transaction, enum kz_table table,
                                  uint64_t key);

#endif
