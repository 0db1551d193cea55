/* SPDX-License-Identifier: Apache-2.0 */
/* member add … --replaces: a node in the place of another.
 *
 *   1. A node that is not connected (its disk is lost, say) is removed first: it is of no use to
 * any majority, and its addresses become free for the new one.
 *   2. The new node is added as a standby; it is sent the ledger.
 *   3. When it has nearly all of it, it is promoted.
 *   4. A node that was still connected is removed only now.
 *
 * Each step that holds already is done at once: after an interruption the same command goes on. */
#include "client/cli/member.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* without an entry more, unless --timeout says otherwise */
#define ASK_MS      250
#define TELL_MS     10000 /* between two lines, where no terminal shows the progress */
#define NEAR        10000 /* entries that a promotion waits for itself */

struct replacement {
    struct kezek_connection *connection;
    const struct cli *cli;
    struct kezek_change added;
    uint64_t old;
    uint64_t told_ms;
    bool on_terminal;
};

static int remove_old(const struct replacement *it)
{
    struct kezek_change change = {.what = KEZEK_MEMBER_REMOVE, .node = it->old};
    struct kezek_changed changed;
    int code = kz_member_change(it->connection, it->cli, &change, &changed);
    if (code != EXIT_OK) return code;

    (void)fprintf(stderr, "node %" PRIu64 " is removed (entry %" PRIu64 ")\n", it->old,
                  changed.index);
    return EXIT_OK;
}

static int add_new(const struct replacement *it)
{
    struct kezek_change change = it->added;
    struct kezek_changed changed;
    int code = kz_member_change(it->connection, it->cli, &change, &changed);
    if (code != EXIT_OK) return code;

    (void)fprintf(stderr, "node %" PRIu64 " is a member (entry %" PRIu64 ")\n", change.node,
                  changed.index);
    return EXIT_OK;
}

/* ---- Waiting for the ledger ---- */

static void tell_progress(struct replacement *it, const struct kezek_member *member,
                          uint64_t last_index)
{
    uint64_t now_ms = kezek_now_ms();
    if (!it->on_terminal && it->told_ms != 0 && now_ms < it->told_ms + TELL_MS) return;

    it->told_ms = now_ms;
    (void)fprintf(stderr, "%snode %" PRIu64 " has %" PRIu64 " of %" PRIu64 " entries%s",
                  it->on_terminal ? "\r\033[K" : "", member->id, member->match, last_index,
                  it->on_terminal ? "" : "\n");
}

static void pass(struct kezek_connection *connection, uint32_t ms)
{
    uint64_t until_ms = kezek_now_ms() + ms;
    for (uint64_t now_ms = kezek_now_ms(); now_ms < until_ms; now_ms = kezek_now_ms())
        kezek_connection_turn(connection, (uint32_t)(until_ms - now_ms));
}

static int fail_stalled(const struct replacement *it, const struct kezek_member *member)
{
    if (!member->connected) {
        return kz_cli_fail(EXIT_UNAVAILABLE,
                           "node %" PRIu64 " is not connected: start kezekd with --id %" PRIu64
                           " --join --peer %s --client %s, and type this again: it goes on",
                           member->id, member->id, it->added.peer, it->added.client);
    }
    return kz_cli_fail(EXIT_UNAVAILABLE,
                       "node %" PRIu64 " is connected and gets no further: look at its journal, "
                       "and type this again: it goes on",
                       member->id);
}

/* Returns: EXIT_OK once the new node has all but a little of the ledger. */
static int wait_for_ledger(struct replacement *it)
{
    uint32_t patience_ms = it->cli->timeout_ms != 0 ? it->cli->timeout_ms : PATIENCE_MS;
    uint64_t match = 0;
    uint64_t moved_ms = kezek_now_ms();
    for (;;) {
        struct member_list list;
        int code = kz_member_ask(it->connection, it->cli, &list);
        if (code != EXIT_OK) return code;
        const struct kezek_member *member = kz_member_find(&list, it->added.node);
        if (member == NULL) {
            return kz_cli_fail(EXIT_REFUSED, "node %" PRIu64 " was removed meanwhile",
                               it->added.node);
        }
        if (member->match > match) {
            match = member->match;
            moved_ms = kezek_now_ms();
        }
        tell_progress(it, member, list.members.last_index);
        bool near = member->connected && match > 0 && match + NEAR >= list.members.last_index;
        bool stalled = kezek_now_ms() > moved_ms + patience_ms;
        if ((near || stalled) && it->on_terminal) (void)fputc('\n', stderr);
        if (near) return EXIT_OK;
        if (stalled) return fail_stalled(it, member);
        pass(it->connection, ASK_MS);
    }
}

/* ---- The whole ---- */

static int run(struct replacement *it)
{
    struct member_list list;
    struct kezek_change change = {.what = KEZEK_MEMBER_PROMOTE, .node = it->added.node};
    struct kezek_changed changed;
    int code = kz_member_ask(it->connection, it->cli, &list);
    if (code != EXIT_OK) return code;

    const struct kezek_member *old = kz_member_find(&list, it->old);
    bool old_is_lost = old != NULL && !old->connected;
    if (old == NULL) {
        (void)fprintf(stderr, "node %" PRIu64 " is no member any more\n", it->old);
    }
    if (old_is_lost) code = remove_old(it);
    if (code == EXIT_OK) code = add_new(it);
    if (code == EXIT_OK) code = wait_for_ledger(it);
    if (code == EXIT_OK) code = kz_member_change(it->connection, it->cli, &change, &changed);
    if (code != EXIT_OK) return code;

    (void)fprintf(stderr, "node %" PRIu64 " votes (entry %" PRIu64 ")\n", change.node,
                  changed.index);
    if (old != NULL && !old_is_lost) code = remove_old(it);
    return code == EXIT_OK ? kz_member_print(it->cli, change.node, "voter", changed.index) : code;
}

int kz_member_replace(struct kezek_connection *connection, const struct cli *cli,
                      const struct kezek_change *added, uint64_t old)
{
    struct replacement it = {
        .connection = connection,
        .cli = cli,
        .added = *added,
        .old = old,
        .on_terminal = isatty(STDERR_FILENO) == 1,
    };
    return run(&it);
}
