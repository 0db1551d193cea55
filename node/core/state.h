/* SPDX-License-Identifier: Apache-2.0 */
/* The core's state, a struct for each file of the core that has one.
 *
 * Invariants:
 * 1. `driver` is there from the phase RUNNING on, and only then.
 * 2. machine's applied index ≤ the driver's committed index.
 * 3. Entries of the results' ring above `results.stored` are still in memory here. */
#ifndef KZ_STATE_H
#define KZ_STATE_H

#include "client/wire/members.h"
#include "client/wire/messages.h"
#include "node/core/agreement.h"
#include "node/core/bounds.h"
#include "node/core/budget.h"
#include "node/core/clock.h"
#include "node/core/core.h"
#include "node/core/driver.h"
#include "node/core/inflight.h"
#include "node/core/links.h"
#include "node/core/peer_messages.h"
#include "node/core/repairing.h"
#include "statemachine/base/checksum.h"

#define KZ_DAY_MS      INT64_C(86400000)
#define KZ_RETRY_MS    50 /* told to whoever has to come back */
#define KZ_LOADS_MAX   64
#define KZ_AHEAD       16 /* entries that are decoded before the first is applied */
#define KZ_PEERS_MAX   (2 * KZ_MEMBERS_MAX)
#define KZ_NOTICES_MAX 32

enum kz_phase {
    KZ_REPLAYING, /* reading the ledger */
    KZ_FOUNDING,  /* empty: meeting the other nodes */
    KZ_STORING,   /* the first entry is being stored */
    KZ_RUNNING,
};

/* A membership whose texts stand in its own record. */
struct kz_members {
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t record_size;
    struct kz_membership_fields fields;
};

/* ---- Another node (peers.c) ---- */

struct kz_peer {
    uint64_t id;
    struct kz_link_state *dialed;   /* ours to it, NULL: none */
    struct kz_link_state *accepted; /* its newest to us whose hello was good, NULL: none */
    bool empty;
    bool disk_full;              /* as its last hello on `accepted` said */
    bool first_due;              /* it is empty: to be sent our first entry */
    uint8_t first[KZ_ID_SIZE];   /* hash of the first entry that it would write */
    uint64_t members_index;      /* of the last membership that it applied */
    struct kz_standing standing; /* as its last hello to this process said; all zero: none */
    bool has_answered;           /* since this process began: it took our hello */
    char address[KZ_ADDRESS_SIZE_MAX];
    char client[KZ_ADDRESS_SIZE_MAX];
    uint8_t address_size;
    uint8_t client_size;
    uint8_t rules;                   /* the newest version that it knows */
    uint64_t confirmed;              /* the last round that it confirmed */
    uint64_t clock_asked_ms;         /* 0: not yet on this link */
    struct kz_digest_value reported; /* its last digest report on this link; at 0: none */
    struct kz_digest_value told;     /* ours, last sent on `told_link` */
    kz_link told_link;
};

/* ---- Writes, results and loads under way (storing.c) ---- */

struct kz_write_underway {
    uint64_t ticket;
    struct kz_batch *batch; /* NULL: results alone */
    uint64_t results_end;   /* results below it are durable with this write; 0: none */
};

enum kz_load_purpose {
    KZ_LOAD_DRIVER,
    KZ_LOAD_WATCH,
    KZ_LOAD_REPLAY,
    KZ_LOAD_PEER,  /* for a peer whose copy is damaged */
    KZ_LOAD_SCRUB, /* to see that it can be read */
};

struct kz_load_underway {
    uint64_t ticket; /* 0: an unused place */
    enum kz_load_purpose purpose;
    kz_link link;               /* WATCH */
    uint64_t peer;              /* PEER: its id */
    struct kz_peer_fetch fetch; /* PEER: what it asked for */
    uint64_t first;
    uint32_t misses;    /* times that it failed and nothing was found to be damaged */
    uint64_t waits_for; /* the damaged entry that has to be repaired first; 0: it is under way */
    struct kz_load_order order;
};

struct kz_storing {
    uint64_t last_ticket; /* of the writes */
    uint64_t last_load;
    struct kz_write_underway *writes; /* in order of ticket */
    uint32_t write_count;
    uint32_t write_capacity;
    struct kz_load_underway loads[KZ_LOADS_MAX];
    struct kz_write_order *orders; /* of this step */
    uint32_t order_count;
    uint32_t order_capacity;
    struct kz_load_order load_orders[KZ_LOADS_MAX];
    uint32_t load_order_count;
    bool disk_full;
    bool gave_way;      /* leadership was handed over because of it */
    uint64_t looked_ms; /* when a write last looked for room */
};

/* The result bytes of the last applied entries: those not yet written, and for watchers. */
struct kz_results {
    uint8_t *ring;    /* by index modulo its size */
    uint64_t ordered; /* results up to it are durable or ordered to be */
    uint64_t stored;  /* results up to it are durable */
    uint64_t waiting_since_ms;
};

/* ---- Reads that wait (reads.c) ---- */

struct kz_read {
    struct kz_read *next;
    kz_link link;
    uint64_t tag;
    uint64_t round; /* that it was asked for in */
    uint64_t index; /* to be applied before it is answered; 0: not known yet (a follower's) */
    uint64_t deadline_ms;
    size_t size;
    uint8_t body[];
};

/* A follower's question for the read index. */
struct kz_read_index {
    uint64_t peer;
    uint64_t nonce;
    uint64_t round; /* 0: not asked for yet */
    uint64_t index;
};

#define KZ_READ_INDEXES_MAX (4 * KZ_MEMBERS_MAX)

struct kz_reads {
    struct kz_read *first;
    struct kz_read **end;
    struct kz_read *unasked; /* the first that no round was sent for; NULL: none */
    uint32_t count;
    size_t bytes;
    uint64_t first_round; /* of this process */
    uint64_t round;       /* the last confirmation round (leader) or question (follower) sent */
    uint64_t confirmed;   /* rounds up to it are confirmed (leader) */
    uint64_t sent_ms;
    uint64_t term; /* in which the rounds are; another term or leader starts anew */
    uint64_t leader;
    struct kz_read_index remote[KZ_READ_INDEXES_MAX];
    uint32_t remote_count;
};

/* ---- The start (replaying.c) ---- */

#define KZ_REPLAY_LOADS 4

struct kz_replay_slot {
    uint64_t first; /* 0: unused */
    uint32_t count;
    uint64_t ticket;
    struct kz_batch *batch; /* NULL: not there yet */
    uint8_t *results;
};

struct kz_replay {
    uint64_t applied; /* entries up to it have results in the ledger */
    uint64_t last;
    uint64_t next_load;
    uint64_t next;    /* the entry to take next */
    uint64_t told_ms; /* when the journal was last told how far it is; 0: not yet */
    struct kz_replay_slot slots[KZ_REPLAY_LOADS];
    struct kz_batch **tail; /* the entries behind `applied` */
    uint32_t tail_count;
    uint32_t tail_capacity;
    struct kz_term_run *runs;
    uint64_t *memberships; /* the indexes of all */
    uint32_t run_count;
    uint32_t membership_count;
    uint64_t hinted_index; /* of the one that is hinted at, 0: of none */
    uint64_t begun_ms;
    bool begun;
};

/* ---- Images of the state (image.c, imaging.c) ---- */

struct kz_imaging {
    uint64_t seed;        /* of the machine's hash tables */
    uint64_t mapped_size; /* of the image that the machine lies in, 0: in none */
    uint64_t saved;       /* index of the last image that is durable, 0: none */
    uint64_t underway;    /* of the one that is being saved, 0: none */
    uint64_t order;       /* of this step */
    uint64_t begun_ms;
    uint64_t rest_until_ms;
    struct kz_hash128 entry; /* of the record of the last applied entry */
};

/* ---- The clock's entries (clockwork.c) ---- */

struct kz_clockwork {
    struct kz_entry *entries; /* room for what is due at once */
    uint64_t last_index;      /* of the last clock-driven entry appended here */
    bool look;                /* something may be due */
    int64_t next_due;         /* wall time of the next publish or morning */
    uint64_t not_before_ms;   /* after a batch of which everything was refused */
    bool accepted;            /* whether one of the batch in flight was `ok` */
};

/* ---- Changes of the members and of the leader (changes.c) ---- */

struct kz_change_asked {
    kz_link link;
    uint64_t tag;
    struct kz_change change; /* its texts are the event's */
};

struct kz_change_waiting {
    kz_link link;
    uint64_t tag;
    uint64_t index;       /* of the membership entry to be applied; 0: a leader's */
    uint64_t node;        /* who is to lead */
    uint64_t deadline_ms; /* of its taking over */
};

struct kz_changes {
    struct kz_change_asked asked[KZ_CHANGES_MAX]; /* in this step */
    struct kz_change_waiting waiting[KZ_CHANGES_MAX];
    uint32_t asked_count;
    uint32_t waiting_count;
};

/* ---- The whole ---- */

struct kz_gathered_submit {
    kz_link link;
    struct kz_frame frame;
};

struct kz_core {
    struct kz_core_options
        options;            /* of `first` and the ledger's runs the memory is the caller's */
    struct kz_members list; /* --cluster */
    struct kz_identity identity;
    struct kz_vote vote;

    uint64_t now_ms;
    int64_t wall_ms;
    struct kz_machine *machine;
    struct kz_driver *driver;
    uint64_t applied;
    uint64_t applied_term;
    struct kz_members members; /* the last applied membership */
    uint64_t members_index;    /* its entry, 0: none */

    struct kz_links links;
    struct kz_peer peers[KZ_PEERS_MAX];
    struct kz_members hinted; /* until raft runs: the last one of the ledger, or --cluster */
    struct kz_members dial;
    struct kz_members founders;   /* the first entry, when the cluster was founded with it */
    struct kz_batch *first_entry; /* while it is being stored */
    uint8_t first[KZ_ID_SIZE];    /* hash of the entry that we would write first, zero: not yet */

    struct kz_storing storing;
    struct kz_results results;
    struct kz_inflight inflight;
    struct kz_reads reads;
    struct kz_replay replay;
    struct kz_imaging imaging;
    struct kz_repairing repairing;
    struct kz_scrub scrub;
    struct kz_clock clock;
    struct kz_clockwork clockwork;
    struct kz_changes changes;
    struct kz_agreement agreement;
    struct kz_gathered_submit *submits;

    /* Leadership as the last step left it. */
    uint64_t term;
    uint64_t leader;
    int64_t stamped;             /* time of the last entry that this leader appended */
    uint64_t untrusted_since_ms; /* 0: trusted, or not leader */
    uint64_t transfer_after_ms;

    uint64_t stop_deadline_ms;
    uint64_t id_max;           /* of all members ever applied */
    uint64_t removed_since_ms; /* peers say since then that this node was removed; 0: they do not */
    uint64_t halt_due_ms;      /* of a halted core: it stays silent until then */
    uint64_t used_bytes;
    struct kz_core_figures figures; /* the counters among them */

    struct kz_budget budget;
    struct kz_error halt;
    struct kz_notice notices[KZ_NOTICES_MAX];
    uint32_t notice_count;
    uint32_t peer_count;
    uint32_t submit_count;
    uint32_t turned_away; /* commands of this step that were told to come back */
    uint32_t submit_capacity;
    enum kz_phase phase;
    enum kz_driver_role role;

    bool identity_changed;
    bool vote_changed;
    bool dial_changed;
    bool greet; /* what our hellos say may have changed */
    bool clock_trusted;
    bool step_noticed; /* the 24 hours' notice was given */
    bool ledger_noticed;
    bool join_noticed;
    bool stopping;
    bool handing_over; /* a successor was asked to take the leadership */
    bool stopped;
    bool halted;
    char self_peer[KZ_ADDRESS_SIZE_MAX + 1]; /* with a closing zero, for raft */
    char self_client[KZ_ADDRESS_SIZE_MAX];
};

#endif
