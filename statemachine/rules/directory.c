/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and making territories, kindergartens, actors, queues and places by their public numbers:
 * a hash index each, and a ranked set where they are walked in order. */
#include "statemachine/rules/rules.h"

#define FEW_SHIFT  6  /* 64 records a segment: territories, actors */
#define MANY_SHIFT 10 /* kindergartens, queues, places, bulletins, shares */

static uint64_t hash_number(const struct kz_machine *machine, uint32_t number)
{
    return kz_hash64(&number, sizeof number, machine->seed);
}

static uint64_t hash_pair(const struct kz_machine *machine, uint32_t first, uint32_t second)
{
    uint32_t pair[2] = {first, second};
    return kz_hash64(pair, sizeof pair, machine->seed);
}

static uint64_t hash_queue(const struct kz_machine *machine, struct kz_queue_id id)
{
    return hash_pair(machine, id.territory, kz_year_and_kind(id));
}

void kz_directory_init(struct kz_machine *machine)
{
    const struct kz_allocator *allocator = &machine->allocator;

    kz_table_init(&machine->territories, allocator, sizeof(struct kz_territory), FEW_SHIFT);
    kz_table_init(&machine->kindergartens, allocator, sizeof(struct kz_kindergarten), MANY_SHIFT);
    kz_table_init(&machine->actors, allocator, sizeof(struct kz_actor), FEW_SHIFT);
    kz_table_init(&machine->queues, allocator, sizeof(struct kz_queue), MANY_SHIFT);
    kz_table_init(&machine->places, allocator, sizeof(struct kz_place), MANY_SHIFT);
    kz_table_init(&machine->bulletins, allocator, sizeof(struct kz_bulletin), MANY_SHIFT);
    kz_table_init(&machine->shares, allocator, sizeof(struct kz_share), MANY_SHIFT);
    kz_index_init(&machine->territory_index, allocator);
    kz_index_init(&machine->kindergarten_index, allocator);
    kz_index_init(&machine->actor_index, allocator);
    kz_index_init(&machine->queue_index, allocator);
    kz_index_init(&machine->place_index, allocator);
}

void kz_directory_finish(struct kz_machine *machine)
{
    kz_index_finish(&machine->place_index);
    kz_index_finish(&machine->queue_index);
    kz_index_finish(&machine->actor_index);
    kz_index_finish(&machine->kindergarten_index);
    kz_index_finish(&machine->territory_index);
    kz_table_finish(&machine->shares);
    kz_table_finish(&machine->bulletins);
    kz_table_finish(&machine->places);
    kz_table_finish(&machine->queues);
    kz_table_finish(&machine->actors);
    kz_table_finish(&machine->kindergartens);
    kz_table_finish(&machine->territories);
}

uint32_t kz_territory_find(const struct kz_machine *machine, uint32_t number)
{
    struct kz_index_search search =
        kz_index_look(&machine->territory_index, hash_number(machine, number));
    uint32_t slot = kz_index_next(&search);
    while (slot != KZ_NO_SLOT && kz_territory_at(machine, slot)->number != number)
        slot = kz_index_next(&search);
    return slot;
}

uint32_t kz_kindergarten_find(const struct kz_machine *machine, uint32_t number)
{
    struct kz_index_search search =
        kz_index_look(&machine->kindergarten_index, hash_number(machine, number));
    uint32_t slot = kz_index_next(&search);
    while (slot != KZ_NO_SLOT && kz_kindergarten_at(machine, slot)->number != number)
        slot = kz_index_next(&search);
    return slot;
}

uint32_t kz_actor_find(const struct kz_machine *machine, uint32_t number)
{
    struct kz_index_search search =
        kz_index_look(&machine->actor_index, hash_number(machine, number));
    uint32_t slot = kz_index_next(&search);
    while (slot != KZ_NO_SLOT && kz_actor_at(machine, slot)->number != number)
        slot = kz_index_next(&search);
    return slot;
}

uint32_t kz_queue_find(const struct kz_machine *machine, struct kz_queue_id id)
{
    struct kz_index_search search = kz_index_look(&machine->queue_index, hash_queue(machine, id));
    uint32_t slot = kz_index_next(&search);
    for (; slot != KZ_NO_SLOT; slot = kz_index_next(&search)) {
        struct kz_queue_id found = kz_queue_at(machine, slot)->id;
        if (found.territory == id.territory && found.birth_year == id.birth_year &&
            found.kind == id.kind)
            break;
    }
    return slot;
}

uint32_t kz_place_find(const struct kz_machine *machine, uint32_t kindergarten, uint32_t queue)
{
    struct kz_index_search search =
        kz_index_look(&machine->place_index, hash_pair(machine, kindergarten, queue));
    uint32_t slot = kz_index_next(&search);
    for (; slot != KZ_NO_SLOT; slot = kz_index_next(&search)) {
        const struct kz_place *place = kz_place_at(machine, slot);
        if (place->kindergarten == kindergarten && place->queue == queue) break;
    }
    return slot;
}

uint32_t kz_territory_add(struct kz_machine *machine, uint32_t number)
{
    uint32_t slot = kz_table_add(&machine->territories);
    struct kz_territory *territory = kz_territory_at(machine, slot);

    kz_digest_touch(machine, KZ_OBJECT_TERRITORY, slot, &territory->marks);
    territory->number = number;
    territory->last_publish = KZ_DATE_NEVER;
    territory->last_morning = KZ_DATE_NEVER;
    kz_index_add(&machine->territory_index, hash_number(machine, number), slot);
    kz_ranked_insert(machine->orders, &machine->territory_order,
                     (struct kz_rank_key){0, number, slot});
    return slot;
}

uint32_t kz_kindergarten_add(struct kz_machine *machine, uint32_t number, uint32_t territory)
{
    uint32_t slot = kz_table_add(&machine->kindergartens);
    struct kz_kindergarten *kindergarten = kz_kindergarten_at(machine, slot);

    kz_digest_touch(machine, KZ_OBJECT_KINDERGARTEN, slot, &kindergarten->marks);
    kindergarten->number = number;
    kindergarten->territory = territory;
    kz_index_add(&machine->kindergarten_index, hash_number(machine, number), slot);
    kz_ranked_insert(machine->orders, &machine->kindergarten_order,
                     (struct kz_rank_key){0, number, slot});
    return slot;
}

uint32_t kz_actor_add(struct kz_machine *machine, uint32_t number)
{
    uint32_t slot = kz_table_add(&machine->actors);
    struct kz_actor *actor = kz_actor_at(machine, slot);

    kz_digest_touch(machine, KZ_OBJECT_ACTOR, slot, &actor->marks);
    actor->number = number;
    kz_index_add(&machine->actor_index, hash_number(machine, number), slot);
    return slot;
}

uint32_t kz_queue_of(struct kz_machine *machine, uint32_t territory, uint16_t birth_year,
                     uint8_t kind)
{
    uint32_t number = kz_territory_at(machine, territory)->number;
    struct kz_queue_id id = {number, birth_year, kind};
    uint32_t slot = kz_queue_find(machine, id);
    if (slot != KZ_NO_SLOT) return slot;

    slot = kz_table_add(&machine->queues);
    struct kz_queue *queue = kz_queue_at(machine, slot);
    queue->id = id;
    queue->territory = territory;
    queue->oldest = KZ_NO_SLOT;
    queue->newest = KZ_NO_SLOT;
    kz_index_add(&machine->queue_index, hash_queue(machine, id), slot);
    kz_ranked_insert(machine->orders, &machine->queue_order,
                     (struct kz_rank_key){number, kz_year_and_kind(id), slot});
    return slot;
}

uint32_t kz_place_of(struct kz_machine *machine, uint32_t kindergarten, uint16_t birth_year,
                     uint8_t kind)
{
    const struct kz_kindergarten *owner = kz_kindergarten_at(machine, kindergarten);
    uint32_t queue = kz_queue_of(machine, owner->territory, birth_year, kind);
    uint32_t slot = kz_place_find(machine, kindergarten, queue);
    if (slot != KZ_NO_SLOT) return slot;

    slot = kz_table_add(&machine->places);
    struct kz_place *place = kz_place_at(machine, slot);
    place->kindergarten = kindergarten;
    place->queue = queue;
    place->oldest = KZ_NO_SLOT;
    place->newest = KZ_NO_SLOT;
    kz_index_add(&machine->place_index, hash_pair(machine, kindergarten, queue), slot);
    uint32_t year_and_kind = kz_year_and_kind(kz_queue_at(machine, queue)->id);
    kz_ranked_insert(machine->orders, &kz_territory_at(machine, owner->territory)->places,
                     (struct kz_rank_key){owner->number, year_and_kind, slot});
    return slot;
}

uint32_t kz_queue_read(const struct kz_machine *machine, uint32_t number, uint32_t skip,
                       struct kz_rank_key *out, uint32_t capacity)
{
    const struct kz_ranked *order = &machine->queue_order;
    uint32_t first = kz_ranked_rank(machine->orders, order, (struct kz_rank_key){number, 0, 0});
    uint32_t end =
        kz_ranked_rank(machine->orders, order, (struct kz_rank_key){number + INT64_C(1), 0, 0});
    uint32_t left = end - first > skip ? end - first - skip : 0;
    return kz_ranked_read(machine->orders, order, first + skip, out,
                          left < capacity ? left : capacity);
}
