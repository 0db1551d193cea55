/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/worker.h"

#include "node/shell/clocks.h"
#include "statemachine/base/assert.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

void *kz_job_create(size_t size)
{
    void *job = calloc(1, size);
    if (job == NULL) kz_panic(__FILE__, __LINE__, "no memory for a write or load");
    return job;
}

void kz_jobs_add(struct kz_jobs *jobs, struct kz_job *job)
{
    job->next = NULL;
    if (jobs->last == NULL) {
        jobs->first = job;
    } else {
        jobs->last->next = job;
    }
    jobs->last = job;
}

struct kz_job *kz_jobs_take(struct kz_jobs *jobs)
{
    struct kz_job *job = jobs->first;

    if (job == NULL) return NULL;
    jobs->first = job->next;
    if (jobs->first == NULL) jobs->last = NULL;
    return job;
}

static void append(struct kz_jobs *jobs, struct kz_jobs more)
{
    if (more.first == NULL) return;
    if (jobs->last == NULL) {
        *jobs = more;
        return;
    }
    jobs->last->next = more.first;
    jobs->last = more.last;
}

static void run(void *context)
{
    struct kz_worker *worker = context;

    pthread_setname_np(pthread_self(), worker->options.name);
    for (;;) {
        uv_mutex_lock(&worker->mutex);
        while (worker->waiting.first == NULL && !worker->stopping)
            uv_cond_wait(&worker->wanted, &worker->mutex);
        struct kz_jobs jobs = worker->waiting;
        worker->waiting = (struct kz_jobs){0};
        uv_mutex_unlock(&worker->mutex);

        if (jobs.first == NULL) return; /* stopping, and nothing is left */
        worker->options.work(worker->options.context, worker, &jobs);
    }
}

static void on_async(uv_async_t *async)
{
    struct kz_worker *worker = async->data;
    worker->options.on_done(worker->options.context);
}

enum kz_status kz_worker_start(struct kz_worker *worker, const struct kz_worker_options *options)
{
    *worker = (struct kz_worker){.options = *options};
    if (uv_mutex_init(&worker->mutex) != 0) return KZ_NO_MEMORY;
    if (uv_cond_init(&worker->wanted) != 0) goto no_condition;
    if (uv_async_init(options->loop, &worker->async, on_async) != 0) goto no_async;
    worker->async.data = worker;
    if (uv_thread_create(&worker->thread, run, worker) != 0) goto no_thread;
    return KZ_OK;

no_thread:
    uv_close((uv_handle_t *)&worker->async, NULL);
no_async:
    uv_cond_destroy(&worker->wanted);
no_condition:
    uv_mutex_destroy(&worker->mutex);
    return KZ_NO_MEMORY;
}

struct kz_jobs kz_worker_finish(struct kz_worker *worker)
{
    uv_mutex_lock(&worker->mutex);
    worker->stopping = true;
    uv_cond_signal(&worker->wanted);
    uv_mutex_unlock(&worker->mutex);

    int failed = uv_thread_join(&worker->thread);
    KZ_ASSERT(failed == 0);
    uv_cond_destroy(&worker->wanted);
    uv_mutex_destroy(&worker->mutex);
    uv_close((uv_handle_t *)&worker->async, NULL);
    return worker->done;
}

/* Wakes the worker after the lock is free: woken before, it would only wait for the lock. */
void kz_worker_give(struct kz_worker *worker, struct kz_job *job)
{
    uv_mutex_lock(&worker->mutex);
    kz_jobs_add(&worker->waiting, job);
    uv_mutex_unlock(&worker->mutex);
    uv_cond_signal(&worker->wanted);
}

struct kz_jobs kz_worker_take_done(struct kz_worker *worker)
{
    uv_mutex_lock(&worker->mutex);
    struct kz_jobs jobs = worker->done;
    worker->done = (struct kz_jobs){0};
    uv_mutex_unlock(&worker->mutex);
    return jobs;
}

void kz_worker_done(struct kz_worker *worker, struct kz_jobs jobs)
{
    uv_mutex_lock(&worker->mutex);
    append(&worker->done, jobs);
    uv_mutex_unlock(&worker->mutex);
    uv_async_send(&worker->async);
}

bool kz_worker_is_stopping(struct kz_worker *worker)
{
    uv_mutex_lock(&worker->mutex);
    bool stopping = worker->stopping;
    uv_mutex_unlock(&worker->mutex);
    return stopping;
}

void kz_worker_pause(struct kz_worker *worker, uint64_t milliseconds)
{
    uint64_t until = kz_clocks_monotonic_ns() + milliseconds * 1000000;

    uv_mutex_lock(&worker->mutex);
    for (;;) {
        uint64_t now = kz_clocks_monotonic_ns();
        if (worker->stopping || now >= until) break;
        uv_cond_timedwait(&worker->wanted, &worker->mutex, until - now);
    }
    uv_mutex_unlock(&worker->mutex);
}

double kz_worker_cpu_seconds(const struct kz_worker *worker)
{
    struct timespec used = {0};
    clockid_t clock;

    if (pthread_getcpuclockid(worker->thread, &clock) == 0) clock_gettime(clock, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}
