/* SPDX-License-Identifier: Apache-2.0 */
/* One driver, spoken to by hand: what reaches libraft, and what comes out. */
#include "tests/base/testing.h"
#include "tests/node/driver/harness.h"

#include "node/core/raft_messages.h"
#include "statemachine/base/bytes.h"

#include <stdlib.h>

#define WRITES_MAX 16

/* What the driver asked for. */
static struct {
    struct kz_vote vote;
    struct kz_batch *writes[WRITES_MAX];
    uint64_t drops[WRITES_MAX];
    unsigned write_count;
    uint8_t frame[KZ_PEER_FRAME_SIZE_MAX]; /* the last one sent */
    size_t frame_size;
    uint64_t frame_peer;
    unsigned frame_count;
    unsigned load_count;
} asked;

static struct kz_driver *driver;
static uint64_t now;

static void on_vote(void *context, const struct kz_vote *vote)
{
    (void)context;
    asked.vote = *vote;
}

static void on_write(void *context, uint64_t drop_from, struct kz_batch *batch)
{
    (void)context;
    assert_true(asked.write_count < WRITES_MAX);
    asked.drops[asked.write_count] = drop_from;
    asked.writes[asked.write_count++] = kz_batch_retain(batch);
}

static void on_send(void *context, uint64_t peer, const uint8_t *frame, size_t size)
{
    (void)context;
    memcpy(asked.frame, frame, size);
    asked.frame_size = size;
    asked.frame_peer = peer;
    asked.frame_count++;
}

static void on_load(void *context, uint64_t first, uint32_t count_max, size_t size_max)
{
    (void)context;
    (void)first;
    (void)count_max;
    (void)size_max;
    asked.load_count++;
}

/* Node 3 of the members that ROLES spells, with one entry. */
static void start(const char *roles)
{
    struct kz_driver_options options = {.id = 3,
                                        .address = "node-3:1",
                                        .election_timeout_ms = 300,
                                        .heartbeat_ms = 50,
                                        .seed = 7,
                                        .cache_bytes = 1u << 20,
                                        .sink = {NULL, on_vote, on_write, on_send, on_load}};
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_test_membership(roles, record, sizeof record);
    struct kz_batch *tail = kz_batch_create(1, 1, KZ_ENTRY_PREFIX_SIZE + size);
    memcpy(kz_batch_add(tail, 1, (uint32_t)size), record, size);
    struct kz_term_run run = {1, 1};
    struct kz_driver_start log = {.vote = {1, 0},
                                  .last_index = 1,
                                  .runs = &run,
                                  .run_count = 1,
                                  .tail = &tail,
                                  .tail_count = 1};
    memset(&asked, 0, sizeof asked);
    now = 1000;
    struct kz_error error;
    assert_int_equal(kz_driver_create(&options, &driver, &error), KZ_OK);
    assert_int_equal(kz_driver_start(driver, now, &log, &error), KZ_OK);
    kz_batch_release(tail);
}

static int stop(void **state)
{
    (void)state;
    kz_driver_destroy(driver);
    for (unsigned i = 0; i < asked.write_count; i++)
        kz_batch_release(asked.writes[i]);
    return 0;
}

static enum kz_status receive(uint64_t peer, uint8_t *bytes, size_t size)
{
    struct kz_frame frame;
    size_t frame_size;
    struct kz_error error;
    assert_int_equal(kz_frame_parse(bytes, size, KZ_PEER_FRAME_SIZE_MAX, &frame, &frame_size),
                     KZ_OK);
    return kz_driver_receive(driver, now, peer, &frame, &error);
}

/* An append of PEER: COUNT applications of ENTRY_TERM behind entry PREVIOUS of PREVIOUS_TERM. */
static enum kz_status append(uint64_t peer, uint64_t term, uint64_t previous,
                             uint64_t previous_term, uint64_t commit, uint32_t count,
                             uint64_t entry_term)
{
    static uint8_t frame[KZ_PEER_FRAME_SIZE_MAX];
    struct kz_batch *batch = kz_batch_create(previous + 1, count, 200 * (size_t)count);
    for (uint32_t i = 0; i < count; i++)
        kz_test_application(batch, entry_term, 5000, i);
    memcpy(frame + KZ_RAFT_APPEND_HEADER_SIZE, batch->bytes, batch->size);
    struct raft_append_entries header = {.term = term,
                                         .prev_log_index = previous,
                                         .prev_log_term = previous_term,
                                         .leader_commit = commit,
                                         .n_entries = count};
    size_t size = kz_raft_append_seal(&header, frame, batch->size);
    kz_batch_release(batch);
    return receive(peer, frame, size);
}

static enum kz_status small(uint64_t peer, const struct raft_message *message)
{
    uint8_t frame[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
    size_t size = kz_raft_message_encode(message, frame);
    return receive(peer, frame, size);
}

static void stored(unsigned write)
{
    struct kz_error error;
    assert_int_equal(kz_driver_stored(driver, now, asked.writes[write], &error), KZ_OK);
}

/* Returns: field I (of eight bytes) of the last frame's body. */
static uint64_t sent_field(unsigned i)
{
    return kz_get_u64(asked.frame + KZ_FRAME_HEADER_SIZE + 8 * (size_t)i);
}

/* ---- Writes ---- */

static void a_write_overtaken_by_a_truncation_counts_below_it_only(void **state)
{
    (void)state;
    start("vvv");
    assert_int_equal(append(1, 2, 1, 1, 0, 9, 2), KZ_OK);
    assert_int_equal(append(1, 2, 10, 2, 0, 10, 2), KZ_OK);
    assert_int_equal(append(2, 3, 5, 2, 0, 2, 3), KZ_OK);
    assert_int_equal(asked.write_count, 3);
    assert_int_equal(asked.drops[0], 0);
    assert_int_equal(asked.drops[2], 6);
    assert_int_equal(kz_driver_last_index(driver), 7);

    stored(0);
    assert_int_equal(kz_driver_stored_index(driver), 5);
    stored(1);
    assert_int_equal(kz_driver_stored_index(driver), 5);
    stored(2);
    assert_int_equal(kz_driver_stored_index(driver), 7);
    assert_int_equal(sent_field(2), 7);
}

static void what_is_here_already_is_not_written_again(void **state)
{
    (void)state;
    start("vvv");
    assert_int_equal(append(1, 2, 1, 1, 0, 9, 2), KZ_OK);
    assert_int_equal(append(1, 2, 1, 1, 0, 9, 2), KZ_OK);
    assert_int_equal(asked.write_count, 1);
    assert_int_equal(append(1, 2, 5, 2, 0, 9, 2), KZ_OK);
    assert_int_equal(asked.write_count, 2);
    assert_int_equal(asked.writes[1]->first_index, 11);
    assert_int_equal(asked.writes[1]->count, 4);
    assert_int_equal(asked.drops[1], 0);
}

static void nothing_is_committed_before_it_is_durable_and_it_never_falls(void **state)
{
    (void)state;
    start("vvv");
    assert_int_equal(append(1, 2, 1, 1, 8, 9, 2), KZ_OK);
    assert_int_equal(kz_driver_committed(driver), 1);
    stored(0);
    assert_int_equal(kz_driver_committed(driver), 8);
    /* A heartbeat from where the leader thinks the follower is: libraft's own index falls. */
    assert_int_equal(append(1, 2, 4, 2, 10, 0, 0), KZ_OK);
    assert_int_equal(kz_driver_committed(driver), 8);
}

static void the_vote_is_made_durable_before_the_answer_leaves(void **state)
{
    (void)state;
    start("vvv");
    struct raft_message message = {.type = RAFT_REQUEST_VOTE};
    message.request_vote.term = 5;
    message.request_vote.last_log_index = 1;
    message.request_vote.last_log_term = 1;
    assert_int_equal(small(2, &message), KZ_OK);
    assert_int_equal(asked.vote.term, 5);
    assert_int_equal(asked.vote.voted_for, 2);
    assert_int_equal(asked.frame[5], KZ_RAFT_VOTE_RESULT);
    assert_int_equal(asked.frame[KZ_FRAME_HEADER_SIZE + 8], 1);
    assert_int_equal(small(1, &message), KZ_OK);
    assert_int_equal(asked.frame[KZ_FRAME_HEADER_SIZE + 8], 0);
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
    start("vvs");
    assert_int_equal(append(1, 2, 1, 1, 1, 0, 0), KZ_OK);
    assert_int_equal(kz_driver_leader(driver), 1);
    struct raft_message message = vote_request(3, false);
    assert_int_equal(small(2, &message), KZ_OK);
    assert_int_equal(asked.frame[KZ_FRAME_HEADER_SIZE + 8], 0);

    now = kz_driver_deadline(driver);
    struct kz_error error;
    assert_int_equal(kz_driver_tick(driver, now, &error), KZ_OK);
    assert_int_equal(kz_driver_leader(driver), 0);
    assert_int_equal(small(2, &message), KZ_OK);
    assert_int_equal(asked.frame[KZ_FRAME_HEADER_SIZE + 8], 1);
    assert_int_equal(asked.vote.voted_for, 2);
    assert_int_equal(kz_driver_role(driver), KZ_FOLLOWER);
}

static void a_refused_pre_vote_tells_the_higher_term(void **state)
{
    (void)state;
    start("vvv");
    struct raft_message vote = vote_request(7, false);
    assert_int_equal(small(1, &vote), KZ_OK);
    struct raft_message message = vote_request(3, true);
    assert_int_equal(small(2, &message), KZ_OK);
    assert_int_equal(asked.frame[KZ_FRAME_HEADER_SIZE + 8], 2);
    assert_int_equal(sent_field(0), 7);
}

static void a_lone_voter_that_lost_the_lead_raises_the_term(void **state)
{
    (void)state;
    start("--v");
    assert_int_equal(kz_driver_role(driver), KZ_LEADER);
    assert_int_equal(kz_driver_term(driver), 2);
    struct raft_message message = {.type = RAFT_REQUEST_VOTE};
    message.request_vote.term = 9;
    message.request_vote.disrupt_leader = true;
    assert_int_equal(small(1, &message), KZ_OK);
    assert_int_equal(kz_driver_role(driver), KZ_FOLLOWER);
    assert_int_equal(kz_driver_term(driver), 9);
    stored(0);

    now = kz_driver_deadline(driver);
    struct kz_error error;
    assert_int_equal(kz_driver_tick(driver, now, &error), KZ_OK);
    assert_int_equal(kz_driver_role(driver), KZ_LEADER);
    assert_int_equal(kz_driver_term(driver), 10);
    assert_int_equal(asked.vote.term, 10);
    assert_int_equal(asked.vote.voted_for, 3);
}

/* ---- Messages that libraft must not see ---- */

static void an_append_of_an_old_term_is_answered_without_a_hint_from_nowhere(void **state)
{
    (void)state;
    start("vvv");
    assert_int_equal(append(1, 5, 1, 1, 0, 0, 0), KZ_OK);
    assert_int_equal(append(2, 4, 1, 1, 0, 3, 4), KZ_OK);
    assert_int_equal(asked.write_count, 0);
    assert_int_equal(asked.frame_peer, 2);
    assert_int_equal(sent_field(0), 5);
    assert_int_equal(sent_field(1), 1);
    assert_int_equal(sent_field(2), 0);
}

static void a_second_leader_of_the_own_term_is_not_heard(void **state)
{
    (void)state;
    start("--v");
    assert_int_equal(append(1, kz_driver_term(driver), 1, 1, 0, 0, 0), KZ_MALFORMED);
    assert_int_equal(kz_driver_role(driver), KZ_LEADER);
}

static void a_vote_that_nobody_asked_for_is_not_heard(void **state)
{
    (void)state;
    start("vvv");
    struct raft_message message = {.type = RAFT_REQUEST_VOTE_RESULT};
    message.request_vote_result.term = 1000;
    message.request_vote_result.vote_granted = true;
    assert_int_equal(small(1, &message), KZ_OK);
    assert_int_equal(kz_driver_term(driver), 1);
    assert_int_equal(kz_driver_role(driver), KZ_FOLLOWER);
}

static void frames_of_another_kind_are_refused(void **state)
{
    (void)state;
    start("vvv");
    uint8_t frame[KZ_RAFT_SMALL_FRAME_SIZE_MAX] = {0};
    kz_frame_seal(frame, 0x60, 0, 0);
    assert_int_equal(receive(1, frame, KZ_FRAME_HEADER_SIZE), KZ_NEWER);
    kz_frame_seal(frame, KZ_RAFT_TIMEOUT_NOW, 0, 3);
    assert_int_equal(receive(1, frame, KZ_FRAME_HEADER_SIZE + 3), KZ_MALFORMED);
}

/* ---- Starts ---- */

static enum kz_status start_from(const struct kz_driver_start *log)
{
    struct kz_driver_options options = {.id = 3,
                                        .address = "node-3:1",
                                        .election_timeout_ms = 300,
                                        .heartbeat_ms = 50,
                                        .sink = {NULL, on_vote, on_write, on_send, on_load}};
    memset(&asked, 0, sizeof asked);
    struct kz_error error;
    assert_int_equal(kz_driver_create(&options, &driver, &error), KZ_OK);
    return kz_driver_start(driver, 1, log, &error);
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
        stop(NULL);
    }
    assert_int_equal(start_from(&good), KZ_OK);
    assert_int_equal(kz_driver_last_index(driver), 9);
    assert_int_equal(kz_driver_committed(driver), 9);
}

static void a_pristine_node_waits_to_be_spoken_to(void **state)
{
    (void)state;
    const struct kz_driver_start nothing = {0};
    assert_int_equal(start_from(&nothing), KZ_OK);
    struct kz_error error;
    for (unsigned i = 0; i < 20; i++) {
        now = kz_driver_deadline(driver);
        assert_int_equal(kz_driver_tick(driver, now, &error), KZ_OK);
    }
    assert_int_equal(kz_driver_term(driver), 0);
    assert_int_equal(asked.frame_count, 0);
}

/* An import's first membership may have no members: no cluster, and no crash either. */
static void a_membership_without_members_is_an_empty_configuration(void **state)
{
    (void)state;
    const struct kz_term_run run = {1, 1};
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_test_membership("", record, sizeof record);
    struct kz_batch *tail = kz_batch_create(1, 1, KZ_ENTRY_PREFIX_SIZE + size);
    memcpy(kz_batch_add(tail, 1, (uint32_t)size), record, size);
    struct kz_driver_start log = {.vote = {1, 0},
                                  .last_index = 1,
                                  .runs = &run,
                                  .run_count = 1,
                                  .tail = &tail,
                                  .tail_count = 1};
    assert_int_equal(start_from(&log), KZ_OK);
    kz_batch_release(tail);
    assert_int_equal(kz_driver_last_index(driver), 1);
    assert_int_equal(kz_driver_membership(driver)->count, 0);
}

#define CASE(function) cmocka_unit_test_teardown(function, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_write_overtaken_by_a_truncation_counts_below_it_only),
        CASE(what_is_here_already_is_not_written_again),
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
