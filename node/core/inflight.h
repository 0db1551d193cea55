/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that wait for an answer.
 *
 *   submission ── one SUBMIT frame: a slot for the answer of each of its commands
 *       ^  ^
 *       |  └───────── repeat: the same request id while the first is in flight; waits for it
 *   ring of waiters, in order of ledger index ──> repeats
 *      ^
 *      └── table of the request ids in flight: a tag of the hash and the waiter's place
 *
 *   held SUBMITs, of which the rest is not appended yet (held.h)
 *
 * Invariants:
 * 1. Waiters are in order of index; every request id in the table belongs to one waiter.
 * 2. A submission is answered once, when each of its slots has its answer.
 * 3. Waiters, repeats and held commands together are at most `capacity`. */
#ifndef KZ_INFLIGHT_H
#define KZ_INFLIGHT_H

#include "client/wire/messages.h"
#include "node/core/core.h"
#include "node/core/held.h"

struct kz_submission {
    kz_link link;
    uint64_t tag;
    uint16_t count;
    uint16_t waiting; /* slots without an answer */
    struct kz_answer answers[];
};

/* A command whose request id was in flight already. */
struct kz_repeat {
    struct kz_repeat *next;
    struct kz_submission *submission;
    uint16_t slot;
    uint16_t size;
    uint8_t record[];
};

/* A command that was appended as entry `index`, in `term`. */
struct kz_waiter {
    uint64_t index;
    uint64_t term;
    struct kz_submission *submission;
    uint32_t payer; /* the actor in whose window it is and whose budget a refusal is of */
    uint16_t slot;
    uint8_t type; /* enum kz_entry_type */
    bool has_request;
    uint8_t request[KZ_ID_SIZE];
    struct kz_repeat *repeats;
};

/* A request id in flight. */
struct kz_request_slot {
    uint32_t tag;
    uint32_t place; /* in the ring, + 1; 0: unused */
};

struct kz_inflight {
    struct kz_waiter *ring; /* a power of two */
    uint32_t ring_size;
    uint32_t front;
    uint32_t waiters;
    uint32_t repeats;
    uint32_t capacity;
    uint32_t actors;               /* waiters of type KZ_ACTOR */
    struct kz_request_slot *table; /* open addressing, twice the ring's size: both grow together */
    uint64_t seed;
    struct kz_held held;
};

/* Room for CAPACITY commands in flight. */
void kz_inflight_init(struct kz_inflight *inflight, uint32_t capacity, uint64_t seed);
void kz_inflight_finish(struct kz_inflight *inflight);

/* Returns: a submission whose COUNT slots wait. */
struct kz_submission *kz_submission_create(kz_link link, uint64_t tag, uint16_t count);

/* Returns: how many commands wait. */
uint32_t kz_inflight_count(const struct kz_inflight *inflight);

/* Returns: whether REQUEST is in flight. */
bool kz_inflight_has(const struct kz_inflight *inflight, const uint8_t request[static KZ_ID_SIZE]);

/* Adds a waiter behind the last; its request id, if any, is not in flight. */
void kz_inflight_add(struct kz_inflight *inflight, const struct kz_waiter *waiter);

/* Lets the RECORD of SIZE bytes wait for the request in flight that it repeats. */
void kz_inflight_repeat(struct kz_inflight *inflight, const uint8_t request[static KZ_ID_SIZE],
                        struct kz_submission *submission, uint16_t slot, const uint8_t *record,
                        uint16_t size);

/* Returns: the first waiter, NULL when nobody waits; valid until the next call. */
const struct kz_waiter *kz_inflight_front(const struct kz_inflight *inflight);
const struct kz_waiter *kz_inflight_back(const struct kz_inflight *inflight);

/* Take the first or the last waiter out. Return: its repeats, which the caller answers and frees.
 */
struct kz_repeat *kz_inflight_pop_front(struct kz_inflight *inflight);
struct kz_repeat *kz_inflight_pop_back(struct kz_inflight *inflight);

/* Tells that a repeat was answered and freed. */
void kz_inflight_repeat_done(struct kz_inflight *inflight);

#endif
