/* SPDX-License-Identifier: Apache-2.0 */
#include "log/history.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <inttypes.h>
#include <stdlib.h>

#define RUN_SIZE        16
#define MEMBERSHIP_SIZE 8

void kz_history_finish(struct kz_history *history)
{
    free(history->runs);
    free(history->memberships);
    *history = (struct kz_history){0};
}

/* Makes room at ITEMS for COUNT of ITEM_SIZE bytes. */
static enum kz_status grow(void **items, uint32_t *capacity, uint64_t count, size_t item_size)
{
    if (count <= *capacity) return KZ_OK;
    uint64_t wish = count < 8 ? 8 : count + count / 2;
    if (wish > UINT32_MAX) return KZ_NO_MEMORY;
    void *larger = realloc(*items, wish * item_size);
    if (larger == NULL) return KZ_NO_MEMORY;
    *items = larger;
    *capacity = (uint32_t)wish;
    return KZ_OK;
}

static enum kz_status grow_runs(struct kz_history *history, uint64_t count)
{
    void *items = history->runs;
    enum kz_status status = grow(&items, &history->run_capacity, count, sizeof *history->runs);
    history->runs = items;
    return status;
}

static enum kz_status grow_memberships(struct kz_history *history, uint64_t count)
{
    void *items = history->memberships;
    enum kz_status status =
        grow(&items, &history->membership_capacity, count, sizeof *history->memberships);
    history->memberships = items;
    return status;
}

enum kz_status kz_history_add_run(struct kz_history *history, uint64_t first_index, uint64_t term)
{
    enum kz_status status = grow_runs(history, (uint64_t)history->run_count + 1);
    if (status != KZ_OK) return status;
    KZ_ASSERT(history->runs != NULL);
    history->runs[history->run_count++] = (struct kz_term_run){first_index, term};
    return KZ_OK;
}

enum kz_status kz_history_add_membership(struct kz_history *history, uint64_t index)
{
    enum kz_status status = grow_memberships(history, (uint64_t)history->membership_count + 1);
    if (status != KZ_OK) return status;
    KZ_ASSERT(history->memberships != NULL);
    history->memberships[history->membership_count++] = index;
    return KZ_OK;
}

enum kz_status kz_history_note(struct kz_history *history, const struct kz_batch *batch,
                               uint64_t last_term)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t size = 0;
        uint64_t index = batch->first_index + i;
        uint64_t term = kz_batch_term(batch, i);
        const uint8_t *record = kz_batch_record(batch, i, &size);
        KZ_ASSERT(size >= KZ_RECORD_HEADER_SIZE && size <= KZ_RECORD_SIZE_MAX);
        KZ_ASSERT(term >= last_term);

        enum kz_status status = KZ_OK;
        if (term > last_term) status = kz_history_add_run(history, index, term);
        if (status == KZ_OK && kz_record_type(record) == KZ_MEMBERSHIP) {
            status = kz_history_add_membership(history, index);
        }
        if (status != KZ_OK) return status;
        last_term = term;
    }
    return KZ_OK;
}

void kz_history_drop_from(struct kz_history *history, uint64_t index)
{
    while (history->run_count > 0 && history->runs[history->run_count - 1].first_index >= index) {
        history->run_count--;
    }
    while (history->membership_count > 0 &&
           history->memberships[history->membership_count - 1] >= index) {
        history->membership_count--;
    }
}

uint64_t kz_history_term(const struct kz_history *history, uint64_t index)
{
    return kz_log_term_of(history->runs, history->run_count, index);
}

enum kz_status kz_history_reserve(struct kz_history *history, const struct kz_history *more)
{
    enum kz_status status = grow_runs(history, (uint64_t)history->run_count + more->run_count);
    if (status != KZ_OK) return status;
    return grow_memberships(history, (uint64_t)history->membership_count + more->membership_count);
}

void kz_history_adopt(struct kz_history *history, const struct kz_history *more)
{
    for (uint32_t i = 0; i < more->run_count; i++) {
        KZ_ASSERT(history->run_count < history->run_capacity);
        history->runs[history->run_count++] = more->runs[i];
    }
    for (uint32_t i = 0; i < more->membership_count; i++) {
        KZ_ASSERT(history->membership_count < history->membership_capacity);
        history->memberships[history->membership_count++] = more->memberships[i];
    }
}

static enum kz_status damaged(const struct kz_transaction *transaction, enum kz_table table,
                              uint64_t index)
{
    return kz_error_set(transaction->error, KZ_CORRUPT,
                        "entry %" PRIu64 " is damaged: its row in the table of %s", index,
                        kz_table_name(table));
}

static enum kz_status read_run(struct kz_transaction *transaction, const struct kz_row *row,
                               struct kz_history *history)
{
    const struct kz_term_run *last =
        history->run_count == 0 ? NULL : &history->runs[history->run_count - 1];
    if (row->size != RUN_SIZE || kz_hash64(row->bytes, 8, row->key) != kz_get_u64(row->bytes + 8)) {
        return damaged(transaction, KZ_TABLE_RUNS, row->key);
    }
    uint64_t term = kz_get_u64(row->bytes);
    bool follows = last == NULL ? row->key == 1 && term > 0
                                : row->key > last->first_index && term > last->term;
    if (!follows) return damaged(transaction, KZ_TABLE_RUNS, row->key);
    return kz_history_add_run(history, row->key, term);
}

static enum kz_status read_membership(struct kz_transaction *transaction, const struct kz_row *row,
                                      struct kz_history *history)
{
    if (row->size != MEMBERSHIP_SIZE ||
        kz_hash64(row->bytes, 0, row->key) != kz_get_u64(row->bytes)) {
        return damaged(transaction, KZ_TABLE_MEMBERSHIPS, row->key);
    }
    return kz_history_add_membership(history, row->key);
}

enum kz_status kz_history_read(struct kz_transaction *transaction, struct kz_history *history)
{
    static const struct {
        enum kz_table table;
        enum kz_status (*read)(struct kz_transaction *, const struct kz_row *, struct kz_history *);
    } tables[] = {{KZ_TABLE_RUNS, read_run}, {KZ_TABLE_MEMBERSHIPS, read_membership}};

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct kz_row row;
        enum kz_status status = kz_table_first(transaction, tables[i].table, &row);
        while (status == KZ_OK) {
            status = tables[i].read(transaction, &row, history);
            if (status == KZ_OK) status = kz_table_next(transaction, tables[i].table, &row);
        }
        if (status != KZ_NOT_FOUND) return status;
    }
    return KZ_OK;
}

enum kz_status kz_history_write(struct kz_transaction *transaction,
                                const struct kz_history *history)
{
    uint8_t *room = NULL;
    for (uint32_t i = 0; i < history->run_count; i++) {
        const struct kz_term_run *run = &history->runs[i];
        enum kz_status status =
            kz_table_append(transaction, KZ_TABLE_RUNS, run->first_index, RUN_SIZE, &room);
        if (status != KZ_OK) return status;
        kz_put_u64(room, run->term);
        kz_put_u64(room + 8, kz_hash64(room, 8, run->first_index));
    }
    for (uint32_t i = 0; i < history->membership_count; i++) {
        uint64_t index = history->memberships[i];
        enum kz_status status =
            kz_table_append(transaction, KZ_TABLE_MEMBERSHIPS, index, MEMBERSHIP_SIZE, &room);
        if (status != KZ_OK) return status;
        kz_put_u64(room, kz_hash64(room, 0, index));
    }
    return KZ_OK;
}

enum kz_status kz_history_erase_from(struct kz_transaction *transaction, uint64_t index)
{
    enum kz_status status = kz_table_drop_from(transaction, KZ_TABLE_RUNS, index);
    if (status != KZ_OK) return status;
    return kz_table_drop_from(transaction, KZ_TABLE_MEMBERSHIPS, index);
}
