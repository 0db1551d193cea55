/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: how many clients fit into what the system lets the process open, so that a flood of
 * them never keeps the node from opening a file. */
#ifndef KZ_DESCRIPTORS_H
#define KZ_DESCRIPTORS_H

#include "statemachine/base/status.h"

#include <stdint.h>

/* Asks the system for descriptors for CONNECTIONS clients and all else; the journal is told when it
 * grants fewer. OUT_CONNECTIONS: as many of them as there is room for. Errors: KZ_USAGE when there
 * is not even room for one. */
enum kz_status kz_descriptors_grant(uint32_t connections, uint32_t *out_connections,
                                    struct kz_error *error);

/* Returns: how many of CONNECTIONS clients fit where LIMIT descriptors may be open; 0 for none.
 * Pure. */
uint32_t kz_descriptors_clients(uint64_t limit, uint32_t connections);

#endif
