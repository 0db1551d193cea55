/* SPDX-License-Identifier: Apache-2.0 */
/* kezekd: one node of a Kezek cluster. */
#include "log/streams.h"
#include "node/shell/directory.h"
#include "node/shell/journal.h"
#include "node/shell/loop.h"
#include "node/shell/options.h"

#include <signal.h>
#include <stdio.h>

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int run(const struct kz_options *options)
{
    struct kz_directory directory;
    struct kz_error error = {.text = ""};
    enum kz_status status = kz_directory_open(options, &directory, &error);

    if (status != KZ_OK) {
        fprintf(stderr, "kezekd: %s\n", error.text);
        return status == KZ_USAGE ? EXIT_USAGE : EXIT_FAILED;
    }
    if (directory.id_ignored) {
        kz_journal(KZ_NOTICE_WARNING,
                   "id_ignored given=%llu reason=\"the directory is node %llu's\"",
                   (unsigned long long)options->id, (unsigned long long)directory.identity.id);
    }
    status = kz_loop_run(options, &directory, &error);
    kz_directory_close(&directory);
    if (status == KZ_OK) {
        kz_journal(KZ_NOTICE_INFO, "stopped");
        return EXIT_OK;
    }
    kz_journal(KZ_NOTICE_ERROR, "halted reason=\"%s\"", error.text);
    return EXIT_FAILED;
}

/* What a call says by its error must not end the process besides: a connection that is gone, a file
 * that is as long as the system lets it be. */
static void ignore_signals(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN); /* until the loop hears it: a long start goes on as well */
}

int main(int argc, char **argv)
{
    struct kz_options options;
    struct kz_error error;
    int code = EXIT_OK;

    kz_streams_hold();
    ignore_signals();
    enum kz_status status = kz_options_read(argc, argv, &options, &error);

    if (status != KZ_OK) {
        fprintf(stderr, "kezekd: %s\n", error.text);
        code = EXIT_USAGE;
    } else if (options.help) {
        kz_options_print_help(stdout);
    } else if (options.version) {
        puts("kezekd " KZ_VERSION);
    } else if (options.check_config) {
        puts("kezekd: the options are right");
    } else {
        code = run(&options);
    }
    kz_options_finish(&options);
    return code;
}
