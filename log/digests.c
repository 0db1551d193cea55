/* SPDX-License-Identifier: Apache-2.0 */
#include "log/digests.h"

#include "log/merkle/sha256.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define RESULTS_MIN 4096 /* bytes that are kept even when they are not needed */
#define POINT_SIZE  28

struct point {
    uint64_t index;
    uint32_t version;
    uint8_t state[KZ_ID_SIZE];
};

struct kz_digests {
    uint64_t interval;
    uint64_t last;  /* index of the last digest */
    uint64_t noted; /* index of the entry noted last */
    uint8_t *results;
    size_t capacity;
    uint32_t first; /* the oldest point's place in the ring */
    uint32_t count;
    struct point points[KZ_DIGEST_POINTS_MAX]; /* a ring */
};

struct kz_digests *kz_digests_create(uint32_t interval)
{
    KZ_ASSERT(interval > 0);
    struct kz_digests *digests = calloc(1, sizeof *digests);
    if (digests != NULL) digests->interval = interval;
    return digests;
}

void kz_digests_destroy(struct kz_digests *digests)
{
    if (digests == NULL) return;
    free(digests->results);
    free(digests);
}

static size_t result_count(const struct kz_digests *digests)
{
    return (size_t)(digests->noted - digests->last);
}

static const struct point *point_at(const struct kz_digests *digests, uint32_t i)
{
    return &digests->points[(digests->first + i) % KZ_DIGEST_POINTS_MAX];
}

/* ---- Noting ---- */

static bool resize(struct kz_digests *digests, size_t capacity)
{
    uint8_t *moved = realloc(digests->results, capacity);
    if (moved == NULL) return false;
    digests->results = moved;
    digests->capacity = capacity;
    return true;
}

bool kz_digests_note(struct kz_digests *digests, uint64_t index, enum kz_result result)
{
    KZ_ASSERT(index == digests->noted + 1);
    size_t count = result_count(digests);
    if (count == digests->capacity && !resize(digests, 2 * count + RESULTS_MIN)) return false;

    digests->results[count] = (uint8_t)result;
    digests->noted = index;
    return true;
}

bool kz_digests_is_point(const struct kz_digests *digests, uint64_t index, enum kz_entry_type type,
                         enum kz_result result)
{
    if (index % digests->interval == 0) return true;
    return (type == KZ_PUBLISH || type == KZ_MORNING) && result == KZ_RESULT_OK;
}

static void add_point(struct kz_digests *digests, const struct point *point)
{
    if (digests->count == KZ_DIGEST_POINTS_MAX) {
        digests->first = (digests->first + 1) % KZ_DIGEST_POINTS_MAX;
        digests->count--;
    }
    uint32_t place = (digests->first + digests->count++) % KZ_DIGEST_POINTS_MAX;
    digests->points[place] = *point;
}

void kz_digests_note_point(struct kz_digests *digests, uint32_t version,
                           const uint8_t state[static KZ_ID_SIZE])
{
    struct point point = {.index = digests->noted, .version = version};
    memcpy(point.state, state, KZ_ID_SIZE);
    add_point(digests, &point);
}

/* ---- Values ---- */

static struct kz_digest_value value_of(const struct kz_digests *digests, const struct point *point)
{
    struct kz_digest_value value = {
        .at = point->index, .since = digests->last, .version = point->version};
    memcpy(value.state, point->state, KZ_ID_SIZE);
    kz_sha256(digests->results, (size_t)(point->index - digests->last), value.results);
    return value;
}

bool kz_digests_next(const struct kz_digests *digests, struct kz_digest_value *out_value)
{
    uint32_t count = digests->count;
    if (count == 0) return false;
    *out_value = value_of(
        digests, point_at(digests, count > KZ_DIGEST_DUE_MAX ? count - KZ_DIGEST_DUE_MAX : 0));
    return true;
}

/* Forgets what no later digest may be about. */
static void move_to(struct kz_digests *digests, uint64_t at)
{
    while (digests->count > 0 && point_at(digests, 0)->index <= at) {
        digests->first = (digests->first + 1) % KZ_DIGEST_POINTS_MAX;
        digests->count--;
    }
    size_t left = (size_t)(digests->noted - at);
    memmove(digests->results, digests->results + (at - digests->last), left);
    digests->last = at;
    size_t needed = 2 * left + RESULTS_MIN;
    if (needed < digests->capacity / 2) (void)resize(digests, needed);
}

enum kz_digest_verdict kz_digests_judge(struct kz_digests *digests,
                                        const struct kz_digest_fields *claimed,
                                        struct kz_digest_value *out_own)
{
    uint64_t at = claimed->at;
    if (at <= digests->last || at > digests->noted) return KZ_DIGEST_UNKNOWN;

    enum kz_digest_verdict verdict = KZ_DIGEST_UNKNOWN;
    for (uint32_t i = 0; i < digests->count; i++) {
        const struct point *point = point_at(digests, i);
        if (point->index != at) continue;
        *out_own = value_of(digests, point);
        bool is_right = claimed->version == out_own->version &&
                        memcmp(claimed->state, out_own->state, KZ_ID_SIZE) == 0 &&
                        memcmp(claimed->results, out_own->results, KZ_HASH_SIZE) == 0;
        verdict = is_right ? KZ_DIGEST_RIGHT : KZ_DIGEST_WRONG;
    }
    move_to(digests, at);
    return verdict;
}

bool kz_digest_values_match(const struct kz_digest_value *a, const struct kz_digest_value *b)
{
    return a->at == b->at && a->since == b->since;
}

bool kz_digest_values_equal(const struct kz_digest_value *a, const struct kz_digest_value *b)
{
    return kz_digest_values_match(a, b) && a->version == b->version &&
           memcmp(a->state, b->state, KZ_ID_SIZE) == 0 &&
           memcmp(a->results, b->results, KZ_HASH_SIZE) == 0;
}

uint64_t kz_digests_last(const struct kz_digests *digests)
{
    return digests->last;
}

uint32_t kz_digests_points(const struct kz_digests *digests)
{
    return digests->count;
}

/* ---- As bytes ---- */

size_t kz_digests_size(const struct kz_digests *digests)
{
    return 20 + (size_t)digests->count * POINT_SIZE + result_count(digests);
}

void kz_digests_save(const struct kz_digests *digests, struct kz_writer *writer)
{
    kz_write_u64(writer, digests->last);
    kz_write_u64(writer, digests->noted);
    kz_write_u32(writer, digests->count);
    for (uint32_t i = 0; i < digests->count; i++) {
        const struct point *point = point_at(digests, i);
        kz_write_u64(writer, point->index);
        kz_write_u32(writer, point->version);
        kz_write_bytes(writer, point->state, KZ_ID_SIZE);
    }
    kz_write_bytes(writer, digests->results, result_count(digests));
}

/* Reads COUNT points, which lie in order behind the last digest. */
static bool restore_points(struct kz_digests *digests, struct kz_reader *reader, uint32_t count)
{
    uint64_t before = digests->last;
    for (uint32_t i = 0; i < count; i++) {
        struct point point;
        point.index = kz_read_u64(reader);
        point.version = kz_read_u32(reader);
        const uint8_t *state = kz_read_bytes(reader, KZ_ID_SIZE);
        if (state == NULL || point.index <= before || point.index > digests->noted) return false;
        memcpy(point.state, state, KZ_ID_SIZE);
        add_point(digests, &point);
        before = point.index;
    }
    return true;
}

enum kz_status kz_digests_restore(struct kz_digests *digests, struct kz_reader *reader)
{
    digests->last = kz_read_u64(reader);
    digests->noted = kz_read_u64(reader);
    uint32_t count = kz_read_u32(reader);
    if (digests->last > digests->noted || count > KZ_DIGEST_POINTS_MAX) return KZ_MALFORMED;
    if (!restore_points(digests, reader, count)) return KZ_MALFORMED;

    size_t size = result_count(digests);
    const uint8_t *results = kz_read_bytes(reader, size);
    if (!kz_reader_done(reader)) return KZ_MALFORMED;
    if (!resize(digests, size + RESULTS_MIN)) return KZ_NO_MEMORY;
    if (size > 0) memcpy(digests->results, results, size);
    return KZ_OK;
}
