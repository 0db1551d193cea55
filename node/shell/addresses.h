/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as operators write them: 127.0.0.1:7001, [::1]:7001, localhost:7001. Numeric only: a
 * node does not depend on a name service. Pure. */
#ifndef KZ_ADDRESSES_H
#define KZ_ADDRESSES_H

#include "statemachine/base/status.h"
#include "statemachine/record/record.h"

#include <stdbool.h>
#include <sys/socket.h>

struct kz_address {
    char text[KZ_ADDRESS_SIZE_MAX + 1]; /* as it was written; empty: none */
    struct sockaddr_storage socket;
};

/* Reads HOST:PORT. Errors: KZ_USAGE, with what is allowed. */
enum kz_status kz_address_parse(const char *text, size_t size, struct kz_address *out_address,
                                struct kz_error *error);

bool kz_address_is_loopback(const struct kz_address *address);

/* A node of --cluster: its raft id and the address of its peer port. */
struct kz_roster_member {
    uint64_t id;
    struct kz_address peer;
};

struct kz_roster {
    uint8_t count;
    struct kz_roster_member members[KZ_MEMBERS_MAX];
};

/* Adds one member. Errors: KZ_USAGE (id 0 or given twice, an address given twice, too many). */
enum kz_status kz_roster_add(struct kz_roster *roster, uint64_t id, const char *address,
                             size_t size, struct kz_error *error);

/* Reads "1=HOST:PORT,2=HOST:PORT,…" into an empty roster. Errors: KZ_USAGE. */
enum kz_status kz_roster_parse(const char *text, struct kz_roster *out_roster,
                               struct kz_error *error);

/* Returns: the member ID, NULL when there is none. */
const struct kz_roster_member *kz_roster_find(const struct kz_roster *roster, uint64_t id);

/* Reads a number of MIN to MAX, all of TEXT, without sign. Returns: whether it is one. */
bool kz_number_parse(const char *text, size_t size, uint64_t min, uint64_t max,
                     uint64_t *out_number);

#endif
