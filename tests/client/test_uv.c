/* SPDX-License-Identifier: Apache-2.0 */
/* The libuv glue against a small node on the same loop: real sockets on loopback, free ports. */
#include "client/wire/messages.h"
#include "tests/base/testing.h"

#include <kezek/kezek_uv.h>
#include <stdlib.h>
#include <uv.h>

#define COMMANDS 50

/* A node that leads and takes everything; it drops its first connection after the first SUBMIT. */
struct node {
    uv_tcp_t listener;
    uv_tcp_t *connection;
    int port;
    unsigned accepted;
    uint64_t last_index;
    bool drops_first;
    uint8_t bytes[1 << 20];
    size_t size;
};

static uv_loop_t loop;
static struct node node;

static void on_freed(uv_handle_t *handle)
{
    free(handle);
}

static void on_said(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
    free(write);
}

static void say(const struct kz_writer *writer)
{
    uv_write_t *write = malloc(sizeof *write);
    size_t size = kz_writer_size(writer);
    char *bytes = malloc(size);
    memcpy(bytes, writer->first, size);
    write->data = bytes;
    uv_buf_t buffer = uv_buf_init(bytes, (unsigned)size);
    assert_int_equal(uv_write(write, (uv_stream_t *)node.connection, &buffer, 1, on_said), 0);
}

static void drop(void)
{
    uv_close((uv_handle_t *)node.connection, on_freed);
    node.connection = NULL;
    node.size = 0;
}

static void answer(const struct kz_frame *frame)
{
    static uint8_t bytes[1 << 16];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    struct kz_answer answers[KZ_COMMANDS_MAX];
    struct kz_command_reader commands;

    if (frame->type == KZ_MESSAGE_HELLO) {
        kz_welcome_encode(&writer, frame->tag, &(struct kz_welcome){.node = 1, .leader = 1});
    } else if (frame->type == KZ_MESSAGE_SUBMIT) {
        if (node.drops_first && node.accepted == 1) {
            drop();
            return;
        }
        assert_int_equal(kz_submit_decode(frame, &commands), KZ_OK);
        for (unsigned i = 0; i < commands.count; i++)
            answers[i] = (struct kz_answer){.index = ++node.last_index};
        kz_results_encode(&writer, frame->tag, answers, commands.count);
    }
    if (kz_writer_size(&writer) > 0) say(&writer);
}

static void give_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)handle;
    (void)suggested;
    *out = uv_buf_init((char *)node.bytes + node.size, (unsigned)(sizeof node.bytes - node.size));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct kz_frame frame;
    size_t size;
    (void)stream;
    (void)buffer;
    if (got < 0) {
        drop();
        return;
    }
    node.size += (size_t)got;
    while (node.connection != NULL &&
           kz_frame_parse(node.bytes, node.size, KZ_CLIENT_FRAME_SIZE_MAX, &frame, &size) ==
               KZ_OK) {
        answer(&frame);
        if (node.connection == NULL) return;
        memmove(node.bytes, node.bytes + size, node.size - size);
        node.size -= size;
    }
}

static void on_accept(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    node.connection = malloc(sizeof *node.connection);
    node.accepted++;
    (void)uv_tcp_init(&loop, node.connection);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)node.connection), 0);
    (void)uv_read_start((uv_stream_t *)node.connection, give_memory, on_read);
}

static int begin(void **state)
{
    struct sockaddr_in address;
    int size = sizeof address;
    (void)state;
    memset(&node, 0, sizeof node);
    (void)uv_loop_init(&loop);
    (void)uv_tcp_init(&loop, &node.listener);
    (void)uv_ip4_addr("127.0.0.1", 0, &address);
    (void)uv_tcp_bind(&node.listener, (struct sockaddr *)&address, 0);
    (void)uv_listen((uv_stream_t *)&node.listener, 16, on_accept);
    (void)uv_tcp_getsockname(&node.listener, (struct sockaddr *)&address, &size);
    node.port = (address.sin_port & 0xff) << 8 | address.sin_port >> 8;
    return 0;
}

static int end(void **state)
{
    (void)state;
    uv_close((uv_handle_t *)&node.listener, NULL);
    if (node.connection != NULL) drop();
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* ---- The client's side ---- */

static struct kezek_uv *handle;
static unsigned counts[KEZEK_CLOSED + 1];
static unsigned closed;
static bool close_at_first;

static void on_closed(void *data)
{
    (*(unsigned *)data)++;
}

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    unsigned *waiting = data;
    counts[outcome->code]++;
    if (--*waiting == 0 || (close_at_first && counts[KEZEK_OK] == 1)) {
        kezek_uv_close(handle, on_closed, &closed);
        kezek_uv_close(handle, on_closed, &closed); /* once is enough */
    }
}

/* HOST may have other endpoints before it. */
static void run(const char *host, uint32_t timeout_ms)
{
    char endpoints[128];
    unsigned waiting = COMMANDS;
    struct kezek_error error;

    (void)snprintf(endpoints, sizeof endpoints, "%s:%d", host, node.port);
    const struct kezek_options options = {.endpoints = endpoints, .timeout_ms = timeout_ms};
    memset(counts, 0, sizeof counts);
    closed = 0;
    handle = kezek_uv_open(&loop, &options, &error);
    assert_non_null(handle);
    struct kezek_command *command = kezek_command_create("ready", &error);
    assert_int_equal(kezek_command_set(command, "application", "1", &error), KEZEK_OK);
    for (unsigned i = 0; i < COMMANDS; i++) {
        assert_int_equal(kezek_client_submit(kezek_uv_client(handle), uv_now(&loop), command,
                                             on_outcome, &waiting, &error),
                         KEZEK_OK);
    }
    kezek_uv_flush(handle);
    kezek_command_destroy(command);
    while (closed == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(waiting, 0);
    assert_int_equal(closed, 1);
}

static void commands_are_answered(void **state)
{
    (void)state;
    run("127.0.0.1", 0);
    assert_int_equal(counts[KEZEK_OK], COMMANDS);
    assert_int_equal(node.accepted, 1);
}

static void a_name_is_looked_up_and_its_addresses_tried(void **state)
{
    (void)state;
    run("localhost", 0);
    assert_int_equal(counts[KEZEK_OK], COMMANDS);
}

static void a_lost_connection_is_made_again(void **state)
{
    (void)state;
    node.drops_first = true;
    run("127.0.0.1", 0);
    assert_int_equal(counts[KEZEK_OK], COMMANDS);
    assert_int_equal(node.accepted, 2);
}

static void without_a_node_the_time_runs_out(void **state)
{
    (void)state;
    run("127.0.0.1:1,no..name", 200);
    assert_int_equal(counts[KEZEK_UNAVAILABLE], COMMANDS);
}

static void closing_in_a_callback_answers_the_rest(void **state)
{
    (void)state;
    close_at_first = true;
    run("127.0.0.1", 0);
    close_at_first = false;
    assert_int_equal(counts[KEZEK_OK] + counts[KEZEK_CLOSED], COMMANDS);
}

static void wrong_options_open_nothing(void **state)
{
    const struct kezek_options options = {.endpoints = "nonsense"};
    struct kezek_error error;
    (void)state;
    assert_null(kezek_uv_open(&loop, &options, &error));
    assert_int_equal(error.code, KEZEK_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_are_answered, begin, end),
        cmocka_unit_test_setup_teardown(a_name_is_looked_up_and_its_addresses_tried, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_connection_is_made_again, begin, end),
        cmocka_unit_test_setup_teardown(without_a_node_the_time_runs_out, begin, end),
        cmocka_unit_test_setup_teardown(closing_in_a_callback_answers_the_rest, begin, end),
        cmocka_unit_test_setup_teardown(wrong_options_open_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
