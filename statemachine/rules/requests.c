/* SPDX-License-Identifier: Apache-2.0 */
/* R29: repeats. Remembered requests stand in a hash index by id, and in a list by age.
 *
 *   oldest → … → newest      (times never fall along the list)
 *
 * Each entry forgets at most FORGET_A_TIME of those that are too old, so that no entry pays for a
 * whole day's; whether a remembered one still counts is judged by its time alone. */
#include "statemachine/base/bytes.h"
#include "statemachine/base/canary.h"
#include "statemachine/rules/rules.h"

#include <string.h>

#define REMEMBERED_MS (400 * KZ_MS_PER_DAY)
#define FORGET_A_TIME 2
#define TABLE_SHIFT   12

static uint64_t hash_of(const struct kz_machine *machine, const uint8_t id[static KZ_ID_SIZE])
{
    return kz_hash64(id, KZ_ID_SIZE, machine->seed);
}

void kz_request_init(struct kz_machine *machine)
{
    kz_table_init(&machine->requests, &machine->allocator, sizeof(struct kz_request), TABLE_SHIFT);
    kz_index_init(&machine->request_index, &machine->allocator);
    machine->oldest_request = KZ_NO_SLOT;
    machine->newest_request = KZ_NO_SLOT;
}

void kz_request_finish(struct kz_machine *machine)
{
    kz_index_finish(&machine->request_index);
    kz_table_finish(&machine->requests);
}

/* Type and fields, a missing applied_at told from any value: the record but for time, request id
 * and actor, which stand between its first four bytes and its fields. */
static struct kz_hash128 hash_of_record(const uint8_t *record, size_t size)
{
    KZ_ASSERT(size >= KZ_RECORD_HEADER_SIZE);
    return kz_hash128_seeded(record + KZ_RECORD_HEADER_SIZE, size - KZ_RECORD_HEADER_SIZE,
                             kz_get_u32(record));
}

static struct kz_hash128 hash_of_entry(const struct kz_entry *entry)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_record_encode(entry, record, sizeof record);
    return hash_of_record(record, size);
}

static void fingerprint(const struct kz_entry *entry, uint8_t out[static KZ_FINGERPRINT_SIZE])
{
    struct kz_hash128 hash = entry->record == NULL
                                 ? hash_of_entry(entry)
                                 : hash_of_record(entry->record, entry->record_size);
    uint8_t bytes[KZ_ID_SIZE];
    kz_put_u64(bytes, hash.low);
    kz_put_u64(bytes + 8, hash.high);
    memcpy(out, bytes, KZ_FINGERPRINT_SIZE);
}

static bool counts(const struct kz_request *request, int64_t now)
{
    if (kz_canary(KZ_CANARY_REQUEST_FORGOTTEN)) return now - request->time <= KZ_MS_PER_DAY / 24;
    return now - request->time <= REMEMBERED_MS;
}

/* Returns: the slot of the request that still counts at time NOW, or KZ_NO_SLOT. */
static uint32_t find(const struct kz_machine *machine, const uint8_t id[static KZ_ID_SIZE],
                     int64_t now)
{
    struct kz_index_search search = kz_index_look(&machine->request_index, hash_of(machine, id));
    uint32_t slot = kz_index_next(&search);
    for (; slot != KZ_NO_SLOT; slot = kz_index_next(&search)) {
        const struct kz_request *request = kz_request_at(machine, slot);
        if (memcmp(request->id, id, KZ_ID_SIZE) == 0 && counts(request, now)) break;
    }
    return slot;
}

void kz_request_forget(struct kz_machine *machine, int64_t now)
{
    for (int i = 0; i < FORGET_A_TIME && machine->oldest_request != KZ_NO_SLOT; i++) {
        uint32_t slot = machine->oldest_request;
        const struct kz_request *request = kz_request_at(machine, slot);
        if (now - request->time <= REMEMBERED_MS) return;

        kz_digest_subtract(machine, kz_digest_of_request(request));
        machine->oldest_request = request->newer;
        if (machine->oldest_request == KZ_NO_SLOT) machine->newest_request = KZ_NO_SLOT;
        kz_index_remove(&machine->request_index, hash_of(machine, request->id), slot);
        kz_table_remove(&machine->requests, slot);
    }
}

void kz_request_remember(struct kz_machine *machine, uint32_t index, const struct kz_entry *entry,
                         enum kz_result result)
{
    uint32_t slot = kz_table_add(&machine->requests);
    struct kz_request *request = kz_request_at(machine, slot);
    memcpy(request->id, entry->request, KZ_ID_SIZE);
    request->time = entry->time;
    request->index = index;
    request->newer = KZ_NO_SLOT;
    request->result = (uint8_t)result;
    fingerprint(entry, request->fingerprint);
    kz_index_add(&machine->request_index, hash_of(machine, request->id), slot);
    kz_digest_add(machine, kz_digest_of_request(request));

    if (machine->newest_request == KZ_NO_SLOT)
        machine->oldest_request = slot;
    else
        kz_request_at(machine, machine->newest_request)->newer = slot;
    machine->newest_request = slot;
}

bool kz_request_counts(const struct kz_entry *entry)
{
    return kz_has_request(entry->request) && !kz_type_is_clock(entry->type) &&
           !kz_type_is_cluster(entry->type);
}

bool kz_machine_repeats(const struct kz_machine *machine, const struct kz_entry *entry, int64_t now,
                        struct kz_outcome *out_outcome)
{
    if (!kz_request_counts(entry)) return false;
    uint32_t slot = find(machine, entry->request, now);
    if (slot == KZ_NO_SLOT) return false;

    const struct kz_request *request = kz_request_at(machine, slot);
    uint8_t asked[KZ_FINGERPRINT_SIZE];
    fingerprint(entry, asked);
    bool same = memcmp(asked, request->fingerprint, KZ_FINGERPRINT_SIZE) == 0;
    *out_outcome = same ? (struct kz_outcome){KZ_RESULT_REPEATED, (enum kz_result)request->result,
                                              request->index}
                        : (struct kz_outcome){KZ_RESULT_CONFLICT, KZ_RESULT_CONFLICT, 0};
    return true;
}

bool kz_machine_request(const struct kz_machine *machine, const uint8_t request[static KZ_ID_SIZE],
                        int64_t now, uint64_t *out_index, enum kz_result *out_result)
{
    uint32_t slot = find(machine, request, now);
    if (slot == KZ_NO_SLOT) return false;

    *out_index = kz_request_at(machine, slot)->index;
    *out_result = (enum kz_result)kz_request_at(machine, slot)->result;
    return true;
}
