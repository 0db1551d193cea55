/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator types about a node that lost its disk, or its term and vote, and so must never
 * vote under its old id again. Pure. */
#ifndef KZ_LOST_H
#define KZ_LOST_H

#include "statemachine/record/record.h"

#include <stdint.h>

#define KZ_LOST_HINT_SIZE 384

/* Writes how node ID, at PEER and CLIENT, is replaced by one with the id NEW_ID on the same
 * machine. */
void kz_lost_hint(uint64_t id, uint64_t new_id, struct kz_text peer, struct kz_text client,
                  char out[static KZ_LOST_HINT_SIZE]);

#endif
