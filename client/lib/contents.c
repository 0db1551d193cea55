/* SPDX-License-Identifier: Apache-2.0 */
/* What answers hold, from the wire into the public structs. */
#include "client/lib/contents.h"
#include "client/wire/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void copy_address(struct kz_text from, char to[static KEZEK_ADDRESS_SIZE])
{
    (void)snprintf(to, KEZEK_ADDRESS_SIZE, "%.*s", (int)from.size,
                   from.bytes == NULL ? "" : from.bytes);
}

static void read_members(struct kz_reader *reader, struct kezek_members *out,
                         struct kezek_member *items)
{
    struct kz_members_content content = {.count = 0};

    kz_members_content_read(reader, &content);
    *out = (struct kezek_members){
        .node = content.node,
        .leader = content.leader,
        .term = content.term,
        .last_index = content.last_index,
        .count = content.count,
        .members = items,
    };
    for (unsigned i = 0; !reader->failed && i < content.count; i++) {
        const struct kz_member_content *member = &content.members[i];
        items[i] = (struct kezek_member){
            .id = member->member.id,
            .role = kz_word(&kz_member_role_words, member->member.role),
            .connected = member->connected,
            .match = member->match,
        };
        copy_address(member->member.peer, items[i].peer);
        copy_address(member->member.client, items[i].client);
    }
}

/* ---- Lists of what was asked for, at most KZ_NUMBERS_MAX ---- */

static uint32_t read_positions(struct kz_reader *reader, uint32_t asked,
                               struct kezek_position *items)
{
    for (uint32_t i = 0; !reader->failed && i < asked; i++) {
        struct kz_position_content content = {0};
        kz_position_content_read(reader, &content);
        bool known = content.state < KZ_APPLICATION_STATE_END;
        const char *state = known ? kz_word(&kz_application_state_words, content.state) : NULL;
        items[i] = (struct kezek_position){content.position, state};
    }
    return asked;
}

static void read_queue(struct kz_reader *reader, uint32_t asked, struct kezek_queue *out,
                       uint64_t *numbers)
{
    struct kz_queue_content content = {0};

    kz_queue_content_read(reader, &content);
    if (content.count > asked) reader->failed = true;
    for (uint32_t i = 0; !reader->failed && i < content.count; i++)
        numbers[i] = kz_read_u64(reader);
    *out = (struct kezek_queue){
        .owed = content.owed,
        .out_of_turn = content.out_of_turn,
        .first_priority = content.first_priority,
        .general = content.general,
        .cycle = content.cycle,
        .calls_due = content.calls_due,
        .open_places = content.open_places,
        .count = content.count,
        .numbers = numbers,
    };
}

/* ---- Lists that are as long as the node makes them ---- */

/* Makes memory for the list whose count is next: of ITEM_SIZE bytes each, READ_SIZE in the answer,
 * which so bounds what is asked for. Returns: NULL when the reader has failed or without memory. */
static void *make_list(struct kz_reader *reader, size_t read_size, size_t item_size,
                       struct kz_contents *out)
{
    uint32_t count = kz_read_u32(reader);
    if (count > kz_reader_left(reader) / read_size) reader->failed = true;
    if (reader->failed) return NULL;

    out->memory = calloc(count + (size_t)1, item_size); /* one more: an empty list has memory too */
    out->items = out->memory;
    out->count = count;
    return out->memory;
}

static void read_bulletins(struct kz_reader *reader, struct kz_contents *out)
{
    struct kezek_bulletin *items = make_list(reader, KZ_BULLETIN_CONTENT_SIZE, sizeof *items, out);

    for (uint32_t i = 0; items != NULL && i < out->count; i++) {
        struct kz_bulletin_content content = {0};
        kz_bulletin_content_read(reader, &content);
        if (reader->failed) return;
        items[i] = (struct kezek_bulletin){
            content.index,       content.birth_year, kz_word(&kz_kind_words, content.kind),
            content.in_priority, content.last_day,   content.free_places,
            content.calls_due,   content.grants};
    }
}

static void read_places(struct kz_reader *reader, struct kz_contents *out)
{
    struct kezek_places *items = make_list(reader, KZ_PLACES_CONTENT_SIZE, sizeof *items, out);

    for (uint32_t i = 0; items != NULL && i < out->count; i++) {
        struct kz_places_content content = {0};
        kz_places_content_read(reader, &content);
        if (reader->failed) return;
        const char *state = content.reported        ? "reported"
                            : content.bulletin == 0 ? "open"
                                                    : "bulletin";
        items[i] = (struct kezek_places){
            content.kindergarten, content.birth_year, kz_word(&kz_kind_words, content.kind), state,
            content.bulletin,     content.free_places};
    }
}

/* ---- By question ---- */

enum kezek_code kz_contents_read(const struct question *question, struct kz_reader *reader,
                                 struct kz_contents *out)
{
    out->items = &out->one;
    out->count = 1;
    out->memory = NULL;
    switch (question->what) {
    case KEZEK_ASK_STATUS: read_status(reader, &out->one.status); break;
    case KEZEK_ASK_APPLICATION: read_application(reader, &out->one.application); break;
    case KEZEK_ASK_QUEUE:
        read_queue(reader, question->count, &out->one.queue, out->list.numbers);
        break;
    case KEZEK_ASK_REQUEST: read_request(reader, &out->one.outcome); break;
    case KEZEK_ASK_TERRITORY: read_territory(reader, &out->one.territory); break;
    case KEZEK_ASK_MEMBERS: read_members(reader, &out->one.members, out->list.members); break;
    case KEZEK_ASK_POSITIONS:
        out->items = &out->list;
        out->count = read_positions(reader, question->count, out->list.positions);
        break;
    case KEZEK_ASK_BULLETINS: read_bulletins(reader, out); break;
    default: read_places(reader, out); break;
    }
    if (out->items == NULL) return KEZEK_NO_MEMORY;
    return kz_reader_done(reader) ? KEZEK_OK : KEZEK_PROTOCOL;
}

void kz_contents_finish(struct kz_contents *contents)
{
    free(contents->memory);
}
