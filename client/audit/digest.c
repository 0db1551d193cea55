/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit digest: the state's digest after an entry, as one line of hex. */
#include "client/audit/audit.h"
#include "client/audit/replay.h"

#include <stdio.h>

int kz_audit_digest(const struct kz_audit_command *self, int count, char **arguments)
{
    int exit_code = KZ_EXIT_OK;
    const char *data = NULL;
    uint64_t at = 0;
    const struct kz_option options[] = {
        {"--data", KZ_OPTION_TEXT, true, &data, 0, 0},
        {"--at", KZ_OPTION_NUMBER, false, &at, 1, UINT64_MAX},
    };
    if (!kz_options_read(self, options, 2, count, arguments, &exit_code)) return exit_code;

    struct kz_audit_directory directory;
    exit_code = kz_audit_directory_open(data, KZ_LOG_READ_ONLY, &directory);
    if (exit_code != KZ_EXIT_OK) return exit_code;
    if (!kz_audit_find_end(&directory, &at)) {
        kz_audit_directory_close(&directory);
        return KZ_EXIT_USAGE;
    }
    struct kz_error error = {.text = ""};
    struct kz_machine *machine = NULL;
    struct kz_replay replay = {.log = directory.log, .to = at, .verb = "replayed"};
    if (kz_replay_run(&replay, &machine, &error) == KZ_OK) {
        uint8_t digest[KZ_ID_SIZE];
        char text[2 * KZ_ID_SIZE + 1];
        kz_machine_digest(machine, digest);
        kz_hex_write(digest, sizeof digest, text);
        (void)puts(text);
        kz_machine_destroy(machine);
    } else {
        exit_code = kz_report_error(&error);
    }
    kz_audit_directory_close(&directory);
    return exit_code;
}
