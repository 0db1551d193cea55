/* SPDX-License-Identifier: Apache-2.0 */
/* Committed entries → machine → results → answers.
 *
 * Invariants:
 * 1. Entries are applied in order, none above what is committed and stored here.
 * 2. A waiter is answered by the entry of its own index and term: those of a lost leadership are
 * told that they are unknown before anything else is applied at their indexes. */
#include "node/core/calls.h"
#include "node/core/memory.h"

#include <string.h>

#define APPLY_MAX 16384 /* entries in one step, so that no step takes longer than some ms */

/* ---- Answers ---- */

static void send_results(struct kz_core *core, struct kz_submission *submission)
{
    struct kz_link_state *link = kz_links_find(&core->links, submission->link);
    if (link != NULL) {
        size_t size = KZ_FRAME_HEADER_SIZE + 4 + (size_t)submission->count * 24;
        struct kz_writer writer = kz_links_writer(link, size);
        kz_results_encode(&writer, submission->tag, submission->answers, submission->count);
        kz_links_written(&core->links, link, &writer);
        link->pending -= submission->count;
    }
    core->figures.answers += submission->count;
    free(submission);
}

void kz_submission_settle(struct kz_core *core, struct kz_submission *submission)
{
    KZ_ASSERT(submission->waiting > 0);
    if (--submission->waiting == 0) send_results(core, submission);
}

void kz_submission_answer(struct kz_core *core, struct kz_submission *submission, uint16_t slot,
                          const struct kz_answer *answer)
{
    submission->answers[slot] = *answer;
    kz_submission_settle(core, submission);
}

/* A repeat waited for its first, which is applied now: the machine remembers it. */
static struct kz_answer judge_repeat(struct kz_core *core, const struct kz_repeat *repeat)
{
    struct kz_entry entry;
    struct kz_outcome outcome;
    int64_t time = kz_machine_time(core->machine);
    if (kz_record_decode(repeat->record, repeat->size, &entry) != KZ_OK ||
        !kz_machine_repeats(core->machine, &entry, time, &outcome)) {
        return (struct kz_answer){.code = KZ_ANSWER_UNKNOWN};
    }
    if (outcome.result == KZ_RESULT_CONFLICT)
        return (struct kz_answer){.code = KZ_ANSWER_REFUSED, .result = KZ_RESULT_CONFLICT};
    return (struct kz_answer){.code = KZ_ANSWER_REPEATED,
                              .result = (uint8_t)outcome.first_result,
                              .index = outcome.first_index};
}

/* Answers REPEATS and frees them; FAILED is the answer of all, NULL for each its own. */
static void answer_repeats(struct kz_core *core, struct kz_repeat *repeats,
                           const struct kz_answer *failed)
{
    while (repeats != NULL) {
        struct kz_repeat *next = repeats->next;
        struct kz_answer answer = failed != NULL ? *failed : judge_repeat(core, repeats);
        kz_submission_answer(core, repeats->submission, repeats->slot, &answer);
        kz_inflight_repeat_done(&core->inflight);
        free(repeats);
        repeats = next;
    }
}

void kz_applying_fail_after(struct kz_core *core, uint64_t keep, enum kz_answer_code code,
                            enum kz_reason reason)
{
    const struct kz_answer answer = {
        .code = (uint8_t)code, .reason = (uint8_t)reason, .retry_ms = KZ_RETRY_MS};
    const struct kz_waiter *waiter;
    while ((waiter = kz_inflight_back(&core->inflight)) != NULL && waiter->index > keep) {
        struct kz_submission *submission = waiter->submission;
        uint16_t slot = waiter->slot;
        kz_budget_leave(&core->budget, waiter->payer);
        struct kz_repeat *repeats = kz_inflight_pop_back(&core->inflight);
        kz_submission_answer(core, submission, slot, &answer);
        answer_repeats(core, repeats, &answer);
    }
}

static struct kz_answer answer_of(const struct kz_core *core, uint64_t index,
                                  const struct kz_outcome *outcome)
{
    if (outcome->result == KZ_RESULT_REPEATED) {
        return (struct kz_answer){.code = KZ_ANSWER_REPEATED,
                                  .result = (uint8_t)outcome->first_result,
                                  .index = outcome->first_index};
    }
    return (struct kz_answer){.code = KZ_ANSWER_APPLIED,
                              .result = (uint8_t)outcome->result,
                              .index = index,
                              .time = kz_machine_time(core->machine)};
}

static bool is_refusal(enum kz_result result)
{
    return result != KZ_RESULT_OK && result != KZ_RESULT_REPEATED;
}

/* An entry of PAYER had RESULT. */
static void charge(struct kz_core *core, uint32_t payer, enum kz_result result)
{
    kz_budget_leave(&core->budget, payer);
    if (result == KZ_RESULT_OK) kz_budget_earn(&core->budget, payer);
    if (is_refusal(result)) kz_budget_spend(&core->budget, payer, core->now_ms);
}

/* Answers whoever waits for ENTRY, of INDEX, which was applied with TERM and OUTCOME. */
static void answer_waiter(struct kz_core *core, uint64_t index, uint64_t term,
                          const struct kz_entry *entry, const struct kz_outcome *outcome)
{
    const struct kz_waiter *waiter = kz_inflight_front(&core->inflight);
    if (waiter == NULL || waiter->index != index) {
        if (is_refusal(outcome->result))
            kz_budget_follow(&core->budget, kz_proposals_payer(core, entry), core->now_ms);
        return;
    }
    KZ_ASSERT(waiter->term == term); /* kz_core_follow_leadership() failed the others */
    struct kz_answer answer = answer_of(core, index, outcome);
    charge(core, waiter->payer, outcome->result);
    struct kz_submission *submission = waiter->submission;
    uint16_t slot = waiter->slot;
    struct kz_repeat *repeats = kz_inflight_pop_front(&core->inflight);
    kz_submission_answer(core, submission, slot, &answer);
    answer_repeats(core, repeats, NULL);
}

/* ---- Applying ---- */

static void halt_at(struct kz_core *core, uint64_t index, enum kz_status status)
{
    if (status == KZ_NEWER) {
        kz_core_halt(core, status,
                     "entry %llu of the ledger is of a later version than this program, which "
                     "knows rules %u: install a kezekd that the other nodes run, and start it on "
                     "this directory",
                     (unsigned long long)index, kz_rules_known());
        return;
    }
    kz_core_halt(core, status,
                 "entry %llu of the ledger can not be applied (%s): stop, and run kezek-audit "
                 "verify on this node's directory",
                 (unsigned long long)index, kz_status_text(status));
}

uint32_t kz_applying_decode(struct kz_core *core, const struct kz_batch *batch, uint32_t from,
                            uint32_t to, struct kz_entry out_entries[static KZ_AHEAD])
{
    uint32_t count = to - from < KZ_AHEAD ? to - from : KZ_AHEAD;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        const uint8_t *record = kz_batch_record(batch, from + i, &size);
        enum kz_status status = kz_record_decode(record, size, &out_entries[i]);
        if (status == KZ_OK) continue;
        halt_at(core, batch->first_index + from + i, status);
        return 0;
    }
    kz_machine_prefetch(core->machine, out_entries, count);
    return count;
}

bool kz_applying_apply(struct kz_core *core, uint64_t index, uint64_t term,
                       const struct kz_entry *entry, struct kz_outcome *out_outcome)
{
    enum kz_status status = kz_machine_apply(core->machine, index, entry, out_outcome);
    if (status != KZ_OK) {
        halt_at(core, index, status);
        return false;
    }
    core->applied = index;
    core->applied_term = term;
    if (index == 1) kz_bootstrap_keep_founders(core, entry, term);
    if (entry->type == KZ_MEMBERSHIP) kz_members_on_applied(core, index, &entry->membership);
    return kz_agreement_applied(core, index, entry, out_outcome->result);
}

/* Applies entry I of BATCH. Returns: false when the node halted. */
static bool apply_one(struct kz_core *core, const struct kz_batch *batch, uint32_t i,
                      const struct kz_entry *entry)
{
    uint64_t index = batch->first_index + i;
    uint64_t term = kz_batch_term(batch, i);
    struct kz_outcome outcome;
    if (!kz_applying_apply(core, index, term, entry, &outcome)) return false;

    kz_storing_result(core, index, outcome.result);
    kz_clockwork_applied(core, index, entry->type, outcome.result);
    answer_waiter(core, index, term, entry, &outcome);
    return true;
}

/* Applies entries FROM … TO − 1 of BATCH. */
static void apply_run(struct kz_core *core, const struct kz_batch *batch, uint32_t from,
                      uint32_t to)
{
    struct kz_entry entries[KZ_AHEAD];
    while (from < to) {
        uint32_t count = kz_applying_decode(core, batch, from, to, entries);
        if (count == 0) return;
        for (uint32_t i = 0; i < count; i++)
            if (!apply_one(core, batch, from + i, &entries[i])) return;
        from += count;
    }
}

void kz_applying_run(struct kz_core *core)
{
    uint64_t committed = kz_driver_committed(core->driver);
    uint64_t until = committed - core->applied > APPLY_MAX ? core->applied + APPLY_MAX : committed;
    if (core->applied >= until) return;

    while (core->applied < until && !core->halted) {
        const struct kz_batch *batch = kz_driver_cached(core->driver, core->applied + 1);
        KZ_ASSERT(batch != NULL);
        uint32_t from = (uint32_t)(core->applied + 1 - batch->first_index);
        uint64_t to = until + 1 - batch->first_index;
        apply_run(core, batch, from, to < batch->count ? (uint32_t)to : batch->count);
        if (!core->halted) kz_imaging_note(core, batch);
    }
    kz_driver_applied(core->driver, core->applied);
}
