/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"
#include "tests/node/driver/records.h"

#include "node/core/membership.h"

static struct kz_membership_fields fields_of(const char *roles, uint8_t *record)
{
    size_t size = kz_test_membership(roles, record, KZ_RECORD_SIZE_MAX);
    struct kz_entry entry;
    assert_int_equal(kz_record_decode(record, size, &entry), KZ_OK);
    return entry.membership;
}

/* Node 1 leads. */
static void only_steps_that_libraft_survives_are_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *present;
        const char *next;
        bool allowed;
    } steps[] = {
        {"vvv", "vvv", true},    {"vvv-", "vvvs", true},    {"vvv-", "vvvp", true},
        {"vvvs", "vvvv", true},  {"vvvs", "vvvp", true},    {"vvvp", "vvvs", true},
        {"vvvs", "vvv-", true},  {"vvv", "vv-", true},      {"vvv", "v-v", true},
        {"vv", "v-", true},      {"v", "vs", true},         {"vsv", "v-v", true},
        {"v-v", "vsv", true},    {"vvv-", "vvvv", false},   {"vvvp", "vvvv", false},
        {"vvv", "vvs", false},   {"vvv", "vvp", false},     {"vvv", "svv", false},
        {"vvv", "-vv", false},   {"vvv", "v--", false},     {"vvv", "", false},
        {"v", "s", false},       {"vv", "-v", false},       {"vvv--", "vvvss", false},
        {"vvvs", "vv-v", false}, {"vvvss", "vvvvv", false}, {"vvv-s", "vvvs-", false},
    };
    uint8_t present[KZ_RECORD_SIZE_MAX];
    uint8_t next[KZ_RECORD_SIZE_MAX];
    for (unsigned i = 0; i < COUNT_OF(steps); i++) {
        struct kz_membership_fields from = fields_of(steps[i].present, present);
        struct kz_membership_fields to = fields_of(steps[i].next, next);
        const char *refusal = kz_membership_refusal(&from, &to, 1);
        if ((refusal == NULL) != steps[i].allowed) {
            fail_msg("%s to %s: %s", steps[i].present, steps[i].next, refusal);
        }
    }
}

static void another_order_is_no_step(void **state)
{
    (void)state;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_membership_fields from = fields_of("vvv", record);
    struct kz_membership_fields to = from;
    to.members[1] = from.members[2];
    to.members[2] = from.members[1];
    assert_non_null(kz_membership_refusal(&from, &to, 1));
}

static void ids_and_addresses_have_to_differ(void **state)
{
    (void)state;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_membership_fields from = fields_of("vvv", record);
    struct kz_membership_fields to = from;
    to.members[1].peer = from.members[0].peer;
    assert_non_null(kz_membership_refusal(&from, &to, 1));
    to = from;
    to.members[1].peer.size = 0;
    assert_non_null(kz_membership_refusal(&from, &to, 1));
    to = from;
    to.members[1].peer = (struct kz_text){"elsewhere:1", 11};
    assert_null(kz_membership_refusal(&from, &to, 1));
}

static void a_payload_is_what_libraft_decodes_to_the_same_members(void **state)
{
    (void)state;
    static const char *const memberships[] = {"", "v", "vsp", "vvvvv", "vvvvvvvvvvvvvvvs"};
    for (unsigned i = 0; i < COUNT_OF(memberships); i++) {
        uint8_t record[KZ_RECORD_SIZE_MAX];
        struct kz_membership_fields fields = fields_of(memberships[i], record);
        struct raft_buffer payload;
        assert_int_equal(kz_membership_payload(&fields, &payload), KZ_OK);
        struct raft_configuration configuration;
        assert_int_equal(raft_configuration_decode(&payload, &configuration), 0);
        assert_int_equal(configuration.n, fields.count);
        for (unsigned j = 0; j < configuration.n; j++) {
            assert_int_equal(configuration.servers[j].id, fields.members[j].id);
            assert_int_equal(configuration.servers[j].role, fields.members[j].role);
            assert_int_equal(strlen(configuration.servers[j].address), fields.members[j].peer.size);
        }
        raft_configuration_close(&configuration);
        raft_free(payload.base);
    }
}

static void committed_ones_come_out_once_and_in_order(void **state)
{
    (void)state;
    struct kz_memberships memberships;
    kz_memberships_init(&memberships);
    assert_int_equal(kz_memberships_last(&memberships)->count, 0);
    static const char *const roles[] = {"v", "vs", "vv", "vvs", "vvv", "vvvs"};
    for (unsigned i = 0; i < COUNT_OF(roles); i++) {
        uint8_t record[KZ_RECORD_SIZE_MAX];
        size_t size = kz_test_membership(roles[i], record, sizeof record);
        assert_int_equal(kz_memberships_append(&memberships, 10 * (i + 1), record, size), KZ_OK);
    }
    assert_null(kz_memberships_commit(&memberships, 9));
    assert_int_equal(kz_memberships_commit(&memberships, 35)->index, 10);
    assert_int_equal(kz_memberships_commit(&memberships, 35)->index, 20);
    assert_int_equal(kz_memberships_commit(&memberships, 35)->index, 30);
    assert_null(kz_memberships_commit(&memberships, 35));
    assert_int_equal(kz_memberships_last(&memberships)->count, 4);
    kz_memberships_truncate(&memberships, 40);
    assert_int_equal(kz_memberships_last(&memberships)->count, 2);
    assert_null(kz_memberships_commit(&memberships, 100));
    uint8_t record[KZ_RECORD_SIZE_MAX] = {0};
    assert_int_equal(kz_memberships_append(&memberships, 40, record, 50), KZ_MALFORMED);
    kz_memberships_finish(&memberships);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_steps_that_libraft_survives_are_allowed),
        cmocka_unit_test(another_order_is_no_step),
        cmocka_unit_test(ids_and_addresses_have_to_differ),
        cmocka_unit_test(a_payload_is_what_libraft_decodes_to_the_same_members),
        cmocka_unit_test(committed_ones_come_out_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
