/* SPDX-License-Identifier: Apache-2.0 */
/* Small items of equal size, one for each index, kept in blocks: a row for each item would cost
 * more than the item.
 *
 * A block's key is the index of its first item, 1 plus a multiple of `count_max`:
 *
 *   OFFSET SIZE FIELD
 *        0  n·s the items of n consecutive indexes; s = item_size, 1 ≤ n ≤ count_max
 *      n·s    8 XXH3-64 of the items, seeded with the key
 *
 * Invariants:
 * 1. Every block but the last one is full; the last item's index is the sequence's last.
 * 2. A block is checked whenever it is read, also before it is written again with more items:
 * damage is never covered by a new checksum. */
#ifndef KZ_BLOCKS_H
#define KZ_BLOCKS_H

#include "log/store.h"

#include <stdint.h>

#define KZ_BLOCK_ITEMS_SIZE_MAX 1984
#define KZ_BLOCK_CHECKSUM_SIZE  8

/* Which table, and the form of its blocks. Two of the largest blocks fill one page of 4,096 bytes.
 */
struct kz_block_form {
    enum kz_table table;
    uint32_t item_size;
    uint32_t count_max;
};

struct kz_block {
    uint64_t first_index;
    uint32_t count;
    uint8_t items[KZ_BLOCK_ITEMS_SIZE_MAX];
};

/* Copies the block that holds INDEX. Errors: KZ_CORRUPT (ERROR names the indexes) when it is
 * damaged, is not there or does not reach INDEX; KZ_IO. */
enum kz_status kz_blocks_load(struct kz_transaction *transaction, const struct kz_block_form *form,
                              uint64_t index, struct kz_block *out_block);

/* Adds COUNT items behind the last one, whose index is FIRST_INDEX − 1. */
enum kz_status kz_blocks_append(struct kz_transaction *transaction,
                                const struct kz_block_form *form, uint64_t first_index,
                                const uint8_t *items, uint32_t count);

/* Copies the items of COUNT indexes, all of them there, to OUT_ITEMS. Errors as kz_blocks_load().
 */
enum kz_status kz_blocks_read(struct kz_transaction *transaction, const struct kz_block_form *form,
                              uint64_t first_index, uint32_t count, uint8_t *out_items);

/* Removes the items of INDEX and all behind it. */
enum kz_status kz_blocks_drop_from(struct kz_transaction *transaction,
                                   const struct kz_block_form *form, uint64_t index);

/* Gives the last item's index, as the size of its block's row says; 0 when there is none. Damage
 * within the block is found by whoever reads it. */
enum kz_status kz_blocks_last(struct kz_transaction *transaction, const struct kz_block_form *form,
                              uint64_t *out_index);

/* Returns: the index of the first item of INDEX's block. */
uint64_t kz_blocks_first(const struct kz_block_form *form, uint64_t index);

/* As kz_blocks_load(), but a block that is damaged, or not there, is no error: OUT_SOUND says so.
 * Errors: KZ_CORRUPT (LMDB's own pages), KZ_IO. */
enum kz_status kz_blocks_try(struct kz_transaction *transaction, const struct kz_block_form *form,
                             uint64_t index, struct kz_block *out_block, bool *out_sound);

/* Writes the COUNT items of a whole block in the place of the damaged one. Errors: KZ_CORRUPT when
 * its row has another size: that is LMDB's own, and must not be written over. */
enum kz_status kz_blocks_restore(struct kz_transaction *transaction,
                                 const struct kz_block_form *form, const struct kz_block *block);

#endif
