/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/families.h"
#include "tests/simulation/steward.h"

#include "statemachine/base/bytes.h"
#include "tests/simulation/verdict.h"

#include <inttypes.h>
#include <string.h>

#define PATIENCE_MS             1500
#define CHILDREN                150
#define CLERK                   2
#define PORTAL                  3
#define BY_KINDERGARTEN(number) (10 + (number))

static uint64_t chance(struct kz_families *families, uint64_t below)
{
    return kz_sim_random(families->sim, below);
}

/* ---- What they want ---- */

static struct kz_errand *add_errand(struct kz_families *families, enum kz_entry_type type,
                                    uint32_t actor)
{
    if (families->count == KZ_ERRANDS_MAX) return NULL;
    struct kz_errand *errand = &families->errands[families->count++];
    *errand = (struct kz_errand){.entry.type = type,
                                 .entry.actor = families->with_actors ? actor : 0,
                                 .due_ms = families->sim->now_ms};
    kz_sim_set_request(&errand->entry, families->count);
    return errand;
}

static void add_kindergarten(struct kz_families *families, uint32_t number)
{
    struct kz_errand *errand = add_errand(families, KZ_KINDERGARTEN, 1);
    errand->entry.kindergarten = (struct kz_kindergarten_fields){
        .kindergarten = number, .territory = 1, .name = {"Balapan", 7}, .open = true};
}

static void add_actor(struct kz_families *families, uint32_t number, enum kz_role role,
                      uint32_t kindergarten)
{
    struct kz_errand *errand = add_errand(families, KZ_ACTOR, 1);
    errand->entry.actor_entry = (struct kz_actor_fields){
        .number = number, .role = (uint8_t)role, .kindergarten = kindergarten};
}

/* The city, in the order in which it has to be. */
static void set_up_city(struct kz_families *families)
{
    if (families->with_actors) {
        add_actor(families, 1, KZ_ADMINISTRATOR, 0);
        families->errands[0].entry.actor = 0;
    }
    struct kz_errand *territory = add_errand(families, KZ_TERRITORY, 1);
    territory->entry.territory = (struct kz_territory_fields){1, {"Shahar", 6}, 300};
    struct kz_errand *policy = add_errand(families, KZ_POLICY, 1);
    policy->entry.policy = (struct kz_policy_fields){.territory = 1,
                                                     .evening = 18 * 60,
                                                     .morning = 7 * 60,
                                                     .first_priority = 1,
                                                     .general = 3,
                                                     .access_days = 1,
                                                     .access_unit = KZ_CALENDAR_DAYS,
                                                     .referral_days = 2,
                                                     .unused_limit = 2};
    for (uint32_t number = 1; number <= KZ_KINDERGARTENS; number++)
        add_kindergarten(families, number);
    if (!families->with_actors) return;

    add_actor(families, CLERK, KZ_CLERK, 0);
    add_actor(families, PORTAL, KZ_PORTAL, 0);
    families->errands[families->count - 1].entry.actor_entry.territory = 1;
    if (families->sim->options.founders < families->sim->options.nodes)
        add_actor(families, KZ_STEWARD_ACTOR, KZ_OPERATOR, 0);
    for (uint32_t number = 1; number <= KZ_KINDERGARTENS; number++)
        add_actor(families, BY_KINDERGARTEN(number), KZ_ROLE_KINDERGARTEN, number);
}

static bool city_stands(const struct kz_families *families)
{
    return families->next_of_city >= families->city_count;
}

static void want_application(struct kz_families *families)
{
    struct kz_errand *errand = add_errand(families, KZ_APPLICATION, PORTAL);
    if (errand == NULL) return;
    uint64_t child = 1 + chance(families, CHILDREN);
    errand->entry.application.territory = 1;
    errand->entry.application.birth_year = (uint16_t)(2021 + chance(families, 2));
    errand->entry.application.category = (uint8_t)chance(families, 3);
    kz_put_u64(errand->entry.application.child, child);
}

/* Returns: the number of an application that somebody was told of; 0: none yet. */
static uint64_t known_application(struct kz_families *families)
{
    for (int tries = 0; tries < 10; tries++) {
        const struct kz_errand *errand = &families->errands[chance(families, families->count)];
        if (errand->entry.type == KZ_APPLICATION && errand->state == KZ_ERRAND_DONE &&
            errand->result == KZ_RESULT_OK) {
            return errand->index;
        }
    }
    return 0;
}

static void want_of_application(struct kz_families *families)
{
    static const enum kz_entry_type types[] = {KZ_CLAIM,      KZ_CLAIM,    KZ_CLAIM, KZ_DECLINE,
                                               KZ_WITHDRAW,   KZ_READY,    KZ_ENROL, KZ_ENROL,
                                               KZ_RECLASSIFY, KZ_REINSTATE};
    uint64_t application = known_application(families);
    if (application == 0) return;
    enum kz_entry_type type = types[chance(families, sizeof types / sizeof types[0])];
    uint32_t kindergarten = 1 + (uint32_t)chance(families, KZ_KINDERGARTENS);
    uint32_t actor = PORTAL;
    if (type == KZ_RECLASSIFY || type == KZ_REINSTATE) actor = CLERK;
    if (type == KZ_ENROL) actor = BY_KINDERGARTEN(kindergarten);

    struct kz_errand *errand = add_errand(families, type, actor);
    if (errand == NULL) return;
    if (type == KZ_CLAIM) {
        errand->entry.claim = (struct kz_claim_fields){application, kindergarten};
    } else if (type == KZ_RECLASSIFY) {
        errand->entry.reclassify.application = application;
        errand->entry.reclassify.category = (uint8_t)chance(families, 3);
    } else {
        errand->entry.application_only.application = application;
    }
}

static void want_places(struct kz_families *families)
{
    uint32_t kindergarten = 1 + (uint32_t)chance(families, KZ_KINDERGARTENS);
    enum kz_entry_type type = chance(families, 5) == 0 ? KZ_RETRACT : KZ_VACANCY;
    struct kz_errand *errand = add_errand(families, type, BY_KINDERGARTEN(kindergarten));
    if (errand == NULL) return;
    errand->entry.places =
        (struct kz_places_fields){.kindergarten = kindergarten,
                                  .birth_year = (uint16_t)(2021 + chance(families, 2)),
                                  .places = 1 + (int32_t)chance(families, 4)};
}

static void want_something(struct kz_families *families)
{
    if (families->count == KZ_ERRANDS_MAX - 1) return; /* one is kept for kz_families_probe() */
    uint64_t what = chance(families, 10);
    if (what < 5)
        want_application(families);
    else if (what < 9)
        want_of_application(families);
    else
        want_places(families);
}

/* ---- Connections ---- */

static void disconnect(struct kz_families *families, unsigned i)
{
    struct kz_family *family = &families->families[i];
    if (!family->connected) return;
    kz_sim_disconnect(&family->client);
    family->connected = false;
    family->question.tag = 0;
    for (uint32_t e = i; e < families->count; e += KZ_CLIENTS) {
        struct kz_errand *errand = &families->errands[e];
        if (errand->state != KZ_ERRAND_SENT && errand->state != KZ_ERRAND_ASKED) continue;
        errand->unsure = true;
        errand->state = KZ_ERRAND_UNSURE;
        errand->due_ms = families->sim->now_ms + 20;
    }
}

/* The client dies and forgets what it had under way. */
static void crash(struct kz_families *families, unsigned i)
{
    disconnect(families, i);
    for (uint32_t e = i; e < families->count; e += KZ_CLIENTS) {
        struct kz_errand *errand = &families->errands[e];
        if (errand->state == KZ_ERRAND_UNSURE && e >= families->city_count)
            errand->state = KZ_ERRAND_FORGOTTEN;
    }
}

static void connect_somewhere(struct kz_families *families, unsigned i)
{
    struct kz_family *family = &families->families[i];
    disconnect(families, i);
    uint64_t node = 1 + chance(families, families->sim->options.nodes);
    if (family->leader != 0 && chance(families, 4) != 0) node = family->leader;
    family->leader = 0;
    family->since_ms = families->sim->now_ms;
    if (families->sim->nodes[node].core == NULL) return;
    kz_sim_connect(families->sim, &family->client, node);
    family->connected = true;
}

/* ---- Answers ---- */

static void settle(struct kz_families *families, struct kz_errand *errand, uint64_t index,
                   uint8_t result)
{
    errand->state = KZ_ERRAND_DONE;
    errand->index = index;
    errand->result = result;
    if (index > families->heard) families->heard = index;
}

static void try_again(struct kz_families *families, struct kz_errand *errand, uint32_t wait_ms)
{
    errand->state = KZ_ERRAND_NEW;
    errand->due_ms = families->sim->now_ms + wait_ms + chance(families, 50);
}

static void take_result(struct kz_families *families, unsigned i, struct kz_errand *errand,
                        const struct kz_answer *answer)
{
    families->answers++;
    switch ((enum kz_answer_code)answer->code) {
    case KZ_ANSWER_APPLIED:
    case KZ_ANSWER_REPEATED: settle(families, errand, answer->index, answer->result); break;
    case KZ_ANSWER_REFUSED:
        if (answer->result == KZ_RESULT_CONFLICT)
            kz_broken("a request id of one command was taken for another's");
        errand->state = KZ_ERRAND_REFUSED;
        break;
    case KZ_ANSWER_UNKNOWN:
        errand->unsure = true;
        errand->state = KZ_ERRAND_UNSURE;
        errand->due_ms = families->sim->now_ms + 20;
        break;
    case KZ_ANSWER_NOT_LEADER:
        try_again(families, errand, 10);
        families->families[i].moves = true;
        break;
    case KZ_ANSWER_UNAVAILABLE:
        families->families[i].moves = chance(families, 8) == 0;
        try_again(families, errand, answer->retry_ms);
        break;
    case KZ_ANSWER_BUSY: try_again(families, errand, answer->retry_ms); break;
    default: kz_broken("a command was called malformed"); break;
    }
}

static struct kz_errand *errand_of(struct kz_families *families, unsigned i, uint64_t tag)
{
    for (uint32_t e = i; e < families->count; e += KZ_CLIENTS) {
        struct kz_errand *errand = &families->errands[e];
        if (errand->state == KZ_ERRAND_SENT && errand->tag == tag) return errand;
    }
    return NULL;
}

/* What became of an errand, as the cluster says now. */
static void take_fate(struct kz_families *families, struct kz_errand *errand,
                      const struct kz_answer_header *header, struct kz_reader *content)
{
    if (!header->found) {
        if (errand->state == KZ_ERRAND_DONE && errand->has_entry)
            kz_broken("an acknowledged command (entry %" PRIu64 ") is not known any more",
                      errand->index);
        if (errand->state == KZ_ERRAND_ASKED) try_again(families, errand, 0);
        return;
    }
    struct kz_request_content fate;
    kz_request_content_read(content, &fate);
    if (errand->state == KZ_ERRAND_DONE &&
        (fate.index != errand->index || fate.result != errand->result)) {
        kz_broken("a command was told to be entry %" PRIu64 ", then %" PRIu64, errand->index,
                  fate.index);
    }
    if (errand->state != KZ_ERRAND_DONE) settle(families, errand, fate.index, fate.result);
}

static void take_answer(struct kz_families *families, unsigned i, const struct kz_frame *frame)
{
    struct kz_answer_header header;
    struct kz_reader content;
    struct kz_question *question = &families->families[i].question;
    if (kz_answer_decode(frame, &header, &content) != KZ_OK) kz_broken("an answer is malformed");
    if (question->tag != frame->tag) return;

    families->answers++;
    question->tag = 0;
    struct kz_errand *errand =
        question->errand < KZ_ERRANDS_MAX ? &families->errands[question->errand] : NULL;
    if (header.code != KZ_ANSWER_APPLIED) {
        if (errand != NULL && errand->state == KZ_ERRAND_ASKED) {
            errand->state = KZ_ERRAND_UNSURE;
            errand->due_ms = families->sim->now_ms + 50;
        }
        return;
    }
    if (header.applied < question->floor) {
        kz_broken("a stale read: it reflects entry %" PRIu64 ", and entry %" PRIu64
                  " was told before it was asked",
                  header.applied, question->floor);
    }
    if (header.applied > families->heard) families->heard = header.applied;
    if (errand != NULL) take_fate(families, errand, &header, &content);
}

static void take_results(struct kz_families *families, unsigned i, const struct kz_frame *frame)
{
    struct kz_answer answer;
    uint16_t count;
    if (kz_results_decode(frame, &answer, 1, &count) != KZ_OK || count != 1)
        kz_broken("RESULTS are malformed");
    struct kz_errand *errand = errand_of(families, i, frame->tag);
    if (errand != NULL) take_result(families, i, errand, &answer);
}

static void take_frames(struct kz_families *families, unsigned i)
{
    struct kz_family *family = &families->families[i];
    struct kz_frame frame;
    struct kz_welcome welcome;
    while (kz_sim_take_any(&family->client, &frame)) {
        switch (frame.type) {
        case KZ_MESSAGE_RESULTS: take_results(families, i, &frame); break;
        case KZ_MESSAGE_ANSWER: take_answer(families, i, &frame); break;
        case KZ_MESSAGE_WELCOME:
            if (kz_welcome_decode(&frame, &welcome) == KZ_OK) family->leader = welcome.leader;
            break;
        default: break;
        }
    }
    family->client.inbox_size = 0;
    family->client.inbox_taken = 0;
}

/* ---- Each millisecond ---- */

static void ask(struct kz_families *families, unsigned i, uint32_t e)
{
    struct kz_family *family = &families->families[i];
    struct kz_query query = {.what = KZ_QUERY_STATUS};
    if (e < KZ_ERRANDS_MAX) {
        query.what = KZ_QUERY_REQUEST;
        memcpy(query.request, families->errands[e].entry.request, KZ_ID_SIZE);
    }
    family->question = (struct kz_question){
        .tag = kz_sim_query(&family->client, &query),
        .floor = families->heard,
        .due_ms = families->sim->now_ms + PATIENCE_MS,
        .errand = e,
    };
    if (e < KZ_ERRANDS_MAX) {
        struct kz_errand *errand = &families->errands[e];
        errand->has_entry = errand->state == KZ_ERRAND_DONE;
        if (errand->has_entry) return;
        errand->state = KZ_ERRAND_ASKED;
        errand->due_ms = family->question.due_ms;
    }
}

static void send_errand(struct kz_families *families, unsigned i, struct kz_errand *errand)
{
    errand->tag = kz_sim_submit(&families->families[i].client, &errand->entry);
    errand->state = KZ_ERRAND_SENT;
    errand->due_ms = families->sim->now_ms + PATIENCE_MS;
}

static void look_after(struct kz_families *families, unsigned i, uint32_t e)
{
    struct kz_errand *errand = &families->errands[e];
    bool asks = families->families[i].question.tag == 0;
    if (errand->state == KZ_ERRAND_FORGOTTEN && families->closing) {
        errand->state = KZ_ERRAND_UNSURE;
        errand->due_ms = families->sim->now_ms;
    }
    if (errand->due_ms > families->sim->now_ms) return;
    switch (errand->state) {
    case KZ_ERRAND_NEW:
        if (e < families->city_count && e > families->next_of_city) break;
        send_errand(families, i, errand);
        break;
    case KZ_ERRAND_UNSURE:
        if (!asks || (!families->closing && chance(families, 3) != 0))
            send_errand(families, i, errand);
        else
            ask(families, i, e);
        break;
    case KZ_ERRAND_SENT:
    case KZ_ERRAND_ASKED: families->families[i].moves = true; break;
    default: break;
    }
}

static void follow_city(struct kz_families *families)
{
    while (families->next_of_city < families->city_count &&
           families->errands[families->next_of_city].state == KZ_ERRAND_DONE)
        families->next_of_city++;
}

static void run_family(struct kz_families *families, unsigned i)
{
    struct kz_family *family = &families->families[i];
    if (family->connected) take_frames(families, i);
    if (family->question.tag != 0 && family->question.due_ms <= families->sim->now_ms)
        family->moves = true;
    if (!family->connected || family->client.connection == NULL || family->moves) {
        if (families->sim->now_ms < family->since_ms + 20) return;
        family->moves = false;
        connect_somewhere(families, i);
        return;
    }
    bool may_crash = !families->probing && !families->closing;
    if (may_crash && chance(families, 4000) == 0) crash(families, i);
    if (!family->connected) return;
    for (uint32_t e = i; e < families->count; e += KZ_CLIENTS)
        look_after(families, i, e);
    if (family->question.tag != 0 || chance(families, 6) != 0) return;
    uint32_t e = families->count > 0 ? (uint32_t)chance(families, families->count) : 0;
    bool fate = families->errands[e].state == KZ_ERRAND_DONE && chance(families, 2) == 0;
    ask(families, i, fate ? e : KZ_ERRANDS_MAX);
}

void kz_families_run(struct kz_families *families)
{
    follow_city(families);
    for (unsigned i = 0; i < KZ_CLIENTS; i++)
        run_family(families, i);
    if (families->closing || !city_stands(families)) return;
    if (chance(families, families->every_ms) == 0) want_something(families);
}

void kz_families_rush(struct kz_families *families, uint64_t count)
{
    for (uint64_t i = 0; i < count && city_stands(families); i++)
        want_something(families);
}

void kz_families_probe(struct kz_families *families)
{
    families->probing = true;
    want_application(families);
}

void kz_families_close(struct kz_families *families)
{
    families->closing = true;
}

uint32_t kz_families_unsettled(const struct kz_families *families)
{
    for (uint32_t e = 0; e < families->count; e++) {
        enum kz_errand_state state = families->errands[e].state;
        if (state != KZ_ERRAND_DONE && state != KZ_ERRAND_REFUSED) return e;
    }
    return KZ_ERRANDS_MAX;
}

void kz_families_init(struct kz_families *families, struct kz_sim *sim)
{
    *families = (struct kz_families){.sim = sim};
    families->every_ms = 10 + (uint32_t)chance(families, 60);
    families->with_actors = chance(families, 2) == 0;
    set_up_city(families);
    families->city_count = families->count;
}

void kz_families_finish(struct kz_families *families)
{
    for (unsigned i = 0; i < KZ_CLIENTS; i++)
        disconnect(families, i);
}
