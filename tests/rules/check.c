/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rules/check.h"

#include "statemachine/rules/rules.h"

#include <stdlib.h>

static void add(struct kz_hash128 *sum, struct kz_hash128 hash)
{
    sum->low += hash.low;
    sum->high += hash.high + (sum->low < hash.low);
}

static void add_table(const struct kz_machine *machine, const struct kz_table *table,
                      enum kz_object object, struct kz_hash128 *sum)
{
    for (uint32_t slot = 0; slot < table->used; slot++)
        add(sum, kz_digest_of(machine, object, slot));
}

static const char *check_digest(const struct kz_machine *machine)
{
    struct kz_hash128 sum = {0, 0};
    add_table(machine, &machine->territories, KZ_OBJECT_TERRITORY, &sum);
    add_table(machine, &machine->kindergartens, KZ_OBJECT_KINDERGARTEN, &sum);
    add_table(machine, &machine->actors, KZ_OBJECT_ACTOR, &sum);
    add_table(machine, &machine->applications, KZ_OBJECT_APPLICATION, &sum);
    add_table(machine, &machine->queues, KZ_OBJECT_QUEUE, &sum);
    add_table(machine, &machine->places, KZ_OBJECT_PLACE, &sum);
    for (uint32_t slot = 0; slot < machine->queues.used; slot++) {
        uint32_t bulletin = kz_queue_at(machine, slot)->oldest;
        for (; bulletin != KZ_NO_SLOT; bulletin = kz_bulletin_at(machine, bulletin)->newer)
            add(&sum, kz_digest_of(machine, KZ_OBJECT_BULLETIN, bulletin));
    }
    for (uint32_t slot = 0; slot < machine->places.used; slot++) {
        uint32_t share = kz_place_at(machine, slot)->oldest;
        for (; share != KZ_NO_SLOT; share = kz_share_at(machine, share)->newer)
            add(&sum, kz_digest_of(machine, KZ_OBJECT_SHARE, share));
    }
    for (int32_t date = KZ_DATE_MIN; date <= KZ_DATE_MAX; date++)
        add(&sum, kz_digest_of_day(machine, date));
    for (uint32_t slot = machine->oldest_request; slot != KZ_NO_SLOT;) {
        add(&sum, kz_digest_of_request(kz_request_at(machine, slot)));
        slot = kz_request_at(machine, slot)->newer;
    }
    bool equal = sum.low == machine->sum_low && sum.high == machine->sum_high;
    return equal ? NULL : "the digest is not the sum of what there is";
}

/* Counts of what stands in each set, to be compared with the sets' own. */
struct counts {
    uint64_t waiting;
    uint64_t called;
    uint64_t referred;
    uint64_t paused;
    uint64_t live;
};

static bool stands_in(const struct kz_ranked_pool *pool, const struct kz_ranked *set,
                      struct kz_rank_key key)
{
    uint32_t rank = kz_ranked_rank(pool, set, key);
    if (rank >= set->count) return false;
    struct kz_rank_key found = kz_ranked_at(pool, set, rank);
    return found.applied_at == key.applied_at && found.number == key.number &&
           found.slot == key.slot;
}

/* state.h's invariant 3. */
static bool stands_where_it_should(const struct kz_machine *machine, uint32_t slot,
                                   struct counts *counts)
{
    const struct kz_application *it = kz_application_at(machine, slot);
    const struct kz_queue *queue = kz_queue_at(machine, it->queue);
    const struct kz_territory *territory = kz_territory_at(machine, queue->territory);
    bool owed = (it->flags & KZ_FLAG_OWED) != 0;
    struct kz_rank_key by_day = {it->last_day, it->number, slot};
    struct kz_rank_key by_grant = {it->since, it->number, slot};

    counts->live += it->state != KZ_ENROLLED && it->state != KZ_WITHDRAWN;
    if (owed && it->state != KZ_WAITING) return false;
    if (it->marks != 0 || kz_number_find(machine, it->number) != slot) return false;
    switch (it->state) {
    case KZ_WAITING:
        counts->waiting++;
        return stands_in(machine->ranks, &queue->waiting[owed ? KZ_OWED : it->category],
                         kz_queue_key(it, slot));
    case KZ_CALLED:
        counts->called++;
        return kz_bulletin_at(machine, it->held)->queue == it->queue &&
               stands_in(machine->orders, &kz_bulletin_at(machine, it->held)->grants, by_grant);
    case KZ_REFERRED:
        counts->referred++;
        return stands_in(machine->orders, &territory->referrals, by_day);
    case KZ_PAUSED: counts->paused++; return stands_in(machine->orders, &territory->pauses, by_day);
    default: return true;
    }
}

static const char *check_bulletin(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    uint64_t waited_for = (uint64_t)bulletin->grants.count + bulletin->calls_due;
    uint64_t free = 0;
    for (uint32_t share = bulletin->first_share; share != KZ_NO_SLOT;) {
        free += kz_share_at(machine, share)->free;
        share = kz_share_at(machine, share)->next;
    }
    if (free != bulletin->free) return "a bulletin's free places are not its shares'";
    if (waited_for > free) return "more grants and calls due than free places";
    if (bulletin->stage == KZ_PUBLISHED && waited_for > 0) return "calls before the morning";
    if (bulletin->stage == KZ_PRIORITY && waited_for == 0) return "nobody is waited for (R25a)";
    if (bulletin->stage == KZ_ENDED) return "an ended bulletin stays";
    return NULL;
}

static const char *check_queues(const struct kz_machine *machine, struct counts *found)
{
    uint32_t calling = 0;
    for (uint32_t slot = 0; slot < machine->queues.used; slot++) {
        const struct kz_queue *queue = kz_queue_at(machine, slot);
        uint32_t calls_due = 0;
        for (uint32_t at = queue->oldest; at != KZ_NO_SLOT;) {
            const struct kz_bulletin *bulletin = kz_bulletin_at(machine, at);
            const char *wrong = check_bulletin(machine, at);
            if (wrong != NULL) return wrong;
            found->called += bulletin->grants.count;
            calls_due += bulletin->calls_due;
            at = bulletin->newer;
        }
        found->waiting += kz_waiting_count(queue);
        calling += calls_due > 0;
        if (calls_due != queue->calls_due) return "a queue's calls due are not its bulletins'";
        if (calls_due > 0 && kz_waiting_count(queue) == 0) return "calls due and nobody waits";
    }
    return calling == machine->calling.count ? NULL : "the calling queues are not those";
}

static const char *check_sets(const struct kz_machine *machine)
{
    struct counts counted = {0};
    struct counts found = {0};
    for (uint32_t slot = 0; slot < machine->applications.used; slot++)
        if (!stands_where_it_should(machine, slot, &counted))
            return "an application does not stand where its state says";
    const char *wrong = check_queues(machine, &found);
    if (wrong != NULL) return wrong;
    for (uint32_t slot = 0; slot < machine->territories.used; slot++) {
        found.referred += kz_territory_at(machine, slot)->referrals.count;
        found.paused += kz_territory_at(machine, slot)->pauses.count;
    }
    if (counted.waiting != found.waiting) return "the queues hold others than the waiting";
    if (counted.called != found.called) return "bulletins hold others than the called";
    if (counted.referred != found.referred) return "territories hold others than the referred";
    if (counted.paused != found.paused) return "territories hold others than the paused";
    if (counted.live != machine->child_index.count) return "the children are not the live ones";
    return NULL;
}

/* R8: a position is the place in the order of calling. */
static const char *check_positions(const struct kz_machine *machine)
{
    struct kz_queue_id id = {0, 0, 0};
    for (bool is_there = kz_machine_next_queue(machine, NULL, &id); is_there;
         is_there = kz_machine_next_queue(machine, &id, &id)) {
        uint64_t number = 0;
        for (uint32_t position = 1; kz_machine_queue_order(machine, id, position, &number, 1) == 1;
             position++) {
            struct kz_application_view view;
            if (!kz_machine_application(machine, number, &view) || view.position != position)
                return "the order of calling is not the order of positions";
        }
    }
    return NULL;
}

/* Places in, places out: none is in two counts, none is open in a queue's sum alone. */
static const char *check_open(const struct kz_machine *machine)
{
    for (uint32_t slot = 0; slot < machine->queues.used; slot++) {
        uint64_t open = 0;
        for (uint32_t at = 0; at < machine->places.used; at++) {
            const struct kz_place *place = kz_place_at(machine, at);
            if (place->queue == slot) open += place->open;
        }
        if (open != kz_queue_at(machine, slot)->open) return "a queue's open places are others";
    }
    return NULL;
}

const char *kz_check(const struct kz_machine *machine)
{
    const char *wrong = check_digest(machine);
    if (wrong == NULL) wrong = check_sets(machine);
    if (wrong == NULL) wrong = check_positions(machine);
    if (wrong == NULL) wrong = check_open(machine);
    return wrong;
}
