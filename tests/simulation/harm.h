/* SPDX-License-Identifier: Apache-2.0 */
/* Carries faults out on a simulated cluster, and takes them back when their time is over. */
#ifndef KZ_TEST_HARM_H
#define KZ_TEST_HARM_H

#include "tests/simulation/checks.h"
#include "tests/simulation/families.h"
#include "tests/simulation/faults.h"

#define KZ_UNDOS_MAX 512

enum kz_undo_kind {
    KZ_UNDO_START,
    KZ_UNDO_STOP,
    KZ_UNDO_JOIN,
    KZ_UNDO_LET_GO,
    KZ_UNDO_FLAP,
    KZ_UNDO_ROOM,
    KZ_UNDO_FAST,
    KZ_UNDO_READABLE,
    KZ_UNDO_CLOCK,
    KZ_UNDO_PUT_BACK, /* no undoing: an old copy of the node's disk */
};

/* What is still to be done, to or about a node or two. */
struct kz_undo {
    uint64_t at_ms;
    enum kz_undo_kind kind;
    uint64_t a;
    uint64_t b;
};

struct kz_harm {
    struct kz_sim *sim;
    struct kz_families *families;
    const struct kz_checks *checks; /* knows who is a member, and what is committed */
    struct kz_undo undos[KZ_UNDOS_MAX];
    uint32_t undo_count;
    uint64_t crash_after_vote[KZ_SIM_NODES_MAX + 1]; /* restart after so many ms; 0: not armed */
    struct kz_vote vote[KZ_SIM_NODES_MAX + 1];       /* as seen last */
    bool is_out[KZ_SIM_NODES_MAX + 1]; /* it lost its disk or its vote, and must not take part */
    struct kz_sim_disk copies[KZ_SIM_NODES_MAX + 1]; /* to be put back; no medium: none */
    uint64_t put_back; /* the node that was started last with its old copy, and is not judged yet;
                          0: none */
    uint64_t calm_until_ms; /* so long it is left to whoever heard more of it */
    unsigned late_one_in;   /* of the world, which keeps its messages in order meanwhile */
    bool restarts[KZ_SIM_NODES_MAX + 1]; /* it halted, and is started again soon */
};

void kz_harm_init(struct kz_harm *harm, struct kz_sim *sim, struct kz_families *families,
                  const struct kz_checks *checks);
void kz_harm_finish(struct kz_harm *harm);
/* Carries FAULT out, now. A fault that finds nothing to harm does nothing. */
void kz_harm_do(struct kz_harm *harm, const struct kz_sim_fault *fault);
/* Does what is due at this millisecond. */
void kz_harm_run(struct kz_harm *harm);
/* Ends all faults at once, and starts what is down; the clocks are right, whoever rotted is mended.
 */
void kz_harm_heal(struct kz_harm *harm);

#endif
