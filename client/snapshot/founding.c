/* SPDX-License-Identifier: Apache-2.0 */
#include "client/snapshot/founding.h"

#include "log/node_files.h"

#include <inttypes.h>
#include <string.h>

/* A node's directory, and one that was founded before, are not for founding. */
static enum kz_status check_identity(const char *data, struct kz_error *error)
{
    static const uint8_t none[KZ_ID_SIZE];
    struct kz_identity identity;
    enum kz_status status = kz_identity_read(data, &identity, error);
    if (status == KZ_NOT_FOUND) return KZ_OK;
    if (status != KZ_OK) return status;
    if (identity.id != 0) {
        return kz_error_set(error, KZ_EXISTS,
                            "%s belongs to node %" PRIu64 " of a cluster; export its ledger and "
                            "import it elsewhere to found another",
                            data, identity.id);
    }
    if (memcmp(identity.cluster, none, KZ_ID_SIZE) != 0) {
        return kz_error_set(error, KZ_EXISTS, "%s was founded already", data);
    }
    return KZ_OK;
}

/* Returns: the size of the membership's record at OUT. */
static size_t encode(const struct kz_founding *founding, int64_t time,
                     uint8_t out[static KZ_RECORD_SIZE_MAX])
{
    struct kz_entry entry = {.type = KZ_MEMBERSHIP, .time = time};
    entry.membership = founding->members;
    return kz_record_encode(&entry, out, KZ_RECORD_SIZE_MAX);
}

/* Returns: whether the ledger's last entry, LAST, is what an earlier run appended: it has a term of
 * its own and the same bytes. */
static bool is_appended(const struct kz_log *log, const struct kz_batch *last,
                        const struct kz_founding *founding)
{
    uint32_t run_count = 0;
    uint32_t size = 0;
    uint8_t expected[KZ_RECORD_SIZE_MAX];
    const struct kz_term_run *runs = kz_log_term_runs(log, &run_count);
    const uint8_t *record = kz_batch_record(last, 0, &size);
    if (run_count < 2 || runs[run_count - 1].first_index != last->first_index) return false;
    return size == encode(founding, kz_record_time(record), expected) &&
           memcmp(record, expected, size) == 0;
}

static enum kz_status append(struct kz_log *log, const struct kz_founding *founding, int64_t time,
                             struct kz_error *error)
{
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size = encode(founding, time, record);
    if (size == 0) return kz_error_set(error, KZ_USAGE, "--cluster does not fit an entry");

    struct kz_batch *batch = kz_batch_create(founding->index, 1, KZ_ENTRY_PREFIX_SIZE + size);
    if (batch == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory for the entry");
    memcpy(kz_batch_add(batch, founding->term, (uint32_t)size), record, size);
    const struct kz_batch *batches[] = {batch};
    struct kz_log_write write = {.batches = batches, .batch_count = 1};
    enum kz_status status = kz_log_append(log, &write, error);
    kz_batch_release(batch);
    return status;
}

enum kz_status kz_founding_append(struct kz_founding *founding, struct kz_log *log,
                                  struct kz_error *error)
{
    struct kz_batch *last = NULL;
    uint32_t size = 0;
    if (kz_log_last_index(log) == 0) {
        return kz_error_set(error, KZ_NOT_FOUND, "the ledger is empty");
    }
    enum kz_status status = kz_log_read(log, kz_log_last_index(log), 1, SIZE_MAX, &last, error);
    if (status != KZ_OK) return status;

    founding->index = last->first_index;
    founding->term = kz_log_last_term(log);
    if (!is_appended(log, last, founding)) {
        founding->index++;
        founding->term++;
        status = append(log, founding, kz_record_time(kz_batch_record(last, 0, &size)), error);
    }
    kz_batch_release(last);
    return status;
}

enum kz_status kz_founding_sign(const struct kz_founding *founding, const char *directory,
                                struct kz_error *error)
{
    struct kz_vote vote = {.term = founding->term, .voted_for = 0};
    struct kz_identity identity = {.id = 0};
    memcpy(identity.cluster, founding->cluster, KZ_ID_SIZE);
    enum kz_status status = kz_vote_write(directory, &vote, error);
    if (status != KZ_OK) return status;
    return kz_identity_write(directory, &identity, error);
}

enum kz_status kz_founding_run(struct kz_founding *founding, const char *directory,
                               struct kz_log *log, struct kz_error *error)
{
    enum kz_status status = check_identity(directory, error);
    if (status == KZ_OK) status = kz_founding_append(founding, log, error);
    if (status != KZ_OK) return status;
    return kz_founding_sign(founding, directory, error);
}
