/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/node/driver/alone.h"

#include "statemachine/base/bytes.h"
#include "tests/base/testing.h"
#include "tests/node/driver/records.h"

#include <stdlib.h>

struct kz_alone kz_alone;

static void on_vote(void *context, const struct kz_vote *vote)
{
    (void)context;
    kz_alone.vote = *vote;
}

static void on_write(void *context, uint64_t drop_from, struct kz_batch *batch)
{
    (void)context;
    assert_true(kz_alone.write_count < KZ_ALONE_WRITES_MAX);
    kz_alone.drops[kz_alone.write_count] = drop_from;
    kz_alone.writes[kz_alone.write_count++] = kz_batch_retain(batch);
}

static void on_send(void *context, uint64_t peer, const uint8_t *bytes, size_t size)
{
    (void)context;
    assert_true(peer < KZ_ALONE_PEERS_MAX);
    struct kz_alone_frame *frame = &kz_alone.to[peer];
    free(frame->bytes);
    frame->bytes = malloc(size);
    assert_non_null(frame->bytes);
    memcpy(frame->bytes, bytes, size);
    frame->size = size;
    frame->count++;
    kz_alone.vote_at_send = kz_alone.vote;
}

static void on_load(void *context, uint64_t first, uint32_t count_max, size_t size_max)
{
    (void)context;
    assert_true(count_max > 0 && size_max > 0);
    kz_alone.load_count++;
    kz_alone.load_first = first;
}

void kz_alone_create(void)
{
    uint64_t cache_bytes = kz_alone.cache_bytes;
    memset(&kz_alone, 0, sizeof kz_alone);
    kz_alone.cache_bytes = cache_bytes;
    struct kz_driver_options options = {.id = 3,
                                        .address = "node-3:1",
                                        .election_timeout_ms = 300,
                                        .heartbeat_ms = 50,
                                        .seed = 7,
                                        .cache_bytes = cache_bytes,
                                        .sink = {NULL, on_vote, on_write, on_send, on_load}};
    struct kz_error error;
    assert_int_equal(kz_driver_create(&options, &kz_alone.driver, &error), KZ_OK);
}

void kz_alone_start(const char *roles, uint64_t cache_bytes)
{
    kz_alone.cache_bytes = cache_bytes;
    kz_alone_create();
    kz_alone.now = 1000;

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
    struct kz_error error;
    assert_int_equal(kz_driver_start(kz_alone.driver, kz_alone.now, &log, &error), KZ_OK);
    kz_batch_release(tail);
}

int kz_alone_stop(void **state)
{
    (void)state;
    kz_driver_destroy(kz_alone.driver);
    for (unsigned i = 0; i < kz_alone.write_count; i++)
        kz_batch_release(kz_alone.writes[i]);
    for (unsigned i = 0; i < KZ_ALONE_PEERS_MAX; i++)
        free(kz_alone.to[i].bytes);
    memset(&kz_alone, 0, sizeof kz_alone);
    return 0;
}

void kz_alone_tick(void)
{
    struct kz_error error;
    kz_alone.now = kz_driver_deadline(kz_alone.driver);
    assert_int_equal(kz_driver_tick(kz_alone.driver, kz_alone.now, &error), KZ_OK);
}

enum kz_status kz_alone_receive(uint64_t peer, uint8_t *bytes, size_t size)
{
    struct kz_frame frame;
    size_t frame_size;
    struct kz_error error;
    assert_int_equal(kz_frame_parse(bytes, size, KZ_PEER_FRAME_SIZE_MAX, &frame, &frame_size),
                     KZ_OK);
    return kz_driver_receive(kz_alone.driver, kz_alone.now, peer, &frame, &error);
}

enum kz_status kz_alone_message(uint64_t peer, const struct raft_message *message)
{
    uint8_t frame[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
    size_t size = kz_raft_message_encode(message, frame);
    return kz_alone_receive(peer, frame, size);
}

static enum kz_status append_batch(uint64_t peer, uint64_t term, uint64_t previous_term,
                                   uint64_t commit, struct kz_batch *batch)
{
    static uint8_t frame[KZ_PEER_FRAME_SIZE_MAX];
    memcpy(frame + KZ_RAFT_APPEND_HEADER_SIZE, batch->bytes, batch->size);
    struct raft_append_entries header = {.term = term,
                                         .prev_log_index = batch->first_index - 1,
                                         .prev_log_term = previous_term,
                                         .leader_commit = commit,
                                         .n_entries = batch->count};
    size_t size = kz_raft_append_seal(&header, frame, batch->size);
    kz_batch_release(batch);
    return kz_alone_receive(peer, frame, size);
}

enum kz_status kz_alone_append(uint64_t peer, uint64_t term, uint64_t previous,
                               uint64_t previous_term, uint64_t commit, uint32_t count,
                               uint64_t entry_term)
{
    struct kz_batch *batch = kz_batch_create(previous + 1, count, 200 * (size_t)count);
    for (uint32_t i = 0; i < count; i++)
        kz_test_application(batch, entry_term, 5000, i);
    return append_batch(peer, term, previous_term, commit, batch);
}

enum kz_status kz_alone_append_membership(uint64_t peer, uint64_t term, uint64_t previous,
                                          uint64_t previous_term, const char *roles)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = kz_test_membership(roles, record, sizeof record);
    struct kz_batch *batch = kz_batch_create(previous + 1, 1, KZ_ENTRY_PREFIX_SIZE + size);
    memcpy(kz_batch_add(batch, term, (uint32_t)size), record, size);
    return append_batch(peer, term, previous_term, 0, batch);
}

static void grant(uint64_t peer, uint64_t term, bool pre_vote)
{
    struct raft_message message = {.type = RAFT_REQUEST_VOTE_RESULT};
    message.request_vote_result.term = term;
    message.request_vote_result.vote_granted = true;
    message.request_vote_result.pre_vote = pre_vote;
    assert_int_equal(kz_alone_message(peer, &message), KZ_OK);
}

void kz_alone_lead(void)
{
    uint64_t term = kz_driver_term(kz_alone.driver) + 1;
    while (kz_driver_role(kz_alone.driver) != KZ_CANDIDATE)
        kz_alone_tick();
    const struct kz_membership_fields *membership = kz_driver_membership(kz_alone.driver);
    for (unsigned stage = 0; stage < 2; stage++) {
        for (unsigned i = 0; i < membership->count; i++) {
            if (membership->members[i].id == 3) continue;
            grant(membership->members[i].id, term, stage == 0);
        }
    }
    assert_int_equal(kz_driver_role(kz_alone.driver), KZ_LEADER);
    assert_int_equal(kz_driver_term(kz_alone.driver), term);
}

void kz_alone_answer(uint64_t peer, uint64_t rejected, uint64_t last_index)
{
    struct raft_message message = {.type = RAFT_APPEND_ENTRIES_RESULT};
    message.append_entries_result.term = kz_driver_term(kz_alone.driver);
    message.append_entries_result.rejected = rejected;
    message.append_entries_result.last_log_index = last_index;
    assert_int_equal(kz_alone_message(peer, &message), KZ_OK);
}

void kz_alone_submit(uint32_t count)
{
    struct kz_batch *batch =
        kz_batch_create(kz_driver_last_index(kz_alone.driver) + 1, count, 200 * (size_t)count);
    for (uint32_t i = 0; i < count; i++)
        kz_test_application(batch, kz_driver_term(kz_alone.driver), 5000, i);
    struct kz_error error;
    assert_int_equal(kz_driver_submit(kz_alone.driver, kz_alone.now, batch, &error), KZ_OK);
    kz_batch_release(batch);
}

void kz_alone_stored(unsigned write)
{
    struct kz_error error;
    assert_int_equal(
        kz_driver_stored(kz_alone.driver, kz_alone.now, kz_alone.writes[write], &error), KZ_OK);
}

uint64_t kz_alone_field(uint64_t peer, unsigned i)
{
    return kz_get_u64(kz_alone.to[peer].bytes + KZ_FRAME_HEADER_SIZE + 8 * (size_t)i);
}

uint32_t kz_alone_entries(uint64_t peer)
{
    assert_int_equal(kz_alone.to[peer].bytes[5], KZ_RAFT_APPEND);
    return (uint32_t)kz_alone_field(peer, 4);
}
