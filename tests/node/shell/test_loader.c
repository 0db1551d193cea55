/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of the ledger on a thread of their own: whose are the entries that were read? */
#include "node/shell/loader.h"
#include "tests/log/fixture.h"

#define ENTRIES 10

static struct kz_log *ledger;
static uv_loop_t loop;
static struct kz_inbox inbox;
static struct kz_loader loader;

static int begin(void **state)
{
    if (set_up(state) != 0) return -1;
    ledger = open_log(directory);
    append(ledger, ENTRIES, 1);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(kz_loader_start(&loader, &loop, ledger, &inbox), KZ_OK);
    return 0;
}

static int end(void **state)
{
    kz_loader_finish(&loader);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    kz_inbox_finish(&inbox);
    kz_log_close(ledger);
    return tear_down(state);
}

static void give(uint64_t ticket, uint64_t first)
{
    kz_loader_give(&loader,
                   &(struct kz_load_order){
                       .ticket = ticket, .first = first, .count_max = 3, .size_max = 65536});
}

static void wait_for(uint32_t count)
{
    while (inbox.count < count)
        uv_run(&loop, UV_RUN_ONCE);
}

static void loads_are_told_in_the_order_of_asking(void **state)
{
    (void)state;
    give(1, 2);
    give(2, ENTRIES + 1);
    give(3, ENTRIES);
    wait_for(3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(inbox.events[i].type, KZ_EVENT_LOADED);
        assert_int_equal(inbox.events[i].ticket, i + 1);
    }
    assert_int_equal(inbox.events[0].batch->first_index, 2);
    assert_int_equal(inbox.events[0].batch->count, 3);
    assert_int_equal(inbox.events[1].status, KZ_NOT_FOUND);
    assert_null(inbox.events[1].batch);
    assert_int_equal(inbox.events[2].batch->count, 1);
    for (uint32_t i = 0; i < 3; i++)
        kz_batch_release(inbox.events[i].batch); /* as the step does that hears of them */
    kz_loader_settle(&loader);
}

/* The sanitizer build tells of what is freed by nobody, or twice. */
static void what_no_step_hears_of_any_more_is_freed(void **state)
{
    (void)state;
    give(1, 1);
    wait_for(1);
    give(2, 4); /* is read until the end, and not told */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loads_are_told_in_the_order_of_asking, begin, end),
        cmocka_unit_test_setup_teardown(what_no_step_hears_of_any_more_is_freed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
