/* SPDX-License-Identifier: Apache-2.0 */
/* What the log's tests share: a directory that is removed, and entries that follow from their
 * index. */
#ifndef KZ_TEST_LOG_FIXTURE_H
#define KZ_TEST_LOG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "log/log.h"
#include "log/node_files.h"

#define PATH_SIZE 256

extern char directory[PATH_SIZE];

/* Makes the directory, one of its own under $TMPDIR or /tmp. */
int set_up(void **state);

/* Removes it and all in it. */
int tear_down(void **state);

/* The record of entry INDEX: an application, a withdrawal, or each 50th (and the first) a
 * membership. */
size_t make_record(uint64_t index, uint8_t out[static KZ_RECORD_SIZE_MAX]);

/* Entries FIRST … FIRST + COUNT − 1, all of TERM. */
struct kz_batch *make_batch(uint64_t first, uint32_t count, uint64_t term);

/* Appends such a batch and asserts that it is KZ_OK. */
void append(struct kz_log *log, uint32_t count, uint64_t term);

/* Opens the ledger, making it; asserts that it is KZ_OK. */
struct kz_log *open_log(const char *path);

/* Asserts that the ledger holds exactly the entries 1 … LAST of make_record(), with the terms of
 * its runs. */
void assert_entries(struct kz_log *log, uint64_t last);

#endif
