/* SPDX-License-Identifier: Apache-2.0 */
/* The golden records: golden/records.txt, written by the second encoder golden/generate. */
#ifndef KZ_TESTS_GOLDEN_H
#define KZ_TESTS_GOLDEN_H

#include "statemachine/record/record.h"

#define KZ_GOLDEN_LINE_MAX 8192

struct golden {
    size_t count; /* of its line in the file, from 1 */
    uint8_t record[KZ_RECORD_SIZE_MAX];
    size_t size;
    char line[KZ_GOLDEN_LINE_MAX]; /* the JSON line, zero-terminated */
};

/* Calls VISIT with each golden record in order; fails the test when there is none. */
void kz_golden_each(void (*visit)(const struct golden *golden));

#endif
