/* SPDX-License-Identifier: Apache-2.0 */
/* What a benchmark draws: numbers and the fields of entries. */
#ifndef KZ_BENCH_DRAW_H
#define KZ_BENCH_DRAW_H

#include "statemachine/record/record.h"

#include <stdint.h>

#define BENCH_FIRST_YEAR 2019
#define BENCH_YEARS      6
#define BENCH_NAME_SIZE  32

/* splitmix64. */
static inline uint64_t draw(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* Returns: a number below BOUND (≤ 2^32). */
static inline uint32_t draw_below(uint64_t *state, uint64_t bound)
{
    return (uint32_t)((draw(state) >> 32) * bound >> 32);
}

/* Each fills OUT, which may be memory with anything in it. */

/* An entry of TYPE with a request id; its fields are zero. */
void draw_entry(uint64_t *state, enum kz_entry_type type, struct kz_entry *out);

/* The application of a new child, somewhere in TERRITORIES: one in ten for a correctional group,
 * 8 % out of turn, 25 % first priority. */
void draw_application(uint64_t *state, uint64_t territories, struct kz_entry *out);

/* Territory NUMBER; and kindergarten NUMBER, in the territory of the same number. NAME is memory
 * for the name. */
void draw_territory(uint64_t *state, uint32_t number, char name[static BENCH_NAME_SIZE],
                    struct kz_entry *out);
void draw_kindergarten(uint64_t *state, uint32_t number, char name[static BENCH_NAME_SIZE],
                       struct kz_entry *out);

/* PLACES free places in kindergarten NUMBER for children born in YEAR. */
void draw_vacancy(uint64_t *state, uint32_t number, uint16_t year, int32_t places,
                  struct kz_entry *out);

#endif
