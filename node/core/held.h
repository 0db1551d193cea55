/* SPDX-License-Identifier: Apache-2.0 */
/* SUBMITs that wait for a place in an actor's window (budget.h): what is left of each, in the order
 * in which they came.
 *
 * Invariant: `submits`, `commands` and `bytes` are those of all that are in the queue. */
#ifndef KZ_HELD_H
#define KZ_HELD_H

#include "client/wire/messages.h"

#define KZ_NOBODY UINT64_MAX

struct kz_submission;

struct kz_held_submit {
    struct kz_held_submit *next;
    struct kz_submission *submission;
    struct kz_command_reader rest; /* of `records` */
    uint64_t payer; /* in whose window its next command had no place; KZ_NOBODY: nobody looked, it
                       is behind another one of its connection */
    size_t size;
    uint8_t records[];
};

struct kz_held {
    struct kz_held_submit *first;
    struct kz_held_submit *last;
    uint32_t submits;
    uint32_t commands;
    size_t bytes;
    uint64_t round; /* the number of times that they were looked at */
};

/* Returns: what REST has left of SUBMISSION, copied, in no queue; its commands go on waiting. */
struct kz_held_submit *kz_held_create(struct kz_submission *submission,
                                      const struct kz_command_reader *rest, uint64_t payer);

/* Returns: how many commands are left. */
uint32_t kz_held_left(const struct kz_command_reader *rest);

/* Adds SUBMIT at the end. */
void kz_held_push(struct kz_held *held, struct kz_held_submit *submit);

/* Takes the first out. Returns: NULL when there is none. */
struct kz_held_submit *kz_held_pop(struct kz_held *held);

#endif
