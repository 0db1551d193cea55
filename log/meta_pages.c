/* SPDX-License-Identifier: Apache-2.0 */
#include "log/meta_pages.h"

#include "statemachine/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define META_SIZE     152
#define PAGE_META     8
#define MAGIC         0xBEEFC0DEu
#define VERSION       1
#define INTEGER_KEYS  8
#define DEPTH_MAX     32
#define NO_ROOT       UINT64_MAX
#define PAGE_SIZE_MIN 512
#define PAGE_SIZE_MAX 65536

static bool tree_is_sound(const uint8_t *meta, size_t depth_offset, size_t root_offset)
{
    uint16_t depth = kz_get_u16(meta + depth_offset);
    uint64_t root = kz_get_u64(meta + root_offset);
    if (root == NO_ROOT) return depth == 0;
    return depth > 0 && depth <= DEPTH_MAX && root > 1 && root <= kz_get_u64(meta + 136);
}

/* Returns: whether META may stand in page NUMBER. */
static bool meta_is_sound(const uint8_t *meta, uint64_t number, uint32_t page_size)
{
    return kz_get_u64(meta) == number && kz_get_u16(meta + 10) == PAGE_META &&
           kz_get_u32(meta + 16) == MAGIC && kz_get_u32(meta + 20) == VERSION &&
           kz_get_u64(meta + 24) == 0 && kz_get_u32(meta + 40) == page_size &&
           kz_get_u16(meta + 44) == INTEGER_KEYS && kz_get_u16(meta + 92) == 0 &&
           kz_get_u64(meta + 144) % 2 == number;
}

/* Returns: the page of the last transaction, NULL when the two do not take turns. The other page's
 * trees are not asked for: a failed write leaves an old transaction with new trees there. */
static const uint8_t *last_of(const uint8_t *even, const uint8_t *odd)
{
    uint64_t even_transaction = kz_get_u64(even + 144);
    uint64_t odd_transaction = kz_get_u64(odd + 144);
    if (even_transaction + 1 == odd_transaction) return odd;
    return odd_transaction + 1 == even_transaction ? even : NULL;
}

struct pages {
    uint8_t even[META_SIZE];
    uint8_t odd[META_SIZE];
};

static bool read_meta(int file, off_t offset, uint8_t out_meta[static META_SIZE])
{
    return pread(file, out_meta, META_SIZE, offset) == META_SIZE;
}

/* Returns: the size of a page, as the first one says it; 0: it says none. */
static uint32_t page_size_of(const uint8_t *even)
{
    uint32_t size = kz_get_u32(even + 40);
    bool is_power = (size & (size - 1)) == 0;
    bool is_ours = kz_get_u32(even + 16) == MAGIC && kz_get_u32(even + 20) == VERSION;
    return is_ours && is_power && size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX ? size : 0;
}

/* Reads both pages as they were at one time, whatever another process writes: what is read twice
 * alike was so in between. */
static enum kz_status read_pages(int file, const char *path, struct pages *out_pages,
                                 struct kz_error *error)
{
    struct pages before;
    do {
        before = *out_pages;
        if (!read_meta(file, 0, out_pages->even))
            return kz_error_set(error, KZ_CORRUPT, "%s is cut or can not be read", path);
        uint32_t page_size = page_size_of(out_pages->even);
        if (page_size == 0) {
            return kz_error_set(error, KZ_MALFORMED,
                                "%s is no ledger, or its first page is damaged", path);
        }
        if (!read_meta(file, (off_t)page_size, out_pages->odd))
            return kz_error_set(error, KZ_CORRUPT, "%s is cut or can not be read", path);
    } while (memcmp(&before, out_pages, sizeof before) != 0);
    return KZ_OK;
}

static enum kz_status check(const struct pages *pages, const char *path, struct kz_error *error)
{
    uint32_t page_size = page_size_of(pages->even);
    const uint8_t *last = last_of(pages->even, pages->odd);
    if (!meta_is_sound(pages->even, 0, page_size) || !meta_is_sound(pages->odd, 1, page_size) ||
        last == NULL || !tree_is_sound(last, 46, 80) || !tree_is_sound(last, 94, 128)) {
        return kz_error_set(error, KZ_CORRUPT, "%s is damaged in its first two pages", path);
    }
    return KZ_OK;
}

enum kz_status kz_meta_pages_check(const char *path, struct kz_error *error)
{
    struct pages pages = {.even = {0}};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return kz_error_set(error, KZ_IO, "cannot open %s: %s", path, strerror(errno));
    enum kz_status status = read_pages(file, path, &pages, error);
    if (status == KZ_OK) status = check(&pages, path, error);
    (void)close(file);
    return status;
}
