/* SPDX-License-Identifier: Apache-2.0 */
/* kezek: the command line of the kindergarten queue's ledger. A table of subcommands, and which of
 * them was meant. */
#include "client/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct subcommand kz_subcommands[] = {
    {"territory set", "TERRITORY --name NAME --utc-offset-minutes N", "make or change a territory",
     kz_cli_entry, "territory"},
    {"policy set", "TERRITORY --evening 18:00 --morning 07:00 …", "set a territory's policy",
     kz_cli_entry, "policy"},
    {"calendar set", "DATE --working true|false", "say whether a date is a working day",
     kz_cli_entry, "calendar"},
    {"kindergarten set", "KINDERGARTEN --territory N --name NAME --open true|false",
     "make, rename, close or reopen a kindergarten", kz_cli_entry, "kindergarten"},
    {"actor set", "NUMBER --role ROLE --territory N --kindergarten N --key-hash HEX",
     "say who may write", kz_cli_entry, "actor"},
    {"apply", "--territory N --birth-year Y --kind KIND --category CATEGORY --child HEX",
     "put a child into a queue; prints the receipt", kz_cli_entry, "application"},
    {"show", "APPLICATION", "an application and its position", kz_cli_show, NULL},
    {"position", "APPLICATION…", "positions alone", kz_cli_position, NULL},
    {"queue", "TERRITORY YEAR KIND [FIRST [COUNT]]", "a queue in the order of calling",
     kz_cli_queue, NULL},
    {"reclassify", "APPLICATION CATEGORY [--evidence HEX]", "change an application's category",
     kz_cli_entry, "reclassify"},
    {"correct", "APPLICATION --birth-year Y --kind KIND", "correct a mistake at the desk",
     kz_cli_entry, "correct"},
    {"withdraw", "APPLICATION", "end an application", kz_cli_entry, "withdraw"},
    {"reinstate", "APPLICATION", "undo an end that was a mistake", kz_cli_entry, "reinstate"},
    {"ready", "APPLICATION", "a resting family waits again", kz_cli_entry, "ready"},
    {"vacancy", "KINDERGARTEN --birth-year Y --kind KIND --places N", "report free places",
     kz_cli_entry, "vacancy"},
    {"retract", "KINDERGARTEN --birth-year Y --kind KIND --places N", "take free places back",
     kz_cli_entry, "retract"},
    {"bulletins", "TERRITORY", "published places and calls due", kz_cli_bulletins, NULL},
    {"claim", "APPLICATION KINDERGARTEN", "take a place", kz_cli_entry, "claim"},
    {"decline", "APPLICATION", "give a referral back", kz_cli_entry, "decline"},
    {"enrol", "APPLICATION", "enrol a referred child", kz_cli_entry, "enrol"},
    {"request", "HEX", "what became of a request id", kz_cli_request, NULL},
    {"watch", "[--from INDEX]", "every entry as it is applied", kz_cli_watch, NULL},
    {"load", "FILE.jsonl", "append the commands of a file (- for standard input)", kz_cli_load,
     NULL},
    {"endpoint health", "", "whether each endpoint serves", kz_cli_endpoint_health, NULL},
    {"endpoint status", "", "each endpoint's node: role, term, indexes, digest",
     kz_cli_endpoint_status, NULL},
};

const int kz_subcommand_count = (int)(sizeof kz_subcommands / sizeof kz_subcommands[0]);

static void print_help(FILE *out)
{
    (void)fputs("kezek: the ledger of the kindergarten queue\n\nusage: kezek COMMAND [OPTION…]\n\n",
                out);
    for (int i = 0; i < kz_subcommand_count; i++) {
        (void)fprintf(out, "  %-16s  %s\n", kz_subcommands[i].name, kz_subcommands[i].help);
    }
    (void)fputs(
        "\nkezek help COMMAND tells a command's fields. Options of every command:\n"
        "  --endpoints HOST:PORT,…            or KEZEK_ENDPOINTS in the environment\n"
        "  -o table|simple|json|jsonl         table on a terminal, else simple\n"
        "  --timeout SECONDS                  10 unless given\n"
        "  --actor NUMBER                     who asks (0 unless given)\n"
        "  --request HEX                      the request id of a command (random unless given)\n"
        "  --local                            answer from that node at once, perhaps late\n"
        "\nexit codes: 0 ok, 1 refused or failed, 2 usage, 3 unavailable or not known, 4 not "
        "found,\n"
        "            5 conflict or duplicate, 6 not allowed\n",
        out);
}

/* Finds the subcommand whose words begin WORDS. Returns: NULL when there is none. */
static const struct subcommand *find(int count, char **words, int *out_used)
{
    for (int i = 0; i < kz_subcommand_count; i++) {
        const char *name = kz_subcommands[i].name;
        const char *space = strchr(name, ' ');
        size_t first = space == NULL ? strlen(name) : (size_t)(space - name);
        if (count < 1 || strlen(words[0]) != first || strncmp(words[0], name, first) != 0) continue;
        if (space == NULL) {
            *out_used = 1;
            return &kz_subcommands[i];
        }
        if (count >= 2 && strcmp(words[1], space + 1) == 0) {
            *out_used = 2;
            return &kz_subcommands[i];
        }
    }
    return NULL;
}

static int fail_unknown(int count, char **words)
{
    (void)fprintf(stderr, "kezek: no command \"%s%s%s\"; there are:", words[0],
                  count > 1 && words[1][0] != '-' ? " " : "",
                  count > 1 && words[1][0] != '-' ? words[1] : "");
    for (int i = 0; i < kz_subcommand_count; i++) {
        (void)fprintf(stderr, "%s %s", i == 0 ? "" : ",", kz_subcommands[i].name);
    }
    (void)fputs("\nkezek help tells more\n", stderr);
    return EXIT_USAGE;
}

static int help(int count, char **words)
{
    int used;
    if (count == 0) {
        print_help(stdout);
        return EXIT_OK;
    }
    const struct subcommand *subcommand = find(count, words, &used);
    if (subcommand == NULL) return fail_unknown(count, words);

    (void)printf("usage: kezek %s %s\n%s\n", subcommand->name, subcommand->usage, subcommand->help);
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    int used;
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0) return help(argc - 2, argv + 2);
    if (strcmp(argv[1], "--help") == 0) return help(0, NULL);
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("kezek %s\n", kezek_version());
        return EXIT_OK;
    }
    const struct subcommand *subcommand = find(argc - 1, argv + 1, &used);
    if (subcommand == NULL) return fail_unknown(argc - 1, argv + 1);
    if (argc > 1 + used && strcmp(argv[1 + used], "--help") == 0) return help(used, argv + 1);

    struct cli cli;
    if (!kz_cli_read(&cli, subcommand, argc - 1 - used, argv + 1 + used)) return EXIT_USAGE;
    return subcommand->run(&cli, subcommand);
}
