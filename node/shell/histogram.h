/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of durations with fixed bounds, as Prometheus wants it: one column a bound and one
 * for what is above the last. */
#ifndef KZ_HISTOGRAM_H
#define KZ_HISTOGRAM_H

#include <stdint.h>

#define KZ_HISTOGRAM_COUNT 14

/* Upper bounds, inclusive, in microseconds. */
static const uint32_t kz_histogram_bounds_us[KZ_HISTOGRAM_COUNT] = {
    50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000};

struct kz_histogram {
    uint64_t counts[KZ_HISTOGRAM_COUNT + 1];
    uint64_t sum_ns;
};

static inline void kz_histogram_add(struct kz_histogram *histogram, uint64_t ns)
{
    unsigned i = 0;
    while (i < KZ_HISTOGRAM_COUNT && ns > kz_histogram_bounds_us[i] * 1000ull)
        i++;
    histogram->counts[i]++;
    histogram->sum_ns += ns;
}

#endif
