/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between any two entries, whatever the rules did. For tests alone: O(everything).
 */
#ifndef KZ_TESTS_CHECK_H
#define KZ_TESTS_CHECK_H

struct kz_machine;

/* Works the digest out from nothing, and looks at every invariant of state.h.
 * Returns: NULL, or the first thing that is wrong. */
const char *kz_check(const struct kz_machine *machine);

#endif
