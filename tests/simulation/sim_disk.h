/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of a simulated node: the real ledger (log/log.h) on a medium in memory (sim_store.h),
 * and beside it a plain list of what has to stand there, with which everything read is compared. */
#ifndef KZ_TEST_SIM_DISK_H
#define KZ_TEST_SIM_DISK_H

#include "tests/simulation/sim.h"

/* Opens the ledger, an empty one on a new disk, and lists what it holds. Errors: as kz_log_open().
 */
enum kz_status kz_sim_disk_open(struct kz_sim_disk *disk, struct kz_error *error);
/* Forgets what is in memory; the medium stays. */
void kz_sim_disk_close(struct kz_sim_disk *disk);
/* Makes it an empty disk without an identity. */
void kz_sim_disk_clear(struct kz_sim_disk *disk);

/* Makes OUT_COPY, which kz_sim_disk_clear() frees, what DISK, whose list is right, holds now; it
 * has room and works. */
void kz_sim_disk_copy(const struct kz_sim_disk *disk, struct kz_sim_disk *out_copy);

/* One transaction of kz_log_append(); opens the ledger when it has to. */
enum kz_status kz_sim_disk_write(struct kz_sim_disk *disk, const struct kz_write_order *order);

/* Reads a batch as kz_log_read() does, and its results to OUT_RESULTS when it is not NULL (room for
 * COUNT_MAX). */
enum kz_status kz_sim_disk_read(struct kz_sim_disk *disk, const struct kz_load_order *order,
                                struct kz_batch **out_batch, uint8_t *out_results,
                                struct kz_error *error);

/* Says what a read that gave KZ_CORRUPT met. */
void kz_sim_disk_examine(struct kz_sim_disk *disk, const struct kz_load_order *order,
                         struct kz_fault *out_fault);
/* kz_log_repair() */
enum kz_status kz_sim_disk_repair(struct kz_sim_disk *disk, const struct kz_repair_order *order);
/* As kz_sim_rot(), kz_sim_is_rotten(). */
void kz_sim_disk_rot(struct kz_sim_disk *disk, uint64_t index, enum kz_damage damage);
bool kz_sim_disk_is_rotten(struct kz_sim_disk *disk);

/* Makes a medium that holds what the list says: for tests that change the list of a node that is
 * down. */
void kz_sim_disk_rewrite(struct kz_sim_disk *disk);

#endif
