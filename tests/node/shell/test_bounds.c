/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/descriptors.h"
#include "node/shell/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW 10000000u

/* A link that is in order in every respect. */
static struct link healthy(struct kz_sockets *sockets, enum kz_socket_kind kind)
{
    return (struct link){.sockets = sockets,
                         .kind = kind,
                         .state = LINK_OPEN,
                         .has_spoken = true,
                         .state_ms = NOW,
                         .full_ms = NOW,
                         .active_ms = NOW};
}

static void every_time_is_allowed_to_the_last_millisecond_and_not_beyond(void **state)
{
    static const struct {
        size_t field; /* the time that is AGE old */
        uint64_t age;
        const char *word; /* NULL: it stays */
        enum kz_socket_kind kind;
        uint32_t clients; /* of 100 that may be */
        bool silent, full;
    } table[] = {
        {offsetof(struct link, state_ms), 3000, NULL, KZ_SOCKET_CLIENT, 1, true, false},
        {offsetof(struct link, state_ms), 3001, "hello", KZ_SOCKET_CLIENT, 1, true, false},
        {offsetof(struct link, state_ms), 3001, "hello", KZ_SOCKET_PEER, 1, true, false},
        {offsetof(struct link, state_ms), 9999999, NULL, KZ_SOCKET_DIALED, 1, true, false},
        {offsetof(struct link, partial_ms), 10000, NULL, KZ_SOCKET_CLIENT, 1, false, false},
        {offsetof(struct link, partial_ms), 10001, "complete", KZ_SOCKET_CLIENT, 1, false, false},
        {offsetof(struct link, partial_ms), 10001, "complete", KZ_SOCKET_PEER, 1, false, false},
        {offsetof(struct link, partial_ms), 30000, NULL, KZ_SOCKET_CLIENT, 1, false, true},
        {offsetof(struct link, full_ms), 30000, NULL, KZ_SOCKET_CLIENT, 1, false, true},
        {offsetof(struct link, full_ms), 30001, "do not take", KZ_SOCKET_CLIENT, 1, false, true},
        {offsetof(struct link, full_ms), 30001, "do not take", KZ_SOCKET_DIALED, 1, false, true},
        {offsetof(struct link, active_ms), 600000, NULL, KZ_SOCKET_CLIENT, 89, false, false},
        {offsetof(struct link, active_ms), 600001, "idle", KZ_SOCKET_CLIENT, 89, false, false},
        {offsetof(struct link, active_ms), 30000, NULL, KZ_SOCKET_CLIENT, 90, false, false},
        {offsetof(struct link, active_ms), 30001, "idle", KZ_SOCKET_CLIENT, 90, false, false},
        {offsetof(struct link, active_ms), 9999999, NULL, KZ_SOCKET_PEER, 1, false, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct kz_sockets sockets = {.options.connections_max = 100};
        struct link link = healthy(&sockets, table[i].kind);
        uint64_t since = NOW - table[i].age;

        sockets.figures.open[KZ_SOCKET_CLIENT] = table[i].clients;
        link.has_spoken = !table[i].silent;
        link.is_full = table[i].full;
        memcpy((char *)&link + table[i].field, &since, sizeof since);
        const char *sentence = kz_link_overdue(&link, NOW);
        if (table[i].word == NULL) {
            assert_null(sentence);
        } else {
            assert_non_null(sentence);
            assert_non_null(strstr(sentence, table[i].word));
        }
    }
}

/* Who does not take answers is not read from: his unfinished message loses no time meanwhile. */
static void the_time_of_a_message_stands_still_while_nothing_is_read(void **state)
{
    struct kz_sockets sockets = {.options.connections_max = 100};
    struct link link = healthy(&sockets, KZ_SOCKET_CLIENT);
    (void)state;

    link.partial_ms = NOW - 25000;
    link.full_ms = NOW - 20000;
    link.is_full = true;
    assert_null(kz_link_overdue(&link, NOW));
    kz_link_drained(&link, NOW);
    assert_false(link.is_full);
    assert_null(kz_link_overdue(&link, NOW + 5000));
    assert_non_null(kz_link_overdue(&link, NOW + 5001));

    link = healthy(&sockets, KZ_SOCKET_CLIENT);
    link.is_full = true;
    kz_link_drained(&link, NOW + 20000);
    assert_int_equal(link.partial_ms, 0);
}

static void clients_get_the_descriptors_that_the_others_leave(void **state)
{
    static const struct {
        uint64_t limit;
        uint32_t wanted, clients;
    } table[] = {
        {0, 10, 0},
        {256, 10, 0},
        {257, 10, 0},
        {258, 10, 1},
        {275, 10, 9},
        {276, 10, 10},
        {UINT64_MAX, 10, 10},
        {1024, 10000, 384},
        {2303, 10000, 1023},
        {2304, 10000, 1024},
        {2305, 10000, 1025},
        {11279, 10000, 9999},
        {11280, 10000, 10000},
        {UINT64_MAX, 60000, 60000},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint32_t clients = kz_descriptors_clients(table[i].limit, table[i].wanted);
        assert_int_equal(clients, table[i].clients);
        if (clients == 0) continue;
        assert_true(kz_sockets_clients_size(clients) + KZ_DESCRIPTORS_KEPT <= table[i].limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_of_a_message_stands_still_while_nothing_is_read),
        cmocka_unit_test(clients_get_the_descriptors_that_the_others_leave),
        cmocka_unit_test(every_time_is_allowed_to_the_last_millisecond_and_not_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
