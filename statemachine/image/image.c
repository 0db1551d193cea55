/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and reading of images (image.h). */
#include "statemachine/image/image.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <assert.h>
#include <string.h>

#define HEADER_SIZE       32
#define BLOCK_HEADER_SIZE 24
#define CLOSING_TAG       0

static const uint8_t magic[8] = {'K', 'Z', 'I', 'M', 'A', 'G', 'E', '1'};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are little-endian arrays");

static size_t padding_of(size_t size)
{
    return -size % 8;
}

static uint64_t checksum_of(const uint8_t *block_header, const void *contents, size_t size)
{
    return kz_hash64(contents, size, kz_checksum(block_header, 16));
}

static void put(struct kz_image_writer *writer, const void *bytes, size_t size)
{
    if (writer->status != KZ_OK || size == 0) return;
    writer->status = writer->write(writer->context, bytes, size);
    writer->size += size;
}

void kz_image_writer_init(struct kz_image_writer *writer, void *context,
                          enum kz_status (*write)(void *context, const void *bytes, size_t size),
                          uint64_t seed)
{
    uint8_t header[HEADER_SIZE] = {0};

    memcpy(header, magic, sizeof magic);
    kz_put_u32(header + 8, KZ_IMAGE_VERSION);
    kz_put_u64(header + 16, seed);
    kz_put_u64(header + 24, kz_checksum(header, 24));

    *writer = (struct kz_image_writer){.context = context, .write = write};
    put(writer, header, sizeof header);
}

static void write_block(struct kz_image_writer *writer, uint32_t tag, const void *bytes,
                        size_t size)
{
    static const uint8_t zeros[8];
    uint8_t header[BLOCK_HEADER_SIZE];

    if (writer->status != KZ_OK) return;
    kz_put_u32(header, tag);
    kz_put_u32(header + 4, writer->block_count++);
    kz_put_u64(header + 8, size);
    kz_put_u64(header + 16, checksum_of(header, bytes, size));
    put(writer, header, sizeof header);
    put(writer, bytes, size);
    put(writer, zeros, padding_of(size));
}

void kz_image_write(struct kz_image_writer *writer, uint32_t tag, const void *bytes, size_t size)
{
    KZ_ASSERT(tag != CLOSING_TAG);
    write_block(writer, tag, bytes, size);
}

enum kz_status kz_image_writer_finish(struct kz_image_writer *writer)
{
    write_block(writer, CLOSING_TAG, "", 0);
    return writer->status;
}

enum kz_status kz_image_reader_init(struct kz_image_reader *reader, void *area, size_t size,
                                    uint64_t *out_seed)
{
    uint8_t *bytes = area;

    KZ_ASSERT((uintptr_t)area % 8 == 0);
    *reader = (struct kz_image_reader){bytes, bytes + size, KZ_CORRUPT, 0};
    if (size < HEADER_SIZE || memcmp(bytes, magic, sizeof magic) != 0) return KZ_CORRUPT;
    if (kz_get_u64(bytes + 24) != kz_checksum(bytes, 24)) return KZ_CORRUPT;
    if (kz_get_u32(bytes + 8) != KZ_IMAGE_VERSION) return reader->status = KZ_NEWER;
    if (kz_get_u32(bytes + 12) != 0) return KZ_CORRUPT;

    reader->next += HEADER_SIZE;
    reader->status = KZ_OK;
    *out_seed = kz_get_u64(bytes + 16);
    return KZ_OK;
}

enum kz_status kz_image_reject(struct kz_image_reader *reader)
{
    if (reader->status == KZ_OK) reader->status = KZ_CORRUPT;
    return reader->status;
}

static size_t left_in(const struct kz_image_reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

static void *read_block(struct kz_image_reader *reader, uint32_t tag, size_t size)
{
    uint8_t *header = reader->next;
    size_t left = left_in(reader);

    if (left < BLOCK_HEADER_SIZE || left - BLOCK_HEADER_SIZE < size) return NULL;
    if (left - BLOCK_HEADER_SIZE - size < padding_of(size)) return NULL;
    if (kz_get_u32(header) != tag || kz_get_u32(header + 4) != reader->block_count) return NULL;
    if (kz_get_u64(header + 8) != size) return NULL;

    uint8_t *contents = header + BLOCK_HEADER_SIZE;
    if (kz_get_u64(header + 16) != checksum_of(header, contents, size)) return NULL;
    for (size_t i = 0; i < padding_of(size); i++) {
        if (contents[size + i] != 0) return NULL;
    }
    reader->next = contents + size + padding_of(size);
    reader->block_count++;
    return contents;
}

void *kz_image_read(struct kz_image_reader *reader, uint32_t tag, size_t size)
{
    if (reader->status != KZ_OK) return NULL;

    void *contents = read_block(reader, tag, size);
    if (contents == NULL) (void)kz_image_reject(reader);
    return contents;
}

enum kz_status kz_image_reader_finish(struct kz_image_reader *reader)
{
    (void)kz_image_read(reader, CLOSING_TAG, 0);
    if (left_in(reader) > 0) return kz_image_reject(reader);
    return reader->status;
}
