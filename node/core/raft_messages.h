/* SPDX-License-Identifier: Apache-2.0 */
/* Raft's messages as bodies of frames between peers. All fields little-endian; reserved bytes are
 * zero and checked; who speaks is known by the link, so no message names its sender.
 *
 *   TYPE 0x41 append          OFFSET SIZE FIELD
 *                                  0    8 term, > 0
 *                                  8    8 index of the entry before, 0: none
 *                                 16    8 its term, 0 exactly when there is none
 *                                 24    8 the leader's commit index
 *                                 32    4 count of entries
 *                                 36    4 reserved
 *                                 40    … the entries, in a batch's layout (log/batch.h)
 *   TYPE 0x42 append result        0    8 term, > 0
 *                                  8    8 rejected index of the entry before, 0: taken
 *                                 16    8 last index (of a rejection: where to go on, below it)
 *   TYPE 0x43 request vote         0    8 term, > 0
 *                                  8    8 last index
 *                                 16    8 its term
 *                                 24    1 flags: bit 0 = disrupt the leader, bit 1 = pre-vote
 *                                 25    7 reserved
 *   TYPE 0x44 vote result          0    8 term, > 0
 *                                  8    1 flags: bit 0 = granted, bit 1 = pre-vote
 *                                  9    7 reserved
 *   TYPE 0x45 timeout now          0    8 term, > 0
 *                                  8    8 last index
 *                                 16    8 its term
 *
 * Invariants:
 * 1. What decodes can not trip libraft by its form: terms of entries are positive, never fall, lie
 * between the previous entry's and the message's.
 * 2. A membership is the first entry of its append (libraft files it under the first one's index).
 * 3. Indexes and terms fit into 63 bits, so that sums do not wrap. */
#ifndef KZ_RAFT_MESSAGES_H
#define KZ_RAFT_MESSAGES_H

#include "client/wire/frame.h"
#include "log/batch.h"

#include <raft.h>
#include <stddef.h>
#include <stdint.h>

enum kz_raft_frame {
    KZ_RAFT_APPEND = 0x41,
    KZ_RAFT_APPEND_RESULT = 0x42,
    KZ_RAFT_REQUEST_VOTE = 0x43,
    KZ_RAFT_VOTE_RESULT = 0x44,
    KZ_RAFT_TIMEOUT_NOW = 0x45,
};

/* Bytes before an append's entries, the frame's header included. */
#define KZ_RAFT_APPEND_HEADER_SIZE (KZ_FRAME_HEADER_SIZE + 40)
#define KZ_RAFT_ENTRIES_SIZE_MAX   (KZ_PEER_FRAME_SIZE_MAX - KZ_RAFT_APPEND_HEADER_SIZE)

/* Holds every frame without entries. */
#define KZ_RAFT_SMALL_FRAME_SIZE_MAX KZ_RAFT_APPEND_HEADER_SIZE

/* Makes a whole frame of MESSAGE, which is neither an append nor a snapshot, in FRAME.
 * Returns: its size. */
size_t kz_raft_message_encode(const struct raft_message *message,
                              uint8_t frame[static KZ_RAFT_SMALL_FRAME_SIZE_MAX]);

/* Makes a whole frame of the append HEADER (its n_entries counts), whose ENTRIES_SIZE bytes of
 * entries stand at FRAME + KZ_RAFT_APPEND_HEADER_SIZE already. Returns: its size. */
size_t kz_raft_append_seal(const struct raft_append_entries *header, uint8_t *frame,
                           size_t entries_size);

/* Decodes the body of FRAME as a message from PEER. Of an append's entries, OUT_BATCH takes them
 * (NULL: none) and OUT_MESSAGE only their number.
 * Returns: KZ_OK; KZ_MALFORMED; KZ_NEWER for an unknown type or record; KZ_NO_MEMORY. */
enum kz_status kz_raft_message_decode(const struct kz_frame *frame, uint64_t peer,
                                      struct raft_message *out_message,
                                      struct kz_batch **out_batch);

#endif
