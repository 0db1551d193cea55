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
 *   7. appended                                                           APPLIED, later */
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

/* Returns: whose budget a refusal of ENTRY is of. All that nobody knows share actor 0's, and so
 * does everyone before the first actor: else each made-up number would bring a budget of its own.
 */
static uint32_t payer_of(const struct kz_core *core, const struct kz_entry *entry)
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
                           const struct command *command, const struct kz_entry *entry,
                           uint32_t payer)
{
    append(proposal, command->record, command->size);
    struct kz_waiter waiter = {
        .index = kz_batch_end(proposal->batch) - 1,
        .term = proposal->term,
        .submission = command->submission,
        .payer = payer,
        .slot = command->slot,
        .type = (uint8_t)entry->type,
        .has_request = kz_has_request(entry->request),
    };
    memcpy(waiter.request, entry->request, KZ_ID_SIZE);
    kz_inflight_add(&core->inflight, &waiter);
    core->figures.proposals++;
}

/* Returns: whether ENTRY, which is a well-formed command, has its answer in OUT_ANSWER; else it
 * waits. */
static bool judge_entry(struct kz_core *core, struct proposal *proposal,
                        const struct command *command, const struct kz_entry *entry,
                        struct kz_answer *out_answer)
{
    if (kz_has_request(entry->request)) {
        if (is_repeat(core, entry, proposal->time, out_answer)) return true;
        if (kz_inflight_has(&core->inflight, entry->request)) {
            kz_inflight_repeat(&core->inflight, entry->request, command->submission, command->slot,
                               command->record, command->size);
            return false;
        }
    }
    uint32_t payer = payer_of(core, entry);
    uint32_t wait_ms = kz_budget_wait(&core->budget, payer, core->now_ms);
    if (wait_ms > 0) {
        *out_answer = busy(KZ_REASON_BUDGET, wait_ms);
        return true;
    }
    if (is_refused(core, entry)) {
        kz_budget_spend(&core->budget, payer, core->now_ms);
        core->figures.refused_without_entry++;
        *out_answer =
            (struct kz_answer){.code = KZ_ANSWER_REFUSED, .result = KZ_RESULT_NOT_ALLOWED};
        return true;
    }
    append_command(core, proposal, command, entry, payer);
    return false;
}

static bool judge(struct kz_core *core, struct proposal *proposal, const struct command *command,
                  const struct kz_entry *entry, struct kz_answer *out_answer)
{
    if (kz_inflight_full(&core->inflight)) {
        /* The more are told, the later each: else they all come back at once, and again. */
        *out_answer = busy(KZ_REASON_PENDING, KZ_RETRY_MS + core->turned_away++ / TURNED_AWAY_A_MS);
        return true;
    }
    if (command->status != KZ_OK) {
        *out_answer = malformed(KZ_REASON_RECORD);
        return true;
    }
    if (kz_type_is_clock(entry->type) || kz_type_is_cluster(entry->type)) {
        *out_answer = malformed(KZ_REASON_TYPE);
        return true;
    }
    return judge_entry(core, proposal, command, entry, out_answer);
}

/* ---- SUBMIT frames ---- */

static void answer_all(struct kz_core *core, struct kz_submission *submission,
                       const struct kz_answer *answer)
{
    for (uint16_t slot = submission->count; slot-- > 0;)
        kz_submission_answer(core, submission, slot, answer);
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

static void judge_commands(struct kz_core *core, struct proposal *proposal,
                           struct kz_submission *submission, struct kz_command_reader *reader)
{
    struct command commands[KZ_AHEAD];
    struct kz_entry entries[KZ_AHEAD];
    uint16_t slot = 0;
    uint32_t count;
    submission->waiting++; /* this keeps it while its commands are judged */
    while ((count = decode_ahead(core, reader, commands, entries)) > 0) {
        for (uint32_t i = 0; i < count; i++, slot++) {
            struct kz_answer answer;
            commands[i].submission = submission;
            commands[i].slot = slot;
            if (!judge(core, proposal, &commands[i], &entries[i], &answer)) continue;
            submission->answers[slot] = answer;
            submission->waiting--;
        }
    }
    kz_submission_settle(core, submission);
}

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
        const struct kz_answer answer = {
            .code = (uint8_t)gate->code, .reason = (uint8_t)gate->reason, .retry_ms = KZ_RETRY_MS};
        answer_all(core, submission, &answer);
    } else if (link->pending > core->options.pending_per_link) {
        const struct kz_answer answer = busy(KZ_REASON_PENDING, KZ_RETRY_MS);
        answer_all(core, submission, &answer);
    } else {
        judge_commands(core, proposal, submission, &commands);
    }
}

static void measure(const struct kz_core *core, struct proposal *proposal, uint32_t due)
{
    proposal->count_max = due + 1;
    proposal->size_max = (due + (size_t)1) * (KZ_ENTRY_PREFIX_SIZE + OWN_SIZE_MAX);
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
        kz_applying_fail_after(core, proposal->first_index - 1, KZ_ANSWER_UNAVAILABLE,
                               KZ_REASON_NO_LEADER);
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
    for (uint32_t i = 0; i < core->submit_count; i++)
        take_submit(core, &gate, &proposal, &core->submits[i]);
    if (proposal.batch != NULL) submit_batch(core, &proposal);
}
