/* SPDX-License-Identifier: Apache-2.0 */
#include "log/readers.h"

#include "log/free_pages.h"
#include "log/log_state.h"
#include "log/store_state.h"

#include <stdlib.h>

struct oldest {
    int64_t process;
    uint64_t transaction;
};

/* LINE is "process thread transaction", the thread in hexadecimal; without a transaction there is a
 * dash; a heading has no numbers. */
static int compare_line(const char *line, void *context)
{
    struct oldest *oldest = context;
    char *process_end = NULL;
    char *thread_end = NULL;
    char *end = NULL;
    int64_t process = strtoll(line, &process_end, 10);
    (void)strtoull(process_end, &thread_end, 16);
    uint64_t transaction = strtoull(thread_end, &end, 10);
    if (process_end == line || thread_end == process_end || end == thread_end) return 0;
    if (transaction < oldest->transaction) *oldest = (struct oldest){process, transaction};
    return 0;
}

uint64_t kz_readers_oldest(const struct kz_store *store, int64_t *out_process)
{
    struct oldest oldest = {.process = 0, .transaction = UINT64_MAX};
    (void)mdb_reader_list(store->environment, compare_line, &oldest);
    *out_process = oldest.process;
    return oldest.transaction;
}

/* Counts what was given up since the last look, or since another reader began. */
static enum kz_status count_held(const struct kz_transaction *transaction,
                                 struct kz_readers *readers)
{
    uint64_t end = kz_transaction_number(transaction);
    uint64_t count = 0;
    int64_t process = 0;
    uint64_t oldest = kz_readers_oldest(transaction->store, &process);
    if (oldest >= end) process = 0;
    if (process == 0 || process != readers->process || oldest != readers->transaction) {
        *readers = (struct kz_readers){.process = process,
                                       .transaction = oldest,
                                       .counted_end = oldest,
                                       .cleared = readers->cleared};
    }
    if (process == 0) return KZ_OK;

    enum kz_status status =
        kz_free_pages_count(transaction, readers->counted_end, end, UINT64_MAX, &count);
    if (status != KZ_OK) return status;
    readers->held_bytes += count * transaction->store->page_size;
    readers->counted_end = end;
    return KZ_OK;
}

enum kz_status kz_readers_look(struct kz_log *log, struct kz_readers *readers,
                               struct kz_error *error)
{
    int cleared = 0;
    struct kz_transaction transaction;
    int code = mdb_reader_check(log->store->environment, &cleared);
    if (code != MDB_SUCCESS) return kz_store_fail(log->store, code, error);
    readers->cleared += (uint64_t)cleared;

    enum kz_status status = kz_transaction_begin_read(log->store, error, &transaction);
    if (status != KZ_OK) return status;
    status = count_held(&transaction, readers);
    kz_transaction_abort(&transaction);
    return status;
}
