/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of messages share: a buffer for one frame, and what holds of every message. */
#ifndef KZ_TEST_WIRE_FIXTURE_H
#define KZ_TEST_WIRE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "client/wire/messages.h"

#define TAG 0x1122334455667788

extern uint8_t buffer[2 * KZ_NODE_FRAME_SIZE_MAX];

/* Returns: a writer into the whole buffer. */
struct kz_writer fresh(void);

/* Parses the one frame that WRITER holds. */
struct kz_frame parsed(const struct kz_writer *writer);

/* Asserts that the message in WRITER, whose tag is TAG, is taken as it is, not cut short anywhere,
 * not with a byte more, and not under another type. TAKES tells whether its decoder took it. */
void is_exactly_one_message(const struct kz_writer *writer,
                            bool (*takes)(const struct kz_frame *frame));

#endif
