/* SPDX-License-Identifier: Apache-2.0 */
/* The content of DIR/vote:
 *
 *   OFFSET SIZE FIELD
 *        0    8 "KZVOTE", two zeros
 *        8    4 format version (1)
 *       12    4 zero
 *       16    8 term
 *       24    8 voted for: a raft id, 0 for nobody
 *       32    8 XXH3-64 of the 32 bytes before */
#include "log/node_files.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#define VERSION    1
#define MAGIC_SIZE 8

static const uint8_t magic[MAGIC_SIZE] = "KZVOTE\0";

enum kz_status kz_vote_decode(const uint8_t *bytes, size_t size, struct kz_vote *out_vote)
{
    struct kz_reader reader = kz_reader_init(bytes, size);
    const uint8_t *found_magic = kz_read_bytes(&reader, MAGIC_SIZE);
    uint32_t version = kz_read_u32(&reader);
    if (found_magic == NULL || memcmp(found_magic, magic, MAGIC_SIZE) != 0) return KZ_CORRUPT;
    if (version > VERSION) return KZ_NEWER;

    uint32_t zero = kz_read_u32(&reader);
    struct kz_vote vote = {.term = kz_read_u64(&reader)};
    vote.voted_for = kz_read_u64(&reader);
    uint64_t checksum = kz_read_u64(&reader);
    if (!kz_reader_done(&reader) || version != VERSION || zero != 0) return KZ_CORRUPT;
    if (checksum != kz_checksum(bytes, size - 8)) return KZ_CORRUPT;
    *out_vote = vote;
    return KZ_OK;
}

size_t kz_vote_encode(const struct kz_vote *vote, uint8_t out[static KZ_VOTE_SIZE])
{
    struct kz_writer writer = kz_writer_init(out, KZ_VOTE_SIZE);
    kz_write_bytes(&writer, magic, MAGIC_SIZE);
    kz_write_u32(&writer, VERSION);
    kz_write_u32(&writer, 0);
    kz_write_u64(&writer, vote->term);
    kz_write_u64(&writer, vote->voted_for);
    kz_write_u64(&writer, kz_checksum(out, kz_writer_size(&writer)));
    KZ_ASSERT(!writer.failed && kz_writer_size(&writer) == KZ_VOTE_SIZE);
    return KZ_VOTE_SIZE;
}
