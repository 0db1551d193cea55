/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINKS 1000

static struct kz_links links;

static int begin(void **state)
{
    (void)state;
    kz_links_init(&links);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < links.outgoing_count; i++)
        free(links.outgoing[i].bytes);
    kz_links_finish(&links);
    return 0;
}

static void send(kz_link number, const char *bytes)
{
    kz_links_send(&links, kz_links_find(&links, number), (const uint8_t *)bytes, strlen(bytes));
}

static void links_are_found_exactly_while_they_are_there(void **state)
{
    (void)state;
    bool model[LINKS] = {false};
    srand(2);
    for (int step = 0; step < 20000; step++) {
        kz_link number = (kz_link)(rand() % LINKS);
        struct kz_link_state *link = kz_links_find(&links, number * 2);
        assert_int_equal(link != NULL, model[number]);
        if (link != NULL) {
            assert_int_equal(link->number, number * 2);
            kz_links_remove(&links, link);
        } else {
            kz_links_add(&links, number * 2, KZ_LINK_CLIENT);
        }
        model[number] = !model[number];
    }
    uint32_t count = 0;
    for (kz_link number = 0; number < LINKS; number++)
        count += model[number];
    assert_int_equal(links.count, count);
    assert_int_equal(links.clients, count);
}

static void a_step_gives_each_link_one_buffer_in_order(void **state)
{
    (void)state;
    kz_links_add(&links, 2, KZ_LINK_CLIENT);
    kz_links_add(&links, 4, KZ_LINK_CLIENT);
    kz_links_begin_step(&links);
    send(4, "first ");
    send(2, "other");
    send(4, "second");
    kz_links_end_step(&links);
    assert_int_equal(links.outgoing_count, 2);
    assert_int_equal(links.outgoing[0].link, 4);
    assert_int_equal(links.outgoing[0].size, 12);
    assert_memory_equal(links.outgoing[0].bytes, "first second", 12);
    assert_int_equal(links.outgoing[1].link, 2);
    assert_memory_equal(links.outgoing[1].bytes, "other", 5);
}

static void closing_sends_what_was_written_and_no_more(void **state)
{
    (void)state;
    kz_links_add(&links, 2, KZ_LINK_CLIENT);
    kz_links_add(&links, 4, KZ_LINK_CLIENT);
    kz_links_begin_step(&links);
    send(2, "goodbye");
    kz_links_close(&links, kz_links_find(&links, 2));
    send(4, "still here");
    kz_links_end_step(&links);
    assert_null(kz_links_find(&links, 2));
    assert_int_equal(links.close_count, 1);
    assert_int_equal(links.closes[0].link, 2);
    assert_int_equal(links.outgoing_count, 2);
    assert_memory_equal(links.outgoing[0].bytes, "goodbye", 7);
    assert_int_equal(links.outgoing[1].link, 4);
}

static void a_link_that_is_gone_sends_nothing(void **state)
{
    (void)state;
    kz_links_add(&links, 2, KZ_LINK_CLIENT);
    kz_links_begin_step(&links);
    send(2, "lost");
    kz_links_remove(&links, kz_links_find(&links, 2));
    kz_links_end_step(&links);
    assert_int_equal(links.outgoing_count, 0);
}

static void watchers_are_kept_dense(void **state)
{
    (void)state;
    for (kz_link number = 1; number <= 5; number++) {
        kz_links_add(&links, number, KZ_LINK_CLIENT);
        kz_links_watch(&links, kz_links_find(&links, number), number, 0);
    }
    kz_links_watch(&links, kz_links_find(&links, 3), 30, 1); /* again */
    assert_int_equal(links.watchers, 5);
    kz_links_remove(&links, kz_links_find(&links, 1));
    kz_links_remove(&links, kz_links_find(&links, 5));
    assert_int_equal(links.watchers, 3);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(links.watching[i]->watch.place, i);
        sum += links.watching[i]->watch.next;
    }
    assert_int_equal(sum, 2 + 30 + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_are_found_exactly_while_they_are_there, begin, end),
        cmocka_unit_test_setup_teardown(a_step_gives_each_link_one_buffer_in_order, begin, end),
        cmocka_unit_test_setup_teardown(closing_sends_what_was_written_and_no_more, begin, end),
        cmocka_unit_test_setup_teardown(a_link_that_is_gone_sends_nothing, begin, end),
        cmocka_unit_test_setup_teardown(watchers_are_kept_dense, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
