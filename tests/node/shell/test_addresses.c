/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void addresses_are_numeric_hosts_with_ports(void **state)
{
    static const struct {
        const char *text;
        bool right, loopback;
    } table[] = {
        {"127.0.0.1:1", true, true},
        {"127.255.0.9:65535", true, true},
        {"localhost:80", true, true},
        {"[::1]:80", true, true},
        {"0.0.0.0:80", true, false},
        {"128.0.0.1:80", true, false},
        {"[::]:80", true, false},
        {"[::ffff:127.0.0.1]:80", true, false},
        {"::1:80", false, false},
        {"[127.0.0.1]:80", false, false},
        {"127.0.0.1", false, false},
        {"127.0.0.1:", false, false},
        {"127.0.0.1:0", false, false},
        {"127.0.0.1:65536", false, false},
        {"127.0.0.1:+1", false, false},
        {"127.0.0.1:1 ", false, false},
        {"127.1:80", false, false},
        {"localhos:80", false, false},
        {":80", false, false},
        {"[]:80", false, false},
        {"", false, false},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        struct kz_address address = {.text = "untouched"};
        struct kz_error error;
        enum kz_status status =
            kz_address_parse(table[i].text, strlen(table[i].text), &address, &error);
        if (!table[i].right) {
            assert_int_equal(status, KZ_USAGE);
            assert_string_equal(address.text, "untouched");
            continue;
        }
        assert_int_equal(status, KZ_OK);
        assert_string_equal(address.text, table[i].text);
        assert_int_equal(kz_address_is_loopback(&address), table[i].loopback);
    }
}

static void an_address_of_65_bytes_is_refused(void **state)
{
    char text[KZ_ADDRESS_SIZE_MAX + 2];
    struct kz_address address;
    struct kz_error error;
    (void)state;

    snprintf(text, sizeof text, "127.0.0.1:%0*d", (int)sizeof text - 11, 1);
    assert_int_equal(kz_address_parse(text, KZ_ADDRESS_SIZE_MAX + 1, &address, &error), KZ_USAGE);
    text[KZ_ADDRESS_SIZE_MAX - 1] = '7';
    assert_int_equal(kz_address_parse(text, KZ_ADDRESS_SIZE_MAX, &address, &error), KZ_OK);
}

static void an_address_with_a_zero_inside_is_refused(void **state)
{
    struct kz_address address;
    struct kz_error error;
    (void)state;

    assert_int_equal(kz_address_parse("[::\0]:7001", 10, &address, &error), KZ_USAGE);
}

static void numbers_are_digits_alone_within_their_range(void **state)
{
    static const struct {
        const char *text;
        bool right;
        uint64_t number;
    } table[] = {
        {"5", true, 5},   {"10", true, 10}, {"007", true, 7},
        {"4", false, 0},  {"11", false, 0}, {"", false, 0},
        {"-5", false, 0}, {"5x", false, 0}, {"18446744073709551621", false, 0}, /* 5 modulo 2^64 */
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        uint64_t number = 0;
        bool right = kz_number_parse(table[i].text, strlen(table[i].text), 5, 10, &number);
        assert_int_equal(right, table[i].right);
        assert_int_equal(number, table[i].number);
    }
}

static void rosters_have_each_node_and_address_once(void **state)
{
    static const struct {
        const char *text;
        uint8_t count; /* 0: wrong */
    } table[] = {
        {"1=127.0.0.1:1", 1},
        {"3=127.0.0.1:1,1=127.0.0.1:2,2=[::1]:2", 3},
        {"", 0},
        {"1=127.0.0.1:1,", 0},
        {",1=127.0.0.1:1", 0},
        {"0=127.0.0.1:1", 0},
        {"9223372036854775808=127.0.0.1:1", 0},
        {"1=127.0.0.1:1,1=127.0.0.1:2", 0},
        {"1=127.0.0.1:1,2=127.0.0.1:1", 0},
        {"1", 0},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        struct kz_roster roster = {0};
        struct kz_error error;
        enum kz_status status = kz_roster_parse(table[i].text, &roster, &error);
        assert_int_equal(status, table[i].count == 0 ? KZ_USAGE : KZ_OK);
        assert_int_equal(roster.count, table[i].count);
    }
}

static void a_roster_has_at_most_16_nodes(void **state)
{
    struct kz_roster roster = {0};
    struct kz_error error;
    (void)state;

    for (uint64_t id = 1; id <= KZ_MEMBERS_MAX + 1; id++) {
        char text[32];
        int size = snprintf(text, sizeof text, "127.0.0.1:%d", (int)id);
        enum kz_status status = kz_roster_add(&roster, id, text, (size_t)size, &error);
        assert_int_equal(status, id <= KZ_MEMBERS_MAX ? KZ_OK : KZ_USAGE);
    }
    assert_int_equal(roster.count, KZ_MEMBERS_MAX);
    assert_int_equal(kz_roster_find(&roster, 16)->id, 16);
    assert_null(kz_roster_find(&roster, 17));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_numeric_hosts_with_ports),
        cmocka_unit_test(an_address_of_65_bytes_is_refused),
        cmocka_unit_test(an_address_with_a_zero_inside_is_refused),
        cmocka_unit_test(numbers_are_digits_alone_within_their_range),
        cmocka_unit_test(rosters_have_each_node_and_address_once),
        cmocka_unit_test(a_roster_has_at_most_16_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
