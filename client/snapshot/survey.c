/* SPDX-License-Identifier: Apache-2.0 */
#include "client/snapshot/survey.h"

#include "log/merkle/leaf_hasher.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_COUNT 4096
#define CHUNK_SIZE  (4u << 20)

struct survey {
    struct kz_log *log;
    struct kz_leaf_hasher *hasher;
    kz_survey_step step;
    void *context;
    uint8_t results[CHUNK_COUNT];
    uint8_t leaves[CHUNK_COUNT][KZ_HASH_SIZE];
};

static enum kz_status check(const struct survey *survey, const struct kz_copied *entry,
                            const uint8_t *leaf, struct kz_error *error)
{
    struct kz_entry decoded;
    uint8_t hash[KZ_LEAF_HASH_SIZE];
    enum kz_status status = kz_record_decode(entry->record, entry->size, &decoded);
    if (status != KZ_OK) {
        return kz_error_set(error, status == KZ_NEWER ? KZ_NEWER : KZ_CORRUPT,
                            "entry %" PRIu64 " is no record: %s", entry->index,
                            kz_status_text(status));
    }
    kz_leaf_hasher_hash(survey->hasher, entry->record, entry->size, hash);
    if (memcmp(hash, leaf, sizeof hash) == 0) return KZ_OK;
    return kz_error_set(error, KZ_CORRUPT, "entry %" PRIu64 " is not the one that was hashed",
                        entry->index);
}

/* Reads the results of the COUNT entries from FIRST on; those past the applied index have none. */
static enum kz_status read_results(struct survey *survey, uint64_t first, uint32_t count,
                                   struct kz_error *error)
{
    uint64_t applied = kz_log_applied_index(survey->log);
    uint64_t have = applied >= first ? applied - first + 1 : 0;
    if (have > count) have = count;
    memset(survey->results, KZ_RESULT_NONE, count);
    if (have == 0) return KZ_OK;
    return kz_log_read_results(survey->log, first, (uint32_t)have, survey->results, error);
}

static enum kz_status take_batch(struct survey *survey, const struct kz_batch *batch,
                                 struct kz_error *error)
{
    uint64_t first = batch->first_index;
    enum kz_status status = read_results(survey, first, batch->count, error);
    if (status == KZ_OK) {
        status = kz_log_read_leaves(survey->log, first, batch->count, survey->leaves, error);
    }
    for (uint32_t i = 0; i < batch->count && status == KZ_OK; i++) {
        struct kz_copied entry = {
            .index = first + i, .term = kz_batch_term(batch, i), .result = survey->results[i]};
        entry.record = kz_batch_record(batch, i, &entry.size);
        status = check(survey, &entry, survey->leaves[i], error);
        if (status == KZ_OK) status = survey->step(survey->context, &entry, error);
    }
    return status;
}

static enum kz_status run(struct survey *survey, struct kz_error *error)
{
    uint64_t last = kz_log_last_index(survey->log);
    enum kz_status status = KZ_OK;
    for (uint64_t next = 1; next <= last && status == KZ_OK;) {
        struct kz_batch *batch = NULL;
        status = kz_log_read(survey->log, next, CHUNK_COUNT, CHUNK_SIZE, &batch, error);
        if (status != KZ_OK) break;
        status = take_batch(survey, batch, error);
        next = kz_batch_end(batch);
        kz_batch_release(batch);
    }
    return status;
}

enum kz_status kz_survey_run(struct kz_log *log, kz_survey_step step, void *context,
                             struct kz_error *error)
{
    struct survey *survey = calloc(1, sizeof *survey);
    if (survey == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory to read a ledger");

    *survey = (struct survey){.log = log, .step = step, .context = context};
    survey->hasher = kz_leaf_hasher_create();
    enum kz_status status = survey->hasher == NULL
                                ? kz_error_set(error, KZ_NO_MEMORY, "no memory to read a ledger")
                                : run(survey, error);
    kz_leaf_hasher_destroy(survey->hasher);
    free(survey);
    return status;
}
