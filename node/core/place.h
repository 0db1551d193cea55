/* SPDX-License-Identifier: Apache-2.0 */
/* The first block of an image: where in which ledger its state belongs, and what the core knows of
 * the entries before (the machine, whose blocks follow, knows no memberships).
 *
 *   OFFSET SIZE FIELD
 *        0    4 version (1)
 *        4    4 zero
 *        8   16 cluster id
 *       24   16 incarnation of the node whose state it is
 *       40    8 index of the last applied entry
 *       48    8 its term
 *       56   16 XXH3-128 of its record
 *       72   16 the state's digest after it
 *       88    8 index of the last membership up to it
 *       96    8 the highest member id of all memberships up to it
 *      104    4 m, size of the last membership's record
 *      108    4 f, size of the first entry's record when the cluster was founded with it, else 0
 *      112 4096 the membership's m bytes, then zeros
 *     4208 4096 the first entry's f bytes, then zeros */
#ifndef KZ_PLACE_H
#define KZ_PLACE_H

#include "statemachine/base/checksum.h"
#include "statemachine/record/record.h"

#include <stddef.h>
#include <stdint.h>

#define KZ_PLACE_SIZE (112 + 2 * KZ_RECORD_SIZE_MAX)

struct kz_place {
    uint8_t cluster[KZ_ID_SIZE];
    uint8_t incarnation[KZ_ID_SIZE];
    uint64_t index;
    uint64_t term;
    struct kz_hash128 entry;
    uint8_t digest[KZ_ID_SIZE];
    uint64_t membership_index;
    uint64_t id_max;
    const uint8_t *membership; /* a record */
    uint32_t membership_size;
    uint32_t founders_size;
    const uint8_t *founders; /* a record, or none (size 0) */
};

void kz_place_encode(const struct kz_place *place, uint8_t out[static KZ_PLACE_SIZE]);

/* Strict: only what the encoder gives, of records that are memberships. The records stay in BYTES.
 * Errors: KZ_NEWER, KZ_CORRUPT. */
enum kz_status kz_place_decode(const uint8_t bytes[static KZ_PLACE_SIZE],
                               struct kz_place *out_place);

#endif
