/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: INI. Keys are the flags' names; the nodes of the cluster may stand one a
 * line in a section of their own.
 *
 *   id = 1
 *   data = /var/lib/kezek
 *   [cluster]
 *   1 = 127.0.0.1:7001 */
#ifndef KZ_CONFIG_H
#define KZ_CONFIG_H

#include "node/shell/options.h"

/* Adds what the file at PATH says to OPTIONS. Errors: KZ_USAGE with "FILE:LINE: key: what, allowed"
 * (unreadable, no INI, unknown section or key, wrong value, line too long); KZ_NO_MEMORY. */
enum kz_status kz_config_read(const char *path, struct kz_options *options, struct kz_error *error);

/* The same from FILE, which errors call PATH. */
enum kz_status kz_config_parse(FILE *file, const char *path, struct kz_options *options,
                               struct kz_error *error);

#endif
