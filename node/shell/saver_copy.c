/* SPDX-License-Identifier: Apache-2.0 */
/* Runs after a fork of a process with threads: every call here is async-signal-safe. */
#include "node/shell/saver_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)1 << 20)
/* Synced in between, so that the ledger's own syncs never wait for gigabytes. */
#define SYNC_SIZE ((size_t)32 << 20)
#define COPY_FILE 3 /* its descriptor in the copy, the only one left */
/* Behind the node, but not behind everything else: while it runs, memory is held twice. */
#define LOW_NICE 10

static struct output {
    size_t size; /* in the buffer */
    size_t unsynced;
    uint8_t buffer[BUFFER_SIZE];
} output;

static enum kz_status status_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? KZ_NO_SPACE : KZ_IO;
}

static enum kz_status write_all(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(COPY_FILE, bytes, size < SYNC_SIZE ? size : SYNC_SIZE);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return status_of_errno();
        bytes += written;
        size -= (size_t)written;
        output.unsynced += (size_t)written;
        if (output.unsynced < SYNC_SIZE) continue;
        if (fdatasync(COPY_FILE) != 0) return status_of_errno();
        output.unsynced = 0;
    }
    return KZ_OK;
}

static enum kz_status flush(void)
{
    size_t size = output.size;
    output.size = 0;
    return write_all(output.buffer, size);
}

static enum kz_status put(void *context, const void *bytes, size_t size)
{
    (void)context;
    if (size > BUFFER_SIZE - output.size) {
        enum kz_status status = flush();
        if (status != KZ_OK) return status;
    }
    if (size > BUFFER_SIZE) return write_all(bytes, size);
    memcpy(output.buffer + output.size, bytes, size);
    output.size += size;
    return KZ_OK;
}

/* Lets go of all that is the parent's: a lock or a socket that is held here would outlive it. */
static void part(int file, int parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(KZ_IO);
    if (file != COPY_FILE && dup2(file, COPY_FILE) != COPY_FILE) _exit(KZ_IO);
    if (syscall(SYS_close_range, COPY_FILE + 1, ~0U, 0) != 0) _exit(KZ_IO);
}

/* Asks to be served last, and killed first. */
static void be_humble(void)
{
    (void)setpriority(PRIO_PROCESS, 0, LOW_NICE);
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    (void)!write(file, "1000", 4);
    (void)close(file);
}

_Noreturn void kz_saver_copy_run(const struct kz_core *core, int file, int parent)
{
    part(file, parent);
    be_humble();
    enum kz_status status = kz_core_save(core, NULL, put);
    if (status == KZ_OK) status = flush();
    if (status == KZ_OK && fsync(COPY_FILE) != 0) status = status_of_errno();
    _exit((int)status);
}
