/* SPDX-License-Identifier: Apache-2.0 */
#include "log/store.h"

#include "log/free_pages.h"
#include "log/meta_pages.h"
#include "log/readers.h"
#include "log/store_state.h"
#include "statemachine/base/assert.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keys are integers in the machine's own order, which the format says is little-endian. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a ledger is little-endian");

/* Where a process may not have that much address space (a limit, a sanitizer), the default is
 * smaller. */
#define MAP_SIZE_DEFAULT (UINT64_C(1) << 40)
#define MAP_SIZE_LEAST   (UINT64_C(1) << 30)
#define FILE_STEP_MIN    (UINT64_C(256) << 10)
#define FILE_STEP_MAX    (UINT64_C(64) << 20)
#define ZERO_STEP        (UINT64_C(256) << 10)
#define SMALL_WRITE_MAX  (UINT64_C(64) << 10)
#define FILE_MODE        0600
#define LOCK_FILE_SIZE   8192 /* a hundred readers and more */
#define ROOM_SHARE       8    /* of the map, the room takes this part at most */

static const char *const table_names[KZ_TABLE_END] = {
    [KZ_TABLE_HEAD] = "head",     [KZ_TABLE_ENTRIES] = "entries",
    [KZ_TABLE_LEAVES] = "leaves", [KZ_TABLE_RESULTS] = "results",
    [KZ_TABLE_RUNS] = "runs",     [KZ_TABLE_MEMBERSHIPS] = "memberships",
};

const char *kz_table_name(enum kz_table table)
{
    return table_names[table];
}

static enum kz_status status_of(int code)
{
    switch (code) {
    case MDB_SUCCESS: return KZ_OK;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return KZ_NO_SPACE;
    case ENOMEM: return KZ_NO_MEMORY;
    case MDB_INVALID:
    case MDB_INCOMPATIBLE: return KZ_MALFORMED;
    case MDB_VERSION_MISMATCH: return KZ_NEWER;
    case MDB_PANIC: return KZ_POISONED;
    case MDB_CORRUPTED:
    case MDB_NOTFOUND: /* of LMDB's own rows: whoever looks for one of ours asks before */
    case MDB_PAGE_NOTFOUND:
    case MDB_PAGE_FULL: /* a page that says another size than it has */
    case MDB_CURSOR_FULL:
    case MDB_KEYEXIST:
    case MDB_BAD_TXN:
    case MDB_BAD_DBI:
    case MDB_BAD_VALSIZE:
    case MDB_MAP_RESIZED: /* nobody else writes: the first pages lie */ return KZ_CORRUPT;
    default: return KZ_IO;
    }
}

enum kz_status kz_store_fail(const struct kz_store *store, int code, struct kz_error *error)
{
    enum kz_status status = status_of(code);
    KZ_ASSERT(status != KZ_OK);
    (void)kz_error_set(error, status, "ledger %s: %s", store->path, mdb_strerror(code));
    return status;
}

/* ---- Transactions ---- */

static enum kz_status begin(struct kz_store *store, unsigned flags, struct kz_error *error,
                            struct kz_transaction *out_transaction)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(store->environment, NULL, flags, &txn);
    if (code != MDB_SUCCESS) return kz_store_fail(store, code, error);
    *out_transaction = (struct kz_transaction){.store = store, .txn = txn, .error = error};
    return KZ_OK;
}

/* Returns: the number of the last commit, as LMDB's first pages have it. */
static uint64_t last_committed(const struct kz_store *store)
{
    MDB_envinfo info;
    int code = mdb_env_info(store->environment, &info);
    KZ_ASSERT(code == MDB_SUCCESS);
    return info.me_last_txnid;
}

/* LMDB takes the number of the last commit, and then copies that commit's roots from one of the
 * first two pages: but two commits later that page is another's, and a reader that was held up in
 * between has roots which are not of its number, or half written. So it begins again until nobody
 * has committed meanwhile: until its number is still the last, or, where that never comes because a
 * first page lies about it, until the last is what it was at the try before. */
enum kz_status kz_transaction_begin_read(struct kz_store *store, struct kz_error *error,
                                         struct kz_transaction *out_transaction)
{
    uint64_t last = 0;
    for (;;) {
        enum kz_status status = begin(store, MDB_RDONLY, error, out_transaction);
        if (status != KZ_OK) return status;
        uint64_t before = last;
        last = last_committed(store);
        if (last == kz_transaction_number(out_transaction) || last == before) return KZ_OK;
        kz_transaction_abort(out_transaction);
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Makes the data file SIZE bytes long, with blocks behind them where the file system can.
 * Returns: 0 or an errno. */
static int extend_file(int file, uint64_t old_size, uint64_t size)
{
    if (fallocate(file, 0, (off_t)old_size, (off_t)(size - old_size)) == 0) return 0;
    if (errno != EOPNOTSUPP) return errno;
    return ftruncate(file, (off_t)size) == 0 ? 0 : errno;
}

/* Makes the data file at least SIZE bytes long, and at best STEP more. Returns: 0 or an errno. */
static int grow_file(const struct kz_store *store, uint64_t have, uint64_t size, uint64_t step)
{
    if (size <= have) return 0;
    int code = extend_file(store->file, have, smaller(size + step, store->map_size));
    if (status_of(code) == KZ_NO_SPACE) code = extend_file(store->file, have, size);
    return code;
}

/* Returns: bytes of the pages that the next write may use again, counted until there are SIZE. What
 * can not be read of LMDB's list of them is for its writer to find. */
static uint64_t reusable_bytes(struct kz_store *store, uint64_t size)
{
    struct kz_transaction transaction;
    int64_t process = 0;
    uint64_t count = 0;
    if (begin(store, MDB_RDONLY, NULL, &transaction) != KZ_OK) return 0;
    uint64_t end = kz_readers_oldest(store, &process); /* TRANSACTION, unless one is older */
    (void)kz_free_pages_count(&transaction, 0, end, size / store->page_size + 1, &count);
    kz_transaction_abort(&transaction);
    return count * store->page_size;
}

/* Makes the file longer by what a write of SIZE bytes needs and the room, in steps that grow with
 * it. Returns: 0 or an errno; ENOSPC too at the end of the map. */
static int reserve_behind(const struct kz_store *store, uint64_t have, uint64_t used, uint64_t size)
{
    uint64_t step = smaller(used / 8 > FILE_STEP_MIN ? used / 8 : FILE_STEP_MIN, FILE_STEP_MAX);
    uint64_t need = used + size + store->room;
    return need <= store->map_size ? grow_file(store, have, need, step) : ENOSPC;
}

/* The last page in use, as LMDB's first pages have it, lies in the file and never comes before an
 * earlier one: if it does, these pages are damaged, and what they ask for is no room. */
static enum kz_status check_used(struct kz_store *store, uint64_t have, uint64_t used,
                                 struct kz_error *error)
{
    if (used > have || used < store->used_before)
        return kz_error_set(error, KZ_CORRUPT, "ledger %s: the first pages of its file are damaged",
                            store->path);
    store->used_before = used;
    return KZ_OK;
}

/* Makes sure of twice SIZE bytes (LMDB copies the pages that it changes) and of the room: of file
 * behind the last page in use, or else of pages that may be used again. Where there is no space for
 * the room any more, what a write needs is taken out of it. */
static enum kz_status reserve(struct kz_store *store, uint64_t size, struct kz_error *error)
{
    struct stat file;
    if (fstat(store->file, &file) != 0) return kz_store_fail(store, errno, error);

    uint64_t have = (uint64_t)file.st_size;
    uint64_t used = kz_store_used_bytes(store);
    uint64_t need = 2 * size + 64 * store->page_size;
    enum kz_status status = check_used(store, have, used, error);
    if (status != KZ_OK) return status;
    int code = reserve_behind(store, have, used, need);
    store->has_room = code == 0;
    if (code == 0) return KZ_OK;
    if (status_of(code) != KZ_NO_SPACE) return kz_store_fail(store, code, error);

    uint64_t reusable = reusable_bytes(store, need + store->room);
    store->has_room = reusable >= need + store->room;
    uint64_t end = smaller(used + need, store->map_size);
    if (reusable >= need) {
        /* A page behind the end that is taken and given up again is never written. */
        code = end <= have || ftruncate(store->file, (off_t)end) == 0 ? 0 : errno;
    } else {
        code = grow_file(store, have, end, 0);
    }
    return code == 0 ? KZ_OK : kz_store_fail(store, code, error);
}

/* Writes zeros over blocks behind the last page in use, ahead of a small write. The first write of
 * a reserved block changes the file's extents too, and a commit would wait for these apart from its
 * pages: so it does once for many blocks. (A large write does so by itself.) */
static enum kz_status zero_ahead(struct kz_store *store, uint64_t size, struct kz_error *error)
{
    static const uint8_t zeros[ZERO_STEP];
    struct stat file;
    uint64_t used = kz_store_used_bytes(store);
    if (size > SMALL_WRITE_MAX || used + 2 * size <= store->zeroed_end) return KZ_OK;
    if (fstat(store->file, &file) != 0) return kz_store_fail(store, errno, error);

    uint64_t begin = used > store->zeroed_end ? used : store->zeroed_end;
    uint64_t end = smaller(begin + ZERO_STEP, (uint64_t)file.st_size);
    if (begin >= end) return KZ_OK;
    ssize_t written = pwrite(store->file, zeros, end - begin, (off_t)begin);
    if (written < 0) return kz_store_fail(store, errno, error);
    store->zeroed_end = begin + (uint64_t)written;
    return KZ_OK;
}

void kz_store_keep_room(struct kz_store *store, uint64_t size)
{
    store->room = smaller(size, store->map_size / ROOM_SHARE);
}

bool kz_store_has_room(const struct kz_store *store)
{
    return store->has_room;
}

enum kz_status kz_transaction_begin_write(struct kz_store *store, uint64_t size,
                                          struct kz_error *error,
                                          struct kz_transaction *out_transaction)
{
    enum kz_status status = reserve(store, size, error);
    if (status == KZ_OK) status = zero_ahead(store, size, error);
    if (status != KZ_OK) return status;
    return begin(store, 0, error, out_transaction);
}

static void close_cursors(struct kz_transaction *transaction)
{
    for (int table = 0; table < KZ_TABLE_END; table++) {
        if (transaction->cursors[table] != NULL) mdb_cursor_close(transaction->cursors[table]);
        transaction->cursors[table] = NULL;
    }
}

/* Returns: whether LMDB still begins transactions; not behind a failed write of its meta page. */
static bool can_go_on(const struct kz_store *store)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(store->environment, NULL, MDB_RDONLY, &txn);
    if (code == MDB_SUCCESS) mdb_txn_abort(txn);
    return code != MDB_PANIC;
}

enum kz_status kz_transaction_commit(struct kz_transaction *transaction)
{
    close_cursors(transaction);
    int code = mdb_txn_commit(transaction->txn);
    transaction->txn = NULL;
    if (code == MDB_SUCCESS) return KZ_OK;
    enum kz_status status = kz_store_fail(transaction->store, code, transaction->error);
    if (status != KZ_NO_SPACE || can_go_on(transaction->store)) return status;
    return kz_store_fail(transaction->store, EIO, transaction->error);
}

void kz_transaction_abort(struct kz_transaction *transaction)
{
    if (transaction->txn == NULL) return;
    close_cursors(transaction);
    mdb_txn_abort(transaction->txn);
    transaction->txn = NULL;
}

uint64_t kz_transaction_number(const struct kz_transaction *transaction)
{
    return mdb_txn_id(transaction->txn);
}

/* ---- Rows ---- */

static int open_cursor(struct kz_transaction *transaction, enum kz_table table)
{
    if (transaction->cursors[table] != NULL) return MDB_SUCCESS;
    return mdb_cursor_open(transaction->txn, transaction->store->tables[table],
                           &transaction->cursors[table]);
}

static enum kz_status get(struct kz_transaction *transaction, enum kz_table table, uint64_t key,
                          MDB_cursor_op operation, struct kz_row *out_row)
{
    MDB_val found_key = {sizeof key, &key};
    MDB_val value;
    int code = open_cursor(transaction, table);
    if (code == MDB_SUCCESS) {
        code = mdb_cursor_get(transaction->cursors[table], &found_key, &value, operation);
    }
    if (code == MDB_NOTFOUND) return KZ_NOT_FOUND;
    if (code == MDB_SUCCESS && found_key.mv_size != sizeof key) code = MDB_CORRUPTED;
    if (code != MDB_SUCCESS) return kz_store_fail(transaction->store, code, transaction->error);

    memcpy(&key, found_key.mv_data, sizeof key);
    *out_row = (struct kz_row){key, value.mv_data, value.mv_size};
    return KZ_OK;
}

enum kz_status kz_table_find(struct kz_transaction *transaction, enum kz_table table, uint64_t key,
                             struct kz_row *out_row)
{
    return get(transaction, table, key, MDB_SET_KEY, out_row);
}

enum kz_status kz_table_next(struct kz_transaction *transaction, enum kz_table table,
                             struct kz_row *out_row)
{
    return get(transaction, table, 0, MDB_NEXT, out_row);
}

enum kz_status kz_table_first(struct kz_transaction *transaction, enum kz_table table,
                              struct kz_row *out_row)
{
    return get(transaction, table, 0, MDB_FIRST, out_row);
}

enum kz_status kz_table_last(struct kz_transaction *transaction, enum kz_table table,
                             struct kz_row *out_row)
{
    return get(transaction, table, 0, MDB_LAST, out_row);
}

static enum kz_status put(struct kz_transaction *transaction, enum kz_table table, uint64_t key,
                          size_t size, unsigned flags, uint8_t **out_room)
{
    MDB_val row_key = {sizeof key, &key};
    MDB_val value = {size, NULL};
    int code = open_cursor(transaction, table);
    if (code == MDB_SUCCESS) {
        code = mdb_cursor_put(transaction->cursors[table], &row_key, &value, flags | MDB_RESERVE);
    }
    if (code != MDB_SUCCESS) return kz_store_fail(transaction->store, code, transaction->error);
    *out_room = value.mv_data;
    return KZ_OK;
}

enum kz_status kz_table_append(struct kz_transaction *transaction, enum kz_table table,
                               uint64_t key, size_t size, uint8_t **out_room)
{
    return put(transaction, table, key, size, MDB_APPEND, out_room);
}

enum kz_status kz_table_replace(struct kz_transaction *transaction, enum kz_table table,
                                uint64_t key, size_t size, uint8_t **out_room)
{
    return put(transaction, table, key, size, 0, out_room);
}

enum kz_status kz_table_drop_from(struct kz_transaction *transaction, enum kz_table table,
                                  uint64_t key)
{
    struct kz_row row;
    enum kz_status status = kz_table_last(transaction, table, &row);
    while (status == KZ_OK && row.key >= key) {
        int code = mdb_cursor_del(transaction->cursors[table], 0);
        if (code != MDB_SUCCESS) return kz_store_fail(transaction->store, code, transaction->error);
        status = kz_table_last(transaction, table, &row);
    }
    return status == KZ_NOT_FOUND ? KZ_OK : status;
}

/* ---- Opening ---- */

uint64_t kz_store_used_bytes(const struct kz_store *store)
{
    MDB_envinfo info;
    int code = mdb_env_info(store->environment, &info);
    KZ_ASSERT(code == MDB_SUCCESS);
    return ((uint64_t)info.me_last_pgno + 1) * store->page_size;
}

void kz_store_close(struct kz_store *store)
{
    if (store == NULL) return;
    mdb_env_close(store->environment); /* NULL is fine */
    free(store);
}

/* Puts blocks behind the lock file, which LMDB maps and writes to: on a full disk a page without
 * one would kill the process. Returns: 0 or an errno; 0 where LMDB will find what is wrong itself.
 */
static int settle_lock_file(const char *path)
{
    char name[4096];
    (void)snprintf(name, sizeof name, "%s/lock.mdb", path);
    int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (file < 0) return 0;
    int code = fallocate(file, 0, 0, LOCK_FILE_SIZE) == 0 ? 0 : errno;
    (void)close(file);
    return code == ENOSPC || code == EDQUOT ? code : 0;
}

/* Opens STORE's environment with a map of MAP_SIZE bytes. Returns: an LMDB code; the environment is
 * then closed. */
static int open_with_map(struct kz_store *store, unsigned flags, uint64_t map_size)
{
    int code = settle_lock_file(store->path);
    if (code != 0) return code;
    code = mdb_env_create(&store->environment);
    if (code == 0) code = mdb_env_set_maxdbs(store->environment, KZ_TABLE_END);
    if (code == 0) code = mdb_env_set_mapsize(store->environment, map_size);
    if (code == 0)
        code = mdb_env_open(store->environment, store->path, flags | MDB_NOTLS, FILE_MODE);
    if (code == 0) code = mdb_env_get_fd(store->environment, &store->file);
    store->map_size = map_size;
    if (code == 0) return 0;
    mdb_env_close(store->environment);
    store->environment = NULL;
    return code;
}

static enum kz_status open_environment(const char *path, unsigned flags, uint64_t map_size,
                                       struct kz_store **out_store, struct kz_error *error)
{
    struct kz_store *store = calloc(1, sizeof *store + strlen(path) + 1);
    if (store == NULL) {
        (void)kz_error_set(error, KZ_NO_MEMORY, "ledger %s: no memory", path);
        return KZ_NO_MEMORY;
    }
    memcpy(store->path, path, strlen(path) + 1);

    int code = open_with_map(store, flags, map_size == 0 ? MAP_SIZE_DEFAULT : map_size);
    while (code == ENOMEM && map_size == 0 && store->map_size > MAP_SIZE_LEAST) {
        code = open_with_map(store, flags, store->map_size / 4);
    }
    if (code != 0) {
        enum kz_status status = kz_store_fail(store, code, error);
        kz_store_close(store);
        return status;
    }
    MDB_stat stat;
    (void)mdb_env_stat(store->environment, &stat);
    store->page_size = stat.ms_psize;
    store->has_room = true;
    *out_store = store;
    return KZ_OK;
}

/* Opens every table in a transaction of FLAGS. Returns: an LMDB code; MDB_INCOMPATIBLE when one is
 * missing or of another kind. */
static int open_tables(struct kz_store *store, unsigned transaction_flags, unsigned table_flags)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(store->environment, NULL, transaction_flags, &txn);
    if (code != MDB_SUCCESS) return code;

    for (int table = 0; table < KZ_TABLE_END && code == MDB_SUCCESS; table++) {
        unsigned flags = 0;
        code = mdb_dbi_open(txn, table_names[table], MDB_INTEGERKEY | table_flags,
                            &store->tables[table]);
        if (code == MDB_SUCCESS) code = mdb_dbi_flags(txn, store->tables[table], &flags);
        if (code == MDB_NOTFOUND || (code == MDB_SUCCESS && flags != MDB_INTEGERKEY)) {
            code = MDB_INCOMPATIBLE;
        }
    }
    if (code == MDB_SUCCESS) return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

/* LMDB would take an empty data file for a new environment, and believes the first two pages. */
static enum kz_status check_file(const char *path, struct kz_error *error)
{
    char name[4096];
    struct stat file;
    if (stat(path, &file) != 0) {
        enum kz_status status = errno == ENOENT ? KZ_NOT_FOUND : KZ_IO;
        return kz_error_set(error, status, "ledger %s: %s", path, strerror(errno));
    }
    (void)snprintf(name, sizeof name, "%s/data.mdb", path);
    if (stat(name, &file) != 0) {
        enum kz_status status = errno == ENOENT || errno == ENOTDIR ? KZ_MALFORMED : KZ_IO;
        return kz_error_set(error, status, "%s is no ledger: %s", path, strerror(errno));
    }
    return kz_meta_pages_check(name, error);
}

/* Reading behind the end of a cut file would kill the process. */
static enum kz_status check_length(const struct kz_store *store, struct kz_error *error)
{
    struct stat file;
    if (fstat(store->file, &file) != 0) return kz_store_fail(store, errno, error);
    uint64_t used = kz_store_used_bytes(store);
    if ((uint64_t)file.st_size >= used) return KZ_OK;
    return kz_error_set(error, KZ_CORRUPT, "ledger %s: the data file is cut: %llu of %llu bytes",
                        store->path, (unsigned long long)file.st_size, (unsigned long long)used);
}

/* A process that is killed behind its commit's write of a first page has not yet told the number to
 * the lock file, which lives on where another process has it open. LMDB sees to that when the next
 * write begins; whoever read before would have the commit before that one, and write its head over
 * the last one's. Nor has the page reached the disk for certain. */
static enum kz_status catch_up(const struct kz_store *store, struct kz_error *error)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(store->environment, NULL, 0, &txn);
    if (code == MDB_SUCCESS) {
        mdb_txn_abort(txn);
        code = mdb_env_sync(store->environment, 1);
    }
    return code == MDB_SUCCESS ? KZ_OK : kz_store_fail(store, code, error);
}

enum kz_status kz_store_open(const char *path, bool read_only, uint64_t map_size,
                             struct kz_store **out_store, struct kz_error *error)
{
    enum kz_status status = check_file(path, error);
    if (status != KZ_OK) return status;

    struct kz_store *store = NULL;
    status = open_environment(path, read_only ? MDB_RDONLY : 0, map_size, &store, error);
    if (status != KZ_OK) return status;

    status = check_length(store, error);
    if (status == KZ_OK && !read_only) status = catch_up(store, error);
    if (status == KZ_OK) {
        int code = open_tables(store, MDB_RDONLY, 0);
        if (code != MDB_SUCCESS) {
            status = kz_error_set(error, status_of(code), "%s is no ledger: %s", path,
                                  mdb_strerror(code));
        }
    }
    if (status != KZ_OK) {
        kz_store_close(store);
        return status;
    }
    *out_store = store;
    return KZ_OK;
}

enum kz_status kz_store_create(const char *path, uint64_t map_size, struct kz_store **out_store,
                               struct kz_error *error)
{
    struct kz_store *store = NULL;
    enum kz_status status = open_environment(path, 0, map_size, &store, error);
    if (status != KZ_OK) return status;

    status = reserve(store, 0, error);
    if (status == KZ_OK) {
        int code = open_tables(store, 0, MDB_CREATE);
        if (code != MDB_SUCCESS) status = kz_store_fail(store, code, error);
    }
    if (status != KZ_OK) {
        kz_store_close(store);
        return status;
    }
    *out_store = store;
    return KZ_OK;
}
