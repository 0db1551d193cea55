/* SPDX-License-Identifier: Apache-2.0 */
/* Random entries that have a record, made from the schema: every form, often at its bounds. */
#ifndef KZ_TESTS_RANDOM_ENTRY_H
#define KZ_TESTS_RANDOM_ENTRY_H

#include "statemachine/record/record.h"

/* A small repeatable source of randomness, and the room for an entry's texts. */
struct random_entry {
    uint64_t seed;
    char texts[4 * KZ_TEXT_SIZE_MAX];
    size_t texts_size;
};

/* Returns: a number from 0 to LIMIT − 1. */
uint64_t kz_random_below(struct random_entry *random, uint64_t limit);

/* Makes an entry of TYPE; its texts live in RANDOM until the next call. */
struct kz_entry kz_random_entry(struct random_entry *random, enum kz_entry_type type);

#endif
