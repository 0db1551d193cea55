/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-audit found: makes a cluster of an imported or restored ledger. The same command on each
 * copy makes the same ledger: one `membership` is appended, of the next term and the last entry's
 * time. Then kezekd starts on each, and gives its directory its own id.
 *
 * It can be run again after a crash: the identity is written last, and an entry that is already
 * there is not appended twice. */
#include "client/audit/audit.h"
#include "client/audit/members.h"
#include "log/node_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct founding {
    uint8_t cluster[KZ_ID_SIZE];
    struct kz_membership_fields members;
    uint64_t index; /* of the membership */
    uint64_t term;
};

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
static size_t encode(const struct founding *founding, int64_t time,
                     uint8_t out[static KZ_RECORD_SIZE_MAX])
{
    struct kz_entry entry = {.type = KZ_MEMBERSHIP, .time = time};
    entry.membership = founding->members;
    return kz_record_encode(&entry, out, KZ_RECORD_SIZE_MAX);
}

/* Returns: whether the ledger's last entry, LAST, is what an earlier run appended: it has a term of
 * its own and the same bytes. */
static bool is_appended(const struct kz_log *log, const struct kz_batch *last,
                        const struct founding *founding)
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

static enum kz_status append(struct kz_log *log, const struct founding *founding, int64_t time,
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

/* Appends the membership unless it is there, and notes where it is. */
static enum kz_status add_membership(struct kz_log *log, struct founding *founding,
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

static enum kz_status found(const struct kz_audit_directory *directory, struct founding *founding,
                            struct kz_error *error)
{
    enum kz_status status = check_identity(directory->path, error);
    if (status == KZ_OK) status = add_membership(directory->log, founding, error);
    if (status != KZ_OK) return status;

    struct kz_vote vote = {.term = founding->term, .voted_for = 0};
    struct kz_identity identity = {.id = 0};
    memcpy(identity.cluster, founding->cluster, KZ_ID_SIZE);
    status = kz_vote_write(directory->path, &vote, error);
    if (status != KZ_OK) return status;
    return kz_identity_write(directory->path, &identity, error);
}

static bool read_cluster(const char *text, uint8_t out[static KZ_ID_SIZE])
{
    static const uint8_t none[KZ_ID_SIZE];
    if (kz_hex_read(text, out, KZ_ID_SIZE) && memcmp(out, none, KZ_ID_SIZE) != 0) return true;
    kz_report("--cluster-id is 32 hex digits, not all zero; not \"%s\"", text);
    return false;
}

int kz_audit_found(const struct kz_audit_command *self, int count, char **arguments)
{
    int exit_code = KZ_EXIT_OK;
    const char *data = NULL;
    const char *cluster = NULL;
    const char *members = NULL;
    const struct kz_option options[] = {
        {"--data", KZ_OPTION_TEXT, true, &data, 0, 0},
        {"--cluster-id", KZ_OPTION_TEXT, true, &cluster, 0, 0},
        {"--cluster", KZ_OPTION_TEXT, true, &members, 0, 0},
    };
    struct founding founding = {.index = 0};
    if (!kz_options_read(self, options, 3, count, arguments, &exit_code)) return exit_code;
    if (!read_cluster(cluster, founding.cluster)) return KZ_EXIT_USAGE;
    if (!kz_members_read(members, &founding.members)) return KZ_EXIT_USAGE;

    struct kz_error error = {.text = ""};
    struct kz_audit_directory directory;
    exit_code = kz_audit_directory_open(data, KZ_LOG_EXISTING, &directory);
    if (exit_code != KZ_EXIT_OK) return exit_code;
    if (found(&directory, &founding, &error) == KZ_OK) {
        (void)printf("founded at entry %" PRIu64 ", term %" PRIu64 ", with %u member%s\n",
                     founding.index, founding.term, founding.members.count,
                     founding.members.count == 1 ? "" : "s");
    } else {
        exit_code = kz_report_error(&error);
    }
    kz_audit_directory_close(&directory);
    return exit_code;
}
