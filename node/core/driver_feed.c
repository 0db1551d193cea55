/* SPDX-License-Identifier: Apache-2.0 */
/* libraft's AppendEntries as frames. libraft names ranges of entries and counts them as sent; the
 * feed of each follower sends those ranges in order, from the tail cache as far as it goes, and
 * else by loads, one at a time.
 *
 * Invariants:
 * 1. Frames with entries leave in order and without a gap until the stream is broken: by a
 * rejection, or because libraft goes back before its start or beyond its end.
 * 2. Every append that libraft asks for sends at least one frame (libraft counts on its
 * heartbeats). When there is nothing that can be sent yet it is empty and stands before the first
 * entry not sent, where the follower can answer it truthfully.
 * 3. A follower that has not spoken for an election timeout is sent empty frames alone, and nothing
 * is loaded for it.
 *
 * Safety does not depend on any of this: whatever entries of its log a leader sends with the index
 * and term before them, a follower takes only what fits. */
#include "node/core/driver_state.h"

#include "node/core/raft_messages.h"
#include "statemachine/base/assert.h"

#include <string.h>

/* ---- Frames ---- */

static void send_frame(struct kz_driver *driver, uint64_t peer, const uint8_t *frame, size_t size)
{
    driver->sink.send(driver->sink.context, peer, frame, size);
}

static struct raft_append_entries append_header(struct kz_driver *driver, uint64_t first)
{
    return (struct raft_append_entries){
        .term = raft_current_term(&driver->raft),
        .prev_log_index = first - 1,
        .prev_log_term = first > 1 ? kz_trail_term(&driver->raft, first - 1) : 0,
        .leader_commit = raft_commit_index(&driver->raft),
    };
}

/* Sends an append without entries that stands before entry FIRST. */
static void send_empty(struct kz_driver *driver, uint64_t peer, uint64_t first)
{
    uint8_t frame[KZ_RAFT_APPEND_HEADER_SIZE];
    struct raft_append_entries header = append_header(driver, first);
    size_t size = kz_raft_append_seal(&header, frame, 0);
    send_frame(driver, peer, frame, size);
}

/* Returns: the end of the entries of BATCH from FIRST on, below LIMIT, that fit into ROOM bytes and
 * hold no membership (unless FIRST is one and MEMBERSHIP_FITS). */
static uint64_t end_of_run(const struct kz_batch *batch, uint64_t first, uint64_t limit,
                           size_t room, bool membership_fits)
{
    uint32_t from = (uint32_t)(first - batch->first_index);
    size_t start = kz_batch_offset(batch, from);
    uint32_t i = from;
    while (i < batch->count && batch->first_index + i < limit) {
        if (kz_batch_offset(batch, i + 1) - start > room) break;
        uint32_t size;
        bool membership = kz_record_type(kz_batch_record(batch, i, &size)) == KZ_MEMBERSHIP;
        if (membership && !(i == from && membership_fits)) break;
        i++;
    }
    return batch->first_index + i;
}

/* Makes the frame with the entries from FIRST on, as many below LIMIT as fit. They begin in BATCH
 * and go on in the cache. */
static void make_frame(struct kz_driver *driver, const struct kz_batch *batch, uint64_t first,
                       uint64_t limit)
{
    struct kz_append_frame *frame = &driver->frame;
    uint8_t *entries = frame->bytes + KZ_RAFT_APPEND_HEADER_SIZE;
    size_t size = 0;
    uint64_t end = first;

    while (batch != NULL && end < limit) {
        uint64_t next = end_of_run(batch, end, limit, KZ_RAFT_ENTRIES_SIZE_MAX - size, size == 0);
        size_t from = kz_batch_offset(batch, (uint32_t)(end - batch->first_index));
        size_t to = kz_batch_offset(batch, (uint32_t)(next - batch->first_index));
        memcpy(entries + size, batch->bytes + from, to - from);
        size += to - from;
        end = next;
        if (next < kz_batch_end(batch)) break;
        batch = kz_tail_cache_find(&driver->cache, end);
    }
    KZ_ASSERT(end > first);

    struct raft_append_entries header = append_header(driver, first);
    header.n_entries = (unsigned)(end - first);
    frame->size = kz_raft_append_seal(&header, frame->bytes, size);
    frame->term = header.term;
    frame->commit = header.leader_commit;
    frame->first = first;
    frame->limit = limit;
    frame->end = end;
}

/* Returns: whether the frame made last is the one that would be made now. */
static bool frame_fits(struct kz_driver *driver, uint64_t first, uint64_t limit)
{
    const struct kz_append_frame *frame = &driver->frame;
    return frame->size > 0 && frame->first == first && frame->limit == limit &&
           frame->term == raft_current_term(&driver->raft) &&
           frame->commit == raft_commit_index(&driver->raft);
}

/* ---- Streams ---- */

void kz_feeds_reset(struct kz_driver *driver)
{
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct kz_feed *feed = &driver->feeds[i];
        *feed = (struct kz_feed){.peer = feed->peer, .heard = feed->heard, .broken = true};
    }
    driver->frame.size = 0;
}

static bool is_member(const struct kz_driver *driver, uint64_t id)
{
    const struct kz_membership_fields *membership = kz_memberships_last(&driver->memberships);
    for (unsigned i = 0; i < membership->count; i++) {
        if (membership->members[i].id == id) return true;
    }
    return false;
}

struct kz_feed *kz_feed_of(struct kz_driver *driver, uint64_t peer)
{
    struct kz_feed *spare = NULL;
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct kz_feed *feed = &driver->feeds[i];
        if (feed->peer == peer) return feed;
        if (spare == NULL && (feed->peer == 0 || !is_member(driver, feed->peer))) spare = feed;
    }
    if (spare == NULL || !is_member(driver, peer)) return NULL;
    *spare = (struct kz_feed){.peer = peer, .broken = true};
    return spare;
}

static void load(struct kz_driver *driver, struct kz_feed *feed)
{
    if (feed->loading != 0) return;

    bool shared = false;
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++)
        shared = shared || driver->feeds[i].loading == feed->next;
    feed->loading = feed->next;
    if (shared) return;

    uint64_t count = feed->end - feed->next;
    driver->sink.load(driver->sink.context, feed->next,
                      count < UINT32_MAX ? (uint32_t)count : UINT32_MAX, KZ_RAFT_ENTRIES_SIZE_MAX);
}

/* Sends what is in memory, LOADED (may be NULL) included, and has the rest loaded. Returns: whether
 * a frame was sent. */
static bool pump(struct kz_driver *driver, struct kz_feed *feed, const struct kz_batch *loaded)
{
    bool sent = false;
    while (feed->next < feed->end) {
        const struct kz_batch *batch = kz_tail_cache_find(&driver->cache, feed->next);
        if (batch == NULL && loaded != NULL && feed->next >= loaded->first_index &&
            feed->next < kz_batch_end(loaded)) {
            batch = loaded;
        }
        if (!frame_fits(driver, feed->next, feed->end)) {
            if (batch == NULL) {
                load(driver, feed);
                return sent;
            }
            make_frame(driver, batch, feed->next, feed->end);
        }
        send_frame(driver, feed->peer, driver->frame.bytes, driver->frame.size);
        feed->next = driver->frame.end;
        sent = true;
    }
    return sent;
}

static bool is_silent(const struct kz_driver *driver, const struct kz_feed *feed)
{
    return driver->now - feed->heard >= driver->election_timeout_ms;
}

void kz_feed_append(struct kz_driver *driver, const struct raft_message *message)
{
    const struct raft_append_entries *append = &message->append_entries;
    uint64_t first = append->prev_log_index + 1;
    uint64_t end = first + append->n_entries;
    struct kz_feed *feed = kz_feed_of(driver, message->server_id);

    KZ_ASSERT(feed != NULL);
    if (feed->broken || first < feed->start || first > feed->end) {
        feed->start = first;
        feed->next = first;
        feed->end = end;
        feed->broken = false;
    } else if (end > feed->end) {
        feed->end = end;
    }
    if (is_silent(driver, feed) || !pump(driver, feed, NULL)) {
        send_empty(driver, feed->peer, feed->next);
    }
}

/* Returns: whether BATCH is of this leader's log: by the log matching property its last entry
 * speaks for all. */
static bool is_ours(struct kz_driver *driver, const struct kz_batch *batch)
{
    uint64_t term = kz_batch_term(batch, batch->count - 1);
    return driver->led_term != 0 && kz_trail_term(&driver->raft, kz_batch_end(batch) - 1) == term;
}

void kz_feeds_loaded(struct kz_driver *driver, uint64_t first, struct kz_batch *batch)
{
    bool usable = batch != NULL && is_ours(driver, batch);
    for (unsigned i = 0; i < KZ_MEMBERS_MAX; i++) {
        struct kz_feed *feed = &driver->feeds[i];
        if (feed->peer == 0 || feed->loading != first) continue;
        feed->loading = 0;
        if (usable && !feed->broken && !is_silent(driver, feed)) pump(driver, feed, batch);
    }
}
