/* SPDX-License-Identifier: Apache-2.0 */
/* What the stories of clients share: a cluster, and a client of whoever leads it. */
#ifndef KZ_TEST_SERVING_H
#define KZ_TEST_SERVING_H

#include "tests/simulation/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

extern struct kz_sim sim;
extern struct kz_sim_client client;
extern uint64_t leader; /* the one that was found last */

/* Makes a cluster, starts its founders and connects the client to the leader. */
void serve(const struct kz_sim_options *options);
int end(void **state);

/* Connects the client to NODE instead. */
void go_to(uint64_t node);

#endif
