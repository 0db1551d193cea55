/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: runs the core with real clocks, sockets and disk.
 *
 * Invariants (those of node/core/core.h that fall to the runner):
 * 1. All events of a turn go into one step; no bytes that they point to are touched before it.
 * 2. An update is carried out in this order: identity and vote, durable before the rest; writes
 *    handed to the writer in order; sends; loads; closes.
 * 3. The loop's thread never waits for the disk but for identity and vote. */
#ifndef KZ_LOOP_H
#define KZ_LOOP_H

#include "node/shell/directory.h"
#include "node/shell/options.h"

/* Runs the node until it was told to stop (SIGTERM, SIGINT) or halted. Takes DIRECTORY's contents;
 * closing it is the caller's. Returns: KZ_OK after a stop in order; else why it could not start or
 * go on, with a sentence. */
enum kz_status kz_loop_run(const struct kz_options *options, struct kz_directory *directory,
                           struct kz_error *error);

#endif
