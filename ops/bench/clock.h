/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of a benchmark, in nanoseconds. */
#ifndef KZ_BENCH_CLOCK_H
#define KZ_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Since some moment; never goes back. */
static inline uint64_t clock_now_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

/* For which this process, or this thread, had a processor. */
static inline uint64_t clock_process_ns(void)
{
    return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

static inline uint64_t clock_thread_ns(void)
{
    return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

#endif
