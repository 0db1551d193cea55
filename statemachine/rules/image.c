/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as an image (statemachine/image): the registers below, the calendar, then each table,
 * index and pool. Between two entries nothing is marked, so the lists of work are not saved. */
#include "statemachine/image/image.h"
#include "statemachine/rules/rules.h"

#include <string.h>

#define TAG_REGISTERS 0x3152474dU /* "MGR1" */
#define TAG_CALENDAR  0x314c4143U /* "CAL1" */
#define LAYOUT        4           /* of the records in state.h: another one is not opened */

struct registers {
    uint32_t layout;
    uint32_t oldest_request;
    uint32_t newest_request;
    uint32_t rules;
    uint64_t applied;
    int64_t time;
    uint64_t sum_low;
    uint64_t sum_high;
    struct kz_ranked territory_order;
    struct kz_ranked kindergarten_order;
    struct kz_ranked queue_order;
    struct kz_ranked calling;
};

static const size_t tables[] = {
    offsetof(struct kz_machine, territories), offsetof(struct kz_machine, kindergartens),
    offsetof(struct kz_machine, actors),      offsetof(struct kz_machine, queues),
    offsetof(struct kz_machine, places),      offsetof(struct kz_machine, bulletins),
    offsetof(struct kz_machine, shares),      offsetof(struct kz_machine, applications),
    offsetof(struct kz_machine, requests),    offsetof(struct kz_machine, numbers),
};

static const size_t indexes[] = {
    offsetof(struct kz_machine, territory_index), offsetof(struct kz_machine, kindergarten_index),
    offsetof(struct kz_machine, actor_index),     offsetof(struct kz_machine, queue_index),
    offsetof(struct kz_machine, place_index),     offsetof(struct kz_machine, child_index),
    offsetof(struct kz_machine, request_index),
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

void kz_machine_save(const struct kz_machine *machine, struct kz_image_writer *writer)
{
    const uint8_t *base = (const uint8_t *)machine;
    struct registers registers = {
        .layout = LAYOUT,
        .oldest_request = machine->oldest_request,
        .newest_request = machine->newest_request,
        .rules = machine->rules,
        .applied = machine->applied,
        .time = machine->time,
        .sum_low = machine->sum_low,
        .sum_high = machine->sum_high,
        .territory_order = machine->territory_order,
        .kindergarten_order = machine->kindergarten_order,
        .queue_order = machine->queue_order,
        .calling = machine->calling,
    };

    kz_image_write(writer, TAG_REGISTERS, &registers, sizeof registers);
    kz_image_write(writer, TAG_CALENDAR, machine->calendar, sizeof machine->calendar);
    for (size_t i = 0; i < COUNT(tables); i++)
        kz_table_save((const struct kz_table *)(base + tables[i]), writer);
    for (size_t i = 0; i < COUNT(indexes); i++)
        kz_index_save((const struct kz_index *)(base + indexes[i]), writer);
    kz_ranked_pool_save(machine->ranks, writer);
    kz_ranked_pool_save(machine->orders, writer);
}

static void set_registers(struct kz_machine *machine, const struct registers *registers)
{
    machine->oldest_request = registers->oldest_request;
    machine->newest_request = registers->newest_request;
    machine->rules = registers->rules;
    machine->applied = registers->applied;
    machine->time = registers->time;
    machine->sum_low = registers->sum_low;
    machine->sum_high = registers->sum_high;
    machine->territory_order = registers->territory_order;
    machine->kindergarten_order = registers->kindergarten_order;
    machine->queue_order = registers->queue_order;
    machine->calling = registers->calling;
}

static enum kz_status read_machine(struct kz_machine *machine, struct kz_image_reader *reader)
{
    uint8_t *base = (uint8_t *)machine;
    const struct registers *registers =
        kz_image_read(reader, TAG_REGISTERS, sizeof(struct registers));
    const uint8_t *calendar = kz_image_read(reader, TAG_CALENDAR, sizeof machine->calendar);
    enum kz_status status = reader->status;
    if (status == KZ_OK && registers->layout != LAYOUT) return KZ_NEWER;
    if (status == KZ_OK && registers->rules > kz_rules_known()) return KZ_NEWER;

    for (size_t i = 0; i < COUNT(tables) && status == KZ_OK; i++)
        status = kz_table_open((struct kz_table *)(base + tables[i]), reader);
    for (size_t i = 0; i < COUNT(indexes) && status == KZ_OK; i++)
        status = kz_index_open((struct kz_index *)(base + indexes[i]), reader);
    if (status == KZ_OK) status = kz_ranked_pool_open(machine->ranks, reader);
    if (status == KZ_OK) status = kz_ranked_pool_open(machine->orders, reader);
    if (status != KZ_OK) return status;

    set_registers(machine, registers);
    memcpy(machine->calendar, calendar, sizeof machine->calendar);
    return KZ_OK;
}

enum kz_status kz_machine_open(const struct kz_allocator *allocator, uint64_t seed,
                               struct kz_image_reader *reader, struct kz_machine **out_machine)
{
    struct kz_machine *machine = kz_machine_create(allocator, seed);
    enum kz_status status = read_machine(machine, reader);
    if (status != KZ_OK) {
        kz_machine_destroy(machine);
        return status;
    }
    *out_machine = machine;
    return KZ_OK;
}
