/* SPDX-License-Identifier: Apache-2.0 */
/* Executes the rules again over a ledger, and compares each outcome with the stored result. */
#ifndef KZ_REPLAY_H
#define KZ_REPLAY_H

#include "log/log.h"
#include "statemachine/rules/machine.h"

#include <stdbool.h>

/* What a caller sees of each entry after it was applied. Returning another status than KZ_OK ends
 * the replay with it. */
struct kz_replay_step {
    uint64_t index;
    uint64_t term;
    const struct kz_entry *entry;
    enum kz_result result;
    const struct kz_machine *machine;
};

struct kz_replay {
    struct kz_log *log;
    uint64_t to;
    bool check_leaves;
    const char *verb; /* of its progress */
    enum kz_status (*on_step)(void *context, const struct kz_replay_step *step,
                              struct kz_error *error); /* NULL: none */
    void *context;
    uint64_t *done; /* NULL, or where the last good index is kept up to date */
};

/* Applies the entries 1 … replay->to to a new machine.
 * Errors: KZ_CORRUPT (ERROR names the first bad index), KZ_NEWER, KZ_IO, KZ_NO_MEMORY, or
 * on_step's. */
enum kz_status kz_replay_run(const struct kz_replay *replay, struct kz_machine **out_machine,
                             struct kz_error *error);

/* Returns: a new machine, with a random seed. */
struct kz_machine *kz_replay_machine(void);

#endif
