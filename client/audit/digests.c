/* SPDX-License-Identifier: Apache-2.0 */
#include "client/audit/digests.h"

#include "log/merkle/sha256.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_PERIOD 100000
#define RULES_VERSION 1

/* The state's digest after INDEX, which a later entry may be about. */
struct point {
    uint64_t index;
    uint8_t state[KZ_ID_SIZE];
};

struct kz_digests {
    uint64_t last; /* the index that the last digest was of */
    struct point *points;
    size_t point_count;
    size_t point_capacity;
    uint8_t *results; /* of the entries last + 1 … */
    size_t result_count;
    size_t result_capacity;
};

struct kz_digests *kz_digests_create(void)
{
    return calloc(1, sizeof(struct kz_digests));
}

void kz_digests_destroy(struct kz_digests *digests)
{
    if (digests == NULL) return;
    free(digests->points);
    free(digests->results);
    free(digests);
}

/* Returns: ITEMS with room for one more than COUNT; NULL without memory. */
static void *grow(void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity) return items;
    size_t larger = *capacity == 0 ? 1024 : 2 * *capacity;
    void *moved = realloc(items, larger * item_size);
    if (moved != NULL) *capacity = larger;
    return moved;
}

static bool note_result(struct kz_digests *digests, enum kz_result result)
{
    uint8_t *results = grow(digests->results, digests->result_count, &digests->result_capacity, 1);
    if (results == NULL) return false;
    digests->results = results;
    results[digests->result_count++] = (uint8_t)result;
    return true;
}

static bool note_point(struct kz_digests *digests, const struct kz_replay_step *step)
{
    bool is_point = step->index % DIGEST_PERIOD == 0 || step->entry->type == KZ_PUBLISH ||
                    step->entry->type == KZ_MORNING;
    if (!is_point) return true;
    struct point *points =
        grow(digests->points, digests->point_count, &digests->point_capacity, sizeof *points);
    if (points == NULL) return false;
    digests->points = points;
    points[digests->point_count].index = step->index;
    kz_machine_digest(step->machine, points[digests->point_count].state);
    digests->point_count++;
    return true;
}

static const struct point *find(const struct kz_digests *digests, uint64_t index)
{
    for (size_t i = digests->point_count; i > 0; i--) {
        if (digests->points[i - 1].index == index) return &digests->points[i - 1];
    }
    return NULL;
}

/* Forgets what no later digest may be about. */
static void move_to(struct kz_digests *digests, uint64_t at)
{
    size_t kept = 0;
    for (size_t i = 0; i < digests->point_count; i++) {
        if (digests->points[i].index > at) digests->points[kept++] = digests->points[i];
    }
    digests->point_count = kept;
    size_t done = (size_t)(at - digests->last);
    memmove(digests->results, digests->results + done, digests->result_count - done);
    digests->result_count -= done;
    digests->last = at;
}

static enum kz_status check(struct kz_digests *digests, uint64_t index,
                            const struct kz_digest_fields *claimed, struct kz_error *error)
{
    uint8_t results[KZ_SHA256_SIZE];
    if (claimed->version != RULES_VERSION) {
        return kz_error_set(error, KZ_NEWER,
                            "entry %" PRIu64 " is of rules %" PRIu32
                            "; this program knows rules %d",
                            index, claimed->version, RULES_VERSION);
    }
    const struct point *point = find(digests, claimed->at);
    if (point == NULL) {
        return kz_error_set(error, KZ_CORRUPT,
                            "entry %" PRIu64 " is bad: a digest of entry %" PRIu64
                            ", which is not one to have a digest here",
                            index, claimed->at);
    }
    if (memcmp(point->state, claimed->state, KZ_ID_SIZE) != 0) {
        return kz_error_set(error, KZ_CORRUPT,
                            "entry %" PRIu64
                            " is bad: the rules give another state for entry %" PRIu64,
                            index, claimed->at);
    }
    kz_sha256(digests->results, (size_t)(claimed->at - digests->last), results);
    if (memcmp(results, claimed->results, sizeof results) != 0) {
        return kz_error_set(error, KZ_CORRUPT,
                            "entry %" PRIu64
                            " is bad: the rules give other results up to entry %" PRIu64,
                            index, claimed->at);
    }
    move_to(digests, claimed->at);
    return KZ_OK;
}

enum kz_status kz_digests_step(struct kz_digests *digests, const struct kz_replay_step *step,
                               struct kz_error *error)
{
    if (step->entry->type == KZ_DIGEST) {
        enum kz_status status = check(digests, step->index, &step->entry->digest, error);
        if (status != KZ_OK) return status;
    }
    if (note_result(digests, step->result) && note_point(digests, step)) return KZ_OK;
    return kz_error_set(error, KZ_NO_MEMORY, "no memory for the results");
}
