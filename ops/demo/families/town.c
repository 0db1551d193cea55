/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/demo/families/town.h"

#include <stdlib.h>
#include <string.h>

unsigned town_queue(uint16_t birth_year, uint8_t kind)
{
    return ((unsigned)(birth_year - TOWN_YEAR_FIRST) * 2 + kind) % TOWN_QUEUES;
}

struct child *town_child(struct town *town, uint64_t number)
{
    if (number >= town->child_capacity || town->children[number].stage == CHILD_NONE) return NULL;
    return &town->children[number];
}

static bool add_child(struct town *town, uint64_t number, unsigned queue)
{
    if (number >= town->child_capacity) {
        uint64_t capacity = town->child_capacity == 0 ? 1 << 17 : 2 * town->child_capacity;
        while (capacity <= number)
            capacity *= 2;
        struct child *children = realloc(town->children, capacity * sizeof *children);
        if (children == NULL) return false;
        memset(children + town->child_capacity, 0,
               (capacity - town->child_capacity) * sizeof *children);
        town->children = children;
        town->child_capacity = capacity;
    }
    town->children[number] = (struct child){(uint16_t)queue, CHILD_WAITS};
    return true;
}

static void add_places(struct town *town, const struct kz_places_fields *report)
{
    if (report->kindergarten >= TOWN_KINDERGARTENS) return;

    unsigned queue = town_queue(report->birth_year, report->kind);
    town->free_places[queue][report->kindergarten] += (uint32_t)report->places;
    town->free_in_queue[queue] += (uint32_t)report->places;
}

static void take_place(struct town *town, const struct kz_claim_fields *claim)
{
    struct child *child = town_child(town, claim->application);
    if (child == NULL || claim->kindergarten >= TOWN_KINDERGARTENS) return;

    child->stage = CHILD_HAS_PLACE;
    if (town->free_places[child->queue][claim->kindergarten] == 0) return;
    town->free_places[child->queue][claim->kindergarten]--;
    town->free_in_queue[child->queue]--;
}

bool town_learn(struct town *town, uint64_t index, const struct kz_entry *entry)
{
    struct child *child;

    switch (entry->type) {
    case KZ_APPLICATION:
        return add_child(town, index,
                         town_queue(entry->application.birth_year, entry->application.kind));
    case KZ_VACANCY: add_places(town, &entry->places); return true;
    case KZ_CLAIM: take_place(town, &entry->claim); return true;
    case KZ_GRANT:
        child = town_child(town, entry->grant.application);
        if (child != NULL) child->stage = CHILD_CALLED;
        return true;
    default: return true;
    }
}

uint32_t town_choose(const struct town *town, unsigned queue, uint64_t draw)
{
    if (town->free_in_queue[queue] == 0) return 0;

    uint32_t first = (uint32_t)(draw % TOWN_KINDERGARTENS);
    for (uint32_t i = 0; i < TOWN_KINDERGARTENS; i++) {
        uint32_t kindergarten = (first + i) % TOWN_KINDERGARTENS;
        if (town->free_places[queue][kindergarten] > 0) return kindergarten;
    }
    return 0;
}

void town_finish(struct town *town)
{
    free(town->children);
    *town = (struct town){0};
}
