/* SPDX-License-Identifier: Apache-2.0 */
/* What families can see of a town by watching its ledger: who applied for which queue, which
 * kindergarten still has places for a birth year and kind, who holds a referral. An estimate of
 * their own, from public entries alone. */
#ifndef KZ_TOWN_H
#define KZ_TOWN_H

#include "statemachine/record/record.h"

#include <stdbool.h>
#include <stdint.h>

#define TOWN_KINDERGARTENS 1024
#define TOWN_YEAR_FIRST    2000
#define TOWN_QUEUES        (200 * 2) /* birth years and kinds */

enum child_stage { CHILD_NONE, CHILD_WAITS, CHILD_CALLED, CHILD_HAS_PLACE };

struct child {
    uint16_t queue; /* number of its queue, see town_queue() */
    uint8_t stage;
};

struct town {
    struct child *children; /* by application number */
    uint64_t child_capacity;
    uint32_t free_places[TOWN_QUEUES][TOWN_KINDERGARTENS];
    uint32_t free_in_queue[TOWN_QUEUES];
};

/* Returns: the number of the queue for BIRTH_YEAR and KIND. */
unsigned town_queue(uint16_t birth_year, uint8_t kind);

/* Takes in one accepted entry. Returns: false without memory. */
bool town_learn(struct town *town, uint64_t index, const struct kz_entry *entry);

/* Returns: a kindergarten with a free place in QUEUE, by the random number DRAW; 0 when there is
 * none. */
uint32_t town_choose(const struct town *town, unsigned queue, uint64_t draw);

/* Returns: the child with application NUMBER, NULL when there is none. */
struct child *town_child(struct town *town, uint64_t number);

void town_finish(struct town *town);

#endif
