/* SPDX-License-Identifier: Apache-2.0 */
/* What decodes as a record encodes to the same bytes, into exactly that much room. */
#include "statemachine/base/assert.h"
#include "statemachine/record/record.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t encoded[KZ_RECORD_SIZE_MAX];
    struct kz_entry entry;

    if (kz_record_decode(data, size, &entry) != KZ_OK) return 0;

    KZ_ASSERT(size <= KZ_RECORD_SIZE_MAX);
    KZ_ASSERT(kz_record_type(data) == entry.type && kz_record_time(data) == entry.time);
    KZ_ASSERT(kz_record_encode(&entry, encoded, size - 1) == 0);
    KZ_ASSERT(kz_record_encode(&entry, encoded, size) == size);
    KZ_ASSERT(memcmp(encoded, data, size) == 0);
    return 0;
}
