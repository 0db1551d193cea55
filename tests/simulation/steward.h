/* SPDX-License-Identifier: Apache-2.0 */
/* Who changes the cluster while it is attacked: each founder is replaced by a node that joins, one
 * step after the other, with the leader moved now and then. The steward meets any node, and asks
 * again until a step holds. */
#ifndef KZ_TEST_STEWARD_H
#define KZ_TEST_STEWARD_H

#include "tests/simulation/sim.h"

#define KZ_STEWARD_ACTOR     9
#define KZ_STEWARD_STEPS_MAX (4 * KZ_SIM_NODES_MAX)

struct kz_sim_steward {
    struct kz_sim *sim;
    const bool *is_out; /* nodes that lost their disk: they are waited for no more */
    struct kz_sim_client client;
    bool connected;
    bool moves;      /* to another node */
    uint64_t node;   /* whom it is connected to */
    uint64_t leader; /* as that one says, 0: not known */
    uint64_t tag;    /* of the change that waits for its answer, 0: none */
    uint64_t due_ms;
    uint32_t step;
    uint64_t told[KZ_STEWARD_STEPS_MAX]; /* by step: the entry that it holds since; 0: none */
};

/* Starts the nodes that join; without any there is nothing to do. */
void kz_steward_init(struct kz_sim_steward *steward, struct kz_sim *sim, const bool *is_out);
void kz_steward_finish(struct kz_sim_steward *steward);
/* One millisecond of the steward's doings. */
void kz_steward_run(struct kz_sim_steward *steward);
/* Each step that was told to hold does so since a membership on DISK. */
void kz_steward_judge(const struct kz_sim_steward *steward, const struct kz_sim_disk *disk);

#endif
