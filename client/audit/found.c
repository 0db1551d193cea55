/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit found: makes a cluster of an imported or restored ledger. The same command on each
 * copy makes the same ledger (client/snapshot/founding.h). */
#include "client/audit/audit.h"
#include "client/snapshot/founding.h"
#include "client/snapshot/members.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool read_cluster(const char *text, uint8_t out[static KZ_ID_SIZE])
{
    static const uint8_t none[KZ_ID_SIZE];
    if (kz_hex_read(text, out, KZ_ID_SIZE) && memcmp(out, none, KZ_ID_SIZE) != 0) return true;
    kz_report("--cluster-id is 32 hex digits, not all zero; not \"%s\"", text);
    return false;
}

int kz_audit_found(const struct kz_audit_command *self, int count, char **arguments)
{
    int exit_code = KZ_EXIT_OK;
    const char *data = NULL;
    const char *cluster = NULL;
    const char *members = NULL;
    const struct kz_option options[] = {
        {"--data", KZ_OPTION_TEXT, true, &data, 0, 0},
        {"--cluster-id", KZ_OPTION_TEXT, true, &cluster, 0, 0},
        {"--cluster", KZ_OPTION_TEXT, true, &members, 0, 0},
    };
    struct kz_founding founding = {.index = 0};
    if (!kz_options_read(self, options, 3, count, arguments, &exit_code)) return exit_code;
    if (!read_cluster(cluster, founding.cluster)) return KZ_EXIT_USAGE;
    struct kz_error error = {.text = ""};
    if (kz_members_read(members, &founding.members, &error) != KZ_OK) {
        return kz_report_error(&error);
    }
    struct kz_audit_directory directory;
    exit_code = kz_audit_directory_open(data, KZ_LOG_EXISTING, &directory);
    if (exit_code != KZ_EXIT_OK) return exit_code;
    if (kz_founding_run(&founding, data, directory.log, &error) == KZ_OK) {
        (void)printf("founded at entry %" PRIu64 ", term %" PRIu64 ", with %u member%s\n",
                     founding.index, founding.term, founding.members.count,
                     founding.members.count == 1 ? "" : "s");
    } else {
        exit_code = kz_report_error(&error);
    }
    kz_audit_directory_close(&directory);
    return exit_code;
}
