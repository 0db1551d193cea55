/* SPDX-License-Identifier: Apache-2.0 */
/* A small town for the C tests: entries by hand, applied one after the other. Stories about the
 * rules are scripts/; here it is about the machine's doors. */
#ifndef KZ_TESTS_TOWN_H
#define KZ_TESTS_TOWN_H

#include "statemachine/rules/machine.h"

#define TOWN_SEED 7
#define MINUTE    INT64_C(60000)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define MONDAY    20780 /* 2026-11-23, as a date */

struct town {
    struct kz_machine *machine;
    int64_t time;              /* of the next entry */
    struct kz_outcome outcome; /* of the last one */
};

/* Makes a machine with territory 1 (UTC, all policy as at first) and kindergartens 1 and 2; it is
 * Monday, 09:00. */
struct town town_create(void);
void town_destroy(struct town *town);

/* Stamps ENTRY and applies it. Returns: its result. */
enum kz_result town_apply(struct town *town, struct kz_entry entry);

/* Each applies one entry. Those that return an index fail the test unless it is `ok`. */
uint64_t town_application(struct town *town, uint8_t category);
void town_vacancy(struct town *town, uint32_t kindergarten, int32_t places);
enum kz_result town_claim(struct town *town, uint64_t application, uint32_t kindergarten);

/* Applies all that is due until nothing is. Returns: how many entries. */
uint32_t town_do_what_is_due(struct town *town);

/* Sets the hour of a date, as days after MONDAY. */
void town_set_hour(struct town *town, int days, int hour);

struct kz_entry town_entry(enum kz_entry_type type);

#endif
