/* SPDX-License-Identifier: Apache-2.0 */
/* Answers from the machine as it is now; whether it may be asked now is reads.c's. */
#include "node/core/bounds.h"
#include "node/core/calls.h"
#include "node/core/memory.h"

#include <string.h>

#define PREAMBLE_SIZE (KZ_FRAME_HEADER_SIZE + 24 + 4) /* frame, answer's header, a count */
#define PLACES_MAX    ((KZ_NODE_FRAME_SIZE_MAX - PREAMBLE_SIZE) / KZ_PLACES_CONTENT_SIZE)
#define BULLETINS_MAX ((KZ_NODE_FRAME_SIZE_MAX - PREAMBLE_SIZE) / KZ_BULLETIN_CONTENT_SIZE)

/* One answer under way. */
struct reply {
    struct kz_core *core;
    struct kz_link_state *link;
    uint64_t tag;
    uint8_t what;
    struct kz_writer writer;
    struct kz_answer_writer answer;
};

static void begin(struct reply *reply, bool found, size_t content_max)
{
    const struct kz_answer_header header = {
        .code = KZ_ANSWER_APPLIED,
        .what = reply->what,
        .found = found,
        .applied = reply->core->applied,
        .time = kz_machine_time(reply->core->machine),
    };
    reply->writer = kz_links_writer(reply->link, PREAMBLE_SIZE + content_max);
    kz_answer_begin(&reply->answer, &reply->writer, &header);
}

static void finish(struct reply *reply)
{
    kz_answer_finish(&reply->answer, reply->tag);
    kz_links_written(&reply->core->links, reply->link, &reply->writer);
}

static void not_found(struct reply *reply)
{
    begin(reply, false, 0);
    finish(reply);
}

/* ---- By what is asked ---- */

static void answer_status(struct reply *reply)
{
    struct kz_core_figures figures;
    kz_core_figures(reply->core, &figures);
    struct kz_status_content content = {
        .node = reply->core->options.id,
        .leader = figures.leader,
        .term = figures.term,
        .last_index = figures.last_index,
        .commit_index = figures.commit_index,
        .applied_index = figures.applied_index,
        .used_bytes = reply->core->used_bytes,
        .waiting = figures.machine.waiting,
        .role = figures.role,
    };
    kz_machine_digest(reply->core->machine, content.digest);
    memcpy(content.cluster, reply->core->options.cluster, KZ_ID_SIZE);
    begin(reply, true, 128);
    kz_status_content_write(&reply->writer, &content);
    finish(reply);
}

static void answer_application(struct reply *reply, uint64_t number)
{
    struct kz_application_view view;
    if (!kz_machine_application(reply->core->machine, number, &view)) {
        not_found(reply);
        return;
    }
    struct kz_application_content content = {
        .number = view.number,
        .territory = view.queue.territory,
        .birth_year = view.queue.birth_year,
        .kind = view.queue.kind,
        .category = view.category,
        .state = view.state,
        .owed = view.owed,
        .by_grant = view.by_grant,
        .unused = view.unused,
        .position = view.position,
        .kindergarten = view.kindergarten,
        .applied_at = view.applied_at,
        .bulletin = view.bulletin,
        .referral = view.referral,
        .last_day = view.last_day,
    };
    memcpy(content.child, view.child, KZ_ID_SIZE);
    begin(reply, true, 128);
    kz_application_content_write(&reply->writer, &content);
    finish(reply);
}

static void answer_positions(struct reply *reply, const struct kz_query *query)
{
    begin(reply, true, (size_t)query->count * 5);
    for (uint32_t i = 0; i < query->count; i++) {
        struct kz_position_content content = {0, UINT8_MAX};
        struct kz_application_view view;
        uint64_t number = kz_get_u64(query->numbers + (size_t)i * 8);
        if (kz_machine_application(reply->core->machine, number, &view))
            content = (struct kz_position_content){view.position, view.state};
        kz_position_content_write(&reply->writer, &content);
    }
    finish(reply);
}

static void answer_queue(struct reply *reply, const struct kz_query *query)
{
    const struct kz_machine *machine = reply->core->machine;
    struct kz_queue_id id = {query->territory, query->birth_year, query->kind};
    struct kz_queue_view view;
    if (!kz_machine_queue(machine, id, &view)) {
        not_found(reply);
        return;
    }
    uint64_t numbers[KZ_NUMBERS_MAX];
    uint32_t count = 0;
    if (query->count > 0)
        count = kz_machine_queue_order(machine, id, query->first, numbers, query->count);
    struct kz_queue_content content = {
        view.owed,  view.out_of_turn, view.first_priority, view.general,
        view.cycle, view.calls_due,   view.open_places,    count};
    begin(reply, true, 32 + (size_t)count * 8);
    kz_queue_content_write(&reply->writer, &content);
    for (uint32_t i = 0; i < count; i++)
        kz_write_u64(&reply->writer, numbers[i]);
    finish(reply);
}

static bool knows_territory(const struct kz_core *core, uint32_t number)
{
    struct kz_territory_fields territory;
    struct kz_policy_fields policy;
    return kz_machine_territory(core->machine, number, &territory, &policy);
}

static void answer_bulletins(struct reply *reply, uint32_t territory)
{
    const struct kz_machine *machine = reply->core->machine;
    if (!knows_territory(reply->core, territory)) {
        not_found(reply);
        return;
    }
    struct kz_bulletin_view view;
    uint32_t count = 0;
    for (uint64_t cursor = 0; count < BULLETINS_MAX; count++)
        if (!kz_machine_next_bulletin(machine, territory, &cursor, &view)) break;

    begin(reply, true, (size_t)count * 28);
    kz_write_u32(&reply->writer, count);
    uint64_t cursor = 0;
    for (uint32_t i = 0; i < count; i++) {
        kz_machine_next_bulletin(machine, territory, &cursor, &view);
        struct kz_bulletin_content content = {
            view.index,    view.queue.birth_year, view.queue.kind, view.in_priority,
            view.last_day, view.free_places,      view.calls_due,  view.grants};
        kz_bulletin_content_write(&reply->writer, &content);
    }
    finish(reply);
}

static void answer_places(struct reply *reply, uint32_t territory)
{
    const struct kz_machine *machine = reply->core->machine;
    if (!knows_territory(reply->core, territory)) {
        not_found(reply);
        return;
    }
    struct kz_places_view view;
    uint32_t count = 0;
    for (uint64_t cursor = 0; count < PLACES_MAX; count++)
        if (!kz_machine_next_places(machine, territory, &cursor, &view)) break;

    begin(reply, true, (size_t)count * 20);
    kz_write_u32(&reply->writer, count);
    uint64_t cursor = 0;
    for (uint32_t i = 0; i < count; i++) {
        kz_machine_next_places(machine, territory, &cursor, &view);
        struct kz_places_content content = {view.kindergarten, view.birth_year, view.kind,
                                            view.reported,     view.bulletin,   view.free_places};
        kz_places_content_write(&reply->writer, &content);
    }
    finish(reply);
}

static void answer_request(struct reply *reply, const struct kz_query *query)
{
    const struct kz_machine *machine = reply->core->machine;
    uint64_t index;
    enum kz_result result;
    if (!kz_machine_request(machine, query->request, kz_machine_time(machine), &index, &result)) {
        not_found(reply);
        return;
    }
    struct kz_request_content content = {index, (uint8_t)result};
    begin(reply, true, 16);
    kz_request_content_write(&reply->writer, &content);
    finish(reply);
}

static void answer_territory(struct reply *reply, uint32_t number)
{
    struct kz_territory_content content;
    if (!kz_machine_territory(reply->core->machine, number, &content.territory, &content.policy)) {
        not_found(reply);
        return;
    }
    begin(reply, true, 64 + (size_t)content.territory.name.size);
    kz_territory_content_write(&reply->writer, &content);
    finish(reply);
}

static void answer_members(struct reply *reply)
{
    struct kz_members_content content;
    kz_members_content(reply->core, &content);
    begin(reply, true, KZ_MEMBERS_CONTENT_SIZE_MAX);
    kz_members_content_write(&reply->writer, &content);
    finish(reply);
}

/* ---- Taking and answering ---- */

void kz_queries_answer(struct kz_core *core, struct kz_link_state *link, uint64_t tag,
                       const uint8_t *body, size_t size)
{
    const struct kz_frame frame = {KZ_MESSAGE_QUERY, tag, body, size};
    struct kz_query query;
    enum kz_status status = kz_query_decode(&frame, &query);
    KZ_ASSERT(status == KZ_OK);

    if (link->size >= KZ_ANSWERS_PER_LINK_SIZE || core->links.client_bytes >= KZ_ANSWERS_SIZE) {
        kz_queries_refuse(core, link, tag, query.what, KZ_ANSWER_BUSY, KZ_REASON_PENDING);
        return;
    }
    struct reply reply = {.core = core, .link = link, .tag = tag, .what = query.what};
    switch ((enum kz_query_what)query.what) {
    case KZ_QUERY_STATUS: answer_status(&reply); break;
    case KZ_QUERY_APPLICATION: answer_application(&reply, query.number); break;
    case KZ_QUERY_POSITIONS: answer_positions(&reply, &query); break;
    case KZ_QUERY_QUEUE: answer_queue(&reply, &query); break;
    case KZ_QUERY_BULLETINS: answer_bulletins(&reply, query.territory); break;
    case KZ_QUERY_REQUEST: answer_request(&reply, &query); break;
    case KZ_QUERY_TERRITORY: answer_territory(&reply, query.territory); break;
    case KZ_QUERY_PLACES: answer_places(&reply, query.territory); break;
    case KZ_QUERY_MEMBERS: answer_members(&reply); break;
    case KZ_QUERY_END: break;
    }
}

void kz_queries_refuse(struct kz_core *core, struct kz_link_state *link, uint64_t tag, uint8_t what,
                       enum kz_answer_code code, enum kz_reason reason)
{
    const struct kz_answer_header header = {
        .code = (uint8_t)code,
        .what = what,
        .reason = (uint8_t)reason,
        .retry_ms = KZ_RETRY_MS,
        .applied = core->applied,
        .time = kz_machine_time(core->machine),
    };
    struct kz_answer_writer answer;
    struct kz_writer writer = kz_links_writer(link, PREAMBLE_SIZE);
    kz_answer_begin(&answer, &writer, &header);
    kz_answer_finish(&answer, tag);
    kz_links_written(&core->links, link, &writer);
}

void kz_queries_take(struct kz_core *core, struct kz_link_state *link, const struct kz_frame *frame)
{
    struct kz_query query;
    if (kz_query_decode(frame, &query) != KZ_OK) {
        kz_sessions_dismiss(core, link, "the QUERY is malformed: see PROTOCOL.md");
        return;
    }
    if (query.local) {
        kz_queries_answer(core, link, frame->tag, frame->body, frame->body_size);
        core->figures.reads++;
    } else if (core->phase != KZ_RUNNING) {
        kz_queries_refuse(core, link, frame->tag, query.what, KZ_ANSWER_UNAVAILABLE,
                          KZ_REASON_STARTING);
    } else {
        kz_reads_add(core, link, frame);
    }
}
