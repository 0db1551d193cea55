/* SPDX-License-Identifier: Apache-2.0 */
/* Linear hashing over pages of ordered cells (index.h).
 *
 *   a cell:  tag in the upper 32 bits, slot + 1 in the lower; 0 is empty
 *
 * Invariants:
 * 1. There are 2^level + split pages, split < 2^level, and at most PAGE_SHARE cells for each.
 *    Pages are never joined again.
 * 2. The full cells of a page ascend. A cell stands at its home or behind it, and between its home
 *    and itself no cell is empty: so where it stands follows from the page's contents and capacity.
 * 3. A page's last cell is empty: every walk ends there at the latest.
 * 4. A page is at most 7/8 full. */
#include "statemachine/queue/index.h"

#include "statemachine/base/assert.h"
#include "statemachine/base/bytes.h"

#include <stdbool.h>
#include <string.h>

#define PAGES_SEGMENT_SHIFT 6
#define PAGE_SHARE          3072 /* a page has 24 to 60 KiB: its copy is short, their list too */
#define CAPACITY_MIN        16
#define INDEX_TAG           UINT32_C(0x58444e49) /* "INDX" */
#define PAGE_TAG            UINT32_C(0x45474150) /* "PAGE" */
#define CELLS_TAG           UINT32_C(0x4c4c4543) /* "CELL" */
#define INDEX_SIZE          12
#define PAGE_SIZE           8

struct page {
    uint64_t *cells;
    uint32_t capacity; /* homes; behind the last one are some more cells, for those pushed on */
    uint32_t count;
    uint32_t is_mapped; /* lies in an image: not released */
    uint32_t reserved;
};

static uint64_t cell_of(uint32_t tag, uint32_t slot)
{
    return (uint64_t)tag << 32 | (slot + 1);
}

static uint32_t tag_of(uint64_t cell)
{
    return (uint32_t)(cell >> 32);
}

static uint32_t slot_of(uint64_t cell)
{
    return (uint32_t)cell - 1;
}

/* ---- Pages ---- */

static uint32_t last_cell(uint32_t capacity)
{
    return capacity + capacity / 64 + CAPACITY_MIN - 1;
}

static uint64_t cells_size(uint32_t capacity)
{
    return ((uint64_t)last_cell(capacity) + 1) * sizeof(uint64_t);
}

/* Returns: the capacity at which COUNT cells leave room for a fifth more. */
static uint32_t capacity_for(uint32_t count)
{
    return count + count * 3 / 8 + CAPACITY_MIN;
}

static uint32_t home_of(const struct page *page, uint32_t tag)
{
    return (uint32_t)((uint64_t)tag * page->capacity >> 32);
}

static struct page *page_at(const struct kz_index *index, uint32_t number)
{
    return kz_table_at(&index->pages, number);
}

static struct page *page_of(const struct kz_index *index, uint32_t tag)
{
    uint32_t mask = (UINT32_C(1) << index->level) - 1;
    uint32_t number = tag & mask;
    return page_at(index, number < index->split ? tag & (2 * mask + 1) : number);
}

static struct page create_page(struct kz_index *index, uint32_t capacity)
{
    const struct kz_allocator *allocator = index->pages.allocator;
    uint64_t size = cells_size(capacity);

    index->cell_bytes += size;
    return (struct page){allocator->allocate(allocator->context, size), capacity, 0, 0, 0};
}

static void release_page(struct kz_index *index, const struct page *page)
{
    const struct kz_allocator *allocator = index->pages.allocator;
    uint64_t size = cells_size(page->capacity);

    if (page->is_mapped) return;
    index->cell_bytes -= size;
    allocator->release(allocator->context, page->cells, size);
}

static void add_page(struct kz_index *index, const struct page *page)
{
    uint32_t number = kz_table_add(&index->pages);
    *page_at(index, number) = *page;
}

/* Copies those of FROM's cells whose tag has BITS under MASK to the empty page TO, without a branch
 * that depends on a cell. Returns: false when they run out of its end. */
static bool copy_cells(const struct page *from, struct page *to, uint32_t mask, uint32_t bits)
{
    uint32_t from_last = last_cell(from->capacity);
    uint32_t to_last = last_cell(to->capacity);
    uint32_t next = 0;

    for (uint32_t i = 0; i < from_last; i++) {
        uint64_t cell = from->cells[i];
        bool is_copied = (cell != 0) & ((tag_of(cell) & mask) == bits);
        uint32_t home = home_of(to, tag_of(cell));
        uint32_t at = is_copied && home > next ? home : next;
        if (at >= to_last) {
            if (is_copied) return false;
            continue;
        }
        to->cells[at] = is_copied ? cell : 0;
        next = at + is_copied;
        to->count += is_copied;
    }
    return true;
}

/* Returns: a new page of those cells, with at least that capacity. FROM stays. */
static struct page copy_page(struct kz_index *index, const struct page *from, uint32_t mask,
                             uint32_t bits, uint32_t capacity)
{
    struct page page = create_page(index, capacity);

    while (!copy_cells(from, &page, mask, bits)) {
        release_page(index, &page);
        capacity += capacity / 8 + CAPACITY_MIN;
        page = create_page(index, capacity);
    }
    return page;
}

static void grow_page(struct kz_index *index, struct page *page)
{
    uint32_t capacity = page->capacity + page->capacity / 8;
    uint32_t usual = capacity_for(page->count);
    struct page old = *page;

    *page = copy_page(index, &old, 0, 0, capacity > usual ? capacity : usual);
    release_page(index, &old);
}

/* Takes the page at `split` apart by one more bit of the tag. */
static void split_page(struct kz_index *index)
{
    uint32_t bit = UINT32_C(1) << index->level;
    struct page old = *page_at(index, index->split);
    uint32_t capacity = capacity_for(old.count / 2);
    struct page high = copy_page(index, &old, bit, bit, capacity);

    *page_at(index, index->split) = copy_page(index, &old, bit, 0, capacity);
    release_page(index, &old);
    add_page(index, &high);
    index->split++;
    if (index->split == bit) {
        index->level++;
        index->split = 0;
    }
}

/* Returns: false when there is no empty cell behind CELL's place but the last one. */
static bool insert(struct page *page, uint64_t cell)
{
    uint64_t *cells = page->cells;
    uint32_t at = home_of(page, tag_of(cell));

    while (cells[at] != 0 && cells[at] < cell)
        at++;
    uint32_t end = at;
    while (cells[end] != 0)
        end++;
    if (end == last_cell(page->capacity)) return false;
    memmove(cells + at + 1, cells + at, (end - at) * sizeof *cells);
    cells[at] = cell;
    page->count++;
    return true;
}

/* ---- The index ---- */

void kz_index_init(struct kz_index *index, const struct kz_allocator *allocator)
{
    *index = (struct kz_index){.count = 0};
    kz_table_init(&index->pages, allocator, sizeof(struct page), PAGES_SEGMENT_SHIFT);
    struct page page = create_page(index, CAPACITY_MIN);
    add_page(index, &page);
}

void kz_index_finish(struct kz_index *index)
{
    for (uint32_t i = 0; i < index->pages.used; i++)
        release_page(index, page_at(index, i));
    KZ_ASSERT(index->cell_bytes == 0);
    kz_table_finish(&index->pages);
    *index = (struct kz_index){.pages = index->pages};
}

void kz_index_add(struct kz_index *index, uint64_t hash, uint32_t slot)
{
    uint32_t tag = (uint32_t)hash;
    struct page *page = page_of(index, tag);

    if ((uint64_t)page->count * 8 >= (uint64_t)page->capacity * 7) grow_page(index, page);
    while (!insert(page, cell_of(tag, slot)))
        grow_page(index, page);
    index->count++;
    if (index->count > (uint64_t)index->pages.used * PAGE_SHARE) split_page(index);
}

void kz_index_remove(struct kz_index *index, uint64_t hash, uint32_t slot)
{
    uint64_t cell = cell_of((uint32_t)hash, slot);
    struct page *page = page_of(index, tag_of(cell));
    uint64_t *cells = page->cells;
    uint32_t at = home_of(page, tag_of(cell));

    while (cells[at] != cell) {
        KZ_ASSERT(cells[at] != 0);
        at++;
    }
    for (; cells[at + 1] != 0 && home_of(page, tag_of(cells[at + 1])) <= at; at++)
        cells[at] = cells[at + 1];
    cells[at] = 0;
    page->count--;
    index->count--;
}

struct kz_index_search kz_index_look(const struct kz_index *index, uint64_t hash)
{
    uint32_t tag = (uint32_t)hash;
    const struct page *page = page_of(index, tag);
    return (struct kz_index_search){page->cells + home_of(page, tag), tag};
}

uint32_t kz_index_next(struct kz_index_search *search)
{
    while (*search->cell != 0 && tag_of(*search->cell) < search->tag)
        search->cell++;
    if (*search->cell == 0 || tag_of(*search->cell) != search->tag) return KZ_NO_SLOT;
    return slot_of(*search->cell++);
}

uint64_t kz_index_bytes(const struct kz_index *index)
{
    return kz_table_bytes(&index->pages) + index->cell_bytes;
}

/* ---- Images ---- */

/*   INDEX: OFFSET SIZE FIELD       PAGE: OFFSET SIZE FIELD
 *               0    4 level                  0    4 capacity
 *               4    4 split                  4    4 count
 *               8    4 count
 *
 * Behind the index its pages, each followed by its cells. */
void kz_index_save(const struct kz_index *index, struct kz_image_writer *writer)
{
    uint8_t measures[INDEX_SIZE];

    kz_put_u32(measures, index->level);
    kz_put_u32(measures + 4, index->split);
    kz_put_u32(measures + 8, index->count);
    kz_image_write(writer, INDEX_TAG, measures, INDEX_SIZE);
    for (uint32_t i = 0; i < index->pages.used; i++) {
        const struct page *page = page_at(index, i);
        kz_put_u32(measures, page->capacity);
        kz_put_u32(measures + 4, page->count);
        kz_image_write(writer, PAGE_TAG, measures, PAGE_SIZE);
        kz_image_write(writer, CELLS_TAG, page->cells, cells_size(page->capacity));
    }
}

/* Takes a page out of the image. Returns: whether there is one that can be walked. */
static bool open_page(struct kz_index *index, struct kz_image_reader *reader)
{
    const uint8_t *measures = kz_image_read(reader, PAGE_TAG, PAGE_SIZE);
    if (measures == NULL) return false;

    struct page page = {
        .capacity = kz_get_u32(measures), .count = kz_get_u32(measures + 4), .is_mapped = true};
    if (page.capacity < CAPACITY_MIN || page.capacity > INT32_MAX) return false;
    if (page.count > page.capacity) return false;
    page.cells = kz_image_read(reader, CELLS_TAG, cells_size(page.capacity));
    if (page.cells == NULL || page.cells[last_cell(page.capacity)] != 0) return false;

    add_page(index, &page);
    return true;
}

/* Reads the pages of an index of those measures into INDEX, which has none. */
static bool open_pages(struct kz_index *index, struct kz_image_reader *reader,
                       const uint8_t *measures)
{
    uint64_t count = 0;

    index->level = kz_get_u32(measures);
    index->split = kz_get_u32(measures + 4);
    index->count = kz_get_u32(measures + 8);
    if (index->level > 31 || index->split >= UINT32_C(1) << index->level) return false;

    uint32_t pages = (UINT32_C(1) << index->level) + index->split;
    while (index->pages.used < pages) {
        if (!open_page(index, reader)) return false;
        count += page_at(index, index->pages.used - 1)->count;
    }
    return count == index->count;
}

enum kz_status kz_index_open(struct kz_index *index, struct kz_image_reader *reader)
{
    const uint8_t *measures = kz_image_read(reader, INDEX_TAG, INDEX_SIZE);
    if (measures == NULL) return reader->status;

    struct kz_index opened = {.count = 0};
    kz_table_init(&opened.pages, index->pages.allocator, sizeof(struct page), PAGES_SEGMENT_SHIFT);
    if (!open_pages(&opened, reader, measures)) {
        kz_index_finish(&opened);
        return kz_image_reject(reader);
    }
    kz_index_finish(index);
    *index = opened;
    return KZ_OK;
}
