/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/inflight.h"

#include "node/core/memory.h"
#include "statemachine/base/checksum.h"

#include <string.h>

#define RING_SIZE_MIN 1024

/* ---- The table of request ids: linear probing, deletion by shifting back ---- */

static uint32_t mask_of(const struct kz_inflight *inflight)
{
    return 2 * inflight->ring_size - 1;
}

static uint32_t tag_of(const struct kz_inflight *inflight, const uint8_t *request)
{
    return (uint32_t)kz_hash64(request, KZ_ID_SIZE, inflight->seed);
}

/* Returns: the slot of REQUEST, or the unused one where it would go. */
static uint32_t slot_of(const struct kz_inflight *inflight, const uint8_t *request)
{
    uint32_t tag = tag_of(inflight, request);
    uint32_t slot = tag & mask_of(inflight);
    for (;; slot = (slot + 1) & mask_of(inflight)) {
        const struct kz_request_slot *found = &inflight->table[slot];
        if (found->place == 0) return slot;
        if (found->tag != tag) continue;
        if (memcmp(inflight->ring[found->place - 1].request, request, KZ_ID_SIZE) == 0) return slot;
    }
}

static void remember(struct kz_inflight *inflight, uint32_t place)
{
    const uint8_t *request = inflight->ring[place].request;
    struct kz_request_slot *slot = &inflight->table[slot_of(inflight, request)];
    KZ_ASSERT(slot->place == 0);
    *slot = (struct kz_request_slot){tag_of(inflight, request), place + 1};
}

static void forget(struct kz_inflight *inflight, const uint8_t *request)
{
    struct kz_request_slot *table = inflight->table;
    uint32_t mask = mask_of(inflight);
    uint32_t hole = slot_of(inflight, request);
    KZ_ASSERT(table[hole].place != 0);

    for (uint32_t next = (hole + 1) & mask; table[next].place != 0; next = (next + 1) & mask) {
        uint32_t home = table[next].tag & mask;
        if (((next - home) & mask) < ((next - hole) & mask)) continue;
        table[hole] = table[next];
        hole = next;
    }
    table[hole].place = 0;
}

/* ---- The ring ---- */

static uint32_t place_of(const struct kz_inflight *inflight, uint32_t i)
{
    return (inflight->front + i) & (inflight->ring_size - 1);
}

static struct kz_waiter *waiter_at(const struct kz_inflight *inflight, uint32_t i)
{
    return &inflight->ring[place_of(inflight, i)];
}

static void make_room(struct kz_inflight *inflight, uint32_t ring_size)
{
    struct kz_waiter *ring = kz_memory_resize(NULL, ring_size * sizeof(*ring));
    for (uint32_t i = 0; i < inflight->waiters; i++)
        ring[i] = *waiter_at(inflight, i);
    free(inflight->ring);
    inflight->ring = ring;
    inflight->ring_size = ring_size;
    inflight->front = 0;

    size_t table_bytes = 2 * ring_size * sizeof(inflight->table[0]);
    inflight->table = kz_memory_resize(inflight->table, table_bytes);
    memset(inflight->table, 0, table_bytes);
    for (uint32_t i = 0; i < inflight->waiters; i++)
        if (ring[i].has_request) remember(inflight, i);
}

void kz_inflight_init(struct kz_inflight *inflight, uint32_t capacity, uint64_t seed)
{
    KZ_ASSERT(capacity > 0 && capacity <= UINT32_C(1) << 24);
    *inflight = (struct kz_inflight){.capacity = capacity, .seed = seed};
    make_room(inflight, RING_SIZE_MIN);
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
    struct kz_held_submit *submit;
    while ((submit = kz_held_pop(&inflight->held)) != NULL) {
        submit->submission->waiting -= (uint16_t)kz_held_left(&submit->rest);
        if (submit->submission->waiting == 0) free(submit->submission);
        free(submit);
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

uint32_t kz_inflight_count(const struct kz_inflight *inflight)
{
    return inflight->waiters + inflight->repeats + inflight->held.commands;
}

bool kz_inflight_has(const struct kz_inflight *inflight, const uint8_t request[static KZ_ID_SIZE])
{
    return inflight->table[slot_of(inflight, request)].place != 0;
}

void kz_inflight_repeat(struct kz_inflight *inflight, const uint8_t request[static KZ_ID_SIZE],
                        struct kz_submission *submission, uint16_t slot, const uint8_t *record,
                        uint16_t size)
{
    uint32_t place = inflight->table[slot_of(inflight, request)].place;
    KZ_ASSERT(place != 0);
    struct kz_waiter *first = &inflight->ring[place - 1];

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

void kz_inflight_add(struct kz_inflight *inflight, const struct kz_waiter *waiter)
{
    KZ_ASSERT(inflight->waiters == 0 || kz_inflight_back(inflight)->index < waiter->index);
    if (inflight->waiters == inflight->ring_size) make_room(inflight, inflight->ring_size * 2);

    uint32_t place = place_of(inflight, inflight->waiters++);
    inflight->ring[place] = *waiter;
    inflight->actors += waiter->type == KZ_ACTOR;
    if (waiter->has_request) remember(inflight, place);
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
    if (waiter->has_request) forget(inflight, waiter->request);
    inflight->actors -= waiter->type == KZ_ACTOR;
    return waiter->repeats;
}

struct kz_repeat *kz_inflight_pop_front(struct kz_inflight *inflight)
{
    struct kz_repeat *repeats = drop(inflight, waiter_at(inflight, 0));
    inflight->front = place_of(inflight, 1);
    inflight->waiters--;
    return repeats;
}

struct kz_repeat *kz_inflight_pop_back(struct kz_inflight *inflight)
{
    struct kz_repeat *repeats = drop(inflight, waiter_at(inflight, inflight->waiters - 1));
    inflight->waiters--;
    return repeats;
}
