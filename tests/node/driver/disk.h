/* SPDX-License-Identifier: Apache-2.0 */
/* A node's directory in memory: the entries that are durable, the vote, the applied index, and the
 * writes that are not durable yet. A crash loses exactly those. */
#ifndef KZ_TEST_DISK_H
#define KZ_TEST_DISK_H

#include "log/batch.h"
#include "log/log.h"
#include "log/node_files.h"
#include "node/core/driver.h"

#include <stdint.h>

struct kz_disk_entry {
    struct kz_batch *batch; /* retained */
    uint32_t place;
};

struct kz_disk_write {
    uint64_t drop_from;
    struct kz_batch *batch;
    struct kz_disk_write *next;
};

struct kz_disk {
    struct kz_vote vote;
    uint64_t applied;
    uint64_t last_index;
    struct kz_disk_entry *entries; /* entry I at I − 1 */
    uint64_t capacity;
    struct kz_disk_write *first_write; /* the oldest that is not durable */
    struct kz_disk_write *last_write;
};

void kz_disk_init(struct kz_disk *disk);
void kz_disk_finish(struct kz_disk *disk);

/* Puts a write behind those that wait. */
void kz_disk_queue(struct kz_disk *disk, uint64_t drop_from, struct kz_batch *batch);

/* Makes the oldest waiting write durable. Returns: its batch, to be released; NULL: none waits. */
struct kz_batch *kz_disk_sync(struct kz_disk *disk);

/* Adds entry PLACE of BATCH, which follows the last one, as durable. */
void kz_disk_add(struct kz_disk *disk, struct kz_batch *batch, uint32_t place);

/* Loses all waiting writes. */
void kz_disk_crash(struct kz_disk *disk);

const uint8_t *kz_disk_record(const struct kz_disk *disk, uint64_t index, uint32_t *out_size);
uint64_t kz_disk_term(const struct kz_disk *disk, uint64_t index);

/* Returns: a new batch with entries FIRST … as kz_log_read() would give it. */
struct kz_batch *kz_disk_read(const struct kz_disk *disk, uint64_t first, uint32_t count_max,
                              size_t size_max);

/* What a driver is started with; to be freed with kz_disk_release_start(). */
struct kz_driver_start kz_disk_start(const struct kz_disk *disk);
void kz_disk_release_start(struct kz_driver_start *start);

#endif
