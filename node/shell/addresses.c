/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define ALLOWED_ADDRESSES "a numeric HOST:PORT such as 127.0.0.1:7001, [::1]:7001 or localhost:7001"

bool kz_number_parse(const char *text, size_t size, uint64_t min, uint64_t max,
                     uint64_t *out_number)
{
    uint64_t number = 0;

    if (size == 0) return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        if (__builtin_mul_overflow(number, 10u, &number)) return false;
        if (__builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number)) return false;
    }
    if (number < min || number > max) return false;
    *out_number = number;
    return true;
}

static bool parse_host(const char *host, size_t size, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    char text[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof *out);
    if (size == strlen("localhost") && memcmp(host, "localhost", size) == 0) {
        host = "127.0.0.1";
        size = strlen(host);
    }
    bool bracketed = size >= 2 && host[0] == '[' && host[size - 1] == ']';
    if (bracketed) {
        host++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof text || memchr(host, '\0', size) != NULL) return false;
    memcpy(text, host, size);
    text[size] = '\0';

    if (bracketed) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        return inet_pton(AF_INET6, text, &six->sin6_addr) == 1;
    }
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    return inet_pton(AF_INET, text, &four->sin_addr) == 1;
}

enum kz_status kz_address_parse(const char *text, size_t size, struct kz_address *out_address,
                                struct kz_error *error)
{
    struct kz_address address = {0};
    const char *colon = memrchr(text, ':', size);
    uint64_t port;

    if (size > KZ_ADDRESS_SIZE_MAX || colon == NULL ||
        !kz_number_parse(colon + 1, size - (size_t)(colon + 1 - text), 1, UINT16_MAX, &port) ||
        !parse_host(text, (size_t)(colon - text), (uint16_t)port, &address.socket)) {
        return kz_error_set(error, KZ_USAGE, "\"%.*s\" is no address; allowed: " ALLOWED_ADDRESSES,
                            (int)(size > 100 ? 100 : size), text);
    }
    memcpy(address.text, text, size);
    *out_address = address;
    return KZ_OK;
}

bool kz_address_is_loopback(const struct kz_address *address)
{
    if (address->socket.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address->socket;
        return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->socket;
    return address->socket.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

const struct kz_roster_member *kz_roster_find(const struct kz_roster *roster, uint64_t id)
{
    for (uint8_t i = 0; i < roster->count; i++)
        if (roster->members[i].id == id) return &roster->members[i];
    return NULL;
}

enum kz_status kz_roster_add(struct kz_roster *roster, uint64_t id, const char *address,
                             size_t size, struct kz_error *error)
{
    struct kz_roster_member member = {.id = id};

    if (id == 0) return kz_error_set(error, KZ_USAGE, "a node's number is at least 1");
    if (roster->count == KZ_MEMBERS_MAX) {
        return kz_error_set(error, KZ_USAGE, "a cluster has at most %d nodes", KZ_MEMBERS_MAX);
    }
    if (kz_roster_find(roster, id) != NULL) {
        return kz_error_set(error, KZ_USAGE, "node %llu is given twice", (unsigned long long)id);
    }
    enum kz_status status = kz_address_parse(address, size, &member.peer, error);
    if (status != KZ_OK) return status;
    for (uint8_t i = 0; i < roster->count; i++) {
        if (strcmp(roster->members[i].peer.text, member.peer.text) == 0) {
            return kz_error_set(error, KZ_USAGE, "nodes %llu and %llu have the same address %s",
                                (unsigned long long)roster->members[i].id, (unsigned long long)id,
                                member.peer.text);
        }
    }
    roster->members[roster->count++] = member;
    return KZ_OK;
}

enum kz_status kz_roster_parse(const char *text, struct kz_roster *out_roster,
                               struct kz_error *error)
{
    struct kz_roster roster = {0};
    const char *next = text;

    for (;;) {
        size_t size = strcspn(next, ",");
        const char *equals = memchr(next, '=', size);
        uint64_t id;
        if (equals == NULL || !kz_number_parse(next, (size_t)(equals - next), 1, INT64_MAX, &id)) {
            return kz_error_set(error, KZ_USAGE,
                                "\"%.*s\" is no node; allowed: NUMBER=HOST:PORT, with commas "
                                "between them, such as 1=127.0.0.1:7001,2=127.0.0.1:7002",
                                (int)(size > 100 ? 100 : size), next);
        }
        enum kz_status status =
            kz_roster_add(&roster, id, equals + 1, size - (size_t)(equals + 1 - next), error);
        if (status != KZ_OK) return status;
        if (next[size] == '\0') break;
        next += size + 1;
    }
    *out_roster = roster;
    return KZ_OK;
}
