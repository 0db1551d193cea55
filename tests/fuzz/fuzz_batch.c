/* SPDX-License-Identifier: Apache-2.0 */
/* Entries from a peer's frame: what is accepted is exactly what was sent. The first byte is the
 * count. */
#include "log/batch.h"
#include "statemachine/base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint32_t count = data[0];
    struct kz_batch *batch = NULL;
    if (kz_batch_parse(7, count, data + 1, size - 1, &batch) != KZ_OK) return 0;

    KZ_ASSERT(batch->count == count && batch->size == size - 1);
    KZ_ASSERT(memcmp(batch->bytes, data + 1, batch->size) == 0);
    KZ_ASSERT(kz_batch_end(batch) == 7 + (uint64_t)count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t record_size = 0;
        KZ_ASSERT(kz_batch_term(batch, i) > 0);
        KZ_ASSERT(kz_batch_record(batch, i, &record_size) != NULL && record_size > 0);
    }
    kz_batch_release(kz_batch_retain(batch));
    kz_batch_release(batch);
    return 0;
}
