/* SPDX-License-Identifier: Apache-2.0 */
/* SUBMIT → checks → one batch a step.
 *
 * A command is judged in this order; the first that holds answers it, the others cost nothing:
 *   1. bounds: too many in flight                                        BUSY
 *   2. not exactly one record, or a type of the clock or the cluster      MALFORMED
 *   3. a repeat that is applied (R29)                                     REPEATED, or REFUSED
 *   4. a repeat in flight                                                 waits for the first
 *   5. the actor's budget of refused entries is spent                     BUSY
 *   6. not allowed by role or scope (R30), whatever is in flight          REFUSED
 *   7. the actor's window has no place                                    held
 *   8. appended                                                           APPLIED, later
 * What is held is judged again in each step, before what is new; of one connection nothing is
 * judged while an earlier command is held, so its commands keep their order. */
#include "node/core/calls.h"
#include "node/core/memory.h"

#include <string.h>

#define TURNED_AWAY_A_MS 100 /* as if those before were served at 100,000 a second */

#define OWN_SIZE_MAX (KZ_RECORD_HEADER_SIZE + 60) /* of what is no client's: a digest */

void kz_proposals_gather(struct kz_core *core, struct kz_link_state *link,
                         const struct kz_frame *frame)
{
    if (core->submit_count == core->submit_capacity) {
        core->submit_capacity = kz_memory_grown(core->submit_capacity, 1);
        core->submits =
            kz_memory_resize(core->submits, core->submit_capacity * sizeof(core->submits[0]));
    }
    core->submits[core->submit_count++] = (struct kz_gathered_submit){link->number, *frame};
    core->figures.submits++;
}

/* ---- Whether anything may be appended now ---- */

static struct kz_gate closed(enum kz_reason reason)
{
    return (struct kz_gate){KZ_ANSWER_UNAVAILABLE, reason, 0};
}

static void notice_ledger_size(struct kz_core *core, uint64_t last_index)
{
    if (core->ledger_noticed || last_index <= core->options.entries_max / 2) return;
    core->ledger_noticed = true;
    kz_core_notice(
        core, KZ_NOTICE_WARNING,
        "ledger_large last_index=%llu max=%llu hint=\"at the largest nothing is taken any more\"",
        (unsigned long long)last_index, (unsigned long long)core->options.entries_max);
}

struct kz_gate kz_gate_of(struct kz_core *core)
{
    if (core->stopping) return closed(KZ_REASON_STOPPING);
    if (core->phase != KZ_RUNNING) return closed(KZ_REASON_STARTING);
    if (core->leader == 0) return closed(KZ_REASON_NO_LEADER);
    if (core->role != KZ_LEADER) return (struct kz_gate){KZ_ANSWER_NOT_LEADER, KZ_REASON_NONE, 0};
    if (!kz_driver_established(core->driver) || core->applied_term != core->term)
        return closed(KZ_REASON_STARTING);
    if (kz_storing_lacks_room(core)) return closed(KZ_REASON_DISK_FULL);

    uint64_t last_index = kz_driver_last_index(core->driver);
    notice_ledger_size(core, last_index);
    if (last_index >= core->options.entries_max) return closed(KZ_REASON_LEDGER_FULL);

    struct kz_gate gate = {KZ_ANSWER_APPLIED, KZ_REASON_NONE, 0};
    return kz_stamp(core, &gate.time) ? gate : closed(KZ_REASON_CLOCK);
}

/* ---- The batch of a step ---- */

struct proposal {
    struct kz_batch *batch; /* NULL: nothing was added yet */
    uint64_t first_index;
    uint64_t term;
    int64_t time;
    uint32_t count_max; /* upper bounds, for the batch's one allocation */
    size_t size_max;
};

static void append(struct proposal *proposal, const uint8_t *record, size_t size)
{
    if (proposal->batch == NULL) {
        proposal->batch =
            kz_batch_create(proposal->first_index, proposal->count_max, proposal->size_max);
        if (proposal->batch == NULL) kz_panic(__FILE__, __LINE__, "no memory is left");
    }
    uint8_t *room = kz_batch_add(proposal->batch, proposal->term, (uint32_t)size);
    KZ_ASSERT(room != NULL);
    memcpy(room, record, size);
    kz_record_set_time(room, proposal->time);
}

static void append_entry(struct proposal *proposal, const struct kz_entry *entry)
{
    uint8_t record[OWN_SIZE_MAX];
    size_t size = kz_record_encode(entry, record, sizeof(record));
    KZ_ASSERT(size > 0);
    append(proposal, record, size);
}

static void append_due(struct kz_core *core, struct proposal *proposal, uint32_t due)
{
    for (uint32_t i = 0; i < due; i++)
        append_entry(proposal, &core->clockwork.entries[i]);
    if (due > 0) core->clockwork.last_index = kz_batch_end(proposal->batch) - 1;
}

static void append_agreed(struct kz_core *core, struct proposal *proposal)
{
    struct kz_entry entry;
    if (!kz_agreement_due(core, &entry)) return;
    append_entry(proposal, &entry);
    kz_agreement_appended(core, kz_batch_end(proposal->batch) - 1);
}

/* ---- Judging one command ---- */

/* A command of a SUBMIT. */
struct command {
    struct kz_submission *submission;
    const uint8_t *record;
    uint16_t size;
    uint16_t slot;
    enum kz_status status; /* KZ_OK: it is decoded */
    uint32_t payer;        /* whose budget a refusal is of, once it was asked for */
};

enum verdict {
    ANSWERED,
    WAITS,    /* for the result of an entry in flight, its own or the one that it repeats */
    NO_PLACE, /* in the payer's window */
};

static bool is_refused(const struct kz_core *core, const struct kz_entry *entry)
{
    /* An actor in flight may change what any command may do; what an enrol is judged by, the
     * referral, may be in flight too. */
    if (core->inflight.actors > 0) return false;
    if (entry->type == KZ_ENROL && core->inflight.waiters > 0) return false;
    return kz_machine_forbids(core->machine, entry);
}

/* Returns: whether ENTRY repeats an applied one; OUT_ANSWER tells. */
static bool is_repeat(const struct kz_core *core, const struct kz_entry *entry, int64_t time,
                      struct kz_answer *out_answer)
{
    struct kz_outcome outcome;
    if (!kz_machine_repeats(core->machine, entry, time, &outcome)) return false;

    if (outcome.result == KZ_RESULT_CONFLICT) {
        *out_answer = (struct kz_answer){.code = KZ_ANSWER_REFUSED, .result = KZ_RESULT_CONFLICT};
        return true;
    }
    *out_answer = (struct kz_answer){.code = KZ_ANSWER_REPEATED,
                                     .result = (uint8_t)outcome.first_result,
                                     .index = outcome.first_index};
    return true;
}

uint32_t kz_proposals_payer(const struct kz_core *core, const struct kz_entry *entry)
{
    struct kz_actor_fields actor;
    bool known = entry->actor != 0 && kz_machine_actor(core->machine, entry->actor, &actor);
    return known ? entry->actor : 0;
}

static struct kz_answer malformed(enum kz_reason reason)
{
    return (struct kz_answer){.code = KZ_ANSWER_MALFORMED, .reason = (uint8_t)reason};
}

static struct kz_answer busy(enum kz_reason reason, uint32_t retry_ms)
{
    return (struct kz_answer){
        .code = KZ_ANSWER_BUSY, .reason = (uint8_t)reason, .retry_ms = retry_ms};
}

static void append_command(struct kz_core *core, struct proposal *proposal,
                           const struct command *command, const struct kz_entry *entry)
{
    append(proposal, command->record, command->size);
    struct kz_waiter waiter = {
        .index = kz_batch_end(proposal->batch) - 1,
        .term = proposal->term,
        .submission = command->submission,
        .payer = command->payer,
        .slot = command->slot,
        .type = (uint8_t)entry->type,
        .has_request = kz_has_request(entry->request),
    };
    memcpy(waiter.request, entry->request, KZ_ID_SIZE);
    kz_inflight_add(&core->inflight, &waiter);
    core->figures.proposals++;
}

/* Judges ENTRY, which is a well-formed command; OUT_ANSWER is filled when it is answered. */
static enum verdict judge_entry(struct kz_core *core, struct proposal *proposal,
                                struct command *command, const struct kz_entry *entry,
                                struct kz_answer *out_answer)
{
    if (kz_has_request(entry->request)) {
        if (is_repeat(core, entry, proposal->time, out_answer)) return ANSWERED;
        if (kz_inflight_has(&core->inflight, entry->request)) {
            kz_inflight_repeat(&core->inflight, entry->request, command->submission, command->slot,
                               command->record, command->size);
            return WAITS;
        }
    }
    command->payer = kz_proposals_payer(core, entry);
    uint32_t wait_ms = kz_budget_wait(&core->budget, command->payer, core->now_ms);
    if (wait_ms > 0) {
        *out_answer = busy(KZ_REASON_BUDGET, wait_ms);
        return ANSWERED;
    }
    if (is_refused(core, entry)) {
        kz_budget_spend(&core->budget, command->payer, core->now_ms);
        core->figures.refused_without_entry++;
        *out_answer =
            (struct kz_answer){.code = KZ_ANSWER_REFUSED, .result = KZ_RESULT_NOT_ALLOWED};
        return ANSWERED;
    }
    if (!kz_budget_enter(&core->budget, command->payer, core->now_ms)) return NO_PLACE;
    append_command(core, proposal, command, entry);
    return WAITS;
}

static bool has_room(const struct kz_core *core, uint32_t commands)
{
    return kz_inflight_count(&core->inflight) + commands <= core->inflight.capacity;
}

/* Returns: the answer of COUNT commands. The more are told, the later each: else they all come back
 * at once, and again. */
static struct kz_answer turned_away(struct kz_core *core, uint32_t count)
{
    uint32_t retry_ms = KZ_RETRY_MS + core->turned_away / TURNED_AWAY_A_MS;
    core->turned_away += count;
    return busy(KZ_REASON_PENDING, retry_ms);
}

static enum verdict judge(struct kz_core *core, struct proposal *proposal, struct command *command,
                          const struct kz_entry *entry, struct kz_answer *out_answer)
{
    if (!has_room(core, 1)) {
        *out_answer = turned_away(core, 1);
        return ANSWERED;
    }
    if (command->status != KZ_OK) {
        *out_answer = malformed(KZ_REASON_RECORD);
        return ANSWERED;
    }
    if (kz_type_is_clock(entry->type) || kz_type_is_cluster(entry->type)) {
        *out_answer = malformed(KZ_REASON_TYPE);
        return ANSWERED;
    }
    return judge_entry(core, proposal, command, entry, out_answer);
}

/* ---- SUBMIT frames ---- */

/* Answers the commands of SUBMISSION that REST has left, which are the last ones. */
static void answer_rest(struct kz_core *core, struct kz_submission *submission,
                        const struct kz_command_reader *rest, const struct kz_answer *answer)
{
    uint16_t slot = rest->taken;
    for (uint32_t left = kz_held_left(rest); left > 0; left--)
        kz_submission_answer(core, submission, slot++, answer);
}

/* Decodes the next commands, KZ_AHEAD at most, and asks the memory for what they will look at.
 * Returns: how many. */
static uint32_t decode_ahead(struct kz_core *core, struct kz_command_reader *reader,
                             struct command *commands, struct kz_entry *entries)
{
    uint32_t count = 0;
    for (; count < KZ_AHEAD; count++) {
        struct command *command = &commands[count];
        command->record = kz_command_next(reader, &command->size);
        if (command->record == NULL) break;
        command->status = command->size > KZ_RECORD_SIZE_MAX
                              ? KZ_MALFORMED
                              : kz_record_decode(command->record, command->size, &entries[count]);
        if (command->status != KZ_OK) entries[count] = (struct kz_entry){.type = KZ_BARRIER};
    }
    kz_machine_prefetch(core->machine, entries, count);
    return count;
}

/* Judges COMMAND. Returns: the actor in whose window it has no place; KZ_NOBODY otherwise. */
static uint64_t judge_command(struct kz_core *core, struct proposal *proposal,
                              struct command *command, const struct kz_entry *entry)
{
    struct kz_answer answer;
    switch (judge(core, proposal, command, entry, &answer)) {
    case WAITS: return KZ_NOBODY;
    case NO_PLACE: return command->payer;
    case ANSWERED: break;
    }
    command->submission->answers[command->slot] = answer;
    command->submission->waiting--;
    return KZ_NOBODY;
}

/* Judges the commands that REST has left, up to the first that has no place.
 * Returns: the actor in whose window it has none; KZ_NOBODY when all were judged. */
static uint64_t judge_commands(struct kz_core *core, struct proposal *proposal,
                               struct kz_submission *submission, struct kz_command_reader *rest)
{
    struct command commands[KZ_AHEAD];
    struct kz_entry entries[KZ_AHEAD];
    uint64_t payer = KZ_NOBODY;
    uint16_t slot = rest->taken;
    uint32_t count;
    submission->waiting++; /* this keeps it while its commands are judged */
    while (payer == KZ_NOBODY && (count = decode_ahead(core, rest, commands, entries)) > 0) {
        for (uint32_t i = 0; i < count && payer == KZ_NOBODY; i++, slot++) {
            commands[i].submission = submission;
            commands[i].slot = slot;
            payer = judge_command(core, proposal, &commands[i], &entries[i]);
            if (payer != KZ_NOBODY) kz_command_rewind(rest, commands[i].record, slot);
        }
    }
    kz_submission_settle(core, submission);
    return payer;
}

/* ---- What is held ---- */

static bool is_holding(const struct kz_core *core, const struct kz_link_state *link)
{
    return link->held_round == core->inflight.held.round;
}

static void keep(struct kz_core *core, struct kz_link_state *link, struct kz_held_submit *submit)
{
    kz_held_push(&core->inflight.held, submit);
    link->held_round = core->inflight.held.round;
}

/* Holds what REST has left of SUBMISSION because of PAYER, or turns it away when there is no room.
 */
static void hold(struct kz_core *core, struct kz_link_state *link, struct kz_submission *submission,
                 const struct kz_command_reader *rest, uint64_t payer)
{
    uint32_t left = kz_held_left(rest);
    size_t size = kz_reader_left(&rest->reader);
    if (has_room(core, left) && core->inflight.held.bytes + size <= KZ_PENDING_HELD_SIZE) {
        keep(core, link, kz_held_create(submission, rest, payer));
        return;
    }
    const struct kz_answer answer = turned_away(core, left);
    answer_rest(core, submission, rest, &answer);
}

/* Returns: whether the next command of SUBMIT, of LINK, has no place still. */
static bool has_no_place(const struct kz_core *core, const struct kz_link_state *link,
                         const struct kz_held_submit *submit)
{
    if (is_holding(core, link)) return true;
    return submit->payer != KZ_NOBODY &&
           kz_budget_is_full(&core->budget, (uint32_t)submit->payer, core->now_ms);
}

static void judge_held(struct kz_core *core, struct proposal *proposal,
                       struct kz_held_submit *submit)
{
    struct kz_link_state *link = kz_links_find(&core->links, submit->submission->link);
    if (link == NULL) {
        const struct kz_answer unheard = {.code = KZ_ANSWER_UNKNOWN};
        answer_rest(core, submit->submission, &submit->rest, &unheard);
        free(submit);
        return;
    }
    if (!has_no_place(core, link, submit)) {
        submit->payer = judge_commands(core, proposal, submit->submission, &submit->rest);
        if (submit->payer == KZ_NOBODY) {
            free(submit);
            return;
        }
    }
    keep(core, link, submit);
}

static struct kz_answer shut_out(const struct kz_gate *gate)
{
    return (struct kz_answer){
        .code = (uint8_t)gate->code, .reason = (uint8_t)gate->reason, .retry_ms = KZ_RETRY_MS};
}

static void take_held(struct kz_core *core, const struct kz_gate *gate, struct proposal *proposal)
{
    struct kz_held *held = &core->inflight.held;
    held->round++;
    for (uint32_t left = held->submits; left > 0; left--) {
        struct kz_held_submit *submit = kz_held_pop(held);
        if (gate->code == KZ_ANSWER_APPLIED) {
            judge_held(core, proposal, submit);
            continue;
        }
        const struct kz_answer answer = shut_out(gate);
        answer_rest(core, submit->submission, &submit->rest, &answer);
        free(submit);
    }
}

void kz_proposals_lose(struct kz_core *core)
{
    struct kz_gate gate = kz_gate_of(core);
    KZ_ASSERT(gate.code != KZ_ANSWER_APPLIED);
    take_held(core, &gate, NULL);
}

/* ---- What is new ---- */

static void take_submit(struct kz_core *core, const struct kz_gate *gate, struct proposal *proposal,
                        const struct kz_gathered_submit *submit)
{
    struct kz_command_reader commands;
    struct kz_link_state *link = kz_links_find(&core->links, submit->link);
    if (link == NULL) return;
    if (kz_submit_decode(&submit->frame, &commands) != KZ_OK) {
        kz_sessions_dismiss(core, link, "the SUBMIT is malformed: see PROTOCOL.md");
        return;
    }
    struct kz_submission *submission =
        kz_submission_create(link->number, submit->frame.tag, commands.count);
    link->pending += commands.count;

    if (gate->code != KZ_ANSWER_APPLIED) {
        const struct kz_answer answer = shut_out(gate);
        answer_rest(core, submission, &commands, &answer);
    } else if (link->pending > core->options.pending_per_link) {
        const struct kz_answer answer = busy(KZ_REASON_PENDING, KZ_RETRY_MS);
        answer_rest(core, submission, &commands, &answer);
    } else if (is_holding(core, link)) {
        hold(core, link, submission, &commands, KZ_NOBODY);
    } else {
        uint64_t payer = judge_commands(core, proposal, submission, &commands);
        if (payer != KZ_NOBODY) hold(core, link, submission, &commands, payer);
    }
}

/* ---- The step ---- */

static void measure(const struct kz_core *core, struct proposal *proposal, uint32_t due)
{
    const struct kz_held *held = &core->inflight.held;
    proposal->count_max = due + 1 + held->commands;
    proposal->size_max = (due + (size_t)1) * (KZ_ENTRY_PREFIX_SIZE + OWN_SIZE_MAX);
    proposal->size_max += held->bytes + held->commands * (size_t)KZ_ENTRY_PREFIX_SIZE;
    for (uint32_t i = 0; i < core->submit_count; i++) {
        const struct kz_frame *frame = &core->submits[i].frame;
        uint32_t count = frame->body_size >= 2 ? kz_get_u16(frame->body) : 0;
        count = count < KZ_COMMANDS_MAX ? count : KZ_COMMANDS_MAX;
        proposal->count_max += count;
        proposal->size_max += frame->body_size + (size_t)count * KZ_ENTRY_PREFIX_SIZE;
    }
}

static void submit_batch(struct kz_core *core, struct proposal *proposal)
{
    struct kz_error error = {.status = KZ_OK};
    enum kz_status status = kz_driver_submit(core->driver, core->now_ms, proposal->batch, &error);
    if (status == KZ_OK) {
        core->stamped = proposal->time;
    } else if (status == KZ_UNAVAILABLE) {
        core->clockwork.last_index = 0;
        core->agreement.appended_index = 0;
        const struct kz_gate gate = closed(KZ_REASON_NO_LEADER);
        kz_applying_fail_after(core, proposal->first_index - 1, gate.code, gate.reason);
        take_held(core, &gate, NULL);
    } else {
        kz_core_check(core, status, &error);
    }
    kz_batch_release(proposal->batch);
}

void kz_proposals_run(struct kz_core *core)
{
    bool leads = core->phase == KZ_RUNNING && core->role == KZ_LEADER;
    if (core->submit_count == 0 && !leads) return;

    struct kz_gate gate = kz_gate_of(core);
    struct proposal proposal = {.time = gate.time};
    uint32_t due = 0;
    if (gate.code == KZ_ANSWER_APPLIED) {
        proposal.first_index = kz_driver_last_index(core->driver) + 1;
        proposal.term = core->term;
        due = kz_clockwork_due(core, gate.time);
        measure(core, &proposal, due);
        append_due(core, &proposal, due);
        append_agreed(core, &proposal);
    }
    take_held(core, &gate, &proposal);
    for (uint32_t i = 0; i < core->submit_count; i++)
        take_submit(core, &gate, &proposal, &core->submits[i]);
    if (proposal.batch != NULL) submit_batch(core, &proposal);
    KZ_ASSERT(core->inflight.held.submits == 0 || core->inflight.waiters > 0); /* who give place */
}
