/* SPDX-License-Identifier: Apache-2.0 */
#include "client/snapshot/copy.h"

#include "statemachine/base/assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_COUNT 16384
#define BATCH_SIZE  (4u << 20)

struct kz_copy {
    struct kz_log *log;
    struct kz_batch *batch; /* what is not stored yet */
    uint64_t last_index;
    uint64_t last_term;
    uint8_t results[BATCH_COUNT]; /* of the batch */
};

enum kz_status kz_copy_create(const char *directory, struct kz_copy **out_copy,
                              struct kz_error *error)
{
    struct kz_copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory for a copy");

    enum kz_status status = kz_log_open(directory, KZ_LOG_CREATE, 0, &copy->log, error);
    if (status == KZ_OK) {
        copy->batch = kz_batch_create(1, BATCH_COUNT, BATCH_SIZE);
        if (copy->batch == NULL) status = kz_error_set(error, KZ_NO_MEMORY, "no memory for a copy");
    }
    if (status != KZ_OK) {
        kz_copy_destroy(copy);
        return status;
    }
    *out_copy = copy;
    return KZ_OK;
}

void kz_copy_destroy(struct kz_copy *copy)
{
    if (copy == NULL) return;
    kz_batch_release(copy->batch);
    kz_log_close(copy->log);
    free(copy);
}

uint64_t kz_copy_last_index(const struct kz_copy *copy)
{
    return copy->last_index;
}

struct kz_log *kz_copy_log(struct kz_copy *copy)
{
    return copy->log;
}

enum kz_status kz_copy_finish(struct kz_copy *copy, struct kz_error *error)
{
    struct kz_batch *batch = copy->batch;
    if (batch->count == 0) return KZ_OK;

    const struct kz_batch *batches[] = {batch};
    const struct kz_log_write write = {.batches = batches,
                                       .batch_count = 1,
                                       .result_first = batch->first_index,
                                       .results = copy->results,
                                       .result_count = batch->count};
    struct kz_batch *next = kz_batch_create(copy->last_index + 1, BATCH_COUNT, BATCH_SIZE);
    if (next == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory for a copy");
    enum kz_status status = kz_log_append(copy->log, &write, error);
    kz_batch_release(batch);
    copy->batch = next;
    return status;
}

static enum kz_status bad(struct kz_error *error, enum kz_status status, uint64_t index,
                          const char *what)
{
    return kz_error_set(error, status, "entry %" PRIu64 " %s", index, what);
}

static enum kz_status check(const struct kz_copy *copy, const struct kz_copied *entry,
                            struct kz_error *error)
{
    struct kz_entry decoded;
    if (entry->index != copy->last_index + 1) {
        return kz_error_set(error, KZ_CORRUPT, "entry %" PRIu64 " came where %" PRIu64 " is next",
                            entry->index, copy->last_index + 1);
    }
    if (entry->term == 0 || entry->term < copy->last_term) {
        return bad(error, KZ_CORRUPT, entry->index, "has a term before the previous one's");
    }
    enum kz_status status = kz_record_decode(entry->record, entry->size, &decoded);
    if (status == KZ_NEWER) {
        return bad(error, status, entry->index, "is of a later format than this program knows");
    }
    if (status != KZ_OK) return bad(error, KZ_CORRUPT, entry->index, "is no record");
    if (entry->index == 1 && decoded.type != KZ_MEMBERSHIP) {
        return bad(error, KZ_CORRUPT, 1, "is not a membership");
    }
    if (entry->result >= KZ_RESULT_END)
        return bad(error, KZ_CORRUPT, entry->index, "has no result");
    return KZ_OK;
}

enum kz_status kz_copy_add(struct kz_copy *copy, const struct kz_copied *entry,
                           struct kz_error *error)
{
    enum kz_status status = check(copy, entry, error);
    if (status != KZ_OK) return status;

    uint8_t *room = kz_batch_add(copy->batch, entry->term, entry->size);
    if (room == NULL) {
        status = kz_copy_finish(copy, error);
        if (status != KZ_OK) return status;
        room = kz_batch_add(copy->batch, entry->term, entry->size);
        KZ_ASSERT(room != NULL);
    }
    memcpy(room, entry->record, entry->size);
    copy->results[copy->batch->count - 1] = entry->result;
    copy->last_index = entry->index;
    copy->last_term = entry->term;
    return KZ_OK;
}
