/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/shrink.h"

#include "node/core/memory.h"

#include <string.h>

/* Makes OUT the plan without faults FROM … TO − 1. */
static void leave_out(const struct kz_plan *plan, uint32_t from, uint32_t to, struct kz_plan *out)
{
    *out = *plan;
    out->faults = kz_memory_resize(NULL, (plan->count + 1) * sizeof(*out->faults));
    memcpy(out->faults, plan->faults, from * sizeof(*out->faults));
    memcpy(out->faults + from, plan->faults + to, (plan->count - to) * sizeof(*out->faults));
    out->count = plan->count - (to - from);
    out->capacity = plan->count + 1;
}

/* Returns: whether PLAN still breaks without the part, which is then left out. */
static bool try_without(struct kz_plan *plan, uint32_t from, uint32_t to,
                        struct kz_verdict *verdict)
{
    struct kz_plan smaller;
    struct kz_verdict found;
    leave_out(plan, from, to, &smaller);
    kz_attack_apart(&smaller, &found);
    if (found.passed) {
        kz_plan_finish(&smaller);
        return false;
    }
    kz_plan_finish(plan);
    *plan = smaller;
    *verdict = found;
    return true;
}

unsigned kz_shrink(struct kz_plan *plan, unsigned runs_max, struct kz_verdict *verdict)
{
    unsigned runs = 0;
    uint32_t size = plan->count / 2;
    while (size > 0 && runs < runs_max) {
        bool any = false;
        for (uint32_t from = 0; from < plan->count && runs < runs_max; runs++) {
            uint32_t to = from + size < plan->count ? from + size : plan->count;
            if (try_without(plan, from, to, verdict))
                any = true;
            else
                from = to;
        }
        if (!any || size > plan->count) size /= 2;
        if (size > plan->count) size = plan->count;
    }
    return runs;
}
