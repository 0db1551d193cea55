/* SPDX-License-Identifier: Apache-2.0 */
/* When an image is saved: every `image_every` applied entries, one at a time. Then the node rests
 * for as long as the saving took, so that a ledger that grows fast does not keep its disk busy with
 * images; what the tail grows meanwhile is replayed by a restart.
 *
 * A stop saves none: the tail is short as it is, and a stop should not wait for the disk. */
#include "node/core/calls.h"

#include "statemachine/base/assert.h"

#define FAILED_REST_MS 60000

void kz_imaging_note(struct kz_core *core, const struct kz_batch *batch)
{
    uint32_t size;
    const uint8_t *record =
        kz_batch_record(batch, (uint32_t)(core->applied - batch->first_index), &size);
    core->imaging.entry = kz_hash128(record, size);
}

/* Returns: whether an image of the state as it is would be worth its cost. */
static bool is_wanted(const struct kz_core *core)
{
    const struct kz_imaging *imaging = &core->imaging;
    uint64_t every = core->options.image_every;

    if (every == 0 || imaging->underway != 0) return false;
    if (core->phase != KZ_RUNNING || core->stopping) return false;
    return core->applied - imaging->saved >= every;
}

void kz_imaging_run(struct kz_core *core)
{
    struct kz_imaging *imaging = &core->imaging;

    imaging->order = 0;
    if (!is_wanted(core) || core->now_ms < imaging->rest_until_ms) return;
    imaging->order = core->applied;
    imaging->underway = core->applied;
    imaging->begun_ms = core->now_ms;
}

void kz_imaging_on_saved(struct kz_core *core, const struct kz_event *event)
{
    struct kz_imaging *imaging = &core->imaging;
    uint64_t took_ms = core->now_ms - imaging->begun_ms;

    KZ_ASSERT(imaging->underway != 0);
    if (event->status == KZ_OK) {
        imaging->saved = imaging->underway;
        kz_core_notice(core, KZ_NOTICE_INFO, "image_saved applied=%llu ms=%llu",
                       (unsigned long long)imaging->saved, (unsigned long long)took_ms);
    } else if (took_ms < FAILED_REST_MS) {
        took_ms = FAILED_REST_MS;
    }
    imaging->underway = 0;
    imaging->rest_until_ms = core->now_ms + took_ms;
}

uint64_t kz_imaging_wake(const struct kz_core *core)
{
    return is_wanted(core) ? core->imaging.rest_until_ms : UINT64_MAX;
}
