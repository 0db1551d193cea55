/* SPDX-License-Identifier: Apache-2.0 */
/* An image opens or is refused; what opens is saved to the same bytes. Each input is tried as it
 * is, and once more with checksums that are right, so that the measures inside blocks are reached.
 */
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"
#include "statemachine/queue/index.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE       32
#define BLOCK_HEADER_SIZE 24
#define NOTE_TAG          7
#define NOTE_SIZE         5

/* The bytes that a saved image must have. */
struct expected {
    const uint8_t *bytes;
    size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stands for a disk: fails as soon as a byte differs from what was opened. */
static enum kz_status compare(void *context, const void *bytes, size_t size)
{
    struct expected *expected = context;

    if (size > expected->size || memcmp(bytes, expected->bytes, size) != 0) return KZ_MISMATCH;
    expected->bytes += size;
    expected->size -= size;
    return KZ_OK;
}

static void save_again(const struct kz_table *records, const struct kz_index *index,
                       const void *note, uint64_t seed, struct expected expected)
{
    struct kz_image_writer writer;

    kz_image_writer_init(&writer, &expected, compare, seed);
    kz_table_save(records, &writer);
    kz_index_save(index, &writer);
    kz_image_write(&writer, NOTE_TAG, note, NOTE_SIZE);
    KZ_ASSERT(kz_image_writer_finish(&writer) == KZ_OK);
    KZ_ASSERT(expected.size == 0);
}

static void open_image(const uint8_t *data, uint8_t *area, size_t size)
{
    struct kz_image_reader reader;
    struct kz_table records;
    struct kz_index index;
    uint64_t seed;

    memcpy(area, data, size);
    if (kz_image_reader_init(&reader, area, size, &seed) != KZ_OK) return;
    kz_table_init(&records, &kz_allocator_system, sizeof(uint64_t), 2);
    kz_index_init(&index, &kz_allocator_system);
    if (kz_table_open(&records, &reader) == KZ_OK) (void)kz_index_open(&index, &reader);
    const void *note = kz_image_read(&reader, NOTE_TAG, NOTE_SIZE);
    if (kz_image_reader_finish(&reader) == KZ_OK) {
        save_again(&records, &index, note, seed, (struct expected){data, size});
    }
    kz_index_finish(&index);
    kz_table_finish(&records);
}

/* Makes every checksum right, as far as the sizes of blocks lead. */
static void mend(uint8_t *image, size_t size)
{
    if (size < HEADER_SIZE) return;
    kz_put_u64(image + 24, kz_checksum(image, 24));

    size_t at = HEADER_SIZE;
    while (size - at >= BLOCK_HEADER_SIZE) {
        uint8_t *header = image + at;
        uint64_t contents = kz_get_u64(header + 8);
        at += BLOCK_HEADER_SIZE;
        if (contents > size - at) return;
        kz_put_u64(header + 16,
                   kz_hash64(header + BLOCK_HEADER_SIZE, contents, kz_checksum(header, 16)));
        at += contents;
        at += at % 8 == 0 ? 0 : 8 - at % 8;
        if (at > size) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *image = malloc(size + 1);
    uint8_t *area = malloc(size + 1);

    if (image != NULL && area != NULL) {
        open_image(data, area, size);
        memcpy(image, data, size);
        mend(image, size);
        open_image(image, area, size);
    }
    free(image);
    free(area);
    return 0;
}
