/* SPDX-License-Identifier: Apache-2.0 */
/* The notes of digests as bytes: what is restored is saved again to the same bytes, goes on being
 * noted, and gives its values to a judge, who finds them right. */
#include "log/digests.h"

#include "statemachine/base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_saved_again(const struct kz_digests *digests, const struct kz_digests_bytes *bytes)
{
    struct kz_digests_bytes again;
    kz_digests_save(digests, &again);
    KZ_ASSERT(memcmp(again.head, bytes->head, KZ_DIGESTS_HEAD_SIZE) == 0);
    KZ_ASSERT(again.points_size == bytes->points_size);
    KZ_ASSERT(again.results_size == bytes->results_size);
    KZ_ASSERT(memcmp(again.points, bytes->points, again.points_size) == 0);
    KZ_ASSERT(memcmp(again.results, bytes->results, again.results_size) == 0);
}

/* Notes 20 entries behind NOTED, and judges what is due until nothing is. */
static void goes_on(struct kz_digests *digests, uint64_t noted)
{
    const uint8_t state[KZ_ID_SIZE] = {1};
    if (noted > INT64_MAX / 2) return;
    for (uint64_t index = noted + 1; index <= noted + 20; index++) {
        KZ_ASSERT(kz_digests_note(digests, index, KZ_RESULT_OK));
        if (kz_digests_is_point(digests, index, KZ_MORNING, (enum kz_result)(index % 3)))
            kz_digests_note_point(digests, 1, state);
    }
    struct kz_digest_value value;
    while (kz_digests_next(digests, &value)) {
        struct kz_digest_fields claimed = {.at = value.at, .version = value.version};
        memcpy(claimed.state, value.state, KZ_ID_SIZE);
        memcpy(claimed.results, value.results, KZ_HASH_SIZE);
        struct kz_digest_value own;
        KZ_ASSERT(kz_digests_judge(digests, &claimed, &own) == KZ_DIGEST_RIGHT);
        KZ_ASSERT(kz_digest_values_equal(&value, &own));
        KZ_ASSERT(kz_digests_last(digests) == value.at);
        KZ_ASSERT(kz_digests_judge(digests, &claimed, &own) == KZ_DIGEST_UNKNOWN);
    }
    KZ_ASSERT(kz_digests_points(digests) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kz_digests_bytes bytes;
    struct kz_digests *digests = kz_digests_create(7);
    struct kz_reader reader = kz_reader_init(data, size);
    const uint8_t *head = kz_read_bytes(&reader, KZ_DIGESTS_HEAD_SIZE);
    if (head != NULL) {
        memcpy(bytes.head, head, KZ_DIGESTS_HEAD_SIZE);
        if (kz_digests_measure(&bytes) == KZ_OK) {
            bytes.points = kz_read_bytes(&reader, bytes.points_size);
            bytes.results = kz_read_bytes(&reader, bytes.results_size);
        }
    }
    if (digests != NULL && head != NULL && kz_reader_done(&reader) &&
        kz_digests_restore(digests, &bytes) == KZ_OK) {
        is_saved_again(digests, &bytes);
        goes_on(digests, kz_digests_noted(digests));
    }
    kz_digests_destroy(digests);
    return 0;
}
