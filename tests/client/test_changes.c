/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the members and the leader: to whom they are sent, when again, what becomes of them.
 */
#include "client/wire/members.h"
#include "tests/client/scripted.h"

#define A       "a:1"
#define B       "b:2"
#define TIMEOUT 10000

static struct scripted script;

static struct {
    unsigned calls;
    struct kezek_changed changed;
} got;

static void keep(void *data, const struct kezek_changed *changed)
{
    (void)data;
    got.calls++;
    got.changed = *changed;
}

static const struct kezek_change addition = {.what = KEZEK_MEMBER_ADD,
                                             .node = 4,
                                             .peer = "127.0.0.1:7",
                                             .client = "127.0.0.1:8",
                                             .actor = 9};

static void ask(struct kezek_change change)
{
    memset(&got, 0, sizeof got);
    assert_int_equal(kezek_client_change(script.client, script.now_ms, &change, keep, NULL, NULL),
                     KEZEK_OK);
}

/* Begins with node A leading, and asks. */
static void begin(struct kezek_change change)
{
    scripted_init(&script, A "," B);
    scripted_begin(&script, A);
    ask(change);
}

/* Takes the CHANGE that the client sends. Returns: its tag. */
static uint64_t expect_change(struct kz_change *out)
{
    struct kz_frame frame = scripted_expect(&script, KZ_MESSAGE_CHANGE);
    assert_int_equal(kz_change_decode(&frame, out), KZ_OK);
    return frame.tag;
}

static void tell(uint64_t tag, struct kz_changed changed)
{
    uint8_t bytes[KZ_CHANGE_FRAME_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    kz_changed_encode(&writer, tag, &changed);
    scripted_say(&script, &writer);
}

static void end_with(enum kezek_code code)
{
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.changed.code, code);
    assert_int_equal(kezek_client_waiting(script.client), 0);
    scripted_finish(&script);
    assert_int_equal(got.calls, 1);
}

static void a_change_is_sent_as_it_is_wanted(void **state)
{
    (void)state;
    struct kz_change change;
    begin(addition);
    uint64_t tag = expect_change(&change);
    assert_int_equal(change.what, KZ_CHANGE_ADD);
    assert_int_equal(change.node, 4);
    assert_int_equal(change.actor, 9);
    assert_memory_equal(change.peer.bytes, "127.0.0.1:7", change.peer.size);
    assert_memory_equal(change.client.bytes, "127.0.0.1:8", change.client.size);
    assert_int_equal(got.calls, 0);
    tell(tag, (struct kz_changed){.code = KZ_ANSWER_APPLIED, .index = 12, .leader = 1});
    assert_int_equal(got.changed.index, 12);
    assert_int_equal(got.changed.leader, 1);
    end_with(KEZEK_OK);
}

static void only_a_leader_is_asked(void **state)
{
    (void)state;
    struct kz_change change;
    scripted_init(&script, A "," B);
    scripted_connect(&script, A);
    ask((struct kezek_change){.what = KEZEK_LEADER_MOVE, .node = 2});
    scripted_welcome(&script, 1, 0, NULL); /* it knows no leader */
    scripted_expect_silence(&script);
    scripted_welcome(&script, 1, 2, B);
    scripted_expect_close(&script);
    scripted_pass(&script, 100);
    scripted_connect(&script, B);
    scripted_welcome(&script, 2, 2, B);
    uint64_t tag = expect_change(&change);
    assert_int_equal(change.what, KZ_CHANGE_LEADER);
    assert_int_equal(change.peer.size, 0);
    tell(tag, (struct kz_changed){.code = KZ_ANSWER_APPLIED, .leader = 2});
    end_with(KEZEK_OK);
}

static void a_lost_connection_asks_again(void **state)
{
    (void)state;
    struct kz_change change;
    begin(addition);
    uint64_t tag = expect_change(&change);
    scripted_lose(&script);
    scripted_pass(&script, 100);
    scripted_connect(&script, B);
    scripted_welcome(&script, 2, 2, B);
    assert_int_equal(expect_change(&change), tag);
    tell(tag, (struct kz_changed){.code = KZ_ANSWER_APPLIED, .index = 12, .leader = 2});
    end_with(KEZEK_OK);
}

static void what_may_hold_later_is_asked_again_when_told(void **state)
{
    (void)state;
    static const uint8_t codes[] = {KZ_ANSWER_NOT_LEADER, KZ_ANSWER_BUSY, KZ_ANSWER_UNAVAILABLE,
                                    KZ_ANSWER_UNKNOWN};
    struct kz_change change;
    begin(addition);
    uint64_t tag = expect_change(&change);
    for (unsigned i = 0; i < sizeof codes; i++) {
        tell(tag, (struct kz_changed){.code = codes[i], .retry_ms = 70});
        scripted_expect_silence(&script);
        assert_int_equal(kezek_client_deadline(script.client), script.now_ms + 70);
        scripted_pass(&script, 69);
        scripted_expect_silence(&script);
        scripted_pass(&script, 1);
        assert_int_equal(expect_change(&change), tag);
    }
    tell(tag, (struct kz_changed){.code = KZ_ANSWER_APPLIED, .index = 12});
    end_with(KEZEK_OK);
}

static void a_refusal_has_its_sentence(void **state)
{
    (void)state;
    static const struct {
        struct kz_changed told;
        enum kezek_code code;
        const char *result, *text;
    } cases[] = {
        {{.code = KZ_ANSWER_REFUSED,
          .reason = KZ_REASON_MEMBERS,
          .sentence = {"node 1 is the only voter", 24}},
         KEZEK_REFUSED,
         NULL,
         "node 1 is the only voter"},
        {{.code = KZ_ANSWER_REFUSED, .reason = KZ_REASON_NO_MEMBER},
         KEZEK_NOT_FOUND,
         NULL,
         "the cluster has no member of that number"},
        {{.code = KZ_ANSWER_REFUSED, .result = KZ_RESULT_NOT_ALLOWED},
         KEZEK_REFUSED,
         "not_allowed",
         "this actor is no operator"},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct kz_change change;
        begin((struct kezek_change){.what = KEZEK_MEMBER_REMOVE, .node = 1});
        tell(expect_change(&change), cases[i].told);
        assert_string_equal(got.changed.text, cases[i].text);
        if (cases[i].result == NULL)
            assert_null(got.changed.result);
        else
            assert_string_equal(got.changed.result, cases[i].result);
        assert_false(got.changed.retry);
        end_with(cases[i].code);
    }
}

static void a_time_that_is_over_says_what_is_known(void **state)
{
    (void)state;
    struct kz_change change;
    begin((struct kezek_change){.what = KEZEK_MEMBER_PROMOTE, .node = 4});
    uint64_t tag = expect_change(&change);
    tell(tag, (struct kz_changed){.code = KZ_ANSWER_UNAVAILABLE,
                                  .reason = KZ_REASON_BEHIND,
                                  .retry_ms = 2 * TIMEOUT,
                                  .sentence = {"node 4 has 3 of 9 entries", 25}});
    scripted_pass(&script, TIMEOUT);
    assert_string_equal(got.changed.text, "not within 10000 ms: node 4 has 3 of 9 entries");
    assert_true(got.changed.retry);
    end_with(KEZEK_UNAVAILABLE);

    begin(addition);
    expect_change(&change); /* no answer comes */
    scripted_lose(&script);
    scripted_pass(&script, TIMEOUT);
    end_with(KEZEK_UNKNOWN);
}

static void an_answer_too_late_is_nobodys(void **state)
{
    (void)state;
    struct kz_change change;
    begin(addition);
    uint64_t tag = expect_change(&change);
    scripted_pass(&script, 2000); /* heard from, or it would be given up */
    scripted_welcome(&script, 1, 1, A);
    scripted_pass(&script, 2000);
    scripted_welcome(&script, 1, 1, A);
    scripted_pass(&script, 2000);
    scripted_welcome(&script, 1, 1, A);
    scripted_pass(&script, 2000);
    scripted_welcome(&script, 1, 1, A);
    scripted_pass(&script, 2000);
    assert_int_equal(got.calls, 1);
    tell(tag, (struct kz_changed){.code = KZ_ANSWER_APPLIED, .index = 12});
    end_with(KEZEK_UNKNOWN);
}

static void what_waits_at_the_end_is_closed(void **state)
{
    (void)state;
    begin(addition);
    assert_int_equal(kezek_client_waiting(script.client), 1);
    scripted_finish(&script);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.changed.code, KEZEK_CLOSED);
}

static void a_malformed_answer_ends_the_connection(void **state)
{
    (void)state;
    struct kz_change change;
    uint8_t bytes[KZ_FRAME_HEADER_SIZE + 4] = {0};
    begin(addition);
    uint64_t tag = expect_change(&change);
    kz_frame_seal(bytes, KZ_MESSAGE_CHANGED, tag, 4);
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    kz_write_room(&writer, sizeof bytes);
    scripted_say(&script, &writer);
    scripted_expect_close(&script);
    scripted_finish(&script);
    assert_int_equal(got.changed.code, KEZEK_CLOSED);
}

static void a_change_that_makes_no_sense_is_not_sent(void **state)
{
    (void)state;
    static const struct {
        struct kezek_change change;
        const char *text;
    } cases[] = {
        {{.what = 0, .node = 1}, "no change has the number 0"},
        {{.what = KEZEK_LEADER_MOVE + 1, .node = 1}, "no change has the number 5"},
        {{.what = KEZEK_MEMBER_REMOVE, .node = 0}, "a node's number is at least 1"},
        {{.what = KEZEK_MEMBER_ADD, .node = 4, .client = "a:1"},
         "peer address \"\" is not HOST:PORT"},
        {{.what = KEZEK_MEMBER_ADD, .node = 4, .peer = "a:1", .client = "a"},
         "client address \"a\" is not HOST:PORT"},
    };
    scripted_init(&script, A);
    scripted_begin(&script, A);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct kezek_error error;
        assert_int_equal(
            kezek_client_change(script.client, script.now_ms, &cases[i].change, keep, NULL, &error),
            KEZEK_USAGE);
        assert_string_equal(error.text, cases[i].text);
    }
    scripted_expect_silence(&script);
    scripted_finish(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_sent_as_it_is_wanted),
        cmocka_unit_test(only_a_leader_is_asked),
        cmocka_unit_test(a_lost_connection_asks_again),
        cmocka_unit_test(what_may_hold_later_is_asked_again_when_told),
        cmocka_unit_test(a_refusal_has_its_sentence),
        cmocka_unit_test(a_time_that_is_over_says_what_is_known),
        cmocka_unit_test(an_answer_too_late_is_nobodys),
        cmocka_unit_test(what_waits_at_the_end_is_closed),
        cmocka_unit_test(a_malformed_answer_ends_the_connection),
        cmocka_unit_test(a_change_that_makes_no_sense_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
