/* SPDX-License-Identifier: Apache-2.0 */
#include "log/free_pages.h"

#include "log/store_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_OF_FREE 0 /* LMDB's own table, which its mdb_stat reads too */
#define FIRST_PAGE    2 /* behind the two meta pages */

/* A row is the count of its pages, then their numbers from the highest down. Returns: false when
 * ROW is none. */
static bool read_count(const MDB_val *row, size_t *out_count)
{
    size_t count = 0;
    if (row->mv_size < sizeof count) return false;
    memcpy(&count, row->mv_data, sizeof count);
    if (count != row->mv_size / sizeof count - 1) return false;
    *out_count = count;
    return true;
}

/* ---- Checking ---- */

/* Marks the pages that ROW lists in MARKS. Returns: false when it is no such list, or names a page
 * that is none or was marked already. */
static bool mark(const MDB_val *row, uint64_t last_page, uint8_t *marks)
{
    const uint8_t *bytes = row->mv_data;
    size_t count = 0;
    size_t above = (size_t)last_page + 1;
    if (!read_count(row, &count)) return false;
    for (size_t i = 1; i <= count; i++) {
        size_t page = 0;
        memcpy(&page, bytes + i * sizeof page, sizeof page);
        if (page < FIRST_PAGE || page >= above) return false;
        if ((marks[page / 8] >> page % 8 & 1) != 0) return false;
        marks[page / 8] |= (uint8_t)(1U << page % 8);
        above = page;
    }
    return true;
}

static int mark_all(const struct kz_transaction *transaction, uint64_t last_page, uint8_t *marks)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val row;
    int code = mdb_cursor_open(transaction->txn, TABLE_OF_FREE, &cursor);
    if (code != MDB_SUCCESS) return code;
    while ((code = mdb_cursor_get(cursor, &key, &row, MDB_NEXT)) == MDB_SUCCESS) {
        if (!mark(&row, last_page, marks)) {
            code = MDB_CORRUPTED;
            break;
        }
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

enum kz_status kz_free_pages_check(const struct kz_transaction *transaction)
{
    struct kz_store *store = transaction->store;
    uint64_t last_page = kz_store_used_bytes(store) / store->page_size - 1;
    uint8_t *marks = calloc(1, last_page / 8 + 1);
    int code = marks == NULL ? ENOMEM : mark_all(transaction, last_page, marks);
    free(marks);
    return code == MDB_SUCCESS ? KZ_OK : kz_store_fail(store, code, transaction->error);
}

/* ---- Counting ---- */

static int count_rows(MDB_cursor *cursor, uint64_t first, uint64_t end, uint64_t count_max,
                      uint64_t *count)
{
    size_t number = (size_t)first;
    MDB_val key = {sizeof number, &number};
    MDB_val row;
    int code = mdb_cursor_get(cursor, &key, &row, MDB_SET_RANGE);
    while (code == MDB_SUCCESS && *count < count_max) {
        size_t pages = 0;
        if (key.mv_size != sizeof number || !read_count(&row, &pages)) return MDB_CORRUPTED;
        memcpy(&number, key.mv_data, sizeof number);
        if (number >= end) break;
        *count += pages;
        code = mdb_cursor_get(cursor, &key, &row, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

enum kz_status kz_free_pages_count(const struct kz_transaction *transaction, uint64_t first,
                                   uint64_t end, uint64_t count_max, uint64_t *out_count)
{
    MDB_cursor *cursor = NULL;
    uint64_t count = 0;
    int code = mdb_cursor_open(transaction->txn, TABLE_OF_FREE, &cursor);
    if (code == MDB_SUCCESS) code = count_rows(cursor, first, end, count_max, &count);
    if (cursor != NULL) mdb_cursor_close(cursor);
    if (code != MDB_SUCCESS) return kz_store_fail(transaction->store, code, transaction->error);
    *out_count = count;
    return KZ_OK;
}
