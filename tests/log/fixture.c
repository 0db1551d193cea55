/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/log/fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char directory[PATH_SIZE];

int set_up(void **state)
{
    const char *parent = getenv("TMPDIR");
    (void)state;
    (void)snprintf(directory, PATH_SIZE, "%s/kz-log-XXXXXX", parent == NULL ? "/tmp" : parent);
    return mkdtemp(directory) == NULL;
}

static int remove_one(const char *path, const struct stat *file, int kind, struct FTW *walk)
{
    (void)file;
    (void)kind;
    (void)walk;
    return remove(path);
}

int tear_down(void **state)
{
    (void)state;
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

size_t make_record(uint64_t index, uint8_t out[static KZ_RECORD_SIZE_MAX])
{
    struct kz_entry entry = {.type = KZ_WITHDRAW, .time = 1792800000000 + (int64_t)index};
    memcpy(entry.request, &index, sizeof index);
    if (index % 50 == 0 || index == 1) {
        entry.type = KZ_MEMBERSHIP;
        entry.membership.count = 1;
        entry.membership.members[0] =
            (struct kz_member){.id = 1, .role = KZ_VOTER, .peer = {"127.0.0.1:1", 11}};
    } else if (index % 3 == 0) {
        entry.application_only.application = index;
    } else {
        entry.type = KZ_APPLICATION;
        entry.application.territory = 1;
        entry.application.birth_year = 2021;
        entry.application.category = KZ_GENERAL;
        memcpy(entry.application.child, &index, sizeof index);
    }
    size_t size = kz_record_encode(&entry, out, KZ_RECORD_SIZE_MAX);
    assert_true(size > 0);
    return size;
}

struct kz_batch *make_batch(uint64_t first, uint32_t count, uint64_t term)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_batch *batch = kz_batch_create(first, count, (size_t)count * 160);
    assert_non_null(batch);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = make_record(first + i, record);
        uint8_t *room = kz_batch_add(batch, term, (uint32_t)size);
        assert_non_null(room);
        memcpy(room, record, size);
    }
    return batch;
}

void append(struct kz_log *log, uint32_t count, uint64_t term)
{
    struct kz_error error = {.text = ""};
    struct kz_batch *batch = make_batch(kz_log_last_index(log) + 1, count, term);
    const struct kz_batch *batches[] = {batch};
    struct kz_log_write write = {.batches = batches, .batch_count = 1};
    assert_int_equal(kz_log_append(log, &write, &error), KZ_OK);
    kz_batch_release(batch);
}

struct kz_log *open_log(const char *path)
{
    struct kz_log *log = NULL;
    struct kz_error error = {.text = ""};
    enum kz_status status = kz_log_open(path, KZ_LOG_CREATE, 0, &log, &error);
    if (status != KZ_OK) fail_msg("%s: %s", kz_status_text(status), error.text);
    return log;
}

static uint64_t term_of(const struct kz_log *log, uint64_t index)
{
    uint32_t count = 0;
    uint64_t term = 0;
    const struct kz_term_run *runs = kz_log_term_runs(log, &count);
    for (uint32_t i = 0; i < count && runs[i].first_index <= index; i++)
        term = runs[i].term;
    return term;
}

static void assert_memberships(const struct kz_log *log, uint64_t last)
{
    uint32_t count = 0;
    uint32_t expected = 0;
    const uint64_t *memberships = kz_log_memberships(log, &count);
    for (uint64_t index = 1; index <= last; index++) {
        if (index % 50 != 0 && index != 1) continue;
        assert_true(expected < count);
        assert_int_equal(memberships[expected], index);
        expected++;
    }
    assert_int_equal(count, expected);
}

void assert_entries(struct kz_log *log, uint64_t last)
{
    struct kz_error error = {.text = ""};
    assert_int_equal(kz_log_last_index(log), last);
    assert_int_equal(kz_log_last_term(log), term_of(log, last));
    assert_memberships(log, last);
    uint64_t index = 1;
    while (index <= last) {
        struct kz_batch *batch = NULL;
        enum kz_status status = kz_log_read(log, index, 1000, 10000, &batch, &error);
        if (status != KZ_OK) fail_msg("%s: %s", kz_status_text(status), error.text);
        assert_int_equal(batch->first_index, index);
        assert_true(batch->count > 0 && kz_batch_end(batch) <= last + 1);
        for (uint32_t i = 0; i < batch->count; i++, index++) {
            uint8_t expected[KZ_RECORD_SIZE_MAX];
            uint32_t size = 0;
            const uint8_t *record = kz_batch_record(batch, i, &size);
            assert_int_equal(size, make_record(index, expected));
            assert_memory_equal(record, expected, size);
            assert_int_equal(kz_batch_term(batch, i), term_of(log, index));
        }
        kz_batch_release(batch);
    }
}
