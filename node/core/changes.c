/* SPDX-License-Identifier: Apache-2.0 */
/* CHANGE: the members and the leader as an operator wants them.
 *
 *   asked → judged in the same step:
 *     holds already             waits until its membership is applied here (often it is)
 *     a membership to append    appended alone; waits until it is applied
 *     another leader            raft hands over; waits until that node is known to lead
 *     else                      answered at once: refused, or to be asked again
 *
 * A change names the state that is wanted, so whoever is told to ask again, or loses the
 * connection, asks the same again. What raft does not survive is the driver's to refuse
 * (membership.h); an id that a member ever had is never given to another node.
 *
 * Invariants:
 * 1. A membership's `done` is told when it is applied here: so it is committed.
 * 2. A leader's removal moves the leadership first, and is done by its successor. */
#include "node/core/calls.h"
#include "node/core/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- Answers ---- */

static void answer(struct kz_core *core, kz_link number, uint64_t tag,
                   const struct kz_changed *changed)
{
    struct kz_link_state *link = kz_links_find(&core->links, number);
    if (link == NULL) return;

    struct kz_changed told = *changed;
    told.leader = core->leader;
    struct kz_writer writer = kz_links_writer(link, KZ_CHANGE_FRAME_SIZE_MAX);
    kz_changed_encode(&writer, tag, &told);
    kz_links_written(&core->links, link, &writer);
}

static struct kz_changed done(uint64_t index)
{
    return (struct kz_changed){.code = KZ_ANSWER_APPLIED, .index = index};
}

/* Asked for again after a while it may hold. */
static struct kz_changed not_now(enum kz_answer_code code, enum kz_reason reason)
{
    return (struct kz_changed){
        .code = (uint8_t)code, .reason = (uint8_t)reason, .retry_ms = KZ_RETRY_MS};
}

static struct kz_changed refused(enum kz_reason reason)
{
    return (struct kz_changed){.code = KZ_ANSWER_REFUSED, .reason = (uint8_t)reason};
}

/* One change, being judged. */
struct judgement {
    struct kz_core *core;
    const struct kz_change_asked *asked;
    char sentence[KZ_CHANGE_SENTENCE_SIZE_MAX];
};

static void conclude(struct judgement *judgement, struct kz_changed changed)
{
    changed.sentence = (struct kz_text){judgement->sentence, (uint16_t)strlen(judgement->sentence)};
    answer(judgement->core, judgement->asked->link, judgement->asked->tag, &changed);
}

/* Lets the change wait: for the membership INDEX to be applied, or with 0 for its node to lead. */
static void wait_for(struct judgement *judgement, uint64_t index)
{
    struct kz_core *core = judgement->core;
    struct kz_changes *changes = &core->changes;
    if (changes->waiting_count == KZ_CHANGES_MAX) {
        conclude(judgement, not_now(KZ_ANSWER_BUSY, KZ_REASON_PENDING));
        return;
    }
    changes->waiting[changes->waiting_count++] = (struct kz_change_waiting){
        .link = judgement->asked->link,
        .tag = judgement->asked->tag,
        .index = index,
        .node = judgement->asked->change.node,
        .deadline_ms = core->now_ms + 2 * (uint64_t)core->options.election_timeout_ms,
    };
}

/* ---- Who waits ---- */

/* Returns: whether what WAITING waits for came, or can not come any more. */
static bool is_settled(const struct kz_core *core, const struct kz_change_waiting *waiting,
                       struct kz_changed *out_changed)
{
    if (waiting->index > 0) {
        *out_changed = done(waiting->index);
        return core->applied >= waiting->index;
    }
    *out_changed = done(0);
    if (core->leader == waiting->node) return true;

    *out_changed = not_now(KZ_ANSWER_NOT_LEADER, KZ_REASON_NONE);
    if (core->role != KZ_LEADER && core->leader != 0) return true;

    *out_changed = not_now(KZ_ANSWER_UNAVAILABLE, KZ_REASON_BEHIND);
    return core->now_ms >= waiting->deadline_ms;
}

static void settle(struct kz_core *core)
{
    struct kz_changes *changes = &core->changes;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < changes->waiting_count; i++) {
        const struct kz_change_waiting waiting = changes->waiting[i];
        struct kz_changed changed;
        if (is_settled(core, &waiting, &changed))
            answer(core, waiting.link, waiting.tag, &changed);
        else
            changes->waiting[kept++] = waiting;
    }
    changes->waiting_count = kept;
}

void kz_changes_follow_leadership(struct kz_core *core, bool lost)
{
    struct kz_changes *changes = &core->changes;
    uint64_t committed = kz_driver_committed(core->driver);
    uint32_t kept = 0;
    settle(core);
    for (uint32_t i = 0; i < changes->waiting_count; i++) {
        const struct kz_change_waiting waiting = changes->waiting[i];
        const struct kz_changed unknown = not_now(KZ_ANSWER_UNKNOWN, KZ_REASON_NONE);
        if (lost && waiting.index > committed)
            answer(core, waiting.link, waiting.tag, &unknown);
        else
            changes->waiting[kept++] = waiting;
    }
    changes->waiting_count = kept;
}

uint64_t kz_changes_wake(const struct kz_core *core)
{
    uint64_t wake = UINT64_MAX;
    for (uint32_t i = 0; i < core->changes.waiting_count; i++) {
        const struct kz_change_waiting *waiting = &core->changes.waiting[i];
        if (waiting->index == 0 && waiting->deadline_ms < wake) wake = waiting->deadline_ms;
    }
    return wake;
}

/* ---- Memberships ---- */

static void propose(struct judgement *judgement, const struct kz_membership_fields *next,
                    int64_t time)
{
    struct kz_core *core = judgement->core;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry = {.type = KZ_MEMBERSHIP, .time = time};
    entry.actor = judgement->asked->change.actor;
    entry.membership = *next;
    size_t size = kz_record_encode(&entry, record, sizeof(record));
    if (size == 0) {
        conclude(judgement, refused(KZ_REASON_MEMBERS));
        return;
    }
    uint64_t index = kz_driver_last_index(core->driver) + 1;
    struct kz_batch *batch = kz_batch_create(index, 1, KZ_ENTRY_PREFIX_SIZE + size);
    if (batch == NULL) kz_panic(__FILE__, __LINE__, "no memory is left");
    memcpy(kz_batch_add(batch, core->term, (uint32_t)size), record, size);

    struct kz_error error;
    enum kz_status status = kz_driver_submit(core->driver, core->now_ms, batch, &error);
    kz_batch_release(batch);
    if (status == KZ_OK) {
        core->stamped = time;
        wait_for(judgement, index);
    } else if (status == KZ_USAGE) {
        snprintf(judgement->sentence, sizeof(judgement->sentence), "%.*s",
                 (int)sizeof(judgement->sentence) - 1, error.text);
        conclude(judgement, refused(KZ_REASON_MEMBERS));
    } else if (status == KZ_UNAVAILABLE) {
        conclude(judgement, not_now(KZ_ANSWER_UNAVAILABLE, KZ_REASON_NO_LEADER));
    } else {
        kz_core_check(core, status, &error);
    }
}

/* Appends NEXT, unless an earlier change is on its way. */
static void change_to(struct judgement *judgement, const struct kz_membership_fields *next,
                      int64_t time)
{
    struct kz_core *core = judgement->core;
    if (kz_driver_membership_index(core->driver) > kz_driver_committed(core->driver))
        conclude(judgement, not_now(KZ_ANSWER_UNAVAILABLE, KZ_REASON_CHANGING));
    else
        propose(judgement, next, time);
}

static void hold(struct judgement *judgement)
{
    wait_for(judgement, kz_driver_membership_index(judgement->core->driver));
}

static void say_where(struct judgement *judgement, const struct kz_member *member)
{
    snprintf(judgement->sentence, sizeof(judgement->sentence),
             "node %llu is a member already, at %.*s (peers) and %.*s (clients)",
             (unsigned long long)member->id, (int)member->peer.size, member->peer.bytes,
             (int)member->client.size, member->client.bytes);
}

/* Returns: whether nothing stands in the way of a new member; else the sentence says what. */
static bool may_be_added(struct judgement *judgement, const struct kz_membership_fields *present)
{
    const struct kz_change *change = &judgement->asked->change;
    char *sentence = judgement->sentence;
    size_t size = sizeof(judgement->sentence);

    if (present->count == KZ_MEMBERS_MAX) {
        snprintf(sentence, size, "a cluster has at most %d members: remove one first",
                 KZ_MEMBERS_MAX);
    } else if (change->node <= judgement->core->id_max) {
        snprintf(sentence, size,
                 "a new node's number is above all that were ever given, so at least %llu",
                 (unsigned long long)judgement->core->id_max + 1);
    }
    for (unsigned i = 0; i < present->count && sentence[0] == 0; i++) {
        const struct kz_member *member = &present->members[i];
        if (kz_members_same_text(member->peer, change->peer) ||
            kz_members_same_text(member->client, change->client)) {
            say_where(judgement, member);
        }
    }
    return sentence[0] == 0;
}

static void add(struct judgement *judgement, int64_t time)
{
    const struct kz_change *change = &judgement->asked->change;
    struct kz_membership_fields next = *kz_driver_membership(judgement->core->driver);
    const struct kz_member *member = kz_members_find(&next, change->node);
    const struct kz_member standby = {change->node, KZ_STANDBY, change->peer, change->client};

    if (member != NULL && kz_members_same_text(member->peer, change->peer) &&
        kz_members_same_text(member->client, change->client)) {
        hold(judgement);
    } else if (member != NULL) {
        say_where(judgement, member);
        conclude(judgement, refused(KZ_REASON_MEMBERS));
    } else if (!may_be_added(judgement, &next)) {
        conclude(judgement, refused(KZ_REASON_MEMBERS));
    } else {
        next.members[next.count++] = standby;
        change_to(judgement, &next, time);
    }
}

static void promote(struct judgement *judgement, int64_t time)
{
    struct kz_core *core = judgement->core;
    struct kz_membership_fields next = *kz_driver_membership(core->driver);
    unsigned i = 0;
    while (i < next.count && next.members[i].id != judgement->asked->change.node)
        i++;

    if (i == next.count) {
        conclude(judgement, refused(KZ_REASON_NO_MEMBER));
    } else if (next.members[i].role == KZ_VOTER) {
        hold(judgement);
    } else if (!kz_driver_has_caught_up(core->driver, next.members[i].id)) {
        snprintf(judgement->sentence, sizeof(judgement->sentence),
                 "node %llu has %llu of %llu entries", (unsigned long long)next.members[i].id,
                 (unsigned long long)kz_driver_match(core->driver, next.members[i].id),
                 (unsigned long long)kz_driver_last_index(core->driver));
        conclude(judgement, not_now(KZ_ANSWER_UNAVAILABLE, KZ_REASON_BEHIND));
    } else {
        next.members[i].role = KZ_VOTER;
        change_to(judgement, &next, time);
    }
}

static unsigned count_voters(const struct kz_membership_fields *members)
{
    unsigned voters = 0;
    for (unsigned i = 0; i < members->count; i++)
        voters += members->members[i].role == KZ_VOTER;
    return voters;
}

/* This node is to be removed: its successor does that. */
static void hand_over(struct judgement *judgement)
{
    struct kz_core *core = judgement->core;
    struct kz_error error;
    enum kz_status status = kz_driver_transfer(core->driver, core->now_ms, 0, &error);
    if (status == KZ_OK || status == KZ_UNAVAILABLE)
        conclude(judgement, not_now(KZ_ANSWER_UNAVAILABLE, KZ_REASON_NO_LEADER));
    else
        kz_core_check(core, status, &error);
}

static void take_out(struct judgement *judgement, int64_t time)
{
    struct kz_core *core = judgement->core;
    uint64_t node = judgement->asked->change.node;
    const struct kz_membership_fields *present = kz_driver_membership(core->driver);
    const struct kz_member *member = kz_members_find(present, node);

    if (member == NULL) {
        hold(judgement);
        return;
    }
    if (member->role == KZ_VOTER && count_voters(present) == 1) {
        snprintf(judgement->sentence, sizeof(judgement->sentence),
                 "node %llu is the only voter: add and promote another first",
                 (unsigned long long)node);
        conclude(judgement, refused(KZ_REASON_MEMBERS));
        return;
    }
    if (node == core->options.id) {
        hand_over(judgement);
        return;
    }
    struct kz_membership_fields next = {.count = 0};
    for (unsigned i = 0; i < present->count; i++) {
        if (present->members[i].id != node) next.members[next.count++] = present->members[i];
    }
    change_to(judgement, &next, time);
}

/* ---- Leadership ---- */

static void move_leader(struct judgement *judgement)
{
    struct kz_core *core = judgement->core;
    uint64_t node = judgement->asked->change.node;
    const struct kz_member *member = kz_members_find(kz_driver_membership(core->driver), node);

    if (member == NULL) {
        conclude(judgement, refused(KZ_REASON_NO_MEMBER));
        return;
    }
    if (node == core->options.id) {
        conclude(judgement, done(0));
        return;
    }
    if (member->role != KZ_VOTER) {
        snprintf(judgement->sentence, sizeof(judgement->sentence),
                 "node %llu does not vote: promote it first", (unsigned long long)node);
        conclude(judgement, refused(KZ_REASON_MEMBERS));
        return;
    }
    if (!kz_members_is_connected(core, node)) {
        snprintf(judgement->sentence, sizeof(judgement->sentence), "node %llu is not connected",
                 (unsigned long long)node);
        conclude(judgement, not_now(KZ_ANSWER_UNAVAILABLE, KZ_REASON_BEHIND));
        return;
    }
    struct kz_error error;
    enum kz_status status = kz_driver_transfer(core->driver, core->now_ms, node, &error);
    if (status == KZ_OK)
        wait_for(judgement, 0);
    else if (status == KZ_UNAVAILABLE)
        conclude(judgement, not_now(KZ_ANSWER_UNAVAILABLE, KZ_REASON_NO_LEADER));
    else
        kz_core_check(core, status, &error);
}

/* ---- Taking and judging ---- */

void kz_changes_take(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame)
{
    struct kz_changes *changes = &core->changes;
    struct kz_change change;
    if (kz_change_decode(frame, &change) != KZ_OK) {
        kz_sessions_dismiss(core, link, "the CHANGE is malformed: see PROTOCOL.md");
        return;
    }
    if (changes->asked_count == KZ_CHANGES_MAX) {
        const struct kz_changed busy = not_now(KZ_ANSWER_BUSY, KZ_REASON_PENDING);
        answer(core, link->number, frame->tag, &busy);
        return;
    }
    changes->asked[changes->asked_count++] =
        (struct kz_change_asked){link->number, frame->tag, change};
}

static void judge(struct judgement *judgement)
{
    struct kz_core *core = judgement->core;
    const struct kz_change *change = &judgement->asked->change;
    const struct kz_gate gate = kz_gate_of(core);

    if (gate.code != KZ_ANSWER_APPLIED) {
        conclude(judgement, not_now(gate.code, gate.reason));
        return;
    }
    if (core->inflight.actors > 0) { /* they may say what this actor may do */
        conclude(judgement, not_now(KZ_ANSWER_BUSY, KZ_REASON_PENDING));
        return;
    }
    if (!kz_machine_lets_operate(core->machine, change->actor)) {
        struct kz_changed changed = refused(KZ_REASON_NONE);
        changed.result = KZ_RESULT_NOT_ALLOWED;
        conclude(judgement, changed);
        return;
    }
    switch ((enum kz_change_what)change->what) {
    case KZ_CHANGE_ADD: add(judgement, gate.time); break;
    case KZ_CHANGE_PROMOTE: promote(judgement, gate.time); break;
    case KZ_CHANGE_REMOVE: take_out(judgement, gate.time); break;
    case KZ_CHANGE_LEADER: move_leader(judgement); break;
    case KZ_CHANGE_END: break;
    }
}

void kz_changes_run(struct kz_core *core)
{
    struct kz_changes *changes = &core->changes;
    for (uint32_t i = 0; i < changes->asked_count && !core->halted; i++) {
        struct judgement judgement = {core, &changes->asked[i], ""};
        judge(&judgement);
    }
    settle(core);
}
