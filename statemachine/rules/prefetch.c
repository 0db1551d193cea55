/* SPDX-License-Identifier: Apache-2.0 */
/* With millions of applications and requests nearly all the time of an entry is spent waiting for
 * memory. So for some entries at once, link by link, the records that they name are asked for:
 *
 * 1. the heads of the chains of request id and child
 * 2. the first records of these chains, and the application that the entry names
 * 3. the second records, and the head of that application's child (its chain is walked when it
 * ends)
 * 4. the first record of that one */
#include "statemachine/rules/rules.h"

/* The empty statement keeps GCC from dropping the calls of functions that do nothing but this. */
static void want(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("" : : "r"(address));
}

static void prefetch_slot(const struct kz_table *table, uint32_t slot)
{
    if (slot != KZ_NO_SLOT) want(kz_table_at(table, slot));
}

static void prefetch_chain(const struct kz_index *index, uint64_t hash, int step)
{
    if (step == 1) {
        want(kz_index_place(index, hash));
        return;
    }
    uint32_t slot = kz_index_first(index, hash);
    if (step == 3 && slot != KZ_NO_SLOT) slot = kz_index_next(index, slot);
    if (step <= 3) prefetch_slot(index->records, slot);
}

static void prefetch_application(const struct kz_machine *machine, uint64_t number, int step)
{
    uint32_t slot = kz_number_find(machine, number);
    if (slot == KZ_NO_SLOT || step == 1) return;
    if (step == 2) {
        prefetch_slot(&machine->applications, slot);
        return;
    }
    const struct kz_application *application = kz_application_at(machine, slot);
    uint64_t hash = kz_hash64(application->child, KZ_ID_SIZE, machine->seed);
    prefetch_chain(&machine->child_index, hash, step - 2);
}

static void prefetch_entry(const struct kz_machine *machine, const struct kz_entry *entry, int step)
{
    if (kz_request_counts(entry))
        prefetch_chain(&machine->request_index,
                       kz_hash64(entry->request, KZ_ID_SIZE, machine->seed), step);
    if (entry->type == KZ_APPLICATION)
        prefetch_chain(&machine->child_index,
                       kz_hash64(entry->application.child, KZ_ID_SIZE, machine->seed), step);
    else
        prefetch_application(machine, kz_permission_application(entry), step);
}

void kz_machine_prefetch(const struct kz_machine *machine, const struct kz_entry *entries,
                         uint32_t count)
{
    for (int step = 1; step <= 4; step++)
        for (uint32_t i = 0; i < count; i++)
            prefetch_entry(machine, &entries[i], step);
}
