/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define NEEDED \
    "--data", "/d", "--client", "127.0.0.1:1", "--peer", "127.0.0.1:2", "--admin", "127.0.0.1:3"
#define FLAGS_MAX 32

static char *strings[FLAGS_MAX];

/* Reads the flags of TEXTS (up to NULL) behind NEEDED. */
static enum kz_status read_flags(const char *const *texts, struct kz_options *options,
                                 struct kz_error *error)
{
    static const char *const needed[] = {"kezekd", NEEDED};
    int count = 0;

    for (size_t i = 0; i < COUNT(needed); i++)
        strings[count++] = strdup(needed[i]);
    for (; *texts != NULL; texts++)
        strings[count++] = strdup(*texts);
    enum kz_status status = kz_options_read(count, strings, options, error);
    for (int i = 0; i < count; i++)
        free(strings[i]);
    return status;
}

static void what_is_not_given_has_its_default(void **state)
{
    struct kz_options options;
    struct kz_error error;
    (void)state;

    assert_int_equal(read_flags((const char *const[]){NULL}, &options, &error), KZ_OK);
    assert_string_equal(options.data, "/d");
    assert_string_equal(options.peer.text, "127.0.0.1:2");
    assert_int_equal(options.id, 0);
    assert_int_equal(options.cluster.count, 0);
    assert_int_equal(options.election_timeout_ms, 300);
    assert_int_equal(options.heartbeat_ms, 50);
    assert_int_equal(options.map_size, 0);
    assert_int_equal(options.connections, 10000);
    assert_int_equal(options.connections_per_address, 256);
    assert_int_equal(options.refusals_per_minute, 100);
    assert_false(options.clock.demo);
    kz_options_finish(&options);
}

static void flags_take_their_value_behind_a_space_or_an_equals_sign(void **state)
{
    const char *const flags[] = {"--id=7", "--accept-time", "1970-01-01T00:00:01Z",
                                 "--cluster-id=000102030405060708090A0b0c0d0e0f", NULL};
    struct kz_options options;
    struct kz_error error;
    (void)state;

    assert_int_equal(read_flags(flags, &options, &error), KZ_OK);
    assert_int_equal(options.id, 7);
    assert_int_equal(options.accept_time, 1000);
    for (int i = 0; i < KZ_ID_SIZE; i++)
        assert_int_equal(options.cluster_id[i], i);
    kz_options_finish(&options);
}

static void sizes_have_a_suffix_and_a_range(void **state)
{
    static const struct {
        const char *flag;
        uint64_t size; /* 0: wrong */
    } table[] = {
        {"--map-size=1048576", 1 << 20},
        {"--map-size=1M", 1 << 20},
        {"--map-size=1024K", 1 << 20},
        {"--map-size=3G", 3ull << 30},
        {"--map-size=64T", 64ull << 40},
        {"--map-size=65T", 0},
        {"--map-size=1023K", 0},
        {"--map-size=1m", 0},
        {"--map-size=M", 0},
        {"--map-size=", 0},
        {"--map-size=18446744073709551615T", 0},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        struct kz_options options;
        struct kz_error error;
        enum kz_status status =
            read_flags((const char *const[]){table[i].flag, NULL}, &options, &error);
        assert_int_equal(status, table[i].size == 0 ? KZ_USAGE : KZ_OK);
        assert_int_equal(options.map_size, table[i].size);
        kz_options_finish(&options);
    }
}

/* Writes TEXT into a file of its own and reads it with FLAG behind. */
static enum kz_status read_file(const char *text, const char *flag, struct kz_options *options,
                                struct kz_error *error)
{
    char path[] = "/tmp/kezek-test-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    enum kz_status status =
        read_flags((const char *const[]){"--config", path, flag, NULL}, options, error);
    unlink(path);
    return status;
}

static void a_flag_wins_over_the_file_and_the_file_over_the_default(void **state)
{
    struct kz_options options;
    struct kz_error error;
    (void)state;

    assert_int_equal(
        read_file("heartbeat = 40\nelection-timeout = 500\n", "--heartbeat=60", &options, &error),
        KZ_OK);
    assert_int_equal(options.heartbeat_ms, 60);
    assert_int_equal(options.election_timeout_ms, 500);
    kz_options_finish(&options);
}

static void a_wrong_value_in_the_file_is_told_even_when_a_flag_wins(void **state)
{
    struct kz_options options;
    struct kz_error error;
    (void)state;

    assert_int_equal(read_file("heartbeat = often\n", "--heartbeat=60", &options, &error),
                     KZ_USAGE);
    assert_non_null(strstr(error.text, ":1: heartbeat: \"often\" is not allowed"));
    kz_options_finish(&options);
}

static void the_section_gives_the_nodes_unless_a_flag_does(void **state)
{
    const char *file = "id = 2\n[cluster]\n1 = 127.0.0.1:9\n2 = 127.0.0.1:2\n";
    struct kz_options options;
    struct kz_error error;
    (void)state;

    assert_int_equal(read_file(file, NULL, &options, &error), KZ_OK);
    assert_int_equal(options.cluster.count, 2);
    assert_int_equal(options.cluster.members[0].id, 1);
    kz_options_finish(&options);

    assert_int_equal(read_file(file, "--cluster=2=127.0.0.1:2", &options, &error), KZ_OK);
    assert_int_equal(options.cluster.count, 1);
    kz_options_finish(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(flags_take_their_value_behind_a_space_or_an_equals_sign),
        cmocka_unit_test(sizes_have_a_suffix_and_a_range),
        cmocka_unit_test(a_flag_wins_over_the_file_and_the_file_over_the_default),
        cmocka_unit_test(a_wrong_value_in_the_file_is_told_even_when_a_flag_wins),
        cmocka_unit_test(the_section_gives_the_nodes_unless_a_flag_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
