/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger on disk: an LMDB environment in DIR/ledger (format: log/FORMAT.md). Knows neither raft
 * nor rules.
 *
 * Invariants:
 * 1. Indexes 1 … last are there without a gap; one append is one transaction: all or nothing.
 * 2. Every entry is stored with a checksum, and its index, term, size and leaf hash stand a second
 * time in another table. A read that finds them different gives KZ_CORRUPT and the index; nothing
 * bad is ever served, dropped or skipped.
 * 3. After a failed commit the log is poisoned: every later append gives KZ_POISONED.
 *
 * Threads: one thread appends; any thread reads. Getters describe the log as kz_log_open() found it
 * plus this process's completed appends; call them from the appending thread or before it starts.
 */
#ifndef KZ_LOG_H
#define KZ_LOG_H

#include "log/batch.h"
#include "statemachine/record/record.h"

#include <stdbool.h>
#include <stdint.h>

struct kz_log;

enum kz_log_mode {
    KZ_LOG_CREATE,    /* open DIR/ledger, make it when there is none */
    KZ_LOG_EXISTING,  /* KZ_NOT_FOUND when there is none */
    KZ_LOG_READ_ONLY, /* likewise, and never written */
};

/* MAP_SIZE: bytes of address space and the ledger's largest size; 0 for the default, 1 TiB or as
 * much of it as the process may have. Errors: KZ_NOT_FOUND, KZ_NEWER (a later format), KZ_MALFORMED
 * (no ledger), KZ_CORRUPT, KZ_IO, KZ_NO_SPACE, KZ_NO_MEMORY; each with a sentence in ERROR. */
enum kz_status kz_log_open(const char *directory, enum kz_log_mode mode, uint64_t map_size,
                           struct kz_log **out_log, struct kz_error *error);
void kz_log_close(struct kz_log *log);

/* A term and the first index that carries it. */
struct kz_term_run {
    uint64_t first_index;
    uint64_t term;
};

/* Returns: the term of the run that holds INDEX, of the COUNT RUNS in order; 0 before the first. */
uint64_t kz_log_term_of(const struct kz_term_run *runs, uint32_t count, uint64_t index);

uint64_t kz_log_last_index(const struct kz_log *log); /* 0 when empty */
uint64_t kz_log_last_term(const struct kz_log *log);

/* Returns: the index up to which results are stored: entries 1 … it are known to be committed and
 * applied. May be behind the truth, never ahead. */
uint64_t kz_log_applied_index(const struct kz_log *log);

/* All term runs in order; valid until the next append. */
const struct kz_term_run *kz_log_term_runs(const struct kz_log *log, uint32_t *out_count);

/* Indexes of all `membership` entries in order; valid until the next append. */
const uint64_t *kz_log_memberships(const struct kz_log *log, uint32_t *out_count);

/* Reads the last membership whose record is sound, in OUT_MEMBERS, of the entry OUT_INDEX. Returns:
 * the batch that its texts stand in, to be released; NULL when there is none: nothing is set. */
struct kz_batch *kz_log_read_members(struct kz_log *log, struct kz_membership_fields *out_members,
                                     uint64_t *out_index);

/* One transaction. First drops every entry ≥ DROP_FROM (0: none), never at or below the applied
 * index (KZ_ASSERT); then appends the batches, which follow the last entry and each other without a
 * gap; then stores RESULT_COUNT result bytes for the entries from RESULT_FIRST on (= applied index
 * + 1), which are stored or appended here. A write of nothing only looks for room. Durable
 * (fdatasync) when it returns KZ_OK. Errors: KZ_NO_SPACE (disk or map full: nothing is changed, and
 * the log may go on), KZ_IO (poisons), KZ_POISONED. */
struct kz_log_write {
    uint64_t drop_from;
    const struct kz_batch *const *batches;
    uint32_t batch_count;
    uint64_t result_first;
    const uint8_t *results;
    uint32_t result_count;
};

enum kz_status kz_log_append(struct kz_log *log, const struct kz_log_write *write,
                             struct kz_error *error);

/* Reads entries FIRST … into one new batch: at least one, at most COUNT_MAX, and no more than
 * SIZE_MAX bytes in all unless the first alone is larger. Every checksum and the second table are
 * checked. Errors: KZ_NOT_FOUND (FIRST past the last), KZ_CORRUPT (ERROR names the index), KZ_IO,
 * KZ_NO_MEMORY. */
enum kz_status kz_log_read(struct kz_log *log, uint64_t first, uint32_t count_max, size_t size_max,
                           struct kz_batch **out_batch, struct kz_error *error);

/* Copies the result bytes of entries FIRST … FIRST + COUNT − 1 (all ≤ the applied index) to OUT. */
enum kz_status kz_log_read_results(struct kz_log *log, uint64_t first, uint32_t count, uint8_t *out,
                                   struct kz_error *error);

/* Copies the stored leaf hashes (RFC 6962, over the record alone) of entries FIRST … to OUT. */
enum kz_status kz_log_read_leaves(struct kz_log *log, uint64_t first, uint32_t count,
                                  uint8_t (*out)[KZ_HASH_SIZE], struct kz_error *error);

/* Keeps SIZE bytes of the disk behind what each append needs (an eighth of the map at most), for
 * what must go on when the disk is full: entries in flight, barriers, results. An append for which
 * they can not be had takes what it needs out of them. Before the first append; without it none are
 * kept. */
void kz_log_keep_room(struct kz_log *log, uint64_t size);

/* Returns: whether the room was whole at the last append: nothing new should be taken else. */
bool kz_log_has_room(const struct kz_log *log);

/* Bytes of the ledger's file in use, and fdatasync calls made by this process. */
uint64_t kz_log_used_bytes(const struct kz_log *log);
uint64_t kz_log_sync_count(const struct kz_log *log);

#endif
