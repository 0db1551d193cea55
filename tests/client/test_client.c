/* SPDX-License-Identifier: Apache-2.0 */
/* Which node the client speaks with, and when it leaves it. */
#include "tests/client/scripted.h"

#define A "a:1"
#define B "b:2"
#define C "c:3"

static struct scripted script;

static void says_hello_and_asks_nothing_before_the_welcome(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_submit(&script, 1);
    scripted_connect(&script, A);
    scripted_expect_silence(&script);
    scripted_welcome(&script, 1, 1, A);
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

static void follows_to_the_leader_at_once(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_submit(&script, 1);
    scripted_connect(&script, A);
    scripted_welcome(&script, 1, 2, B);
    scripted_expect_silence(&script);
    scripted_expect_close(&script);
    scripted_connect(&script, B);
    scripted_welcome(&script, 2, 2, B);
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

static void follows_a_leader_that_changes_later(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    scripted_welcome(&script, 1, 0, NULL);
    scripted_submit(&script, 1);
    scripted_expect_silence(&script);
    scripted_welcome(&script, 1, 3, C);
    scripted_expect_close(&script);
    scripted_connect(&script, C);
    scripted_welcome(&script, 3, 3, C);
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

static void two_nodes_that_name_each_other_make_no_busy_loop(void **state)
{
    unsigned connections = 0;
    (void)state;
    scripted_init(&script, A "," B);
    scripted_submit(&script, 1);
    uint64_t end = script.now_ms + 1000;
    while (script.now_ms < end) {
        char address[KEZEK_ADDRESS_SIZE];
        enum kezek_want want = kezek_client_want(script.client, address);
        if (want == KEZEK_WANT_NOTHING) {
            scripted_pass(&script, kezek_client_deadline(script.client) - script.now_ms);
            continue;
        }
        assert_int_equal(want, KEZEK_WANT_CONNECT);
        connections++;
        kezek_client_on_connected(script.client, script.now_ms);
        (void)scripted_expect(&script, KZ_MESSAGE_HELLO);
        bool first = strcmp(address, A) == 0;
        scripted_welcome(&script, first ? 1 : 2, first ? 2 : 1, first ? B : A);
        scripted_expect_close(&script);
    }
    assert_in_range(connections, 10, 25);
    scripted_finish(&script);
}

static void tries_every_endpoint_before_it_waits(void **state)
{
    (void)state;
    scripted_init(&script, A "," B "," C);
    scripted_refuse(&script, A);
    scripted_refuse(&script, B);
    scripted_refuse(&script, C);
    scripted_expect_nothing(&script);
    scripted_pass(&script, 40);
    scripted_refuse(&script, A);
    scripted_finish(&script);
}

static void waits_half_a_second_at_most(void **state)
{
    (void)state;
    scripted_init(&script, A);
    for (unsigned i = 0; i < 100; i++) {
        scripted_refuse(&script, A);
        assert_true(kezek_client_deadline(script.client) <= script.now_ms + 500);
        scripted_pass(&script, 500);
    }
    scripted_finish(&script);
}

static void leaves_a_node_that_does_not_greet(void **state)
{
    (void)state;
    scripted_init(&script, A "," B);
    scripted_connect(&script, A);
    scripted_pass(&script, 1999);
    scripted_expect_nothing(&script);
    scripted_pass(&script, 1);
    scripted_expect_close(&script);
    scripted_connect(&script, B);
    scripted_finish(&script);
}

static void a_short_timeout_leaves_time_for_the_second_endpoint(void **state)
{
    const struct kezek_options options = {.endpoints = A "," B, .timeout_ms = 1000, .seed = {1, 2}};
    (void)state;
    scripted_init_options(&script, &options);
    scripted_submit(&script, 1);
    scripted_connect(&script, A);
    scripted_pass(&script, 500);
    scripted_expect_close(&script);
    scripted_begin(&script, B);
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

static void leaves_a_node_that_owes_an_answer_and_is_silent(void **state)
{
    (void)state;
    scripted_init(&script, A "," B);
    scripted_begin(&script, A);
    scripted_pass(&script, 60000);
    scripted_expect_nothing(&script); /* idle: nothing is owed */
    scripted_submit(&script, 1);
    (void)scripted_expect_submit(&script, 1, 1);
    assert_int_equal(kezek_client_deadline(script.client), script.now_ms + 3000);
    scripted_pass(&script, 2999);
    scripted_expect_nothing(&script);
    scripted_pass(&script, 1);
    scripted_expect_close(&script);
    scripted_begin(&script, B);
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

static void any_byte_shows_that_a_node_is_alive(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    scripted_submit(&script, 1);
    scripted_submit(&script, 2);
    (void)scripted_expect_submit(&script, 1, 2);
    scripted_pass(&script, 2000);
    scripted_welcome(&script, 1, 1, A);
    scripted_pass(&script, 2999);
    scripted_expect_nothing(&script);
    scripted_pass(&script, 1);
    scripted_expect_close(&script);
    scripted_finish(&script);
}

static void leaves_a_node_that_knows_no_leader_for_a_second(void **state)
{
    (void)state;
    scripted_init(&script, A "," B);
    scripted_connect(&script, A);
    scripted_welcome(&script, 1, 0, NULL);
    scripted_pass(&script, 500);
    scripted_welcome(&script, 1, 0, NULL); /* no excuse */
    scripted_pass(&script, 499);
    scripted_expect_nothing(&script);
    scripted_pass(&script, 1);
    scripted_expect_close(&script);
    scripted_connect(&script, B);
    scripted_finish(&script);
}

static void stays_with_the_only_node_though_it_knows_no_leader(void **state)
{
    (void)state;
    scripted_init(&script, A);
    scripted_connect(&script, A);
    scripted_welcome(&script, 1, 0, NULL);
    scripted_pass(&script, 60000);
    scripted_expect_nothing(&script);
    scripted_finish(&script);
}

static void any_node_is_enough_when_asked_for(void **state)
{
    const struct kezek_options options = {.endpoints = A "," B, .any_node = true, .seed = {1, 2}};
    (void)state;
    scripted_init_options(&script, &options);
    scripted_connect(&script, A);
    scripted_welcome(&script, 1, 2, B);
    scripted_expect_nothing(&script);
    scripted_submit(&script, 1);
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

static void says_what_the_last_node_said(void **state)
{
    uint8_t bytes[256];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    (void)state;
    scripted_init(&script, A);
    scripted_submit(&script, 1);
    scripted_connect(&script, A);
    kz_goodbye_encode(&writer, "too many connections from your address");
    scripted_say(&script, &writer);
    scripted_expect_close(&script);
    scripted_pass(&script, 10000);
    const struct kezek_outcome *outcome = scripted_outcome(&script, 0, 1, KEZEK_UNAVAILABLE);
    assert_non_null(strstr(outcome->text, "too many connections from your address"));
    assert_non_null(strstr(outcome->text, A));
    scripted_finish(&script);
}

static void leaves_a_node_of_another_cluster(void **state)
{
    struct kezek_options options = {.endpoints = A "," B, .seed = {1, 2}};
    (void)state;
    memset(options.cluster, 8, sizeof options.cluster);
    scripted_init_options(&script, &options);
    scripted_connect(&script, A);
    scripted_welcome(&script, 1, 1, A);
    scripted_expect_close(&script);
    scripted_finish(&script);

    memset(options.cluster, 7, sizeof options.cluster);
    scripted_init_options(&script, &options);
    scripted_begin(&script, A);
    scripted_expect_nothing(&script);
    scripted_finish(&script);
}

static void leaves_a_node_that_names_no_address(void **state)
{
    static const char *const addresses[] = {"", "b", ":2", "b:", "b:0", "b:65536", "b:2x"};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(addresses); i++) {
        scripted_init(&script, A "," C);
        scripted_connect(&script, A);
        scripted_welcome(&script, 1, 2, addresses[i]);
        scripted_expect_close(&script);
        scripted_connect(&script, C);
        scripted_finish(&script);
    }
}

static void leaves_a_node_that_sends_no_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *sentence;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request", 24, "over the bound"},
        {"\x05\x00\x00\x00", 4, "no frame of this protocol"},
        {"\x18\x00\x00\x00\x02", 5, "another version"},
        {"\x18\x00\x00\x00\x01\x02\x00\x00 tag    checksum", 24, "no frame of this protocol"},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        scripted_init(&script, A);
        scripted_submit(&script, 1);
        scripted_connect(&script, A);
        kezek_client_on_bytes(script.client, script.now_ms, (const uint8_t *)cases[i].bytes,
                              cases[i].size);
        scripted_expect_close(&script);
        scripted_pass(&script, 10000);
        assert_non_null(strstr(script.log.outcomes[0].outcome.text, cases[i].sentence));
        scripted_finish(&script);
    }
}

static void leaves_a_node_that_sends_what_only_clients_send(void **state)
{
    uint8_t bytes[256];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    const struct kz_hello hello = {{0}};
    (void)state;
    scripted_init(&script, A);
    scripted_begin(&script, A);
    kz_hello_encode(&writer, 1, &hello);
    scripted_say(&script, &writer);
    scripted_expect_close(&script);
    scripted_finish(&script);
}

static void takes_a_welcome_byte_by_byte(void **state)
{
    uint8_t bytes[256];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    const struct kz_welcome welcome = {
        .cluster = {7}, .node = 1, .leader = 1, .leader_client = {A, 3}};
    (void)state;
    scripted_init(&script, A);
    scripted_submit(&script, 1);
    scripted_connect(&script, A);
    kz_welcome_encode(&writer, 0, &welcome);
    for (size_t i = 0; i < kz_writer_size(&writer); i++) {
        scripted_expect_silence(&script);
        kezek_client_on_bytes(script.client, script.now_ms, bytes + i, 1);
    }
    (void)scripted_expect_submit(&script, 1, 1);
    scripted_finish(&script);
}

static void endpoints_are_checked(void **state)
{
    static const struct {
        const char *endpoints;
        bool good;
    } cases[] = {
        {"a:1", true},
        {"a:1,b:65535,[::1]:7000", true},
        {"a:1,", true},
        {"1:1,2:2,3:3,4:4,5:5,6:6,7:7,8:8,9:9,10:1,11:1,12:1,13:1,14:1,15:1,16:1", true},
        {"1:1,2:2,3:3,4:4,5:5,6:6,7:7,8:8,9:9,10:1,11:1,12:1,13:1,14:1,15:1,16:1,17:1", false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1", true},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1", false},
        {NULL, false},
        {"", false},
        {",", false},
        {"a", false},
        {"a:", false},
        {":1", false},
        {"a:0", false},
        {"a:65536", false},
        {"a:123456", false},
        {"a:1x", false},
        {"a:1,,b:2", false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const struct kezek_options options = {.endpoints = cases[i].endpoints};
        struct kezek_error error = {.code = KEZEK_OK};
        struct kezek_client *client = kezek_client_create(&options, &error);
        if ((client != NULL) != cases[i].good) fail_msg("endpoints \"%s\"", cases[i].endpoints);
        assert_int_equal(error.code, cases[i].good ? KEZEK_OK : KEZEK_USAGE);
        kezek_client_destroy(client);
    }
}

static void request_ids_differ_between_clients_and_calls(void **state)
{
    const struct kezek_options options = {.endpoints = A};
    struct kezek_client *clients[2] = {kezek_client_create(&options, NULL),
                                       kezek_client_create(&options, NULL)};
    uint8_t ids[4][16];
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        kezek_client_draw_request(clients[i % 2], ids[i]);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(ids[i], ids[j], 16);
    }
    kezek_client_destroy(clients[0]);
    kezek_client_destroy(clients[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_hello_and_asks_nothing_before_the_welcome),
        cmocka_unit_test(follows_to_the_leader_at_once),
        cmocka_unit_test(follows_a_leader_that_changes_later),
        cmocka_unit_test(two_nodes_that_name_each_other_make_no_busy_loop),
        cmocka_unit_test(tries_every_endpoint_before_it_waits),
        cmocka_unit_test(waits_half_a_second_at_most),
        cmocka_unit_test(leaves_a_node_that_does_not_greet),
        cmocka_unit_test(a_short_timeout_leaves_time_for_the_second_endpoint),
        cmocka_unit_test(leaves_a_node_that_owes_an_answer_and_is_silent),
        cmocka_unit_test(any_byte_shows_that_a_node_is_alive),
        cmocka_unit_test(leaves_a_node_that_knows_no_leader_for_a_second),
        cmocka_unit_test(stays_with_the_only_node_though_it_knows_no_leader),
        cmocka_unit_test(any_node_is_enough_when_asked_for),
        cmocka_unit_test(says_what_the_last_node_said),
        cmocka_unit_test(leaves_a_node_of_another_cluster),
        cmocka_unit_test(leaves_a_node_that_names_no_address),
        cmocka_unit_test(leaves_a_node_that_sends_no_frames),
        cmocka_unit_test(leaves_a_node_that_sends_what_only_clients_send),
        cmocka_unit_test(takes_a_welcome_byte_by_byte),
        cmocka_unit_test(endpoints_are_checked),
        cmocka_unit_test(request_ids_differ_between_clients_and_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
