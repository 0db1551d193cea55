/* SPDX-License-Identifier: Apache-2.0 */
/* kezek: the command line of the kindergarten queue's ledger. A table of subcommands, and which of
 * them was meant. */
#include "client/cli/cli.h"

#include "log/streams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct subcommand kz_subcommands[] = {
    {"territory set", "TERRITORY --name NAME --utc-offset-minutes N",
     "make a territory, rename it, change its offset", kz_cli_entry, "territory", NULL,
     "territory"},
    {"territory show", "TERRITORY", "a territory and its policy", kz_cli_territory_show,
     "territory", NULL, NULL},
    {"policy set", "TERRITORY [--evening 18:00] [--morning 07:00] …",
     "change a territory's policy; what is not given stays as it is", kz_cli_entry, "territory",
     NULL, "policy"},
    {"calendar set", "DATE --working true|false", "say whether a date is a working day",
     kz_cli_entry, "date", NULL, "calendar"},
    {"kindergarten set", "KINDERGARTEN --territory N --name NAME --open true|false",
     "make, rename, close or reopen a kindergarten", kz_cli_entry, "kindergarten", NULL,
     "kindergarten"},
    {"actor set", "NUMBER --role ROLE --territory N [--kindergarten N] [--key-hash HEX]",
     "say who may write", kz_cli_entry, "number", NULL, "actor"},
    {"apply", "--territory N --birth-year Y --kind KIND --category CATEGORY --child HEX",
     "put a child into a queue; prints the receipt", kz_cli_entry, NULL, NULL, "application"},
    {"show", "APPLICATION", "an application and its position", kz_cli_show, "application", NULL,
     NULL},
    {"position", "APPLICATION…", "positions alone", kz_cli_position, "application …", NULL, NULL},
    {"queue", "TERRITORY YEAR KIND [FIRST [COUNT]]", "a queue in the order of calling",
     kz_cli_queue, "territory birth_year kind first count", NULL, NULL},
    {"reclassify", "APPLICATION CATEGORY [--evidence HEX]", "change an application's category",
     kz_cli_entry, "application category", NULL, "reclassify"},
    {"correct", "APPLICATION YEAR KIND", "correct a mistake at the desk", kz_cli_entry,
     "application birth_year kind", NULL, "correct"},
    {"withdraw", "APPLICATION", "end an application", kz_cli_entry, "application", NULL,
     "withdraw"},
    {"reinstate", "APPLICATION", "undo an end that was a mistake", kz_cli_entry, "application",
     NULL, "reinstate"},
    {"ready", "APPLICATION", "a resting family waits again", kz_cli_entry, "application", NULL,
     "ready"},
    {"vacancy", "KINDERGARTEN YEAR KIND PLACES", "report free places", kz_cli_entry,
     "kindergarten birth_year kind places", NULL, "vacancy"},
    {"retract", "KINDERGARTEN YEAR KIND PLACES", "take free places back", kz_cli_entry,
     "kindergarten birth_year kind places", NULL, "retract"},
    {"bulletins", "TERRITORY", "published places, and calls that are due", kz_cli_bulletins,
     "territory", NULL, NULL},
    {"places", "TERRITORY", "free places by kindergarten", kz_cli_places, "territory", NULL, NULL},
    {"claim", "APPLICATION KINDERGARTEN", "take a place", kz_cli_entry, "application kindergarten",
     NULL, "claim"},
    {"decline", "APPLICATION", "give a referral back", kz_cli_entry, "application", NULL,
     "decline"},
    {"enrol", "APPLICATION", "enrol a referred child", kz_cli_entry, "application", NULL, "enrol"},
    {"request", "HEX", "what became of a request id", kz_cli_request, "id", NULL, NULL},
    {"watch", "[--from INDEX] [--to INDEX]",
     "every entry as a line of JSON as it is applied; new ones unless --from is given",
     kz_cli_watch, NULL, "from to", NULL},
    {"load", "FILE.jsonl", "append the commands of a file (- for standard input)", kz_cli_load,
     "file", NULL, NULL},
    {"snapshot save", "DIR", "copy the ledger as it is now into a new directory",
     kz_cli_snapshot_save, "directory", NULL, NULL},
    {"snapshot status", "DIR", "check a snapshot and tell what it holds", kz_cli_snapshot_status,
     "directory", NULL, NULL},
    {"snapshot restore", "DIR --data NEWDIR --cluster-id HEX --cluster 1=ADDR:PORT,2=…",
     "make a node's directory of a new cluster from a snapshot, the same on each node",
     kz_cli_snapshot_restore, "directory", "data cluster_id cluster", NULL},
    {"endpoint health", "", "whether each endpoint serves", kz_cli_endpoint_health, NULL, NULL,
     NULL},
    {"endpoint status", "", "each endpoint's node: role, term, indexes, digest",
     kz_cli_endpoint_status, NULL, NULL, NULL},
    {"member list", "", "the cluster's members: role, links, how far behind", kz_cli_member_list,
     NULL, NULL, NULL},
    {"member add", "ID=PEER-ADDRESS --client ADDRESS [--replaces ID]",
     "add a node (kezekd --join) as a standby; or put it in another's place, to its end",
     kz_cli_member_add, "node", "client replaces", NULL},
    {"member promote", "ID", "let a standby vote, once it has the ledger", kz_cli_member_promote,
     "node", NULL, NULL},
    {"member remove", "ID", "take a node out of the cluster", kz_cli_member_remove, "node", NULL,
     NULL},
    {"leader move", "[ID]", "let another voter lead", kz_cli_leader_move, "node", NULL, NULL},
};

const int kz_subcommand_count = (int)(sizeof kz_subcommands / sizeof kz_subcommands[0]);

/* Finds the subcommand whose name WORDS begin with. Returns: NULL when there is none. */
static const struct subcommand *find(const char *const *words, int count, int *out_used)
{
    for (int i = 0; i < kz_subcommand_count; i++) {
        const char *name = kz_subcommands[i].name;
        size_t first = strcspn(name, " ");
        if (count < 1 || strlen(words[0]) != first || strncmp(words[0], name, first) != 0) continue;
        if (name[first] == '\0') {
            *out_used = 1;
            return &kz_subcommands[i];
        }
        if (count >= 2 && strcmp(words[1], name + first + 1) == 0) {
            *out_used = 2;
            return &kz_subcommands[i];
        }
    }
    return NULL;
}

static int help(const char *const *words, int count)
{
    int used;
    if (count == 0) {
        kz_cli_print_help(stdout);
        return EXIT_OK;
    }
    const struct subcommand *subcommand = find(words, count, &used);
    if (subcommand == NULL) return kz_cli_unknown_command(words, count);

    kz_cli_print_subcommand_help(subcommand);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct cli cli;
    int used;

    if (!kz_cli_read(&cli, argc - 1, argv + 1)) return EXIT_USAGE;
    if (cli.version) {
        (void)printf("kezek %s\n", kezek_version());
        return EXIT_OK;
    }
    if (cli.help) return help(cli.words, cli.word_count);
    if (cli.word_count == 0) {
        kz_cli_print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(cli.words[0], "help") == 0) return help(cli.words + 1, cli.word_count - 1);

    const struct subcommand *subcommand = find(cli.words, cli.word_count, &used);
    if (subcommand == NULL) return kz_cli_unknown_command(cli.words, cli.word_count);
    if (!kz_cli_bind(&cli, subcommand, used)) return EXIT_USAGE;
    return subcommand->run(&cli, subcommand);
}

/* Says so when not all that was printed could be written: what is cut short passes for a whole
 * answer. Returns: CODE, or EXIT_REFUSED in the place of EXIT_OK. */
static int finish_output(int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return code;
    bool is_known = errno != 0; /* what failed may be an earlier part */
    return kz_cli_fail(code == EXIT_OK ? EXIT_REFUSED : code, "cannot write to standard output%s%s",
                       is_known ? ": " : "", is_known ? strerror(errno) : "");
}

int main(int argc, char **argv)
{
    kz_streams_hold();
    return finish_output(run(argc, argv));
}
