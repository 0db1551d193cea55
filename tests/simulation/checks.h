/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold all the time, looked at after each step of each node, and against a state
 * machine of its own that replays every entry when the first node applies it:
 *
 *   one leader a term                              one_leader()
 *   commit and applied indexes never go back       never_back()
 *   equal entries at equal indexes                 compare_entries()
 *   what is applied is on a majority of disks      stored_by_a_majority()
 *   no disk loses a committed entry                never_lost()
 *   equal digests                                  compare_digest()
 *   ledger time: what a right clock may have said  judge_time()
 *   a request acts once                            note_request()
 *   places, children, grants (RULES.md)            judge_grant(), kz_checks_domain()
 *   bounds of memory                               judge_bounds() */
#ifndef KZ_TEST_CHECKS_H
#define KZ_TEST_CHECKS_H

#include "tests/simulation/families.h"
#include "tests/simulation/sim.h"

#define KZ_CHECKED_TERMS_MAX 4096

/* A committed entry, as the first node applied it. */
struct kz_committed {
    uint64_t hash;  /* of term and record */
    uint64_t first; /* the entry that it repeats, or itself */
    uint8_t result;
    uint8_t first_result;
    uint8_t digest[KZ_ID_SIZE]; /* of the state behind it */
};

/* What was last seen of a node. */
struct kz_checked_node {
    uint32_t starts;
    uint64_t applied;
    uint64_t commit;
    uint64_t compared; /* entries up to it were compared */
    uint64_t held;     /* entries up to it are committed, and on its disk since it started */
};

struct kz_checks {
    struct kz_sim *sim;
    const bool *is_out;
    struct kz_machine *machine;
    struct kz_committed *committed; /* index − 1 */
    uint64_t count;
    uint64_t capacity;
    bool is_member[KZ_SIM_NODES_MAX + 1];   /* of the last committed membership */
    uint64_t leaders[KZ_CHECKED_TERMS_MAX]; /* by term; 0: none seen */
    struct kz_checked_node nodes[KZ_SIM_NODES_MAX + 1];
    uint64_t requests[KZ_ERRANDS_MAX + 1]; /* entry that acted for it, by request number */
    int64_t places[KZ_KINDERGARTENS + 1];  /* reported less retracted */
    int64_t enrolled[KZ_KINDERGARTENS + 1];
};

/* IS_OUT: whose disk holds no longer what it held. */
void kz_checks_init(struct kz_checks *checks, struct kz_sim *sim, const bool *is_out);
void kz_checks_finish(struct kz_checks *checks);
/* After a step of NODE. */
void kz_checks_step(struct kz_checks *checks, struct kz_sim_node *node);
/* RULES' conservation, over the whole state: places and children. */
void kz_checks_domain(const struct kz_checks *checks);
/* Once all has healed and converged: the disks are equal but for those of nodes that IS_OUT says
 * are no part any more, and what was told to families stands there. */
void kz_checks_end(const struct kz_checks *checks, const struct kz_families *families,
                   const bool *is_out);

#endif
