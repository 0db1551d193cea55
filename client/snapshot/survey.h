/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a whole ledger, entry after entry, and checks what can be checked without the rules: every
 * checksum, the second table, that each record decodes, each leaf hash. */
#ifndef KZ_SURVEY_H
#define KZ_SURVEY_H

#include "client/snapshot/copy.h"

/* Takes one entry, in order. Anything but KZ_OK ends the survey. */
typedef enum kz_status (*kz_survey_step)(void *context, const struct kz_copied *entry,
                                         struct kz_error *error);

/* Errors: KZ_CORRUPT and KZ_NEWER (ERROR names the index), KZ_IO, KZ_NO_MEMORY, STEP's. */
enum kz_status kz_survey_run(struct kz_log *log, kz_survey_step step, void *context,
                             struct kz_error *error);

#endif
