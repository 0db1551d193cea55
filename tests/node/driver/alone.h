/* SPDX-License-Identifier: Apache-2.0 */
/* One driver, node 3, spoken to by hand; what it asks for is kept. */
#ifndef KZ_TEST_ALONE_H
#define KZ_TEST_ALONE_H

#include "node/core/driver.h"
#include "node/core/raft_messages.h"

#include <stdint.h>

#define KZ_ALONE_WRITES_MAX 64
#define KZ_ALONE_PEERS_MAX  6

struct kz_alone_frame {
    uint8_t *bytes; /* of the last one */
    size_t size;
    unsigned count;
};

struct kz_alone {
    struct kz_driver *driver;
    uint64_t now;
    uint64_t cache_bytes;
    struct kz_vote vote;
    struct kz_vote vote_at_send; /* as it was when the last frame left */
    struct kz_batch *writes[KZ_ALONE_WRITES_MAX];
    uint64_t drops[KZ_ALONE_WRITES_MAX];
    unsigned write_count;
    struct kz_alone_frame to[KZ_ALONE_PEERS_MAX]; /* by peer */
    unsigned load_count;
    uint64_t load_first; /* of the last one */
};

extern struct kz_alone kz_alone;

/* Creates the driver, without a cluster. */
void kz_alone_create(void);

/* Creates it and starts it with one entry: the members that ROLES spells. */
void kz_alone_start(const char *roles, uint64_t cache_bytes);

/* Makes it the leader: its time passes, the other members vote. */
void kz_alone_lead(void);

/* A cmocka teardown. */
int kz_alone_stop(void **state);

/* Time passes until the driver's next deadline. */
void kz_alone_tick(void);

enum kz_status kz_alone_receive(uint64_t peer, uint8_t *bytes, size_t size);
enum kz_status kz_alone_message(uint64_t peer, const struct raft_message *message);

/* An append of PEER: COUNT applications of ENTRY_TERM behind entry PREVIOUS of PREVIOUS_TERM. */
enum kz_status kz_alone_append(uint64_t peer, uint64_t term, uint64_t previous,
                               uint64_t previous_term, uint64_t commit, uint32_t count,
                               uint64_t entry_term);

/* An append of PEER with one membership. */
enum kz_status kz_alone_append_membership(uint64_t peer, uint64_t term, uint64_t previous,
                                          uint64_t previous_term, const char *roles);

/* An answer of PEER to an append of this leader. */
void kz_alone_answer(uint64_t peer, uint64_t rejected, uint64_t last_index);

/* COUNT applications of this leader. */
void kz_alone_submit(uint32_t count);

/* Write WRITE, and all before it, is durable. */
void kz_alone_stored(unsigned write);

/* Returns: field I (of eight bytes) of the last frame to PEER. */
uint64_t kz_alone_field(uint64_t peer, unsigned i);

/* Returns: how many entries the last frame to PEER, an append, carries. */
uint32_t kz_alone_entries(uint64_t peer);

#endif
