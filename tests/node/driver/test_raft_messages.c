/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/testing.h"
#include "tests/node/driver/records.h"

#include "node/core/raft_messages.h"
#include "statemachine/base/bytes.h"

static struct kz_frame frame_of(uint8_t *bytes, size_t size)
{
    struct kz_frame frame;
    size_t frame_size;
    assert_int_equal(kz_frame_parse(bytes, size, KZ_PEER_FRAME_SIZE_MAX, &frame, &frame_size),
                     KZ_OK);
    assert_int_equal(frame_size, size);
    return frame;
}

static enum kz_status decode(const struct kz_frame *frame, struct raft_message *out_message)
{
    struct kz_batch *batch = NULL;
    enum kz_status status = kz_raft_message_decode(frame, 2, out_message, &batch);
    kz_batch_release(batch);
    return status;
}

/* One of each kind without entries. */
static const struct raft_message messages[] = {
    {.type = RAFT_APPEND_ENTRIES_RESULT,
     .append_entries_result = {.term = 3, .rejected = 9, .last_log_index = 7}},
    {.type = RAFT_APPEND_ENTRIES_RESULT,
     .append_entries_result = {.term = INT64_MAX, .last_log_index = INT64_MAX}},
    {.type = RAFT_REQUEST_VOTE,
     .request_vote = {.term = 4, .last_log_index = 8, .last_log_term = 3, .pre_vote = true}},
    {.type = RAFT_REQUEST_VOTE, .request_vote = {.term = 4, .disrupt_leader = true}},
    {.type = RAFT_REQUEST_VOTE_RESULT,
     .request_vote_result = {.term = 4, .vote_granted = true, .pre_vote = true}},
    {.type = RAFT_REQUEST_VOTE_RESULT, .request_vote_result = {.term = 4}},
    {.type = RAFT_TIMEOUT_NOW, .timeout_now = {.term = 4, .last_log_index = 8, .last_log_term = 3}},
};

static void messages_come_back_as_they_were(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(messages); i++) {
        uint8_t bytes[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
        uint8_t again[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
        size_t size = kz_raft_message_encode(&messages[i], bytes);
        struct kz_frame frame = frame_of(bytes, size);
        struct raft_message message;
        assert_int_equal(decode(&frame, &message), KZ_OK);
        assert_int_equal(message.type, messages[i].type);
        assert_int_equal(message.server_id, 2);
        assert_int_equal(kz_raft_message_encode(&message, again), size);
        assert_memory_equal(bytes, again, size);
        if (message.type == RAFT_REQUEST_VOTE)
            assert_int_equal(message.request_vote.candidate_id, 2);
    }
}

/* What comes of MESSAGE when byte AT of its frame is VALUE. */
static enum kz_status decode_changed(const struct raft_message *message, size_t at, uint8_t value)
{
    uint8_t bytes[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
    size_t size = kz_raft_message_encode(message, bytes);
    bytes[at] = value;
    kz_frame_seal(bytes, bytes[5], 0, size - KZ_FRAME_HEADER_SIZE);
    struct kz_frame frame = frame_of(bytes, size);
    struct raft_message decoded;
    return decode(&frame, &decoded);
}

static void another_size_or_a_reserved_byte_is_malformed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(messages); i++) {
        uint8_t bytes[KZ_RAFT_SMALL_FRAME_SIZE_MAX + 1] = {0};
        size_t size = kz_raft_message_encode(&messages[i], bytes);
        struct kz_frame frame = frame_of(bytes, size);
        struct raft_message message;
        for (size_t body = 0; body <= size - KZ_FRAME_HEADER_SIZE + 1; body++) {
            frame.body_size = body;
            enum kz_status expected = body == size - KZ_FRAME_HEADER_SIZE ? KZ_OK : KZ_MALFORMED;
            assert_int_equal(decode(&frame, &message), expected);
        }
        if (messages[i].type != RAFT_REQUEST_VOTE && messages[i].type != RAFT_REQUEST_VOTE_RESULT) {
            continue;
        }
        for (size_t reserved = 1; reserved < 8; reserved++)
            assert_int_equal(decode_changed(&messages[i], size - reserved, 1), KZ_MALFORMED);
        assert_int_equal(decode_changed(&messages[i], size - 8, 4), KZ_MALFORMED);
    }
}

static void a_term_of_zero_or_of_64_bits_is_malformed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(messages); i++) {
        uint8_t bytes[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
        size_t size = kz_raft_message_encode(&messages[i], bytes);
        struct kz_frame frame = frame_of(bytes, size);
        struct raft_message message;
        kz_put_u64(bytes + KZ_FRAME_HEADER_SIZE, 0);
        assert_int_equal(decode(&frame, &message), KZ_MALFORMED);
        kz_put_u64(bytes + KZ_FRAME_HEADER_SIZE, (uint64_t)INT64_MAX + 1);
        assert_int_equal(decode(&frame, &message), KZ_MALFORMED);
    }
}

static void a_hint_lies_below_what_was_rejected(void **state)
{
    (void)state;
    struct raft_message message = messages[0];
    message.append_entries_result.last_log_index = 9;
    uint8_t bytes[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
    size_t size = kz_raft_message_encode(&message, bytes);
    struct kz_frame frame = frame_of(bytes, size);
    assert_int_equal(decode(&frame, &message), KZ_MALFORMED);
}

/* An append with entries of the terms TERMS (0 ends them) behind entry 4 of term PREVIOUS_TERM;
 * entry MEMBERSHIP (0: none) is one. */
static enum kz_status decode_append(uint64_t term, uint64_t previous, uint64_t previous_term,
                                    const uint64_t *terms, unsigned membership, unsigned count)
{
    static uint8_t bytes[4096];
    struct kz_batch *batch = kz_batch_create(previous + 1, 8, 2048);
    for (unsigned i = 0; terms[i] != 0; i++) {
        if (i + 1 == membership) {
            uint8_t record[KZ_RECORD_SIZE_MAX];
            size_t size = kz_test_membership("v", record, sizeof record);
            memcpy(kz_batch_add(batch, terms[i], (uint32_t)size), record, size);
        } else {
            kz_test_application(batch, terms[i], 1, i);
        }
    }
    memcpy(bytes + KZ_RAFT_APPEND_HEADER_SIZE, batch->bytes, batch->size);
    struct raft_append_entries header = {.term = term,
                                         .prev_log_index = previous,
                                         .prev_log_term = previous_term,
                                         .leader_commit = 1,
                                         .n_entries = count};
    size_t size = kz_raft_append_seal(&header, bytes, batch->size);
    kz_batch_release(batch);
    struct kz_frame frame = frame_of(bytes, size);
    struct raft_message message;
    return decode(&frame, &message);
}

static void appends_are_taken_only_when_their_terms_fit(void **state)
{
    (void)state;
    const uint64_t rising[] = {2, 2, 3, 0};
    const uint64_t none[] = {0};
    assert_int_equal(decode_append(3, 4, 2, rising, 0, 3), KZ_OK);
    assert_int_equal(decode_append(3, 0, 0, rising, 0, 3), KZ_OK);
    assert_int_equal(decode_append(3, 4, 2, none, 0, 0), KZ_OK);
    assert_int_equal(decode_append(2, 4, 2, rising, 0, 3), KZ_MALFORMED); /* entry above term */
    assert_int_equal(decode_append(3, 4, 3, rising, 0, 3), KZ_MALFORMED); /* below previous */
    assert_int_equal(decode_append(3, 4, 0, rising, 0, 3), KZ_MALFORMED);
    assert_int_equal(decode_append(3, 0, 2, rising, 0, 3), KZ_MALFORMED);
    assert_int_equal(decode_append(3, 4, 4, none, 0, 0), KZ_MALFORMED); /* previous above term */
    assert_int_equal(decode_append(3, 4, 2, rising, 0, 2), KZ_MALFORMED);
    assert_int_equal(decode_append(3, 4, 2, rising, 0, 4), KZ_MALFORMED);
    assert_int_equal(decode_append(3, 4, 2, rising, 0, 0), KZ_MALFORMED);
    assert_int_equal(decode_append(3, 4, 2, none, 0, 1), KZ_MALFORMED);
}

static void a_membership_stands_first_or_the_append_is_malformed(void **state)
{
    (void)state;
    const uint64_t terms[] = {2, 2, 2, 0};
    assert_int_equal(decode_append(3, 4, 2, terms, 1, 3), KZ_OK);
    assert_int_equal(decode_append(3, 4, 2, terms, 2, 3), KZ_MALFORMED);
    assert_int_equal(decode_append(3, 4, 2, terms, 3, 3), KZ_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_as_they_were),
        cmocka_unit_test(another_size_or_a_reserved_byte_is_malformed),
        cmocka_unit_test(a_term_of_zero_or_of_64_bits_is_malformed),
        cmocka_unit_test(a_hint_lies_below_what_was_rejected),
        cmocka_unit_test(appends_are_taken_only_when_their_terms_fit),
        cmocka_unit_test(a_membership_stands_first_or_the_append_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
