/* SPDX-License-Identifier: Apache-2.0 */
/* Questions in flight, and their answers as the public structs. */
#include "client/lib/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 50 /* when the node does not say */

/* ---- Asking ---- */

static enum kezek_code check(const struct kezek_question *question, struct kezek_error *error)
{
    if (question->what < KEZEK_ASK_STATUS || question->what > KEZEK_ASK_PLACES) {
        return kz_fail(error, KEZEK_USAGE, "no question has the number %u", question->what);
    }
    bool counted = question->what == KEZEK_ASK_POSITIONS || question->what == KEZEK_ASK_QUEUE;
    if (counted && (question->count == 0 || question->count > KZ_NUMBERS_MAX)) {
        return kz_fail(error, KEZEK_USAGE, "a count of %u: 1 to %u are answered at once",
                       question->count, KZ_NUMBERS_MAX);
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

    struct question *question = malloc(sizeof *question + kz_writer_size(&writer));
    if (question == NULL) return NULL;
    *question = (struct question){
        .tag = tag,
        .deadline_ms = client->now_ms + client->timeout_ms,
        .what = query->what,
        .frame_size = kz_writer_size(&writer),
    };
    memcpy(question->frame, frame, question->frame_size);
    return question;
}

enum kezek_code kezek_client_ask(struct kezek_client *client, uint64_t now_ms,
                                 const struct kezek_question *asked, kezek_answer_callback callback,
                                 void *data, struct kezek_error *error)
{
    struct kz_query query;
    uint8_t numbers[8 * KZ_NUMBERS_MAX];

    kz_client_advance(client, now_ms);
    enum kezek_code code = check(asked, error);
    if (code == KEZEK_OK) code = to_query(asked, &query, error);
    if (code != KEZEK_OK) return code;
    if (asked->what == KEZEK_ASK_POSITIONS) {
        for (uint32_t i = 0; i < asked->count; i++)
            kz_put_u64(numbers + 8 * i, asked->numbers[i]);
        query.numbers = numbers;
    }
    struct question *question = encode_question(client, &query);
    if (question == NULL) return kz_fail(error, KEZEK_NO_MEMORY, "out of memory for a question");
    question->callback = callback;
    question->data = data;

    struct question **end = &client->questions;
    while (*end != NULL)
        end = &(*end)->next;
    *end = question;
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
    }
}

void kz_questions_on_closed(struct kezek_client *client)
{
    for (struct question *question = client->questions; question != NULL;
         question = question->next) {
        question->sent = false;
    }
}

/* ---- Content ---- */

/* Everything that one answer can hold. */
union content {
    struct kezek_status status;
    struct kezek_application application;
    struct kezek_queue queue;
    struct kezek_outcome outcome;
    struct kezek_territory territory;
};

static void read_status(struct kz_reader *reader, struct kezek_status *out)
{
    static const char *const roles[] = {"follower", "candidate", "leader", "starting", "halted"};
    struct kz_status_content content = {0};

    kz_status_content_read(reader, &content);
    *out = (struct kezek_status){
        .node = content.node,
        .leader = content.leader,
        .term = content.term,
        .last_index = content.last_index,
        .commit_index = content.commit_index,
        .applied_index = content.applied_index,
        .used_bytes = content.used_bytes,
        .waiting = content.waiting,
        .role = content.role < sizeof roles / sizeof roles[0] ? roles[content.role] : "?",
    };
    memcpy(out->digest, content.digest, KZ_ID_SIZE);
    memcpy(out->cluster, content.cluster, KZ_ID_SIZE);
}

static void read_application(struct kz_reader *reader, struct kezek_application *out)
{
    struct kz_application_content content = {0};

    kz_application_content_read(reader, &content);
    *out = (struct kezek_application){
        .number = content.number,
        .territory = content.territory,
        .birth_year = content.birth_year,
        .kind = kz_word(&kz_kind_words, content.kind),
        .category = kz_word(&kz_category_words, content.category),
        .state = kz_word(&kz_application_state_words, content.state),
        .position = content.position,
        .owed = content.owed,
        .by_grant = content.by_grant,
        .unused = content.unused,
        .applied_at = content.applied_at,
        .bulletin = content.bulletin,
        .referral = content.referral,
        .kindergarten = content.kindergarten,
        .last_day = content.last_day,
    };
    memcpy(out->child, content.child, KZ_ID_SIZE);
}

static void read_territory(struct kz_reader *reader, struct kezek_territory *out)
{
    struct kz_territory_content content = {0};

    kz_territory_content_read(reader, &content);
    const struct kz_policy_fields *policy = &content.policy;
    *out = (struct kezek_territory){
        .territory = content.territory.territory,
        .utc_offset_minutes = content.territory.utc_offset_minutes,
        .evening = policy->evening,
        .morning = policy->morning,
        .first_priority = policy->first_priority,
        .general = policy->general,
        .access_days = policy->access_days,
        .access_unit = kz_word(&kz_access_unit_words, policy->access_unit),
        .referral_days = policy->referral_days,
        .stop_list_days = policy->stop_list_days,
        .unused_limit = policy->unused_limit,
        .register_closed = policy->register_closed,
    };
    (void)snprintf(out->name, sizeof out->name, "%.*s", (int)content.territory.name.size,
                   content.territory.name.bytes == NULL ? "" : content.territory.name.bytes);
}

static void read_request(struct kz_reader *reader, struct kezek_outcome *out)
{
    struct kz_request_content content = {0};

    kz_request_content_read(reader, &content);
    *out = (struct kezek_outcome){
        .code = content.result == KZ_RESULT_OK ? KEZEK_OK : KEZEK_REFUSED,
        .result = kz_word(&kz_result_words, content.result),
        .index = content.index,
    };
}

/* ---- Lists: read into ITEMS of KZ_NUMBERS_MAX items; return how many ---- */

static uint32_t read_positions(struct kz_reader *reader, struct kezek_position *items)
{
    uint32_t count = 0;

    while (!reader->failed && kz_reader_left(reader) > 0 && count < KZ_NUMBERS_MAX) {
        struct kz_position_content content = {0};
        kz_position_content_read(reader, &content);
        bool known = content.state < KZ_APPLICATION_STATE_END;
        const char *state = known ? kz_word(&kz_application_state_words, content.state) : NULL;
        items[count++] = (struct kezek_position){content.position, state};
    }
    return count;
}

static void read_queue(struct kz_reader *reader, struct kezek_queue *out, uint64_t *numbers)
{
    struct kz_queue_content content = {0};

    kz_queue_content_read(reader, &content);
    if (content.count > KZ_NUMBERS_MAX) reader->failed = true;
    for (uint32_t i = 0; !reader->failed && i < content.count; i++) {
        numbers[i] = kz_read_u64(reader);
    }
    *out = (struct kezek_queue){content.owed,        content.out_of_turn, content.first_priority,
                                content.general,     content.cycle,       content.calls_due,
                                content.open_places, content.count,       numbers};
}

static uint32_t read_bulletins(struct kz_reader *reader, struct kezek_bulletin *items)
{
    uint32_t count = kz_read_u32(reader);
    if (count > KZ_NUMBERS_MAX) reader->failed = true;

    for (uint32_t i = 0; !reader->failed && i < count; i++) {
        struct kz_bulletin_content content = {0};
        kz_bulletin_content_read(reader, &content);
        items[i] = (struct kezek_bulletin){
            content.index,       content.birth_year, kz_word(&kz_kind_words, content.kind),
            content.in_priority, content.last_day,   content.free_places,
            content.calls_due,   content.grants};
    }
    return reader->failed ? 0 : count;
}

static uint32_t read_places(struct kz_reader *reader, struct kezek_places *items)
{
    uint32_t count = kz_read_u32(reader);
    if (count > KZ_NUMBERS_MAX) reader->failed = true;

    for (uint32_t i = 0; !reader->failed && i < count; i++) {
        struct kz_places_content content = {0};
        kz_places_content_read(reader, &content);
        const char *state = content.reported        ? "reported"
                            : content.bulletin == 0 ? "open"
                                                    : "bulletin";
        items[i] = (struct kezek_places){
            content.kindergarten, content.birth_year, kz_word(&kz_kind_words, content.kind), state,
            content.bulletin,     content.free_places};
    }
    return reader->failed ? 0 : count;
}

/* ---- Answers ---- */

static void give(struct kezek_client *client, struct question *question,
                 const struct kezek_answer *answer, const void *content, uint32_t count)
{
    client->waiting--;
    question->callback(question->data, answer, content, count);
    free(question);
}

static void give_failure(struct kezek_client *client, struct question *question,
                         enum kezek_code code, const char *text)
{
    struct kezek_answer answer = {.code = code};
    (void)snprintf(answer.text, sizeof answer.text, "%s", text);
    give(client, question, &answer, NULL, 0);
}

/* Reads what the answer holds and gives it. Returns: false when it is malformed (and nothing was
 * given). */
static bool give_content(struct kezek_client *client, struct question *question,
                         const struct kezek_answer *answer, struct kz_reader *reader)
{
    union content content;
    union {
        struct kezek_position positions[KZ_NUMBERS_MAX];
        struct kezek_bulletin bulletins[KZ_NUMBERS_MAX];
        struct kezek_places places[KZ_NUMBERS_MAX];
        uint64_t numbers[KZ_NUMBERS_MAX];
    } lists;
    const void *start = &content;
    uint32_t count = 1;

    switch (question->what) {
    case KEZEK_ASK_STATUS: read_status(reader, &content.status); break;
    case KEZEK_ASK_APPLICATION: read_application(reader, &content.application); break;
    case KEZEK_ASK_QUEUE: read_queue(reader, &content.queue, lists.numbers); break;
    case KEZEK_ASK_REQUEST: read_request(reader, &content.outcome); break;
    case KEZEK_ASK_TERRITORY: read_territory(reader, &content.territory); break;
    case KEZEK_ASK_POSITIONS:
        start = &lists;
        count = read_positions(reader, lists.positions);
        break;
    case KEZEK_ASK_BULLETINS:
        start = &lists;
        count = read_bulletins(reader, lists.bulletins);
        break;
    default:
        start = &lists;
        count = read_places(reader, lists.places);
        break;
    }
    if (!kz_reader_done(reader)) return false;
    give(client, question, answer, start, count);
    return true;
}

static bool answered(uint8_t code)
{
    return code == KZ_ANSWER_APPLIED;
}

void kz_questions_on_answer(struct kezek_client *client, const struct kz_frame *frame)
{
    struct question **link = &client->questions;
    while (*link != NULL && !((*link)->sent && (*link)->tag == frame->tag))
        link = &(*link)->next;
    if (*link == NULL) return; /* expired already */

    struct kz_answer_header header;
    struct kz_reader content;
    struct question *question = *link;
    if (kz_answer_decode(frame, &header, &content) != KZ_OK || header.what != question->what) {
        kz_client_close(client, "its answer is malformed");
        return;
    }
    if (!answered(header.code)) {
        question->sent = false;
        question->reason = header.reason;
        question->not_before_ms =
            client->now_ms + (header.retry_ms > 0 ? header.retry_ms : RETRY_MS);
        return;
    }
    *link = question->next;
    struct kezek_answer answer = {.applied = header.applied, .time = header.time};
    if (!header.found) {
        answer.code = KEZEK_NOT_FOUND;
        give(client, question, &answer, NULL, 0);
    } else if (!give_content(client, question, &answer, &content)) {
        give_failure(client, question, KEZEK_PROTOCOL, "the node's answer is malformed");
        kz_client_close(client, "its answer is malformed");
    }
}

void kz_questions_expire(struct kezek_client *client)
{
    struct question **link = &client->questions;

    while (*link != NULL) {
        struct question *question = *link;
        if (question->deadline_ms > client->now_ms) {
            link = &question->next;
            continue;
        }
        *link = question->next;
        give_failure(client, question, KEZEK_UNAVAILABLE,
                     question->reason != KZ_REASON_NONE ? kz_reason_text(question->reason)
                     : client->trouble[0] != '\0'       ? client->trouble
                                                        : "no node answered in time");
        link = &client->questions; /* callbacks may have asked anew */
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
        client->questions = question->next;
        give_failure(client, question, KEZEK_CLOSED, "the client was closed");
    }
}
