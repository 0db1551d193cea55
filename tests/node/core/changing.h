/* SPDX-License-Identifier: Apache-2.0 */
/* What the stories of memberships share: a cluster of up to six nodes, changes asked of it as an
 * operator asks, and entries of which it is known that they were acknowledged. */
#ifndef KZ_TEST_CHANGING_H
#define KZ_TEST_CHANGING_H

#include "tests/simulation/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

/* Stories of three founders, and of one. */
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define ALONE(name) cmocka_unit_test_setup_teardown(name, begin_alone, end)

extern struct kz_sim sim;
extern char sentence[KZ_CHANGE_SENTENCE_SIZE_MAX + 1]; /* of the last change that was answered */

/* Makes a cluster in which nothing is acknowledged yet, and starts its founders. */
void found(const struct kz_sim_options *options);
int begin(void **state);
int begin_alone(void **state);
int end(void **state);

/* The change WHAT of NODE; the text of its addresses is put into ADDRESSES. */
struct kz_change change_of(enum kz_change_what what, uint64_t node, char addresses[2][16]);
/* Asks node AT once, and keeps the sentence. */
struct kz_changed ask_as(uint32_t actor, uint64_t at, enum kz_change_what what, uint64_t node);
struct kz_changed ask(uint64_t at, enum kz_change_what what, uint64_t node);
/* Asks whoever leads, again and again, as a client does, until it holds or is refused. */
struct kz_changed insist(enum kz_change_what what, uint64_t node);
/* Insists, and asserts that it holds. */
void change(enum kz_change_what what, uint64_t node);
/* Starts NODE, adds it and makes it a voter. */
void join(uint64_t node);

/* Appends COUNT entries, all of which are acknowledged. Returns: the last one's index. */
uint64_t fill(unsigned count);
/* Each acknowledged entry is at its index on NODE's disk. */
void nothing_is_lost(uint64_t node);
uint64_t follower(void);
bool has_halted(uint64_t node, uint64_t limit_ms);

#endif
