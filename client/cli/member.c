/* SPDX-License-Identifier: Apache-2.0 */
/* member list, add, promote, remove; leader move. */
#include "client/cli/member.h"

#include <stdio.h>
#include <string.h>

/* ---- The members as they are ---- */

static void keep_members(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    struct member_list *list = data;
    (void)answer;
    if (content == NULL || count == 0) return;

    list->members = *(const struct kezek_members *)content;
    if (list->members.count > MEMBERS_MAX) list->members.count = MEMBERS_MAX;
    memcpy(list->items, list->members.members, list->members.count * sizeof list->items[0]);
    list->members.members = list->items;
}

static enum kezek_code ask_members(struct kezek_connection *connection, const struct cli *cli,
                                   struct member_list *out_list, struct kezek_error *error)
{
    const struct kezek_question question = {
        .what = KEZEK_ASK_MEMBERS,
        .freshness = cli->local ? KEZEK_LOCAL : KEZEK_LINEARIZABLE,
    };
    *out_list = (struct member_list){.members = {.count = 0}};
    return kezek_ask(connection, &question, keep_members, out_list, error);
}

int kz_member_ask(struct kezek_connection *connection, const struct cli *cli,
                  struct member_list *out_list)
{
    struct kezek_error error;
    enum kezek_code code = ask_members(connection, cli, out_list, &error);
    if (code == KEZEK_OK) return EXIT_OK;
    return kz_cli_fail(kz_cli_exit_code(code, ""), "%s", error.text);
}

const struct kezek_member *kz_member_find(const struct member_list *list, uint64_t id)
{
    for (uint32_t i = 0; i < list->members.count; i++)
        if (list->items[i].id == id) return &list->items[i];
    return NULL;
}

static json_t *member_row(const struct kezek_members *members, const struct kezek_member *member)
{
    bool leader_answers = members->node == members->leader;
    uint64_t behind = members->last_index > member->match ? members->last_index - member->match : 0;
    json_t *row = json_object();

    kz_cli_add(row, "id", json_integer((json_int_t)member->id));
    kz_cli_add(row, "role", json_string(member->role));
    kz_cli_add(row, "leader", json_boolean(member->id == members->leader));
    kz_cli_add(row, "connected", json_boolean(member->connected));
    kz_cli_add(row, "match",
               leader_answers ? json_integer((json_int_t)member->match) : json_null());
    kz_cli_add(row, "behind", leader_answers ? json_integer((json_int_t)behind) : json_null());
    kz_cli_add(row, "peer", json_string(member->peer));
    kz_cli_add(row, "client", json_string(member->client));
    return row;
}

int kz_cli_member_list(const struct cli *cli, const struct subcommand *self)
{
    struct member_list list;
    struct kezek_connection *connection = kz_cli_connect(cli, cli->local, MEMBER_TIMEOUT_MS);
    (void)self;
    if (connection == NULL) return EXIT_USAGE;

    int code = kz_member_ask(connection, cli, &list);
    kezek_disconnect(connection);
    if (code != EXIT_OK) return code;

    json_t *rows = json_array();
    for (uint32_t i = 0; i < list.members.count; i++)
        (void)json_array_append_new(rows, member_row(&list.members, &list.items[i]));
    return kz_cli_print(cli, rows, false);
}

/* ---- One change ---- */

int kz_member_change(struct kezek_connection *connection, const struct cli *cli,
                     struct kezek_change *change, struct kezek_changed *out_changed)
{
    change->actor = cli->actor;
    switch (kezek_change(connection, change, out_changed)) {
    case KEZEK_OK: return EXIT_OK;
    case KEZEK_REFUSED: break;
    case KEZEK_NOT_FOUND:
        return kz_cli_fail(EXIT_NOT_FOUND, "the cluster has no member %llu",
                           (unsigned long long)change->node);
    default: return kz_cli_fail(kz_cli_exit_code(out_changed->code, ""), "%s", out_changed->text);
    }
    int code = out_changed->result != NULL ? EXIT_NOT_ALLOWED : EXIT_REFUSED;
    return kz_cli_fail(code, "%s%s%s", out_changed->result == NULL ? "" : out_changed->result,
                       out_changed->result == NULL ? "" : ": ", out_changed->text);
}

int kz_member_print(const struct cli *cli, uint64_t node, const char *role, uint64_t index)
{
    json_t *rows = json_array();
    json_t *row = json_object();

    kz_cli_add(row, "node", json_integer((json_int_t)node));
    kz_cli_add(row, "role", json_string(role));
    kz_cli_add(row, "index", json_integer((json_int_t)index));
    (void)json_array_append_new(rows, row);
    return kz_cli_print(cli, rows, true);
}

bool kz_member_number(const struct cli *cli, const struct subcommand *self, const char *name,
                      uint64_t *out_number)
{
    if (kz_cli_value(cli, name) == NULL) {
        (void)kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
        return false;
    }
    return kz_cli_number_value(cli, name, 1, INT64_MAX, out_number);
}

static int change_one(const struct cli *cli, const struct subcommand *self,
                      struct kezek_change change, const char *role)
{
    struct kezek_changed changed;
    if (!kz_member_number(cli, self, "node", &change.node)) return EXIT_USAGE;

    struct kezek_connection *connection = kz_cli_connect(cli, false, MEMBER_TIMEOUT_MS);
    if (connection == NULL) return EXIT_USAGE;
    int code = kz_member_change(connection, cli, &change, &changed);
    kezek_disconnect(connection);
    return code == EXIT_OK ? kz_member_print(cli, change.node, role, changed.index) : code;
}

int kz_cli_member_promote(const struct cli *cli, const struct subcommand *self)
{
    return change_one(cli, self, (struct kezek_change){.what = KEZEK_MEMBER_PROMOTE}, "voter");
}

int kz_cli_member_remove(const struct cli *cli, const struct subcommand *self)
{
    return change_one(cli, self, (struct kezek_change){.what = KEZEK_MEMBER_REMOVE}, "removed");
}

/* ---- Adding ---- */

/* Reads "4=127.0.0.1:7004" and --client. Returns: false after it has said what is wrong. */
static bool read_addition(const struct cli *cli, const struct subcommand *self,
                          struct kezek_change *out)
{
    char number[24];
    const char *node = kz_cli_value(cli, "node");
    const char *equals = node == NULL ? NULL : strchr(node, '=');

    *out = (struct kezek_change){
        .what = KEZEK_MEMBER_ADD,
        .peer = equals == NULL ? NULL : equals + 1,
        .client = kz_cli_value(cli, "client"),
    };
    if (equals == NULL || out->client == NULL) {
        (void)kz_cli_fail(EXIT_USAGE, "usage: kezek %s %s", self->name, self->usage);
        return false;
    }
    (void)snprintf(number, sizeof number, "%.*s", (int)(equals - node), node);
    return kz_cli_number(number, "node", 1, INT64_MAX, &out->node);
}

/* Returns: the role of a node that is a member; it may have been one before it was added. */
static const char *role_of(struct kezek_connection *connection, const struct cli *cli, uint64_t id)
{
    struct member_list list;
    struct kezek_error error;
    bool is_voter = false;

    if (ask_members(connection, cli, &list, &error) == KEZEK_OK) {
        const struct kezek_member *member = kz_member_find(&list, id);
        is_voter = member != NULL && strcmp(member->role, "voter") == 0;
    }
    return is_voter ? "voter" : "standby";
}

int kz_cli_member_add(const struct cli *cli, const struct subcommand *self)
{
    struct kezek_change change;
    struct kezek_changed changed;
    uint64_t old = 0;
    if (!read_addition(cli, self, &change)) return EXIT_USAGE;
    if (!kz_cli_number_value(cli, "replaces", 1, INT64_MAX, &old)) return EXIT_USAGE;
    if (old == change.node) {
        return kz_cli_fail(EXIT_USAGE, "a node is replaced by one with another number");
    }
    struct kezek_connection *connection = kz_cli_connect(cli, false, MEMBER_TIMEOUT_MS);
    if (connection == NULL) return EXIT_USAGE;
    int code;
    if (old != 0) {
        code = kz_member_replace(connection, cli, &change, old);
    } else {
        code = kz_member_change(connection, cli, &change, &changed);
        if (code == EXIT_OK) {
            const char *role = role_of(connection, cli, change.node);
            code = kz_member_print(cli, change.node, role, changed.index);
        }
    }
    kezek_disconnect(connection);
    return code;
}

/* ---- The leader ---- */

/* Returns: the connected voter, not the leader, that has most of the ledger; 0 for none. */
static uint64_t best_successor(const struct member_list *list)
{
    const struct kezek_member *best = NULL;
    for (uint32_t i = 0; i < list->members.count; i++) {
        const struct kezek_member *member = &list->items[i];
        if (member->id == list->members.leader || !member->connected) continue;
        if (strcmp(member->role, "voter") != 0) continue;
        if (best == NULL || member->match > best->match) best = member;
    }
    return best == NULL ? 0 : best->id;
}

static int move_leader(struct kezek_connection *connection, const struct cli *cli,
                       struct kezek_change *change, struct kezek_changed *out_changed)
{
    struct member_list list;
    if (change->node == 0) {
        int code = kz_member_ask(connection, cli, &list);
        if (code != EXIT_OK) return code;
        change->node = best_successor(&list);
        if (change->node == 0) {
            return kz_cli_fail(EXIT_REFUSED, "there is no other voter that is connected");
        }
    }
    return kz_member_change(connection, cli, change, out_changed);
}

int kz_cli_leader_move(const struct cli *cli, const struct subcommand *self)
{
    struct kezek_change change = {.what = KEZEK_LEADER_MOVE};
    struct kezek_changed changed = {.code = KEZEK_CLOSED};
    (void)self;
    if (!kz_cli_number_value(cli, "node", 1, INT64_MAX, &change.node)) return EXIT_USAGE;

    struct kezek_connection *connection = kz_cli_connect(cli, false, MEMBER_TIMEOUT_MS);
    if (connection == NULL) return EXIT_USAGE;
    int code = move_leader(connection, cli, &change, &changed);
    kezek_disconnect(connection);
    if (code != EXIT_OK) return code;

    json_t *rows = json_array();
    json_t *row = json_object();
    kz_cli_add(row, "leader", json_integer((json_int_t)changed.leader));
    (void)json_array_append_new(rows, row);
    return kz_cli_print(cli, rows, true);
}
