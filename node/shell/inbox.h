/* SPDX-License-Identifier: Apache-2.0 */
/* The events of one loop turn, in the order in which they came. */
#ifndef KZ_INBOX_H
#define KZ_INBOX_H

#include "node/core/core.h"

struct kz_inbox {
    struct kz_event *events;
    uint32_t count;
    uint32_t capacity;
};

/* Adds EVENT. Without memory it ends the process: an event that is lost is a broken promise to the
 * core (nothing is lost by a restart). */
void kz_inbox_add(struct kz_inbox *inbox, const struct kz_event *event);
void kz_inbox_finish(struct kz_inbox *inbox);

#endif
