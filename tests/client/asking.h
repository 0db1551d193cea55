/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of questions share: one question, what its callback was given, and the answer that
 * the scripted node makes. */
#ifndef KZ_TEST_ASKING_H
#define KZ_TEST_ASKING_H

#include "tests/client/scripted.h"

#define A       "a:1"
#define B       "b:2"
#define TIMEOUT 10000

extern struct scripted script;

/* What the callback was given. */
struct got {
    unsigned calls;
    struct kezek_answer answer;
    bool has_content;
    uint32_t count;
    union {
        struct kezek_status status;
        struct kezek_application application;
        struct kezek_queue queue;
        struct kezek_outcome outcome;
        struct kezek_territory territory;
        struct kezek_members members;
        struct kezek_position positions[3];
        struct kezek_bulletin bulletins[2];
        struct kezek_places places[3];
    } content;
    uint64_t numbers[4];
    struct kezek_member members[2];
};

extern struct got got;

/* A callback. */
void keep(void *data, const struct kezek_answer *answer, const void *content, uint32_t count);
/* Begins and asks; SIZE: of what it is answered with. Returns: the question as the node read it. */
struct kz_query begin_with(struct kezek_question question, kezek_answer_callback callback,
                           size_t size, uint64_t *out_tag);

/* ---- Answers under construction ---- */

struct kz_writer *begin_reply(uint8_t what);
void say_reply(uint64_t tag);
/* An answer without content. */
void say_header(uint64_t tag, struct kz_answer_header header);
/* Ends the test of an answer with COUNT items. */
void expect_content(uint32_t count);

#endif
