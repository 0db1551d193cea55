/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/beyond.h"

#include "tests/simulation/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HALT_MS 20000

static void damage_all(struct kz_sim *sim, uint64_t index)
{
    for (unsigned id = 1; id <= sim->options.nodes; id++) {
        bool both = kz_sim_random(sim, 2) == 0;
        kz_sim_crash(sim, id);
        kz_sim_rot(sim, id, index, both ? KZ_DAMAGE_BOTH : KZ_DAMAGE_RECORD);
    }
}

static bool all_halted(const struct kz_sim *sim)
{
    for (unsigned id = 1; id <= sim->options.nodes; id++)
        if (!sim->nodes[id].halted) return false;
    return true;
}

static void judge(const struct kz_sim *sim, uint64_t index)
{
    char name[48];
    (void)snprintf(name, sizeof name, "entry %" PRIu64 " ", index);
    for (unsigned id = 1; id <= sim->options.nodes; id++) {
        const struct kz_sim_node *node = &sim->nodes[id];
        if (!node->halted)
            kz_broken("entry %" PRIu64 " is bad everywhere, and node %u goes on", index, id);
        if (strstr(node->halt.text, name) == NULL)
            kz_broken("entry %" PRIu64 " is bad everywhere, and node %u names another: %s", index,
                      id, node->halt.text);
    }
}

void kz_go_beyond(struct kz_sim *sim, const struct kz_checks *checks)
{
    uint64_t index = 1 + kz_sim_random(sim, checks->count);
    damage_all(sim, index);
    kz_sim_start_all(sim);
    for (uint64_t end = sim->now_ms + HALT_MS; sim->now_ms < end && !all_halted(sim);)
        kz_sim_run(sim, 1);
    judge(sim, index);
}
