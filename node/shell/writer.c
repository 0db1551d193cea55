/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/writer.h"

#include "node/core/bounds.h"
#include "node/shell/clocks.h"
#include "node/shell/journal.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_MAX 1024

/* One write; or a repair; or a report that the write of TICKET found the disk full and is being
 * tried again. */
struct write {
    struct kz_job job;
    struct kz_write_order order;
    struct kz_repair_order repair;
    bool is_repair;
    bool is_report;
    bool ends_group; /* with the figures of the group's transaction */
    enum kz_status status;
    char reason[256];
    uint64_t append_ns;
    uint64_t syncs;
    uint64_t used_bytes;
    bool has_room;
};

/* The writes of one transaction, put together. */
struct group {
    struct write *writes[GROUP_MAX];
    const struct kz_batch *batches[GROUP_MAX];
    uint32_t count;
    size_t size;
    struct kz_log_write write;
    uint8_t *results; /* joined, when more than one write has some */
    uint32_t result_capacity;
};

static bool fits(const struct group *group, const struct write *next)
{
    if (next == NULL || next->is_repair || group->count == GROUP_MAX) return false;
    if (group->count == 0) return true;
    if (next->order.drop_from != 0) return false;
    return next->order.batch == NULL ||
           group->size + next->order.batch->size <= KZ_WRITE_GROUP_SIZE;
}

static bool reserve_results(struct group *group, uint32_t count)
{
    if (count <= group->result_capacity) return true;
    uint8_t *results = realloc(group->results, count);
    if (results == NULL) return false;
    group->results = results;
    group->result_capacity = count;
    return true;
}

/* Joins the result bytes of the group's writes; they follow each other without a gap. */
static enum kz_status join_results(struct group *group)
{
    struct kz_log_write *write = &group->write;
    uint32_t count = 0;

    for (uint32_t i = 0; i < group->count; i++)
        count += group->writes[i]->order.result_count;
    if (!reserve_results(group, count)) return KZ_NO_MEMORY;

    for (uint32_t i = 0; i < group->count; i++) {
        const struct kz_write_order *order = &group->writes[i]->order;
        if (order->result_count == 0) continue;
        KZ_ASSERT(group->results != NULL);
        if (write->result_count == 0) write->result_first = order->result_first;
        KZ_ASSERT(order->result_first == write->result_first + write->result_count);
        memcpy(group->results + write->result_count, order->results, order->result_count);
        write->result_count += order->result_count;
    }
    write->results = group->results;
    return KZ_OK;
}

static void take_group(struct group *group, struct kz_jobs *jobs)
{
    group->count = 0;
    group->size = 0;
    group->write = (struct kz_log_write){.batches = group->batches};

    while (fits(group, (struct write *)jobs->first)) {
        struct write *write = (struct write *)kz_jobs_take(jobs);
        if (group->count == 0) group->write.drop_from = write->order.drop_from;
        group->writes[group->count++] = write;
        if (write->order.batch == NULL) continue;
        group->batches[group->write.batch_count++] = write->order.batch;
        group->size += write->order.batch->size;
    }
}

/* Tells the loop that the group's first write is waiting for room on the disk. */
static void report_no_space(struct kz_worker *worker, const struct group *group,
                            const struct kz_error *error)
{
    struct write *report = kz_job_create(sizeof *report);
    struct kz_jobs jobs = {0};

    report->is_report = true;
    report->order.ticket = group->writes[0]->order.ticket;
    report->status = KZ_NO_SPACE;
    strncat(report->reason, error->text, sizeof report->reason - 1);
    kz_jobs_add(&jobs, &report->job);
    kz_worker_done(worker, jobs);
}

/* OUT_NS: of the transaction alone, without waiting for room. */
static enum kz_status append_group(struct kz_ledger_writer *writer, struct kz_worker *worker,
                                   struct group *group, uint64_t *out_ns, struct kz_error *error)
{
    bool reported = false;
    enum kz_status status = join_results(group);

    if (status != KZ_OK) return kz_error_set(error, status, "no memory for results");
    for (;;) {
        uint64_t begin_ns = kz_clocks_monotonic_ns();
        status = kz_log_append(writer->log, &group->write, error);
        *out_ns = kz_clocks_monotonic_ns() - begin_ns;
        if (status != KZ_NO_SPACE || kz_worker_is_stopping(worker)) return status;
        if (!reported) report_no_space(worker, group, error);
        reported = true;
        kz_worker_pause(worker, KZ_SPACE_RETRY_MS);
    }
}

static void hand_over(struct kz_worker *worker, struct group *group)
{
    struct kz_jobs done = {0};

    for (uint32_t i = 0; i < group->count; i++)
        kz_jobs_add(&done, &group->writes[i]->job);
    kz_worker_done(worker, done);
}

static void repair(struct kz_ledger_writer *writer, struct kz_worker *worker, struct write *write)
{
    const struct kz_repair_order *order = &write->repair;
    const struct kz_log_repair repair = {.index = order->index,
                                         .entry = order->entry,
                                         .is_proven = order->is_proven,
                                         .is_overwritten = order->is_overwritten,
                                         .results = order->results,
                                         .count = order->count};
    struct kz_error error = {.text = ""};
    struct kz_jobs done = {0};

    write->status = writer->broken;
    if (write->status == KZ_OK) write->status = kz_log_repair(writer->log, &repair, &error);
    if (write->status == KZ_IO || write->status == KZ_POISONED) writer->broken = write->status;
    strncat(write->reason, error.text, sizeof write->reason - 1);
    kz_jobs_add(&done, &write->job);
    kz_worker_done(worker, done);
}

static void work(void *context, struct kz_worker *worker, struct kz_jobs *jobs)
{
    struct kz_ledger_writer *writer = context;
    struct group group = {.results = NULL};

    while (jobs->first != NULL) {
        struct kz_error error = {.text = ""};
        if (((struct write *)jobs->first)->is_repair) {
            repair(writer, worker, (struct write *)kz_jobs_take(jobs));
            continue;
        }
        take_group(&group, jobs);

        uint64_t append_ns = 0;
        enum kz_status status = writer->broken;
        if (status == KZ_OK) status = append_group(writer, worker, &group, &append_ns, &error);
        writer->broken = status; /* what follows would leave a gap */
        struct write *last = group.writes[group.count - 1];

        for (uint32_t i = 0; i < group.count; i++)
            group.writes[i]->status = status;
        strncat(last->reason, error.text, sizeof last->reason - 1);
        last->ends_group = true;
        last->append_ns = append_ns;
        last->syncs = kz_log_sync_count(writer->log);
        last->used_bytes = kz_log_used_bytes(writer->log);
        last->has_room = kz_log_has_room(writer->log);
        hand_over(worker, &group);
    }
    free(group.results);
}

static void count_group(struct kz_ledger_writer *writer, const struct write *last)
{
    struct kz_writer_figures *figures = &writer->figures;

    if (last->status == KZ_OK) {
        kz_histogram_add(&figures->append, last->append_ns);
        kz_syncs_note_append(writer->syncs, last->append_ns);
        figures->transactions++;
    } else {
        figures->failures++;
    }
    figures->syncs = last->syncs;
    figures->used_bytes = last->used_bytes;
}

static void count_write(struct kz_writer_figures *figures, const struct write *write)
{
    figures->waiting--;
    if (write->status != KZ_OK || write->order.batch == NULL) return;
    figures->entries += write->order.batch->count;
    figures->bytes += write->order.batch->size;
}

static void tell_repaired(struct kz_ledger_writer *writer, struct write *write)
{
    if (write->reason[0] != '\0') {
        kz_journal(KZ_NOTICE_WARNING, "repair_failed index=%llu reason=\"%s\"",
                   (unsigned long long)write->repair.index, write->reason);
    }
    kz_inbox_add(writer->inbox, &(struct kz_event){.type = KZ_EVENT_REPAIRED,
                                                   .ticket = write->repair.ticket,
                                                   .status = write->status});
    free(write);
}

/* On the loop's thread: one STORED for each transaction, or what failed. */
static void tell(struct kz_ledger_writer *writer, struct kz_jobs done)
{
    struct write *write;

    while ((write = (struct write *)kz_jobs_take(&done)) != NULL) {
        struct kz_event event = {.type = KZ_EVENT_STORED,
                                 .ticket = write->order.ticket,
                                 .status = write->has_room ? KZ_OK : KZ_NO_SPACE,
                                 .used_bytes = write->used_bytes};
        if (write->is_repair) {
            tell_repaired(writer, write);
            continue;
        }
        if (write->status != KZ_OK) {
            event.type = KZ_EVENT_STORE_FAILED;
            event.status = write->status;
        }
        if (write->ends_group) count_group(writer, write);
        if (!write->is_report) count_write(&writer->figures, write);
        if (write->reason[0] != '\0') {
            kz_journal(KZ_NOTICE_ERROR, "write_failed ticket=%llu reason=\"%s\"",
                       (unsigned long long)write->order.ticket, write->reason);
        }
        if (write->is_report || write->ends_group) kz_inbox_add(writer->inbox, &event);
        free(write->order.results);
        free(write);
    }
}

static void on_done(void *context)
{
    struct kz_ledger_writer *writer = context;
    tell(writer, kz_worker_take_done(&writer->worker));
}

enum kz_status kz_ledger_writer_start(struct kz_ledger_writer *writer, uv_loop_t *loop,
                                      struct kz_log *log, struct kz_inbox *inbox,
                                      struct kz_syncs *syncs)
{
    *writer = (struct kz_ledger_writer){.log = log, .inbox = inbox, .syncs = syncs};
    writer->figures.used_bytes = kz_log_used_bytes(log);
    return kz_worker_start(
        &writer->worker, &(struct kz_worker_options){loop, "kezekd-write", writer, work, on_done});
}

void kz_ledger_writer_finish(struct kz_ledger_writer *writer)
{
    tell(writer, kz_worker_finish(&writer->worker));
}

void kz_ledger_writer_give(struct kz_ledger_writer *writer, const struct kz_write_order *order)
{
    struct write *write = kz_job_create(sizeof *write);

    write->order = *order;
    writer->figures.waiting++;
    kz_worker_give(&writer->worker, &write->job);
}

void kz_ledger_writer_repair(struct kz_ledger_writer *writer, const struct kz_repair_order *order)
{
    struct write *write = kz_job_create(sizeof *write);

    write->is_repair = true;
    write->repair = *order;
    kz_worker_give(&writer->worker, &write->job);
}
