/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/client/asking.h"

struct scripted script;
struct got got;

static size_t content_size; /* of what the test's question is answered with */

void keep(void *data, const struct kezek_answer *answer, const void *content, uint32_t count)
{
    (void)data;
    got.calls++;
    got.answer = *answer;
    got.has_content = content != NULL;
    got.count = count;
    if (content == NULL) return;
    assert_true(content_size <= sizeof got.content);
    memcpy(&got.content, content, content_size);
}

static void ask_with(struct kezek_question question, kezek_answer_callback callback, size_t size)
{
    memset(&got, 0, sizeof got);
    content_size = size;
    assert_int_equal(
        kezek_client_ask(script.client, script.now_ms, &question, callback, NULL, NULL), KEZEK_OK);
}

struct kz_query begin_with(struct kezek_question question, kezek_answer_callback callback,
                           size_t size, uint64_t *out_tag)
{
    struct kz_query query;
    scripted_init(&script, A "," B);
    scripted_begin(&script, A);
    ask_with(question, callback, size);
    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_QUERY);
    assert_int_equal(kz_query_decode(&frame, &query), KZ_OK);
    *out_tag = frame.tag;
    return query;
}

/* ---- Answers under construction ---- */

static struct {
    uint8_t bytes[KZ_NODE_FRAME_SIZE_MAX];
    struct kz_writer writer;
    struct kz_answer_writer answer;
} reply;

struct kz_writer *begin_reply(uint8_t what)
{
    const struct kz_answer_header header = {
        .code = KZ_ANSWER_APPLIED, .what = what, .found = true, .applied = 55, .time = 66};
    reply.writer = kz_writer_init(reply.bytes, sizeof reply.bytes);
    kz_answer_begin(&reply.answer, &reply.writer, &header);
    return &reply.writer;
}

void say_reply(uint64_t tag)
{
    kz_answer_finish(&reply.answer, tag);
    scripted_say(&script, &reply.writer);
}

void say_header(uint64_t tag, struct kz_answer_header header)
{
    reply.writer = kz_writer_init(reply.bytes, sizeof reply.bytes);
    kz_answer_begin(&reply.answer, &reply.writer, &header);
    say_reply(tag);
}

void expect_content(uint32_t count)
{
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.answer.code, KEZEK_OK);
    assert_int_equal(got.answer.applied, 55);
    assert_int_equal(got.answer.time, 66);
    assert_true(got.has_content);
    assert_int_equal(got.count, count);
    assert_int_equal(kezek_client_waiting(script.client), 0);
    scripted_finish(&script);
    assert_int_equal(got.calls, 1);
}
