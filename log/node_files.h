/* SPDX-License-Identifier: Apache-2.0 */
/* The small files beside the ledger in a node's directory: its lock, its identity, its term and
 * vote.
 *
 *   DIR/lock       held (flock) by the one process that uses DIR
 *   DIR/identity   cluster id, raft id, incarnation, pinned incarnations of the peers
 *   DIR/vote       term and vote; written before any message of that term leaves
 *   DIR/ledger/    the LMDB environment
 *
 * Identity and vote are versioned and checksummed, and kept in two copies that are rewritten in
 * place (twin_file.h), so that a crash leaves the old or the new content and a full disk refuses
 * neither.
 */
#ifndef KZ_NODE_FILES_H
#define KZ_NODE_FILES_H

#include "statemachine/base/status.h"
#include "statemachine/record/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes DIR's lock (making DIR when CREATE). Errors: KZ_LOCKED (ERROR names the holder's process
 * id), KZ_IO, KZ_NOT_FOUND. Returns: a descriptor in OUT_LOCK that kz_directory_unlock() closes;
 * -1, unless CREATE, where DIR has no lock and lies on a medium that nobody can write. */
enum kz_status kz_directory_lock(const char *directory, bool create, int *out_lock,
                                 struct kz_error *error);
void kz_directory_unlock(int lock);

struct kz_pinned_peer {
    uint64_t id;
    uint8_t incarnation[KZ_ID_SIZE];
};

struct kz_identity {
    uint8_t cluster[KZ_ID_SIZE];
    uint64_t id; /* raft id, 0: a ledger that belongs to no cluster yet (an import) */
    uint8_t incarnation[KZ_ID_SIZE];
    uint8_t peer_count;
    struct kz_pinned_peer peers[KZ_MEMBERS_MAX];
};

/* Errors: KZ_NOT_FOUND, KZ_CORRUPT, KZ_NEWER, KZ_IO. */
enum kz_status kz_identity_read(const char *directory, struct kz_identity *out_identity,
                                struct kz_error *error);
enum kz_status kz_identity_write(const char *directory, const struct kz_identity *identity,
                                 struct kz_error *error);

#define KZ_IDENTITY_SIZE_MAX (64 + 24 * KZ_MEMBERS_MAX + 8)

/* The whole file's bytes. Returns: how many. */
size_t kz_identity_encode(const struct kz_identity *identity,
                          uint8_t out[static KZ_IDENTITY_SIZE_MAX]);

/* Strict: only what the encoder gives. Errors: KZ_CORRUPT, KZ_NEWER. */
enum kz_status kz_identity_decode(const uint8_t *bytes, size_t size,
                                  struct kz_identity *out_identity);

struct kz_vote {
    uint64_t term;
    uint64_t voted_for; /* 0: nobody */
};

enum kz_status kz_vote_read(const char *directory, struct kz_vote *out_vote,
                            struct kz_error *error);
enum kz_status kz_vote_write(const char *directory, const struct kz_vote *vote,
                             struct kz_error *error);

#define KZ_VOTE_SIZE 40

size_t kz_vote_encode(const struct kz_vote *vote, uint8_t out[static KZ_VOTE_SIZE]);
enum kz_status kz_vote_decode(const uint8_t *bytes, size_t size, struct kz_vote *out_vote);

#endif
