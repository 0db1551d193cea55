/* SPDX-License-Identifier: Apache-2.0 */
/* What the core's files share: its state, and the functions that one file calls of another.
 *
 * A step goes through the files in this order (core.c): events → links, peers, submits and queries
 * gathered, raft fed → raft's timers → what the voters reported of their states is compared →
 * what is committed is applied and answered → what was gathered and what the clock makes due is
 * proposed in one batch → reads confirmed and answered → watchers served → peers greeted, their
 * clocks asked, our state reported → results stored.
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
    bool disk_full;            /* as its last hello on `accepted` said */
    bool first_due;            /* it is empty: to be sent our first entry */
    uint8_t first[KZ_ID_SIZE]; /* hash of the first entry that it would write */
    uint64_t members_index;    /* of the last membership that it applied */
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
    kz_link link;  /* WATCH */
    uint64_t peer; /* PEER: its id */
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
    uint32_t run_count;
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

/* core.c */

/* Adds a line to the log; past KZ_NOTICES_MAX in a step it is dropped. */
void kz_core_notice(struct kz_core *core, enum kz_notice_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the node: nothing of this step leaves. The first reason stays. */
void kz_core_halt(struct kz_core *core, enum kz_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The node, which halts, waits in silence until what it sent in earlier steps was delivered. */
void kz_core_await_delivery(struct kz_core *core);

/* Returns: whether STATUS is KZ_OK; else the node halts with ERROR. */
bool kz_core_check(struct kz_core *core, enum kz_status status, const struct kz_error *error);

/* Follows what raft did since the last step: a leader found or lost. */
void kz_core_follow_leadership(struct kz_core *core);

/* members.c */

/* Returns: the last appended membership (the driver's, else the applied or the ledger's); count 0
 * on a node that knows none. */
const struct kz_membership_fields *kz_core_members(const struct kz_core *core);
/* Fills OUT with the members of the appended and of the applied membership: whoever may have to be
 * heard. */
void kz_members_known(const struct kz_core *core, struct kz_membership_fields *out);
/* Fills OUT with those to keep a connection to: the known ones (before raft runs, those whom the
 * runner found in the ledger, or --cluster), and whoever speaks to us and knows a later membership
 * than we do. */
void kz_members_to_dial(const struct kz_core *core, struct kz_membership_fields *out);
/* The membership of entry INDEX was applied. */
void kz_members_on_applied(struct kz_core *core, uint64_t index,
                           const struct kz_membership_fields *members);
/* Returns: the least id that no member ever had, as far as this node knows. */
uint64_t kz_members_next_id(const struct kz_core *core);
/* Returns: the client address of member ID, empty when it is not known; valid in this step. */
struct kz_text kz_members_client(struct kz_core *core, uint64_t id);
/* Returns: whether links to and from ID stand. */
bool kz_members_is_connected(struct kz_core *core, uint64_t id);
void kz_members_content(struct kz_core *core, struct kz_members_content *out);

/* Copies MEMBERS, texts and all. Returns: false when no record can hold them. */
bool kz_members_copy(struct kz_members *out, const struct kz_membership_fields *members);
/* Returns: the member of that id, NULL for none. */
const struct kz_member *kz_members_find(const struct kz_membership_fields *members, uint64_t id);
bool kz_members_same_text(struct kz_text a, struct kz_text b);
bool kz_members_are_same(const struct kz_membership_fields *a,
                         const struct kz_membership_fields *b);

/* changes.c */

void kz_changes_take(struct kz_core *core, struct kz_link_state *link,
                     const struct kz_frame *frame);
/* Answers what holds by now, and judges what was asked in this step. */
void kz_changes_run(struct kz_core *core);
/* Another leader is known, or (LOST) this node leads no more: answers before clients hear of it. */
void kz_changes_follow_leadership(struct kz_core *core, bool lost);
uint64_t kz_changes_wake(const struct kz_core *core);

/* sessions.c */

void kz_sessions_on_frame(struct kz_core *core, struct kz_link_state *link,
                          const struct kz_frame *frame);
/* Says goodbye with SENTENCE and closes the client's LINK. */
void kz_sessions_dismiss(struct kz_core *core, struct kz_link_state *link, const char *sentence);
/* Says WELCOME again to all clients: the leader changed. */
void kz_sessions_tell_leader(struct kz_core *core);

/* stamping.c */

/* Finds the time that an entry appended now would carry.
 * Returns: false while no stamp may be given: the clock is not trusted, or steps too far. */
bool kz_stamp(struct kz_core *core, int64_t *out_time);
/* Looks whether the wall clock jumped, in every step of every phase: what was measured before a
 * jump says nothing about the clock behind it. */
void kz_stamping_follow(struct kz_core *core);
/* Judges whether the clock may stamp; hands leadership over when it stays untrusted. */
void kz_stamping_check(struct kz_core *core);

/* applying.c */

/* Applies what is committed, answers who waits. */
void kz_applying_run(struct kz_core *core);
/* Decodes entries FROM … TO − 1 of BATCH, KZ_AHEAD at most, and asks the memory for what they will
 * look at. Returns: how many; 0 when the node halted. */
uint32_t kz_applying_decode(struct kz_core *core, const struct kz_batch *batch, uint32_t from,
                            uint32_t to, struct kz_entry out_entries[static KZ_AHEAD]);
/* Applies ENTRY as entry INDEX of TERM. Returns: false when the node halted. */
bool kz_applying_apply(struct kz_core *core, uint64_t index, uint64_t term,
                       const struct kz_entry *entry, struct kz_outcome *out_outcome);
/* Answers all waiters behind index KEEP with CODE and REASON. */
void kz_applying_fail_after(struct kz_core *core, uint64_t keep, enum kz_answer_code code,
                            enum kz_reason reason);
/* One slot less waits; the submission's answers leave with its last. */
void kz_submission_settle(struct kz_core *core, struct kz_submission *submission);
/* Fills one slot and settles it. */
void kz_submission_answer(struct kz_core *core, struct kz_submission *submission, uint16_t slot,
                          const struct kz_answer *answer);

/* proposals.c */

/* Whether anything may be appended now. */
struct kz_gate {
    enum kz_answer_code code; /* APPLIED: yes */
    enum kz_reason reason;
    int64_t time; /* that an entry appended now carries */
};

struct kz_gate kz_gate_of(struct kz_core *core);
/* Takes a SUBMIT until the step has applied what it can. */
void kz_proposals_gather(struct kz_core *core, struct kz_link_state *link,
                         const struct kz_frame *frame);
/* Judges the gathered SUBMITs and proposes them, behind what the clock makes due, in one batch. */
void kz_proposals_run(struct kz_core *core);

/* clockwork.c */

void kz_clockwork_init(struct kz_clockwork *clockwork);
/* This node leads now. */
void kz_clockwork_lead(struct kz_clockwork *clockwork);
/* Fills in what is due at TIME, when it may be asked. Returns: how many of `entries`. */
uint32_t kz_clockwork_due(struct kz_core *core, int64_t time);
/* An entry of TYPE was applied with RESULT. */
void kz_clockwork_applied(struct kz_core *core, uint64_t index, enum kz_entry_type type,
                          enum kz_result result);
/* Returns: when to step for the clock's sake, monotonic; UINT64_MAX for never. */
uint64_t kz_clockwork_wake(const struct kz_core *core);

/* reads.c */

void kz_reads_init(struct kz_core *core);
void kz_reads_finish(struct kz_core *core);
/* Takes a linearizable query. */
void kz_reads_add(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame);
/* A follower asks for the read index. */
void kz_reads_on_ask(struct kz_core *core, struct kz_peer *peer, uint64_t nonce);
/* The leader told it. */
void kz_reads_on_index(struct kz_core *core, struct kz_peer_pair pair);
void kz_reads_on_confirmed(struct kz_core *core, struct kz_peer *peer, struct kz_peer_pair pair);
/* PEER's process is a new one: what its last one asked is forgotten. */
void kz_reads_forget_peer(struct kz_core *core, uint64_t peer);
/* Sends the rounds that are due, answers what may be. */
void kz_reads_run(struct kz_core *core);
uint64_t kz_reads_wake(const struct kz_core *core);

/* queries.c */

/* Takes a QUERY: answered at once when local, else by reads.c. */
void kz_queries_take(struct kz_core *core, struct kz_link_state *link,
                     const struct kz_frame *frame);
/* Answers the query in BODY from the machine as it is. */
void kz_queries_answer(struct kz_core *core, struct kz_link_state *link, uint64_t tag,
                       const uint8_t *body, size_t size);
/* Answers that there is no answer now. */
void kz_queries_refuse(struct kz_core *core, struct kz_link_state *link, uint64_t tag, uint8_t what,
                       enum kz_answer_code code, enum kz_reason reason);

/* watchers.c */

void kz_watchers_take(struct kz_core *core, struct kz_link_state *link,
                      const struct kz_frame *frame);
void kz_watchers_on_drained(struct kz_link_state *link);
void kz_watchers_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                           struct kz_batch *batch, const uint8_t *results);
void kz_watchers_run(struct kz_core *core);

/* peers.c */

void kz_peers_on_dialed(struct kz_core *core, kz_link number, uint64_t id);
void kz_peers_on_accepted(struct kz_core *core, kz_link number);
void kz_peers_on_frame(struct kz_core *core, struct kz_link_state *link,
                       const struct kz_frame *frame);
/* Says why on an accepted link and closes it. */
void kz_peers_refuse(struct kz_core *core, struct kz_link_state *link, enum kz_refusal why,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Says that its peer is no member any more. */
void kz_peers_refuse_removed(struct kz_core *core, struct kz_link_state *link);
void kz_peers_on_closed(struct kz_core *core, struct kz_link_state *link);
struct kz_peer *kz_peers_find(struct kz_core *core, uint64_t id);
/* Returns: its place in the table, made when there is room; NULL without. */
struct kz_peer *kz_peers_meet(struct kz_core *core, uint64_t id);
/* Returns: false when there is no link to it. */
bool kz_peers_send(struct kz_core *core, uint64_t id, const uint8_t *frame, size_t size);
bool kz_peers_send_pair(struct kz_core *core, uint64_t id, enum kz_peer_frame type,
                        struct kz_peer_pair pair);
/* Sends the hellos that changed, asks for clocks. */
void kz_peers_run(struct kz_core *core);
uint64_t kz_peers_wake(const struct kz_core *core);

/* hellos.c */

/* Judges a hello on an accepted LINK: takes it or refuses it. */
void kz_hellos_take(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame);
/* Makes the hello for the peer ID as it would be now. */
void kz_hellos_make(struct kz_core *core, uint64_t id, struct kz_writer *writer);
/* A peer refused us. */
void kz_hellos_on_refused(struct kz_core *core, const struct kz_link_state *link,
                          const struct kz_frame *frame);

/* bootstrap.c */

/* Checks that identity, vote and ledger belong together, before anything else. */
enum kz_status kz_bootstrap_check(struct kz_core *core, struct kz_error *error);
/* Hashes --cluster, whatever its order; zero without one. */
void kz_bootstrap_list_hash(const struct kz_core *core, uint8_t out[static KZ_ID_SIZE]);
/* Returns: whether this incarnation is known to have had a ledger. */
bool kz_bootstrap_is_marked(const struct kz_core *core);
/* Marks it so, in the identity. */
void kz_bootstrap_mark(struct kz_core *core);
/* Returns: whether no entry is stored here. */
bool kz_bootstrap_is_empty(const struct kz_core *core);
/* Founds the cluster once all nodes of the list agree on its first entry. */
void kz_bootstrap_run(struct kz_core *core);
/* A peer with a ledger, which knows this incarnation, sent its first entry. */
void kz_bootstrap_on_first_entry(struct kz_core *core, const struct kz_frame *frame);
/* Sends PEER, who is empty, ours. */
void kz_bootstrap_send_first_entry(struct kz_core *core, struct kz_peer *peer);
/* Keeps the first entry, of TERM. */
void kz_bootstrap_keep_founders(struct kz_core *core, const struct kz_entry *entry, uint64_t term);
/* The first entry is durable: raft starts. */
void kz_bootstrap_on_stored(struct kz_core *core);

/* replaying.c */

void kz_replaying_start(struct kz_core *core, const struct kz_core_ledger *ledger);
/* Orders the first loads. */
void kz_replaying_run(struct kz_core *core);
void kz_replaying_finish(struct kz_core *core);
void kz_replaying_on_loaded(struct kz_core *core, const struct kz_load_underway *load,
                            struct kz_batch *batch, const uint8_t *results);
/* Makes the driver and starts raft on what the ledger holds; the phase becomes RUNNING. */
void kz_replaying_start_raft(struct kz_core *core, const struct kz_driver_start *start);

/* image.c */

/* Makes the core what IMAGE was saved of, and frees it. */
void kz_imaging_take(struct kz_core *core, struct kz_core_image *image);

/* imaging.c */

/* The last applied entry stands in BATCH. */
void kz_imaging_note(struct kz_core *core, const struct kz_batch *batch);
/* Orders an image when one is due. */
void kz_imaging_run(struct kz_core *core);
void kz_imaging_on_saved(struct kz_core *core, const struct kz_event *event);
uint64_t kz_imaging_wake(const struct kz_core *core);

/* storing.c */

void kz_storing_init(struct kz_core *core, uint64_t applied);
void kz_storing_finish(struct kz_core *core);
void kz_storing_begin_step(struct kz_core *core);
void kz_storing_write(struct kz_core *core, uint64_t drop_from, struct kz_batch *batch);
/* Returns: false when too many loads are under way. */
bool kz_storing_load(struct kz_core *core, const struct kz_load_underway *load, uint32_t count_max,
                     size_t size_max, bool with_results, uint64_t *out_ticket);
void kz_storing_on_stored(struct kz_core *core, const struct kz_event *event);
void kz_storing_on_failed(struct kz_core *core, const struct kz_event *event);
void kz_storing_on_loaded(struct kz_core *core, const struct kz_event *event);
/* Returns: whether too many disks are full, as far as is known, for a majority of the voters to
 * take what is new. */
bool kz_storing_lacks_room(struct kz_core *core);
/* On a full disk: hands leadership over, once, to a node that may have room; looks for room. */
void kz_storing_check(struct kz_core *core);
/* Orders the loads again that wait for an entry of which no repair is open. */
void kz_storing_load_again(struct kz_core *core);
/* Keeps entry INDEX's RESULT. */
void kz_storing_result(struct kz_core *core, uint64_t index, enum kz_result result);
/* Returns: whether the result of entry INDEX is in memory, in OUT_RESULT. */
bool kz_storing_result_of(const struct kz_core *core, uint64_t index, uint8_t *out_result);
/* Orders the results that wait to be stored, with a write of this step or when they waited long
 * enough; NOW: at once. */
void kz_storing_flush(struct kz_core *core, bool now);
uint64_t kz_storing_wake(const struct kz_core *core);

#endif
