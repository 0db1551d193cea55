/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/clock.h"

void kz_clock_init(struct kz_clock *clock, uint32_t rate)
{
    *clock = (struct kz_clock){.rate = rate > 0 ? rate : 1};
}

static bool is_within(int64_t value, int64_t tolerance)
{
    return value >= -tolerance && value <= tolerance;
}

int64_t kz_clock_check(struct kz_clock *clock, uint64_t now_ms, int64_t wall_ms)
{
    uint64_t passed_ms = now_ms - clock->checked_ms;
    int64_t expected = clock->checked_wall_ms + (int64_t)(passed_ms * clock->rate);
    int64_t left = clock->started ? wall_ms - expected : 0;
    bool jumped = !is_within(left, (int64_t)KZ_CLOCK_JUMP_MS * clock->rate);

    if (!clock->started || jumped || passed_ms >= KZ_CLOCK_PERIOD_MS) {
        clock->started = true;
        clock->checked_ms = now_ms;
        clock->checked_wall_ms = wall_ms;
    }
    if (jumped) clock->count = 0;
    return jumped ? left : 0;
}

static struct kz_clock_offset *offset_of(struct kz_clock *clock, uint64_t peer)
{
    struct kz_clock_offset *oldest = &clock->offsets[0];
    for (int i = 0; i < clock->count; i++) {
        if (clock->offsets[i].peer == peer) return &clock->offsets[i];
        if (clock->offsets[i].measured_ms < oldest->measured_ms) oldest = &clock->offsets[i];
    }
    return clock->count < KZ_MEMBERS_MAX ? &clock->offsets[clock->count++] : oldest;
}

void kz_clock_measured(struct kz_clock *clock, uint64_t peer, uint64_t sent_ms, uint64_t now_ms,
                       int64_t wall_ms, int64_t peer_wall_ms)
{
    if (sent_ms > now_ms || now_ms - sent_ms > KZ_CLOCK_FRESH_MS) return;

    int64_t half_way = (int64_t)((now_ms - sent_ms) * clock->rate / 2);
    *offset_of(clock, peer) =
        (struct kz_clock_offset){peer, peer_wall_ms + half_way - wall_ms, now_ms};
}

static bool peer_agrees(const struct kz_clock *clock, uint64_t now_ms, uint64_t peer)
{
    for (int i = 0; i < clock->count; i++) {
        const struct kz_clock_offset *offset = &clock->offsets[i];
        if (offset->peer != peer) continue;
        return now_ms - offset->measured_ms <= KZ_CLOCK_FRESH_MS &&
               is_within(offset->offset_ms, (int64_t)KZ_CLOCK_AGREE_MS * clock->rate);
    }
    return false;
}

bool kz_clock_agrees(const struct kz_clock *clock, uint64_t now_ms,
                     const struct kz_membership_fields *members, uint64_t self)
{
    unsigned voters = 0;
    unsigned agreeing = 0;
    for (unsigned i = 0; i < members->count; i++) {
        if (members->members[i].role != KZ_VOTER) continue;
        uint64_t id = members->members[i].id;
        voters++;
        agreeing += id == self || peer_agrees(clock, now_ms, id);
    }
    return agreeing * 2 > voters;
}
