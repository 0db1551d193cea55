/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about members and the leader share: the members as they are, one change. */
#ifndef KZ_CLI_MEMBER_H
#define KZ_CLI_MEMBER_H

#include "client/cli/cli.h"

#define MEMBER_TIMEOUT_MS 10000
#define MEMBERS_MAX       16

/* A copy of an answer. */
struct member_list {
    struct kezek_members members;
    struct kezek_member items[MEMBERS_MAX];
};

/* Asks for the members. Returns: EXIT_OK, or an exit code after it has said why not. */
int kz_member_ask(struct kezek_connection *connection, const struct cli *cli,
                  struct member_list *out_list);

/* Returns: the member of that id, NULL for none. */
const struct kezek_member *kz_member_find(const struct member_list *list, uint64_t id);

/* Asks for CHANGE, as the command line's actor, and waits. Returns: the exit code, after it has
 * said what is wrong when it is not EXIT_OK; then OUT_CHANGED is of no use. */
int kz_member_change(struct kezek_connection *connection, const struct cli *cli,
                     struct kezek_change *change, struct kezek_changed *out_changed);

/* Reads the command line's node, from 1. Returns: false after it has said what is wrong. */
bool kz_member_number(const struct cli *cli, const struct subcommand *self, const char *name,
                      uint64_t *out_number);

/* Prints what holds of NODE since entry INDEX. Returns: EXIT_OK. */
int kz_member_print(const struct cli *cli, uint64_t node, const char *role, uint64_t index);

/* replace.c: makes the node that ADDED adds a voter in OLD's place, step by step, each of which may
 * be done already. Returns: the exit code. */
int kz_member_replace(struct kezek_connection *connection, const struct cli *cli,
                      const struct kezek_change *added, uint64_t old);

#endif
