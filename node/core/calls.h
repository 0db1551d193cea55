/* SPDX-License-Identifier: Apache-2.0 */
/* What the core's files call of one another, file by file.
 *
 * A step goes through the files in this order (core.c): events → links, peers, submits and queries
 * gathered, raft fed → raft's timers → what the voters reported of their states is compared →
 * what is committed is applied and answered → what was gathered and what the clock makes due is
 * proposed in one batch → reads confirmed and answered → watchers served → peers greeted, their
 * clocks asked, our state reported → results stored. */
#ifndef KZ_CALLS_H
#define KZ_CALLS_H

#include "node/core/state.h"

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
/* Judges what is held and then the gathered SUBMITs, and proposes them, behind what the clock makes
 * due, in one batch. */
void kz_proposals_run(struct kz_core *core);
/* Returns: whose budget a refusal of ENTRY is of. All that nobody knows share actor 0's, and so
 * does everyone before the first actor: else each made-up number would bring a budget of its own.
 */
uint32_t kz_proposals_payer(const struct kz_core *core, const struct kz_entry *entry);
/* Answers what is held: this node leads no more, or not yet in its new term. */
void kz_proposals_lose(struct kz_core *core);

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
/* Returns: the most that PEER was heard to say of its disk. */
struct kz_standing kz_hellos_heard_of(const struct kz_core *core, const struct kz_peer *peer);
/* Keeps what the peers acknowledged to this leader, for when it leads no more. */
void kz_hellos_remember(struct kz_core *core);
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
/* Spoils the mark: no later process starts from this directory. */
void kz_bootstrap_give_up(struct kz_core *core);
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
/* Returns: the term of entry INDEX of the ledger that is being read; 0 when there is none. */
uint64_t kz_replaying_term_at(const struct kz_core *core, uint64_t index);
/* Returns: the term of the last entry of the ledger that is being read. */
uint64_t kz_replaying_last_term(const struct kz_core *core);
/* Returns: the membership that holds before entry INDEX, behind the applied ones; NULL when its
 * record is not at hand. */
const struct kz_membership_fields *kz_replaying_members_before(const struct kz_core *core,
                                                               uint64_t index);
/* Goes to the term behind TERM, unless this node is there, or further. */
void kz_replaying_leave_term(struct kz_core *core, uint64_t term);
/* The entries from INDEX on, for which loads wait, are no longer in the ledger. */
void kz_replaying_drop_from(struct kz_core *core, uint64_t index);
/* Returns: the last entry of the ledger when it is of the stored term, else 0. */
uint64_t kz_replaying_stored_of_term(const struct kz_core *core);
uint64_t kz_replaying_wake(const struct kz_core *core);
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
/* Returns: whether the start waits for the repair of entry INDEX. */
bool kz_storing_start_waits_for(const struct kz_core *core, uint64_t index);
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
