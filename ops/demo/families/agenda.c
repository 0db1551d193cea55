/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/demo/families/agenda.h"

#include <stdlib.h>

static bool before(const struct task *a, const struct task *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void swap(struct task *a, struct task *b)
{
    struct task kept = *a;
    *a = *b;
    *b = kept;
}

bool agenda_add(struct agenda *agenda, struct task task)
{
    if (agenda->count == agenda->capacity) {
        uint32_t capacity = agenda->capacity == 0 ? 1024 : 2 * agenda->capacity;
        struct task *tasks = realloc(agenda->tasks, capacity * sizeof *tasks);
        if (tasks == NULL) return false;
        agenda->tasks = tasks;
        agenda->capacity = capacity;
    }
    task.order = agenda->next_order++;
    uint32_t i = agenda->count++;
    agenda->tasks[i] = task;
    while (i > 0 && before(&agenda->tasks[i], &agenda->tasks[(i - 1) / 2])) {
        swap(&agenda->tasks[i], &agenda->tasks[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    return true;
}

bool agenda_take(struct agenda *agenda, uint64_t now_ms, struct task *out_task)
{
    if (agenda->count == 0 || agenda->tasks[0].due_ms > now_ms) return false;

    *out_task = agenda->tasks[0];
    agenda->tasks[0] = agenda->tasks[--agenda->count];
    for (uint32_t i = 0;;) {
        uint32_t least = i;
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < agenda->count; child++) {
            if (before(&agenda->tasks[child], &agenda->tasks[least])) least = child;
        }
        if (least == i) return true;
        swap(&agenda->tasks[i], &agenda->tasks[least]);
        i = least;
    }
}

void agenda_finish(struct agenda *agenda)
{
    free(agenda->tasks);
    *agenda = (struct agenda){0};
}
