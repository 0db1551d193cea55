/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/replay.h"

#include "client/audit/audit.h"
#include "client/audit/feed.h"

#include <inttypes.h>
#include <sys/random.h>

#define AHEAD 16 /* entries decoded before the first of them is applied */

struct kz_machine *kz_replay_machine(void)
{
    uint64_t seed = 0;
    ssize_t size = getrandom(&seed, sizeof seed, GRND_NONBLOCK);
    if (size != (ssize_t)sizeof seed) seed = 1; /* the tables are only easier to fill badly */
    return kz_machine_create(&kz_allocator_system, seed);
}

static enum kz_status decode(const struct kz_batch *batch, uint32_t i, struct kz_entry *out_entry)
{
    uint32_t size = 0;
    const uint8_t *record = kz_batch_record(batch, i, &size);
    return kz_record_decode(record, size, out_entry);
}

/* Decodes up to AHEAD entries of BATCH from FROM on, as far as they are records, and asks the
 * memory for what MACHINE will look at. Returns: how many. */
static uint32_t decode_ahead(const struct kz_batch *batch, uint32_t from,
                             const struct kz_machine *machine,
                             struct kz_entry out_entries[static AHEAD])
{
    uint32_t left = batch->count - from;
    uint32_t count = 0;
    while (count < AHEAD && count < left &&
           decode(batch, from + count, &out_entries[count]) == KZ_OK)
        count++;
    kz_machine_prefetch(machine, out_entries, count);
    return count;
}

/* Says why entry I of BATCH was not decoded. */
static enum kz_status refuse(const struct kz_batch *batch, uint32_t i, struct kz_error *error)
{
    struct kz_entry entry;
    uint64_t index = batch->first_index + i;
    if (decode(batch, i, &entry) == KZ_NEWER)
        return kz_error_set(error, KZ_NEWER, "entry %" PRIu64 " is of a later version", index);
    return kz_error_set(error, KZ_CORRUPT, "entry %" PRIu64 " is bad: not a record", index);
}

/* Applies ENTRY, which is entry I of PIECE. */
static enum kz_status apply(const struct kz_replay *replay, const struct kz_feed_piece *piece,
                            uint32_t i, const struct kz_entry *entry, struct kz_machine *machine,
                            struct kz_error *error)
{
    struct kz_outcome outcome;
    uint64_t index = piece->batch->first_index + i;
    enum kz_status status = kz_machine_apply(machine, index, entry, &outcome);
    if (status == KZ_NEWER) {
        return kz_error_set(error, KZ_NEWER,
                            "entry %" PRIu64 " begins rules %" PRIu32
                            ", and this program knows rules %" PRIu32 ": use a later kezek-audit",
                            index, entry->version.rules, kz_rules_known());
    }
    if (status != KZ_OK) {
        return kz_error_set(error, KZ_CORRUPT,
                            "entry %" PRIu64 " is bad: its time is before the previous entry's",
                            index);
    }
    uint8_t stored = piece->results[i];
    if (stored != KZ_RESULT_NONE && stored != outcome.result) {
        return kz_error_set(
            error, KZ_CORRUPT, "entry %" PRIu64 " is bad: its result is %s, and the rules give %s",
            index, kz_word(&kz_result_words, stored), kz_word(&kz_result_words, outcome.result));
    }
    struct kz_replay_step step = {index, kz_batch_term(piece->batch, i), entry, outcome.result,
                                  machine};
    if (replay->on_step != NULL) status = replay->on_step(replay->context, &step, error);
    if (status == KZ_OK && replay->done != NULL) *replay->done = index;
    return status;
}

static enum kz_status apply_piece(const struct kz_replay *replay, const struct kz_feed_piece *piece,
                                  struct kz_machine *machine, struct kz_error *error)
{
    struct kz_entry entries[AHEAD];
    enum kz_status status = KZ_OK;
    for (uint32_t from = 0; from < piece->batch->count && status == KZ_OK;) {
        uint32_t count = decode_ahead(piece->batch, from, machine, entries);
        if (count == 0) return refuse(piece->batch, from, error);
        for (uint32_t i = 0; i < count && status == KZ_OK; i++)
            status = apply(replay, piece, from + i, &entries[i], machine, error);
        from += count;
    }
    return status;
}

static enum kz_status apply_all(const struct kz_replay *replay, struct kz_feed *feed,
                                struct kz_machine *machine, struct kz_error *error)
{
    struct kz_feed_piece piece;
    struct kz_progress progress = kz_progress_start(replay->verb, replay->to);
    enum kz_status status = KZ_OK;
    while (status == KZ_OK) {
        status = kz_feed_next(feed, &piece, error);
        if (status != KZ_OK) break;
        status = apply_piece(replay, &piece, machine, error);
        kz_feed_piece_finish(&piece);
        kz_progress_show(&progress, kz_machine_applied(machine));
    }
    kz_progress_end(&progress);
    return status == KZ_NOT_FOUND ? KZ_OK : status;
}

enum kz_status kz_replay_run(const struct kz_replay *replay, struct kz_machine **out_machine,
                             struct kz_error *error)
{
    struct kz_feed *feed = NULL;
    enum kz_status status =
        kz_feed_start(replay->log, 1, replay->to, replay->check_leaves, &feed, error);
    if (status != KZ_OK) return status;

    struct kz_machine *machine = kz_replay_machine();
    status = apply_all(replay, feed, machine, error);
    kz_feed_stop(feed);
    if (status != KZ_OK) {
        kz_machine_destroy(machine);
        return status;
    }
    *out_machine = machine;
    return KZ_OK;
}
