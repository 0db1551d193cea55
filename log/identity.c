/* SPDX-License-Identifier: Apache-2.0 */
/* The content of DIR/identity:
 *
 *   OFFSET SIZE FIELD
 *        0    8 "KZIDENT", one zero
 *        8    4 format version (1)
 *       12    4 zero
 *       16   16 cluster id
 *       32    8 raft id, 0: not yet a node of that cluster
 *       40   16 incarnation
 *       56    1 number of pinned peers, n ≤ 16
 *       57    7 zero
 *       64 24·n each peer: raft id (8), incarnation (16)
 *  64+24·n    8 XXH3-64 of everything before */
#include "log/node_files.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#define VERSION    1
#define MAGIC_SIZE 8

static const uint8_t magic[MAGIC_SIZE] = "KZIDENT";
static const uint8_t zeros[8];

static void read_id(struct kz_reader *reader, uint8_t out_id[static KZ_ID_SIZE])
{
    const uint8_t *bytes = kz_read_bytes(reader, KZ_ID_SIZE);
    if (bytes != NULL) memcpy(out_id, bytes, KZ_ID_SIZE);
}

static bool read_zeros(struct kz_reader *reader, size_t size)
{
    const uint8_t *bytes = kz_read_bytes(reader, size);
    return bytes != NULL && memcmp(bytes, zeros, size) == 0;
}

enum kz_status kz_identity_decode(const uint8_t *bytes, size_t size,
                                  struct kz_identity *out_identity)
{
    struct kz_reader reader = kz_reader_init(bytes, size);
    const uint8_t *found_magic = kz_read_bytes(&reader, MAGIC_SIZE);
    uint32_t version = kz_read_u32(&reader);
    if (found_magic == NULL || memcmp(found_magic, magic, MAGIC_SIZE) != 0) return KZ_CORRUPT;
    if (version > VERSION) return KZ_NEWER;

    struct kz_identity identity = {0};
    bool reserved_is_zero = read_zeros(&reader, 4);
    read_id(&reader, identity.cluster);
    identity.id = kz_read_u64(&reader);
    read_id(&reader, identity.incarnation);
    identity.peer_count = kz_read_u8(&reader);
    reserved_is_zero &= read_zeros(&reader, 7);
    if (identity.peer_count > KZ_MEMBERS_MAX) return KZ_CORRUPT;
    for (uint8_t i = 0; i < identity.peer_count; i++) {
        identity.peers[i].id = kz_read_u64(&reader);
        read_id(&reader, identity.peers[i].incarnation);
    }
    uint64_t checksum = kz_read_u64(&reader);
    if (!kz_reader_done(&reader) || version != VERSION || !reserved_is_zero) return KZ_CORRUPT;
    if (checksum != kz_checksum(bytes, size - 8)) return KZ_CORRUPT;
    *out_identity = identity;
    return KZ_OK;
}

size_t kz_identity_encode(const struct kz_identity *identity,
                          uint8_t out[static KZ_IDENTITY_SIZE_MAX])
{
    KZ_ASSERT(identity->peer_count <= KZ_MEMBERS_MAX);
    struct kz_writer writer = kz_writer_init(out, KZ_IDENTITY_SIZE_MAX);
    kz_write_bytes(&writer, magic, MAGIC_SIZE);
    kz_write_u32(&writer, VERSION);
    kz_write_bytes(&writer, zeros, 4);
    kz_write_bytes(&writer, identity->cluster, KZ_ID_SIZE);
    kz_write_u64(&writer, identity->id);
    kz_write_bytes(&writer, identity->incarnation, KZ_ID_SIZE);
    kz_write_u8(&writer, identity->peer_count);
    kz_write_bytes(&writer, zeros, 7);
    for (uint8_t i = 0; i < identity->peer_count; i++) {
        kz_write_u64(&writer, identity->peers[i].id);
        kz_write_bytes(&writer, identity->peers[i].incarnation, KZ_ID_SIZE);
    }
    kz_write_u64(&writer, kz_checksum(out, kz_writer_size(&writer)));
    KZ_ASSERT(!writer.failed);
    return kz_writer_size(&writer);
}
