/* SPDX-License-Identifier: Apache-2.0 */
/* libraft's record of terms (struct raft_trail, declared in raft.h but no documented interface):
 * for each run of equal terms the run's last index. This is the one file that touches it, and the
 * version of libraft is pinned because of it.
 *
 * libraft keeps the runs in a ring: slot (front + i) modulo size, from front up to back. */
#include "node/core/driver_state.h"

#include "statemachine/base/assert.h"

/* Slots beyond those in use, so that the ring is never full. */
#define SLOTS_SPARE 4

static unsigned run_count_of(const struct raft_trail *trail)
{
    if (trail->front <= trail->back) return trail->back - trail->front;
    return trail->size - trail->front + trail->back;
}

static unsigned slot_of(const struct raft_trail *trail, unsigned run)
{
    return (trail->front + run) % trail->size;
}

/* Returns: the number of the run that holds INDEX; the number of runs when none does. */
static unsigned run_of(const struct raft_trail *trail, uint64_t index)
{
    unsigned count = run_count_of(trail);
    if (index <= trail->offset) return count;

    /* Most look-ups are near the end. */
    if (count > 1 && index > trail->records[slot_of(trail, count - 2)].index) {
        return index <= trail->records[slot_of(trail, count - 1)].index ? count - 1 : count;
    }
    unsigned low = 0;
    unsigned high = count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (trail->records[slot_of(trail, middle)].index >= index) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

uint64_t kz_trail_term(const struct raft *raft, uint64_t index)
{
    const struct raft_trail *trail = &raft->trail;
    unsigned run = run_of(trail, index);
    return run < run_count_of(trail) ? trail->records[slot_of(trail, run)].term : 0;
}

uint64_t kz_trail_run_start(const struct raft *raft, uint64_t index)
{
    const struct raft_trail *trail = &raft->trail;
    unsigned run = run_of(trail, index);
    KZ_ASSERT(run < run_count_of(trail));
    return run == 0 ? trail->offset + 1 : trail->records[slot_of(trail, run - 1)].index + 1;
}

enum kz_status kz_trail_extend(struct raft *raft, const struct kz_term_run *runs,
                               uint32_t run_count, uint64_t last_index)
{
    struct raft_trail *trail = &raft->trail;
    if (run_count == 0) return KZ_OK;

    void *records = raft_calloc(run_count + SLOTS_SPARE, sizeof *trail->records);
    if (records == NULL) return KZ_NO_MEMORY;

    raft_free(trail->records);
    trail->records = records;
    trail->size = run_count + SLOTS_SPARE;
    trail->front = 0;
    trail->back = run_count;
    trail->offset = 0;
    for (uint32_t i = 0; i < run_count; i++) {
        bool is_last = i + 1 == run_count;
        trail->records[i].index = is_last ? last_index : runs[i + 1].first_index - 1;
        trail->records[i].term = runs[i].term;
    }
    return KZ_OK;
}
