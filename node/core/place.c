/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/place.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"

#include <string.h>

#define PLACE_VERSION     1
#define MEMBERSHIP_OFFSET 112
#define FOUNDERS_OFFSET   (MEMBERSHIP_OFFSET + KZ_RECORD_SIZE_MAX)

void kz_place_encode(const struct kz_place *place, uint8_t out[static KZ_PLACE_SIZE])
{
    KZ_ASSERT(place->membership_size <= KZ_RECORD_SIZE_MAX);
    KZ_ASSERT(place->founders_size <= KZ_RECORD_SIZE_MAX);
    memset(out, 0, KZ_PLACE_SIZE);
    kz_put_u32(out, PLACE_VERSION);
    memcpy(out + 8, place->cluster, KZ_ID_SIZE);
    memcpy(out + 24, place->incarnation, KZ_ID_SIZE);
    kz_put_u64(out + 40, place->index);
    kz_put_u64(out + 48, place->term);
    kz_put_u64(out + 56, place->entry.low);
    kz_put_u64(out + 64, place->entry.high);
    memcpy(out + 72, place->digest, KZ_ID_SIZE);
    kz_put_u64(out + 88, place->membership_index);
    kz_put_u64(out + 96, place->id_max);
    kz_put_u32(out + 104, place->membership_size);
    kz_put_u32(out + 108, place->founders_size);
    memcpy(out + MEMBERSHIP_OFFSET, place->membership, place->membership_size);
    if (place->founders_size > 0)
        memcpy(out + FOUNDERS_OFFSET, place->founders, place->founders_size);
}

/* Returns: whether SIZE bytes of the room at BYTES are a membership's record, and the rest zero. */
static bool is_membership(const uint8_t *bytes, uint32_t size)
{
    struct kz_entry entry;

    if (size > KZ_RECORD_SIZE_MAX) return false;
    for (uint32_t i = size; i < KZ_RECORD_SIZE_MAX; i++)
        if (bytes[i] != 0) return false;
    return kz_record_decode(bytes, size, &entry) == KZ_OK && entry.type == KZ_MEMBERSHIP;
}

enum kz_status kz_place_decode(const uint8_t bytes[static KZ_PLACE_SIZE],
                               struct kz_place *out_place)
{
    struct kz_place place = {
        .index = kz_get_u64(bytes + 40),
        .term = kz_get_u64(bytes + 48),
        .entry = {kz_get_u64(bytes + 56), kz_get_u64(bytes + 64)},
        .membership_index = kz_get_u64(bytes + 88),
        .id_max = kz_get_u64(bytes + 96),
        .membership = bytes + MEMBERSHIP_OFFSET,
        .membership_size = kz_get_u32(bytes + 104),
        .founders_size = kz_get_u32(bytes + 108),
        .founders = bytes + FOUNDERS_OFFSET,
    };
    memcpy(place.cluster, bytes + 8, KZ_ID_SIZE);
    memcpy(place.incarnation, bytes + 24, KZ_ID_SIZE);
    memcpy(place.digest, bytes + 72, KZ_ID_SIZE);

    if (kz_get_u32(bytes) > PLACE_VERSION) return KZ_NEWER;
    if (kz_get_u32(bytes) != PLACE_VERSION || kz_get_u32(bytes + 4) != 0) return KZ_CORRUPT;
    if (place.index == 0 || place.term == 0) return KZ_CORRUPT;
    if (place.membership_index == 0 || place.membership_index > place.index) return KZ_CORRUPT;
    if (!is_membership(place.membership, place.membership_size)) return KZ_CORRUPT;
    if (place.founders_size > 0 && !is_membership(place.founders, place.founders_size))
        return KZ_CORRUPT;
    for (uint32_t i = 0; place.founders_size == 0 && i < KZ_RECORD_SIZE_MAX; i++)
        if (place.founders[i] != 0) return KZ_CORRUPT;
    *out_place = place;
    return KZ_OK;
}
