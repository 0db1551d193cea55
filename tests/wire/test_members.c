/* SPDX-License-Identifier: Apache-2.0 */
#include "client/wire/members.h"
#include "tests/wire/fixture.h"

#include <string.h>

static bool takes_change(const struct kz_frame *frame)
{
    struct kz_change change;
    return kz_change_decode(frame, &change) == KZ_OK;
}

static bool takes_changed(const struct kz_frame *frame)
{
    struct kz_changed changed;
    return kz_changed_decode(frame, &changed) == KZ_OK;
}

static struct kz_text text(const char *bytes)
{
    return (struct kz_text){bytes, (uint16_t)strlen(bytes)};
}

static void a_change_comes_back(void **state)
{
    (void)state;
    const struct kz_change changes[] = {
        {KZ_CHANGE_ADD, 7, 4, text("127.0.0.1:7004"), text("127.0.0.1:7104")},
        {KZ_CHANGE_PROMOTE, 0, 4, text(""), text("")},
        {KZ_CHANGE_REMOVE, UINT32_MAX, INT64_MAX, text(""), text("")},
        {KZ_CHANGE_LEADER, 1, 1, text(""), text("")},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct kz_change again;
        struct kz_writer writer = fresh();
        kz_change_encode(&writer, TAG, &changes[i]);
        is_exactly_one_message(&writer, takes_change);

        struct kz_frame frame = parsed(&writer);
        kz_change_decode(&frame, &again);
        assert_int_equal(again.what, changes[i].what);
        assert_int_equal(again.actor, changes[i].actor);
        assert_int_equal(again.node, changes[i].node);
        assert_int_equal(again.peer.size, changes[i].peer.size);
        assert_memory_equal(again.peer.bytes, changes[i].peer.bytes, again.peer.size);
        assert_int_equal(again.client.size, changes[i].client.size);
        assert_memory_equal(again.client.bytes, changes[i].client.bytes, again.client.size);
    }
}

static void a_change_that_makes_no_sense_is_malformed(void **state)
{
    (void)state;
    const struct kz_change changes[] = {
        {0, 0, 4, text(""), text("")},
        {KZ_CHANGE_END, 0, 4, text(""), text("")},
        {KZ_CHANGE_REMOVE, 0, 0, text(""), text("")},
        {KZ_CHANGE_REMOVE, 0, (uint64_t)INT64_MAX + 1, text(""), text("")},
        {KZ_CHANGE_ADD, 0, 4, text("a:1"), text("")},
        {KZ_CHANGE_ADD, 0, 4, text(""), text("a:1")},
        {KZ_CHANGE_REMOVE, 0, 4, text("a:1"), text("")},
        {KZ_CHANGE_LEADER, 0, 4, text(""), text("a:1")},
        {KZ_CHANGE_ADD, 0, 4, text("a:1"), text("\x1b[2J")},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct kz_writer writer = fresh();
        kz_change_encode(&writer, TAG, &changes[i]);
        struct kz_frame frame = parsed(&writer);
        assert_false(takes_change(&frame));
    }
    const struct kz_change right = {KZ_CHANGE_REMOVE, 0, 4, text(""), text("")};
    for (int offset = 1; offset < 4; offset++) { /* the reserved bytes */
        struct kz_writer writer = fresh();
        kz_change_encode(&writer, TAG, &right);
        buffer[KZ_FRAME_HEADER_SIZE + offset] = 1;
        kz_frame_seal(buffer, KZ_MESSAGE_CHANGE, TAG,
                      kz_writer_size(&writer) - KZ_FRAME_HEADER_SIZE);
        struct kz_frame frame = parsed(&writer);
        assert_false(takes_change(&frame));
    }
}

static void what_became_of_a_change_comes_back(void **state)
{
    (void)state;
    const struct kz_changed changed = {
        .code = KZ_ANSWER_REFUSED,
        .result = KZ_RESULT_NOT_ALLOWED,
        .reason = KZ_REASON_MEMBERS,
        .retry_ms = 50,
        .index = 12,
        .leader = 3,
        .sentence = text("node 1 is the only voter"),
    };
    struct kz_changed again;
    struct kz_writer writer = fresh();
    kz_changed_encode(&writer, TAG, &changed);
    is_exactly_one_message(&writer, takes_changed);
    struct kz_frame frame = parsed(&writer);
    kz_changed_decode(&frame, &again);
    assert_int_equal(again.code, changed.code);
    assert_int_equal(again.result, changed.result);
    assert_int_equal(again.reason, changed.reason);
    assert_int_equal(again.retry_ms, 50);
    assert_int_equal(again.index, 12);
    assert_int_equal(again.leader, 3);
    assert_int_equal(again.sentence.size, changed.sentence.size);
    assert_memory_equal(again.sentence.bytes, changed.sentence.bytes, again.sentence.size);
}

static void an_unknown_word_in_an_answer_is_malformed(void **state)
{
    (void)state;
    const struct kz_changed wrongs[] = {
        {.code = KZ_ANSWER_CODE_END}, {.code = KZ_ANSWER_REPEATED}, {.code = KZ_ANSWER_MALFORMED},
        {.result = KZ_RESULT_END},    {.reason = KZ_REASON_END},
    };
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct kz_writer writer = fresh();
        kz_changed_encode(&writer, TAG, &wrongs[i]);
        struct kz_frame frame = parsed(&writer);
        assert_false(takes_changed(&frame));
    }
}

static struct kz_members_content full(void)
{
    static char addresses[KZ_MEMBERS_MAX][KZ_ADDRESS_SIZE_MAX];
    struct kz_members_content content = {
        .node = 1, .leader = 2, .term = 3, .last_index = 4, .count = KZ_MEMBERS_MAX};
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        memset(addresses[i], 'a' + (int)i, KZ_ADDRESS_SIZE_MAX);
        const struct kz_text address = {addresses[i], KZ_ADDRESS_SIZE_MAX};
        content.members[i].member =
            (struct kz_member){i + 1, i % 2 == 0 ? KZ_VOTER : KZ_STANDBY, address, address};
        content.members[i].connected = i % 3 == 0;
        content.members[i].match = 100 + i;
    }
    return content;
}

static void members_come_back(void **state)
{
    (void)state;
    const struct kz_members_content content = full();
    struct kz_members_content again;
    struct kz_writer writer = fresh();
    kz_members_content_write(&writer, &content);
    assert_int_equal(kz_writer_size(&writer), KZ_MEMBERS_CONTENT_SIZE_MAX);

    struct kz_reader reader = kz_reader_init(buffer, kz_writer_size(&writer));
    kz_members_content_read(&reader, &again);
    assert_true(kz_reader_done(&reader));
    assert_int_equal(again.node, 1);
    assert_int_equal(again.leader, 2);
    assert_int_equal(again.term, 3);
    assert_int_equal(again.last_index, 4);
    assert_int_equal(again.count, KZ_MEMBERS_MAX);
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        const struct kz_member_content *member = &again.members[i];
        assert_int_equal(member->member.id, content.members[i].member.id);
        assert_int_equal(member->member.role, content.members[i].member.role);
        assert_int_equal(member->connected, content.members[i].connected);
        assert_int_equal(member->match, content.members[i].match);
        assert_memory_equal(member->member.client.bytes, content.members[i].member.client.bytes,
                            KZ_ADDRESS_SIZE_MAX);
    }
}

static void members_cut_short_or_too_many_are_malformed(void **state)
{
    (void)state;
    const struct kz_members_content content = full();
    struct kz_members_content again;
    struct kz_writer writer = fresh();
    kz_members_content_write(&writer, &content);
    for (size_t size = 0; size < kz_writer_size(&writer); size++) {
        struct kz_reader reader = kz_reader_init(buffer, size);
        kz_members_content_read(&reader, &again);
        assert_false(kz_reader_done(&reader));
    }
    buffer[32] = KZ_MEMBERS_MAX + 1;
    struct kz_reader reader = kz_reader_init(buffer, kz_writer_size(&writer));
    kz_members_content_read(&reader, &again);
    assert_true(reader.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_comes_back),
        cmocka_unit_test(a_change_that_makes_no_sense_is_malformed),
        cmocka_unit_test(what_became_of_a_change_comes_back),
        cmocka_unit_test(an_unknown_word_in_an_answer_is_malformed),
        cmocka_unit_test(members_come_back),
        cmocka_unit_test(members_cut_short_or_too_many_are_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
