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
    uint32_t link;
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

static uint64_t hash_key(uint32_t key, uint64_t seed)
{
    return kz_hash64(&key, sizeof key, seed);
}

static uint64_t hash_record(const void *record, uint64_t seed)
{
    return hash_key(((const struct record *)record)->key, seed);
}

static void create(struct machine *machine)
{
    *machine = (struct machine){.bytes = 0};
    machine->allocator = counting_allocator(&machine->bytes);
    kz_table_init(&machine->records, &machine->allocator, sizeof(struct record), 8);
    kz_index_init(&machine->index, &machine->records, offsetof(struct record, link), hash_record,
                  SEED);
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
    uint32_t slot = kz_index_first(&machine->index, hash_key(key, SEED));

    for (; slot != KZ_NO_SLOT; slot = kz_index_next(&machine->index, slot)) {
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
        kz_index_add(&machine->index, slot);
        kz_ranked_insert(machine->pool, set, (struct kz_rank_key){applied_at, key, slot});
        return;
    }
    const struct record *record = kz_table_at(&machine->records, slot);
    kz_ranked_remove(machine->pool, set, (struct kz_rank_key){record->applied_at, key, slot});
    kz_index_remove(&machine->index, slot);
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

/* Opens an index over three records from forged measures and HEADS heads. */
static enum kz_status open_forged_index(const uint32_t measures[static 4], uint64_t seed,
                                        uint32_t heads)
{
    struct machine machine;
    struct memory memory = memory_empty();
    struct kz_image_writer writer;
    struct kz_image_reader reader;
    struct kz_table table;
    uint8_t bytes[24];

    create(&machine);
    for (uint32_t i = 0; i < 3; i++)
        (void)kz_table_add(&machine.records);
    kz_table_init(&table, &machine.allocator, sizeof(uint32_t), machine.index.heads.segment_shift);
    for (uint32_t i = 0; i < heads; i++)
        (void)kz_table_add(&table);
    for (uint32_t i = 0; i < 4; i++)
        kz_put_u32(bytes + 4 * (size_t)i, measures[i]);
    kz_put_u64(bytes + 16, seed);
    kz_image_writer_init(&writer, &memory, memory_write, SEED);
    kz_image_write(&writer, UINT32_C(0x58444e49), bytes, sizeof bytes);
    kz_table_save(&table, &writer);
    assert_int_equal(kz_image_writer_finish(&writer), KZ_OK);
    kz_table_finish(&table);

    assert_int_equal(kz_image_reader_init(&reader, memory.bytes, memory.size, &seed), KZ_OK);
    enum kz_status status = kz_index_open(&machine.index, &reader);
    if (status != KZ_OK) assert_int_equal(kz_index_first(&machine.index, 0), KZ_NO_SLOT);
    destroy(&machine);
    free(memory.bytes);
    return status;
}

static void an_index_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    const uint32_t link = offsetof(struct record, link);
    const struct {
        uint32_t measures[4]; /* link, level, split, count */
        uint64_t seed;
        uint32_t heads;
        enum kz_status status;
    } cases[] = {
        {{link, 1, 1, 3}, SEED, 3, KZ_OK},          {{link, 2, 0, 3}, SEED, 4, KZ_OK},
        {{link + 4, 1, 1, 3}, SEED, 3, KZ_CORRUPT}, /* another link */
        {{link, 1, 1, 3}, SEED + 1, 3, KZ_CORRUPT}, /* another seed */
        {{link, 1, 1, 3}, SEED, 4, KZ_CORRUPT},     /* a head too many */
        {{link, 1, 2, 3}, SEED, 4, KZ_CORRUPT},     /* a round of splits that is over */
        {{link, 32, 1, 3}, SEED, 3, KZ_CORRUPT},    /* more buckets than 32 bits can say */
        {{link, 1, 0, 3}, SEED, 2, KZ_CORRUPT},     /* more records than buckets */
        {{link, 2, 0, 4}, SEED, 4, KZ_CORRUPT},     /* more than the table has */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(open_forged_index(cases[i].measures, cases[i].seed, cases[i].heads),
                         cases[i].status);
    }
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
