/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks: a monotonic one for timeouts, and the wall clock that entries are stamped with, which
 * in a demonstration runs faster than the world's. */
#ifndef KZ_CLOCKS_H
#define KZ_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KZ_DEMO_RATE_MAX 100000

/* The stamping clock showed INSTANT_MS at the real instant ANCHOR_MS and runs RATE times as fast;
 * nodes and restarts given the same three agree. */
struct kz_demo_clock {
    bool demo; /* false: the machine's own wall clock */
    int64_t instant_ms;
    uint32_t rate;
    int64_t anchor_ms;
};

/* Reads "INSTANT,RATE,ANCHOR", both instants from 2000 to 2199, the rate from 1 to
 * KZ_DEMO_RATE_MAX. Returns: whether TEXT is that. */
bool kz_demo_clock_parse(const char *text, struct kz_demo_clock *out_clock);

/* Returns: what CLOCK shows at the real instant REAL_US (microseconds since 1970 UTC), in
 * milliseconds. Pure. */
int64_t kz_demo_clock_at(const struct kz_demo_clock *clock, int64_t real_us);

int64_t kz_clocks_real_us(void);
uint64_t kz_clocks_monotonic_ns(void);
uint64_t kz_clocks_monotonic_ms(void);

/* Reads an ISO 8601 instant, "2021-06-09T17:00:00+06:00" or with Z, seconds and milliseconds
 * optional, into milliseconds since 1970 UTC. Returns: whether TEXT is exactly that. */
bool kz_instant_parse(const char *text, size_t size, int64_t *out_ms);

#endif
