/* SPDX-License-Identifier: Apache-2.0 */
/* Offline verification: reads each entry (checksums and the second table), hashes its record and
 * compares with the stored leaf, decodes and re-executes it and compares with the stored result. */
#include "log/log.h"
#include "log/merkle/leaf_hasher.h"
#include "ops/bench/bench.h"
#include "ops/bench/clock.h"
#include "ops/bench/execute.h"
#include "ops/bench/report.h"
#include "statemachine/rules/machine.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define READ_COUNT 4096
#define READ_SIZE  (1024u * 1024)
#define QUEUE_MAX  16 /* batches read and not executed yet */

/* Batches on their way from the reader to the rules. With one thread it holds one at a time. */
struct pipe {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kz_batch *batches[QUEUE_MAX];
    uint64_t put, taken;
    bool ended;
};

struct replay {
    struct kz_log *log;
    uint64_t last; /* the last entry that has a result */
    struct pipe pipe;
    struct kz_error error; /* of the reader */
    uint64_t reader_cpu_ns;
    struct kz_machine *machine;
    uint64_t differing, first_differing;
};

/* ---- Reading and hashing ---- */

static enum kz_status check_leaves(struct replay *replay, struct kz_leaf_hasher *hasher,
                                   const struct kz_batch *batch)
{
    static uint8_t stored[READ_COUNT][KZ_HASH_SIZE];
    enum kz_status status =
        kz_log_read_leaves(replay->log, batch->first_index, batch->count, stored, &replay->error);

    for (uint32_t i = 0; status == KZ_OK && i < batch->count; i++) {
        uint8_t hash[KZ_LEAF_HASH_SIZE];
        uint32_t size;
        const uint8_t *record = kz_batch_record(batch, i, &size);
        kz_leaf_hasher_hash(hasher, record, size, hash);
        if (memcmp(hash, stored[i], sizeof hash) != 0) {
            status = kz_error_set(&replay->error, KZ_CORRUPT, "entry %llu: its leaf hash differs",
                                  (unsigned long long)batch->first_index + i);
        }
    }
    return status;
}

/* Reads the entries from FIRST on. Returns: NULL with the replay's error set. */
static struct kz_batch *read_batch(struct replay *replay, struct kz_leaf_hasher *hasher,
                                   uint64_t first)
{
    uint64_t left = replay->last - first + 1;
    uint32_t count = left < READ_COUNT ? (uint32_t)left : READ_COUNT;
    struct kz_batch *batch;

    if (kz_log_read(replay->log, first, count, READ_SIZE, &batch, &replay->error) != KZ_OK)
        return NULL;
    if (check_leaves(replay, hasher, batch) == KZ_OK) return batch;
    kz_batch_release(batch);
    return NULL;
}

/* ---- Re-executing ---- */

static void compare(struct replay *replay, const uint8_t *results, const uint8_t *stored,
                    uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (results[i] != stored[i] && replay->differing++ == 0)
            replay->first_differing = first + i;
    }
}

static bool execute(struct replay *replay, const struct kz_batch *batch)
{
    static uint8_t stored[READ_COUNT];
    uint8_t results[EXECUTE_MAX];
    struct kz_error error;

    if (kz_log_read_results(replay->log, batch->first_index, batch->count, stored, &error) != KZ_OK)
        return bench_fail("%s", error.text) == 0;
    for (uint32_t i = 0; i < batch->count; i += EXECUTE_MAX) {
        const uint8_t *records[EXECUTE_MAX];
        uint32_t sizes[EXECUTE_MAX];
        uint32_t count = batch->count - i < EXECUTE_MAX ? batch->count - i : EXECUTE_MAX;
        for (uint32_t j = 0; j < count; j++)
            records[j] = kz_batch_record(batch, i + j, &sizes[j]);
        if (!execute_group(replay->machine, records, sizes, count, results)) {
            return bench_fail("the entry after %llu can not be applied",
                              (unsigned long long)kz_machine_applied(replay->machine)) == 0;
        }
        compare(replay, results, stored + i, batch->first_index + i, count);
    }
    return true;
}

/* ---- One thread, or two ---- */

static void pipe_put(struct pipe *pipe, struct kz_batch *batch)
{
    (void)pthread_mutex_lock(&pipe->lock);
    while (pipe->put - pipe->taken == QUEUE_MAX && !pipe->ended)
        (void)pthread_cond_wait(&pipe->changed, &pipe->lock);
    pipe->batches[pipe->put++ % QUEUE_MAX] = batch;
    (void)pthread_cond_broadcast(&pipe->changed);
    (void)pthread_mutex_unlock(&pipe->lock);
}

/* Returns: the next batch; NULL at the end. */
static struct kz_batch *pipe_take(struct pipe *pipe)
{
    struct kz_batch *batch = NULL;
    (void)pthread_mutex_lock(&pipe->lock);
    while (pipe->put == pipe->taken && !pipe->ended)
        (void)pthread_cond_wait(&pipe->changed, &pipe->lock);
    if (pipe->put != pipe->taken) batch = pipe->batches[pipe->taken++ % QUEUE_MAX];
    (void)pthread_cond_broadcast(&pipe->changed);
    (void)pthread_mutex_unlock(&pipe->lock);
    return batch;
}

static void pipe_end(struct pipe *pipe)
{
    (void)pthread_mutex_lock(&pipe->lock);
    pipe->ended = true;
    (void)pthread_cond_broadcast(&pipe->changed);
    (void)pthread_mutex_unlock(&pipe->lock);
}

static void *read_all(void *data)
{
    struct replay *replay = data;
    struct kz_leaf_hasher *hasher = kz_leaf_hasher_create();
    uint64_t next = 1;

    if (hasher == NULL)
        (void)kz_error_set(&replay->error, KZ_NO_MEMORY, "out of memory for a hasher");
    while (hasher != NULL && next <= replay->last) {
        struct kz_batch *batch = read_batch(replay, hasher, next);
        if (batch == NULL) break;
        next = kz_batch_end(batch);
        pipe_put(&replay->pipe, batch);
    }
    kz_leaf_hasher_destroy(hasher);
    replay->reader_cpu_ns = clock_thread_ns();
    pipe_end(&replay->pipe);
    return NULL;
}

static bool run_two(struct replay *replay)
{
    pthread_t reader;
    struct kz_batch *batch;
    bool done = true;

    if (pthread_create(&reader, NULL, read_all, replay) != 0)
        return bench_fail("no second thread") == 0;
    while ((batch = pipe_take(&replay->pipe)) != NULL) {
        done = done && execute(replay, batch);
        kz_batch_release(batch);
    }
    (void)pthread_join(reader, NULL);
    return done;
}

static bool run_one(struct replay *replay)
{
    struct kz_leaf_hasher *hasher = kz_leaf_hasher_create();
    bool done = hasher != NULL;
    uint64_t next = 1;

    while (done && next <= replay->last) {
        struct kz_batch *batch = read_batch(replay, hasher, next);
        if (batch == NULL) break;
        next = kz_batch_end(batch);
        done = execute(replay, batch);
        kz_batch_release(batch);
    }
    kz_leaf_hasher_destroy(hasher);
    return done;
}

static int print(const struct replay *replay, uint64_t threads, uint64_t wall_ns, uint64_t cpu_ns)
{
    uint8_t digest[KZ_ID_SIZE];
    char hex[2 * KZ_ID_SIZE + 1];
    json_t *report = report_create("replay");

    kz_machine_digest(replay->machine, digest);
    for (unsigned i = 0; i < KZ_ID_SIZE; i++)
        (void)snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    double entries = (double)replay->last;
    report_number(report, "entries_per_second", entries * 1e9 / (double)wall_ns);
    report_number(report, "cpu_us_per_entry", (double)cpu_ns / 1e3 / entries);
    if (threads == 2) {
        report_number(report, "reader_cpu_us_per_entry",
                      (double)replay->reader_cpu_ns / 1e3 / entries);
    }
    report_count(report, "threads", threads);
    report_count(report, "entries", replay->last);
    report_count(report, "differing_results", replay->differing);
    report_count(report, "ledger_bytes", kz_log_used_bytes(replay->log));
    (void)json_object_set_new(report, "digest", json_string(hex));
    return report_print(report);
}

static int run(struct replay *replay, uint64_t threads)
{
    uint64_t cpu = clock_process_ns();
    uint64_t begun = clock_now_ns();
    bool done = threads == 2 ? run_two(replay) : run_one(replay);
    uint64_t wall_ns = clock_now_ns() - begun;

    if (replay->error.status != KZ_OK) return bench_fail("%s", replay->error.text);
    if (!done) return 1;
    int code = print(replay, threads, wall_ns, clock_process_ns() - cpu);
    if (replay->differing == 0) return code;
    return bench_fail("%llu results differ, the first at entry %llu",
                      (unsigned long long)replay->differing,
                      (unsigned long long)replay->first_differing);
}

int bench_replay(const struct bench_options *options)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL) return bench_fail("out of memory");

    int code = 1;
    if (kz_log_open(options->data, KZ_LOG_READ_ONLY, 0, &replay->log, &replay->error) != KZ_OK) {
        (void)bench_fail("%s", replay->error.text);
    } else {
        replay->last = kz_log_applied_index(replay->log);
        replay->machine = kz_machine_create(&kz_allocator_system, 1);
        (void)pthread_mutex_init(&replay->pipe.lock, NULL);
        (void)pthread_cond_init(&replay->pipe.changed, NULL);
        code = replay->last == 0 ? bench_fail("%s: no entry is applied yet", options->data)
                                 : run(replay, options->threads);
        kz_machine_destroy(replay->machine);
        kz_log_close(replay->log);
    }
    free(replay);
    return code;
}
