/* SPDX-License-Identifier: Apache-2.0 */
#include "log/damage.h"

#include "log/entries.h"
#include "log/free_pages.h"
#include "log/log_state.h"
#include "statemachine/base/assert.h"

#include <inttypes.h>
#include <string.h>

#define NEIGHBOURS \
    45 /* on either side of a repaired entry: more than a page holds of either table */
#define WRITE_SIZE (UINT64_C(64) << 10) /* of a repair, at most */

/* ---- Judging ---- */

/* What one entry's two places hold, within a transaction. */
struct verdict {
    enum kz_damage damage;
    struct kz_leaf leaf;  /* when it is sound */
    struct kz_row record; /* when it is sound, until the next write */
};

/* Judges entry INDEX, whose term is TERM. */
static enum kz_status judge(struct kz_transaction *transaction, uint64_t index, uint64_t term,
                            struct verdict *out)
{
    struct kz_block block;
    bool record_sound = false;
    bool leaf_sound = false;
    enum kz_status status = kz_blocks_try(transaction, &kz_leaf_form, index, &block, &leaf_sound);
    if (status == KZ_OK) {
        status = kz_entries_try(transaction, index, term, &out->record, &record_sound);
    }
    if (status != KZ_OK) return status;

    if (leaf_sound) {
        kz_leaf_decode(block.items + (index - block.first_index) * KZ_LEAF_SIZE, &out->leaf);
        leaf_sound = out->leaf.term == term && out->leaf.size <= KZ_RECORD_SIZE_MAX;
    }
    if (record_sound && leaf_sound && out->record.size != out->leaf.size) {
        record_sound = leaf_sound = false; /* nothing says which of the two to believe */
    }
    out->damage = record_sound ? (leaf_sound ? KZ_DAMAGE_NONE : KZ_DAMAGE_LEAF)
                               : (leaf_sound ? KZ_DAMAGE_RECORD : KZ_DAMAGE_BOTH);
    return KZ_OK;
}

/* Finds the first of FIRST … LAST that is damaged, and at least as badly as LEAST says. */
static enum kz_status find_damaged(struct kz_transaction *transaction,
                                   const struct kz_history *history, uint64_t first, uint64_t last,
                                   enum kz_damage least, struct kz_fault *fault)
{
    for (uint64_t index = first; index <= last; index++) {
        struct verdict verdict;
        enum kz_status status =
            judge(transaction, index, kz_history_term(history, index), &verdict);
        if (status != KZ_OK) return status;
        if (verdict.damage < least) continue;
        *fault = (struct kz_fault){verdict.damage, index, 1};
        return KZ_OK;
    }
    return KZ_OK;
}

/* A damaged block of leaves is named by the first entry of it, if any, whose record is damaged too,
 * though it be before FIRST: no leaf of the block is made again before that record is. */
static enum kz_status examine_entries(struct kz_transaction *transaction,
                                      const struct kz_history *history, uint64_t first,
                                      uint64_t last, uint64_t last_index, struct kz_fault *fault)
{
    enum kz_status status =
        find_damaged(transaction, history, first, last, KZ_DAMAGE_RECORD, fault);
    bool is_of_leaves = fault->damage == KZ_DAMAGE_LEAF || fault->damage == KZ_DAMAGE_BOTH;
    if (status != KZ_OK || !is_of_leaves) return status;

    uint64_t block_first = kz_blocks_first(&kz_leaf_form, fault->index);
    uint64_t block_last = block_first + KZ_LEAVES_PER_BLOCK - 1;
    return find_damaged(transaction, history, block_first,
                        block_last < last_index ? block_last : last_index, KZ_DAMAGE_BOTH, fault);
}

static enum kz_status examine_results(struct kz_transaction *transaction, uint64_t first,
                                      uint64_t last, struct kz_fault *fault)
{
    for (uint64_t index = first; index <= last;) {
        struct kz_block block;
        bool sound = false;
        uint64_t block_first = kz_blocks_first(&kz_result_form, index);
        uint64_t end = block_first + KZ_RESULTS_PER_BLOCK;
        uint64_t wanted = last < end - 1 ? last : end - 1;
        enum kz_status status = kz_blocks_try(transaction, &kz_result_form, wanted, &block, &sound);
        if (status != KZ_OK) return status;
        if (!sound) {
            *fault = (struct kz_fault){KZ_DAMAGE_RESULTS, block_first, KZ_RESULTS_PER_BLOCK};
            return KZ_OK;
        }
        index = end;
    }
    return KZ_OK;
}

static enum kz_status examine(struct kz_transaction *transaction, uint64_t first, uint32_t count,
                              bool with_results, struct kz_fault *fault)
{
    struct kz_head head;
    struct kz_history history = {0};
    enum kz_status status = kz_head_read(transaction, &head);
    if (status == KZ_OK) status = kz_history_read(transaction, &history);
    if (status == KZ_OK) {
        uint64_t last = first + count - 1;
        uint64_t applied = last < head.applied_index ? last : head.applied_index;
        if (last > head.last_index) last = head.last_index;
        status = examine_entries(transaction, &history, first, last, head.last_index, fault);
        if (status == KZ_OK && fault->damage == KZ_DAMAGE_NONE && with_results) {
            status = examine_results(transaction, first, applied, fault);
        }
        if (fault->damage == KZ_DAMAGE_RESULTS && head.applied_index < fault->index + fault->count)
            fault->count = (uint32_t)(head.applied_index - fault->index + 1);
    }
    kz_history_finish(&history);
    return status;
}

enum kz_status kz_log_examine(struct kz_log *log, uint64_t first, uint32_t count, bool with_results,
                              struct kz_fault *out_fault, struct kz_error *error)
{
    KZ_ASSERT(first > 0 && count > 0);
    struct kz_transaction transaction;
    struct kz_fault fault = {KZ_DAMAGE_NONE, first, 1};
    enum kz_status status = kz_transaction_begin_read(log->store, error, &transaction);
    if (status == KZ_OK) {
        status = examine(&transaction, first, count, with_results, &fault);
        kz_transaction_abort(&transaction);
    }
    if (status == KZ_IO || status == KZ_NO_MEMORY) return status;
    if (status != KZ_OK) fault.damage = KZ_DAMAGE_PAGES;
    *out_fault = fault;
    return KZ_OK;
}

static enum kz_status read_record(struct kz_transaction *transaction, uint64_t index,
                                  struct kz_batch **out_batch)
{
    struct kz_head head;
    struct kz_history history = {0};
    struct verdict verdict = {.damage = KZ_DAMAGE_BOTH};
    enum kz_status status = kz_head_read(transaction, &head);
    if (status != KZ_OK) return status;
    if (index > head.last_index)
        return kz_error_set(transaction->error, KZ_NOT_FOUND, "entry %" PRIu64 " is not there",
                            index);
    status = kz_history_read(transaction, &history);
    uint64_t term = kz_history_term(&history, index);
    kz_history_finish(&history);
    if (status == KZ_OK) status = judge(transaction, index, term, &verdict);
    if (status != KZ_OK) return status;
    if (verdict.damage == KZ_DAMAGE_RECORD || verdict.damage == KZ_DAMAGE_BOTH)
        return kz_error_set(transaction->error, KZ_CORRUPT,
                            "the record of entry %" PRIu64 " is damaged", index);

    uint32_t size = (uint32_t)verdict.record.size;
    struct kz_batch *batch = kz_batch_create(index, 1, KZ_ENTRY_PREFIX_SIZE + verdict.record.size);
    if (batch == NULL)
        return kz_error_set(transaction->error, KZ_NO_MEMORY, "no memory for an entry");
    memcpy(kz_batch_add(batch, term, size), verdict.record.bytes, size);
    *out_batch = batch;
    return KZ_OK;
}

enum kz_status kz_log_read_record(struct kz_log *log, uint64_t index, struct kz_batch **out_batch,
                                  struct kz_error *error)
{
    KZ_ASSERT(index > 0);
    struct kz_transaction transaction;
    enum kz_status status = kz_transaction_begin_read(log->store, error, &transaction);
    if (status != KZ_OK) return status;
    status = read_record(&transaction, index, out_batch);
    kz_transaction_abort(&transaction);
    return status;
}

/* ---- Repairing ---- */

static enum kz_status not_here(struct kz_transaction *transaction, uint64_t index, const char *why)
{
    return kz_error_set(transaction->error, KZ_CORRUPT,
                        "entry %" PRIu64 " is damaged and can not be repaired in its place: %s",
                        index, why);
}

static enum kz_status mismatch(struct kz_transaction *transaction, uint64_t index, const char *why)
{
    return kz_error_set(transaction->error, KZ_MISMATCH,
                        "entry %" PRIu64 " is not repaired with what was given: %s", index, why);
}

static enum kz_status not_yet(struct kz_transaction *transaction, uint64_t index, const char *why)
{
    return kz_error_set(transaction->error, KZ_UNAVAILABLE,
                        "entry %" PRIu64 " is not repaired yet: %s", index, why);
}

/* Counts the sound ones of the entries around INDEX. */
static enum kz_status count_sound(const struct kz_log *log, struct kz_transaction *transaction,
                                  uint64_t index, uint32_t *out_count)
{
    uint32_t count = 0;
    uint64_t first = index > NEIGHBOURS ? index - NEIGHBOURS : 1;
    for (uint64_t i = first; i <= index + NEIGHBOURS && i <= log->head.last_index; i++) {
        struct verdict verdict;
        enum kz_status status = judge(transaction, i, kz_history_term(&log->history, i), &verdict);
        if (status != KZ_OK) return status;
        count += verdict.damage == KZ_DAMAGE_NONE;
    }
    *out_count = count;
    return KZ_OK;
}

/* Makes INDEX's block of leaves again from its records, those from END on left out: they are about
 * to go. OUT_WHOLE: all of them were sound; else nothing is written. */
static enum kz_status restore_leaves(const struct kz_log *log, struct kz_transaction *transaction,
                                     uint64_t index, uint64_t end, bool *out_whole)
{
    struct kz_block block = {.first_index = kz_blocks_first(&kz_leaf_form, index)};
    uint64_t left = log->head.last_index - block.first_index + 1;
    block.count = left < KZ_LEAVES_PER_BLOCK ? (uint32_t)left : KZ_LEAVES_PER_BLOCK;
    *out_whole = true;
    for (uint32_t i = 0; i < block.count && block.first_index + i < end; i++) {
        struct kz_row record;
        struct kz_leaf leaf = {.term = kz_history_term(&log->history, block.first_index + i)};
        enum kz_status status =
            kz_entries_try(transaction, block.first_index + i, leaf.term, &record, out_whole);
        if (status != KZ_OK || !*out_whole) return status;
        leaf.size = (uint32_t)record.size;
        kz_leaf_hasher_hash(log->hasher, record.bytes, record.size, leaf.hash);
        kz_leaf_encode(&leaf, block.items + (size_t)i * KZ_LEAF_SIZE);
    }
    return kz_blocks_restore(transaction, &kz_leaf_form, &block);
}

/* Checks the entry that REPAIR brings against what is left here of it. */
static enum kz_status check_entry(const struct kz_log *log, struct kz_transaction *transaction,
                                  const struct kz_log_repair *repair, const struct verdict *verdict)
{
    uint32_t size = 0;
    uint8_t hash[KZ_LEAF_HASH_SIZE];
    uint64_t index = repair->index;
    if (repair->entry == NULL) return not_yet(transaction, index, "its record is damaged too");

    KZ_ASSERT(repair->entry->first_index == index && repair->entry->count == 1);
    const uint8_t *record = kz_batch_record(repair->entry, 0, &size);
    if (kz_batch_term(repair->entry, 0) != kz_history_term(&log->history, index)) {
        return mismatch(transaction, index, "it has another term");
    }
    if (verdict->damage == KZ_DAMAGE_BOTH) {
        if (repair->is_proven) return KZ_OK;
        return not_yet(transaction, index, "its leaf is damaged too, and a proof is missing");
    }
    kz_leaf_hasher_hash(log->hasher, record, size, hash);
    if (size == verdict->leaf.size && memcmp(hash, verdict->leaf.hash, sizeof hash) == 0)
        return KZ_OK;
    return mismatch(transaction, index, "its leaf hash differs");
}

static enum kz_status restore_record(const struct kz_log *log, struct kz_transaction *transaction,
                                     const struct kz_log_repair *repair,
                                     const struct verdict *verdict)
{
    uint32_t size = 0;
    enum kz_status status = check_entry(log, transaction, repair, verdict);
    if (status != KZ_OK) return status;
    const uint8_t *record = kz_batch_record(repair->entry, 0, &size);
    return kz_entries_restore(transaction, repair->index, kz_batch_term(repair->entry, 0), record,
                              size);
}

static enum kz_status repair_entry(const struct kz_log *log, struct kz_transaction *transaction,
                                   const struct kz_log_repair *repair)
{
    struct verdict verdict;
    uint32_t before = 0;
    uint32_t after = 0;
    bool whole = true;
    uint64_t term = kz_history_term(&log->history, repair->index);
    enum kz_status status = judge(transaction, repair->index, term, &verdict);
    if (status != KZ_OK || verdict.damage == KZ_DAMAGE_NONE) return status;

    status = count_sound(log, transaction, repair->index, &before);
    if (status == KZ_OK && verdict.damage != KZ_DAMAGE_LEAF) {
        status = restore_record(log, transaction, repair, &verdict);
    }
    if (status == KZ_OK && verdict.damage != KZ_DAMAGE_RECORD) {
        status = restore_leaves(log, transaction, repair->index, UINT64_MAX, &whole);
    }
    if (status == KZ_OK && !whole && verdict.damage == KZ_DAMAGE_LEAF) {
        return not_yet(transaction, repair->index, "the records of its block come first");
    }
    if (status == KZ_OK) status = judge(transaction, repair->index, term, &verdict);
    if (status == KZ_OK) status = count_sound(log, transaction, repair->index, &after);
    if (status != KZ_OK) return status;
    if (verdict.damage == KZ_DAMAGE_LEAF && !whole) return KZ_OK; /* its block's others are next */
    if (verdict.damage != KZ_DAMAGE_NONE || after <= before) {
        return not_here(transaction, repair->index, "the pages around it are damaged");
    }
    return KZ_OK;
}

/* Drops the entry and all behind it, though the leaves before it in its block are damaged with its
 * own: those are made again. */
static enum kz_status drop_overwritten(const struct kz_log *log, struct kz_transaction *transaction,
                                       uint64_t index, struct kz_head *out_head)
{
    struct kz_block block;
    bool sound = false;
    enum kz_status status = kz_blocks_try(transaction, &kz_leaf_form, index, &block, &sound);
    if (status == KZ_OK && !sound) {
        status = restore_leaves(log, transaction, index, index, &sound);
        if (status == KZ_OK && !sound)
            return not_yet(transaction, index, "the records before it come first");
    }
    if (status == KZ_OK) status = kz_log_drop(transaction, index);
    if (status == KZ_OK) kz_log_plan_drop(log, index, out_head);
    return status;
}

static enum kz_status repair_results(const struct kz_log *log, struct kz_transaction *transaction,
                                     const struct kz_log_repair *repair)
{
    bool sound = false;
    struct kz_block block;
    uint64_t last = repair->index + repair->count - 1;
    KZ_ASSERT(kz_blocks_first(&kz_result_form, repair->index) == repair->index);
    KZ_ASSERT(repair->count > 0 && last <= log->head.applied_index);
    enum kz_status status = kz_blocks_try(transaction, &kz_result_form, last, &block, &sound);
    if (status != KZ_OK || sound) return status;

    block.first_index = repair->index;
    block.count = repair->count;
    memcpy(block.items, repair->results, repair->count);
    return kz_blocks_restore(transaction, &kz_result_form, &block);
}

enum kz_status kz_log_repair(struct kz_log *log, const struct kz_log_repair *repair,
                             struct kz_error *error)
{
    KZ_ASSERT(!log->read_only && repair->index > 0);
    struct kz_transaction transaction;
    if (log->poisoned) {
        return kz_error_set(error, KZ_POISONED,
                            "the ledger takes nothing more: an earlier write failed");
    }
    uint64_t end = repair->results == NULL ? log->head.last_index : log->head.applied_index;
    if (repair->index > end) {
        return kz_error_set(error, KZ_NOT_FOUND, "entry %" PRIu64 " is there no more",
                            repair->index);
    }
    struct kz_head head = log->head;
    enum kz_status status = kz_transaction_begin_write(log->store, WRITE_SIZE, error, &transaction);
    if (status != KZ_OK) return status;

    if (repair->results != NULL)
        status = repair_results(log, &transaction, repair);
    else if (repair->is_overwritten)
        status = drop_overwritten(log, &transaction, repair->index, &head);
    else
        status = repair_entry(log, &transaction, repair);
    if (status == KZ_OK) status = kz_head_write(&transaction, &head);
    status = kz_log_end_write(log, &transaction, status);
    if (status != KZ_OK) return status;

    kz_history_drop_from(&log->history, head.last_index + 1);
    log->head = head;
    return KZ_OK;
}

/* ---- The end ---- */

/* Returns: whether the block of FORM that holds INDEX, 0 for none, is sound or there is none. */
static enum kz_status end_is_sound(struct kz_transaction *transaction,
                                   const struct kz_block_form *form, uint64_t index,
                                   bool *out_sound)
{
    struct kz_block block;
    *out_sound = true;
    if (index == 0) return KZ_OK;
    return kz_blocks_try(transaction, form, index, &block, out_sound);
}

/* Mends what is not sound. OUT_HEAD: the head behind it. */
static enum kz_status mend(struct kz_log *log, struct kz_transaction *transaction,
                           bool leaves_sound, bool results_sound, struct kz_head *out_head)
{
    bool whole = false;
    enum kz_status status = KZ_OK;
    *out_head = log->head;
    if (!results_sound) {
        uint64_t first = kz_blocks_first(&kz_result_form, log->head.applied_index);
        out_head->applied_index = first - 1;
        status = kz_blocks_drop_from(transaction, &kz_result_form, first);
    }
    if (status == KZ_OK && !leaves_sound) {
        status = restore_leaves(log, transaction, log->head.last_index, UINT64_MAX, &whole);
    }
    if (status == KZ_OK) status = kz_head_write(transaction, out_head);
    return status;
}

enum kz_status kz_log_mend_end(struct kz_log *log, struct kz_error *error)
{
    bool leaves = true;
    bool results = true;
    struct kz_head head;
    struct kz_transaction transaction;
    enum kz_status status = kz_transaction_begin_read(log->store, error, &transaction);
    if (status != KZ_OK) return status;
    status = kz_free_pages_check(&transaction);
    if (status == KZ_OK)
        status = end_is_sound(&transaction, &kz_leaf_form, log->head.last_index, &leaves);
    if (status == KZ_OK) {
        status = end_is_sound(&transaction, &kz_result_form, log->head.applied_index, &results);
    }
    kz_transaction_abort(&transaction);
    if (status != KZ_OK) return status;

    status = kz_transaction_begin_write(log->store, WRITE_SIZE, error, &transaction);
    if (status == KZ_OK) {
        status = mend(log, &transaction, leaves, results, &head);
        status = kz_log_end_write(log, &transaction, status);
        if (status == KZ_OK) log->head = head;
    }
    return status == KZ_NO_SPACE && leaves && results ? KZ_OK : status;
}
