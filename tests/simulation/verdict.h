/* SPDX-License-Identifier: Apache-2.0 */
/* What a run came to. A run is a process of its own: it can end anywhere, by an assertion of the
 * product or of libraft too, and this memory is shared with whoever started it. */
#ifndef KZ_TEST_VERDICT_H
#define KZ_TEST_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

struct kz_verdict {
    bool passed;
    char broken[512];    /* what broke, when it did not */
    uint64_t at_ms;      /* virtual time, all through the run */
    uint64_t trace;      /* a hash of everything that was sent and written */
    uint64_t entries;    /* committed */
    uint64_t answers;    /* to commands and questions */
    uint64_t recover_ms; /* from healing to the first new entry committed */
};

/* Of the run in this process. */
extern struct kz_verdict *kz_verdict;

/* Ends the run: what it says has to hold does not. */
_Noreturn void kz_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
