/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of answers: what of each kind becomes of its bytes. */
#include "client/wire/members.h"
#include "tests/client/asking.h"

static void keep_queue(void *data, const struct kezek_answer *answer, const void *content,
                       uint32_t count)
{
    keep(data, answer, content, count);
    if (content == NULL) return;
    memcpy(got.numbers, got.content.queue.numbers, got.content.queue.count * sizeof(uint64_t));
}

static void a_status_tells_of_the_node(void **state)
{
    uint64_t tag;
    struct kz_query query = begin_with((struct kezek_question){.what = KEZEK_ASK_STATUS}, keep,
                                       sizeof(struct kezek_status), &tag);
    (void)state;
    assert_int_equal(query.what, KZ_QUERY_STATUS);
    assert_false(query.local);
    kz_status_content_write(begin_reply(KZ_QUERY_STATUS),
                            &(struct kz_status_content){.node = 1,
                                                        .leader = 2,
                                                        .term = 3,
                                                        .last_index = 4,
                                                        .commit_index = 5,
                                                        .applied_index = 6,
                                                        .used_bytes = 7,
                                                        .waiting = 8,
                                                        .role = 2,
                                                        .digest = {9},
                                                        .cluster = {10}});
    say_reply(tag);
    const struct kezek_status *it = &got.content.status;
    expect_content(1);
    assert_int_equal(it->node, 1);
    assert_int_equal(it->leader, 2);
    assert_int_equal(it->term, 3);
    assert_int_equal(it->last_index, 4);
    assert_int_equal(it->commit_index, 5);
    assert_int_equal(it->applied_index, 6);
    assert_int_equal(it->used_bytes, 7);
    assert_int_equal(it->waiting, 8);
    assert_string_equal(it->role, "leader");
    assert_int_equal(it->digest[0], 9);
    assert_int_equal(it->cluster[0], 10);
}

static void an_application_is_told_in_words(void **state)
{
    uint64_t tag;
    struct kz_query query = begin_with((struct kezek_question){.what = KEZEK_ASK_APPLICATION,
                                                               .number = UINT64_C(1) << 40,
                                                               .freshness = KEZEK_LOCAL},
                                       keep, sizeof(struct kezek_application), &tag);
    (void)state;
    assert_int_equal(query.number, UINT64_C(1) << 40);
    assert_true(query.local);
    kz_application_content_write(begin_reply(KZ_QUERY_APPLICATION),
                                 &(struct kz_application_content){.number = 12,
                                                                  .territory = 1,
                                                                  .birth_year = 2021,
                                                                  .kind = KZ_CORRECTIONAL,
                                                                  .category = KZ_FIRST_PRIORITY,
                                                                  .state = KZ_CALLED,
                                                                  .owed = true,
                                                                  .by_grant = true,
                                                                  .unused = 2,
                                                                  .position = 4,
                                                                  .kindergarten = 5,
                                                                  .applied_at = -6,
                                                                  .bulletin = 7,
                                                                  .referral = 8,
                                                                  .last_day = 20000,
                                                                  .child = {9}});
    say_reply(tag);
    const struct kezek_application *it = &got.content.application;
    expect_content(1);
    assert_int_equal(it->number, 12);
    assert_string_equal(it->kind, "correctional");
    assert_string_equal(it->category, "first_priority");
    assert_string_equal(it->state, "called");
    assert_true(it->owed && it->by_grant);
    assert_int_equal(it->unused, 2);
    assert_int_equal(it->position, 4);
    assert_int_equal(it->kindergarten, 5);
    assert_int_equal(it->applied_at, -6);
    assert_int_equal(it->bulletin, 7);
    assert_int_equal(it->referral, 8);
    assert_int_equal(it->last_day, 20000);
    assert_int_equal(it->child[0], 9);
}

static const uint64_t asked_numbers[3] = {5, 6, UINT64_C(1) << 33};

static void say_positions(uint64_t tag, unsigned count)
{
    const struct kz_position_content contents[4] = {{1, KZ_WAITING}, {0, KZ_CALLED}, {0, 255}};
    struct kz_writer *writer = begin_reply(KZ_QUERY_POSITIONS);
    for (unsigned i = 0; i < count; i++)
        kz_position_content_write(writer, &contents[i]);
    say_reply(tag);
}

static void positions_come_in_the_order_of_asking(void **state)
{
    uint64_t tag;
    struct kz_query query = begin_with(
        (struct kezek_question){.what = KEZEK_ASK_POSITIONS, .numbers = asked_numbers, .count = 3},
        keep, 3 * sizeof(struct kezek_position), &tag);
    (void)state;
    assert_int_equal(query.count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(kz_get_u64(query.numbers + (size_t)8 * i), asked_numbers[i]);
    say_positions(tag, 3);
    expect_content(3);
    assert_int_equal(got.content.positions[0].position, 1);
    assert_string_equal(got.content.positions[0].state, "waiting");
    assert_string_equal(got.content.positions[1].state, "called");
    assert_null(got.content.positions[2].state);
}

static void another_number_of_positions_is_malformed(void **state)
{
    (void)state;
    for (unsigned count = 2; count <= 4; count += 2) {
        uint64_t tag;
        (void)begin_with((struct kezek_question){.what = KEZEK_ASK_POSITIONS,
                                                 .numbers = asked_numbers,
                                                 .count = 3},
                         keep, 3 * sizeof(struct kezek_position), &tag);
        say_positions(tag, count);
        assert_int_equal(got.answer.code, KEZEK_PROTOCOL);
        assert_false(got.has_content);
        scripted_expect_close(&script);
        scripted_finish(&script);
        assert_int_equal(got.calls, 1);
    }
}

static void say_queue(uint64_t tag, uint32_t count)
{
    struct kz_writer *writer = begin_reply(KZ_QUERY_QUEUE);
    kz_queue_content_write(writer, &(struct kz_queue_content){1, 2, 3, 4, 5, 6, 7, count});
    for (uint64_t i = 0; i < count; i++)
        kz_write_u64(writer, 100 + i);
    say_reply(tag);
}

static uint64_t ask_queue(uint32_t count)
{
    uint64_t tag;
    struct kz_query query = begin_with((struct kezek_question){.what = KEZEK_ASK_QUEUE,
                                                               .territory = 9,
                                                               .birth_year = 2020,
                                                               .kind = "ordinary",
                                                               .first = 3,
                                                               .count = count},
                                       keep_queue, sizeof(struct kezek_queue), &tag);
    assert_int_equal(query.territory, 9);
    assert_int_equal(query.birth_year, 2020);
    assert_int_equal(query.kind, KZ_ORDINARY);
    assert_int_equal(query.first, 3);
    assert_int_equal(query.count, count);
    return tag;
}

static void a_queue_comes_in_the_order_of_calling(void **state)
{
    (void)state;
    say_queue(ask_queue(4), 3);
    const struct kezek_queue *it = &got.content.queue;
    expect_content(1);
    assert_int_equal(it->owed, 1);
    assert_int_equal(it->out_of_turn, 2);
    assert_int_equal(it->first_priority, 3);
    assert_int_equal(it->general, 4);
    assert_int_equal(it->cycle, 5);
    assert_int_equal(it->calls_due, 6);
    assert_int_equal(it->open_places, 7);
    assert_int_equal(it->count, 3);
    assert_int_equal(got.numbers[2], 102);
}

static void more_of_a_queue_than_was_asked_for_is_malformed(void **state)
{
    uint64_t tag = ask_queue(2);
    (void)state;
    got.content.queue.count = 0;
    say_queue(tag, 3);
    assert_int_equal(got.answer.code, KEZEK_PROTOCOL);
    scripted_finish(&script);
}

static void bulletins_and_places_are_lists(void **state)
{
    uint64_t tag;
    struct kz_query query =
        begin_with((struct kezek_question){.what = KEZEK_ASK_BULLETINS, .territory = 4}, keep,
                   2 * sizeof(struct kezek_bulletin), &tag);
    (void)state;
    assert_int_equal(query.territory, 4);
    struct kz_writer *writer = begin_reply(KZ_QUERY_BULLETINS);
    kz_write_u32(writer, 2);
    kz_bulletin_content_write(
        writer, &(struct kz_bulletin_content){1, 2019, KZ_ORDINARY, true, 3, 4, 5, 6});
    kz_bulletin_content_write(writer, &(struct kz_bulletin_content){.index = 7});
    say_reply(tag);
    const struct kezek_bulletin *bulletin = got.content.bulletins;
    expect_content(2);
    assert_int_equal(bulletin->index, 1);
    assert_int_equal(bulletin->birth_year, 2019);
    assert_true(bulletin->in_priority);
    assert_int_equal(bulletin->last_day, 3);
    assert_int_equal(bulletin->free_places, 4);
    assert_int_equal(bulletin->calls_due, 5);
    assert_int_equal(bulletin->grants, 6);
    assert_int_equal(bulletin[1].index, 7);

    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_PLACES, .territory = 4}, keep,
                     3 * sizeof(struct kezek_places), &tag);
    writer = begin_reply(KZ_QUERY_PLACES);
    kz_write_u32(writer, 3);
    kz_places_content_write(writer, &(struct kz_places_content){11, 2019, 1, true, 0, 2});
    kz_places_content_write(writer, &(struct kz_places_content){12, 2019, 1, false, 0, 3});
    kz_places_content_write(writer, &(struct kz_places_content){13, 2019, 1, false, 9, 4});
    say_reply(tag);
    const struct kezek_places *places = got.content.places;
    expect_content(3);
    assert_int_equal(places[0].kindergarten, 11);
    assert_string_equal(places[0].state, "reported");
    assert_string_equal(places[1].state, "open");
    assert_string_equal(places[2].state, "bulletin");
    assert_int_equal(places[2].bulletin, 9);
    assert_int_equal(places[2].free_places, 4);
}

static void keep_last_place(void *data, const struct kezek_answer *answer, const void *content,
                            uint32_t count)
{
    const struct kezek_places *places = content;
    if (places != NULL) places += count - 1;
    keep(data, answer, places, count);
}

static void keep_last_bulletin(void *data, const struct kezek_answer *answer, const void *content,
                               uint32_t count)
{
    const struct kezek_bulletin *bulletins = content;
    if (bulletins != NULL) bulletins += count - 1;
    keep(data, answer, bulletins, count);
}

/* A node cuts a list only where its frame ends. */
static void a_list_may_fill_the_largest_frame(void **state)
{
    const uint32_t place_count = (KZ_NODE_FRAME_SIZE_MAX - 52) / KZ_PLACES_CONTENT_SIZE;
    const uint32_t bulletin_count = (KZ_NODE_FRAME_SIZE_MAX - 52) / KZ_BULLETIN_CONTENT_SIZE;
    uint64_t tag;
    (void)state;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_PLACES, .territory = 4},
                     keep_last_place, sizeof(struct kezek_places), &tag);
    struct kz_writer *writer = begin_reply(KZ_QUERY_PLACES);
    kz_write_u32(writer, place_count);
    for (uint32_t i = 1; i <= place_count; i++)
        kz_places_content_write(writer, &(struct kz_places_content){.kindergarten = i});
    say_reply(tag);
    const struct kezek_places *last_place = got.content.places;
    expect_content(place_count);
    assert_int_equal(last_place->kindergarten, place_count);

    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_BULLETINS, .territory = 4},
                     keep_last_bulletin, sizeof(struct kezek_bulletin), &tag);
    writer = begin_reply(KZ_QUERY_BULLETINS);
    kz_write_u32(writer, bulletin_count);
    for (uint32_t i = 1; i <= bulletin_count; i++)
        kz_bulletin_content_write(writer, &(struct kz_bulletin_content){.index = i});
    say_reply(tag);
    const struct kezek_bulletin *last_bulletin = got.content.bulletins;
    expect_content(bulletin_count);
    assert_int_equal(last_bulletin->index, bulletin_count);
}

static void a_list_that_is_shorter_than_it_says_is_malformed(void **state)
{
    static const uint32_t counts[] = {1, 3, UINT32_MAX / 20, UINT32_MAX}; /* there are two */
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(counts); i++) {
        uint64_t tag;
        (void)begin_with((struct kezek_question){.what = KEZEK_ASK_PLACES, .territory = 4}, keep, 0,
                         &tag);
        struct kz_writer *writer = begin_reply(KZ_QUERY_PLACES);
        kz_write_u32(writer, counts[i]);
        kz_places_content_write(writer, &(struct kz_places_content){.kindergarten = 1});
        kz_places_content_write(writer, &(struct kz_places_content){.kindergarten = 2});
        say_reply(tag);
        assert_int_equal(got.answer.code, KEZEK_PROTOCOL);
        scripted_finish(&script);
    }
}

static void an_empty_list_is_an_answer(void **state)
{
    uint64_t tag;
    (void)state;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_PLACES, .territory = 4}, keep, 0,
                     &tag);
    kz_write_u32(begin_reply(KZ_QUERY_PLACES), 0);
    say_reply(tag);
    expect_content(0);
}

static void keep_members(void *data, const struct kezek_answer *answer, const void *content,
                         uint32_t count)
{
    keep(data, answer, content, count);
    if (content == NULL) return;
    memcpy(got.members, got.content.members.members,
           got.content.members.count * sizeof(struct kezek_member));
}

static void members_are_told_with_their_addresses(void **state)
{
    uint64_t tag;
    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_MEMBERS}, keep_members,
                     sizeof(struct kezek_members), &tag);
    (void)state;
    const struct kz_members_content content = {
        .node = 1,
        .leader = 2,
        .term = 3,
        .last_index = 40,
        .count = 2,
        .members = {{{1, KZ_VOTER, {"p:1", 3}, {"c:1", 3}}, true, 39},
                    {{4, KZ_STANDBY, {"p:4", 3}, {"", 0}}, false, 7}},
    };
    kz_members_content_write(begin_reply(KZ_QUERY_MEMBERS), &content);
    say_reply(tag);
    expect_content(1);
    assert_int_equal(got.content.members.node, 1);
    assert_int_equal(got.content.members.leader, 2);
    assert_int_equal(got.content.members.term, 3);
    assert_int_equal(got.content.members.last_index, 40);
    assert_int_equal(got.content.members.count, 2);
    assert_int_equal(got.members[0].id, 1);
    assert_string_equal(got.members[0].role, "voter");
    assert_string_equal(got.members[0].peer, "p:1");
    assert_string_equal(got.members[0].client, "c:1");
    assert_true(got.members[0].connected);
    assert_int_equal(got.members[1].match, 7);
    assert_string_equal(got.members[1].role, "standby");
    assert_string_equal(got.members[1].client, "");
    assert_false(got.members[1].connected);
}

static void a_request_and_a_territory_are_told(void **state)
{
    uint64_t tag;
    struct kz_query query =
        begin_with((struct kezek_question){.what = KEZEK_ASK_REQUEST, .request = {1, 2}}, keep,
                   sizeof(struct kezek_outcome), &tag);
    (void)state;
    assert_int_equal(query.request[1], 2);
    kz_request_content_write(begin_reply(KZ_QUERY_REQUEST),
                             &(struct kz_request_content){77, KZ_RESULT_CLOSED});
    say_reply(tag);
    expect_content(1);
    assert_int_equal(got.content.outcome.index, 77);
    assert_int_equal(got.content.outcome.code, KEZEK_REFUSED);
    assert_string_equal(got.content.outcome.result, "closed");

    (void)begin_with((struct kezek_question){.what = KEZEK_ASK_TERRITORY, .territory = 3}, keep,
                     sizeof(struct kezek_territory), &tag);
    kz_territory_content_write(
        begin_reply(KZ_QUERY_TERRITORY),
        &(struct kz_territory_content){{3, {"Өскемен", 14}, -90},
                                       {3, 1080, 420, 1, 3, 4, KZ_CALENDAR_DAYS, 5, 6, 7, true}});
    say_reply(tag);
    const struct kezek_territory *it = &got.content.territory;
    expect_content(1);
    assert_int_equal(it->territory, 3);
    assert_string_equal(it->name, "Өскемен");
    assert_int_equal(it->utc_offset_minutes, -90);
    assert_int_equal(it->evening, 1080);
    assert_int_equal(it->morning, 420);
    assert_int_equal(it->first_priority, 1);
    assert_int_equal(it->general, 3);
    assert_int_equal(it->access_days, 4);
    assert_string_equal(it->access_unit, "calendar");
    assert_int_equal(it->referral_days, 5);
    assert_int_equal(it->stop_list_days, 6);
    assert_int_equal(it->unused_limit, 7);
    assert_true(it->register_closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_tells_of_the_node),
        cmocka_unit_test(an_application_is_told_in_words),
        cmocka_unit_test(positions_come_in_the_order_of_asking),
        cmocka_unit_test(another_number_of_positions_is_malformed),
        cmocka_unit_test(a_queue_comes_in_the_order_of_calling),
        cmocka_unit_test(more_of_a_queue_than_was_asked_for_is_malformed),
        cmocka_unit_test(bulletins_and_places_are_lists),
        cmocka_unit_test(a_list_may_fill_the_largest_frame),
        cmocka_unit_test(a_list_that_is_shorter_than_it_says_is_malformed),
        cmocka_unit_test(an_empty_list_is_an_answer),
        cmocka_unit_test(members_are_told_with_their_addresses),
        cmocka_unit_test(a_request_and_a_territory_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
