/* SPDX-License-Identifier: Apache-2.0 */
/* A country at work, for the state machine alone: entries in a realistic mix, drawn so that almost
 * all are `ok`, a chunk at a time; what became of a chunk decides what may be drawn next.
 *
 *   a day: 100,000 entries of families, kindergartens and clerks → publish → morning → grants
 *
 * Invariants:
 * 1. Each application that lives is in at most one of the groups `waiting`, `called`, `referred`,
 *    and in none while an entry of the present chunk is about it.
 * 2. `place_of[number]` is its place in `waiting`, if it is there. */
#ifndef KZ_BENCH_CITY_H
#define KZ_BENCH_CITY_H

#include "statemachine/rules/machine.h"

#include <stdbool.h>
#include <stdint.h>

#define CITY_CHUNK       1024
#define CITY_ENTRY_BYTES 128 /* what an entry of the mix takes encoded, at most */

struct person {
    uint32_t number;
    uint16_t territory;
};

struct group {
    struct person *people;
    uint32_t count;
    uint32_t capacity;
};

/* Entries, encoded, and whom each is about. */
struct chunk {
    uint32_t count;
    uint32_t sizes[CITY_CHUNK];
    uint8_t records[CITY_CHUNK][CITY_ENTRY_BYTES];
    struct person people[CITY_CHUNK];
    uint8_t types[CITY_CHUNK];
};

enum city_hour { CITY_DAYTIME, CITY_EVENING, CITY_MORNING };

struct city {
    uint64_t random;
    uint64_t territories;
    uint64_t waiting_wanted;
    enum city_hour hour;
    uint32_t entries_today;
    int64_t day;  /* local midnight, as an instant */
    int64_t time; /* of the latest entry */
    struct group waiting, called, referred;
    uint32_t *place_of;
    uint64_t place_count;
    uint64_t due_ns; /* spent in kz_machine_due() */
    struct kz_entry *due;
};

/* WAITING: so many applications wait once they are filled in. */
void city_init(struct city *city, uint64_t seed, uint64_t territories, uint64_t waiting);
void city_finish(struct city *city);

/* Draws the entries that make the city: territories and kindergartens, one each at a time. Returns:
 * false when all are drawn; NUMBER counts from 1. */
bool city_found(struct city *city, uint32_t number, struct chunk *out_chunk);

/* Draws CITY_CHUNK applications. */
void city_fill(struct city *city, struct chunk *out_chunk);

/* Draws what comes next, at least one entry. */
void city_draw(struct city *city, const struct kz_machine *machine, struct chunk *out_chunk);

/* Learns that the entry I of CHUNK became ledger entry INDEX with RESULT. */
void city_learn(struct city *city, const struct chunk *chunk, uint32_t i, uint64_t index,
                enum kz_result result);

#endif
