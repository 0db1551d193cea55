/* SPDX-License-Identifier: Apache-2.0 */
/* One run: a cluster, its families, the faults of a plan; then everything heals, and what was
 * promised is compared with what is there. */
#ifndef KZ_TEST_ATTACK_H
#define KZ_TEST_ATTACK_H

#include "tests/simulation/faults.h"
#include "tests/simulation/verdict.h"

/* Runs PLAN in this process and fills VERDICT in; ends the process when something breaks. */
void kz_attack(const struct kz_plan *plan, struct kz_verdict *verdict);

/* Runs PLAN in a process of its own. */
void kz_attack_apart(const struct kz_plan *plan, struct kz_verdict *out_verdict);

#endif
