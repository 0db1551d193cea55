/* SPDX-License-Identifier: Apache-2.0 */
/* What a digest may be about and how it is judged, against a naive model that keeps everything. */
#include "log/digests.h"

#include "log/merkle/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INTERVAL 10
#define ENTRIES  3000

static uint32_t chance;

static uint32_t below(uint32_t end)
{
    chance = chance * 1664525 + 1013904223;
    return (chance >> 8) % end;
}

/* The model: all results and points from the first entry on. */
struct model {
    uint8_t results[ENTRIES + 1]; /* by index */
    bool is_point[ENTRIES + 1];
    uint64_t noted;
    uint64_t last;
};

static void state_of(uint64_t index, uint8_t out[static KZ_ID_SIZE])
{
    memset(out, (int)(index * 7 % 251), KZ_ID_SIZE);
}

static struct kz_digest_fields digest_of(const struct model *model, uint64_t at)
{
    struct kz_digest_fields fields = {.at = at, .version = 1 + (uint32_t)at / 100};
    state_of(at, fields.state);
    kz_sha256(model->results + model->last + 1, (size_t)(at - model->last), fields.results);
    return fields;
}

static void note(struct kz_digests *digests, struct model *model, enum kz_entry_type type,
                 enum kz_result result)
{
    uint64_t index = ++model->noted;
    model->results[index] = (uint8_t)result;
    model->is_point[index] = index % INTERVAL == 0 ||
                             (result == KZ_RESULT_OK && (type == KZ_PUBLISH || type == KZ_MORNING));
    assert_true(kz_digests_note(digests, index, result));
    assert_int_equal(kz_digests_is_point(digests, index, type, result), model->is_point[index]);
    if (!model->is_point[index]) return;
    uint8_t state[KZ_ID_SIZE];
    state_of(index, state);
    kz_digests_note_point(digests, 1 + (uint32_t)index / 100, state);
}

/* Returns: the index that the next digest is about; 0: none. */
static uint64_t next_of(const struct model *model)
{
    uint64_t next = 0;
    uint32_t count = 0;
    for (uint64_t i = model->noted; i > model->last && count < KZ_DIGEST_DUE_MAX; i--) {
        if (!model->is_point[i]) continue;
        next = i;
        count++;
    }
    return next;
}

static void check_next(const struct kz_digests *digests, const struct model *model)
{
    uint64_t expected = next_of(model);
    struct kz_digest_value value;
    assert_int_equal(kz_digests_next(digests, &value), expected != 0);
    if (expected == 0) return;
    struct kz_digest_fields fields = digest_of(model, expected);
    assert_int_equal(value.at, expected);
    assert_int_equal(value.since, model->last);
    assert_int_equal(value.version, fields.version);
    assert_memory_equal(value.state, fields.state, KZ_ID_SIZE);
    assert_memory_equal(value.results, fields.results, KZ_HASH_SIZE);
}

static struct kz_digests *clone_of(const struct kz_digests *digests)
{
    struct kz_digests_bytes bytes;
    struct kz_digests *clone = kz_digests_create(INTERVAL);
    kz_digests_save(digests, &bytes);
    assert_int_equal(kz_digests_restore(clone, &bytes), KZ_OK);
    assert_int_equal(kz_digests_noted(clone), kz_digests_noted(digests));
    return clone;
}

static void values_are_those_of_a_naive_model(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        chance = seed;
        struct model model = {.noted = 0};
        struct kz_digests *digests = kz_digests_create(INTERVAL);
        while (model.noted < ENTRIES) {
            static const enum kz_entry_type types[] = {KZ_PUBLISH, KZ_MORNING, KZ_CLAIM, KZ_DIGEST};
            note(digests, &model, types[below(4)], below(3) > 0 ? KZ_RESULT_OK : KZ_RESULT_CLOSED);
            check_next(digests, &model);
            uint64_t next = next_of(&model);
            if (next == 0 || below(8) > 0) continue;
            struct kz_digest_value own;
            struct kz_digest_fields fields = digest_of(&model, next);
            assert_int_equal(kz_digests_judge(digests, &fields, &own), KZ_DIGEST_RIGHT);
            assert_int_equal(own.at, next);
            model.last = next;
            assert_int_equal(kz_digests_last(digests), next);
            struct kz_digests *clone = clone_of(digests);
            kz_digests_destroy(digests);
            digests = clone;
        }
        kz_digests_destroy(digests);
    }
}

/* Notes entries 1 … 35; the points are 10, 20 and 30. */
static struct kz_digests *some(struct model *model)
{
    *model = (struct model){.noted = 0};
    struct kz_digests *digests = kz_digests_create(INTERVAL);
    while (model->noted < 35)
        note(digests, model, KZ_CLAIM, model->noted % 4 == 0 ? KZ_RESULT_OK : KZ_RESULT_CLOSED);
    return digests;
}

static void each_wrong_field_is_wrong(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        struct model model;
        struct kz_digest_value own = {.at = 0};
        struct kz_digests *digests = some(&model);
        struct kz_digest_fields fields = digest_of(&model, 20);
        fields.version += what == 1;
        fields.state[15] ^= what == 2;
        fields.results[31] ^= what == 3;
        enum kz_digest_verdict expected = what == 0 ? KZ_DIGEST_RIGHT : KZ_DIGEST_WRONG;
        assert_int_equal(kz_digests_judge(digests, &fields, &own), expected);
        assert_int_equal(own.at, 20);
        assert_int_equal(kz_digests_last(digests), 20);
        kz_digests_destroy(digests);
    }
}

static void a_digest_of_what_is_no_point_is_unknown(void **state)
{
    (void)state;
    const struct {
        uint64_t at, last;
    } cases[] = {{0, 0}, {19, 19}, {36, 0}, {40, 0}, {UINT64_MAX, 0}, {9, 9}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model model;
        struct kz_digest_value own;
        struct kz_digests *digests = some(&model);
        struct kz_digest_fields fields = {.at = cases[i].at, .version = 1};
        assert_int_equal(kz_digests_judge(digests, &fields, &own), KZ_DIGEST_UNKNOWN);
        assert_int_equal(kz_digests_last(digests), cases[i].last);
        model.last = cases[i].last;
        check_next(digests, &model);
        kz_digests_destroy(digests);
    }
}

static void an_index_is_not_judged_twice(void **state)
{
    (void)state;
    struct model model;
    struct kz_digest_value own;
    struct kz_digests *digests = some(&model);
    struct kz_digest_fields second = digest_of(&model, 20);
    assert_int_equal(kz_digests_judge(digests, &second, &own), KZ_DIGEST_RIGHT);
    assert_int_equal(kz_digests_judge(digests, &second, &own), KZ_DIGEST_UNKNOWN);
    struct kz_digest_fields first = digest_of(&model, 10);
    assert_int_equal(kz_digests_judge(digests, &first, &own), KZ_DIGEST_UNKNOWN);
    assert_int_equal(kz_digests_last(digests), 20);
    kz_digests_destroy(digests);
}

static void the_oldest_points_make_room(void **state)
{
    (void)state;
    struct kz_digests *digests = kz_digests_create(1000000);
    uint8_t digest[KZ_ID_SIZE] = {0};
    for (uint64_t index = 1; index <= KZ_DIGEST_POINTS_MAX + 5; index++) {
        assert_true(kz_digests_note(digests, index, KZ_RESULT_OK));
        kz_digests_note_point(digests, 1, digest);
    }
    assert_int_equal(kz_digests_points(digests), KZ_DIGEST_POINTS_MAX);
    struct kz_digest_value value;
    assert_true(kz_digests_next(digests, &value));
    assert_int_equal(value.at, KZ_DIGEST_POINTS_MAX + 5 - KZ_DIGEST_DUE_MAX + 1);
    struct kz_digest_fields fields = {.at = 5, .version = 1};
    assert_int_equal(kz_digests_judge(digests, &fields, &value), KZ_DIGEST_UNKNOWN);
    fields.at = 6;
    assert_int_equal(kz_digests_judge(digests, &fields, &value), KZ_DIGEST_WRONG);
    assert_int_equal(value.since, 5);
    kz_digests_destroy(digests);
}

static enum kz_status restore(const struct kz_digests_bytes *bytes)
{
    struct kz_digests *restored = kz_digests_create(INTERVAL);
    enum kz_status status = kz_digests_restore(restored, bytes);
    kz_digests_destroy(restored);
    return status;
}

static void bytes_that_were_not_saved_are_refused(void **state)
{
    (void)state;
    struct model model;
    struct kz_digests_bytes saved;
    struct kz_digests *digests = some(&model);
    kz_digests_save(digests, &saved);
    assert_int_equal(saved.points_size, 3 * 28);
    assert_int_equal(saved.results_size, 35);
    assert_int_equal(restore(&saved), KZ_OK);

    struct kz_digests_bytes bytes = saved;
    bytes.points_size = 2 * 28;
    assert_int_equal(restore(&bytes), KZ_MALFORMED);
    bytes = saved;
    bytes.results_size = 34;
    assert_int_equal(restore(&bytes), KZ_MALFORMED);
    const struct {
        size_t offset;
        uint8_t value;
    } heads[] = {{0, 36}, {0, 10}, {8, 29}, {15, 128}, {16, 4}, {19, 1}, {20, 1}, {23, 1}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        bytes = saved;
        bytes.head[heads[i].offset] = heads[i].value;
        assert_int_equal(restore(&bytes), KZ_MALFORMED);
    }
    const uint8_t indexes[] = {0, 10, 30, 36}; /* of the second of three points */
    for (size_t i = 0; i < sizeof indexes; i++) {
        uint8_t points[3 * 28];
        memcpy(points, saved.points, sizeof points);
        points[28] = indexes[i];
        bytes = saved;
        bytes.points = points;
        assert_int_equal(restore(&bytes), KZ_MALFORMED);
    }
    kz_digests_destroy(digests);
}

static void values_are_compared_whole(void **state)
{
    (void)state;
    const struct kz_digest_value value = {.at = 10, .since = 3, .version = 1};
    struct kz_digest_value other = value;
    assert_true(kz_digest_values_equal(&value, &other));
    for (int what = 0; what < 5; what++) {
        other = value;
        other.at += what == 0;
        other.since += what == 1;
        other.version += what == 2;
        other.state[0] ^= what == 3;
        other.results[0] ^= what == 4;
        assert_false(kz_digest_values_equal(&value, &other));
        assert_int_equal(kz_digest_values_match(&value, &other), what > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_a_naive_model),
        cmocka_unit_test(each_wrong_field_is_wrong),
        cmocka_unit_test(a_digest_of_what_is_no_point_is_unknown),
        cmocka_unit_test(an_index_is_not_judged_twice),
        cmocka_unit_test(the_oldest_points_make_room),
        cmocka_unit_test(bytes_that_were_not_saved_are_refused),
        cmocka_unit_test(values_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
