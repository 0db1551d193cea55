/* SPDX-License-Identifier: Apache-2.0 */
/* Whose clock may stamp: a leader stamps only while a majority of voters,
 * itself included, agree within 5 s, and while its wall clock has not left its monotonic clock by
 * more than 1 s since the last check.
 *
 * A demonstration's clock runs RATE times as fast; so do the offsets between nodes and the errors
 * of their measurement, and every tolerance here is multiplied by it.
 *
 * Invariants:
 * 1. An offset counts for KZ_CLOCK_FRESH_MS after it was measured, and never across a jump of the
 *    own wall clock.
 * 2. Nothing here reads a clock. */
#ifndef KZ_CLOCK_H
#define KZ_CLOCK_H

#include "statemachine/record/record.h"

#include <stdbool.h>
#include <stdint.h>

#define KZ_CLOCK_AGREE_MS  5000
#define KZ_CLOCK_JUMP_MS   1000
#define KZ_CLOCK_FRESH_MS  3500
#define KZ_CLOCK_PERIOD_MS 1000

struct kz_clock_offset {
    uint64_t peer;
    int64_t offset_ms;    /* the peer's wall clock less our own */
    uint64_t measured_ms; /* monotonic */
};

struct kz_clock {
    uint32_t rate;
    bool started;
    uint64_t checked_ms; /* monotonic time of the last check … */
    int64_t checked_wall_ms;
    uint8_t count;
    struct kz_clock_offset offsets[KZ_MEMBERS_MAX];
};

void kz_clock_init(struct kz_clock *clock, uint32_t rate);

/* Compares the two clocks with the last check, which is moved on once a second. Returns: how far
 * the wall clock jumped, 0 for within tolerance; all offsets are forgotten after a jump. */
int64_t kz_clock_check(struct kz_clock *clock, uint64_t now_ms, int64_t wall_ms);

/* PEER's wall clock showed PEER_WALL_MS between the monotonic times SENT_MS and NOW_MS. */
void kz_clock_measured(struct kz_clock *clock, uint64_t peer, uint64_t sent_ms, uint64_t now_ms,
                       int64_t wall_ms, int64_t peer_wall_ms);

/* Returns: whether a majority of MEMBERS' voters agrees with node SELF, one of them or not. */
bool kz_clock_agrees(const struct kz_clock *clock, uint64_t now_ms,
                     const struct kz_membership_fields *members, uint64_t self);

#endif
