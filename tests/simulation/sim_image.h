/* SPDX-License-Identifier: Apache-2.0 */
/* Images of nodes on their virtual disks: the last two, as kezekd keeps them. */
#ifndef KZ_TEST_SIM_IMAGE_H
#define KZ_TEST_SIM_IMAGE_H

#include "tests/simulation/sim.h"

/* Saves the core as it is; durable some time later, unless the node crashes before. */
void kz_sim_image_order(struct kz_sim *sim, struct kz_sim_node *node, uint64_t index);
/* Makes it durable when its time has come and the results up to it are stored. */
void kz_sim_image_tick(struct kz_sim *sim, struct kz_sim_node *node);
/* What was under way is lost. */
void kz_sim_image_crash(struct kz_sim_node *node);
/* Makes COPY's images those of DISK. */
void kz_sim_image_copy(const struct kz_sim_disk *disk, struct kz_sim_disk *copy);
void kz_sim_image_clear(struct kz_sim_disk *disk);

/* Opens the newest image that OPTIONS' ledger allows, in memory that kz_sim_image_crash() frees.
 * Returns: NULL when there is none. */
struct kz_core_image *kz_sim_image_open(struct kz_sim_node *node,
                                        const struct kz_core_options *options);

#endif
