/* SPDX-License-Identifier: Apache-2.0 */
/* Durations in buckets that are at most 1/128 (0.8 %) of their value wide, whatever its size.
 *
 *   bucket 0 … 127: the nanoseconds themselves; then 128 for each power of two:
 *   a value of bits 1xxxxxxx… falls into (its power − 7) · 128 + 128 + xxxxxxx */
#ifndef KZ_BENCH_HISTOGRAM_H
#define KZ_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   128
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 58)

struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t ns);

/* Returns: the upper bound of the bucket in which SHARE (0 to 1) of the values end, in
 * milliseconds; 0 without values. */
double histogram_ms(const struct histogram *histogram, double share);

#endif
