/* SPDX-License-Identifier: Apache-2.0 */
#include "log/head.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#define HEAD_KEY   0
#define MAGIC_SIZE 8

static const uint8_t magic[MAGIC_SIZE] = "KZLEDGER";

/* Decodes the head at BYTES, which has its size, version and magic, as TRANSACTION wrote it. */
static bool decode(const uint8_t *bytes, uint64_t transaction, struct kz_head *out_head)
{
    struct kz_reader reader = kz_reader_init(bytes + MAGIC_SIZE + 4, KZ_HEAD_SIZE - MAGIC_SIZE - 4);
    uint32_t zero = kz_read_u32(&reader);
    struct kz_head head;
    head.last_index = kz_read_u64(&reader);
    head.last_term = kz_read_u64(&reader);
    head.applied_index = kz_read_u64(&reader);
    head.run_count = kz_read_u64(&reader);
    head.membership_count = kz_read_u64(&reader);
    bool is_last = kz_read_u64(&reader) == transaction;
    uint64_t checksum = kz_read_u64(&reader);
    if (!kz_reader_done(&reader) || zero != 0 || !is_last) return false;
    if (checksum != kz_checksum(bytes, KZ_HEAD_SIZE - 8)) return false;
    if (head.applied_index > head.last_index) return false;
    *out_head = head;
    return true;
}

enum kz_status kz_head_read(struct kz_transaction *transaction, struct kz_head *out_head)
{
    struct kz_row row;
    struct kz_error *error = transaction->error;
    enum kz_status status = kz_table_find(transaction, KZ_TABLE_HEAD, HEAD_KEY, &row);
    if (status == KZ_NOT_FOUND || (status == KZ_OK && row.size < MAGIC_SIZE + 4)) {
        return kz_error_set(error, KZ_MALFORMED, "the ledger has no head");
    }
    if (status != KZ_OK) return status;
    if (memcmp(row.bytes, magic, MAGIC_SIZE) != 0) {
        return kz_error_set(error, KZ_MALFORMED, "the ledger's head has another magic");
    }
    uint32_t version = kz_get_u32(row.bytes + MAGIC_SIZE);
    if (version > KZ_LEDGER_VERSION) {
        return kz_error_set(error, KZ_NEWER,
                            "the ledger has format version %u; this program knows up to %u",
                            version, KZ_LEDGER_VERSION);
    }
    if (version == 0 || row.size != KZ_HEAD_SIZE ||
        !decode(row.bytes, kz_transaction_number(transaction), out_head)) {
        return kz_error_set(error, KZ_CORRUPT, "the ledger's head is damaged");
    }
    return KZ_OK;
}

enum kz_status kz_head_write(struct kz_transaction *transaction, const struct kz_head *head)
{
    uint8_t bytes[KZ_HEAD_SIZE];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    kz_write_bytes(&writer, magic, MAGIC_SIZE);
    kz_write_u32(&writer, KZ_LEDGER_VERSION);
    kz_write_u32(&writer, 0);
    kz_write_u64(&writer, head->last_index);
    kz_write_u64(&writer, head->last_term);
    kz_write_u64(&writer, head->applied_index);
    kz_write_u64(&writer, head->run_count);
    kz_write_u64(&writer, head->membership_count);
    kz_write_u64(&writer, kz_transaction_number(transaction));
    kz_write_u64(&writer, kz_checksum(bytes, KZ_HEAD_SIZE - 8));
    KZ_ASSERT(!writer.failed && kz_writer_size(&writer) == KZ_HEAD_SIZE);

    uint8_t *room = NULL;
    enum kz_status status =
        kz_table_replace(transaction, KZ_TABLE_HEAD, HEAD_KEY, KZ_HEAD_SIZE, &room);
    if (status == KZ_OK) memcpy(room, bytes, KZ_HEAD_SIZE);
    return status;
}
