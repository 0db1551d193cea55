/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done when: a heap of tasks by time, equal times in the order in which they were put
 * in. */
#ifndef KZ_AGENDA_H
#define KZ_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

struct task {
    uint64_t due_ms;
    uint64_t order;
    uint64_t application;
    uint8_t kind;
    uint8_t tries_left;
};

struct agenda {
    struct task *tasks;
    uint32_t count;
    uint32_t capacity;
    uint64_t next_order;
};

/* Returns: false without memory. */
bool agenda_add(struct agenda *agenda, struct task task);

/* Takes the first task that is due at NOW_MS. Returns: false when none is. */
bool agenda_take(struct agenda *agenda, uint64_t now_ms, struct task *out_task);

void agenda_finish(struct agenda *agenda);

#endif
