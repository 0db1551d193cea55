/* SPDX-License-Identifier: Apache-2.0 */
/* Reads `--cluster 1=ADDR:PORT,2=ADDR:PORT`. */
#ifndef KZ_AUDIT_MEMBERS_H
#define KZ_AUDIT_MEMBERS_H

#include "statemachine/record/record.h"

#include <stdbool.h>

/* Fills the members, voters in the order of their ids, whose texts point into TEXT. Reports what is
 * wrong. Returns: whether TEXT is such a list. */
bool kz_members_read(const char *text, struct kz_membership_fields *out_members);

#endif
