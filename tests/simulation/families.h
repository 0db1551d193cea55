/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses the cluster: an administrator who sets a city up, families, clerks and kindergartens.
 * They send commands (errands) to whichever node they meet, send them again when they have no
 * answer, ask what became of them, crash and forget; and they read. What they were told is compared
 * with the ledger in the end.
 *
 * Invariant: an errand keeps its request id; no two have the same. */
#ifndef KZ_TEST_FAMILIES_H
#define KZ_TEST_FAMILIES_H

#include "tests/simulation/sim.h"

#define KZ_CLIENTS       6
#define KZ_ERRANDS_MAX   600
#define KZ_KINDERGARTENS 3 /* kindergartens 1 … 3, of territory 1 */

enum kz_errand_state {
    KZ_ERRAND_NEW,       /* to be sent */
    KZ_ERRAND_SENT,      /* waits for its answer */
    KZ_ERRAND_UNSURE,    /* perhaps appended: to be sent again, or asked about */
    KZ_ERRAND_ASKED,     /* waits for what became of it */
    KZ_ERRAND_FORGOTTEN, /* its client crashed */
    KZ_ERRAND_DONE,      /* an index and a result were told */
    KZ_ERRAND_REFUSED,   /* without an entry */
};

struct kz_errand {
    struct kz_entry entry;
    enum kz_errand_state state;
    bool has_entry; /* an index was told before it was asked about */
    bool unsure;    /* it was, at some time: an entry may be there without an answer */
    uint64_t tag;
    uint64_t due_ms; /* when to send it, or to stop waiting */
    uint64_t index;
    uint8_t result;
};

/* A question that waits for its answer. */
struct kz_question {
    uint64_t tag;   /* 0: none */
    uint64_t floor; /* a true answer reflects at least this index */
    uint64_t due_ms;
    uint32_t errand; /* KZ_ERRANDS_MAX: none, it asked for the status */
};

struct kz_family {
    struct kz_sim_client client;
    bool connected;
    bool moves;        /* to another node */
    uint64_t since_ms; /* when it tried to connect last */
    uint64_t leader;   /* as it was told last */
    struct kz_question question;
};

struct kz_families {
    struct kz_sim *sim;
    struct kz_family families[KZ_CLIENTS];
    struct kz_errand errands[KZ_ERRANDS_MAX]; /* errand i is family (i mod KZ_CLIENTS)'s */
    uint32_t count;
    uint32_t city_count; /* the first errands set the city up, one after the other */
    uint32_t next_of_city;
    uint32_t every_ms; /* about, between two new errands */
    bool with_actors;
    bool probing;   /* all that could harm has ended: no client crashes any more */
    bool closing;   /* nothing new; all is settled */
    uint64_t heard; /* the highest index that anybody was told */
    uint64_t answers;
};

void kz_families_init(struct kz_families *families, struct kz_sim *sim);
void kz_families_finish(struct kz_families *families);
/* One millisecond of their doings. */
void kz_families_run(struct kz_families *families);
/* COUNT new errands at once. */
void kz_families_rush(struct kz_families *families, uint64_t count);
/* One new errand, for which room is kept. */
void kz_families_probe(struct kz_families *families);
/* Nothing new any more: what is unsure is asked about until it is settled. */
void kz_families_close(struct kz_families *families);
/* Returns: the first errand that waits for anything; KZ_ERRANDS_MAX for none. */
uint32_t kz_families_unsettled(const struct kz_families *families);

#endif
