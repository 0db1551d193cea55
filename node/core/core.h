/* SPDX-License-Identifier: Apache-2.0 */
/* The node without its I/O: events of one loop turn in, an update out. Raft, the state machine,
 * client requests, reads, the clock's entries, bootstrap. The simulator runs whole clusters of
 * these.
 *
 * Invariants:
 * 1. The core sees no clock, disk, socket, thread or random source: time, seeds and what was read
 * are arguments; equal arguments give equal updates.
 * 2. The runner carries an update out in this order: identity, vote (both durable before the rest),
 * writes handed to the writer in order, sends, loads, closes. Of one that halted there is the
 * identity alone.
 * 3. No answer tells what is not durable on a majority and applied here. */
#ifndef KZ_CORE_H
#define KZ_CORE_H

#include "client/wire/frame.h"
#include "log/batch.h"
#include "log/damage.h"
#include "log/log.h"
#include "log/node_files.h"
#include "statemachine/rules/machine.h"

#include <stdbool.h>
#include <stdint.h>

struct kz_core;

/* A connection, numbered by the runner, never reused; an event says whose it is. */
typedef uint64_t kz_link;

enum kz_event_type {
    KZ_EVENT_PEER_DIALED = 1, /* our connection to PEER stands: we speak on it (say hello first) */
    KZ_EVENT_PEER_ACCEPTED,   /* a peer's connection to our peer port: it speaks on it */
    KZ_EVENT_CLIENT_ACCEPTED,
    KZ_EVENT_FRAME,     /* a frame came on LINK; its checksum is right */
    KZ_EVENT_BAD_FRAME, /* LINK is out of step (STATUS says how); the core says goodbye and closes
                           it */
    KZ_EVENT_DRAINED,   /* what was queued for LINK, a kz_outgoing with `tell_drained` among it, is
                           below the low-water mark */
    KZ_EVENT_CLOSED,    /* LINK is gone */
    KZ_EVENT_STORED,    /* all writes up to TICKET are durable; with STATUS KZ_NO_SPACE out of the
                           room that is kept for a full disk: nothing new should be taken */
    KZ_EVENT_STORE_FAILED, /* the write TICKET failed with STATUS (KZ_NO_SPACE: it is tried again;
                              else halt) */
    KZ_EVENT_LOADED, /* the load TICKET gave BATCH (and RESULTS where asked), or failed with STATUS;
                        KZ_CORRUPT: FAULT says what is damaged */
    KZ_EVENT_IMAGE,  /* the image that was ordered last is durable, or failed with STATUS */
    KZ_EVENT_REPAIRED, /* the repair TICKET is durable, or was refused with STATUS */
    KZ_EVENT_STOP,     /* SIGTERM: hand leadership over, drain, then `stopped` */
};

struct kz_event {
    enum kz_event_type type;
    kz_link link;
    uint64_t peer; /* PEER_DIALED: the raft id dialed */
    struct kz_frame frame;
    uint64_t ticket;
    enum kz_status status;
    struct kz_batch *batch; /* LOADED: the core takes the reference over */
    const uint8_t *results; /* LOADED with results: one byte for each entry of the batch */
    struct kz_fault fault;  /* LOADED with KZ_CORRUPT */
    uint64_t used_bytes;    /* STORED: of the ledger's file now, for whoever asks (0: unknown) */
};

struct kz_outgoing {
    kz_link link;
    uint8_t *bytes; /* whole frames; malloc'ed; the runner takes it over and frees it */
    size_t size;
    bool tell_drained; /* answer with KZ_EVENT_DRAINED once no more than the low-water mark of what
                          is queued for LINK is left: at the next step when that is so at once */
};

struct kz_write_order {
    uint64_t ticket; /* grows by one with each write */
    uint64_t drop_from;
    struct kz_batch *batch; /* NULL: results alone. Stays as it is until STORED */
    uint64_t result_first;
    uint8_t *results; /* malloc'ed; the runner takes it over and frees it; NULL: none */
    uint32_t result_count;
};

/* Carried out as kz_log_repair() does, in order with the writes. */
struct kz_repair_order {
    uint64_t ticket;
    uint64_t index;
    struct kz_batch *entry; /* NULL: none. Stays as it is until REPAIRED */
    bool is_proven;
    bool is_overwritten;
    const uint8_t *results; /* NULL: none. Stay as they are until REPAIRED */
    uint32_t count;
};

struct kz_load_order {
    uint64_t ticket;
    uint64_t first;
    uint32_t count_max;
    size_t size_max;
    bool with_results;
    bool record_alone; /* of one entry, by its own checksum: kz_log_read_record() */
};

enum kz_notice_level { KZ_NOTICE_INFO, KZ_NOTICE_WARNING, KZ_NOTICE_ERROR };

/* A line for the log: an event's name and `key=value` pairs. */
struct kz_notice {
    enum kz_notice_level level;
    char text[512];
};

struct kz_close_order {
    kz_link link; /* after what is queued for it was sent */
};

/* Arrays and what they point to belong to the core until the next step, but for what is said to be
 * taken over. */
struct kz_update {
    const struct kz_identity *identity; /* NULL: unchanged */
    const struct kz_vote *vote;         /* NULL: unchanged */
    const struct kz_write_order *writes;
    uint32_t write_count;
    const struct kz_outgoing *outgoing; /* at most one for each link */
    uint32_t outgoing_count;
    const struct kz_load_order *loads;
    uint32_t load_count;
    const struct kz_repair_order *repairs;
    uint32_t repair_count;
    const struct kz_close_order *closes;
    uint32_t close_count;
    const struct kz_notice *notices;
    uint32_t notice_count;
    const struct kz_membership_fields
        *dial;        /* peers to keep a connection to (self among them); NULL: unchanged */
    uint64_t image;   /* kz_core_save() the state as it is, that of this entry, before the next
                         step; answered by KZ_EVENT_IMAGE, once the results up to it are stored too.
                         0: no image */
    uint64_t wake_ms; /* step again at this monotonic time, whatever happens */
    bool stopped;     /* after STOP: all is drained, the process may end */
    bool halted;      /* the node can not go on: HALT says what, where, what to do */
    struct kz_error halt;
};

/* What the runner found in the ledger, by kz_log_last_index() and the like; read once, by
 * kz_core_create(). */
struct kz_core_ledger {
    uint64_t last_index; /* 0: empty */
    uint64_t applied;    /* kz_log_applied_index() */
    const struct kz_term_run *runs;
    const uint64_t *memberships; /* kz_log_memberships() */
    uint32_t run_count;
    uint32_t membership_count;
    uint64_t used_bytes;
    /* The last ones in it that can be read, whom a node that reads its ledger asks for help; NULL:
     * none. */
    const struct kz_membership_fields *members;
    uint64_t members_index; /* their entry's, 0: none */
};

struct kz_core_image;

struct kz_core_options {
    uint64_t id;
    uint8_t cluster[KZ_ID_SIZE];
    struct kz_member self; /* own addresses */
    struct kz_membership_fields
        first; /* --cluster, for the first start; count 0 when the ledger has one, or with JOIN */
    bool join; /* an empty node waits to be added to a cluster, and founds none */
    struct kz_identity identity; /* as read from or made for the directory */
    struct kz_vote vote;
    struct kz_core_ledger ledger;
    const struct kz_allocator *allocator;
    uint64_t seed; /* a random number of this process */
    uint32_t election_timeout_ms;
    uint32_t heartbeat_ms;
    uint32_t refusals_per_minute; /* budget of refused entries for each actor; 0: bounds.h's */
    uint32_t pending_max;         /* commands in flight in all; 0: bounds.h's */
    uint32_t pending_per_link;    /* from one connection; 0: bounds.h's */
    uint32_t digest_interval;     /* entries, KZ_DIGEST_INTERVAL; 0 for that; equal on all nodes */
    uint64_t entries_max;         /* that the ledger takes; 0: bounds.h's */
    uint64_t image_every;         /* entries from one image to the next, 0: none */
    struct kz_core_image *image;  /* to start from, of this ledger (image.h); taken over by a core
                                     that is created; NULL: replay from the first entry */
    uint64_t scrub_pass_ms;       /* the whole ledger is read once in so long; 0: not for that */
    uint64_t scrub_bytes_per_s;   /* and at least so many bytes a second; 0: not for that */
    int64_t accept_time;          /* --accept-time, 0: none */
    bool demo_clock; /* the stamping clock is a demonstration's: it runs at a rate, so the
                        wall-against-monotonic guard is scaled by RATE */
    uint32_t demo_rate;
};

/* Errors: KZ_MISMATCH, KZ_CORRUPT, KZ_NO_MEMORY, with a sentence. */
enum kz_status kz_core_create(const struct kz_core_options *options, struct kz_core **out_core,
                              struct kz_error *error);
void kz_core_destroy(struct kz_core *core);

/* Saves the state between two steps: WRITE takes the image's bytes one after the other and fails
 * with a status of its own. Allocates nothing and calls nothing but WRITE that is not
 * async-signal-safe, so that a forked copy of the process can run it. O(state). */
enum kz_status kz_core_save(const struct kz_core *core, void *context,
                            enum kz_status (*write)(void *context, const void *bytes, size_t size));

/* One loop turn: COUNT events (0: only time passed) at monotonic NOW_MS and stamping-clock time
 * WALL_MS (milliseconds since 1970 UTC). One batch of commands and one membership are submitted at
 * most. After `halted` it must not be called
 * again. */
void kz_core_step(struct kz_core *core, uint64_t now_ms, int64_t wall_ms,
                  const struct kz_event *events, uint32_t count, struct kz_update *out_update);

/* For /livez, /readyz, /metrics and tests. */
struct kz_core_figures {
    uint8_t role; /* as kz_status_content.role */
    uint64_t term, leader, last_index, stored_index, commit_index, applied_index;
    uint64_t results_index; /* results up to it are durable */
    uint64_t image_index;   /* of the last image that is durable, 0: none */
    uint64_t elections, submits, proposals, answers, reads, confirm_rounds, refused_without_entry;
    uint64_t clients, watchers, pending_commands, pending_reads;
    uint64_t voters, standbys; /* of the membership as this node knows it */
    int64_t ledger_time;
    bool ready;             /* serves linearizable reads and knows a leader */
    bool clock_trusted;     /* leader only: a majority agrees on the time */
    bool joining;           /* empty, and not added to the cluster yet */
    bool disk_full;         /* commands are refused until there is room */
    bool ledger_large;      /* half of the entries that a ledger can hold are used */
    uint64_t damaged_index; /* an entry that is damaged here and not repaired yet; 0: none known */
    uint64_t damaged, repaired; /* ever found damaged, and repaired, by this process */
    uint64_t scrubbed_index;    /* of the pass that is under way */
    uint64_t scrub_passes;
    int64_t scrub_last_ms;   /* wall time at the end of the last pass, 0: none yet */
    uint64_t replay_target;  /* while starting: the index to reach */
    uint64_t digest_at;      /* the last index whose digest is an entry; 0: none */
    uint32_t digests_due;    /* indexes that may have one, behind that */
    uint32_t digest_differs; /* voters whose last report about the last or next one differs */
    uint32_t rules;          /* the version that holds */
    uint32_t rules_known;    /* the newest that this build knows */
    struct kz_machine_figures machine;
};

void kz_core_figures(const struct kz_core *core, struct kz_core_figures *out_figures);
const struct kz_machine *kz_core_machine(const struct kz_core *core);

#endif
