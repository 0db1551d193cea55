/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does what would block the loop, and the two queues between them.
 *
 * Invariants:
 * 1. Jobs are done in the order in which they were given, and come back in that order.
 * 2. A job belongs to the loop's thread until kz_worker_give() and again from kz_worker_take_done()
 *    on; in between to the worker's.
 * 3. What was given before kz_worker_finish() is done, unless the work itself looks at
 *    kz_worker_is_stopping() and gives up. */
#ifndef KZ_WORKER_H
#define KZ_WORKER_H

#include "statemachine/base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* The first field of each job. */
struct kz_job {
    struct kz_job *next;
};

struct kz_jobs {
    struct kz_job *first;
    struct kz_job *last;
};

/* Returns: a zeroed job of SIZE bytes, to be freed with free(). Without memory it ends the process:
 * a write that is lost is a broken promise (nothing is lost by a restart). */
void *kz_job_create(size_t size);

void kz_jobs_add(struct kz_jobs *jobs, struct kz_job *job);
struct kz_job *kz_jobs_take(struct kz_jobs *jobs); /* NULL when there is none */

struct kz_worker;

struct kz_worker_options {
    uv_loop_t *loop;
    const char *name;
    void *context;
    /* On the worker's thread: does JOBS, all that waited, handing each over with
     * kz_worker_done(). */
    void (*work)(void *context, struct kz_worker *worker, struct kz_jobs *jobs);
    /* On the loop's thread: some are done. */
    void (*on_done)(void *context);
};

struct kz_worker {
    struct kz_worker_options options;
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t wanted;
    uv_async_t async;
    struct kz_jobs waiting;
    struct kz_jobs done;
    bool stopping;
};

/* Errors: KZ_NO_MEMORY, when the system has no thread to give. */
enum kz_status kz_worker_start(struct kz_worker *worker, const struct kz_worker_options *options);

/* Waits for the thread's end, then closes the handle: run the loop until that is done. Returns: the
 * jobs that are done and were not taken yet. */
struct kz_jobs kz_worker_finish(struct kz_worker *worker);

void kz_worker_give(struct kz_worker *worker, struct kz_job *job);
struct kz_jobs kz_worker_take_done(struct kz_worker *worker);

/* For the work itself. */
void kz_worker_done(struct kz_worker *worker, struct kz_jobs jobs);
bool kz_worker_is_stopping(struct kz_worker *worker);
void kz_worker_pause(struct kz_worker *worker, uint64_t milliseconds); /* or until stopping */

/* CPU seconds that the thread used. */
double kz_worker_cpu_seconds(const struct kz_worker *worker);

#endif
