/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong in a run: a list of faults, each with its time, made from a seed or read from a
 * file, so that a failing run can be repeated with fewer of them.
 *
 * A file has a line for each, `# …` is a comment:
 *
 *   seed 17                    first; latencies and the clients' doings follow from it
 *   mode ordinary              or hostile, beyond, members
 *   1234 crash 2 50            at 1,234 ms, its name, its two numbers
 *
 * Node 0 is the one that leads then.
 *
 * Invariants:
 * 1. A list of a seed is a function of the seed and the mode alone.
 * 2. In the ordinary mode a good copy of each committed entry is left: a minority of the nodes, the
 * same ones all the time, loses disks or votes, rots, or has a wrong clock. */
#ifndef KZ_TEST_FAULTS_H
#define KZ_TEST_FAULTS_H

#include "tests/simulation/sim.h"

#include <stdio.h>

enum kz_fault_kind {
    KZ_FAULT_CRASH,      /* node, restarts after ms */
    KZ_FAULT_CRASH_VOTE, /* likewise, the moment that it has voted next */
    KZ_FAULT_STOP,       /* node, restarts after ms (SIGTERM) */
    KZ_FAULT_ROLLING,    /* all nodes one behind the other, ms between them */
    KZ_FAULT_PAUSE,      /* node, for ms (SIGSTOP) */
    KZ_FAULT_CUT,        /* two nodes (10 a + b), for ms: no connection between them */
    KZ_FAULT_HOLD,       /* two nodes (10 a + b), for ms: what a sends to b waits */
    KZ_FAULT_ISOLATE,    /* node, for ms */
    KZ_FAULT_DEAF,       /* node, for ms: what others send to it waits */
    KZ_FAULT_BREAK,      /* so many connections */
    KZ_FAULT_FLAP,       /* node, for ms: all its connections, again and again */
    KZ_FAULT_FULL,       /* node, for ms: its disk is full */
    KZ_FAULT_SLOW,       /* node, for ms: its disk takes 200 ms more */
    KZ_FAULT_EIO,        /* node; its next write fails; restarts after ms */
    KZ_FAULT_UNREADABLE, /* node, for ms: loads fail */
    KZ_FAULT_ROT,        /* node, a number from which place and bit follow */
    KZ_FAULT_LOSE_DISK,  /* node, starts empty after ms */
    KZ_FAULT_LOSE_VOTE,  /* node, restarts after ms without its vote */
    KZ_FAULT_OLD_COPY,   /* node; its whole disk of now is put back after ms, if one who heard more
                            of it lives and can be reached */
    KZ_FAULT_CLOCK,      /* node, for ms: seconds, minutes or days wrong */
    KZ_FAULT_YEAR,       /* node, for ms: a year ahead */
    KZ_FAULT_DRIFT,      /* node, parts in a million */
    KZ_FAULT_NIGHT,      /* all clocks: so many minutes pass */
    KZ_FAULT_RUSH,       /* so many families at once */
    KZ_FAULT_KIND_END,
};

enum kz_attack_mode {
    KZ_MODE_ORDINARY,
    KZ_MODE_HOSTILE, /* connections do not keep their order either */
    KZ_MODE_BEYOND,  /* an entry rots on every node */
    KZ_MODE_MEMBERS, /* the members change meanwhile (steward.h) */
    KZ_MODE_END,
};

struct kz_sim_fault {
    uint64_t at_ms;
    enum kz_fault_kind kind;
    uint64_t a;
    uint64_t b;
};

struct kz_plan {
    uint64_t seed;
    enum kz_attack_mode mode;
    struct kz_sim_options options; /* follow from seed and mode */
    uint64_t run_ms;
    struct kz_sim_fault *faults; /* in order of time */
    uint32_t count;
    uint32_t capacity;
    const char
        *trace; /* the file that a run tells what happens, - for standard output; NULL: none */
};

/* Makes the plan of a seed, with its faults. */
void kz_plan_make(struct kz_plan *plan, uint64_t seed, enum kz_attack_mode mode);
void kz_plan_finish(struct kz_plan *plan);

/* Returns: false for what is no such file, with the line in OUT_LINE. */
bool kz_plan_read(struct kz_plan *plan, FILE *file, unsigned *out_line);
void kz_plan_write(const struct kz_plan *plan, FILE *file);

const char *kz_fault_name(enum kz_fault_kind kind);
const char *kz_mode_name(enum kz_attack_mode mode);
/* Returns: KZ_MODE_END for no such name. */
enum kz_attack_mode kz_mode_named(const char *name);

#endif
