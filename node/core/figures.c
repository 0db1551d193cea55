/* SPDX-License-Identifier: Apache-2.0 */
/* What a node tells of itself: for metrics, readiness and STATUS. */
#include "node/core/calls.h"

static bool is_ready(const struct kz_core *core)
{
    if (core->halted || core->stopping) return false;
    if (core->phase != KZ_RUNNING || core->leader == 0) return false;
    if (kz_core_members(core)->count == 0) return false; /* it joins */
    return core->role != KZ_LEADER || kz_driver_established(core->driver);
}

static void raft_figures(const struct kz_core *core, struct kz_core_figures *out)
{
    if (core->phase != KZ_RUNNING) {
        out->role = 3;
        out->last_index = core->replay.last;
        out->stored_index = core->replay.last;
        return;
    }
    out->role = (uint8_t)core->role;
    out->term = core->term;
    out->leader = core->leader;
    out->last_index = kz_driver_last_index(core->driver);
    out->stored_index = kz_driver_stored_index(core->driver);
    out->commit_index = kz_driver_commit_index(core->driver);
}

static void member_figures(const struct kz_core *core, struct kz_core_figures *out)
{
    const struct kz_membership_fields *members = kz_core_members(core);
    for (unsigned i = 0; i < members->count; i++) {
        out->voters += members->members[i].role == KZ_VOTER;
        out->standbys += members->members[i].role == KZ_STANDBY;
    }
    out->joining =
        core->options.join && members->count == 0 && core->options.ledger.last_index == 0;
}

void kz_core_figures(const struct kz_core *core, struct kz_core_figures *out_figures)
{
    *out_figures = core->figures;
    raft_figures(core, out_figures);
    member_figures(core, out_figures);
    if (core->halted) out_figures->role = 4;
    out_figures->applied_index = core->applied;
    out_figures->results_index = core->results.stored;
    out_figures->image_index = core->imaging.saved;
    out_figures->clients = core->links.clients;
    out_figures->watchers = core->links.watchers;
    out_figures->pending_commands = kz_inflight_count(&core->inflight);
    out_figures->pending_reads = core->reads.count;
    out_figures->ledger_time = kz_machine_time(core->machine);
    out_figures->ready = is_ready(core);
    out_figures->clock_trusted = core->clock_trusted;
    out_figures->disk_full = core->storing.disk_full;
    out_figures->ledger_large = out_figures->last_index > core->options.entries_max / 2;
    out_figures->damaged_index = kz_repairing_index(core);
    out_figures->scrubbed_index = core->scrub.next > 0 ? core->scrub.next - 1 : 0;
    out_figures->replay_target = core->replay.applied;
    kz_agreement_figures(core, out_figures);
    kz_machine_figures(core->machine, &out_figures->machine);
    out_figures->machine.bytes += core->imaging.mapped_size;
}

const struct kz_machine *kz_core_machine(const struct kz_core *core)
{
    return core->machine;
}
