/* SPDX-License-Identifier: Apache-2.0 */
/* The time that entries carry: never before the last entry's, never of a clock that is not trusted
 * (clock.h), never more than a day ahead without a person (--accept-time). */
#include "node/core/calls.h"
#include "statemachine/base/canary.h"

#define PATIENCE_MS 1000 /* of an untrusted leader before it hands over */
#define HANDOVER_MS 5000 /* between two attempts */

static int64_t last_time(const struct kz_core *core)
{
    int64_t applied = kz_machine_time(core->machine);
    return core->stamped > applied ? core->stamped : applied;
}

/* Returns: whether a step from LAST to TIME needs no person, or has one's word. A ledger without a
 * stamped entry has no time to step from. */
static bool may_step(const struct kz_core *core, int64_t last, int64_t time)
{
    if (last == 0 || core->options.demo_clock || time - last <= KZ_DAY_MS) return true;
    return core->options.accept_time >= time;
}

bool kz_stamp(struct kz_core *core, int64_t *out_time)
{
    if (!core->clock_trusted && !kz_canary(KZ_CANARY_YEAR_AHEAD)) return false;

    int64_t last = last_time(core);
    int64_t time = core->wall_ms > last ? core->wall_ms : last;
    if (!kz_canary(KZ_CANARY_YEAR_AHEAD) && !may_step(core, last, time)) {
        if (!core->step_noticed) {
            kz_core_notice(core, KZ_NOTICE_ERROR,
                           "clock_step last=%lld now=%lld hint=\"the ledger's time would step more "
                           "than 24 h; if the clocks are right start with --accept-time\"",
                           (long long)last, (long long)time);
        }
        core->step_noticed = true;
        return false;
    }
    *out_time = time;
    return true;
}

static void hand_over(struct kz_core *core)
{
    if (core->now_ms - core->untrusted_since_ms < PATIENCE_MS) return;
    if (core->now_ms < core->transfer_after_ms) return;

    core->transfer_after_ms = core->now_ms + HANDOVER_MS;
    kz_core_notice(core, KZ_NOTICE_ERROR,
                   "clock_untrusted hint=\"no majority of the voters agrees with this node's "
                   "clock; nothing is written, leadership is handed over\"");
    struct kz_error error;
    enum kz_status status = kz_driver_transfer(core->driver, core->now_ms, 0, &error);
    if (status != KZ_OK && status != KZ_UNAVAILABLE) kz_core_check(core, status, &error);
}

void kz_stamping_follow(struct kz_core *core)
{
    int64_t jumped = kz_clock_check(&core->clock, core->now_ms, core->wall_ms);
    if (jumped != 0) {
        kz_core_notice(core, KZ_NOTICE_WARNING, "clock_jumped by_ms=%lld", (long long)jumped);
        for (uint32_t i = 0; i < core->peer_count; i++)
            core->peers[i].clock_asked_ms = 0;
    }
}

void kz_stamping_check(struct kz_core *core)
{
    core->clock_trusted =
        core->role == KZ_LEADER &&
        kz_clock_agrees(&core->clock, core->now_ms, kz_core_members(core), core->options.id);
    if (core->role != KZ_LEADER || core->clock_trusted) {
        core->untrusted_since_ms = 0;
        return;
    }
    if (core->untrusted_since_ms == 0) core->untrusted_since_ms = core->now_ms;
    hand_over(core);
}
