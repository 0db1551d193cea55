/* SPDX-License-Identifier: Apache-2.0 */
/* With millions of applications and requests nearly all the time of an entry is spent waiting for
 * memory. So for some entries at once, step by step, what they will look at is asked for:
 *
 * 1. where its request id and its child would stand in their indexes; the word of the number that
 *    the entry names
 * 2. the application of that number
 * 3. where that application's child stands in its index, when the entry may end it */
#include "statemachine/rules/rules.h"

#define GROUP_MAX 32

#define LINE_SIZE 64

/* The empty statement keeps GCC from dropping the calls of functions that do nothing but this. */
static void want(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("" : : "r"(address));
}

/* A home, and the line behind it: what is looked for stands some cells further on. */
static void want_cells(const struct kz_index *index, const struct kz_machine *machine,
                       const uint8_t key[static KZ_ID_SIZE])
{
    struct kz_index_search search = kz_index_look(index, kz_hash64(key, KZ_ID_SIZE, machine->seed));
    want(search.cell);
    want(search.cell + LINE_SIZE / sizeof *search.cell);
}

static void want_application(const struct kz_application *application)
{
    want(application);
    want((const uint8_t *)application + sizeof *application - 1);
}

static bool may_end(enum kz_entry_type type)
{
    return type == KZ_WITHDRAW || type == KZ_ENROL;
}

static void prefetch_group(const struct kz_machine *machine, const struct kz_entry *entries,
                           uint32_t count)
{
    uint64_t numbers[GROUP_MAX];
    uint32_t slots[GROUP_MAX];

    for (uint32_t i = 0; i < count; i++) {
        const struct kz_entry *entry = &entries[i];
        numbers[i] = kz_permission_application(entry);
        if (numbers[i] != 0) kz_number_prefetch(machine, numbers[i]);
        if (kz_request_counts(entry)) want_cells(&machine->request_index, machine, entry->request);
        if (entry->type == KZ_APPLICATION)
            want_cells(&machine->child_index, machine, entry->application.child);
    }
    for (uint32_t i = 0; i < count; i++) {
        slots[i] = numbers[i] == 0 ? KZ_NO_SLOT : kz_number_find(machine, numbers[i]);
        if (slots[i] != KZ_NO_SLOT) want_application(kz_application_at(machine, slots[i]));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] == KZ_NO_SLOT || !may_end(entries[i].type)) continue;
        want_cells(&machine->child_index, machine, kz_application_at(machine, slots[i])->child);
    }
}

void kz_machine_prefetch(const struct kz_machine *machine, const struct kz_entry *entries,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i += GROUP_MAX)
        prefetch_group(machine, entries + i, count - i < GROUP_MAX ? count - i : GROUP_MAX);
}
