/* SPDX-License-Identifier: Apache-2.0 */
/* Beyond what a cluster can repair: one entry rots on every node. All of them have to halt and name
 * it; nothing is served that is not what was written. */
#ifndef KZ_TEST_BEYOND_H
#define KZ_TEST_BEYOND_H

#include "tests/simulation/checks.h"

/* Damages one of the committed entries on all nodes, which have converged, starts them anew, and
 * judges how they end. */
void kz_go_beyond(struct kz_sim *sim, const struct kz_checks *checks);

#endif
