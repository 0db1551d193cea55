/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/peer_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[KZ_RECORD_SIZE_MAX + KZ_PEER_SMALL_SIZE_MAX];

static struct kz_frame parsed(const struct kz_writer *writer)
{
    struct kz_frame frame;
    size_t size;
    assert_false(writer->failed);
    assert_int_equal(
        kz_frame_parse(writer->first, kz_writer_size(writer), sizeof(buffer), &frame, &size),
        KZ_OK);
    return frame;
}

static const struct kz_peer_hello example = {
    .cluster = {1, 2},
    .id = 3,
    .to = 1,
    .incarnation = {4},
    .list = {5},
    .first = {6},
    .known = {7},
    .members_index = 8,
    .standing = {10, 11, 12},
    .empty = true,
    .disk_full = true,
    .rules = 9,
    .peer = {"127.0.0.1:7203", 14},
    .client = {"127.0.0.1:7103", 14},
};

static void hello_comes_back_and_nothing_else_is_one(void **state)
{
    (void)state;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_hello_encode(&writer, &example);
    struct kz_frame frame = parsed(&writer);
    struct kz_peer_hello again;
    assert_int_equal(kz_peer_hello_decode(&frame, &again), KZ_OK);
    assert_memory_equal(again.cluster, example.cluster, KZ_ID_SIZE);
    assert_int_equal(again.id, 3);
    assert_int_equal(again.to, 1);
    assert_memory_equal(again.incarnation, example.incarnation, KZ_ID_SIZE);
    assert_memory_equal(again.list, example.list, KZ_ID_SIZE);
    assert_memory_equal(again.first, example.first, KZ_ID_SIZE);
    assert_memory_equal(again.known, example.known, KZ_ID_SIZE);
    assert_int_equal(again.members_index, 8);
    assert_int_equal(again.standing.term, 10);
    assert_int_equal(again.standing.voted_for, 11);
    assert_int_equal(again.standing.index, 12);
    assert_true(again.empty);
    assert_true(again.disk_full);
    assert_int_equal(again.rules, 9);
    assert_memory_equal(again.peer.bytes, "127.0.0.1:7203", 14);
    assert_memory_equal(again.client.bytes, "127.0.0.1:7103", 14);

    size_t size = frame.body_size;
    for (frame.body_size = 0; frame.body_size < size; frame.body_size++)
        assert_int_equal(kz_peer_hello_decode(&frame, &again), KZ_MALFORMED);
    frame.body_size = size + 1;
    assert_int_equal(kz_peer_hello_decode(&frame, &again), KZ_MALFORMED);
}

static void the_hello_has_the_documented_offsets(void **state)
{
    (void)state;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_hello_encode(&writer, &example);
    const uint8_t *body = buffer + KZ_FRAME_HEADER_SIZE;
    assert_int_equal(body[0], 1);
    assert_int_equal(body[16], 3);
    assert_int_equal(body[24], 1);
    assert_int_equal(body[32], 4);
    assert_int_equal(body[48], 5);
    assert_int_equal(body[64], 6);
    assert_int_equal(body[80], 7);
    assert_int_equal(body[96], 8);
    assert_int_equal(body[104], 10);
    assert_int_equal(body[112], 11);
    assert_int_equal(body[120], 12);
    assert_int_equal(body[128], 3);
    assert_int_equal(body[129], 9);
    assert_int_equal(body[130], 14);
    assert_int_equal(body[145], 14);
    assert_int_equal(kz_writer_size(&writer), KZ_FRAME_HEADER_SIZE + 160);
}

static void a_hello_without_an_id_is_malformed(void **state)
{
    (void)state;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    struct kz_peer_hello hello = example;
    hello.id = 0;
    kz_peer_hello_encode(&writer, &hello);
    struct kz_frame frame = parsed(&writer);
    assert_int_equal(kz_peer_hello_decode(&frame, &hello), KZ_MALFORMED);
}

static void a_hello_without_rules_is_malformed(void **state)
{
    (void)state;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    struct kz_peer_hello hello = example;
    hello.rules = 0;
    kz_peer_hello_encode(&writer, &hello);
    struct kz_frame frame = parsed(&writer);
    assert_int_equal(kz_peer_hello_decode(&frame, &hello), KZ_MALFORMED);
}

static void a_refusal_comes_back(void **state)
{
    (void)state;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_refused_encode(&writer, KZ_REFUSED_LOST, "its disk is empty");
    struct kz_frame frame = parsed(&writer);
    enum kz_refusal why;
    struct kz_text sentence;
    assert_int_equal(kz_peer_refused_decode(&frame, &why, &sentence), KZ_OK);
    assert_int_equal(why, KZ_REFUSED_LOST);
    assert_memory_equal(sentence.bytes, "its disk is empty", 17);
    size_t size = frame.body_size;
    for (frame.body_size = 0; frame.body_size < size; frame.body_size++)
        assert_int_equal(kz_peer_refused_decode(&frame, &why, &sentence), KZ_MALFORMED);
}

static void pairs_come_back_at_their_widths(void **state)
{
    (void)state;
    for (unsigned type = KZ_PEER_CLOCK; type <= KZ_PEER_READ_INDEX_ANSWER; type++) {
        struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
        kz_peer_pair_encode(&writer, (enum kz_peer_frame)type, (struct kz_peer_pair){7, 8});
        struct kz_frame frame = parsed(&writer);
        struct kz_peer_pair pair;
        bool single = type == KZ_PEER_CLOCK || type == KZ_PEER_READ_INDEX;
        assert_int_equal(frame.body_size, single ? 8 : 16);
        assert_int_equal(kz_peer_pair_decode(&frame, &pair), KZ_OK);
        assert_int_equal(pair.first, 7);
        assert_int_equal(pair.second, single ? 0 : 8);
        frame.body_size--;
        assert_int_equal(kz_peer_pair_decode(&frame, &pair), KZ_MALFORMED);
        frame.body_size += 2;
        assert_int_equal(kz_peer_pair_decode(&frame, &pair), KZ_MALFORMED);
    }
}

static void a_first_entry_is_a_membership_or_nothing(void **state)
{
    (void)state;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry = {.type = KZ_MEMBERSHIP};
    entry.membership.count = 1;
    entry.membership.members[0] = (struct kz_member){1, KZ_VOTER, {"a:1", 3}, {"b:2", 3}};
    struct kz_membership_fields members;
    size_t size = kz_record_encode(&entry, record, sizeof(record));

    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_first_entry_encode(&writer, record, size);
    struct kz_frame frame = parsed(&writer);
    assert_int_equal(kz_peer_first_entry_decode(&frame, &members), KZ_OK);
    assert_int_equal(members.count, 1);
    assert_int_equal(members.members[0].id, 1);

    frame.body_size = 0;
    assert_int_equal(kz_peer_first_entry_decode(&frame, &members), KZ_OK);
    assert_int_equal(members.count, 0);

    entry.time = 1;
    size = kz_record_encode(&entry, record, sizeof(record));
    writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_first_entry_encode(&writer, record, size);
    frame = parsed(&writer);
    assert_int_equal(kz_peer_first_entry_decode(&frame, &members), KZ_MALFORMED);

    entry = (struct kz_entry){.type = KZ_BARRIER};
    size = kz_record_encode(&entry, record, sizeof(record));
    writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_first_entry_encode(&writer, record, size);
    frame = parsed(&writer);
    assert_int_equal(kz_peer_first_entry_decode(&frame, &members), KZ_MALFORMED);
}

/* Every size but the right one, and every value of a byte that is reserved, is malformed. */
static void a_fetch_comes_back_and_nothing_else_is_one(void **state)
{
    (void)state;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_fetch_encode(
        &writer,
        &(struct kz_peer_fetch){.index = 1025, .count = KZ_FETCH_RESULTS_MAX, .results = true});
    struct kz_frame frame = parsed(&writer);
    uint8_t *body = buffer + KZ_FRAME_HEADER_SIZE;
    struct kz_peer_fetch again;
    assert_int_equal(frame.body_size, 32);
    assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_OK);
    assert_int_equal(again.index, 1025);
    assert_int_equal(again.count, KZ_FETCH_RESULTS_MAX);
    assert_true(again.results);

    body[12] = 0; /* of entries one at a time */
    assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_MALFORMED);
    body[12] = 2;
    assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_MALFORMED);
    body[12] = 1;
    for (size_t i = 13; i < 32; i++) { /* results have no term, and nobody leaves one for them */
        body[i] = 1;
        assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_MALFORMED);
        body[i] = 0;
    }
    frame.body_size = 31;
    assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_MALFORMED);
    frame.body_size = 32;
    kz_put_u64(body, 0);
    assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_MALFORMED);
}

static void a_fetch_of_an_entry_names_its_term(void **state)
{
    (void)state;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_fetch_encode(&writer,
                         &(struct kz_peer_fetch){.index = 7, .count = 1, .term = 3, .leave = 4});
    struct kz_frame frame = parsed(&writer);
    uint8_t *body = buffer + KZ_FRAME_HEADER_SIZE;
    struct kz_peer_fetch again;
    assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_OK);
    assert_int_equal(again.term, 3);
    assert_int_equal(again.leave, 4);
    static const struct {
        unsigned offset;
        uint64_t value;
    } wrong[] = {{16, 0}, {16, UINT64_MAX}, {24, 2}, {24, INT64_MAX}};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        kz_put_u64(body + 16, 3);
        kz_put_u64(body + 24, 4);
        kz_put_u64(body + wrong[i].offset, wrong[i].value);
        assert_int_equal(kz_peer_fetch_decode(&frame, &again), KZ_MALFORMED);
    }
}

static void what_was_fetched_comes_back(void **state)
{
    (void)state;
    static const uint8_t results[3] = {1, 2, 3};
    struct kz_peer_fetched again;
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_fetched_encode(
        &writer, &(struct kz_peer_fetched){.fetch = {.index = 7, .count = 3, .results = true},
                                           .committed = 7,
                                           .committed_term = 2,
                                           .content = results,
                                           .size = sizeof(results)});
    struct kz_frame frame = parsed(&writer);
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_OK);
    assert_int_equal(again.state, KZ_FETCHED_HERE);
    assert_int_equal(again.committed, 7);
    assert_int_equal(again.committed_term, 2);
    assert_int_equal(again.size, 3);
    assert_memory_equal(again.content, results, 3);
    kz_put_u64(buffer + KZ_FRAME_HEADER_SIZE + 40, 8); /* behind what was asked for */
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_MALFORMED);
    kz_put_u64(buffer + KZ_FRAME_HEADER_SIZE + 40, 0); /* a term of nothing */
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_MALFORMED);
    kz_put_u64(buffer + KZ_FRAME_HEADER_SIZE + 40, 7);
    frame.body_size--; /* two results for three */
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_MALFORMED);

    writer = kz_writer_init(buffer, sizeof(buffer));
    const struct kz_peer_fetch of_an_entry = {.index = 7, .count = 1, .term = 2};
    kz_peer_fetched_encode(
        &writer, &(struct kz_peer_fetched){.fetch = of_an_entry, .state = KZ_FETCHED_DAMAGED});
    frame = parsed(&writer);
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_OK);
    assert_int_equal(again.state, KZ_FETCHED_DAMAGED);
    buffer[KZ_FRAME_HEADER_SIZE + 32] = KZ_FETCHED_HERE; /* and no entry */
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_MALFORMED);
    buffer[KZ_FRAME_HEADER_SIZE + 32] = KZ_FETCHED_END;
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_MALFORMED);

    writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_fetched_encode(&writer, &(struct kz_peer_fetched){.fetch = of_an_entry,
                                                              .state = KZ_FETCHED_ABSENT,
                                                              .lacking_term = 5});
    frame = parsed(&writer);
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_OK);
    assert_int_equal(again.lacking_term, 5);
    buffer[KZ_FRAME_HEADER_SIZE + 32] = KZ_FETCHED_DAMAGED; /* who has it does not lack it */
    assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_MALFORMED);
    buffer[KZ_FRAME_HEADER_SIZE + 32] = KZ_FETCHED_ABSENT;
    for (size_t i = 33; i < 40; i++) {
        buffer[KZ_FRAME_HEADER_SIZE + i] = 1;
        assert_int_equal(kz_peer_fetched_decode(&frame, &again), KZ_MALFORMED);
        buffer[KZ_FRAME_HEADER_SIZE + i] = 0;
    }
}

static void a_digest_report_comes_back_and_nothing_else_is_one(void **state)
{
    (void)state;
    const struct kz_digest_value value = {
        .at = 300, .since = 299, .version = 2, .state = {3}, .results = {4}};
    struct kz_writer writer = kz_writer_init(buffer, sizeof(buffer));
    kz_peer_digest_report_encode(&writer, &value);
    struct kz_frame frame = parsed(&writer);
    struct kz_digest_value again;
    assert_int_equal(frame.type, 0x6a);
    assert_int_equal(frame.body_size, 72);
    assert_int_equal(kz_peer_digest_report_decode(&frame, &again), KZ_OK);
    assert_true(kz_digest_values_equal(&again, &value));
    const uint8_t *body = buffer + KZ_FRAME_HEADER_SIZE;
    assert_int_equal(body[1], 1);
    assert_int_equal(body[8], 299 - 256);
    assert_int_equal(body[16], 2);
    assert_int_equal(body[24], 3);
    assert_int_equal(body[40], 4);

    for (frame.body_size = 0; frame.body_size < 72; frame.body_size++)
        assert_int_equal(kz_peer_digest_report_decode(&frame, &again), KZ_MALFORMED);
    frame.body_size = 73;
    assert_int_equal(kz_peer_digest_report_decode(&frame, &again), KZ_MALFORMED);
    frame.body_size = 72;
    static const struct {
        unsigned offset;
        uint8_t value;
    } wrong[] = {{20, 1}, {23, 1}, {8, 300 - 256}, {7, 0x80}};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint8_t *byte = &buffer[KZ_FRAME_HEADER_SIZE + wrong[i].offset];
        uint8_t kept = *byte;
        *byte = wrong[i].value;
        assert_int_equal(kz_peer_digest_report_decode(&frame, &again), KZ_MALFORMED);
        *byte = kept;
    }
    frame.type = KZ_PEER_FIRST_ENTRY;
    assert_int_equal(kz_peer_digest_report_decode(&frame, &again), KZ_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_comes_back_and_nothing_else_is_one),
        cmocka_unit_test(the_hello_has_the_documented_offsets),
        cmocka_unit_test(a_hello_without_an_id_is_malformed),
        cmocka_unit_test(a_hello_without_rules_is_malformed),
        cmocka_unit_test(a_refusal_comes_back),
        cmocka_unit_test(a_digest_report_comes_back_and_nothing_else_is_one),
        cmocka_unit_test(pairs_come_back_at_their_widths),
        cmocka_unit_test(a_first_entry_is_a_membership_or_nothing),
        cmocka_unit_test(a_fetch_comes_back_and_nothing_else_is_one),
        cmocka_unit_test(a_fetch_of_an_entry_names_its_term),
        cmocka_unit_test(what_was_fetched_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
