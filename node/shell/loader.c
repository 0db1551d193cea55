/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/loader.h"

#include "node/shell/journal.h"

#include <stdlib.h>

struct load {
    struct kz_job job;
    struct kz_load_order order;
    enum kz_status status;
    struct kz_fault fault; /* with KZ_CORRUPT */
    struct kz_error error;
    struct kz_batch *batch;
    uint8_t *results;
};

static enum kz_status read_results(struct kz_loader *loader, struct load *load)
{
    if (!load->order.with_results) return KZ_OK;
    load->results = malloc(load->batch->count);
    if (load->results == NULL) return kz_error_set(&load->error, KZ_NO_MEMORY, "no memory");
    return kz_log_read_results(loader->log, load->order.first, load->batch->count, load->results,
                               &load->error);
}

static void read_load(struct kz_loader *loader, struct load *load)
{
    const struct kz_load_order *order = &load->order;

    load->status = order->record_alone
                       ? kz_log_read_record(loader->log, order->first, &load->batch, &load->error)
                       : kz_log_read(loader->log, order->first, order->count_max, order->size_max,
                                     &load->batch, &load->error);
    if (load->status != KZ_OK) return;
    load->status = read_results(loader, load);
    if (load->status == KZ_OK) return;
    kz_batch_release(load->batch);
    load->batch = NULL;
}

/* Returns: whether bytes of the ledger, and not the world, made a load fail. */
static bool is_of_bytes(enum kz_status status)
{
    return status == KZ_CORRUPT || status == KZ_MALFORMED || status == KZ_NEWER;
}

/* Finds out what a load that the ledger's bytes made fail met: it read no further than its bytes
 * go. */
static void examine(struct kz_loader *loader, struct load *load)
{
    const struct kz_load_order *order = &load->order;
    uint64_t fits = order->size_max / (KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_HEADER_SIZE) + 1;
    uint32_t count = order->count_max < fits ? order->count_max : (uint32_t)fits;
    struct kz_error error = {.text = ""};

    enum kz_status status =
        kz_log_examine(loader->log, order->first, count, order->with_results, &load->fault, &error);
    load->status = KZ_CORRUPT;
    if (status == KZ_OK) return;
    load->status = status;
    load->error = error;
}

static void work(void *context, struct kz_worker *worker, struct kz_jobs *jobs)
{
    struct kz_job *job;

    while ((job = kz_jobs_take(jobs)) != NULL) {
        struct kz_jobs done = {0};
        read_load(context, (struct load *)job);
        if (is_of_bytes(((struct load *)job)->status)) examine(context, (struct load *)job);
        kz_jobs_add(&done, job);
        kz_worker_done(worker, done);
    }
}

static void on_done(void *context)
{
    struct kz_loader *loader = context;
    struct kz_jobs done = kz_worker_take_done(&loader->worker);
    struct kz_job *job;

    while ((job = kz_jobs_take(&done)) != NULL) {
        struct load *load = (struct load *)job;
        loader->loads++;
        if (load->status != KZ_OK && load->status != KZ_NOT_FOUND) {
            loader->failures++;
            if (!load->order.record_alone) /* asked for again and again, by nodes that lack it */
                kz_journal(KZ_NOTICE_WARNING, "read_failed first=%llu reason=\"%s\"",
                           (unsigned long long)load->order.first, load->error.text);
        }
        kz_inbox_add(loader->inbox, &(struct kz_event){.type = KZ_EVENT_LOADED,
                                                       .ticket = load->order.ticket,
                                                       .status = load->status,
                                                       .fault = load->fault,
                                                       .batch = load->batch,
                                                       .results = load->results});
        kz_jobs_add(&loader->told, job);
    }
}

void kz_loader_settle(struct kz_loader *loader)
{
    struct load *load;

    while ((load = (struct load *)kz_jobs_take(&loader->told)) != NULL) {
        free(load->results);
        free(load);
    }
}

enum kz_status kz_loader_start(struct kz_loader *loader, uv_loop_t *loop, struct kz_log *log,
                               struct kz_inbox *inbox)
{
    *loader = (struct kz_loader){.log = log, .inbox = inbox};
    return kz_worker_start(&loader->worker,
                           &(struct kz_worker_options){loop, "kezekd-read", loader, work, on_done});
}

/* Frees loads that no step has heard of: their batches are still ours. */
static void drop(struct kz_jobs *loads)
{
    struct load *load;

    while ((load = (struct load *)kz_jobs_take(loads)) != NULL) {
        kz_batch_release(load->batch);
        free(load->results);
        free(load);
    }
}

void kz_loader_finish(struct kz_loader *loader)
{
    struct kz_jobs done = kz_worker_finish(&loader->worker);

    drop(&done);
    drop(&loader->told);
}

void kz_loader_give(struct kz_loader *loader, const struct kz_load_order *order)
{
    struct load *load = kz_job_create(sizeof *load);

    load->order = *order;
    kz_worker_give(&loader->worker, &load->job);
}
