/* SPDX-License-Identifier: Apache-2.0 */
/* Images: what a node starts from instead of its first entry, and what it never starts from. */
#include "node/core/calls.h"
#include "node/core/image.h"
#include "statemachine/image/image.h"
#include "tests/simulation/sim.h"
#include "tests/simulation/sim_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVERY 10

static struct kz_sim sim;
static uint64_t next_request;

static int begin(void **state)
{
    (void)state;
    kz_sim_init(&sim, &(struct kz_sim_options){.seed = 11, .nodes = 3, .image_every = EVERY});
    next_request = 1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    kz_sim_finish(&sim);
    return 0;
}

/* Lets COUNT applications be accepted. Returns: the index of the last one. */
static uint64_t fill(unsigned count)
{
    struct kz_sim_client client;
    uint64_t leader = kz_sim_elect(&sim, 5000);
    struct kz_answer answer = {0};
    assert_int_not_equal(leader, 0);
    kz_sim_connect(&sim, &client, leader);
    if (next_request == 1) {
        struct kz_entry entry = kz_sim_territory(next_request++);
        answer = kz_sim_ask(&client, &entry);
    }
    for (unsigned i = 0; i < count; i++) {
        struct kz_entry entry = kz_sim_application(next_request, next_request);
        next_request++;
        answer = kz_sim_ask(&client, &entry);
        assert_int_equal(answer.result, KZ_RESULT_OK);
    }
    kz_sim_disconnect(&client);
    assert_true(kz_sim_converge(&sim, 3000));
    kz_sim_run(&sim, 500);
    return answer.index;
}

static void crash_all(void)
{
    for (uint64_t id = 1; id <= sim.options.nodes; id++)
        kz_sim_crash(&sim, id);
}

/* Makes the disks slow, and entries until NODE is saving an image. */
static void fill_until_saving(const struct kz_sim_node *node)
{
    sim.options.disk_ms = 200;
    for (int i = 0; i < 100 && node->saving.index == 0; i++)
        fill(1);
    assert_int_not_equal(node->saving.index, 0);
}

/* Starts all, and lets them agree on more, without new images. */
static void go_on(void)
{
    sim.options.image_every = 0;
    kz_sim_start_all(&sim);
    fill(5);
}

/* ---- Starts ---- */

/* That digests are equal at every index the harness checks. */
static void a_start_from_an_image_equals_a_replay(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    uint64_t last = fill(45);
    crash_all();
    memset(sim.nodes[2].disk.images[0].bytes, 0, 8);
    memset(sim.nodes[2].disk.images[1].bytes, 0, 8);
    go_on();
    assert_true(sim.nodes[1].started_from > last - 2 * EVERY);
    assert_int_equal(sim.nodes[2].started_from, 0);
    assert_true(sim.nodes[3].started_from > last - 2 * EVERY);
}

static void images_of_images_are_as_good(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    for (int generation = 0; generation < 4; generation++) {
        uint64_t last = fill(25);
        crash_all();
        kz_sim_start_all(&sim);
        assert_true(sim.nodes[1].started_from > last - 2 * EVERY);
    }
    go_on();
}

/* The image that is saved right after a replay has the entry that was replayed last. */
static void an_image_of_what_was_replayed_is_started_from(void **state)
{
    (void)state;
    sim.options.nodes = 1;
    sim.options.image_every = 0;
    kz_sim_start_all(&sim);
    uint64_t last = fill(20);
    crash_all();
    sim.options.image_every = last;
    kz_sim_start_all(&sim);
    kz_sim_run(&sim, 1000);
    assert_int_not_equal(sim.nodes[1].disk.images[0].index, 0);
    crash_all();
    kz_sim_start_all(&sim);
    assert_true(sim.nodes[1].started_from >= last);
    go_on();
}

static void an_image_without_a_tail_is_started_from(void **state)
{
    (void)state;
    sim.options.nodes = 1;
    sim.options.image_every = 1;
    kz_sim_start_all(&sim);
    fill(20);
    crash_all();
    struct kz_sim_disk *disk = &sim.nodes[1].disk;
    assert_int_equal(disk->images[0].index, disk->last);
    go_on();
    assert_true(sim.nodes[1].started_from > 20);
}

static void two_images_are_kept_and_the_older_serves_when_the_newer_is_damaged(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    struct kz_sim_disk *disk = &sim.nodes[1].disk;
    disk->images[0].bytes[disk->images[0].size / 2] ^= 4;
    go_on();
    assert_int_equal(sim.nodes[1].started_from, disk->images[1].index);
    assert_string_equal(sim.nodes[1].image_refused.text, "it is damaged");
}

static void no_image_is_saved_before_it_is_due(void **state)
{
    (void)state;
    sim.options.image_every = 1000;
    kz_sim_start_all(&sim);
    fill(30);
    assert_int_equal(sim.nodes[1].disk.images[0].index, 0);
    crash_all();
    sim.options.image_every = 0;
    go_on();
    assert_int_equal(sim.nodes[1].disk.images[0].index, 0);
}

/* ---- Memberships ---- */

/* Appends, on every disk, a membership whose third member has the client address CLIENT. */
static void append_membership(const char *client)
{
    for (uint64_t id = 1; id <= 3; id++) {
        struct kz_sim_disk *disk = &sim.nodes[id].disk;
        struct kz_entry entry;
        uint8_t record[KZ_RECORD_SIZE_MAX];
        assert_int_equal(kz_record_decode(disk->entries[0].record, disk->entries[0].size, &entry),
                         KZ_OK);
        entry.time = KZ_SIM_WALL_MS + (int64_t)sim.now_ms;
        entry.membership.members[2].client = (struct kz_text){client, (uint16_t)strlen(client)};
        size_t size = kz_record_encode(&entry, record, sizeof(record));
        struct kz_batch *batch = kz_batch_create(disk->last + 1, 1, sizeof(record));
        memcpy(kz_batch_add(batch, disk->vote.term, (uint32_t)size), record, size);
        uint8_t results[1] = {KZ_RESULT_OK};
        assert_int_equal(disk->applied, disk->last);
        struct kz_write_order order = {
            .batch = batch, .result_first = disk->last + 1, .results = results, .result_count = 1};
        kz_sim_disk_write(disk, &order);
        kz_batch_release(batch);
    }
}

static void expect_client(uint64_t id, const char *client)
{
    const struct kz_membership_fields *members = kz_core_members(sim.nodes[id].core);
    assert_int_equal(members->count, 3);
    assert_int_equal(members->members[2].client.size, strlen(client));
    assert_memory_equal(members->members[2].client.bytes, client, strlen(client));
}

static void memberships_before_an_image_are_in_it(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(5);
    crash_all();
    append_membership("moved:1");
    uint64_t changed = sim.nodes[1].disk.last;
    kz_sim_start_all(&sim);
    fill(25);
    crash_all();
    kz_sim_start(&sim, 1);
    assert_true(sim.nodes[1].started_from > changed);
    expect_client(1, "moved:1");
    go_on();
    expect_client(1, "moved:1");
}

static void memberships_behind_an_image_count_more(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    append_membership("again:1");
    go_on();
    assert_true(sim.nodes[1].started_from > 0);
    expect_client(1, "again:1");
}

static void the_founders_are_known_to_a_node_that_started_from_an_image(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    kz_sim_start(&sim, 1);
    assert_true(sim.nodes[1].started_from > 0);
    const struct kz_members *founders = &sim.nodes[1].core->founders;
    assert_int_equal(founders->fields.count, 3);
    assert_int_equal(founders->record_size, sim.nodes[1].disk.entries[0].size);
    assert_int_equal(sim.nodes[1].core->id_max, 3);
}

/* ---- Never ---- */

static void a_crash_while_saving_leaves_the_older_image(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(25);
    struct kz_sim_node *node = &sim.nodes[1];
    fill_until_saving(node);
    uint64_t before = node->disk.images[0].index;
    kz_sim_crash(&sim, 1);
    assert_int_equal(node->disk.images[0].index, before);
    sim.options.disk_ms = 2;
    go_on();
    assert_int_equal(node->started_from, before);
}

static void an_image_ahead_of_the_stored_results_is_refused(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    struct kz_sim_disk *disk = &sim.nodes[1].disk;
    disk->applied = disk->images[0].index - 1;
    kz_sim_disk_rewrite(disk);
    go_on();
    assert_int_equal(sim.nodes[1].started_from, disk->images[1].index);
    assert_string_equal(sim.nodes[1].image_refused.text,
                        "it is ahead of the results in the ledger");
}

static void an_image_of_another_ledger_is_refused(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    struct kz_sim_disk *disk = &sim.nodes[1].disk;
    disk->images[0].index--; /* misnamed */
    kz_sim_start(&sim, 1);
    assert_string_equal(sim.nodes[1].image_refused.text,
                        "it is of another entry than its name says");
    disk->images[0].index++;

    kz_sim_crash(&sim, 1);
    struct kz_sim_entry *entry = &disk->entries[disk->images[0].index - 1];
    entry->record[entry->size - 1] ^= 1;
    kz_sim_disk_rewrite(disk);
    kz_sim_start(&sim, 1);
    assert_string_equal(sim.nodes[1].image_refused.text, "it is of another ledger");

    kz_sim_crash(&sim, 1);
    entry = &disk->entries[disk->images[0].index - 1];
    entry->record[entry->size - 1] ^= 1;
    uint64_t term = entry->term;
    for (uint64_t i = disk->images[0].index; i <= disk->last; i++)
        disk->entries[i - 1].term++;
    disk->vote.term = term + 1;
    kz_sim_disk_rewrite(disk);
    kz_sim_start(&sim, 1);
    assert_string_equal(sim.nodes[1].image_refused.text, "it is of another ledger");
}

static void an_image_of_another_cluster_is_refused(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    sim.nodes[1].disk.identity.cluster[3] ^= 1;
    kz_sim_start(&sim, 1);
    assert_int_equal(sim.nodes[1].started_from, 0);
    assert_string_equal(sim.nodes[1].image_refused.text, "it is of another cluster");
}

/* One of the same cluster would be right; but whoever copies directories knows no ledgers. */
static void an_image_of_another_node_is_refused(void **state)
{
    (void)state;
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    struct kz_sim_image own = sim.nodes[1].disk.images[0];
    sim.nodes[1].disk.images[0] = sim.nodes[2].disk.images[0];
    sim.nodes[2].disk.images[0] = own;
    kz_sim_start(&sim, 1);
    assert_string_equal(sim.nodes[1].image_refused.text, "it is of another node");
    assert_int_equal(sim.nodes[1].started_from, sim.nodes[1].disk.images[1].index);
}

static void a_full_disk_is_no_reason_to_stop(void **state)
{
    (void)state;
    sim.options.nodes = 1;
    kz_sim_start_all(&sim);
    fill(5);
    struct kz_sim_node *node = &sim.nodes[1];
    fill_until_saving(node);
    uint64_t saved = node->disk.images[0].index;
    node->disk.full = true;
    kz_sim_run(&sim, 3000);
    assert_int_equal(node->saving.index, 0);
    assert_int_equal(node->disk.images[0].index, saved);
    node->disk.full = false;
    sim.options.disk_ms = 2;
    kz_sim_run(&sim, 500);
    fill(5);
    assert_int_equal(node->saving.index, 0);
    kz_sim_run(&sim, 61000);
    assert_true(node->disk.images[0].index > saved);
}

/* ---- Damage ---- */

/* A saved image, and what it is judged against. */
struct judged {
    struct kz_core_options options;
    struct kz_batch *entry;
    struct kz_sim_image *saved;
    uint8_t *area;
};

static struct judged begin_judging(void)
{
    kz_sim_start_all(&sim);
    fill(45);
    crash_all();
    struct kz_sim_disk *disk = &sim.nodes[1].disk;
    struct judged judged = {.saved = &disk->images[0]};
    judged.options.identity = disk->identity;
    judged.options.allocator = &kz_allocator_system;
    judged.options.ledger.applied = disk->applied;
    struct kz_error error;
    const struct kz_load_order order = {
        .first = judged.saved->index, .count_max = 1, .size_max = KZ_RECORD_SIZE_MAX};
    assert_int_equal(kz_sim_disk_open(disk, &error), KZ_OK);
    judged.options.ledger.runs = kz_log_term_runs(disk->log, &judged.options.ledger.run_count);
    assert_int_equal(kz_sim_disk_read(disk, &order, &judged.entry, NULL, &error), KZ_OK);
    judged.area = malloc(judged.saved->size + 8);
    assert_non_null(judged.area);
    return judged;
}

static void end_judging(struct judged *judged)
{
    kz_batch_release(judged->entry);
    free(judged->area);
}

/* Opens SIZE bytes of the image after the byte AT was changed by FLIPS. */
static enum kz_status judge(struct judged *judged, size_t size, size_t at, uint8_t flips)
{
    struct kz_core_image *image = NULL;
    struct kz_error error;
    memset(judged->area, 0, judged->saved->size + 8);
    memcpy(judged->area, judged->saved->bytes, judged->saved->size);
    if (at < size) judged->area[at] ^= flips;
    enum kz_status status =
        kz_core_image_open(judged->area, size, &judged->options, judged->entry, &image, &error);
    kz_core_image_close(image);
    return status;
}

static void a_flipped_bit_anywhere_is_found(void **state)
{
    (void)state;
    struct judged judged = begin_judging();
    size_t size = judged.saved->size;
    assert_int_equal(judge(&judged, size, size, 0), KZ_OK);
    for (size_t at = 0; at < 600; at++)
        assert_int_not_equal(judge(&judged, size, at, (uint8_t)(1u << at % 8)), KZ_OK);
    for (size_t at = size - 400; at < size; at++)
        assert_int_not_equal(judge(&judged, size, at, (uint8_t)(1u << at % 8)), KZ_OK);
    for (int i = 0; i < 1500; i++) {
        size_t at = kz_sim_random(&sim, size);
        assert_int_not_equal(judge(&judged, size, at, (uint8_t)(1u << i % 8)), KZ_OK);
    }
    end_judging(&judged);
}

static void a_cut_or_longer_image_is_found(void **state)
{
    (void)state;
    struct judged judged = begin_judging();
    size_t size = judged.saved->size;
    for (size_t cut = 1; cut <= size; cut += 1 + cut / 20)
        assert_int_not_equal(judge(&judged, size - cut, size, 0), KZ_OK);
    assert_int_not_equal(judge(&judged, size + 8, size + 8, 0), KZ_OK);
    end_judging(&judged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_start_from_an_image_equals_a_replay, begin, end),
        cmocka_unit_test_setup_teardown(images_of_images_are_as_good, begin, end),
        cmocka_unit_test_setup_teardown(an_image_of_what_was_replayed_is_started_from, begin, end),
        cmocka_unit_test_setup_teardown(an_image_without_a_tail_is_started_from, begin, end),
        cmocka_unit_test_setup_teardown(
            two_images_are_kept_and_the_older_serves_when_the_newer_is_damaged, begin, end),
        cmocka_unit_test_setup_teardown(no_image_is_saved_before_it_is_due, begin, end),
        cmocka_unit_test_setup_teardown(memberships_before_an_image_are_in_it, begin, end),
        cmocka_unit_test_setup_teardown(memberships_behind_an_image_count_more, begin, end),
        cmocka_unit_test_setup_teardown(the_founders_are_known_to_a_node_that_started_from_an_image,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_crash_while_saving_leaves_the_older_image, begin, end),
        cmocka_unit_test_setup_teardown(an_image_ahead_of_the_stored_results_is_refused, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_image_of_another_ledger_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(an_image_of_another_cluster_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(an_image_of_another_node_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_no_reason_to_stop, begin, end),
        cmocka_unit_test_setup_teardown(a_flipped_bit_anywhere_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_cut_or_longer_image_is_found, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
