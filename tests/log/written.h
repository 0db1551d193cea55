/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger that was written and closed, to damage its data file and put it back. */
#ifndef KZ_TEST_LOG_WRITTEN_H
#define KZ_TEST_LOG_WRITTEN_H

#include "tests/log/fixture.h"

#define PAGE_SIZE 4096

extern uint8_t *image; /* the data file as written */
extern size_t image_size;

/* Makes the directory, and in it a ledger of the entries 1 … COUNT, from FIRST_TERM_2 on of term 2,
 * and the results of the first RESULT_COUNT. */
int set_up_written(void **state, uint32_t count, uint32_t first_term_2, uint32_t result_count);
int tear_down_written(void **state);

/* Returns: the result of entry INDEX. */
uint8_t result_of(uint64_t index);

/* Writes to the data file. What fails ends the process with 9: children write too, in which cmocka
 * must not go on. */
void write_at(size_t offset, const void *bytes, size_t size);

/* Changes a bit of the byte at OFFSET, another for each of 8 neighbours. */
void flip(size_t offset);

#endif
