/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include "log/damage.h"
#include "log/entries.h"
#include "log/log_state.h"
#include "log/whole_file.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/canary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE_MAX 4096
/* What a row, its page's share and a leaf take beside the record, about. */
#define ENTRY_OVERHEAD 96

const struct kz_block_form kz_result_form = {KZ_TABLE_RESULTS, 1, KZ_RESULTS_PER_BLOCK};

/* ---- Getters ---- */

uint64_t kz_log_last_index(const struct kz_log *log)
{
    return log->head.last_index;
}

uint64_t kz_log_last_term(const struct kz_log *log)
{
    return log->head.last_term;
}

uint64_t kz_log_applied_index(const struct kz_log *log)
{
    return log->head.applied_index;
}

uint64_t kz_log_term_of(const struct kz_term_run *runs, uint32_t count, uint64_t index)
{
    uint32_t low = 0; /* runs before LOW begin at or before INDEX, those from HIGH on behind it */
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (runs[middle].first_index <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : runs[low - 1].term;
}

const struct kz_term_run *kz_log_term_runs(const struct kz_log *log, uint32_t *out_count)
{
    *out_count = log->history.run_count;
    return log->history.runs;
}

const uint64_t *kz_log_memberships(const struct kz_log *log, uint32_t *out_count)
{
    *out_count = log->history.membership_count;
    return log->history.memberships;
}

uint64_t kz_log_used_bytes(const struct kz_log *log)
{
    return kz_store_used_bytes(log->store);
}

void kz_log_keep_room(struct kz_log *log, uint64_t size)
{
    kz_store_keep_room(log->store, size);
}

bool kz_log_has_room(const struct kz_log *log)
{
    return kz_store_has_room(log->store);
}

uint64_t kz_log_sync_count(const struct kz_log *log)
{
    return log->sync_count;
}

/* ---- Opening ---- */

/* Reads head and history, and compares the head with each table's end. */
static enum kz_status read_tables(struct kz_log *log, struct kz_transaction *transaction)
{
    uint64_t last_index = 0;
    uint64_t last_result = 0;
    struct kz_head *head = &log->head;
    enum kz_status status = kz_head_read(transaction, head);
    if (status == KZ_OK) status = kz_history_read(transaction, &log->history);
    if (status == KZ_OK) status = kz_entries_last(transaction, &last_index);
    if (status == KZ_OK) status = kz_blocks_last(transaction, &kz_result_form, &last_result);
    if (status != KZ_OK) return status;

    if (last_index != head->last_index) {
        return kz_error_set(transaction->error, KZ_CORRUPT,
                            "the ledger ends at entry %" PRIu64 " and its head says %" PRIu64,
                            last_index, head->last_index);
    }
    if (last_result != head->applied_index) {
        return kz_error_set(transaction->error, KZ_CORRUPT,
                            "the ledger's results end at %" PRIu64 " and its head says %" PRIu64,
                            last_result, head->applied_index);
    }
    if (log->history.run_count != head->run_count ||
        log->history.membership_count != head->membership_count ||
        kz_history_term(&log->history, last_index) != head->last_term) {
        return kz_error_set(transaction->error, KZ_CORRUPT,
                            "the ledger's terms or memberships differ from its head");
    }
    return KZ_OK;
}

/* Loads what the getters give. */
static enum kz_status load(struct kz_log *log, const char *directory, struct kz_error *error)
{
    struct kz_transaction transaction;
    enum kz_status status = kz_transaction_begin_read(log->store, error, &transaction);
    if (status != KZ_OK) return status;

    status = read_tables(log, &transaction);
    if (status == KZ_OK && !log->read_only) {
        status =
            kz_reached_open(directory, kz_transaction_number(&transaction), &log->reached, error);
    }
    kz_transaction_abort(&transaction);
    return status;
}

/* The canary's: what can not be read at the end is dropped, as if its write had been torn. */
static enum kz_status drop_bad_end(struct kz_log *log, struct kz_error *error)
{
    enum kz_status status = KZ_OK;
    while (status == KZ_OK && log->head.last_index > log->head.applied_index) {
        struct kz_batch *batch = NULL;
        uint64_t last = log->head.last_index;
        if (kz_log_read(log, last, 1, KZ_RECORD_SIZE_MAX, &batch, error) == KZ_OK) {
            kz_batch_release(batch);
            break;
        }
        status = kz_log_append(log, &(struct kz_log_write){.drop_from = last}, error);
    }
    return status;
}

static enum kz_status open_log(const char *directory, const char *path, enum kz_log_mode mode,
                               uint64_t map_size, struct kz_log **out_log, struct kz_error *error)
{
    struct kz_log *log = calloc(1, sizeof *log);
    if (log == NULL) return kz_error_set(error, KZ_NO_MEMORY, "ledger %s: no memory", path);

    log->read_only = mode == KZ_LOG_READ_ONLY;
    log->reached.file = -1;
    log->hasher = kz_leaf_hasher_create();
    enum kz_status status = log->hasher == NULL
                                ? kz_error_set(error, KZ_NO_MEMORY, "ledger %s: no memory", path)
                                : kz_store_open(path, log->read_only, map_size, &log->store, error);
    if (status == KZ_OK) status = load(log, directory, error);
    if (status == KZ_OK && !log->read_only) status = kz_log_mend_end(log, error);
    if (status == KZ_OK && !log->read_only && kz_canary(KZ_CANARY_BAD_ENTRY_DROPPED))
        status = drop_bad_end(log, error);
    if (status != KZ_OK) {
        kz_log_close(log);
        return status;
    }
    *out_log = log;
    return KZ_OK;
}

/* Makes an empty ledger at PATH, in another place first, so that what stands at PATH is whole. */
static enum kz_status create(const char *directory, const char *path, uint64_t map_size,
                             struct kz_error *error)
{
    char draft[PATH_SIZE_MAX];
    struct kz_store *store = NULL;
    struct kz_transaction transaction;
    (void)snprintf(draft, sizeof draft, "%s/ledger.new", directory);
    enum kz_status status = kz_directory_make_empty(draft, error);
    if (status == KZ_OK) status = kz_store_create(draft, map_size, &store, error);
    if (status != KZ_OK) return status;

    status = kz_transaction_begin_write(store, KZ_HEAD_SIZE, error, &transaction);
    if (status == KZ_OK) {
        status = kz_head_write(&transaction, &(struct kz_head){0});
        if (status == KZ_OK) status = kz_transaction_commit(&transaction);
        kz_transaction_abort(&transaction);
    }
    kz_store_close(store);
    if (status == KZ_OK) status = kz_directory_sync(draft, error);
    if (status == KZ_OK) status = kz_reached_forget(directory, error);
    if (status == KZ_OK) status = kz_file_rename(directory, draft, path, error);
    return status;
}

enum kz_status kz_log_open(const char *directory, enum kz_log_mode mode, uint64_t map_size,
                           struct kz_log **out_log, struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    int size = snprintf(path, sizeof path, "%s/ledger", directory);
    if (size < 0 || (size_t)size + sizeof "/data.mdb" > sizeof path) {
        return kz_error_set(error, KZ_IO, "the path %.64s… is too long", directory);
    }
    struct stat file;
    if (mode == KZ_LOG_CREATE && stat(path, &file) != 0 && errno == ENOENT) {
        enum kz_status status = create(directory, path, map_size, error);
        if (status != KZ_OK) return status;
    }
    return open_log(directory, path, mode, map_size, out_log, error);
}

void kz_log_close(struct kz_log *log)
{
    if (log == NULL) return;
    kz_store_close(log->store);
    kz_reached_close(&log->reached);
    kz_leaf_hasher_destroy(log->hasher);
    kz_history_finish(&log->history);
    free(log);
}

/* ---- Writing ---- */

/* What a write makes of the log: NEW is the head behind it, MORE the runs and memberships that it
 * adds. */
struct plan {
    struct kz_head head;
    struct kz_history more;
    uint64_t size;
};

/* Counts the runs and memberships of HISTORY before INDEX. */
static void count_below(const struct kz_history *history, uint64_t index, struct kz_head *out_head)
{
    uint32_t runs = history->run_count;
    uint32_t memberships = history->membership_count;
    while (runs > 0 && history->runs[runs - 1].first_index >= index)
        runs--;
    while (memberships > 0 && history->memberships[memberships - 1] >= index)
        memberships--;
    out_head->run_count = runs;
    out_head->membership_count = memberships;
}

void kz_log_plan_drop(const struct kz_log *log, uint64_t index, struct kz_head *head)
{
    KZ_ASSERT(index > head->applied_index && index <= head->last_index);
    head->last_index = index - 1;
    head->last_term = kz_history_term(&log->history, index - 1);
    count_below(&log->history, index, head);
}

static enum kz_status plan_write(const struct kz_log *log, const struct kz_log_write *write,
                                 struct plan *plan, struct kz_error *error)
{
    struct kz_head *head = &plan->head;
    *plan = (struct plan){.head = log->head};
    if (write->drop_from != 0) {
        KZ_ASSERT(write->drop_from > head->applied_index);
        if (write->drop_from <= head->last_index) {
            plan->size += (head->last_index - write->drop_from + 1) / 8;
            kz_log_plan_drop(log, write->drop_from, head);
        }
    }
    for (uint32_t i = 0; i < write->batch_count; i++) {
        const struct kz_batch *batch = write->batches[i];
        if (batch->count == 0) continue;
        KZ_ASSERT(batch->first_index == head->last_index + 1);
        enum kz_status status = kz_history_note(&plan->more, batch, head->last_term);
        if (status != KZ_OK) return kz_error_set(error, status, "no memory for the ledger's terms");
        head->last_index += batch->count;
        head->last_term = kz_batch_term(batch, batch->count - 1);
        plan->size += batch->size + (uint64_t)batch->count * ENTRY_OVERHEAD;
    }
    head->run_count += plan->more.run_count;
    head->membership_count += plan->more.membership_count;
    if (write->result_count > 0) {
        KZ_ASSERT(write->result_first == head->applied_index + 1);
        head->applied_index += write->result_count;
        KZ_ASSERT(head->applied_index <= head->last_index);
        plan->size += write->result_count;
    }
    return KZ_OK;
}

enum kz_status kz_log_drop(struct kz_transaction *transaction, uint64_t index)
{
    enum kz_status status = kz_entries_drop_from(transaction, index);
    return status == KZ_OK ? kz_history_erase_from(transaction, index) : status;
}

/* Does WRITE and all that PLAN adds within TRANSACTION. */
static enum kz_status perform(struct kz_log *log, const struct kz_log_write *write,
                              struct plan *plan, struct kz_transaction *transaction)
{
    enum kz_status status = KZ_OK;
    uint64_t drop_from = write->drop_from;
    if (drop_from != 0 && drop_from <= log->head.last_index)
        status = kz_log_drop(transaction, drop_from);
    for (uint32_t i = 0; i < write->batch_count && status == KZ_OK; i++) {
        status = kz_entries_append(transaction, log->hasher, write->batches[i]);
    }
    if (status == KZ_OK) {
        status = kz_blocks_append(transaction, &kz_result_form, write->result_first, write->results,
                                  write->result_count);
    }
    if (status == KZ_OK) status = kz_history_write(transaction, &plan->more);
    if (status == KZ_OK && kz_canary(KZ_CANARY_TWO_TRANSACTIONS)) {
        status = kz_transaction_commit(transaction);
        if (status == KZ_OK)
            status = kz_transaction_begin_write(log->store, 0, transaction->error, transaction);
    }
    if (status == KZ_OK) status = kz_head_write(transaction, &plan->head);
    return status;
}

/* Makes the log's memory what the commit made of its file. */
static void adopt(struct kz_log *log, const struct kz_log_write *write, const struct plan *plan)
{
    if (write->drop_from != 0) kz_history_drop_from(&log->history, write->drop_from);
    kz_history_adopt(&log->history, &plan->more);
    log->head = plan->head;
}

enum kz_status kz_log_end_write(struct kz_log *log, struct kz_transaction *transaction,
                                enum kz_status status)
{
    uint64_t number = kz_transaction_number(transaction);
    if (status != KZ_OK) {
        kz_transaction_abort(transaction);
        return status;
    }
    log->sync_count++;
    status = kz_transaction_commit(transaction);
    if (status == KZ_OK) kz_reached_note(&log->reached, number);
    if (status != KZ_OK && status != KZ_NO_SPACE && status != KZ_NO_MEMORY) log->poisoned = true;
    return status;
}

/* A write of nothing looks for room, and must not take any: while someone holds pages back, each
 * commit would take new ones. */
static bool is_empty(const struct kz_log_write *write)
{
    return write->drop_from == 0 && write->batch_count == 0 && write->result_count == 0;
}

static enum kz_status commit_write(struct kz_log *log, const struct kz_log_write *write,
                                   struct plan *plan, struct kz_error *error)
{
    struct kz_transaction transaction;
    enum kz_status status = kz_history_reserve(&log->history, &plan->more);
    if (status != KZ_OK) return kz_error_set(error, status, "no memory for the ledger's terms");

    status = kz_transaction_begin_write(log->store, plan->size, error, &transaction);
    if (status != KZ_OK) return status;
    if (is_empty(write)) {
        kz_transaction_abort(&transaction);
        return KZ_OK;
    }
    status = perform(log, write, plan, &transaction);
    status = kz_log_end_write(log, &transaction, status);
    if (status == KZ_OK) adopt(log, write, plan);
    return status;
}

enum kz_status kz_log_append(struct kz_log *log, const struct kz_log_write *write,
                             struct kz_error *error)
{
    KZ_ASSERT(!log->read_only);
    if (log->poisoned) {
        return kz_error_set(error, KZ_POISONED,
                            "the ledger takes nothing more: an earlier write failed");
    }
    struct plan plan;
    enum kz_status status = plan_write(log, write, &plan, error);
    if (status == KZ_OK) status = commit_write(log, write, &plan, error);
    kz_history_finish(&plan.more);
    if (status != KZ_OK && status != KZ_NO_SPACE && status != KZ_NO_MEMORY) log->poisoned = true;
    return status;
}

/* ---- Reading ---- */

/* Begins a transaction and reads its head: what this reader sees of the log. */
static enum kz_status begin_read(struct kz_log *log, struct kz_error *error,
                                 struct kz_transaction *out_transaction, struct kz_head *out_head)
{
    enum kz_status status = kz_transaction_begin_read(log->store, error, out_transaction);
    if (status != KZ_OK) return status;
    status = kz_head_read(out_transaction, out_head);
    if (status != KZ_OK) kz_transaction_abort(out_transaction);
    return status;
}

static enum kz_status past_the_end(struct kz_error *error, uint64_t index, uint64_t end)
{
    return kz_error_set(error, KZ_NOT_FOUND,
                        "entry %" PRIu64 " is not there: the last one is %" PRIu64, index, end);
}

enum kz_status kz_log_read(struct kz_log *log, uint64_t first, uint32_t count_max, size_t size_max,
                           struct kz_batch **out_batch, struct kz_error *error)
{
    KZ_ASSERT(first > 0 && count_max > 0);
    struct kz_head head;
    struct kz_transaction transaction;
    enum kz_status status = begin_read(log, error, &transaction, &head);
    if (status != KZ_OK) return status;

    if (first > head.last_index) {
        status = past_the_end(error, first, head.last_index);
    } else {
        uint64_t left = head.last_index - first;
        uint64_t last = first + (left < count_max - 1 ? left : count_max - 1);
        status = kz_entries_read(&transaction, first, last, size_max, out_batch);
    }
    kz_transaction_abort(&transaction);
    return status;
}

struct kz_batch *kz_log_read_members(struct kz_log *log, struct kz_membership_fields *out_members,
                                     uint64_t *out_index)
{
    for (uint32_t i = log->history.membership_count; i > 0; i--) {
        uint32_t size;
        struct kz_entry entry;
        struct kz_error error;
        struct kz_batch *batch;
        uint64_t index = log->history.memberships[i - 1];
        if (kz_log_read_record(log, index, &batch, &error) != KZ_OK) continue;
        const uint8_t *record = kz_batch_record(batch, 0, &size);
        if (kz_record_decode(record, size, &entry) == KZ_OK && entry.type == KZ_MEMBERSHIP) {
            *out_members = entry.membership;
            *out_index = index;
            return batch;
        }
        kz_batch_release(batch);
    }
    return NULL;
}

enum kz_status kz_log_read_results(struct kz_log *log, uint64_t first, uint32_t count, uint8_t *out,
                                   struct kz_error *error)
{
    KZ_ASSERT(first > 0);
    struct kz_head head;
    struct kz_transaction transaction;
    enum kz_status status = begin_read(log, error, &transaction, &head);
    if (status != KZ_OK) return status;

    if (first - 1 > head.applied_index || count > head.applied_index - (first - 1)) {
        status = past_the_end(error, first + count - 1, head.applied_index);
    } else {
        status = kz_blocks_read(&transaction, &kz_result_form, first, count, out);
    }
    kz_transaction_abort(&transaction);
    return status;
}

static enum kz_status read_leaves(struct kz_transaction *transaction, uint64_t first,
                                  uint32_t count, uint8_t (*out)[KZ_HASH_SIZE])
{
    struct kz_block block = {.first_index = 0};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t index = first + i;
        if (index >= block.first_index + block.count) {
            enum kz_status status = kz_blocks_load(transaction, &kz_leaf_form, index, &block);
            if (status != KZ_OK) return status;
        }
        const uint8_t *leaf = block.items + (index - block.first_index) * KZ_LEAF_SIZE;
        memcpy(out[i], leaf + KZ_LEAF_HASH_OFFSET, KZ_HASH_SIZE);
    }
    return KZ_OK;
}

enum kz_status kz_log_read_leaves(struct kz_log *log, uint64_t first, uint32_t count,
                                  uint8_t (*out)[KZ_HASH_SIZE], struct kz_error *error)
{
    KZ_ASSERT(first > 0);
    struct kz_head head;
    struct kz_transaction transaction;
    enum kz_status status = begin_read(log, error, &transaction, &head);
    if (status != KZ_OK) return status;

    if (first - 1 > head.last_index || count > head.last_index - (first - 1)) {
        status = past_the_end(error, first + count - 1, head.last_index);
    } else {
        status = read_leaves(&transaction, first, count, out);
    }
    kz_transaction_abort(&transaction);
    return status;
}
