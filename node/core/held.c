/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/held.h"

#include "node/core/memory.h"

#include <string.h>

uint32_t kz_held_left(const struct kz_command_reader *rest)
{
    return (uint32_t)(rest->count - rest->taken);
}

struct kz_held_submit *kz_held_create(struct kz_submission *submission,
                                      const struct kz_command_reader *rest, uint64_t payer)
{
    size_t size = kz_reader_left(&rest->reader);
    struct kz_held_submit *submit = kz_memory_resize(NULL, sizeof(*submit) + size);
    *submit = (struct kz_held_submit){
        .submission = submission, .rest = *rest, .payer = payer, .size = size};
    memcpy(submit->records, rest->reader.next, size);
    submit->rest.reader = kz_reader_init(submit->records, size);
    return submit;
}

void kz_held_push(struct kz_held *held, struct kz_held_submit *submit)
{
    submit->next = NULL;
    if (held->first == NULL)
        held->first = submit;
    else
        held->last->next = submit;
    held->last = submit;
    held->submits++;
    held->commands += kz_held_left(&submit->rest);
    held->bytes += submit->size;
}

struct kz_held_submit *kz_held_pop(struct kz_held *held)
{
    struct kz_held_submit *submit = held->first;
    if (submit == NULL) return NULL;

    held->first = submit->next;
    held->submits--;
    held->commands -= kz_held_left(&submit->rest);
    held->bytes -= submit->size;
    return submit;
}
