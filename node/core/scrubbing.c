/* SPDX-License-Identifier: Apache-2.0 */
/* The scrub: reads the whole ledger at a set pace, so that damage is found, and repaired, while the
 * other nodes still have the entry. */
#include "node/core/calls.h"
#include "statemachine/base/assert.h"

#define PIECE_COUNT 1024
#define PIECE_SIZE  (256u * 1024)
#define AGAIN_MS    1000 /* until a piece that could not be read is tried again */

static bool is_on(const struct kz_core *core)
{
    return core->options.scrub_pass_ms > 0 || core->options.scrub_bytes_per_s > 0;
}

/* Returns: milliseconds that COUNT entries of SIZE bytes may take. */
static uint64_t pace(const struct kz_core *core, uint64_t count, uint64_t size)
{
    uint64_t wait = UINT64_MAX;
    if (core->options.scrub_pass_ms > 0)
        wait = core->options.scrub_pass_ms / (core->results.stored / count + 1);
    if (core->options.scrub_bytes_per_s == 0) return wait;
    uint64_t at_rate = size * 1000 / core->options.scrub_bytes_per_s;
    return at_rate < wait ? at_rate : wait;
}

void kz_scrubbing_run(struct kz_core *core)
{
    struct kz_scrub *scrub = &core->scrub;
    if (!is_on(core) || core->phase != KZ_RUNNING || core->results.stored == 0) return;
    if (scrub->ticket != 0 || core->now_ms < scrub->due_ms) return;

    if (scrub->next == 0 || scrub->next > core->results.stored) scrub->next = 1;
    uint64_t left = core->results.stored + 1 - scrub->next;
    const struct kz_load_underway load = {.purpose = KZ_LOAD_SCRUB, .first = scrub->next};
    bool ordered = kz_storing_load(core, &load, left < PIECE_COUNT ? (uint32_t)left : PIECE_COUNT,
                                   PIECE_SIZE, true, &scrub->ticket);
    if (!ordered) scrub->due_ms = core->now_ms + AGAIN_MS;
}

void kz_scrubbing_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                            const struct kz_batch *batch)
{
    struct kz_scrub *scrub = &core->scrub;
    KZ_ASSERT(scrub->ticket == load->ticket);
    scrub->ticket = 0;
    if (batch == NULL) {
        scrub->due_ms = core->now_ms + AGAIN_MS;
        return;
    }
    scrub->next = kz_batch_end(batch);
    scrub->due_ms = core->now_ms + pace(core, batch->count, batch->size);
    if (scrub->next <= core->results.stored) return;
    core->figures.scrub_passes++;
    core->figures.scrub_last_ms = core->wall_ms;
}

uint64_t kz_scrubbing_wake(const struct kz_core *core)
{
    const struct kz_scrub *scrub = &core->scrub;
    bool idle = is_on(core) && core->phase == KZ_RUNNING && scrub->ticket == 0;
    return idle && core->results.stored > 0 ? scrub->due_ms : UINT64_MAX;
}
