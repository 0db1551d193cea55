/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits: against a plain model, and at the edges. */
#include "node/core/inflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CAPACITY 64

static struct kz_inflight inflight;
static struct kz_submission *submission;

static int begin(void **state)
{
    (void)state;
    kz_inflight_init(&inflight, CAPACITY, 12345);
    submission = kz_submission_create(2, 7, 1000);
    return 0;
}

static int end(void **state)
{
    (void)state;
    submission->waiting = UINT16_MAX; /* it belongs to this test */
    kz_inflight_finish(&inflight);
    free(submission);
    return 0;
}

static struct kz_waiter waiter(uint64_t index, uint64_t request)
{
    struct kz_waiter made = {.index = index, .term = 1, .submission = submission};
    made.has_request = request != 0;
    memcpy(made.request, &request, sizeof(request));
    return made;
}

static void add(uint64_t index, uint64_t request)
{
    struct kz_waiter made = waiter(index, request);
    kz_inflight_add(&inflight, &made);
}

/* Holds COUNT commands that stand behind TAKEN others of their SUBMIT. */
static void hold(uint16_t taken, uint16_t count)
{
    const struct kz_command_reader rest = {kz_reader_init("", 0), taken + count, taken};
    kz_held_push(&inflight.held, kz_held_create(submission, &rest, KZ_NOBODY));
}

static bool has(uint64_t request)
{
    uint8_t id[KZ_ID_SIZE] = {0};
    memcpy(id, &request, sizeof(request));
    return kz_inflight_has(&inflight, id);
}

static void waiters_leave_in_order_at_both_ends(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 5; i++)
        add(i, 0);
    assert_int_equal(kz_inflight_front(&inflight)->index, 1);
    assert_int_equal(kz_inflight_back(&inflight)->index, 5);
    assert_null(kz_inflight_pop_front(&inflight));
    assert_null(kz_inflight_pop_back(&inflight));
    assert_int_equal(kz_inflight_front(&inflight)->index, 2);
    assert_int_equal(kz_inflight_back(&inflight)->index, 4);
    while (kz_inflight_front(&inflight) != NULL)
        kz_inflight_pop_front(&inflight);
    assert_null(kz_inflight_back(&inflight));
}

static void actors_in_flight_are_counted(void **state)
{
    (void)state;
    struct kz_waiter actor = waiter(1, 0);
    actor.type = KZ_ACTOR;
    kz_inflight_add(&inflight, &actor);
    add(2, 0);
    assert_int_equal(inflight.actors, 1);
    kz_inflight_pop_back(&inflight);
    assert_int_equal(inflight.actors, 1);
    kz_inflight_pop_front(&inflight);
    assert_int_equal(inflight.actors, 0);
}

static void repeats_come_with_their_first(void **state)
{
    (void)state;
    const uint8_t id[KZ_ID_SIZE] = {9};
    add(1, 9);
    add(2, 10);
    kz_inflight_repeat(&inflight, id, submission, 3, (const uint8_t *)"abc", 3);
    kz_inflight_repeat(&inflight, id, submission, 4, (const uint8_t *)"de", 2);
    assert_int_equal(inflight.repeats, 2);

    struct kz_repeat *repeats = kz_inflight_pop_front(&inflight);
    unsigned slots = 0;
    while (repeats != NULL) {
        struct kz_repeat *next = repeats->next;
        slots += repeats->slot;
        assert_int_equal(repeats->size, repeats->slot == 3 ? 3 : 2);
        free(repeats);
        kz_inflight_repeat_done(&inflight);
        repeats = next;
    }
    assert_int_equal(slots, 7);
    assert_int_equal(inflight.repeats, 0);
    assert_false(has(9));
    assert_true(has(10));
}

static void whoever_waits_is_counted(void **state)
{
    (void)state;
    const uint8_t id[KZ_ID_SIZE] = {9};
    add(1, 9);
    add(2, 0);
    kz_inflight_repeat(&inflight, id, submission, 3, (const uint8_t *)"", 0);
    hold(4, 5);
    assert_int_equal(kz_inflight_count(&inflight), 2 + 1 + 5);
    free(kz_inflight_pop_front(&inflight));
    kz_inflight_repeat_done(&inflight);
    assert_int_equal(kz_inflight_count(&inflight), 1 + 5);
    free(kz_held_pop(&inflight.held));
    assert_int_equal(kz_inflight_count(&inflight), 1);
}

static void held_submits_leave_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    assert_null(kz_held_pop(&inflight.held));
    hold(1, 5);
    hold(2, 6);
    struct kz_held_submit *submit = kz_held_pop(&inflight.held);
    assert_int_equal(submit->rest.taken, 1);
    kz_held_push(&inflight.held, submit); /* behind the other */
    for (uint16_t taken = 2; taken > 0; taken--) {
        submit = kz_held_pop(&inflight.held);
        assert_int_equal(submit->rest.taken, taken);
        free(submit);
    }
    assert_null(kz_held_pop(&inflight.held));
    assert_int_equal(inflight.held.submits, 0);
    assert_int_equal(inflight.held.commands, 0);
    assert_int_equal(inflight.held.bytes, 0);
}

/* The copy is the rest alone, and goes on where its source stood. */
static void a_held_submit_has_its_own_copy_of_what_is_left(void **state)
{
    (void)state;
    uint8_t records[] = {1, 0, 'a', 2, 0, 'b', 'c', 1, 0, 'd'};
    struct kz_command_reader rest = {kz_reader_init(records, sizeof(records)), 3, 0};
    uint16_t size;
    kz_command_next(&rest, &size);
    const uint8_t *second = kz_command_next(&rest, &size);
    kz_command_next(&rest, &size);
    kz_command_rewind(&rest, second, 1);

    struct kz_held_submit *submit = kz_held_create(submission, &rest, KZ_NOBODY);
    memset(records, 0xff, sizeof(records));
    assert_int_equal(submit->size, 7);
    assert_int_equal(kz_held_left(&submit->rest), 2);
    assert_memory_equal(kz_command_next(&submit->rest, &size), "bc", 2);
    assert_memory_equal(kz_command_next(&submit->rest, &size), "d", 1);
    assert_null(kz_command_next(&submit->rest, &size));
    free(submit);
}

/* Random adds and pops: the table holds exactly the ids of the ring. */
static void ids_are_there_exactly_while_they_wait(void **state)
{
    (void)state;
    bool model[200] = {false};
    uint64_t index = 1;
    srand(1);
    for (int step = 0; step < 20000; step++) {
        uint64_t request = 1 + (uint64_t)(rand() % 199);
        if (rand() % 2 == 0 && kz_inflight_count(&inflight) < CAPACITY && !model[request]) {
            add(index++, request);
            model[request] = true;
        } else if (inflight.waiters > 0) {
            bool front = rand() % 3 > 0;
            const struct kz_waiter *gone =
                front ? kz_inflight_front(&inflight) : kz_inflight_back(&inflight);
            uint64_t id;
            memcpy(&id, gone->request, sizeof(id));
            model[id] = false;
            if (front)
                kz_inflight_pop_front(&inflight);
            else
                kz_inflight_pop_back(&inflight);
        }
        assert_int_equal(has(request), model[request]);
    }
    for (uint64_t request = 1; request < 200; request++)
        assert_int_equal(has(request), model[request]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waiters_leave_in_order_at_both_ends, begin, end),
        cmocka_unit_test_setup_teardown(actors_in_flight_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(repeats_come_with_their_first, begin, end),
        cmocka_unit_test_setup_teardown(whoever_waits_is_counted, begin, end),
        cmocka_unit_test_setup_teardown(held_submits_leave_in_the_order_in_which_they_came, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_held_submit_has_its_own_copy_of_what_is_left, begin, end),
        cmocka_unit_test_setup_teardown(ids_are_there_exactly_while_they_wait, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
