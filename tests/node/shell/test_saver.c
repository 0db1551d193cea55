/* SPDX-License-Identifier: Apache-2.0 */
/* An image of the fake core's state: what was written for it is none before the results up to its
 * entry are stored. */
#include "node/shell/saver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define INDEX 5

/* A saver on a loop, and a directory of its own. */
struct fixture {
    char directory[64];
    uv_loop_t loop;
    struct kz_inbox inbox;
    struct kz_arena *arena;
    struct kz_core *core;
    struct kz_saver saver;
};

static void set_up(struct fixture *fixture)
{
    const struct kz_core_options options = {.id = 1};
    struct kz_error error;

    *fixture = (struct fixture){.directory = "/tmp/kezek-test-XXXXXX"};
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->arena = kz_arena_create();
    assert_non_null(fixture->arena);
    assert_int_equal(kz_core_create(&options, &fixture->core, &error), KZ_OK);
    kz_saver_start(&fixture->saver, &(struct kz_saver_options){.loop = &fixture->loop,
                                                               .directory = fixture->directory,
                                                               .arena = fixture->arena,
                                                               .inbox = &fixture->inbox});
}

/* Returns: the path of NAME in the directory, valid until the next call. */
static const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    return path;
}

static bool has(const struct fixture *fixture, const char *name)
{
    return access(path_of(fixture, name), F_OK) == 0;
}

static void tear_down(struct fixture *fixture)
{
    kz_saver_finish(&fixture->saver);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    kz_inbox_finish(&fixture->inbox);
    kz_core_destroy(fixture->core);
    kz_arena_destroy(fixture->arena);
    (void)remove(path_of(fixture, "state/image-5"));
    assert_int_equal(remove(path_of(fixture, "state")), 0);
    assert_int_equal(remove(fixture->directory), 0);
}

static void an_image_counts_once_its_results_are_stored(void **state)
{
    struct fixture fixture;
    (void)state;

    set_up(&fixture);
    kz_saver_save(&fixture.saver, fixture.core, INDEX);
    kz_saver_settle(&fixture.saver, INDEX); /* it is not written yet */
    assert_false(has(&fixture, "state/image-5"));
    while (!fixture.saver.is_written && fixture.saver.figures.failures == 0)
        uv_run(&fixture.loop, UV_RUN_ONCE);
    for (uint64_t stored = 0; stored < INDEX; stored++) {
        kz_saver_settle(&fixture.saver, stored);
        assert_false(has(&fixture, "state/image-5"));
        assert_true(has(&fixture, "state/new"));
        assert_int_equal(fixture.inbox.count, 0);
    }

    kz_saver_settle(&fixture.saver, INDEX);
    assert_true(has(&fixture, "state/image-5"));
    assert_false(has(&fixture, "state/new"));
    assert_int_equal(fixture.inbox.count, 1);
    assert_int_equal(fixture.inbox.events[0].type, KZ_EVENT_IMAGE);
    assert_int_equal(fixture.inbox.events[0].status, KZ_OK);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_counts_once_its_results_are_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
