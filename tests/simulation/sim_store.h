/* SPDX-License-Identifier: Apache-2.0 */
/* log/store.h in memory: the ledger rules of log/ run on it as they do on LMDB, and it fails as a
 * disk does. A program that links it does not link log/store.c.
 *
 * Invariants:
 * 1. A transaction is all or nothing, whatever fails, unless the medium is told to rot.
 * 2. One transaction at a time is open on a medium. */
#ifndef KZ_TEST_SIM_STORE_H
#define KZ_TEST_SIM_STORE_H

#include "log/store.h"

struct kz_sim_medium;

/* Returns: an empty medium, as `kz_log_open(DIRECTORY, KZ_LOG_EXISTING)` finds it under the
 * directory that kz_sim_medium_directory() gives. */
struct kz_sim_medium *kz_sim_medium_create(void);
/* Returns: another medium that holds the same; what rotted is not known to it as such. */
struct kz_sim_medium *kz_sim_medium_copy(const struct kz_sim_medium *medium);
void kz_sim_medium_destroy(struct kz_sim_medium *medium); /* NULL is fine */
const char *kz_sim_medium_directory(const struct kz_sim_medium *medium);

/* Writes begin with KZ_NO_SPACE while it is full. */
void kz_sim_medium_set_full(struct kz_sim_medium *medium, bool full);

/* The power goes after COUNT more commits: every later one changes nothing and fails, until
 * kz_sim_medium_restore(). */
void kz_sim_medium_cut_after(struct kz_sim_medium *medium, unsigned count);
void kz_sim_medium_restore(struct kz_sim_medium *medium);

/* The next commit fails with KZ_IO; whether it reached the disk is BY_CHANCE's. */
void kz_sim_medium_fail_next(struct kz_sim_medium *medium, bool reaches_disk);

#define KZ_SIM_DAMAGES_MAX 64

/* Flips BIT of the row KEY of TABLE, unless it is flipped already. Returns: false when there is no
 * such bit, or too many were flipped. */
bool kz_sim_medium_rot(struct kz_sim_medium *medium, enum kz_table table, uint64_t key,
                       uint32_t bit);
/* Returns: whether a row of TABLE with a key from FIRST to LAST has rotted since it was written. */
bool kz_sim_medium_is_rotten(const struct kz_sim_medium *medium, enum kz_table table,
                             uint64_t first, uint64_t last);
unsigned kz_sim_medium_damages(const struct kz_sim_medium *medium);

#endif
