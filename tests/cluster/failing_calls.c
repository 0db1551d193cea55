/* SPDX-License-Identifier: Apache-2.0 */
/* A library for LD_PRELOAD that lets calls fail, for tests of a whole process.
 *
 *   KZ_FAIL=CALLS:K:ERROR[:COUNT]   of the calls named (joined by "+"), the K-th (from 1) and the
 *                                   COUNT - 1 after it fail with ERROR: a number of errno, or
 *                                   `short`: half of a write is done (COUNT 1 unless given)
 *   KZ_FAIL_COUNT=FILE              no call fails; when the process ends by itself, FILE gets a
 *                                   line for each of the calls: its name and how many there were
 *   KZ_SLOW_MS=N                    each fdatasync and fsync takes N milliseconds more
 *
 * Calls: malloc (calloc, realloc and posix_memalign too), write (to regular files, in all its
 * forms), send (the same to sockets), sync (fdatasync, fsync and msync), open (openat too), rename,
 * fallocate, mmap (of a file). Only calls of the process and its libraries through these names are
 * seen, which are all that Kezek and LMDB make. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call {
    CALL_MALLOC,
    CALL_WRITE,
    CALL_SEND,
    CALL_SYNC,
    CALL_OPEN,
    CALL_RENAME,
    CALL_FALLOCATE,
    CALL_MMAP,
    CALLS,
};

#define SHORT (-1) /* an error that is none: half of the bytes are written */

static const char *const names[CALLS] = {"malloc", "write",  "send",      "sync",
                                         "open",   "rename", "fallocate", "mmap"};

static struct {
    bool chosen[CALLS];
    unsigned long first;
    unsigned long count;
    int error;
    long slow_ms;
    const char *counting;
    atomic_ulong seen;          /* of those chosen */
    atomic_ulong counts[CALLS]; /* of each, when they are counted */
    atomic_bool ready;
} plan;

/* ---- The calls below ours ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

/* ---- The plan ---- */

static void choose(const char *calls, size_t size)
{
    for (int call = 0; call < CALLS; call++) {
        const char *found = strstr(calls, names[call]);
        size_t length = strlen(names[call]);
        while (found != NULL && found < calls + size) {
            bool starts = found == calls || found[-1] == '+';
            if (starts && (found[length] == '+' || found[length] == ':')) plan.chosen[call] = true;
            found = strstr(found + 1, names[call]);
        }
    }
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *text = getenv("KZ_FAIL");
    const char *slow = getenv("KZ_SLOW_MS");
    const char *colon = text == NULL ? NULL : strchr(text, ':');

    plan.slow_ms = slow == NULL ? 0 : strtol(slow, NULL, 10);
    plan.counting = getenv("KZ_FAIL_COUNT");
    if (plan.counting != NULL) atomic_store(&plan.ready, true);
    if (colon == NULL) return;
    choose(text, (size_t)(colon - text));
    char *end = NULL;
    plan.first = strtoul(colon + 1, &end, 10);
    plan.error = strncmp(end + 1, "short", 5) == 0 ? SHORT : (int)strtol(end + 1, NULL, 10);
    const char *count = strchr(end + 1, ':');
    plan.count = count == NULL ? 1 : strtoul(count + 1, NULL, 10);
    atomic_store(&plan.ready, true);
}

__attribute__((destructor)) static void tell_count(void)
{
    if (plan.counting == NULL) return;
    atomic_store(&plan.ready, false);
    FILE *file = fopen(plan.counting, "w");
    if (file == NULL) return;
    for (int call = 0; call < CALLS; call++)
        (void)fprintf(file, "%s %lu\n", names[call], atomic_load(&plan.counts[call]));
    (void)fclose(file);
}

/* Returns: 0 when this call is to succeed, else errno's number or SHORT. */
static int fails(enum call call)
{
    if (!atomic_load(&plan.ready)) return 0;
    if (plan.counting != NULL) {
        (void)atomic_fetch_add(&plan.counts[call], 1);
        return 0;
    }
    if (!plan.chosen[call]) return 0;
    unsigned long number = atomic_fetch_add(&plan.seen, 1) + 1;
    return number >= plan.first && number - plan.first < plan.count ? plan.error : 0;
}

/* Sets errno unless the failure is a short write. Returns: whether the call fails. */
static bool refuse(enum call call)
{
    int error = fails(call);
    if (error == 0) return false;
    errno = error == SHORT ? EIO : error;
    return true;
}

/* What a write of SIZE bytes is to do: SIZE, half of it, or -1 with errno set. */
static ssize_t allowed(int file, size_t size)
{
    struct stat about;
    if (!atomic_load(&plan.ready) || fstat(file, &about) != 0) return (ssize_t)size;
    if (!S_ISREG(about.st_mode) && !S_ISSOCK(about.st_mode)) return (ssize_t)size;
    if (file == STDERR_FILENO) return (ssize_t)size; /* the journal says what happened */

    int error = fails(S_ISREG(about.st_mode) ? CALL_WRITE : CALL_SEND);
    if (error == SHORT) return (ssize_t)(size > 1 ? size / 2 : size);
    if (error == 0) return (ssize_t)size;
    errno = error;
    return -1;
}

/* ---- Memory ---- */

void *malloc(size_t size)
{
    return refuse(CALL_MALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refuse(CALL_MALLOC) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return refuse(CALL_MALLOC) ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (fails(CALL_MALLOC) != 0) return ENOMEM;
    return NEXT(int (*)(void **, size_t, size_t), "posix_memalign")(out, alignment, size);
}

/* ---- Files ---- */

ssize_t write(int file, const void *bytes, size_t size)
{
    ssize_t part = allowed(file, size);
    if (part < 0) return -1;
    return NEXT(ssize_t(*)(int, const void *, size_t), "write")(file, bytes, (size_t)part);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t offset)
{
    ssize_t part = allowed(file, size);
    if (part < 0) return -1;
    return NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite64")(file, bytes, (size_t)part,
                                                                          offset);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    return pwrite64(file, bytes, size, offset);
}

/* A vector that is to be short becomes its first part, or half of a single one. */
ssize_t writev(int file, const struct iovec *parts, int count)
{
    ssize_t part = allowed(file, count == 1 ? parts[0].iov_len : 2);
    struct iovec first = parts[0];

    if (part < 0) return -1;
    if (part == 1 || (count == 1 && (size_t)part < first.iov_len)) {
        if (count == 1) first.iov_len = (size_t)part;
        parts = &first;
        count = 1;
    }
    return NEXT(ssize_t(*)(int, const struct iovec *, int), "writev")(file, parts, count);
}

static void dawdle(void)
{
    struct timespec pause = {plan.slow_ms / 1000, plan.slow_ms % 1000 * 1000000};
    if (plan.slow_ms > 0) (void)nanosleep(&pause, NULL);
}

int fdatasync(int file)
{
    dawdle();
    return refuse(CALL_SYNC) ? -1 : NEXT(int (*)(int), "fdatasync")(file);
}

int fsync(int file)
{
    dawdle();
    return refuse(CALL_SYNC) ? -1 : NEXT(int (*)(int), "fsync")(file);
}

int msync(void *address, size_t size, int flags)
{
    return refuse(CALL_SYNC) ? -1
                             : NEXT(int (*)(void *, size_t, int), "msync")(address, size, flags);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(arguments, int) : 0;
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return refuse(CALL_OPEN) ? -1
                             : NEXT(int (*)(const char *, int, ...), "open64")(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return refuse(CALL_OPEN) ? -1
                             : NEXT(int (*)(const char *, int, ...), "open")(path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    if (refuse(CALL_OPEN)) return -1;
    return NEXT(int (*)(int, const char *, int, ...), "openat")(directory, path, flags, mode);
}

int rename(const char *from, const char *to)
{
    return refuse(CALL_RENAME) ? -1 : NEXT(int (*)(const char *, const char *), "rename")(from, to);
}

int fallocate64(int file, int mode, off_t offset, off_t size)
{
    if (refuse(CALL_FALLOCATE)) return -1;
    return NEXT(int (*)(int, int, off_t, off_t), "fallocate64")(file, mode, offset, size);
}

int fallocate(int file, int mode, off_t offset, off_t size)
{
    return fallocate64(file, mode, offset, size);
}

void *mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (file >= 0 && refuse(CALL_MMAP)) return MAP_FAILED;
    return NEXT(void *(*)(void *, size_t, int, int, int, off_t),
                "mmap64")(address, size, protection, flags, file, offset);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return mmap64(address, size, protection, flags, file, offset);
}
