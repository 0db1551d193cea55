/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about applications, queues, territories and kindergartens. None changes anything. */
#include "statemachine/rules/rules.h"

#include <string.h>

#define BATCH 256

static int32_t last_day_of(const struct kz_machine *machine,
                           const struct kz_application *application)
{
    return application->state == KZ_CALLED ? kz_bulletin_at(machine, application->held)->last_day
                                           : application->last_day;
}

bool kz_machine_application(const struct kz_machine *machine, uint64_t number,
                            struct kz_application_view *out_view)
{
    uint32_t slot = kz_number_find(machine, number);
    if (slot == KZ_NO_SLOT) return false;

    const struct kz_application *application = kz_application_at(machine, slot);
    struct kz_application_view view = {
        .number = number,
        .queue = kz_queue_at(machine, application->queue)->id,
        .category = application->category,
        .state = application->state,
        .owed = (application->flags & KZ_FLAG_OWED) != 0,
        .applied_at = application->applied_at,
        .position = kz_queue_position(machine, slot),
        .unused = application->unused,
        .by_grant = (application->flags & KZ_FLAG_BY_GRANT) != 0,
        .last_day = last_day_of(machine, application),
    };
    memcpy(view.child, application->child, KZ_ID_SIZE);
    if (application->state == KZ_CALLED)
        view.bulletin = kz_bulletin_at(machine, application->held)->index;
    if (application->state == KZ_REFERRED) {
        const struct kz_place *place = kz_place_at(machine, application->held);
        view.referral = application->since;
        view.kindergarten = kz_kindergarten_at(machine, place->kindergarten)->number;
    }
    *out_view = view;
    return true;
}

uint64_t kz_machine_next_application(const struct kz_machine *machine, uint64_t after)
{
    uint32_t slot = kz_number_rank(machine, after);
    return slot < machine->applications.used ? kz_application_at(machine, slot)->number : 0;
}

bool kz_machine_queue(const struct kz_machine *machine, struct kz_queue_id id,
                      struct kz_queue_view *out_view)
{
    uint32_t slot = kz_queue_find(machine, id);
    if (slot == KZ_NO_SLOT) return false;

    const struct kz_queue *queue = kz_queue_at(machine, slot);
    *out_view = (struct kz_queue_view){
        .id = id,
        .owed = queue->waiting[KZ_OWED].count,
        .out_of_turn = queue->waiting[KZ_OUT_OF_TURN].count,
        .first_priority = queue->waiting[KZ_FIRST_PRIORITY].count,
        .general = queue->waiting[KZ_GENERAL].count,
        .cycle = queue->cycle,
        .calls_due = queue->calls_due,
        .open_places = queue->open < UINT32_MAX ? (uint32_t)queue->open : UINT32_MAX,
    };
    return true;
}

uint32_t kz_machine_queue_order(const struct kz_machine *machine, struct kz_queue_id id,
                                uint32_t first, uint64_t *out_numbers, uint32_t capacity)
{
    struct kz_rank_key keys[BATCH];
    uint32_t slot = kz_queue_find(machine, id);
    uint32_t count = 0;
    uint32_t read = 1;
    if (slot == KZ_NO_SLOT || first == 0) return 0;

    while (count < capacity && read > 0) {
        uint32_t wanted = capacity - count < BATCH ? capacity - count : BATCH;
        read = kz_queue_order(machine, kz_queue_at(machine, slot), first + count, keys, wanted);
        for (uint32_t i = 0; i < read; i++)
            out_numbers[count + i] = keys[i].number;
        count += read;
    }
    return count;
}

bool kz_machine_next_queue(const struct kz_machine *machine, const struct kz_queue_id *after,
                           struct kz_queue_id *out_id)
{
    uint32_t rank = 0;
    if (after != NULL) {
        struct kz_rank_key next = {after->territory, kz_year_and_kind(*after) + 1, 0};
        rank = kz_ranked_rank(machine->orders, &machine->queue_order, next);
    }
    if (rank >= machine->queue_order.count) return false;

    struct kz_rank_key key = kz_ranked_at(machine->orders, &machine->queue_order, rank);
    *out_id = kz_queue_at(machine, key.slot)->id;
    return true;
}

static struct kz_text text_of(const struct kz_name *name)
{
    return (struct kz_text){name->bytes, name->size};
}

bool kz_machine_territory(const struct kz_machine *machine, uint32_t number,
                          struct kz_territory_fields *out_territory,
                          struct kz_policy_fields *out_policy)
{
    uint32_t slot = kz_territory_find(machine, number);
    if (slot == KZ_NO_SLOT) return false;

    const struct kz_territory *territory = kz_territory_at(machine, slot);
    *out_territory = (struct kz_territory_fields){number, text_of(&territory->name),
                                                  territory->utc_offset_minutes};
    *out_policy = territory->policy;
    return true;
}

bool kz_machine_kindergarten(const struct kz_machine *machine, uint32_t number,
                             struct kz_kindergarten_fields *out_kindergarten)
{
    uint32_t slot = kz_kindergarten_find(machine, number);
    if (slot == KZ_NO_SLOT) return false;

    const struct kz_kindergarten *kindergarten = kz_kindergarten_at(machine, slot);
    *out_kindergarten = (struct kz_kindergarten_fields){
        number, kz_territory_at(machine, kindergarten->territory)->number,
        text_of(&kindergarten->name), kindergarten->open};
    return true;
}

static uint32_t next_number(const struct kz_machine *machine, const struct kz_ranked *order,
                            uint32_t after)
{
    if (after == UINT32_MAX) return 0;
    uint32_t rank = kz_ranked_rank(machine->orders, order, (struct kz_rank_key){0, after + 1, 0});
    return rank < order->count ? kz_ranked_at(machine->orders, order, rank).number : 0;
}

uint32_t kz_machine_next_territory(const struct kz_machine *machine, uint32_t after)
{
    return next_number(machine, &machine->territory_order, after);
}

uint32_t kz_machine_next_kindergarten(const struct kz_machine *machine, uint32_t after)
{
    return next_number(machine, &machine->kindergarten_order, after);
}

void kz_machine_figures(const struct kz_machine *machine, struct kz_machine_figures *out_figures)
{
    uint64_t waiting = 0;
    for (uint32_t slot = 0; slot < machine->queues.used; slot++)
        waiting += kz_waiting_count(kz_queue_at(machine, slot));

    *out_figures = (struct kz_machine_figures){
        .applications = machine->applications.count,
        .waiting = waiting,
        .requests = machine->requests.count,
        .bytes = machine->allocated,
        .application_bytes =
            kz_table_bytes(&machine->applications) + kz_index_bytes(&machine->child_index) +
            kz_table_bytes(&machine->numbers) + kz_ranked_pool_bytes(machine->ranks),
        .request_bytes =
            kz_table_bytes(&machine->requests) + kz_index_bytes(&machine->request_index),
    };
}
