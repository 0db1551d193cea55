/* SPDX-License-Identifier: Apache-2.0 */
/* The containers through an image: what is opened goes on exactly as what was saved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "statemachine/base/bytes.h"
#include "statemachine/base/checksum.h"
#include "statemachine/queue/index.h"
#include "statemachine/queue/ranked.h"
#include "tests/image/support.h"
#include "tests/queue/support.h"

#define SEED     42
#define SETS     4
#define KEYS     20000
#define SETS_TAG 7

struct record {
    uint32_t key;
    int64_t applied_at;
};

/* A small state machine: records found by key, each in one of a few ranked sets. */
struct machine {
    uint64_t bytes;
    struct kz_allocator allocator;
    struct kz_table records;
    struct kz_index index;
    struct kz_ranked_pool *pool;
    struct kz_ranked sets[SETS];
};

static uint64_t hash_key(uint32_t key)
{
    return kz_hash64(&key, sizeof key, SEED);
}

static void create(struct machine *machine)
{
    *machine = (struct machine){.bytes = 0};
    machine->allocator = counting_allocator(&machine->bytes);
    kz_table_init(&machine->records, &machine->allocator, sizeof(struct record), 8);
    kz_index_init(&machine->index, &machine->allocator);
    machine->pool = kz_ranked_pool_create(&machine->allocator);
}

static void destroy(struct machine *machine)
{
    kz_ranked_pool_destroy(machine->pool);
    kz_index_finish(&machine->index);
    kz_table_finish(&machine->records);
    assert_int_equal(machine->bytes, 0);
}

static enum kz_status save(const struct machine *machine, struct memory *memory)
{
    struct kz_image_writer writer;

    kz_image_writer_init(&writer, memory, memory_write, SEED);
    kz_table_save(&machine->records, &writer);
    kz_index_save(&machine->index, &writer);
    kz_ranked_pool_save(machine->pool, &writer);
    kz_image_write(&writer, SETS_TAG, machine->sets, sizeof machine->sets);
    return kz_image_writer_finish(&writer);
}

static enum kz_status open(struct machine *machine, uint8_t *area, size_t size)
{
    struct kz_image_reader reader;
    uint64_t seed;

    create(machine);
    enum kz_status status = kz_image_reader_init(&reader, area, size, &seed);
    if (status != KZ_OK) return status;
    if (kz_table_open(&machine->records, &reader) == KZ_OK) {
        (void)kz_index_open(&machine->index, &reader);
    }
    (void)kz_ranked_pool_open(machine->pool, &reader);
    const void *sets = kz_image_read(&reader, SETS_TAG, sizeof machine->sets);
    if (sets != NULL) memcpy(machine->sets, sets, sizeof machine->sets);
    return kz_image_reader_finish(&reader);
}

static uint32_t find(const struct machine *machine, uint32_t key)
{
    struct kz_index_search search = kz_index_look(&machine->index, hash_key(key));
    uint32_t slot = kz_index_next(&search);

    for (; slot != KZ_NO_SLOT; slot = kz_index_next(&search)) {
        if (((struct record *)kz_table_at(&machine->records, slot))->key == key) break;
    }
    return slot;
}

/* Adds the record of a random key, or removes it when it is there. */
static void step(struct machine *machine, uint64_t *random)
{
    uint32_t key = random_below(random, KEYS);
    int64_t applied_at = random_below(random, 1000000);
    uint32_t slot = find(machine, key);
    struct kz_ranked *set = &machine->sets[key % SETS];

    if (slot == KZ_NO_SLOT) {
        slot = kz_table_add(&machine->records);
        struct record *record = kz_table_at(&machine->records, slot);
        record->key = key;
        record->applied_at = applied_at;
        kz_index_add(&machine->index, hash_key(key), slot);
        kz_ranked_insert(machine->pool, set, (struct kz_rank_key){applied_at, key, slot});
        return;
    }
    const struct record *record = kz_table_at(&machine->records, slot);
    kz_ranked_remove(machine->pool, set, (struct kz_rank_key){record->applied_at, key, slot});
    kz_index_remove(&machine->index, hash_key(key), slot);
    kz_table_remove(&machine->records, slot);
}

static void assert_same_image(const struct machine *a, const struct machine *b)
{
    struct memory first = memory_empty();
    struct memory second = memory_empty();

    assert_int_equal(save(a, &first), KZ_OK);
    assert_int_equal(save(b, &second), KZ_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.bytes, second.bytes, first.size);
    free(first.bytes);
    free(second.bytes);
}

static void an_opened_machine_goes_on_as_the_saved_one(void **state)
{
    (void)state;
    static const uint32_t steps[] = {0, 1, 255, 256, 257, 5000, 40000};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct machine saved;
        struct machine opened;
        struct memory memory = memory_empty();
        uint64_t random = i;
        create(&saved);
        for (uint32_t n = 0; n < steps[i]; n++)
            step(&saved, &random);
        assert_int_equal(save(&saved, &memory), KZ_OK);

        uint8_t *area = memory_map(&memory);
        assert_int_equal(open(&opened, area, memory.size), KZ_OK);
        assert_same_image(&saved, &opened);
        uint64_t again = random;
        for (uint32_t n = 0; n < 20000; n++)
            step(&saved, &random);
        for (uint32_t n = 0; n < 20000; n++)
            step(&opened, &again);
        assert_same_image(&saved, &opened);

        destroy(&saved);
        destroy(&opened);
        free(area);
        free(memory.bytes);
    }
}

static void whole_segments_are_used_in_place(void **state)
{
    (void)state;
    struct machine saved;
    struct machine opened;
    struct memory memory = memory_empty();
    uint64_t random = 1;
    create(&saved);
    for (uint32_t n = 0; n < 5000; n++)
        step(&saved, &random);
    assert_int_equal(save(&saved, &memory), KZ_OK);

    uint8_t *area = memory_map(&memory);
    assert_int_equal(open(&opened, area, memory.size), KZ_OK);
    assert_int_equal(opened.records.mapped_count, opened.records.used / 256);
    assert_in_range(kz_table_at(&opened.records, 0), area, area + memory.size);
    assert_int_equal(kz_table_bytes(&opened.records) + kz_index_bytes(&opened.index) +
                         kz_ranked_pool_bytes(opened.pool),
                     opened.bytes);
    destroy(&saved);
    destroy(&opened);
    free(area);
    free(memory.bytes);
}

static void a_damaged_image_opens_nothing(void **state)
{
    (void)state;
    struct machine machine;
    struct memory memory = memory_empty();
    uint64_t random = 1;
    create(&machine);
    for (uint32_t n = 0; n < 400; n++)
        step(&machine, &random);
    assert_int_equal(save(&machine, &memory), KZ_OK);
    destroy(&machine);

    for (size_t at = 0; at < memory.size; at += 1 + random_below(&random, 40)) {
        uint8_t *area = memory_map(&memory);
        area[at] ^= (uint8_t)(1 + random_below(&random, 255));
        assert_int_equal(open(&machine, area, memory.size), KZ_CORRUPT);
        destroy(&machine);
        free(area);
    }
    free(memory.bytes);
}

/* Opens a table of 16-byte records, 4 a segment, from forged measures and SEGMENTS whole ones. */
static enum kz_status open_forged(const uint32_t measures[static 5], uint32_t segments)
{
    struct memory memory = memory_empty();
    struct kz_image_writer writer;
    struct kz_image_reader reader;
    static const uint8_t segment[64];
    uint8_t bytes[20];
    uint64_t seed;

    for (uint32_t i = 0; i < 5; i++)
        kz_put_u32(bytes + 4 * (size_t)i, measures[i]);
    kz_image_writer_init(&writer, &memory, memory_write, SEED);
    kz_image_write(&writer, UINT32_C(0x4c424154), bytes, sizeof bytes);
    for (uint32_t i = 0; i < segments; i++) {
        kz_image_write(&writer, UINT32_C(0x4d474553), segment, sizeof segment);
    }
    assert_int_equal(kz_image_writer_finish(&writer), KZ_OK);

    uint64_t allocated;
    struct kz_allocator allocator = counting_allocator(&allocated);
    struct kz_table table;
    kz_table_init(&table, &allocator, 16, 2);
    assert_int_equal(kz_image_reader_init(&reader, memory.bytes, memory.size, &seed), KZ_OK);
    enum kz_status status = kz_table_open(&table, &reader);
    if (status != KZ_OK) {
        assert_int_equal(allocated, 0);
        assert_int_equal(table.used, 0);
    }
    kz_table_finish(&table);
    free(memory.bytes);
    return status;
}

static void measures_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t measures[5];
        uint32_t segments;
        enum kz_status status;
    } cases[] = {
        {{16, 2, 8, 8, KZ_NO_SLOT}, 2, KZ_OK},
        {{16, 2, 8, 7, 5}, 2, KZ_OK},
        {{16, 2, 0, 0, KZ_NO_SLOT}, 0, KZ_OK},
        {{12, 2, 8, 8, KZ_NO_SLOT}, 2, KZ_CORRUPT},     /* other records */
        {{16, 3, 8, 8, KZ_NO_SLOT}, 1, KZ_CORRUPT},     /* other segments */
        {{16, 2, 8, 9, KZ_NO_SLOT}, 2, KZ_CORRUPT},     /* more records than slots */
        {{16, 2, 8, 8, 5}, 2, KZ_CORRUPT},              /* a free slot, but none is free */
        {{16, 2, 8, 7, KZ_NO_SLOT}, 2, KZ_CORRUPT},     /* one is free, but no free slot */
        {{16, 2, 8, 7, 8}, 2, KZ_CORRUPT},              /* a free slot never given out */
        {{16, 2, 12, 12, KZ_NO_SLOT}, 2, KZ_CORRUPT},   /* a segment is missing */
        {{16, 2, UINT32_MAX, 8, 5}, 2, KZ_CORRUPT},     /* more slots than there are */
        {{16, 2, UINT32_MAX - 1, 8, 5}, 2, KZ_CORRUPT}, /* more bytes than there are */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(open_forged(cases[i].measures, cases[i].segments), cases[i].status);
    }
}

struct forged_index {
    uint32_t measures[3]; /* level, split, count */
    uint32_t pages;
    uint32_t capacity, count; /* of each page */
    uint32_t cells;
    uint64_t last; /* cell */
};

/* Opens an index from forged measures and pages. */
static enum kz_status open_forged_index(const struct forged_index *forged)
{
    struct machine machine;
    struct memory memory = memory_empty();
    struct kz_image_writer writer;
    struct kz_image_reader reader;
    uint64_t cells[64] = {0};
    uint8_t bytes[12];
    uint64_t seed;

    cells[forged->cells - 1] = forged->last;
    kz_image_writer_init(&writer, &memory, memory_write, SEED);
    for (uint32_t i = 0; i < 3; i++)
        kz_put_u32(bytes + 4 * (size_t)i, forged->measures[i]);
    kz_image_write(&writer, UINT32_C(0x58444e49), bytes, sizeof bytes);
    for (uint32_t i = 0; i < forged->pages; i++) {
        kz_put_u32(bytes, forged->capacity);
        kz_put_u32(bytes + 4, forged->count);
        kz_image_write(&writer, UINT32_C(0x45474150), bytes, 8);
        kz_image_write(&writer, UINT32_C(0x4c4c4543), cells, forged->cells * sizeof *cells);
    }
    assert_int_equal(kz_image_writer_finish(&writer), KZ_OK);

    create(&machine);
    assert_int_equal(kz_image_reader_init(&reader, memory.bytes, memory.size, &seed), KZ_OK);
    enum kz_status status = kz_index_open(&machine.index, &reader);
    assert_int_equal(find(&machine, 0), KZ_NO_SLOT);
    destroy(&machine);
    free(memory.bytes);
    return status;
}

static void an_index_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    const struct {
        struct forged_index forged;
        enum kz_status status;
    } cases[] = {
        {{{1, 1, 0}, 3, 16, 0, 32, 0}, KZ_OK},
        {{{2, 0, 0}, 4, 16, 0, 32, 0}, KZ_OK},
        {{{2, 0, 4}, 4, 16, 1, 32, 0}, KZ_OK},
        {{{2, 0, 0}, 4, 16, 0, 31, 0}, KZ_CORRUPT},         /* a cell too few */
        {{{2, 0, 0}, 4, 15, 0, 31, 0}, KZ_CORRUPT},         /* a page too small */
        {{{2, 0, 0}, 4, UINT32_MAX, 0, 64, 0}, KZ_CORRUPT}, /* one too large */
        {{{2, 0, 0}, 4, 16, 0, 32, 1}, KZ_CORRUPT},         /* no end to a walk */
        {{{2, 0, 68}, 4, 16, 17, 32, 0}, KZ_CORRUPT},       /* more than a page can hold */
        {{{2, 0, 3}, 4, 16, 1, 32, 0}, KZ_CORRUPT},         /* another count */
        {{{2, 0, 0}, 3, 16, 0, 32, 0}, KZ_CORRUPT},         /* a page too few */
        {{{1, 2, 0}, 4, 16, 0, 32, 0}, KZ_CORRUPT},         /* a round of splits that is over */
        {{{32, 1, 0}, 3, 16, 0, 32, 0}, KZ_CORRUPT},        /* more pages than 32 bits can say */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(open_forged_index(&cases[i].forged), cases[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_opened_machine_goes_on_as_the_saved_one),
        cmocka_unit_test(whole_segments_are_used_in_place),
        cmocka_unit_test(a_damaged_image_opens_nothing),
        cmocka_unit_test(measures_that_make_no_sense_are_refused),
        cmocka_unit_test(an_index_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
