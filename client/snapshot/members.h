/* SPDX-License-Identifier: Apache-2.0 */
/* Reads `--cluster 1=ADDR:PORT,2=ADDR:PORT`. */
#ifndef KZ_SNAPSHOT_MEMBERS_H
#define KZ_SNAPSHOT_MEMBERS_H

#include "statemachine/record/record.h"

/* Fills the members, voters in the order of their ids, whose texts point into TEXT. Errors:
 * KZ_USAGE. */
enum kz_status kz_members_read(const char *text, struct kz_membership_fields *out_members,
                               struct kz_error *error);

#endif
