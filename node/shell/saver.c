/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/saver.h"

#include "node/shell/clocks.h"
#include "node/shell/images.h"
#include "node/shell/journal.h"
#include "node/shell/saver_copy.h"
#include "statemachine/base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(struct kz_saver *saver, enum kz_status status)
{
    kz_inbox_add(saver->options.inbox,
                 &(struct kz_event){.type = KZ_EVENT_IMAGE, .status = status});
}

static void fail(struct kz_saver *saver, enum kz_status status, const char *reason)
{
    kz_journal(KZ_NOTICE_WARNING, "image_failed index=%" PRIu64 " reason=\"%s\"", saver->index,
               reason);
    kz_images_remove_new(saver->options.directory);
    saver->figures.failures++;
    saver->index = 0;
    tell(saver, status);
}

/* ---- Huge pages again ---- */

static void collapse(uv_work_t *work)
{
    struct kz_saver *saver = work->data;
    kz_arena_collapse(saver->options.arena, &saver->stopping);
}

static void on_collapsed(uv_work_t *work, int status)
{
    struct kz_saver *saver = work->data;
    (void)status;
    saver->is_collapsing = false;
}

static void begin_collapse(struct kz_saver *saver)
{
    if (saver->is_collapsing || atomic_load(&saver->stopping)) return;
    saver->collapse.data = saver;
    saver->is_collapsing =
        uv_queue_work(saver->options.loop, &saver->collapse, collapse, on_collapsed) == 0;
}

/* ---- The copy ---- */

/* Returns: the copy's process id, -1 when there is none. All signals are blocked in the copy, whose
 * handlers would write into the parent's pipes. */
static pid_t fork_copy(const struct kz_core *core, int file, uint64_t *out_ns)
{
    sigset_t all;
    sigset_t before;
    pid_t parent = getpid();

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    uint64_t begin_ns = kz_clocks_monotonic_ns();
    pid_t child = fork();
    if (child == 0) kz_saver_copy_run(core, file, parent);
    int code = errno;
    *out_ns = kz_clocks_monotonic_ns() - begin_ns;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return child;
}

void kz_saver_save(struct kz_saver *saver, const struct kz_core *core, uint64_t index)
{
    struct kz_core_figures figures;
    struct kz_error error;
    int file;

    KZ_ASSERT(saver->index == 0);
    saver->index = index;
    kz_core_figures(core, &figures);
    enum kz_status status =
        kz_images_create_new(saver->options.directory, figures.machine.bytes, &file, &error);
    if (status != KZ_OK) {
        fail(saver, status, error.text);
        return;
    }
    pid_t child = fork_copy(core, file, &saver->figures.fork_ns);
    int code = errno;
    (void)close(file);
    if (child > 0) {
        saver->child = child;
    } else {
        fail(saver, KZ_NO_MEMORY, strerror(code));
    }
}

static void on_ended(uv_signal_t *signal, int number)
{
    struct kz_saver *saver = signal->data;
    int code;

    (void)number;
    if (saver->child == 0 || waitpid(saver->child, &code, WNOHANG) != saver->child) return;
    saver->child = 0;
    begin_collapse(saver);
    if (!WIFEXITED(code)) {
        fail(saver, KZ_IO, "the process that wrote it was killed");
    } else if (WEXITSTATUS(code) != KZ_OK) {
        enum kz_status status = (enum kz_status)WEXITSTATUS(code);
        fail(saver, status, kz_status_text(status));
    } else {
        saver->is_written = true;
    }
}

void kz_saver_settle(struct kz_saver *saver, uint64_t results_index)
{
    struct kz_error error;
    uint64_t bytes;

    if (!saver->is_written || results_index < saver->index) return;
    saver->is_written = false;
    enum kz_status status =
        kz_images_keep_new(saver->options.directory, saver->index, saver->before, &bytes, &error);
    if (status != KZ_OK) {
        fail(saver, status, error.text);
        return;
    }
    saver->figures.saved++;
    saver->figures.bytes = bytes;
    saver->figures.saved_time_seconds = (double)kz_clocks_real_us() / 1e6;
    saver->before = saver->index;
    saver->index = 0;
    tell(saver, KZ_OK);
}

/* ---- Beginning and end ---- */

void kz_saver_start(struct kz_saver *saver, const struct kz_saver_options *options)
{
    *saver = (struct kz_saver){.options = *options, .before = options->opened_index};
    saver->figures.bytes = options->opened_bytes;
    saver->figures.saved_time_seconds = options->opened_time_seconds;
    uv_signal_init(options->loop, &saver->ended);
    saver->ended.data = saver;
    uv_signal_start(&saver->ended, on_ended, SIGCHLD);
}

void kz_saver_finish(struct kz_saver *saver)
{
    atomic_store(&saver->stopping, true);
    if (saver->child != 0) {
        (void)kill(saver->child, SIGKILL);
        (void)waitpid(saver->child, NULL, 0);
        saver->child = 0;
    }
    if (saver->index != 0) kz_images_remove_new(saver->options.directory);
    uv_close((uv_handle_t *)&saver->ended, NULL);
}
