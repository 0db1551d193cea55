/* SPDX-License-Identifier: Apache-2.0 */
#include "log/blocks.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"

#include <inttypes.h>

uint64_t kz_blocks_first(const struct kz_block_form *form, uint64_t index)
{
    KZ_ASSERT(index > 0);
    return index - (index - 1) % form->count_max;
}

static enum kz_status damaged(const struct kz_transaction *transaction,
                              const struct kz_block_form *form, uint64_t index)
{
    uint64_t first = kz_blocks_first(form, index);
    (void)kz_error_set(transaction->error, KZ_CORRUPT,
                       "entry %" PRIu64 " is damaged: the table of %s has no whole block for "
                       "entries %" PRIu64 " to %" PRIu64,
                       index, kz_table_name(form->table), first, first + form->count_max - 1);
    return KZ_CORRUPT;
}

/* Returns: the number of items that a row of this size holds; 0 when it is no block's. */
static uint32_t count_of(const struct kz_block_form *form, const struct kz_row *row)
{
    if (row->size < KZ_BLOCK_CHECKSUM_SIZE) return 0;
    size_t size = row->size - KZ_BLOCK_CHECKSUM_SIZE;
    if (size % form->item_size != 0 || size / form->item_size > form->count_max) return 0;
    return (uint32_t)(size / form->item_size);
}

/* Checks ROW as a block. Returns: the number of its items; 0 when it is none. */
static uint32_t check(const struct kz_block_form *form, const struct kz_row *row)
{
    uint32_t count = count_of(form, row);
    size_t size = (size_t)count * form->item_size;
    if (count == 0) return 0;
    return kz_hash64(row->bytes, size, row->key) == kz_get_u64(row->bytes + size) ? count : 0;
}

enum kz_status kz_blocks_try(struct kz_transaction *transaction, const struct kz_block_form *form,
                             uint64_t index, struct kz_block *out_block, bool *out_sound)
{
    struct kz_row row;
    uint64_t first = kz_blocks_first(form, index);
    enum kz_status status = kz_table_find(transaction, form->table, first, &row);
    if (status != KZ_OK && status != KZ_NOT_FOUND) return status;

    uint32_t count = status == KZ_OK && row.key == first ? check(form, &row) : 0;
    *out_sound = index - first < count;
    if (!*out_sound) return KZ_OK;
    out_block->first_index = first;
    out_block->count = count;
    memcpy(out_block->items, row.bytes, (size_t)count * form->item_size);
    return KZ_OK;
}

enum kz_status kz_blocks_load(struct kz_transaction *transaction, const struct kz_block_form *form,
                              uint64_t index, struct kz_block *out_block)
{
    bool sound = false;
    enum kz_status status = kz_blocks_try(transaction, form, index, out_block, &sound);
    if (status != KZ_OK) return status;
    return sound ? KZ_OK : damaged(transaction, form, index);
}

static enum kz_status save(struct kz_transaction *transaction, const struct kz_block_form *form,
                           const struct kz_block *block, bool is_new)
{
    uint8_t *room = NULL;
    size_t size = (size_t)block->count * form->item_size;
    enum kz_status (*put)(struct kz_transaction *, enum kz_table, uint64_t, size_t, uint8_t **) =
        is_new ? kz_table_append : kz_table_replace;
    enum kz_status status =
        put(transaction, form->table, block->first_index, size + KZ_BLOCK_CHECKSUM_SIZE, &room);
    if (status != KZ_OK) return status;

    memcpy(room, block->items, size);
    kz_put_u64(room + size, kz_hash64(block->items, size, block->first_index));
    return KZ_OK;
}

enum kz_status kz_blocks_restore(struct kz_transaction *transaction,
                                 const struct kz_block_form *form, const struct kz_block *block)
{
    struct kz_row row;
    size_t size = (size_t)block->count * form->item_size + KZ_BLOCK_CHECKSUM_SIZE;
    enum kz_status status = kz_table_find(transaction, form->table, block->first_index, &row);
    if (status != KZ_OK && status != KZ_NOT_FOUND) return status;
    if (status == KZ_OK && (row.key != block->first_index || row.size != size)) {
        return damaged(transaction, form, block->first_index);
    }
    return save(transaction, form, block, false);
}

enum kz_status kz_blocks_append(struct kz_transaction *transaction,
                                const struct kz_block_form *form, uint64_t first_index,
                                const uint8_t *items, uint32_t count)
{
    KZ_ASSERT((size_t)form->item_size * form->count_max <= KZ_BLOCK_ITEMS_SIZE_MAX);
    struct kz_block block;
    while (count > 0) {
        bool is_new = kz_blocks_first(form, first_index) == first_index;
        block.first_index = first_index;
        block.count = 0;
        if (!is_new) {
            enum kz_status status = kz_blocks_load(transaction, form, first_index - 1, &block);
            if (status != KZ_OK) return status;
            if (block.first_index + block.count != first_index) {
                return damaged(transaction, form, first_index);
            }
        }
        uint32_t room = form->count_max - block.count;
        uint32_t added = count < room ? count : room;
        memcpy(block.items + (size_t)block.count * form->item_size, items,
               (size_t)added * form->item_size);
        block.count += added;

        enum kz_status status = save(transaction, form, &block, is_new);
        if (status != KZ_OK) return status;
        items += (size_t)added * form->item_size;
        first_index += added;
        count -= added;
    }
    return KZ_OK;
}

enum kz_status kz_blocks_read(struct kz_transaction *transaction, const struct kz_block_form *form,
                              uint64_t first_index, uint32_t count, uint8_t *out_items)
{
    struct kz_block block;
    while (count > 0) {
        enum kz_status status = kz_blocks_load(transaction, form, first_index, &block);
        if (status != KZ_OK) return status;

        uint32_t skipped = (uint32_t)(first_index - block.first_index);
        uint32_t taken = block.count - skipped < count ? block.count - skipped : count;
        memcpy(out_items, block.items + (size_t)skipped * form->item_size,
               (size_t)taken * form->item_size);
        out_items += (size_t)taken * form->item_size;
        first_index += taken;
        count -= taken;
    }
    return KZ_OK;
}

enum kz_status kz_blocks_drop_from(struct kz_transaction *transaction,
                                   const struct kz_block_form *form, uint64_t index)
{
    struct kz_block block = {.first_index = kz_blocks_first(form, index)};
    if (block.first_index < index) {
        enum kz_status status = kz_blocks_load(transaction, form, index - 1, &block);
        if (status != KZ_OK) return status;
        block.count = (uint32_t)(index - block.first_index);
    }
    enum kz_status status = kz_table_drop_from(transaction, form->table, block.first_index);
    if (status != KZ_OK || block.count == 0) return status;
    return save(transaction, form, &block, true);
}

enum kz_status kz_blocks_last(struct kz_transaction *transaction, const struct kz_block_form *form,
                              uint64_t *out_index)
{
    struct kz_row row;
    enum kz_status status = kz_table_last(transaction, form->table, &row);
    if (status == KZ_NOT_FOUND) {
        *out_index = 0;
        return KZ_OK;
    }
    if (status != KZ_OK) return status;
    if (row.key == 0 || kz_blocks_first(form, row.key) != row.key) {
        return damaged(transaction, form, row.key == 0 ? 1 : row.key);
    }
    uint32_t count = count_of(form, &row);
    if (count == 0) return damaged(transaction, form, row.key);
    *out_index = row.key + count - 1;
    return KZ_OK;
}
