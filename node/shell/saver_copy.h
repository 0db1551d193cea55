/* SPDX-License-Identifier: Apache-2.0 */
/* What the forked copy of a process does to save an image. */
#ifndef KZ_SAVER_COPY_H
#define KZ_SAVER_COPY_H

#include "node/core/core.h"

/* Writes CORE's image to FILE, syncs it, and ends the process: with 0, or with the status of what
 * failed. PARENT is the process that forked. Nothing here allocates, takes a lock or returns. */
_Noreturn void kz_saver_copy_run(const struct kz_core *core, int file, int parent);

#endif
