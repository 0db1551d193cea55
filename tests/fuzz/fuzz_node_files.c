/* SPDX-License-Identifier: Apache-2.0 */
/* The identity and vote files: what decodes is encoded to the same bytes. A first byte that is odd
 * asks for a right checksum at the end, so that the fuzzer gets past it; the second bit chooses the
 * file. */
#include "log/node_files.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <string.h>

#define SIZE_MAX_TRIED 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[SIZE_MAX_TRIED];
    if (size == 0 || size - 1 > sizeof bytes) return 0;
    uint8_t how = data[0];
    size--;
    memcpy(bytes, data + 1, size);
    if ((how & 1) != 0 && size >= 8) kz_put_u64(bytes + size - 8, kz_checksum(bytes, size - 8));

    if ((how & 2) != 0) {
        struct kz_vote vote;
        uint8_t again[KZ_VOTE_SIZE];
        if (kz_vote_decode(bytes, size, &vote) != KZ_OK) return 0;
        KZ_ASSERT(kz_vote_encode(&vote, again) == size && memcmp(again, bytes, size) == 0);
    } else {
        struct kz_identity identity;
        uint8_t again[KZ_IDENTITY_SIZE_MAX];
        if (kz_identity_decode(bytes, size, &identity) != KZ_OK) return 0;
        KZ_ASSERT(kz_identity_encode(&identity, again) == size && memcmp(again, bytes, size) == 0);
    }
    return 0;
}
