/* SPDX-License-Identifier: Apache-2.0 */
#include "log/batch.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/record/record.h"

#include <stdlib.h>

/* The offsets and then the bytes stand behind the struct, in the same allocation. */
struct kz_batch *kz_batch_create(uint64_t first_index, uint32_t count_max, size_t capacity)
{
    KZ_ASSERT(first_index > 0);
    KZ_ASSERT(capacity <= UINT32_MAX);

    size_t offsets_size = (size_t)count_max * sizeof(uint32_t);
    struct kz_batch *batch = malloc(sizeof *batch + offsets_size + capacity);
    if (batch == NULL) return NULL;

    uint32_t *offsets = (uint32_t *)(batch + 1);
    *batch = (struct kz_batch){
        .first_index = first_index,
        .references = 1,
        .count_max = count_max,
        .capacity = capacity,
        .offsets = offsets,
        .bytes = (uint8_t *)(offsets + count_max),
    };
    return batch;
}

struct kz_batch *kz_batch_retain(struct kz_batch *batch)
{
    KZ_ASSERT(batch->references > 0 && batch->references < UINT32_MAX);
    batch->references++;
    return batch;
}

void kz_batch_release(struct kz_batch *batch)
{
    if (batch == NULL) return;
    KZ_ASSERT(batch->references > 0);
    batch->references--;
    if (batch->references == 0) free(batch);
}

uint8_t *kz_batch_add(struct kz_batch *batch, uint64_t term, uint32_t size)
{
    KZ_ASSERT(batch->references == 1);
    KZ_ASSERT(term > 0);
    KZ_ASSERT(batch->count == 0 || term >= kz_batch_term(batch, batch->count - 1));

    if (batch->count == batch->count_max) return NULL;
    if (batch->capacity - batch->size < (size_t)KZ_ENTRY_PREFIX_SIZE + size) return NULL;

    uint8_t *entry = batch->bytes + batch->size;
    kz_put_u64(entry, term);
    kz_put_u32(entry + 8, size);
    batch->offsets[batch->count] = (uint32_t)batch->size;
    batch->count++;
    batch->size += KZ_ENTRY_PREFIX_SIZE + (size_t)size;
    return entry + KZ_ENTRY_PREFIX_SIZE;
}

uint64_t kz_batch_term(const struct kz_batch *batch, uint32_t i)
{
    KZ_ASSERT(i < batch->count);
    return kz_get_u64(batch->bytes + batch->offsets[i]);
}

const uint8_t *kz_batch_record(const struct kz_batch *batch, uint32_t i, uint32_t *out_size)
{
    KZ_ASSERT(i < batch->count);
    const uint8_t *entry = batch->bytes + batch->offsets[i];
    *out_size = kz_get_u32(entry + 8);
    return entry + KZ_ENTRY_PREFIX_SIZE;
}

uint64_t kz_batch_end(const struct kz_batch *batch)
{
    return batch->first_index + batch->count;
}

/* Takes the next entry of READER. LAST_TERM is the entry's before it. */
static enum kz_status parse_entry(struct kz_batch *batch, struct kz_reader *reader,
                                  uint64_t *last_term)
{
    uint64_t term = kz_read_u64(reader);
    uint32_t size = kz_read_u32(reader);
    const uint8_t *record = kz_read_bytes(reader, size);
    if (record == NULL || term == 0 || term < *last_term) return KZ_MALFORMED;
    if (size > KZ_RECORD_SIZE_MAX) return KZ_MALFORMED;

    struct kz_entry entry;
    enum kz_status status = kz_record_decode(record, size, &entry);
    if (status != KZ_OK) return status;

    uint8_t *room = kz_batch_add(batch, term, size);
    KZ_ASSERT(room != NULL);
    memcpy(room, record, size);
    *last_term = term;
    return KZ_OK;
}

enum kz_status kz_batch_parse(uint64_t first_index, uint32_t count, const uint8_t *bytes,
                              size_t size, struct kz_batch **out_batch)
{
    if (first_index == 0 || count == 0) return KZ_MALFORMED;
    if (size > UINT32_MAX || size / KZ_ENTRY_PREFIX_SIZE < count) return KZ_MALFORMED;

    struct kz_batch *batch = kz_batch_create(first_index, count, size);
    if (batch == NULL) return KZ_NO_MEMORY;

    struct kz_reader reader = kz_reader_init(bytes, size);
    uint64_t last_term = 0;
    enum kz_status status = KZ_OK;
    for (uint32_t i = 0; i < count && status == KZ_OK; i++) {
        status = parse_entry(batch, &reader, &last_term);
    }
    if (status == KZ_OK && !kz_reader_done(&reader)) status = KZ_MALFORMED;
    if (status != KZ_OK) {
        kz_batch_release(batch);
        return status;
    }
    *out_batch = batch;
    return KZ_OK;
}
