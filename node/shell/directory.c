/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/directory.h"

#include "node/core/bounds.h"
#include "node/core/lost.h"
#include "node/shell/probe.h"
#include "statemachine/base/assert.h"

#include <string.h>
#include <sys/random.h>

#define HEX_SIZE (2 * KZ_ID_SIZE + 1)

void kz_random_fill(void *bytes, size_t size)
{
    KZ_ASSERT(size <= 256); /* so much comes in one piece (getrandom(2)) */
    ssize_t got = getrandom(bytes, size, 0);
    KZ_ASSERT(got == (ssize_t)size);
}

static const char *to_hex(const uint8_t id[static KZ_ID_SIZE], char out[static HEX_SIZE])
{
    for (size_t i = 0; i < 2 * (size_t)KZ_ID_SIZE; i++)
        out[i] = "0123456789abcdef"[id[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    out[HEX_SIZE - 1] = '\0';
    return out;
}

/* A directory that never held a node: its identity is made of the flags. */
static enum kz_status make_identity(const struct kz_options *options, struct kz_identity *out,
                                    struct kz_error *error)
{
    if (options->id == 0 || !kz_has_request(options->cluster_id)) {
        return kz_error_set(error, KZ_USAGE,
                            "%s: %s holds no ledger yet: a first start needs --id and --cluster-id",
                            options->id == 0 ? "id" : "cluster-id", options->data);
    }
    *out = (struct kz_identity){.id = options->id};
    memcpy(out->cluster, options->cluster_id, KZ_ID_SIZE);
    kz_random_fill(out->incarnation, KZ_ID_SIZE);
    return kz_identity_write(options->data, out, error);
}

/* A directory whose ledger is gone serves a node with a new number, which promised nothing yet. The
 * old number's vote goes first: were the identity alone left, it would still be a lost node's. */
static enum kz_status renew_identity(const struct kz_options *options, struct kz_identity *out,
                                     struct kz_error *error)
{
    const struct kz_vote none = {.term = 0, .voted_for = 0};
    enum kz_status status = kz_vote_write(options->data, &none, error);
    return status == KZ_OK ? make_identity(options, out, error) : status;
}

/* A ledger that `kezek-audit found` made part of a cluster, on its first start: it takes --id. */
static enum kz_status take_id(const struct kz_options *options, struct kz_identity *identity,
                              struct kz_error *error)
{
    if (!kz_has_request(identity->cluster)) {
        return kz_error_set(error, KZ_MISMATCH,
                            "%s holds a ledger that belongs to no cluster (an import): make a "
                            "cluster of it with kezek-audit found --data %s --cluster-id … "
                            "--cluster …, the same on each copy",
                            options->data, options->data);
    }
    if (options->id == 0) {
        return kz_error_set(error, KZ_USAGE,
                            "id: %s holds a founded ledger that no node has opened yet: say with "
                            "--id which one this is",
                            options->data);
    }
    identity->id = options->id;
    kz_random_fill(identity->incarnation, KZ_ID_SIZE);
    return kz_identity_write(options->data, identity, error);
}

static enum kz_status check_cluster(const struct kz_options *options,
                                    const struct kz_identity *identity, struct kz_error *error)
{
    char theirs[HEX_SIZE];
    char ours[HEX_SIZE];

    if (!kz_has_request(options->cluster_id)) return KZ_OK;
    if (memcmp(options->cluster_id, identity->cluster, KZ_ID_SIZE) == 0) return KZ_OK;
    return kz_error_set(error, KZ_MISMATCH,
                        "%s holds a ledger of the cluster %s, and --cluster-id says %s: start with "
                        "the right directory or the right number",
                        options->data, to_hex(identity->cluster, theirs),
                        to_hex(options->cluster_id, ours));
}

static struct kz_text text_of(const struct kz_address *address)
{
    return (struct kz_text){address->text, (uint16_t)strlen(address->text)};
}

/* Returns: the least number that neither the node nor any that it met had. */
static uint64_t next_id(const struct kz_options *options, const struct kz_identity *identity)
{
    uint64_t id_max = options->id > identity->id ? options->id : identity->id;
    for (unsigned i = 0; i < identity->peer_count; i++)
        if (identity->peers[i].id > id_max) id_max = identity->peers[i].id;
    for (uint8_t i = 0; i < options->cluster.count; i++)
        if (options->cluster.members[i].id > id_max) id_max = options->cluster.members[i].id;
    return id_max + 1;
}

/* A ledger is never opened by a node that lost what it promised: without identity or vote it might
 * vote twice in one term. WRONG says which file is lost, and how. */
static enum kz_status refuse_lost(const struct kz_options *options,
                                  const struct kz_identity *identity, const char *wrong,
                                  struct kz_error *error)
{
    char hint[KZ_LOST_HINT_SIZE];
    uint64_t id = identity->id != 0 ? identity->id : options->id;

    kz_lost_hint(id, next_id(options, identity), text_of(&options->peer), text_of(&options->client),
                 hint);
    return kz_error_set(error, KZ_MISMATCH,
                        "%s holds a ledger but %s: it must not vote again under its old number; %s",
                        options->data, wrong, hint);
}

static enum kz_status open_identity(const struct kz_options *options, bool has_ledger,
                                    struct kz_directory *directory, struct kz_error *error)
{
    struct kz_identity *identity = &directory->identity;
    enum kz_status status = kz_identity_read(options->data, identity, error);

    if (status == KZ_NOT_FOUND && !has_ledger) return make_identity(options, identity, error);
    if (status == KZ_NOT_FOUND || (status == KZ_CORRUPT && has_ledger)) {
        *identity = (struct kz_identity){0};
        return refuse_lost(options, identity,
                           status == KZ_CORRUPT ? "a damaged identity" : "no identity", error);
    }
    if (status != KZ_OK) return status;
    if (identity->id == 0) status = take_id(options, identity, error);
    if (status == KZ_OK) status = check_cluster(options, identity, error);
    if (status != KZ_OK) return status;

    directory->id_ignored = options->id != 0 && options->id != identity->id;
    if (directory->id_ignored && !has_ledger && options->join) {
        directory->id_ignored = false;
        return renew_identity(options, identity, error);
    }
    if (directory->id_ignored && !has_ledger) {
        return kz_error_set(error, KZ_MISMATCH,
                            "%s belongs to node %llu, which has no ledger yet, and --id says %llu: "
                            "start with the right directory or the right number",
                            options->data, (unsigned long long)identity->id,
                            (unsigned long long)options->id);
    }
    return KZ_OK;
}

static enum kz_status open_vote(const struct kz_options *options, bool has_ledger,
                                struct kz_directory *directory, struct kz_error *error)
{
    enum kz_status status = kz_vote_read(options->data, &directory->vote, error);

    bool damaged = status == KZ_CORRUPT && has_ledger;
    if (status != KZ_NOT_FOUND && !damaged) return status;
    directory->vote = (struct kz_vote){0};
    if (!has_ledger) return KZ_OK;
    return refuse_lost(options, &directory->identity,
                       damaged ? "a damaged term and vote" : "no term and vote", error);
}

/* Writes both small files once, while there may be room: from then on they are rewritten in place,
 * on a full disk too, and a copy that was damaged is whole again. */
static enum kz_status settle(const struct kz_options *options, const struct kz_directory *directory,
                             struct kz_error *error)
{
    enum kz_status status = kz_identity_write(options->data, &directory->identity, error);
    if (status != KZ_OK) return status;
    return kz_vote_write(options->data, &directory->vote, error);
}

/* The ledger can not be opened, for the reason in ERROR: says what to do. */
static enum kz_status refuse_damaged(const struct kz_options *options, struct kz_error *error)
{
    char hint[KZ_LOST_HINT_SIZE];
    struct kz_error reason = *error;
    struct kz_identity identity = {0};
    (void)kz_identity_read(options->data, &identity, NULL);
    uint64_t id = identity.id != 0 ? identity.id : options->id;
    kz_lost_hint(id, next_id(options, &identity), text_of(&options->peer),
                 text_of(&options->client), hint);
    return kz_error_set(error, reason.status, "%.*s: the other nodes have what it held; %s",
                        (int)(sizeof reason.text - strlen(hint) - 48), reason.text, hint);
}

/* An existing ledger is opened before anything is judged, a new one made only when all is right. */
static enum kz_status open_parts(const struct kz_options *options, struct kz_directory *directory,
                                 struct kz_error *error)
{
    enum kz_status status = kz_probe_ledger(options->data, options->map_size, error);
    if (status == KZ_OK) {
        kz_probe_watch(options->data);
        status =
            kz_log_open(options->data, KZ_LOG_EXISTING, options->map_size, &directory->log, error);
    }
    bool is_new = status == KZ_NOT_FOUND;
    if (status == KZ_CORRUPT || status == KZ_MISMATCH || status == KZ_MALFORMED)
        return refuse_damaged(options, error);
    if (status != KZ_OK && !is_new) return status;

    bool has_ledger = !is_new && kz_log_last_index(directory->log) > 0;
    status = has_ledger ? KZ_OK : kz_options_check_cluster(options, error);
    if (status == KZ_OK) status = open_identity(options, has_ledger, directory, error);
    if (status == KZ_OK) status = open_vote(options, has_ledger, directory, error);
    if (status == KZ_OK) status = settle(options, directory, error);
    if (status == KZ_OK && is_new) {
        status =
            kz_log_open(options->data, KZ_LOG_CREATE, options->map_size, &directory->log, error);
    }
    if (status == KZ_OK) kz_log_keep_room(directory->log, KZ_DISK_ROOM);
    return status;
}

enum kz_status kz_directory_open(const struct kz_options *options,
                                 struct kz_directory *out_directory, struct kz_error *error)
{
    struct kz_directory directory = {0};
    enum kz_status status = kz_directory_lock(options->data, true, &directory.lock, error);

    if (status != KZ_OK) return status;
    status = open_parts(options, &directory, error);
    if (status != KZ_OK) {
        kz_directory_close(&directory);
        return status;
    }
    *out_directory = directory;
    return KZ_OK;
}

void kz_directory_close(struct kz_directory *directory)
{
    if (directory->log != NULL) kz_log_close(directory->log);
    kz_directory_unlock(directory->lock);
}
