/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/feed.h"

#include "log/merkle/leaf_hasher.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_COUNT_MAX 4096
#define PIECE_SIZE_MAX  ((size_t)1 << 20)
#define QUEUE_SIZE      4

struct kz_feed {
    struct kz_log *log;
    struct kz_leaf_hasher *hasher; /* NULL: leaves are not checked */
    uint8_t (*leaves)[KZ_HASH_SIZE];
    uint64_t next_index; /* the reader's */
    uint64_t to;
    uint64_t applied;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct kz_feed_piece queue[QUEUE_SIZE];
    uint32_t taken; /* pieces ever taken, and put */
    uint32_t put;
    bool stopped; /* by the taker */
    bool ended;   /* by the reader, for the reason in ERROR */
    struct kz_error error;
};

void kz_feed_piece_finish(struct kz_feed_piece *piece)
{
    kz_batch_release(piece->batch);
    free(piece->results);
    *piece = (struct kz_feed_piece){0};
}

/* ---- The reader's thread ---- */

static enum kz_status check_leaves(struct kz_feed *feed, const struct kz_batch *batch,
                                   struct kz_error *error)
{
    enum kz_status status =
        kz_log_read_leaves(feed->log, batch->first_index, batch->count, feed->leaves, error);
    for (uint32_t i = 0; i < batch->count && status == KZ_OK; i++) {
        uint32_t size = 0;
        uint8_t hash[KZ_HASH_SIZE];
        const uint8_t *record = kz_batch_record(batch, i, &size);
        kz_leaf_hasher_hash(feed->hasher, record, size, hash);
        if (memcmp(hash, feed->leaves[i], KZ_HASH_SIZE) == 0) continue;
        status =
            kz_error_set(error, KZ_CORRUPT, "entry %" PRIu64 " is damaged: its leaf hash differs",
                         batch->first_index + i);
    }
    return status;
}

static enum kz_status read_results(struct kz_feed *feed, struct kz_feed_piece *piece,
                                   struct kz_error *error)
{
    const struct kz_batch *batch = piece->batch;
    piece->results = malloc(batch->count);
    if (piece->results == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory to read");
    memset(piece->results, KZ_RESULT_NONE, batch->count);
    if (batch->first_index > feed->applied) return KZ_OK;

    uint64_t stored = feed->applied - batch->first_index + 1;
    uint32_t count = stored < batch->count ? (uint32_t)stored : batch->count;
    return kz_log_read_results(feed->log, batch->first_index, count, piece->results, error);
}

/* Reads at most COUNT_MAX entries. */
static enum kz_status read_piece(struct kz_feed *feed, uint32_t count_max,
                                 struct kz_feed_piece *out_piece, struct kz_error *error)
{
    struct kz_feed_piece piece = {0};
    enum kz_status status =
        kz_log_read(feed->log, feed->next_index, count_max, PIECE_SIZE_MAX, &piece.batch, error);
    if (status == KZ_OK && feed->hasher != NULL) status = check_leaves(feed, piece.batch, error);
    if (status == KZ_OK) status = read_results(feed, &piece, error);
    if (status != KZ_OK) {
        kz_feed_piece_finish(&piece);
        return status;
    }
    *out_piece = piece;
    return KZ_OK;
}

/* Reads the next piece; where something in it is bad, its entries one by one up to the bad one. */
static enum kz_status read_next(struct kz_feed *feed, struct kz_feed_piece *out_piece,
                                struct kz_error *error)
{
    if (feed->next_index > feed->to) {
        return kz_error_set(error, KZ_NOT_FOUND, "the ledger's end");
    }
    uint64_t left = feed->to - feed->next_index + 1;
    uint32_t count_max = left < PIECE_COUNT_MAX ? (uint32_t)left : PIECE_COUNT_MAX;
    enum kz_status status = read_piece(feed, count_max, out_piece, error);
    if (status == KZ_CORRUPT && count_max > 1) status = read_piece(feed, 1, out_piece, error);
    if (status == KZ_OK) feed->next_index = kz_batch_end(out_piece->batch);
    return status;
}

static void *read_all(void *argument)
{
    struct kz_feed *feed = argument;
    struct kz_feed_piece piece = {0};
    struct kz_error error = {.text = ""};
    enum kz_status status = KZ_OK;
    bool stopped = false;
    while (status == KZ_OK && !stopped) {
        status = read_next(feed, &piece, &error);
        (void)pthread_mutex_lock(&feed->mutex);
        while (feed->put - feed->taken == QUEUE_SIZE && !feed->stopped) {
            (void)pthread_cond_wait(&feed->changed, &feed->mutex);
        }
        if (status == KZ_OK) {
            stopped = feed->stopped;
            if (!stopped) feed->queue[feed->put++ % QUEUE_SIZE] = piece;
        } else {
            feed->ended = true;
            feed->error = error;
        }
        (void)pthread_cond_broadcast(&feed->changed);
        (void)pthread_mutex_unlock(&feed->mutex);
    }
    if (stopped) kz_feed_piece_finish(&piece);
    return NULL;
}

/* ---- The taker's side ---- */

static void destroy(struct kz_feed *feed)
{
    (void)pthread_cond_destroy(&feed->changed);
    (void)pthread_mutex_destroy(&feed->mutex);
    kz_leaf_hasher_destroy(feed->hasher);
    free(feed->leaves);
    free(feed);
}

enum kz_status kz_feed_start(struct kz_log *log, uint64_t from, uint64_t to, bool check_leaves_too,
                             struct kz_feed **out_feed, struct kz_error *error)
{
    struct kz_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory to read");
    feed->log = log;
    feed->next_index = from;
    feed->to = to;
    feed->applied = kz_log_applied_index(log);
    (void)pthread_mutex_init(&feed->mutex, NULL);
    (void)pthread_cond_init(&feed->changed, NULL);
    bool complete = true;
    if (check_leaves_too) {
        feed->hasher = kz_leaf_hasher_create();
        feed->leaves = calloc(PIECE_COUNT_MAX, sizeof *feed->leaves);
        complete = feed->hasher != NULL && feed->leaves != NULL;
    }
    if (!complete || pthread_create(&feed->thread, NULL, read_all, feed) != 0) {
        destroy(feed);
        return kz_error_set(error, KZ_NO_MEMORY, "no memory to read");
    }
    *out_feed = feed;
    return KZ_OK;
}

enum kz_status kz_feed_next(struct kz_feed *feed, struct kz_feed_piece *out_piece,
                            struct kz_error *error)
{
    enum kz_status status = KZ_OK;
    (void)pthread_mutex_lock(&feed->mutex);
    while (feed->put == feed->taken && !feed->ended) {
        (void)pthread_cond_wait(&feed->changed, &feed->mutex);
    }
    if (feed->put != feed->taken) {
        *out_piece = feed->queue[feed->taken++ % QUEUE_SIZE];
    } else {
        *error = feed->error;
        status = feed->error.status;
    }
    (void)pthread_cond_broadcast(&feed->changed);
    (void)pthread_mutex_unlock(&feed->mutex);
    return status;
}

void kz_feed_stop(struct kz_feed *feed)
{
    (void)pthread_mutex_lock(&feed->mutex);
    feed->stopped = true;
    (void)pthread_cond_broadcast(&feed->changed);
    (void)pthread_mutex_unlock(&feed->mutex);
    (void)pthread_join(feed->thread, NULL);
    while (feed->taken != feed->put) {
        kz_feed_piece_finish(&feed->queue[feed->taken++ % QUEUE_SIZE]);
    }
    destroy(feed);
}
