/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted node on the other end of a client's core: no sockets, no clock. Every call asserts
 * that the client does what the script says next. */
#ifndef KZ_SCRIPTED_H
#define KZ_SCRIPTED_H

#include "client/wire/messages.h"
#include "tests/base/testing.h"

#include <kezek/kezek.h>

#define OUTCOMES_MAX 2048

/* What the callbacks of one test were given, in order. */
struct scripted_log {
    unsigned count;
    struct {
        size_t id; /* of the command: the callback's data */
        struct kezek_outcome outcome;
    } outcomes[OUTCOMES_MAX];
};

struct scripted {
    struct kezek_client *client;
    uint64_t now_ms;
    struct scripted_log log;
    uint8_t frame[KZ_CLIENT_FRAME_SIZE_MAX]; /* the last frame taken from the client */
};

/* A client of ENDPOINTS with a timeout of 10 s at time 1,000,000. */
void scripted_init(struct scripted *script, const char *endpoints);
void scripted_init_options(struct scripted *script, const struct kezek_options *options);
void scripted_finish(struct scripted *script);

/* ---- The connection ---- */

/* The client wants to connect to ADDRESS; it is told that it is, and says hello. */
void scripted_connect(struct scripted *script, const char *address);
/* The same with the connection refused. */
void scripted_refuse(struct scripted *script, const char *address);
void scripted_welcome(struct scripted *script, uint64_t node, uint64_t leader, const char *address);
/* Connects to the first endpoint, which leads: node 1. */
void scripted_begin(struct scripted *script, const char *address);
/* The client wants to close; it is told that the connection is closed. */
void scripted_expect_close(struct scripted *script);
/* The connection breaks. */
void scripted_lose(struct scripted *script);
void scripted_expect_nothing(struct scripted *script);

/* Lets MS pass. */
void scripted_pass(struct scripted *script, uint64_t ms);

/* ---- Frames ---- */

/* Takes the next frame that the client sends, of TYPE. */
struct kz_frame scripted_expect(struct scripted *script, enum kz_message_type type);
/* Asserts that the client sends nothing now. */
void scripted_expect_silence(struct scripted *script);
void scripted_say(struct scripted *script, const struct kz_writer *writer);

/* ---- Commands ---- */

/* Submits a `withdraw` of application ID; what becomes of it is logged under ID. */
void scripted_submit(struct scripted *script, size_t id);
/* Takes a SUBMIT of the COUNT withdrawals with the ids FIRST, FIRST + 1, … Returns: its tag. */
uint64_t scripted_expect_submit(struct scripted *script, size_t first, unsigned count);
/* Answers it with COUNT times ANSWER; index, where not 0, grows. */
void scripted_answer(struct scripted *script, uint64_t tag, unsigned count,
                     struct kz_answer answer);
void scripted_keep_outcome(void *data, const struct kezek_outcome *outcome);

/* Asserts that the next outcome, the log's number NUMBER from 0, is of command ID with CODE. */
const struct kezek_outcome *scripted_outcome(const struct scripted *script, unsigned number,
                                             size_t id, enum kezek_code code);

#endif
