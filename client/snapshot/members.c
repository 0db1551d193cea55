/* SPDX-License-Identifier: Apache-2.0 */
#include "client/snapshot/members.h"

#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535

/* Reads the digits at TEXT as a number from 1 to MAX. Returns: what stands behind them, NULL for no
 * number. */
static const char *read_number(const char *text, uint64_t max, uint64_t *out_number)
{
    uint64_t number = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t value = (uint64_t)(*digit - '0');
        if (number > (max - value) / 10) return NULL;
        number = number * 10 + value;
    }
    if (digit == text || number == 0) return NULL;
    *out_number = number;
    return digit;
}

static bool is_address(const char *text, size_t size)
{
    uint64_t port = 0;
    const char *colon = memrchr(text, ':', size);
    if (colon == NULL || colon == text || size > KZ_ADDRESS_SIZE_MAX) return false;
    return read_number(colon + 1, PORT_MAX, &port) == text + size;
}

/* Reads one member at TEXT. Returns: what stands behind it, NULL when it is none. */
static const char *read_member(const char *text, struct kz_member *out_member)
{
    const char *equals = read_number(text, INT64_MAX, &out_member->id);
    if (equals == NULL || *equals != '=') return NULL;
    const char *address = equals + 1;
    size_t size = strcspn(address, ",");
    if (!is_address(address, size)) return NULL;
    out_member->role = KZ_VOTER;
    out_member->peer = (struct kz_text){address, (uint16_t)size};
    out_member->client = (struct kz_text){"", 0};
    return address + size;
}

static int compare_members(const void *a, const void *b)
{
    const struct kz_member *one = a;
    const struct kz_member *other = b;
    if (one->id == other->id) return 0;
    return one->id < other->id ? -1 : 1;
}

enum kz_status kz_members_read(const char *text, struct kz_membership_fields *out_members,
                               struct kz_error *error)
{
    struct kz_membership_fields members = {.count = 0};
    const char *next = text;
    do {
        if (members.count == KZ_MEMBERS_MAX) {
            return kz_error_set(error, KZ_USAGE, "--cluster has at most %d members",
                                KZ_MEMBERS_MAX);
        }
        next = read_member(next, &members.members[members.count++]);
        if (next == NULL) {
            return kz_error_set(error, KZ_USAGE,
                                "--cluster is a list 1=ADDR:PORT,2=ADDR:PORT, not \"%s\"", text);
        }
    } while (*next++ == ',');

    qsort(members.members, members.count, sizeof members.members[0], compare_members);
    for (uint8_t i = 1; i < members.count; i++) {
        if (members.members[i].id != members.members[i - 1].id) continue;
        return kz_error_set(error, KZ_USAGE, "--cluster names a member twice");
    }
    *out_members = members;
    return KZ_OK;
}
