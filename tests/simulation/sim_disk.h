/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of a simulated node. */
#ifndef KZ_TEST_SIM_DISK_H
#define KZ_TEST_SIM_DISK_H

#include "tests/simulation/sim.h"

void kz_sim_disk_clear(struct kz_sim_disk *disk);
/* As kz_log_append() would, with its assertions. */
void kz_sim_disk_write(struct kz_sim_disk *disk, const struct kz_write_order *order);
/* Returns: a batch, NULL past the last entry. */
struct kz_batch *kz_sim_disk_read(const struct kz_sim_disk *disk, uint64_t first,
                                  uint32_t count_max, size_t size_max);
/* Returns: whether what the load asks for can be read; else OUT_FAULT says why not. */
bool kz_sim_disk_examine(const struct kz_sim_disk *disk, const struct kz_load_order *order,
                         struct kz_fault *out_fault);
/* As kz_log_repair() would. */
enum kz_status kz_sim_disk_repair(struct kz_sim_disk *disk, const struct kz_repair_order *order);
/* Returns: all term runs, malloc'ed. */
struct kz_term_run *kz_sim_disk_runs(const struct kz_sim_disk *disk, uint32_t *out_count);

#endif
