/* SPDX-License-Identifier: Apache-2.0 */
/* What the clock makes due (R4): the entries that a leader is to append now, and when to look
 * again. */
#include "statemachine/rules/rules.h"

#define BATCH 256

/* An entry stamped now is never before the last one (R1). */
static int64_t stamp(const struct kz_machine *machine, int64_t now)
{
    return now > machine->time ? now : machine->time;
}

static struct kz_territory *territory_at_rank(const struct kz_machine *machine, uint32_t rank)
{
    struct kz_rank_key key = kz_ranked_at(machine->orders, &machine->territory_order, rank);
    return kz_territory_at(machine, key.slot);
}

/* The morning's hour comes before the evening's, so where both are due, after a night without a
 * leader, the morning goes first: places that lapse in it are published with the evening's. */
static uint32_t due_in_territory(const struct kz_territory *territory, int64_t time,
                                 struct kz_entry *out_entries, uint32_t capacity)
{
    int32_t date = kz_local_date(time, territory->utc_offset_minutes);
    struct kz_clock_fields fields = {territory->number, date};
    uint32_t count = 0;
    if (date < KZ_DATE_MIN || date > KZ_DATE_MAX) return 0;

    if (count < capacity && kz_morning_is_due(territory, time, date))
        out_entries[count++] = (struct kz_entry){KZ_MORNING, .time = time, .clock = fields};
    if (count < capacity && kz_publish_is_due(territory, time, date))
        out_entries[count++] = (struct kz_entry){KZ_PUBLISH, .time = time, .clock = fields};
    return count;
}

/* Hands out a queue's calls: in the order of its positions, to the oldest bulletin that has calls
 * due. */
static uint32_t due_in_queue(const struct kz_machine *machine, const struct kz_queue *queue,
                             int64_t time, struct kz_entry *out_entries, uint32_t capacity)
{
    struct kz_rank_key keys[BATCH];
    uint32_t calls = queue->calls_due < capacity ? queue->calls_due : capacity;
    uint32_t bulletin = KZ_NO_SLOT;
    uint32_t left = 0; /* calls due in that bulletin */
    uint32_t count = 0;

    while (count < calls) {
        uint32_t wanted = calls - count < BATCH ? calls - count : BATCH;
        uint32_t read = kz_queue_order(machine, queue, count + 1, keys, wanted);
        if (read == 0) break;
        for (uint32_t i = 0; i < read; i++, left--) {
            while (left == 0) {
                bulletin = bulletin == KZ_NO_SLOT ? queue->oldest
                                                  : kz_bulletin_at(machine, bulletin)->newer;
                left = kz_bulletin_at(machine, bulletin)->calls_due;
            }
            struct kz_grant_fields fields = {keys[i].number,
                                             kz_bulletin_at(machine, bulletin)->index};
            out_entries[count++] = (struct kz_entry){KZ_GRANT, .time = time, .grant = fields};
        }
    }
    return count;
}

uint32_t kz_machine_due(const struct kz_machine *machine, int64_t now, struct kz_entry *out_entries,
                        uint32_t capacity)
{
    int64_t time = stamp(machine, now);
    uint32_t count = 0;
    for (uint32_t rank = 0; rank < machine->territory_order.count; rank++)
        count += due_in_territory(territory_at_rank(machine, rank), time, out_entries + count,
                                  capacity - count);
    if (count > 0) return count;

    for (uint32_t rank = 0; rank < machine->calling.count && count < capacity; rank++) {
        struct kz_rank_key key = kz_ranked_at(machine->orders, &machine->calling, rank);
        count += due_in_queue(machine, kz_queue_at(machine, key.slot), time, out_entries + count,
                              capacity - count);
    }
    return count;
}

/* Returns: the first time ≥ TIME at which the local clock shows MINUTES on a date after LAST. */
static int64_t next_instant(const struct kz_territory *territory, int64_t time, int32_t minutes,
                            int32_t last)
{
    int32_t offset = territory->utc_offset_minutes;
    int32_t date = kz_local_date(time, offset);
    if (last != KZ_DATE_NEVER && date <= last) date = last + 1;
    if (date < KZ_DATE_MIN) date = KZ_DATE_MIN;
    if (date > KZ_DATE_MAX) return INT64_MAX;

    int64_t instant = kz_local_instant(date, minutes, offset);
    return instant > time ? instant : time;
}

int64_t kz_machine_next_due(const struct kz_machine *machine, int64_t now)
{
    int64_t time = stamp(machine, now);
    int64_t next = INT64_MAX;
    for (uint32_t rank = 0; rank < machine->territory_order.count; rank++) {
        const struct kz_territory *territory = territory_at_rank(machine, rank);
        int64_t evening =
            next_instant(territory, time, territory->policy.evening, territory->last_publish);
        int64_t morning =
            next_instant(territory, time, territory->policy.morning, territory->last_morning);
        if (evening < next) next = evening;
        if (morning < next) next = morning;
    }
    return next;
}
