/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/histogram.h"

#include <string.h>

static unsigned bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS) return (unsigned)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 7;
    return shift * HISTOGRAM_STEPS + (unsigned)(ns >> shift);
}

/* Returns: the largest value of BUCKET. */
static uint64_t last_of(unsigned bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS) return bucket;
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->buckets[bucket_of(ns)]++;
    if (ns > histogram->max_ns) histogram->max_ns = ns;
}

double histogram_ms(const struct histogram *histogram, double share)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= share * (double)histogram->count) {
            uint64_t last = last_of(i) < histogram->max_ns ? last_of(i) : histogram->max_ns;
            return (double)last / 1e6;
        }
    }
    return 0;
}
