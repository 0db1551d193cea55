/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/held_pages.h"

#include "node/core/bounds.h"
#include "node/shell/clocks.h"
#include "node/shell/journal.h"

#include <inttypes.h>

static void work(void *context, struct kz_worker *worker, struct kz_jobs *jobs)
{
    struct kz_held_pages *held = context;
    struct kz_jobs done = *jobs;

    *jobs = (struct kz_jobs){0};
    held->status = kz_readers_look(held->log, &held->readers, &held->error);
    kz_worker_done(worker, done);
}

/* Names whoever holds back too much, and says when it does no more. */
static void tell(struct kz_held_pages *held)
{
    const struct kz_readers *found = &held->found;
    uint64_t now_ms = kz_clocks_monotonic_ms();

    if (held->told != 0 && found->process != held->told) {
        kz_journal(KZ_NOTICE_INFO, "pages_released process=%" PRId64, held->told);
        held->told = 0;
    }
    if (found->held_bytes < KZ_HELD_PAGES_SIZE) return;
    if (held->told != 0 && now_ms - held->told_ms < KZ_HELD_PAGES_AGAIN_MS) return;
    held->told = found->process;
    held->told_ms = now_ms;
    kz_journal(KZ_NOTICE_WARNING,
               "pages_held process=%" PRId64 " bytes=%" PRIu64
               " hint=\"it reads the ledger's file in a transaction that does not end, and each "
               "write makes the file longer: end it\"",
               found->process, found->held_bytes);
}

static void on_done(void *context)
{
    struct kz_held_pages *held = context;

    if (kz_worker_take_done(&held->worker).first == NULL) return;
    held->is_looking = false;
    if (held->status != KZ_OK) {
        kz_journal(KZ_NOTICE_WARNING, "look_at_readers_failed reason=\"%s\"", held->error.text);
        return;
    }
    if (held->readers.cleared > held->found.cleared) {
        kz_journal(KZ_NOTICE_INFO, "dead_readers_cleared count=%" PRIu64,
                   held->readers.cleared - held->found.cleared);
    }
    held->found = held->readers;
    tell(held);
}

static void on_timer(uv_timer_t *timer)
{
    struct kz_held_pages *held = timer->data;

    if (held->is_looking) return;
    held->is_looking = true;
    kz_worker_give(&held->worker, &held->look);
}

enum kz_status kz_held_pages_start(struct kz_held_pages *held, uv_loop_t *loop, struct kz_log *log)
{
    *held = (struct kz_held_pages){.log = log};
    enum kz_status status = kz_worker_start(
        &held->worker, &(struct kz_worker_options){loop, "kezekd-look", held, work, on_done});
    if (status != KZ_OK) return status;
    uv_timer_init(loop, &held->timer);
    held->timer.data = held;
    uv_timer_start(&held->timer, on_timer, 0, KZ_READERS_LOOK_MS);
    return KZ_OK;
}

void kz_held_pages_finish(struct kz_held_pages *held)
{
    uv_close((uv_handle_t *)&held->timer, NULL);
    (void)kz_worker_finish(&held->worker);
}
