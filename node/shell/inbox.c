/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/inbox.h"

#include "statemachine/base/assert.h"

#include <stdlib.h>

#define FIRST_CAPACITY 256

void kz_inbox_add(struct kz_inbox *inbox, const struct kz_event *event)
{
    if (inbox->count == inbox->capacity) {
        uint32_t capacity = inbox->capacity == 0 ? FIRST_CAPACITY : 2 * inbox->capacity;
        struct kz_event *events = realloc(inbox->events, capacity * sizeof *events);
        if (events == NULL) kz_panic(__FILE__, __LINE__, "no memory for an event");
        inbox->events = events;
        inbox->capacity = capacity;
    }
    inbox->events[inbox->count++] = *event;
}

void kz_inbox_finish(struct kz_inbox *inbox)
{
    free(inbox->events);
    *inbox = (struct kz_inbox){0};
}
