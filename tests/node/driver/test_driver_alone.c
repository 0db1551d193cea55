/* SPDX-License-Identifier: Apache-2.0 */
/* One driver, spoken to by hand: what reaches libraft, and what comes out. */
#include "tests/base/testing.h"
#include "tests/node/driver/alone.h"
#include "tests/node/driver/records.h"

#include "statemachine/base/bytes.h"

/* The flags of the vote result that was sent to PEER last. */
static uint8_t sent_flags(uint64_t peer)
{
    assert_int_equal(kz_alone.to[peer].bytes[5], KZ_RAFT_VOTE_RESULT);
    return kz_alone.to[peer].bytes[KZ_FRAME_HEADER_SIZE + 8];
}

/* ---- Writes ---- */

static void a_write_overtaken_by_a_truncation_counts_below_it_only(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    assert_int_equal(kz_alone_append(1, 2, 1, 1, 0, 9, 2), KZ_OK);
    assert_int_equal(kz_alone_append(1, 2, 10, 2, 0, 10, 2), KZ_OK);
    assert_int_equal(kz_alone_append(2, 3, 5, 2, 0, 2, 3), KZ_OK);
    assert_int_equal(kz_alone.write_count, 3);
    assert_int_equal(kz_alone.drops[0], 0);
    assert_int_equal(kz_alone.drops[2], 6);
    assert_int_equal(kz_driver_last_index(kz_alone.driver), 7);

    kz_alone_stored(0);
    assert_int_equal(kz_driver_stored_index(kz_alone.driver), 5);
    kz_alone_stored(1);
    assert_int_equal(kz_driver_stored_index(kz_alone.driver), 5);
    kz_alone_stored(2);
    assert_int_equal(kz_driver_stored_index(kz_alone.driver), 7);
    assert_int_equal(kz_alone_field(2, 2), 7);
}

static void what_is_here_already_is_not_written_again(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    assert_int_equal(kz_alone_append(1, 2, 1, 1, 0, 9, 2), KZ_OK);
    assert_int_equal(kz_alone_append(1, 2, 1, 1, 0, 9, 2), KZ_OK);
    assert_int_equal(kz_alone.write_count, 1);
    assert_int_equal(kz_alone_append(1, 2, 5, 2, 0, 9, 2), KZ_OK);
    assert_int_equal(kz_alone.write_count, 2);
    assert_int_equal(kz_alone.writes[1]->first_index, 11);
    assert_int_equal(kz_alone.writes[1]->count, 4);
    assert_int_equal(kz_alone.drops[1], 0);
}

static void a_membership_that_was_replaced_does_not_count(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    assert_int_equal(kz_alone_append_membership(1, 2, 1, 1, "vvvs"), KZ_OK);
    assert_int_equal(kz_driver_membership(kz_alone.driver)->count, 4);
    assert_int_equal(kz_alone_append(2, 3, 1, 1, 0, 1, 3), KZ_OK);
    assert_int_equal(kz_driver_membership(kz_alone.driver)->count, 3);
}

static void nothing_is_committed_before_it_is_durable_and_it_never_falls(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    assert_int_equal(kz_alone_append(1, 2, 1, 1, 8, 9, 2), KZ_OK);
    assert_int_equal(kz_driver_committed(kz_alone.driver), 1);
    kz_alone_stored(0);
    assert_int_equal(kz_driver_committed(kz_alone.driver), 8);
    /* A heartbeat from where the leader thinks the follower is: libraft's own index falls. */
    assert_int_equal(kz_alone_append(1, 2, 4, 2, 10, 0, 0), KZ_OK);
    assert_int_equal(kz_driver_committed(kz_alone.driver), 8);
}

static void the_vote_is_made_durable_before_the_answer_leaves(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    struct raft_message message = {.type = RAFT_REQUEST_VOTE};
    message.request_vote.term = 5;
    message.request_vote.last_log_index = 1;
    message.request_vote.last_log_term = 1;
    assert_int_equal(kz_alone_message(2, &message), KZ_OK);
    assert_int_equal(kz_alone.vote_at_send.term, 5);
    assert_int_equal(kz_alone.vote_at_send.voted_for, 2);
    assert_int_equal(kz_alone.to[2].bytes[5], KZ_RAFT_VOTE_RESULT);
    assert_int_equal(sent_flags(2), 1);
    assert_int_equal(kz_alone_message(1, &message), KZ_OK);
    assert_int_equal(sent_flags(1), 0);
}

/* ---- Elections that libraft would not hold ---- */

static struct raft_message vote_request(uint64_t term, bool pre_vote)
{
    struct raft_message message = {.type = RAFT_REQUEST_VOTE};
    message.request_vote.term = term;
    message.request_vote.last_log_index = 1;
    message.request_vote.last_log_term = 1;
    message.request_vote.pre_vote = pre_vote;
    return message;
}

static void a_standby_votes_once_it_has_heard_no_leader(void **state)
{
    (void)state;
    kz_alone_start("vvs", 1u << 20);
    assert_int_equal(kz_alone_append(1, 2, 1, 1, 1, 0, 0), KZ_OK);
    assert_int_equal(kz_driver_leader(kz_alone.driver), 1);
    struct raft_message message = vote_request(3, false);
    assert_int_equal(kz_alone_message(2, &message), KZ_OK);
    assert_int_equal(sent_flags(2), 0);

    kz_alone_tick();
    assert_int_equal(kz_driver_leader(kz_alone.driver), 0);
    assert_int_equal(kz_alone_message(2, &message), KZ_OK);
    assert_int_equal(sent_flags(2), 1);
    assert_int_equal(kz_alone.vote.voted_for, 2);
    assert_int_equal(kz_driver_role(kz_alone.driver), KZ_FOLLOWER);
}

static void a_refused_pre_vote_tells_the_higher_term(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    struct raft_message vote = vote_request(7, false);
    assert_int_equal(kz_alone_message(1, &vote), KZ_OK);
    struct raft_message message = vote_request(3, true);
    assert_int_equal(kz_alone_message(2, &message), KZ_OK);
    assert_int_equal(sent_flags(2), 2);
    assert_int_equal(kz_alone_field(2, 0), 7);
}

static void a_lone_voter_that_lost_the_lead_raises_the_term(void **state)
{
    (void)state;
    kz_alone_start("--v", 1u << 20);
    assert_int_equal(kz_driver_role(kz_alone.driver), KZ_LEADER);
    assert_int_equal(kz_driver_term(kz_alone.driver), 2);
    struct raft_message message = {.type = RAFT_REQUEST_VOTE};
    message.request_vote.term = 9;
    message.request_vote.disrupt_leader = true;
    assert_int_equal(kz_alone_message(1, &message), KZ_OK);
    assert_int_equal(kz_driver_role(kz_alone.driver), KZ_FOLLOWER);
    assert_int_equal(kz_driver_term(kz_alone.driver), 9);
    kz_alone_stored(0);

    kz_alone_tick();
    assert_int_equal(kz_driver_role(kz_alone.driver), KZ_LEADER);
    assert_int_equal(kz_driver_term(kz_alone.driver), 10);
    assert_int_equal(kz_alone.vote.term, 10);
    assert_int_equal(kz_alone.vote.voted_for, 3);
}

/* ---- Messages that libraft must not see ---- */

static void an_append_of_an_old_term_is_answered_without_a_hint_from_nowhere(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    assert_int_equal(kz_alone_append(1, 5, 1, 1, 0, 0, 0), KZ_OK);
    assert_int_equal(kz_alone_append(2, 4, 1, 1, 0, 3, 4), KZ_OK);
    assert_int_equal(kz_alone.write_count, 0);
    assert_int_equal(kz_alone_field(2, 0), 5);
    assert_int_equal(kz_alone_field(2, 1), 1);
    assert_int_equal(kz_alone_field(2, 2), 0);
}

static void a_second_leader_of_the_own_term_is_not_heard(void **state)
{
    (void)state;
    kz_alone_start("--v", 1u << 20);
    assert_int_equal(kz_alone_append(1, kz_driver_term(kz_alone.driver), 1, 1, 0, 0, 0),
                     KZ_MALFORMED);
    assert_int_equal(kz_driver_role(kz_alone.driver), KZ_LEADER);
}

static void a_vote_that_nobody_asked_for_is_not_heard(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    struct raft_message message = {.type = RAFT_REQUEST_VOTE_RESULT};
    message.request_vote_result.term = 1000;
    message.request_vote_result.vote_granted = true;
    assert_int_equal(kz_alone_message(1, &message), KZ_OK);
    assert_int_equal(kz_driver_term(kz_alone.driver), 1);
    assert_int_equal(kz_driver_role(kz_alone.driver), KZ_FOLLOWER);
}

static void frames_of_another_kind_are_refused(void **state)
{
    (void)state;
    kz_alone_start("vvv", 1u << 20);
    uint8_t frame[KZ_RAFT_SMALL_FRAME_SIZE_MAX] = {0};
    kz_frame_seal(frame, 0x60, 0, 0);
    assert_int_equal(kz_alone_receive(1, frame, KZ_FRAME_HEADER_SIZE), KZ_NEWER);
    kz_frame_seal(frame, KZ_RAFT_TIMEOUT_NOW, 0, 3);
    assert_int_equal(kz_alone_receive(1, frame, KZ_FRAME_HEADER_SIZE + 3), KZ_MALFORMED);
}

/* ---- Starts ---- */

static enum kz_status start_from(const struct kz_driver_start *log)
{
    kz_alone_create();
    struct kz_error error;
    return kz_driver_start(kz_alone.driver, 1, log, &error);
}

static void a_log_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    const struct kz_term_run rising[] = {{1, 1}, {5, 2}};
    const struct kz_term_run falling[] = {{1, 2}, {5, 1}};
    const struct kz_term_run late[] = {{2, 1}};
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_test_membership("vvv", record, sizeof record);
    struct kz_driver_start good = {.vote = {2, 0},
                                   .applied = 9,
                                   .last_index = 9,
                                   .runs = rising,
                                   .run_count = 2,
                                   .membership = record,
                                   .membership_size = size,
                                   .membership_index = 1};
    struct kz_driver_start logs[] = {good, good, good, good, good, good, good};
    logs[0].vote.term = 1; /* the vote is lost */
    logs[1].runs = falling;
    logs[2].runs = late;
    logs[2].run_count = 1;
    logs[3].last_index = 10; /* no tail */
    logs[4].membership = NULL;
    logs[5].run_count = 0;
    logs[6].membership_size--;
    for (unsigned i = 0; i < COUNT_OF(logs); i++) {
        assert_int_equal(start_from(&logs[i]), KZ_CORRUPT);
        kz_alone_stop(NULL);
    }
    assert_int_equal(start_from(&good), KZ_OK);
    assert_int_equal(kz_driver_last_index(kz_alone.driver), 9);
    assert_int_equal(kz_driver_committed(kz_alone.driver), 9);
}

static void a_pristine_node_waits_to_be_spoken_to(void **state)
{
    (void)state;
    const struct kz_driver_start nothing = {0};
    assert_int_equal(start_from(&nothing), KZ_OK);
    for (unsigned i = 0; i < 20; i++)
        kz_alone_tick();
    assert_int_equal(kz_driver_term(kz_alone.driver), 0);
    for (unsigned i = 0; i < KZ_ALONE_PEERS_MAX; i++)
        assert_int_equal(kz_alone.to[i].count, 0);
}

/* An import's first membership may have no members: no cluster, and no crash either. */
static void a_membership_without_members_is_an_empty_configuration(void **state)
{
    (void)state;
    kz_alone_start("", 0);
    assert_int_equal(kz_driver_last_index(kz_alone.driver), 1);
    assert_int_equal(kz_driver_membership(kz_alone.driver)->count, 0);
}

#define CASE(function) cmocka_unit_test_teardown(function, kz_alone_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_write_overtaken_by_a_truncation_counts_below_it_only),
        CASE(what_is_here_already_is_not_written_again),
        CASE(a_membership_that_was_replaced_does_not_count),
        CASE(nothing_is_committed_before_it_is_durable_and_it_never_falls),
        CASE(the_vote_is_made_durable_before_the_answer_leaves),
        CASE(a_standby_votes_once_it_has_heard_no_leader),
        CASE(a_refused_pre_vote_tells_the_higher_term),
        CASE(a_lone_voter_that_lost_the_lead_raises_the_term),
        CASE(an_append_of_an_old_term_is_answered_without_a_hint_from_nowhere),
        CASE(a_second_leader_of_the_own_term_is_not_heard),
        CASE(a_vote_that_nobody_asked_for_is_not_heard),
        CASE(frames_of_another_kind_are_refused),
        CASE(a_log_that_contradicts_itself_is_refused),
        CASE(a_pristine_node_waits_to_be_spoken_to),
        CASE(a_membership_without_members_is_an_empty_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
