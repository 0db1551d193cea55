/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/probe.h"

#include "log/damage.h"
#include "node/shell/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE_MAX 4096
#define STEP          4096 /* entries that are examined between two notes of how far it is */

#define STEP_SIZE ((size_t)STEP * (KZ_ENTRY_PREFIX_SIZE + KZ_RECORD_SIZE_MAX))

/* What the child tells its parent, in memory that both see. */
struct progress {
    uint64_t next;  /* the entry that is being read; 0: the ledger is being opened */
    uint64_t fault; /* an entry that no page leads to */
};

static bool suspect_path(const char *directory, char out[static PATH_SIZE_MAX])
{
    int size = snprintf(out, PATH_SIZE_MAX, "%s/suspect", directory);
    return size > 0 && size < PATH_SIZE_MAX;
}

/* ---- The child ---- */

/* As a node reads: from page to page, which may meet what a search for each entry does not. */
static void read_on(struct kz_log *log, uint64_t first)
{
    struct kz_batch *batch = NULL;
    struct kz_error error;
    if (kz_log_read(log, first, STEP, STEP_SIZE, &batch, &error) == KZ_OK) kz_batch_release(batch);
}

static void read_all(struct kz_log *log, struct progress *progress)
{
    uint64_t last = kz_log_last_index(log);
    for (uint64_t index = 1; index <= last;) {
        struct kz_fault fault;
        struct kz_error error;
        progress->next = index;
        read_on(log, index);
        if (kz_log_examine(log, index, STEP, true, &fault, &error) != KZ_OK) return;
        if (fault.damage == KZ_DAMAGE_PAGES) {
            progress->fault = index;
            return;
        }
        if (fault.damage == KZ_DAMAGE_NONE)
            index += STEP;
        else
            index = fault.index >= index ? fault.index + 1 : index + 1; /* the core repairs it */
    }
}

static void probe(const char *directory, uint64_t map_size, bool deep, struct progress *progress)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct kz_error error;
    struct kz_log *log = NULL;

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)signal(signals[i], SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (kz_log_open(directory, KZ_LOG_EXISTING, map_size, &log, &error) != KZ_OK) return;
    if (deep) read_all(log, progress);
    kz_log_close(log);
}

/* ---- The parent ---- */

static enum kz_status damaged(const char *directory, uint64_t index, const char *how,
                              struct kz_error *error)
{
    if (index == 0) {
        return kz_error_set(error, KZ_CORRUPT,
                            "%s/ledger: the pages of its file are damaged (opening it %s)",
                            directory, how);
    }
    return kz_error_set(error, KZ_CORRUPT,
                        "%s/ledger: the pages of its file are damaged (reading from entry %" PRIu64
                        " on %s)",
                        directory, index, how);
}

static enum kz_status await(pid_t child, const char *directory, const struct progress *progress,
                            struct kz_error *error)
{
    int result = 0;
    while (waitpid(child, &result, 0) < 0) {
        if (errno != EINTR)
            return kz_error_set(error, KZ_IO, "cannot wait for a child: %s", strerror(errno));
    }
    if (progress->fault > 0) return damaged(directory, progress->fault, "fails", error);
    if (WIFEXITED(result)) return KZ_OK;

    char how[64];
    int number = WTERMSIG(result);
    (void)snprintf(how, sizeof how, "ends the process with signal %d", number);
    if (number == SIGSEGV || number == SIGBUS || number == SIGABRT)
        return damaged(directory, progress->next, how, error);
    return kz_error_set(error, KZ_IO, "the check of %s/ledger was ended by signal %d", directory,
                        number);
}

static enum kz_status probe_in_child(const char *directory, uint64_t map_size, bool deep,
                                     struct kz_error *error)
{
    struct progress *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    /* A parent of ours may have it ignored: then nobody can wait for a child's end. */
    (void)signal(SIGCHLD, SIG_DFL);
    pid_t child = progress == MAP_FAILED ? -1 : fork();
    if (child == 0) {
        probe(directory, map_size, deep, progress);
        _exit(0);
    }
    enum kz_status status =
        child < 0 ? kz_error_set(error, KZ_IO, "cannot start the check of %s/ledger: %s", directory,
                                 strerror(errno))
                  : await(child, directory, progress, error);
    if (progress != MAP_FAILED) (void)munmap(progress, sizeof *progress);
    return status;
}

enum kz_status kz_probe_ledger(const char *directory, uint64_t map_size, struct kz_error *error)
{
    char path[PATH_SIZE_MAX];
    bool deep = suspect_path(directory, path) && access(path, F_OK) == 0;
    if (deep) {
        kz_journal(KZ_NOTICE_WARNING,
                   "ledger_suspect hint=\"an earlier process ended while it read the ledger: all "
                   "of it is read first\"");
    }
    enum kz_status status = probe_in_child(directory, map_size, deep, error);
    if (status == KZ_OK && deep) (void)unlink(path);
    return status;
}

/* ---- Its own end ---- */

static struct {
    char path[PATH_SIZE_MAX];
    char line[PATH_SIZE_MAX + 256];
    size_t size;
} last_words;

/* Async-signal-safe calls alone. */
static void on_fault(int number)
{
    ssize_t written = write(STDERR_FILENO, last_words.line, last_words.size);
    (void)written;
    int file = open(last_words.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) (void)close(file);
    (void)raise(number); /* the disposition is the default's again */
}

/* A sanitizer's handler stays: it tells more. */
static void watch(int number)
{
    struct sigaction present;
    struct sigaction action = {.sa_handler = on_fault,
                               .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    if (sigaction(number, NULL, &present) != 0 || present.sa_handler != SIG_DFL) return;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

void kz_probe_watch(const char *directory)
{
    if (!suspect_path(directory, last_words.path)) return;
    int size =
        snprintf(last_words.line, sizeof last_words.line,
                 "kezekd: ended by a signal; the pages of %s/ledger may be damaged: the next "
                 "start reads all of it, and kezek-audit verify --data %s names the entry\n",
                 directory, directory);
    last_words.size = size < 0 ? 0 : (size_t)size;
    if (last_words.size >= sizeof last_words.line) last_words.size = sizeof last_words.line - 1;
    watch(SIGSEGV);
    watch(SIGBUS);
    watch(SIGABRT);
}
