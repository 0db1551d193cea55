/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim_store.h"

#include "log/free_pages.h"
#include "log/reached.h"
#include "node/core/memory.h"

#include <stdio.h>
#include <string.h>

struct row {
    uint64_t key;
    uint32_t size;
    uint8_t *bytes;
};

struct table {
    struct row *rows; /* in order of key */
    uint32_t count;
    uint32_t capacity;
    uint32_t found; /* the row found last, for kz_table_next() */
};

/* What takes one change of a transaction back: ROW was removed or replaced (put it back), or added
 * (its bytes are NULL: remove the row of that key). */
struct undo {
    enum kz_table table;
    struct row row;
};

/* A flipped bit, and what its row is as long as nobody wrote it anew. */
struct damage {
    enum kz_table table;
    uint64_t key;
    uint32_t bit;
    const uint8_t *bytes;
    uint8_t rotten; /* the byte that it made */
};

struct kz_sim_medium {
    struct kz_sim_medium *next;
    struct damage damages[KZ_SIM_DAMAGES_MAX];
    unsigned damage_count;
    struct table tables[KZ_TABLE_END];
    struct undo *undo;
    uint32_t undo_count;
    uint32_t undo_capacity;
    uint64_t transactions; /* committed */
    unsigned commits_left;
    bool power_goes;
    bool full;
    bool fails_next;
    bool reaches_disk;
    bool writing;
    uint64_t reached; /* log/reached.h */
    int number;
    char directory[32];
    char path[48];
};

struct kz_store {
    struct kz_sim_medium *medium;
};

static struct kz_sim_medium *media;

const char *kz_table_name(enum kz_table table)
{
    static const char *const names[KZ_TABLE_END] = {
        [KZ_TABLE_HEAD] = "head",     [KZ_TABLE_ENTRIES] = "entries",
        [KZ_TABLE_LEAVES] = "leaves", [KZ_TABLE_RESULTS] = "results",
        [KZ_TABLE_RUNS] = "runs",     [KZ_TABLE_MEMBERSHIPS] = "memberships",
    };
    return names[table];
}

/* ---- Media ---- */

struct kz_sim_medium *kz_sim_medium_create(void)
{
    static int made;
    struct kz_sim_medium *medium = kz_memory_resize(NULL, sizeof *medium);
    *medium = (struct kz_sim_medium){.next = media};
    medium->number = ++made;
    (void)snprintf(medium->directory, sizeof medium->directory, "medium-%d", medium->number);
    (void)snprintf(medium->path, sizeof medium->path, "%s/ledger", medium->directory);
    media = medium;
    return medium;
}

struct kz_sim_medium *kz_sim_medium_copy(const struct kz_sim_medium *medium)
{
    struct kz_sim_medium *copy = kz_sim_medium_create();
    for (int i = 0; i < KZ_TABLE_END; i++) {
        const struct table *table = &medium->tables[i];
        struct row *rows = kz_memory_resize(NULL, (table->count + 1) * sizeof(struct row));
        for (uint32_t j = 0; j < table->count; j++) {
            rows[j] = table->rows[j];
            rows[j].bytes = kz_memory_resize(NULL, rows[j].size + 1);
            memcpy(rows[j].bytes, table->rows[j].bytes, rows[j].size);
        }
        copy->tables[i] =
            (struct table){.rows = rows, .count = table->count, .capacity = table->count + 1};
    }
    copy->transactions = medium->transactions;
    copy->reached = medium->reached;
    return copy;
}

void kz_sim_medium_destroy(struct kz_sim_medium *medium)
{
    if (medium == NULL) return;
    struct kz_sim_medium **at = &media;
    while (*at != medium)
        at = &(*at)->next;
    *at = medium->next;
    for (int i = 0; i < KZ_TABLE_END; i++) {
        for (uint32_t j = 0; j < medium->tables[i].count; j++)
            free(medium->tables[i].rows[j].bytes);
        free(medium->tables[i].rows);
    }
    free(medium->undo);
    free(medium);
}

const char *kz_sim_medium_directory(const struct kz_sim_medium *medium)
{
    return medium->directory;
}

void kz_sim_medium_set_full(struct kz_sim_medium *medium, bool full)
{
    medium->full = full;
}

void kz_sim_medium_cut_after(struct kz_sim_medium *medium, unsigned count)
{
    medium->power_goes = true;
    medium->commits_left = count;
}

void kz_sim_medium_restore(struct kz_sim_medium *medium)
{
    medium->power_goes = false;
    medium->fails_next = false;
}

void kz_sim_medium_fail_next(struct kz_sim_medium *medium, bool reaches_disk)
{
    medium->fails_next = true;
    medium->reaches_disk = reaches_disk;
}

/* ---- Rows ---- */

/* Returns: the place of the first row with a key ≥ KEY. */
static uint32_t place_of(const struct table *table, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table->rows[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_row(const struct table *table, uint32_t place, uint64_t key)
{
    return place < table->count && table->rows[place].key == key;
}

static void insert(struct table *table, uint32_t place, struct row row)
{
    if (table->count == table->capacity) {
        table->capacity = kz_memory_grown(table->capacity, 1);
        table->rows = kz_memory_resize(table->rows, table->capacity * sizeof(struct row));
    }
    memmove(table->rows + place + 1, table->rows + place,
            (table->count - place) * sizeof(struct row));
    table->rows[place] = row;
    table->count++;
}

static struct row take_out(struct table *table, uint32_t place)
{
    struct row row = table->rows[place];
    table->count--;
    memmove(table->rows + place, table->rows + place + 1,
            (table->count - place) * sizeof(struct row));
    return row;
}

/* Returns: whether BYTE is what an earlier damage made of that place. */
static bool is_rotten(const struct kz_sim_medium *medium, const struct damage *place, uint8_t byte)
{
    for (uint32_t i = 0; i < medium->damage_count; i++) {
        const struct damage *damage = &medium->damages[i];
        if (damage->table == place->table && damage->key == place->key &&
            damage->bit == place->bit && damage->rotten == byte)
            return true;
    }
    return false;
}

bool kz_sim_medium_rot(struct kz_sim_medium *medium, enum kz_table table, uint64_t key,
                       uint32_t bit)
{
    struct table *rows = &medium->tables[table];
    uint32_t place = place_of(rows, key);
    if (!has_row(rows, place, key) || rows->rows[place].size <= bit / 8) return false;
    struct row *row = &rows->rows[place];
    struct damage damage = {table, key, bit, row->bytes, 0};
    if (is_rotten(medium, &damage, row->bytes[bit / 8])) return true; /* twice would heal it */
    if (medium->damage_count == KZ_SIM_DAMAGES_MAX) return false;
    row->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    damage.rotten = row->bytes[bit / 8];
    medium->damages[medium->damage_count++] = damage;
    return true;
}

bool kz_sim_medium_is_rotten(const struct kz_sim_medium *medium, enum kz_table table,
                             uint64_t first, uint64_t last)
{
    const struct table *rows = &medium->tables[table];
    for (uint32_t i = 0; i < medium->damage_count; i++) {
        const struct damage *damage = &medium->damages[i];
        if (damage->table != table || damage->key < first || damage->key > last) continue;
        uint32_t place = place_of(rows, damage->key);
        if (has_row(rows, place, damage->key) && damage->bytes == rows->rows[place].bytes)
            return true;
    }
    return false;
}

unsigned kz_sim_medium_damages(const struct kz_sim_medium *medium)
{
    return medium->damage_count;
}

/* ---- Transactions ---- */

static void remember(struct kz_sim_medium *medium, enum kz_table table, struct row row)
{
    if (medium->undo_count == medium->undo_capacity) {
        medium->undo_capacity = kz_memory_grown(medium->undo_capacity, 1);
        medium->undo = kz_memory_resize(medium->undo, medium->undo_capacity * sizeof(struct undo));
    }
    medium->undo[medium->undo_count++] = (struct undo){table, row};
}

/* A row that was written anew is whole. */
static void forget_damages(struct kz_sim_medium *medium, const uint8_t *bytes)
{
    for (unsigned i = 0; i < medium->damage_count; i++) {
        if (medium->damages[i].bytes == bytes) medium->damages[i].bytes = NULL;
    }
}

static void keep_changes(struct kz_sim_medium *medium)
{
    for (uint32_t i = 0; i < medium->undo_count; i++) {
        if (medium->undo[i].row.bytes != NULL) forget_damages(medium, medium->undo[i].row.bytes);
        free(medium->undo[i].row.bytes);
    }
    medium->undo_count = 0;
    medium->transactions++;
}

static void take_back(struct kz_sim_medium *medium)
{
    while (medium->undo_count > 0) {
        struct undo undo = medium->undo[--medium->undo_count];
        struct table *table = &medium->tables[undo.table];
        uint32_t place = place_of(table, undo.row.key);
        if (has_row(table, place, undo.row.key)) free(take_out(table, place).bytes);
        if (undo.row.bytes != NULL) insert(table, place, undo.row);
    }
}

static void begin(struct kz_store *store, bool writing, struct kz_error *error,
                  struct kz_transaction *out_transaction)
{
    store->medium->writing = writing;
    *out_transaction = (struct kz_transaction){
        .store = store, .txn = (struct MDB_txn *)store->medium, .error = error};
}

enum kz_status kz_transaction_begin_read(struct kz_store *store, struct kz_error *error,
                                         struct kz_transaction *out_transaction)
{
    begin(store, false, error, out_transaction);
    return KZ_OK;
}

enum kz_status kz_transaction_begin_write(struct kz_store *store, uint64_t size,
                                          struct kz_error *error,
                                          struct kz_transaction *out_transaction)
{
    (void)size;
    if (store->medium->full) return kz_error_set(error, KZ_NO_SPACE, "the medium is full");
    begin(store, true, error, out_transaction);
    return KZ_OK;
}

uint64_t kz_transaction_number(const struct kz_transaction *transaction)
{
    const struct kz_sim_medium *medium = transaction->store->medium;
    return medium->transactions + medium->writing;
}

/* No pages, so none that is free. */
enum kz_status kz_free_pages_check(const struct kz_transaction *transaction)
{
    (void)transaction;
    return KZ_OK;
}

enum kz_status kz_transaction_commit(struct kz_transaction *transaction)
{
    struct kz_sim_medium *medium = transaction->store->medium;
    transaction->txn = NULL;
    if (medium->power_goes && medium->commits_left == 0) {
        take_back(medium);
        return kz_error_set(transaction->error, KZ_IO, "the power is gone");
    }
    if (medium->power_goes) medium->commits_left--;
    bool fails = medium->fails_next;
    medium->fails_next = false;
    if (fails && !medium->reaches_disk)
        take_back(medium);
    else
        keep_changes(medium);
    return fails ? kz_error_set(transaction->error, KZ_IO, "the disk failed") : KZ_OK;
}

void kz_transaction_abort(struct kz_transaction *transaction)
{
    if (transaction->txn == NULL) return;
    transaction->txn = NULL;
    take_back(transaction->store->medium);
}

static struct table *table_of(const struct kz_transaction *transaction, enum kz_table table)
{
    KZ_ASSERT(transaction->txn != NULL);
    return &transaction->store->medium->tables[table];
}

/* Gives the row at PLACE. */
static enum kz_status give(struct table *table, uint32_t place, struct kz_row *out_row)
{
    if (place >= table->count) return KZ_NOT_FOUND;
    const struct row *row = &table->rows[place];
    table->found = place;
    *out_row = (struct kz_row){row->key, row->bytes, row->size};
    return KZ_OK;
}

enum kz_status kz_table_find(struct kz_transaction *transaction, enum kz_table table, uint64_t key,
                             struct kz_row *out_row)
{
    struct table *rows = table_of(transaction, table);
    uint32_t place = place_of(rows, key);
    return has_row(rows, place, key) ? give(rows, place, out_row) : KZ_NOT_FOUND;
}

enum kz_status kz_table_next(struct kz_transaction *transaction, enum kz_table table,
                             struct kz_row *out_row)
{
    struct table *rows = table_of(transaction, table);
    return give(rows, rows->found + 1, out_row);
}

enum kz_status kz_table_first(struct kz_transaction *transaction, enum kz_table table,
                              struct kz_row *out_row)
{
    return give(table_of(transaction, table), 0, out_row);
}

enum kz_status kz_table_last(struct kz_transaction *transaction, enum kz_table table,
                             struct kz_row *out_row)
{
    struct table *rows = table_of(transaction, table);
    return rows->count == 0 ? KZ_NOT_FOUND : give(rows, rows->count - 1, out_row);
}

enum kz_status kz_table_replace(struct kz_transaction *transaction, enum kz_table table,
                                uint64_t key, size_t size, uint8_t **out_room)
{
    struct table *rows = table_of(transaction, table);
    uint32_t place = place_of(rows, key);
    struct row old = {.key = key};
    if (has_row(rows, place, key)) old = take_out(rows, place);
    remember(transaction->store->medium, table, old);

    struct row row = {key, (uint32_t)size, kz_memory_resize(NULL, size)};
    insert(rows, place, row);
    *out_room = row.bytes;
    return KZ_OK;
}

enum kz_status kz_table_append(struct kz_transaction *transaction, enum kz_table table,
                               uint64_t key, size_t size, uint8_t **out_room)
{
    const struct table *rows = table_of(transaction, table);
    if (rows->count > 0 && rows->rows[rows->count - 1].key >= key) {
        return kz_error_set(transaction->error, KZ_CORRUPT, "row %llu of %s is not behind the last",
                            (unsigned long long)key, kz_table_name(table));
    }
    return kz_table_replace(transaction, table, key, size, out_room);
}

enum kz_status kz_table_drop_from(struct kz_transaction *transaction, enum kz_table table,
                                  uint64_t key)
{
    struct table *rows = table_of(transaction, table);
    while (rows->count > 0 && rows->rows[rows->count - 1].key >= key)
        remember(transaction->store->medium, table, take_out(rows, rows->count - 1));
    return KZ_OK;
}

/* ---- Opening ---- */

static enum kz_status open_medium(const char *path, struct kz_store **out_store,
                                  struct kz_error *error)
{
    struct kz_sim_medium *medium = media;
    while (medium != NULL && strcmp(medium->path, path) != 0)
        medium = medium->next;
    if (medium == NULL) return kz_error_set(error, KZ_NOT_FOUND, "%s is no medium", path);

    struct kz_store *store = kz_memory_resize(NULL, sizeof *store);
    store->medium = medium;
    *out_store = store;
    return KZ_OK;
}

enum kz_status kz_store_open(const char *path, bool read_only, uint64_t map_size,
                             struct kz_store **out_store, struct kz_error *error)
{
    (void)read_only;
    (void)map_size;
    return open_medium(path, out_store, error);
}

enum kz_status kz_store_create(const char *path, uint64_t map_size, struct kz_store **out_store,
                               struct kz_error *error)
{
    (void)map_size;
    return open_medium(path, out_store, error);
}

void kz_store_close(struct kz_store *store)
{
    free(store);
}

/* Room is the medium's own matter: it is full, or it is not. */
void kz_store_keep_room(struct kz_store *store, uint64_t size)
{
    (void)store;
    (void)size;
}

bool kz_store_has_room(const struct kz_store *store)
{
    return !store->medium->full;
}

uint64_t kz_store_used_bytes(const struct kz_store *store)
{
    uint64_t used = 0;
    for (int i = 0; i < KZ_TABLE_END; i++)
        used += store->medium->tables[i].count * UINT64_C(128);
    return used;
}

/* ---- How far it came (log/reached.h) ---- */

static struct kz_sim_medium *medium_of(const struct kz_reached *reached)
{
    struct kz_sim_medium *medium = media;
    while (medium != NULL && medium->number != reached->file)
        medium = medium->next;
    return medium;
}

enum kz_status kz_reached_open(const char *directory, uint64_t transaction,
                               struct kz_reached *out_reached, struct kz_error *error)
{
    struct kz_sim_medium *medium = media;
    while (medium != NULL && strcmp(medium->directory, directory) != 0)
        medium = medium->next;
    KZ_ASSERT(medium != NULL);
    if (medium->reached > transaction)
        return kz_error_set(error, KZ_MISMATCH, "%s is an older copy", directory);
    out_reached->file = medium->number;
    return KZ_OK;
}

enum kz_status kz_reached_forget(const char *directory, struct kz_error *error)
{
    (void)directory;
    (void)error;
    return KZ_OK;
}

void kz_reached_close(struct kz_reached *reached)
{
    reached->file = -1;
}

void kz_reached_note(const struct kz_reached *reached, uint64_t transaction)
{
    struct kz_sim_medium *medium = medium_of(reached);
    if (medium != NULL) medium->reached = transaction;
}
