/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a small part of a plan's faults that still breaks something: delta debugging (Zeller's
 * ddmin). Another thing may break than at first; that is as good a story. */
#ifndef KZ_TEST_SHRINK_H
#define KZ_TEST_SHRINK_H

#include "tests/simulation/attack.h"

/* Takes faults out of PLAN, which breaks something, until no single one can be left out, or after
 * RUNS_MAX runs. VERDICT is the last broken run's. Returns: the number of runs. */
unsigned kz_shrink(struct kz_plan *plan, unsigned runs_max, struct kz_verdict *verdict);

#endif
