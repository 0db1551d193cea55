/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim_disk.h"

#include "log/blocks.h"
#include "log/head.h"
#include "node/core/memory.h"
#include "statemachine/base/bytes.h"
#include "tests/simulation/sim_image.h"
#include "tests/simulation/sim_store.h"

#include <stdio.h>
#include <string.h>

#define PATH_SIZE         64
#define RESULTS_PER_BLOCK 1024
#define LEAVES_PER_BLOCK  45
#define LEAF_BITS         (8 * 44)
#define READ_COUNT        4096
#define READ_SIZE         ((size_t)READ_COUNT * (KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_SIZE_MAX))

/* ---- The list ---- */

static void truncate_list(struct kz_sim_disk *disk, uint64_t from)
{
    while (disk->last >= from)
        free(disk->entries[--disk->last].record);
    if (disk->applied > disk->last) disk->applied = disk->last;
}

static void list_entry(struct kz_sim_disk *disk, uint64_t term, const uint8_t *record,
                       uint32_t size)
{
    if (disk->last == disk->capacity) {
        disk->capacity = disk->capacity * 2 + 64;
        disk->entries = kz_memory_resize(disk->entries, disk->capacity * sizeof(disk->entries[0]));
        disk->results = kz_memory_resize(disk->results, disk->capacity);
    }
    struct kz_sim_entry *entry = &disk->entries[disk->last++];
    *entry = (struct kz_sim_entry){term, size, kz_memory_resize(NULL, size)};
    memcpy(entry->record, record, size);
}

/* Puts what BATCH holds into the list, in the place of what stands there. */
static void list_batch(struct kz_sim_disk *disk, const struct kz_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t size;
        uint64_t index = batch->first_index + i;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        if (index <= disk->last) {
            struct kz_sim_entry *entry = &disk->entries[index - 1];
            entry->term = kz_batch_term(batch, i);
            entry->size = size;
            entry->record = kz_memory_resize(entry->record, size);
            memcpy(entry->record, record, size);
        } else {
            KZ_ASSERT(index == disk->last + 1);
            list_entry(disk, kz_batch_term(batch, i), record, size);
        }
    }
}

static void list_write(struct kz_sim_disk *disk, const struct kz_write_order *order)
{
    if (order->drop_from > 0) {
        KZ_ASSERT(order->drop_from > disk->applied);
        truncate_list(disk, order->drop_from);
    }
    if (order->batch != NULL) {
        KZ_ASSERT(order->batch->first_index == disk->last + 1);
        list_batch(disk, order->batch);
    }
    for (uint32_t i = 0; i < order->result_count; i++) {
        KZ_ASSERT(order->result_first + i == disk->applied + 1 && disk->applied < disk->last);
        KZ_ASSERT(order->results[i] < KZ_RESULT_END);
        disk->results[disk->applied++] = order->results[i];
    }
}

/* Lists what the ledger holds; what can not be read is what it was. */
static void list_all(struct kz_sim_disk *disk)
{
    struct kz_error error;
    uint64_t last = kz_log_last_index(disk->log);
    uint32_t count = READ_COUNT;
    KZ_ASSERT(disk->doubtful || last >= disk->last); /* no stored entry is gone */
    for (uint64_t index = 1; index <= last;) {
        struct kz_batch *batch;
        if (kz_log_read(disk->log, index, count, READ_SIZE, &batch, &error) == KZ_OK) {
            list_batch(disk, batch);
            index = kz_batch_end(batch);
            kz_batch_release(batch);
        } else if (count > 1) {
            count = 1;
        } else {
            KZ_ASSERT(index <= disk->last);
            index++;
        }
    }
    truncate_list(disk, last + 1);
    disk->applied = kz_log_applied_index(disk->log);
    for (uint64_t index = 1; index <= disk->applied; index += RESULTS_PER_BLOCK) {
        uint64_t left = disk->applied + 1 - index;
        uint32_t taken = left < RESULTS_PER_BLOCK ? (uint32_t)left : RESULTS_PER_BLOCK;
        (void)kz_log_read_results(disk->log, index, taken, disk->results + index - 1, &error);
    }
}

/* ---- The ledger ---- */

static void ledger_path(const struct kz_sim_disk *disk, char out[static PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/ledger", kz_sim_medium_directory(disk->medium));
}

static enum kz_status format_medium(const struct kz_sim_disk *disk, struct kz_error *error)
{
    char path[PATH_SIZE];
    struct kz_store *store;
    struct kz_transaction transaction;
    ledger_path(disk, path);
    enum kz_status status = kz_store_create(path, 0, &store, error);
    if (status == KZ_OK) status = kz_transaction_begin_write(store, 0, error, &transaction);
    if (status == KZ_OK) status = kz_head_write(&transaction, &(struct kz_head){0});
    if (status == KZ_OK) status = kz_transaction_commit(&transaction);
    kz_store_close(store);
    return status;
}

enum kz_status kz_sim_disk_open(struct kz_sim_disk *disk, struct kz_error *error)
{
    enum kz_status status = KZ_OK;
    if (disk->log != NULL) return KZ_OK;
    if (disk->medium == NULL) {
        disk->medium = kz_sim_medium_create();
        status = format_medium(disk, error);
        KZ_ASSERT(status == KZ_OK);
    }
    kz_sim_medium_restore(disk->medium);
    kz_sim_medium_set_full(disk->medium, disk->full);
    status =
        kz_log_open(kz_sim_medium_directory(disk->medium), KZ_LOG_EXISTING, 0, &disk->log, error);
    if (status == KZ_OK) list_all(disk);
    disk->doubtful = false;
    return status;
}

void kz_sim_disk_close(struct kz_sim_disk *disk)
{
    kz_log_close(disk->log);
    disk->log = NULL;
}

void kz_sim_disk_clear(struct kz_sim_disk *disk)
{
    kz_sim_disk_close(disk);
    kz_sim_medium_destroy(disk->medium);
    truncate_list(disk, 1);
    free(disk->entries);
    free(disk->results);
    kz_sim_image_clear(disk);
    *disk = (struct kz_sim_disk){0};
}

void kz_sim_disk_copy(const struct kz_sim_disk *disk, struct kz_sim_disk *out_copy)
{
    *out_copy = (struct kz_sim_disk){
        .identity = disk->identity, .vote = disk->vote, .medium = kz_sim_medium_copy(disk->medium)};
    KZ_ASSERT(!disk->doubtful);
    for (uint64_t i = 0; i < disk->last; i++) {
        const struct kz_sim_entry *entry = &disk->entries[i];
        list_entry(out_copy, entry->term, entry->record, entry->size);
    }
    out_copy->applied = disk->applied;
    memcpy(out_copy->results, disk->results, disk->applied);
    kz_sim_image_copy(disk, out_copy);
}

static void must_open(struct kz_sim_disk *disk)
{
    struct kz_error error;
    enum kz_status status = kz_sim_disk_open(disk, &error);
    KZ_ASSERT(status == KZ_OK);
}

enum kz_status kz_sim_disk_write(struct kz_sim_disk *disk, const struct kz_write_order *order)
{
    struct kz_error error;
    must_open(disk);
    kz_sim_medium_set_full(disk->medium, disk->full);
    const struct kz_batch *batches[] = {order->batch};
    const struct kz_log_write write = {
        .drop_from = order->drop_from,
        .batches = batches,
        .batch_count = order->batch != NULL,
        .result_first = order->result_first,
        .results = order->results,
        .result_count = order->result_count,
    };
    enum kz_status status = kz_log_append(disk->log, &write, &error);
    if (status == KZ_OK) list_write(disk, order);
    disk->doubtful |= status != KZ_OK && status != KZ_NO_SPACE;
    return status;
}

static bool is_listed(const struct kz_sim_disk *disk, const struct kz_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t size;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        const struct kz_sim_entry *entry = &disk->entries[batch->first_index + i - 1];
        if (batch->first_index + i > disk->last || kz_batch_term(batch, i) != entry->term)
            return false;
        if (size != entry->size || memcmp(record, entry->record, size) != 0) return false;
    }
    return true;
}

enum kz_status kz_sim_disk_read(struct kz_sim_disk *disk, const struct kz_load_order *order,
                                struct kz_batch **out_batch, uint8_t *out_results,
                                struct kz_error *error)
{
    enum kz_status status = order->record_alone
                                ? kz_log_read_record(disk->log, order->first, out_batch, error)
                                : kz_log_read(disk->log, order->first, order->count_max,
                                              order->size_max, out_batch, error);
    if (status != KZ_OK) return status;
    KZ_ASSERT(disk->doubtful || is_listed(disk, *out_batch));
    if (out_results == NULL) return KZ_OK;

    uint32_t count = (*out_batch)->count;
    status = kz_log_read_results(disk->log, order->first, count, out_results, error);
    if (status != KZ_OK) {
        kz_batch_release(*out_batch);
        return status;
    }
    KZ_ASSERT(disk->doubtful || memcmp(out_results, disk->results + order->first - 1, count) == 0);
    return KZ_OK;
}

/* ---- Damage ---- */

void kz_sim_disk_examine(struct kz_sim_disk *disk, const struct kz_load_order *order,
                         struct kz_fault *out_fault)
{
    struct kz_error error;
    uint64_t fits = order->size_max / (KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_HEADER_SIZE) + 1;
    uint32_t count = order->count_max < fits ? order->count_max : (uint32_t)fits;
    enum kz_status status =
        kz_log_examine(disk->log, order->first, count, order->with_results, out_fault, &error);
    KZ_ASSERT(status == KZ_OK);
}

enum kz_status kz_sim_disk_repair(struct kz_sim_disk *disk, const struct kz_repair_order *order)
{
    struct kz_error error;
    const struct kz_log_repair repair = {.index = order->index,
                                         .entry = order->entry,
                                         .is_proven = order->is_proven,
                                         .is_overwritten = order->is_overwritten,
                                         .results = order->results,
                                         .count = order->count};
    kz_sim_medium_set_full(disk->medium, disk->full);
    enum kz_status status = kz_log_repair(disk->log, &repair, &error);
    if (status == KZ_OK && repair.is_overwritten) truncate_list(disk, repair.index);
    disk->doubtful |= status == KZ_IO && repair.is_overwritten;
    return status;
}

/* Lists what a failed write left on the medium, while it can be read. */
static void list_again(struct kz_sim_disk *disk)
{
    struct kz_error error;
    kz_sim_disk_close(disk);
    (void)kz_sim_disk_open(disk, &error);
    kz_sim_disk_close(disk);
}

void kz_sim_disk_rot(struct kz_sim_disk *disk, uint64_t index, enum kz_damage damage)
{
    KZ_ASSERT(index > 0 && index <= disk->last);
    if (disk->doubtful) list_again(disk);
    if (damage == KZ_DAMAGE_RECORD || damage == KZ_DAMAGE_BOTH)
        kz_sim_medium_rot(disk->medium, KZ_TABLE_ENTRIES, index, 8 * 9);
    if (damage == KZ_DAMAGE_LEAF || damage == KZ_DAMAGE_BOTH)
        kz_sim_medium_rot(disk->medium, KZ_TABLE_LEAVES, index - (index - 1) % LEAVES_PER_BLOCK,
                          (uint32_t)((index - 1) % LEAVES_PER_BLOCK * LEAF_BITS));
    if (damage == KZ_DAMAGE_RESULTS) kz_sim_medium_rot(disk->medium, KZ_TABLE_RESULTS, index, 0);
}

bool kz_sim_disk_is_rotten(struct kz_sim_disk *disk)
{
    struct kz_error error;
    struct kz_fault fault = {.damage = KZ_DAMAGE_NONE};
    if (disk->last == 0) return false;
    if (disk->log == NULL) return kz_sim_medium_damages(disk->medium) > 0;
    enum kz_status status =
        kz_log_examine(disk->log, 1, (uint32_t)disk->last, true, &fault, &error);
    return status != KZ_OK || fault.damage != KZ_DAMAGE_NONE;
}

/* ---- Rewriting ---- */

/* Returns: the list's entries as one batch. */
static struct kz_batch *batch_of_list(const struct kz_sim_disk *disk)
{
    size_t size = 0;
    for (uint64_t i = 0; i < disk->last; i++)
        size += KZ_ENTRY_PREFIX_SIZE + disk->entries[i].size;
    struct kz_batch *batch = kz_batch_create(1, (uint32_t)disk->last, size);
    for (uint64_t i = 0; i < disk->last; i++) {
        const struct kz_sim_entry *entry = &disk->entries[i];
        memcpy(kz_batch_add(batch, entry->term, entry->size), entry->record, entry->size);
    }
    return batch;
}

void kz_sim_disk_rewrite(struct kz_sim_disk *disk)
{
    struct kz_error error;
    struct kz_log *log;
    kz_sim_disk_close(disk);
    kz_sim_medium_destroy(disk->medium);
    disk->medium = kz_sim_medium_create();
    enum kz_status status = format_medium(disk, &error);
    if (status == KZ_OK)
        status =
            kz_log_open(kz_sim_medium_directory(disk->medium), KZ_LOG_EXISTING, 0, &log, &error);
    KZ_ASSERT(status == KZ_OK);

    struct kz_batch *batch = batch_of_list(disk);
    const struct kz_batch *batches[] = {batch};
    const struct kz_log_write write = {.batches = batches,
                                       .batch_count = 1,
                                       .result_first = 1,
                                       .results = disk->results,
                                       .result_count = (uint32_t)disk->applied};
    status = kz_log_append(log, &write, &error);
    KZ_ASSERT(status == KZ_OK);
    kz_batch_release(batch);
    kz_log_close(log);
}
