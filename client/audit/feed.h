/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a ledger on a thread of its own, so that reading and hashing take one core and what is made
 * of the entries another.
 *
 * Invariant: pieces come in order of index and without a gap; a bad entry ends them, behind every
 * good entry before it. */
#ifndef KZ_FEED_H
#define KZ_FEED_H

#include "log/log.h"

#include <stdbool.h>

struct kz_feed;

/* Consecutive entries, and a result for each: KZ_RESULT_NONE past the applied index. */
struct kz_feed_piece {
    struct kz_batch *batch;
    uint8_t *results;
};

/* Starts reading the entries FROM … TO of LOG (none when TO < FROM). CHECK_LEAVES: hashes every
 * record, and compares with the stored leaf. Errors: KZ_NO_MEMORY. */
enum kz_status kz_feed_start(struct kz_log *log, uint64_t from, uint64_t to, bool check_leaves,
                             struct kz_feed **out_feed, struct kz_error *error);

/* Waits for the next piece, which kz_feed_piece_finish() takes back.
 * Errors: KZ_NOT_FOUND (the end), KZ_CORRUPT (ERROR names the index), KZ_IO, KZ_NO_MEMORY. */
enum kz_status kz_feed_next(struct kz_feed *feed, struct kz_feed_piece *out_piece,
                            struct kz_error *error);
void kz_feed_piece_finish(struct kz_feed_piece *piece);

/* Ends the thread, wherever it is. */
void kz_feed_stop(struct kz_feed *feed);

#endif
