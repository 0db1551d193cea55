/* SPDX-License-Identifier: Apache-2.0 */
/* CHANGE and CHANGED, the messages about a cluster's members and its leader, and the content of the
 * ANSWER to MEMBERS. PROTOCOL.md has the tables.
 *
 * A change names the state that is wanted, so that a repeat of one that holds already is `done`. */
#ifndef KZ_WIRE_MEMBERS_H
#define KZ_WIRE_MEMBERS_H

#include "client/wire/messages.h"

enum kz_change_what {
    KZ_CHANGE_ADD = 1,     /* `node` is a member, as a standby when it was none */
    KZ_CHANGE_PROMOTE = 2, /* `node`, which has the ledger, votes */
    KZ_CHANGE_REMOVE = 3,  /* `node` is no member */
    KZ_CHANGE_LEADER = 4,  /* `node` leads */
    KZ_CHANGE_END,
};

struct kz_change {
    uint8_t what;
    uint32_t actor;
    uint64_t node;         /* from 1 */
    struct kz_text peer;   /* ADD: its addresses, neither empty; else both are */
    struct kz_text client; /* ADD */
};

/* What became of a change. */
struct kz_changed {
    uint8_t code;   /* APPLIED: it holds; REFUSED, NOT_LEADER, BUSY, UNAVAILABLE, UNKNOWN */
    uint8_t result; /* enum kz_result: `not_allowed` when REFUSED because of the actor, else `ok` */
    uint8_t reason; /* enum kz_reason, when it does not hold */
    uint32_t retry_ms;
    uint64_t index;          /* APPLIED: the membership entry that it holds since; else 0 */
    uint64_t leader;         /* as the node knows it, 0: none */
    struct kz_text sentence; /* what stands in the way, in words; may be empty */
};

/* As long as an address or a sentence may be, a CHANGE or CHANGED is a frame of this size. */
#define KZ_CHANGE_SENTENCE_SIZE_MAX 256
#define KZ_CHANGE_FRAME_SIZE_MAX    512

struct kz_member_content {
    struct kz_member member;
    bool connected; /* to the node that answers, both ways; that node itself is */
    uint64_t match; /* the entry up to which it has the leader's ledger; 0 unless the leader says */
};

struct kz_members_content { /* MEMBERS */
    uint64_t node;          /* who answers */
    uint64_t leader;        /* 0: none known */
    uint64_t term;
    uint64_t last_index;
    uint8_t count;
    struct kz_member_content members[KZ_MEMBERS_MAX];
};

void kz_change_encode(struct kz_writer *writer, uint64_t tag, const struct kz_change *change);
enum kz_status kz_change_decode(const struct kz_frame *frame, struct kz_change *out_change);
void kz_changed_encode(struct kz_writer *writer, uint64_t tag, const struct kz_changed *changed);
enum kz_status kz_changed_decode(const struct kz_frame *frame, struct kz_changed *out_changed);

#define KZ_MEMBERS_CONTENT_SIZE_MAX (33 + KZ_MEMBERS_MAX * (20 + 2 * KZ_ADDRESS_SIZE_MAX))

void kz_members_content_write(struct kz_writer *writer, const struct kz_members_content *content);
void kz_members_content_read(struct kz_reader *reader, struct kz_members_content *out);

#endif
