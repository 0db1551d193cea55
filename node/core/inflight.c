/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/inflight.h"

#include "node/core/memory.h"
#include "statemachine/base/checksum.h"

#include <string.h>

#define RING_SIZE_MIN 1024

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t size = 1;
    while (size < at_least)
        size *= 2;
    return size;
}

void kz_inflight_init(struct kz_inflight *inflight, uint32_t capacity, uint64_t seed)
{
    KZ_ASSERT(capacity > 0 && capacity <= UINT32_C(1) << 24);
    *inflight = (struct kz_inflight){.capacity = capacity, .seed = seed};
    inflight->table_size = power_of_two(2 * capacity);
    size_t table_bytes = inflight->table_size * sizeof(inflight->table[0]);
    inflight->table = kz_memory_resize(NULL, table_bytes);
    memset(inflight->table, 0, table_bytes);
}

void kz_inflight_finish(struct kz_inflight *inflight)
{
    while (inflight->waiters > 0) {
        struct kz_submission *submission = kz_inflight_front(inflight)->submission;
        if (--submission->waiting == 0) free(submission);
        for (struct kz_repeat *repeat = kz_inflight_pop_front(inflight); repeat != NULL;) {
            struct kz_repeat *next = repeat->next;
            if (--repeat->submission->waiting == 0) free(repeat->submission);
            free(repeat);
            repeat = next;
        }
    }
    free(inflight->ring);
    free(inflight->table);
}

struct kz_submission *kz_submission_create(kz_link link, uint64_t tag, uint16_t count)
{
    struct kz_submission *submission = kz_memory_resize(
        NULL, sizeof(*submission) + (size_t)count * sizeof(submission->answers[0]));
    *submission = (struct kz_submission){link, tag, count, count};
    return submission;
}

bool kz_inflight_full(const struct kz_inflight *inflight)
{
    return inflight->waiters + inflight->repeats >= inflight->capacity;
}

/* ---- The table of request ids: linear probing, deletion by shifting back ---- */

static uint32_t home_of(const struct kz_inflight *inflight, const uint8_t *request)
{
    return (uint32_t)kz_hash64(request, KZ_ID_SIZE, inflight->seed) & (inflight->table_size - 1);
}

/* Returns: the slot of REQUEST, or the unused one where it would go. */
static uint32_t slot_of(const struct kz_inflight *inflight, const uint8_t *request)
{
    uint32_t slot = home_of(inflight, request);
    while (inflight->table[slot].used &&
           memcmp(inflight->table[slot].request, request, KZ_ID_SIZE) != 0) {
        slot = (slot + 1) & (inflight->table_size - 1);
    }
    return slot;
}

static struct kz_repeat *forget(struct kz_inflight *inflight, const uint8_t *request)
{
    struct kz_request_slot *table = inflight->table;
    uint32_t mask = inflight->table_size - 1;
    uint32_t hole = slot_of(inflight, request);
    KZ_ASSERT(table[hole].used);

    struct kz_repeat *repeats = table[hole].repeats;
    for (uint32_t next = (hole + 1) & mask; table[next].used; next = (next + 1) & mask) {
        uint32_t home = home_of(inflight, table[next].request);
        if (((next - home) & mask) < ((next - hole) & mask)) continue;
        table[hole] = table[next];
        hole = next;
    }
    table[hole].used = false;
    return repeats;
}

bool kz_inflight_has(const struct kz_inflight *inflight, const uint8_t request[static KZ_ID_SIZE])
{
    return inflight->table[slot_of(inflight, request)].used;
}

void kz_inflight_repeat(struct kz_inflight *inflight, const uint8_t request[static KZ_ID_SIZE],
                        struct kz_submission *submission, uint16_t slot, const uint8_t *record,
                        uint16_t size)
{
    struct kz_request_slot *first = &inflight->table[slot_of(inflight, request)];
    KZ_ASSERT(first->used);

    struct kz_repeat *repeat = kz_memory_resize(NULL, sizeof(*repeat) + size);
    *repeat = (struct kz_repeat){first->repeats, submission, slot, size};
    memcpy(repeat->record, record, size);
    first->repeats = repeat;
    inflight->repeats++;
}

void kz_inflight_repeat_done(struct kz_inflight *inflight)
{
    KZ_ASSERT(inflight->repeats > 0);
    inflight->repeats--;
}

/* ---- The ring ---- */

static struct kz_waiter *waiter_at(const struct kz_inflight *inflight, uint32_t i)
{
    return &inflight->ring[(inflight->front + i) & (inflight->ring_size - 1)];
}

static void grow_ring(struct kz_inflight *inflight)
{
    uint32_t size = inflight->ring_size == 0 ? RING_SIZE_MIN : inflight->ring_size * 2;
    struct kz_waiter *ring = kz_memory_resize(NULL, size * sizeof(*ring));
    for (uint32_t i = 0; i < inflight->waiters; i++)
        ring[i] = *waiter_at(inflight, i);
    free(inflight->ring);
    inflight->ring = ring;
    inflight->ring_size = size;
    inflight->front = 0;
}

void kz_inflight_add(struct kz_inflight *inflight, const struct kz_waiter *waiter)
{
    KZ_ASSERT(inflight->waiters == 0 || kz_inflight_back(inflight)->index < waiter->index);
    if (inflight->waiters == inflight->ring_size) grow_ring(inflight);

    *waiter_at(inflight, inflight->waiters++) = *waiter;
    inflight->actors += waiter->type == KZ_ACTOR;
    if (!waiter->has_request) return;

    KZ_ASSERT(inflight->waiters * 2 <= inflight->table_size);
    struct kz_request_slot *slot = &inflight->table[slot_of(inflight, waiter->request)];
    KZ_ASSERT(!slot->used);
    memcpy(slot->request, waiter->request, KZ_ID_SIZE);
    slot->used = true;
    slot->repeats = NULL;
}

const struct kz_waiter *kz_inflight_front(const struct kz_inflight *inflight)
{
    return inflight->waiters == 0 ? NULL : waiter_at(inflight, 0);
}

const struct kz_waiter *kz_inflight_back(const struct kz_inflight *inflight)
{
    return inflight->waiters == 0 ? NULL : waiter_at(inflight, inflight->waiters - 1);
}

static struct kz_repeat *drop(struct kz_inflight *inflight, const struct kz_waiter *waiter)
{
    inflight->waiters--;
    inflight->actors -= waiter->type == KZ_ACTOR;
    return waiter->has_request ? forget(inflight, waiter->request) : NULL;
}

struct kz_repeat *kz_inflight_pop_front(struct kz_inflight *inflight)
{
    const struct kz_waiter *waiter = waiter_at(inflight, 0);
    inflight->front = (inflight->front + 1) & (inflight->ring_size - 1);
    return drop(inflight, waiter);
}

struct kz_repeat *kz_inflight_pop_back(struct kz_inflight *inflight)
{
    return drop(inflight, waiter_at(inflight, inflight->waiters - 1));
}
