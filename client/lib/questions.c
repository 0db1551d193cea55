/* SPDX-License-Identifier: Apache-2.0 */
/* Questions in flight: sent, sent again, answered or expired. A question changes nothing, so it may
 * be sent again at any time; its answer is as fresh as the moment of the last sending. */
#include "client/lib/contents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Asking ---- */

static enum kezek_code check(const struct kezek_question *question, struct kezek_error *error)
{
    if (question->what < KEZEK_ASK_STATUS || question->what > KEZEK_ASK_MEMBERS) {
        return kz_fail(error, KEZEK_USAGE, "no question has the number %d", (int)question->what);
    }
    bool counted = question->what == KEZEK_ASK_POSITIONS || question->what == KEZEK_ASK_QUEUE;
    if (counted && (question->count == 0 || question->count > KZ_NUMBERS_MAX)) {
        return kz_fail(error, KEZEK_USAGE, "a count of %u: 1 to %u are answered at once",
                       question->count, KZ_NUMBERS_MAX);
    }
    if (question->what == KEZEK_ASK_QUEUE && question->first == 0) {
        return kz_fail(error, KEZEK_USAGE, "positions are counted from 1");
    }
    return KEZEK_OK;
}

static enum kezek_code to_query(const struct kezek_question *question, struct kz_query *out,
                                struct kezek_error *error)
{
    *out = (struct kz_query){
        .what = (uint8_t)question->what,
        .local = question->freshness == KEZEK_LOCAL,
        .number = question->number,
        .territory = question->territory,
        .birth_year = question->birth_year,
        .first = question->first,
        .count = question->count,
    };
    memcpy(out->request, question->request, KZ_ID_SIZE);
    if (question->what == KEZEK_ASK_QUEUE &&
        (question->kind == NULL ||
         !kz_word_find(&kz_kind_words, question->kind, strlen(question->kind), &out->kind))) {
        return kz_fail(error, KEZEK_USAGE, "kind \"%s\": it is ordinary or correctional",
                       question->kind == NULL ? "" : question->kind);
    }
    return KEZEK_OK;
}

static struct question *encode_question(struct kezek_client *client, const struct kz_query *query)
{
    uint64_t tag = client->next_tag++;
    uint8_t frame[KZ_CLIENT_FRAME_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof frame);
    kz_query_encode(&writer, tag, query);

    size_t size = kz_writer_size(&writer);
    struct question *question = malloc(sizeof *question + size);
    if (question == NULL) return NULL;
    *question = (struct question){
        .tag = tag,
        .deadline_ms = client->now_ms + client->timeout_ms,
        .what = query->what,
        .count = query->count,
        .frame_size = size,
    };
    memcpy(question->frame, frame, size);
    return question;
}

static void append(struct kezek_client *client, struct question *question)
{
    if (client->last_question == NULL) {
        client->questions = question;
    } else {
        client->last_question->next = question;
    }
    client->last_question = question;
}

static void take_out(struct kezek_client *client, struct question *previous,
                     struct question *question)
{
    if (previous == NULL) {
        client->questions = question->next;
    } else {
        previous->next = question->next;
    }
    if (client->last_question == question) client->last_question = previous;
}

enum kezek_code kezek_client_ask(struct kezek_client *client, uint64_t now_ms,
                                 const struct kezek_question *asked, kezek_answer_callback callback,
                                 void *data, struct kezek_error *error)
{
    struct kz_query query;
    uint8_t numbers[8 * KZ_NUMBERS_MAX];

    kz_client_advance(client, now_ms);
    if (callback == NULL) return kz_fail(error, KEZEK_USAGE, "a question needs a callback");
    enum kezek_code code = check(asked, error);
    if (code == KEZEK_OK) code = to_query(asked, &query, error);
    if (code != KEZEK_OK) return code;
    if (asked->what == KEZEK_ASK_POSITIONS) {
        for (uint32_t i = 0; i < asked->count; i++)
            kz_put_u64(numbers + 8 * (size_t)i, asked->numbers[i]);
        query.numbers = numbers;
    }
    struct question *question = encode_question(client, &query);
    if (question == NULL) return kz_fail(error, KEZEK_NO_MEMORY, "out of memory for a question");

    question->callback = callback;
    question->data = data;
    append(client, question);
    client->waiting++;
    return KEZEK_OK;
}

void kz_questions_send(struct kezek_client *client)
{
    for (struct question *question = client->questions; question != NULL;
         question = question->next) {
        if (question->sent || question->not_before_ms > client->now_ms) continue;
        if (!kz_buffer_add(&client->output, question->frame, question->frame_size)) return;
        question->sent = true;
        kz_client_sent(client);
    }
}

void kz_questions_on_closed(struct kezek_client *client)
{
    for (struct question *question = client->questions; question != NULL;
         question = question->next) {
        question->sent = false;
        question->not_before_ms = 0;
    }
}

/* ---- Answers ---- */

/* QUESTION is in no list any more. */
static void give(struct kezek_client *client, struct question *question,
                 const struct kezek_answer *answer, const void *items, uint32_t count)
{
    client->waiting--;
    question->callback(question->data, answer, items, count);
    free(question);
}

static void give_failure(struct kezek_client *client, struct question *question,
                         enum kezek_code code, const char *text)
{
    struct kezek_answer answer = {.code = code};
    (void)snprintf(answer.text, sizeof answer.text, "%s", text);
    give(client, question, &answer, NULL, 0);
}

/* Takes the answer to QUESTION, which is in no list. */
static void take_answer(struct kezek_client *client, struct question *question,
                        const struct kz_answer_header *header, struct kz_reader *reader)
{
    struct kezek_answer answer = {.applied = header->applied, .time = header->time};
    struct kz_contents contents;

    if (header->code == KZ_ANSWER_MALFORMED) {
        give_failure(client, question, KEZEK_PROTOCOL, "the node does not know this question");
    } else if (!header->found) {
        answer.code = KEZEK_NOT_FOUND;
        (void)snprintf(answer.text, sizeof answer.text, "there is no such thing");
        give(client, question, &answer, NULL, 0);
    } else {
        enum kezek_code code = kz_contents_read(question, reader, &contents);
        if (code == KEZEK_OK) {
            give(client, question, &answer, contents.items, contents.count);
        } else if (code == KEZEK_NO_MEMORY) {
            give_failure(client, question, code, "out of memory for the answer");
        } else {
            give_failure(client, question, code, "the node's answer is malformed");
            kz_client_close(client, "its answer is malformed");
        }
        kz_contents_finish(&contents);
    }
}

void kz_questions_on_answer(struct kezek_client *client, const struct kz_frame *frame)
{
    struct question *previous = NULL;
    struct question *question = client->questions;
    while (question != NULL && !(question->sent && question->tag == frame->tag)) {
        previous = question;
        question = question->next;
    }
    if (question == NULL) { /* a ping's, or it expired already */
        if (client->ping_tag == frame->tag) kz_client_settled(client);
        return;
    }
    struct kz_answer_header header;
    struct kz_reader reader;
    if (kz_answer_decode(frame, &header, &reader) != KZ_OK || header.what != question->what) {
        kz_client_close(client, "its answer is malformed");
        return;
    }
    kz_client_settled(client);
    if (header.code != KZ_ANSWER_APPLIED && header.code != KZ_ANSWER_MALFORMED) {
        question->sent = false;
        question->reason = header.reason;
        question->not_before_ms =
            client->now_ms + (header.retry_ms > 0 ? header.retry_ms : RETRY_MS);
        return;
    }
    take_out(client, previous, question);
    take_answer(client, question, &header, &reader);
}

/* ---- Time ---- */

static const char *why_unanswered(const struct kezek_client *client,
                                  const struct question *question)
{
    if (question->reason != KZ_REASON_NONE) return kz_reason_text(question->reason);
    return client->trouble[0] != '\0' ? client->trouble : "no node answered in time";
}

void kz_questions_expire(struct kezek_client *client)
{
    struct question *previous = NULL;
    struct question *question = client->questions;

    while (question != NULL) {
        struct question *next = question->next;
        if (question->deadline_ms > client->now_ms) {
            previous = question;
        } else {
            if (question->sent) kz_client_settled(client);
            take_out(client, previous, question);
            give_failure(client, question, KEZEK_UNAVAILABLE, why_unanswered(client, question));
        }
        question = next;
    }
}

uint64_t kz_questions_deadline(const struct kezek_client *client)
{
    uint64_t deadline = UINT64_MAX;

    for (const struct question *question = client->questions; question != NULL;
         question = question->next) {
        bool delayed = !question->sent && question->not_before_ms > client->now_ms;
        uint64_t next = delayed && question->not_before_ms < question->deadline_ms
                            ? question->not_before_ms
                            : question->deadline_ms;
        if (next < deadline) deadline = next;
    }
    return deadline;
}

void kz_questions_finish(struct kezek_client *client)
{
    while (client->questions != NULL) {
        struct question *question = client->questions;
        take_out(client, NULL, question);
        give_failure(client, question, KEZEK_CLOSED, "the client was closed");
    }
}
