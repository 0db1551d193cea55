/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of peers to a driver. What decodes without entries is encoded to the same bytes again; and
 * whatever decodes is received by a live driver, node 3 of three, whose libraft must survive it
 * (build with KZ_RAFT_SOURCE to have its asserts).
 *
 *   for each frame: u8 type, u8 peer (bits 0-1) and milliseconds to pass (bits 2-7), u16 size, body
 */
#include "node/core/driver.h"
#include "node/core/raft_messages.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"

#include <string.h>

#define WRITES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kz_batch *writes[WRITES_MAX];
static unsigned write_count;

static void on_vote(void *context, const struct kz_vote *vote)
{
    (void)context;
    (void)vote;
}

static void on_write(void *context, uint64_t drop_from, struct kz_batch *batch)
{
    (void)context;
    (void)drop_from;
    KZ_ASSERT(write_count < WRITES_MAX);
    writes[write_count++] = kz_batch_retain(batch);
}

static void on_send(void *context, uint64_t peer, const uint8_t *frame, size_t size)
{
    (void)context;
    (void)peer;
    struct kz_frame parsed;
    size_t taken;
    KZ_ASSERT(kz_frame_parse(frame, size, KZ_PEER_FRAME_SIZE_MAX, &parsed, &taken) == KZ_OK);
    KZ_ASSERT(taken == size);
}

static void on_load(void *context, uint64_t first, uint32_t count_max, size_t size_max)
{
    (void)context;
    (void)first;
    (void)count_max;
    (void)size_max;
}

static size_t first_membership(uint8_t *record)
{
    struct kz_entry entry = {.type = KZ_MEMBERSHIP};
    entry.membership.count = 3;
    for (unsigned i = 0; i < 3; i++) {
        entry.membership.members[i] =
            (struct kz_member){i + 1, KZ_VOTER, {&"abc"[i], 1}, {&"abc"[i], 1}};
    }
    return kz_record_encode(&entry, record, KZ_RECORD_SIZE_MAX);
}

static struct kz_driver *start(void)
{
    struct kz_driver_options options = {.id = 3,
                                        .address = "c",
                                        .election_timeout_ms = 300,
                                        .heartbeat_ms = 50,
                                        .seed = 1,
                                        .sink = {NULL, on_vote, on_write, on_send, on_load}};
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = first_membership(record);
    struct kz_batch *tail = kz_batch_create(1, 1, KZ_ENTRY_PREFIX_SIZE + size);
    memcpy(kz_batch_add(tail, 1, (uint32_t)size), record, size);
    struct kz_term_run run = {1, 1};
    struct kz_driver_start log = {.vote = {1, 0},
                                  .last_index = 1,
                                  .runs = &run,
                                  .run_count = 1,
                                  .tail = &tail,
                                  .tail_count = 1};
    struct kz_driver *driver = NULL;
    KZ_ASSERT(kz_driver_create(&options, &driver, NULL) == KZ_OK);
    KZ_ASSERT(kz_driver_start(driver, 0, &log, NULL) == KZ_OK);
    kz_batch_release(tail);
    return driver;
}

static void check_round_trip(const struct kz_frame *frame)
{
    struct raft_message message;
    struct kz_batch *batch = NULL;
    if (kz_raft_message_decode(frame, 1, &message, &batch) != KZ_OK) return;
    kz_batch_release(batch);
    if (message.type == RAFT_APPEND_ENTRIES) return;

    uint8_t again[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
    size_t size = kz_raft_message_encode(&message, again);
    KZ_ASSERT(size == KZ_FRAME_HEADER_SIZE + frame->body_size);
    KZ_ASSERT(memcmp(again + KZ_FRAME_HEADER_SIZE, frame->body, frame->body_size) == 0);
}

/* Makes everything durable. Returns: whether the driver goes on. */
static bool store(struct kz_driver *driver, uint64_t now)
{
    enum kz_status status = KZ_OK;
    if (write_count > 0) status = kz_driver_stored(driver, now, writes[write_count - 1], NULL);
    while (write_count > 0)
        kz_batch_release(writes[--write_count]);
    return status == KZ_OK;
}

/* Returns: whether the driver goes on. */
static bool take(struct kz_driver *driver, struct kz_reader *reader, uint64_t *now)
{
    struct kz_frame frame = {.type = kz_read_u8(reader)};
    uint8_t how = kz_read_u8(reader);
    frame.body_size = kz_read_u16(reader);
    frame.body = kz_read_bytes(reader, frame.body_size);
    if (reader->failed) return false;

    check_round_trip(&frame);
    *now += how >> 2;
    if (kz_driver_tick(driver, *now, NULL) != KZ_OK) return false;
    uint64_t peer = 1 + (how & 1);
    enum kz_status status = kz_driver_receive(driver, *now, peer, &frame, NULL);
    if (status == KZ_CORRUPT || status == KZ_NO_MEMORY) return false;
    return (how & 2) != 0 || store(driver, *now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 16384) return 0;
    struct kz_driver *driver = start();
    struct kz_reader reader = kz_reader_init(data, size);
    uint64_t now = 0;
    while (kz_reader_left(&reader) > 0 && write_count < WRITES_MAX - 8) {
        if (!take(driver, &reader, &now)) break;
    }
    kz_driver_destroy(driver);
    while (write_count > 0)
        kz_batch_release(writes[--write_count]);
    return 0;
}
