/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between nodes that are not raft's, as bodies of frames. Each node speaks on the link
 * that it dialed; an answer travels on the other's. All fields little-endian, reserved bytes zero
 * and checked.
 *
 *   TYPE 0x61 hello         OFFSET SIZE FIELD
 *                                0   16 cluster id
 *                               16    8 id of the speaker
 *                               24    8 id that the speaker believes to have dialed
 *                               32   16 the speaker's incarnation
 *                               48   16 hash of its --cluster list, zero without one
 *                               64   16 hash of the first entry that it would write, zero: not yet
 *                               80   16 the dialed node's incarnation as it is pinned, zero: none
 *                               96    8 index of the last membership that it applied, 0: none
 *                              104    8 its durable term
 *                              112    8 the node that it voted for in that term, 0: nobody
 *                              120    8 index of its last stored entry, when that one is of that
 *                                       term, else 0
 *                              128    1 flags: bit 0 = its ledger is empty, bit 1 = its disk is
 *                                       full
 *                              129    1 newest version of the rules that it knows, not zero
 *                              130    1 size of its peer address, then that
 *                                …    1 size of its client address, then that
 *   TYPE 0x62 refused            0    1 why (enum kz_refusal)
 *                                1    1 reserved
 *                                2    2 size of the sentence, then that
 *   TYPE 0x63 clock              0    8 monotonic time of the asker
 *   TYPE 0x64 clock answer       0    8 that time again
 *                                8    8 the answerer's wall clock
 *   TYPE 0x65 confirm            0    8 term of the leader, 8 nonce
 *   TYPE 0x66 confirmed          0    8 current term of the answerer, 8 that nonce
 *   TYPE 0x67 read index         0    8 nonce
 *   TYPE 0x68 read index answer  0    8 that nonce, 8 index
 *   TYPE 0x69 first entry        0    … to an empty node: the record of entry 1, when the cluster
 *                                       was founded with that node; nothing, when it was added
 *   TYPE 0x6a digest report      0    8 index that the report is about
 *                                8    8 index of the last digest entry's, where results begin
 *                               16    4 version of the rules, 4 reserved
 *                               24   16 the state's digest after that index
 *                               40   32 SHA-256 of the results between the two
 *   TYPE 0x6c fetch              0    8 index of the entry, or of the first result
 *                                8    4 count: 1; of results at most 1,024
 *                               12    1 what: 0 the entry, 1 results
 *                               13    3 reserved
 *                               16    8 term of the entry, 0 of results
 *                               24    8 the term that is to be left by who lacks the entry, 0: none
 *   TYPE 0x6d fetched            0   32 as in the fetch that it answers
 *                               32    1 state (enum kz_fetched_state)
 *                               33    7 reserved
 *                               40    8 index up to which the answerer knows that all is committed,
 *                                       at most that of the fetch; 0: none
 *                               48    8 term of its entry there
 *                               56    8 its durable term, when it lacks the entry: it has none
 *                                       there, or one of another term; else 0
 *                               64    … when it is here: the entry as in a batch (log/batch.h), or
 *                                       the results
 *
 * A hello may come again on a link: it is the speaker's present state. */
#ifndef KZ_PEER_MESSAGES_H
#define KZ_PEER_MESSAGES_H

#include "client/wire/frame.h"
#include "log/batch.h"
#include "log/digests.h"
#include "node/core/standing.h"
#include "statemachine/base/bytes.h"
#include "statemachine/record/record.h"

#include <stdbool.h>

enum kz_peer_frame {
    KZ_PEER_HELLO = 0x61,
    KZ_PEER_REFUSED = 0x62,
    KZ_PEER_CLOCK = 0x63,
    KZ_PEER_CLOCK_ANSWER = 0x64,
    KZ_PEER_CONFIRM = 0x65,
    KZ_PEER_CONFIRMED = 0x66,
    KZ_PEER_READ_INDEX = 0x67,
    KZ_PEER_READ_INDEX_ANSWER = 0x68,
    KZ_PEER_FIRST_ENTRY = 0x69,
    KZ_PEER_DIGEST_REPORT = 0x6a,
    KZ_PEER_FETCH = 0x6c,
    KZ_PEER_FETCHED = 0x6d,
};

#define KZ_PEER_SMALL_SIZE_MAX 1024 /* holds any frame of these but a first entry */

/* Why a node refuses a peer's hello. */
enum kz_refusal {
    KZ_REFUSED_MISMATCH = 1,   /* the two are not set up as nodes of one cluster */
    KZ_REFUSED_LOST = 2,       /* the peer's id is known under another incarnation, or it is a voter
                                  whose disk is empty: it must not vote under this id again */
    KZ_REFUSED_NOT_MEMBER = 3, /* nobody added it (yet) */
    KZ_REFUSED_STARTING = 4,   /* come back: the node reads its ledger */
    KZ_REFUSED_MALFORMED = 5,  /* the link is out of step */
    KZ_REFUSED_REMOVED = 6,    /* it was a member, and is none any more */
    KZ_REFUSED_OLDER = 7,      /* its directory is an older copy of itself: likewise */
    KZ_REFUSAL_END,
};

struct kz_peer_hello {
    uint8_t cluster[KZ_ID_SIZE];
    uint64_t id;
    uint64_t to;
    uint8_t incarnation[KZ_ID_SIZE];
    uint8_t list[KZ_ID_SIZE];
    uint8_t first[KZ_ID_SIZE];
    uint8_t known[KZ_ID_SIZE];
    uint64_t members_index;
    struct kz_standing standing;
    bool empty;
    bool disk_full;
    uint8_t rules;
    struct kz_text peer;
    struct kz_text client;
};

/* Two numbers: all that the other messages carry. */
struct kz_peer_pair {
    uint64_t first;
    uint64_t second; /* 0 in messages that carry one */
};

#define KZ_FETCH_RESULTS_MAX 1024
/* Holds any FETCHED. */
#define KZ_PEER_FETCHED_SIZE_MAX \
    (KZ_FRAME_HEADER_SIZE + 64 + KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_SIZE_MAX)

/* What a node whose own copy is damaged asks for. */
struct kz_peer_fetch {
    uint64_t index;
    uint32_t count;
    bool results;
    uint64_t term;  /* of the entry; 0: results */
    uint64_t leave; /* who lacks the entry and has no leader is to leave this term; 0: none */
};

enum kz_fetched_state {
    KZ_FETCHED_HERE = 0,
    KZ_FETCHED_ABSENT = 1,  /* that entry, or its result, is not stored here */
    KZ_FETCHED_DAMAGED = 2, /* this node's copy is damaged too */
    KZ_FETCHED_END,
};

struct kz_peer_fetched {
    struct kz_peer_fetch fetch;
    enum kz_fetched_state state;
    uint64_t committed; /* all up to it is known to be committed there; at most the fetch's index */
    uint64_t committed_term;
    uint64_t lacking_term;  /* ABSENT: the durable term of who lacks the entry; 0: it may have it */
    const uint8_t *content; /* when it is HERE; of the frame */
    size_t size;
};

/* Each appends one whole frame. */
void kz_peer_hello_encode(struct kz_writer *writer, const struct kz_peer_hello *hello);
void kz_peer_refused_encode(struct kz_writer *writer, enum kz_refusal why, const char *sentence);
void kz_peer_pair_encode(struct kz_writer *writer, enum kz_peer_frame type,
                         struct kz_peer_pair pair);
void kz_peer_first_entry_encode(struct kz_writer *writer, const uint8_t *record, size_t size);
void kz_peer_digest_report_encode(struct kz_writer *writer, const struct kz_digest_value *value);

void kz_peer_fetch_encode(struct kz_writer *writer, const struct kz_peer_fetch *fetch);
void kz_peer_fetched_encode(struct kz_writer *writer, const struct kz_peer_fetched *fetched);

/* Strict: KZ_MALFORMED for anything but exactly one message of that type. Texts point into the
 * frame. */
enum kz_status kz_peer_hello_decode(const struct kz_frame *frame, struct kz_peer_hello *out_hello);
enum kz_status kz_peer_refused_decode(const struct kz_frame *frame, enum kz_refusal *out_why,
                                      struct kz_text *out_sentence);
enum kz_status kz_peer_pair_decode(const struct kz_frame *frame, struct kz_peer_pair *out_pair);
/* A membership of time 0, or nothing: then its count is 0. */
enum kz_status kz_peer_first_entry_decode(const struct kz_frame *frame,
                                          struct kz_membership_fields *out_members);
/* The index is behind the last digest's. */
enum kz_status kz_peer_digest_report_decode(const struct kz_frame *frame,
                                            struct kz_digest_value *out_value);

enum kz_status kz_peer_fetch_decode(const struct kz_frame *frame, struct kz_peer_fetch *out_fetch);
/* The content of an entry is for kz_batch_parse() to judge. */
enum kz_status kz_peer_fetched_decode(const struct kz_frame *frame,
                                      struct kz_peer_fetched *out_fetched);

#endif
