/* SPDX-License-Identifier: Apache-2.0 */
/* An application's number is a ledger index, its slot the count of applications before it. So a
 * bitmap over all indexes, with a count before each 64, finds a slot in O(1) for 12 bytes per 64
 * entries:
 *
 *   indexes  0 … 63             64 … 127           128 …
 *   word     {bits, before 0}   {bits, before 17}  {bits, before 40} …
 *   slot     = before + the number of bits below the index's own
 */
#include "statemachine/rules/rules.h"

static uint32_t count_bits(uint64_t bits)
{
    bits -= bits >> 1 & 0x5555555555555555U;
    bits = (bits & 0x3333333333333333U) + (bits >> 2 & 0x3333333333333333U);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fU;
    return (uint32_t)(bits * 0x0101010101010101U >> 56);
}

static struct kz_number_word *word_at(const struct kz_machine *machine, uint32_t index)
{
    return kz_table_at(&machine->numbers, index / 64);
}

static uint64_t word_bits(const struct kz_number_word *word)
{
    return word->bits[0] | (uint64_t)word->bits[1] << 32;
}

void kz_number_extend(struct kz_machine *machine, uint32_t index)
{
    while (machine->numbers.used <= index / 64) {
        uint32_t slot = kz_table_add(&machine->numbers);
        struct kz_number_word *word = kz_table_at(&machine->numbers, slot);
        word->before = machine->applications.used;
    }
}

void kz_number_set(struct kz_machine *machine, uint32_t index)
{
    word_at(machine, index)->bits[index / 32 % 2] |= UINT32_C(1) << index % 32;
    KZ_ASSERT(kz_number_find(machine, index) == machine->applications.used - 1);
}

uint32_t kz_number_find(const struct kz_machine *machine, uint64_t number)
{
    if (number / 64 >= machine->numbers.used) return KZ_NO_SLOT;

    const struct kz_number_word *word = word_at(machine, (uint32_t)number);
    uint64_t bit = UINT64_C(1) << number % 64;
    uint64_t bits = word_bits(word);
    return (bits & bit) == 0 ? KZ_NO_SLOT : word->before + count_bits(bits & (bit - 1));
}

void kz_number_prefetch(const struct kz_machine *machine, uint64_t number)
{
    if (number / 64 >= machine->numbers.used) return;

    const struct kz_number_word *word = word_at(machine, (uint32_t)number);
    __builtin_prefetch(word);
    __asm__ volatile("" : : "r"(word)); /* keeps GCC from dropping the call */
}

uint32_t kz_number_rank(const struct kz_machine *machine, uint64_t number)
{
    if (number / 64 >= machine->numbers.used) return machine->applications.used;

    const struct kz_number_word *word = word_at(machine, (uint32_t)number);
    uint64_t up_to = UINT64_MAX >> (63 - number % 64);
    return word->before + count_bits(word_bits(word) & up_to);
}
