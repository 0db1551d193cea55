/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/node/driver/records.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"

#include <stdio.h>

static uint8_t role_of(char letter)
{
    if (letter == 'v') return KZ_VOTER;
    return letter == 's' ? KZ_STANDBY : KZ_SPARE;
}

size_t kz_test_membership(const char *roles, uint8_t *record, size_t capacity)
{
    static char addresses[KZ_MEMBERS_MAX][16];
    struct kz_entry entry = {.type = KZ_MEMBERSHIP};
    for (unsigned i = 0; roles[i] != '\0'; i++) {
        if (roles[i] == '-') continue;
        int size = snprintf(addresses[i], sizeof addresses[i], "node-%u:1", i + 1);
        struct kz_text address = {addresses[i], (uint16_t)size};
        entry.membership.members[entry.membership.count++] =
            (struct kz_member){i + 1, role_of(roles[i]), address, address};
    }
    size_t size = kz_record_encode(&entry, record, capacity);
    KZ_ASSERT(size > 0);
    return size;
}

void kz_test_application(struct kz_batch *batch, uint64_t term, int64_t time, uint64_t mark)
{
    struct kz_entry entry = {.type = KZ_APPLICATION, .time = time};
    entry.application.territory = 1;
    entry.application.birth_year = 2021;
    kz_put_u64(entry.application.child, mark);
    uint8_t *record = kz_batch_add(batch, term, KZ_APPLICATION_SIZE);
    KZ_ASSERT(record != NULL);
    size_t size = kz_record_encode(&entry, record, KZ_APPLICATION_SIZE);
    KZ_ASSERT(size == KZ_APPLICATION_SIZE);
}
