/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB trusts the pages of its file: damage to them can end the process that reads them. So a child
 * opens the ledger first, as the node will, with a first write; and when an earlier process of this
 * node ended while it read, a child reads all of it. DIR/suspect is the sign of that. */
#ifndef KZ_PROBE_H
#define KZ_PROBE_H

#include "statemachine/base/status.h"

#include <stdint.h>

/* Looks at DIR's ledger in a child, while nothing else of this process has it open and no thread
 * runs. Errors: KZ_CORRUPT (its pages are damaged; ERROR says which entry can not be reached),
 * KZ_IO. What opening it says by itself is for whoever opens it next. */
enum kz_status kz_probe_ledger(const char *directory, uint64_t map_size, struct kz_error *error);

/* From now on a SIGSEGV, SIGBUS or SIGABRT of this process leaves a last line, and DIR/suspect. */
void kz_probe_watch(const char *directory);

#endif
