/* SPDX-License-Identifier: Apache-2.0 */
/* What the clock makes due (R4): asked of the machine once an entry of the leader's own term is
 * applied, while no earlier clock-driven entry is in flight, and only when something can have
 * changed. */
#include "node/core/calls.h"
#include "node/core/memory.h"

#define DUE_MAX         4096 /* entries at once */
#define REFUSED_WAIT_MS 1000 /* after a batch of which nothing was accepted */
#define CLOSED_WAIT_MS  100  /* while nothing may be appended at all */

void kz_clockwork_init(struct kz_clockwork *clockwork)
{
    *clockwork = (struct kz_clockwork){.look = true, .next_due = INT64_MAX, .accepted = true};
}

void kz_clockwork_lead(struct kz_clockwork *clockwork)
{
    clockwork->look = true;
    clockwork->last_index = 0; /* what was appended before is applied or gone once an entry of
                                 this term is */
}

static bool in_flight(const struct kz_core *core)
{
    return core->clockwork.last_index > core->applied;
}

uint32_t kz_clockwork_due(struct kz_core *core, int64_t time)
{
    struct kz_clockwork *clockwork = &core->clockwork;
    if (in_flight(core) || core->now_ms < clockwork->not_before_ms) return 0;
    if (!clockwork->look && time < clockwork->next_due) return 0;

    if (clockwork->entries == NULL)
        clockwork->entries = kz_memory_resize(NULL, DUE_MAX * sizeof(clockwork->entries[0]));
    uint32_t due = kz_machine_due(core->machine, time, clockwork->entries, DUE_MAX);
    clockwork->look = due > 0;
    clockwork->accepted = false;
    clockwork->next_due = kz_machine_next_due(core->machine, time);
    return due;
}

static bool moves_due_times(enum kz_entry_type type)
{
    return type == KZ_TERRITORY || type == KZ_POLICY || kz_type_is_clock(type);
}

void kz_clockwork_applied(struct kz_core *core, uint64_t index, enum kz_entry_type type,
                          enum kz_result result)
{
    if (!moves_due_times(type)) return;
    struct kz_clockwork *clockwork = &core->clockwork;
    clockwork->look = true;
    if (!kz_type_is_clock(type)) return;

    clockwork->accepted |= result == KZ_RESULT_OK;
    if (index == clockwork->last_index && !clockwork->accepted)
        clockwork->not_before_ms = core->now_ms + REFUSED_WAIT_MS;
}

uint64_t kz_clockwork_wake(const struct kz_core *core)
{
    const struct kz_clockwork *clockwork = &core->clockwork;
    if (core->role != KZ_LEADER || !core->clock_trusted || in_flight(core)) return UINT64_MAX;
    if (clockwork->not_before_ms > core->now_ms) return clockwork->not_before_ms;
    if (clockwork->look || clockwork->next_due <= core->wall_ms)
        return core->now_ms + CLOSED_WAIT_MS;
    if (clockwork->next_due == INT64_MAX) return UINT64_MAX;

    uint64_t wall_left = (uint64_t)(clockwork->next_due - core->wall_ms);
    return core->now_ms + wall_left / core->clock.rate + 1;
}
