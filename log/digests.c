/* SPDX-License-Identifier: Apache-2.0 */
#include "log/digests.h"

#include "log/merkle/sha256.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define RESULTS_MIN 4096 /* bytes that are kept even when they are not needed */
#define POINT_SIZE  28   /* index 8, version 4, state 16 */

struct kz_digests {
    uint64_t interval;
    uint64_t last;  /* index of the last digest */
    uint64_t noted; /* index of the entry noted last */
    uint8_t *results;
    size_t capacity;
    uint32_t count;
    uint8_t points[KZ_DIGEST_POINTS_MAX * POINT_SIZE]; /* in order, as they are saved */
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

static const uint8_t *point_at(const struct kz_digests *digests, uint32_t i)
{
    return &digests->points[(size_t)i * POINT_SIZE];
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

/* Forgets the oldest COUNT points. */
static void drop_points(struct kz_digests *digests, uint32_t count)
{
    digests->count -= count;
    memmove(digests->points, point_at(digests, count), (size_t)digests->count * POINT_SIZE);
}

void kz_digests_note_point(struct kz_digests *digests, uint32_t version,
                           const uint8_t state[static KZ_ID_SIZE])
{
    if (digests->count == KZ_DIGEST_POINTS_MAX) drop_points(digests, 1);
    uint8_t *point = &digests->points[(size_t)digests->count++ * POINT_SIZE];
    kz_put_u64(point, digests->noted);
    kz_put_u32(point + 8, version);
    memcpy(point + 12, state, KZ_ID_SIZE);
}

/* ---- Values ---- */

static struct kz_digest_value value_of(const struct kz_digests *digests, const uint8_t *point)
{
    struct kz_digest_value value = {
        .at = kz_get_u64(point), .since = digests->last, .version = kz_get_u32(point + 8)};
    memcpy(value.state, point + 12, KZ_ID_SIZE);
    kz_sha256(digests->results, (size_t)(value.at - digests->last), value.results);
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
    uint32_t done = 0;
    while (done < digests->count && kz_get_u64(point_at(digests, done)) <= at)
        done++;
    drop_points(digests, done);
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
        if (kz_get_u64(point_at(digests, i)) != at) continue;
        *out_own = value_of(digests, point_at(digests, i));
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

uint64_t kz_digests_noted(const struct kz_digests *digests)
{
    return digests->noted;
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

void kz_digests_save(const struct kz_digests *digests, struct kz_digests_bytes *out_bytes)
{
    kz_put_u64(out_bytes->head, digests->last);
    kz_put_u64(out_bytes->head + 8, digests->noted);
    kz_put_u32(out_bytes->head + 16, digests->count);
    kz_put_u32(out_bytes->head + 20, 0);
    out_bytes->points = digests->points;
    out_bytes->points_size = (size_t)digests->count * POINT_SIZE;
    out_bytes->results = digests->results;
    out_bytes->results_size = result_count(digests);
}

enum kz_status kz_digests_measure(struct kz_digests_bytes *bytes)
{
    uint64_t last = kz_get_u64(bytes->head);
    uint64_t noted = kz_get_u64(bytes->head + 8);
    uint32_t count = kz_get_u32(bytes->head + 16);
    if (last > noted || noted > INT64_MAX || count > KZ_DIGEST_POINTS_MAX) return KZ_MALFORMED;
    if (kz_get_u32(bytes->head + 20) != 0) return KZ_MALFORMED;

    bytes->points_size = (size_t)count * POINT_SIZE;
    bytes->results_size = (size_t)(noted - last);
    return KZ_OK;
}

/* Returns: whether the points' indexes rise, behind the last digest's. */
static bool are_in_order(const struct kz_digests *digests)
{
    uint64_t before = digests->last;
    for (uint32_t i = 0; i < digests->count; i++) {
        uint64_t index = kz_get_u64(point_at(digests, i));
        if (index <= before || index > digests->noted) return false;
        before = index;
    }
    return true;
}

enum kz_status kz_digests_restore(struct kz_digests *digests, const struct kz_digests_bytes *bytes)
{
    struct kz_digests_bytes announced = *bytes;
    enum kz_status status = kz_digests_measure(&announced);
    if (status != KZ_OK) return status;
    if (announced.points_size != bytes->points_size) return KZ_MALFORMED;
    if (announced.results_size != bytes->results_size) return KZ_MALFORMED;

    digests->last = kz_get_u64(bytes->head);
    digests->noted = kz_get_u64(bytes->head + 8);
    digests->count = kz_get_u32(bytes->head + 16);
    if (bytes->points_size > 0) memcpy(digests->points, bytes->points, bytes->points_size);
    if (!are_in_order(digests)) return KZ_MALFORMED;
    if (!resize(digests, bytes->results_size + RESULTS_MIN)) return KZ_NO_MEMORY;
    if (bytes->results_size > 0) memcpy(digests->results, bytes->results, bytes->results_size);
    return KZ_OK;
}
