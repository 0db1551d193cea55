/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden records do not show: every rule of strictness on its own, on both sides. */
#include "tests/base/testing.h"

#include "statemachine/record/date.h"
#include "statemachine/record/schema.h"
#include "tests/record/random_entry.h"

#define ROUNDS 2000

static struct kz_text text(const char *string)
{
    return (struct kz_text){string, (uint16_t)strlen(string)};
}

static struct kz_entry entry_of(enum kz_entry_type type)
{
    struct kz_entry entry;
    memset(&entry, 0, sizeof entry);
    entry.type = type;
    return entry;
}

static size_t encode(const struct kz_entry *entry, uint8_t record[static KZ_RECORD_SIZE_MAX])
{
    return kz_record_encode(entry, record, KZ_RECORD_SIZE_MAX);
}

/* ---- Round trips ---- */

static void random_entries_come_back(void **state)
{
    (void)state;
    static struct random_entry random = {.seed = 17};
    uint8_t record[KZ_RECORD_SIZE_MAX];
    uint8_t again[KZ_RECORD_SIZE_MAX];

    for (int i = 0; i < ROUNDS; i++) {
        for (int type = KZ_TERRITORY; type < KZ_ENTRY_TYPE_END; type++) {
            struct kz_entry entry = kz_random_entry(&random, (enum kz_entry_type)type);
            struct kz_entry decoded;
            size_t size = encode(&entry, record);

            assert_true(size >= kz_schema_of(entry.type)->record_size);
            assert_int_equal(kz_record_decode(record, size, &decoded), KZ_OK);
            assert_true(decoded.time == entry.time && decoded.actor == entry.actor);
            assert_int_equal(encode(&decoded, again), size);
            assert_memory_equal(again, record, size);
        }
    }
}

static void the_schema_says_how_large_a_record_is(void **state)
{
    (void)state;
    for (int type = KZ_TERRITORY; type < KZ_ENTRY_TYPE_END; type++) {
        const struct kz_schema *schema = kz_schema_of((enum kz_entry_type)type);
        size_t size = KZ_RECORD_HEADER_SIZE;
        for (unsigned i = 0; i < schema->count; i++)
            size += kz_form_size(schema->fields[i].form);
        assert_int_equal(schema->record_size, size);
    }
    assert_int_equal(kz_schema_of(KZ_APPLICATION)->record_size, KZ_APPLICATION_SIZE);
}

static void the_header_is_read_and_stamped_in_place(void **state)
{
    (void)state;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry = entry_of(KZ_BARRIER);
    assert_int_equal(encode(&entry, record), KZ_RECORD_HEADER_SIZE);

    kz_record_set_time(record, 1796101200000);
    assert_int_equal(kz_record_type(record), KZ_BARRIER);
    assert_true(kz_record_time(record) == 1796101200000);
    assert_int_equal(kz_record_decode(record, KZ_RECORD_HEADER_SIZE, &entry), KZ_OK);
    assert_true(entry.time == 1796101200000);
}

static void one_byte_makes_a_request_id(void **state)
{
    (void)state;
    uint8_t request[KZ_ID_SIZE] = {0};
    assert_false(kz_has_request(request));
    for (size_t i = 0; i < KZ_ID_SIZE; i++) {
        request[i] = 1;
        assert_true(kz_has_request(request));
        request[i] = 0;
    }
}

static void each_type_is_the_clocks_the_clusters_or_a_persons(void **state)
{
    (void)state;
    for (int type = KZ_TERRITORY; type < KZ_ENTRY_TYPE_END; type++) {
        bool clock = type == KZ_PUBLISH || type == KZ_MORNING || type == KZ_GRANT;
        bool cluster = type == KZ_MEMBERSHIP || type == KZ_BARRIER || type == KZ_DIGEST ||
                       type == KZ_VERSION_ENTRY;
        assert_int_equal(kz_type_is_clock((enum kz_entry_type)type), clock);
        assert_int_equal(kz_type_is_cluster((enum kz_entry_type)type), cluster);
    }
}

/* ---- Decoding ---- */

/* One byte of an otherwise good record, and what comes of it. */
struct patch {
    enum kz_entry_type type;
    size_t offset;
    uint8_t byte;
    enum kz_status status;
};

static const struct patch patches[] = {
    {KZ_BARRIER, 0, 0, KZ_MALFORMED}, /* version */
    {KZ_BARRIER, 0, 1, KZ_OK},
    {KZ_BARRIER, 0, 2, KZ_NEWER},
    {KZ_BARRIER, 0, 255, KZ_NEWER},
    {KZ_BARRIER, 1, 0, KZ_NEWER}, /* type */
    {KZ_BARRIER, 1, KZ_ENTRY_TYPE_END, KZ_NEWER},
    {KZ_BARRIER, 1, 255, KZ_NEWER},
    {KZ_BARRIER, 1, KZ_VERSION_ENTRY, KZ_MALFORMED}, /* a type with fields */
    {KZ_BARRIER, 2, 1, KZ_MALFORMED},                /* flags */
    {KZ_BARRIER, 3, 1, KZ_MALFORMED},
    {KZ_CLAIM, 2, 1, KZ_MALFORMED},
    {KZ_APPLICATION, 2, 1, KZ_OK},
    {KZ_APPLICATION, 2, 2, KZ_MALFORMED},
    {KZ_APPLICATION, 2, 3, KZ_MALFORMED},
    {KZ_APPLICATION, 3, 0x80, KZ_MALFORMED},
    {KZ_BARRIER, 11, 0x7f, KZ_OK}, /* time */
    {KZ_BARRIER, 11, 0x80, KZ_MALFORMED},
    {KZ_APPLICATION, 38, KZ_KIND_END - 1, KZ_OK}, /* words */
    {KZ_APPLICATION, 38, KZ_KIND_END, KZ_MALFORMED},
    {KZ_APPLICATION, 39, KZ_CATEGORY_END - 1, KZ_OK},
    {KZ_APPLICATION, 39, KZ_CATEGORY_END, KZ_MALFORMED},
    {KZ_ACTOR, 36, KZ_ROLE_END - 1, KZ_OK},
    {KZ_ACTOR, 36, KZ_ROLE_END, KZ_MALFORMED},
    {KZ_POLICY, 56, KZ_ACCESS_UNIT_END - 1, KZ_OK},
    {KZ_POLICY, 56, KZ_ACCESS_UNIT_END, KZ_MALFORMED},
    {KZ_APPLICATION, 104, 1, KZ_MALFORMED}, /* applied_at without its flag */
    {KZ_APPLICATION, 111, 0x80, KZ_MALFORMED},
    {KZ_CALENDAR, 36, 1, KZ_OK}, /* a boolean */
    {KZ_CALENDAR, 36, 2, KZ_MALFORMED},
    {KZ_CALENDAR, 36, 255, KZ_MALFORMED},
    {KZ_CLAIM, 39, 0x7f, KZ_OK}, /* a number that JSON's readers hold */
    {KZ_CLAIM, 39, 0x80, KZ_MALFORMED},
    {KZ_CALENDAR, 35, 0x80, KZ_MALFORMED}, /* a date before the year 1 */
    {KZ_CALENDAR, 35, 0x7f, KZ_MALFORMED}, /* one past 9999 */
    {KZ_POLICY, 39, 0x80, KZ_MALFORMED},   /* an hour before 00:00 */
    {KZ_POLICY, 38, 1, KZ_MALFORMED},      /* one past 99:59 */
    {KZ_TERRITORY, 40, 1, KZ_MALFORMED},   /* a text's size without the text */
    {KZ_MEMBERSHIP, 32, 1, KZ_MALFORMED},  /* a count without the members */
};

static void each_rule_of_the_form_is_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(patches); i++) {
        uint8_t record[KZ_RECORD_SIZE_MAX];
        struct kz_entry entry = entry_of(patches[i].type);
        struct kz_entry decoded;
        size_t size = encode(&entry, record);

        assert_int_equal(kz_record_decode(record, size, &decoded), KZ_OK);
        record[patches[i].offset] = patches[i].byte;
        enum kz_status status = kz_record_decode(record, size, &decoded);
        if (status != patches[i].status)
            fail_msg("patch %zu (%s, offset %zu): %s", i,
                     kz_word(&kz_entry_type_words, patches[i].type), patches[i].offset,
                     kz_status_text(status));
    }
}

static void a_refused_record_leaves_the_entry_untouched(void **state)
{
    (void)state;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry = entry_of(KZ_CALENDAR);
    struct kz_entry before;
    size_t size = encode(&entry, record);

    record[size - 1] = 2;
    memset(&entry, 0xa5, sizeof entry);
    memset(&before, 0xa5, sizeof before);
    assert_int_equal(kz_record_decode(record, size, &entry), KZ_MALFORMED);
    assert_memory_equal(&entry, &before, sizeof entry);
}

static void dates_and_hours_end_where_their_spelling_ends(void **state)
{
    (void)state;
    static const struct {
        int32_t date;
        int32_t hour;
        bool good;
    } bounds[] = {
        {KZ_DATE_FIRST - 1, -1, false},
        {KZ_DATE_FIRST, 0, true},
        {KZ_DATE_LAST, KZ_HOUR_LAST, true},
        {KZ_DATE_LAST + 1, KZ_HOUR_LAST + 1, false},
    };
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        uint8_t record[KZ_RECORD_SIZE_MAX];
        struct kz_entry calendar = entry_of(KZ_CALENDAR);
        struct kz_entry policy = entry_of(KZ_POLICY);
        calendar.calendar.date = bounds[i].date;
        policy.policy.morning = bounds[i].hour;
        assert_int_equal(encode(&calendar, record) > 0, bounds[i].good);
        assert_int_equal(encode(&policy, record) > 0, bounds[i].good);
    }
}

/* A territory's record whose name is SIZE bytes at TEXT, written by hand. */
static enum kz_status decode_name(const char *name, size_t size)
{
    static uint8_t record[UINT16_MAX + 64];
    struct kz_entry entry = entry_of(KZ_TERRITORY);
    assert_int_equal(encode(&entry, record), 42);
    record[40] = (uint8_t)size;
    record[41] = (uint8_t)(size >> 8);
    memcpy(record + 42, name, size);
    return kz_record_decode(record, 42 + size, &entry);
}

static void names_are_text_of_a_bounded_size(void **state)
{
    (void)state;
    static char longest[UINT16_MAX];
    memset(longest, 'x', sizeof longest);

    assert_int_equal(decode_name("", 0), KZ_OK);
    assert_int_equal(decode_name("Алматы\n", 13), KZ_OK);
    assert_int_equal(decode_name(longest, KZ_TEXT_SIZE_MAX), KZ_OK);
    assert_int_equal(decode_name(longest, KZ_TEXT_SIZE_MAX + 1), KZ_MALFORMED);
    assert_int_equal(decode_name(longest, UINT16_MAX), KZ_MALFORMED);
    assert_int_equal(decode_name("a\0b", 3), KZ_MALFORMED);
    assert_int_equal(decode_name("\xed\xa0\x80", 3), KZ_MALFORMED);
    assert_int_equal(decode_name("\xd0", 1), KZ_MALFORMED);
}

/* ---- Encoding ---- */

static void what_has_no_record_is_not_encoded(void **state)
{
    (void)state;
    uint8_t record[KZ_RECORD_SIZE_MAX];
    static char longest[KZ_TEXT_SIZE_MAX + 1];
    memset(longest, 'x', sizeof longest);
    struct kz_entry entry = entry_of(KZ_ENTRY_TYPE_END);
    assert_int_equal(encode(&entry, record), 0);
    entry.type = (enum kz_entry_type)0;
    assert_int_equal(encode(&entry, record), 0);

    entry = entry_of(KZ_BARRIER);
    entry.time = -1;
    assert_int_equal(encode(&entry, record), 0);

    entry = entry_of(KZ_CORRECT);
    entry.correct.kind = KZ_KIND_END;
    assert_int_equal(encode(&entry, record), 0);

    entry = entry_of(KZ_READY);
    entry.application_only.application = (uint64_t)INT64_MAX + 1;
    assert_int_equal(encode(&entry, record), 0);

    entry = entry_of(KZ_APPLICATION);
    entry.application.applied_at = 1;
    assert_int_equal(encode(&entry, record), 0);

    entry = entry_of(KZ_KINDERGARTEN);
    entry.kindergarten.name = (struct kz_text){longest, KZ_TEXT_SIZE_MAX};
    assert_int_equal(encode(&entry, record), 43 + KZ_TEXT_SIZE_MAX);
    entry.kindergarten.name.size++;
    assert_int_equal(encode(&entry, record), 0);
    entry.kindergarten.name = text("\xff");
    assert_int_equal(encode(&entry, record), 0);
}

/* ---- Members ---- */

static const struct {
    uint64_t id;
    const char *peer;
    const char *client;
    uint8_t role;
    bool good;
} members[] = {
    {1, "10.0.0.1:7000", "қала.kz:7001", KZ_VOTER, true},
    {INT64_MAX, "", "", KZ_SPARE, true},
    {(uint64_t)INT64_MAX + 1, "", "", KZ_SPARE, false},
    {1, "", "", KZ_MEMBER_ROLE_END, false},
    {1, "a\nb", "", KZ_VOTER, false},
    {1, "", "a\x7f", KZ_VOTER, false},
    {1, "\xc2\x85", "", KZ_VOTER, false},
    {1, "\xff", "", KZ_VOTER, false},
    {1, "0123456789012345678901234567890123456789012345678901234567890123", "", KZ_VOTER, true},
    {1, "01234567890123456789012345678901234567890123456789012345678901234", "", KZ_VOTER, false},
    {1, "", "01234567890123456789012345678901234567890123456789012345678901234", KZ_VOTER, false},
};

/* The member as the last of two, written by hand after the encoder refused it. */
static size_t write_second_member(uint8_t *record, size_t i)
{
    size_t peer = strlen(members[i].peer);
    size_t client = strlen(members[i].client);
    uint8_t *next = record + KZ_RECORD_HEADER_SIZE;

    *next = 2;
    next += 1 + 11; /* the count, and a first member without addresses */
    for (int byte = 0; byte < 8; byte++)
        *next++ = (uint8_t)(members[i].id >> 8 * byte);
    *next++ = members[i].role;
    *next++ = (uint8_t)peer;
    memcpy(next, members[i].peer, peer);
    next += peer;
    *next++ = (uint8_t)client;
    memcpy(next, members[i].client, client);
    return (size_t)(next + client - record);
}

static void each_member_is_checked_on_both_sides(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        uint8_t record[KZ_RECORD_SIZE_MAX] = {0};
        struct kz_entry entry = entry_of(KZ_MEMBERSHIP);
        assert_true(encode(&entry, record) > 0);
        size_t size = write_second_member(record, i);

        entry.membership.count = 2;
        entry.membership.members[1] = (struct kz_member){
            members[i].id, members[i].role, text(members[i].peer), text(members[i].client)};
        uint8_t encoded[KZ_RECORD_SIZE_MAX];
        assert_int_equal(encode(&entry, encoded), members[i].good ? size : 0);
        if (members[i].good) assert_memory_equal(encoded, record, size);
        assert_int_equal(kz_record_decode(record, size, &entry),
                         members[i].good ? KZ_OK : KZ_MALFORMED);
    }
}

static void a_membership_has_at_most_sixteen_members(void **state)
{
    (void)state;
    uint8_t record[KZ_RECORD_SIZE_MAX] = {0};
    struct kz_entry entry = entry_of(KZ_MEMBERSHIP);
    entry.membership.count = KZ_MEMBERS_MAX;
    size_t size = encode(&entry, record);

    assert_int_equal(size, KZ_RECORD_HEADER_SIZE + 1 + 16 * 11);
    assert_int_equal(kz_record_decode(record, size, &entry), KZ_OK);
    assert_int_equal(entry.membership.count, KZ_MEMBERS_MAX);

    record[KZ_RECORD_HEADER_SIZE]++;
    assert_int_equal(kz_record_decode(record, size + 11, &entry), KZ_MALFORMED);
    entry.membership.count++;
    assert_int_equal(encode(&entry, record), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_entries_come_back),
        cmocka_unit_test(the_schema_says_how_large_a_record_is),
        cmocka_unit_test(the_header_is_read_and_stamped_in_place),
        cmocka_unit_test(one_byte_makes_a_request_id),
        cmocka_unit_test(each_type_is_the_clocks_the_clusters_or_a_persons),
        cmocka_unit_test(each_rule_of_the_form_is_kept),
        cmocka_unit_test(a_refused_record_leaves_the_entry_untouched),
        cmocka_unit_test(dates_and_hours_end_where_their_spelling_ends),
        cmocka_unit_test(names_are_text_of_a_bounded_size),
        cmocka_unit_test(what_has_no_record_is_not_encoded),
        cmocka_unit_test(each_member_is_checked_on_both_sides),
        cmocka_unit_test(a_membership_has_at_most_sixteen_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
