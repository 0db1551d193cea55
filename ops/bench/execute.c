/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/execute.h"

#include "statemachine/base/assert.h"

bool execute_group(struct kz_machine *machine, const uint8_t *const *records, const uint32_t *sizes,
                   uint32_t count, uint8_t *out_results)
{
    struct kz_entry entries[EXECUTE_MAX];
    uint64_t next = kz_machine_applied(machine) + 1;
    uint32_t decoded = 0;

    KZ_ASSERT(count <= EXECUTE_MAX);
    while (decoded < count &&
           kz_record_decode(records[decoded], sizes[decoded], &entries[decoded]) == KZ_OK)
        decoded++;
    kz_machine_prefetch(machine, entries, decoded);
    for (uint32_t i = 0; i < decoded; i++) {
        struct kz_outcome outcome;
        if (kz_machine_apply(machine, next + i, &entries[i], &outcome) != KZ_OK) return false;
        out_results[i] = (uint8_t)outcome.result;
    }
    return decoded == count;
}
