/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/record/random_entry.h"

#include "statemachine/record/date.h"
#include "statemachine/record/schema.h"

#include <string.h>

/* SplitMix64. */
static uint64_t next(struct random_entry *random)
{
    uint64_t z = random->seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t kz_random_below(struct random_entry *random, uint64_t limit)
{
    return next(random) % limit;
}

/* Returns: a number from MIN to MAX; one time in four MIN, in four MAX. */
static int64_t between(struct random_entry *random, int64_t min, int64_t max)
{
    uint64_t choice = kz_random_below(random, 4);
    if (choice == 0) return min;
    if (choice == 1) return max;
    uint64_t span = (uint64_t)max - (uint64_t)min;
    uint64_t offset = span == UINT64_MAX ? next(random) : kz_random_below(random, span + 1);
    return (int64_t)((uint64_t)min + offset);
}

static void fill(struct random_entry *random, uint8_t *bytes, size_t size)
{
    bool zero = kz_random_below(random, 4) == 0;
    for (size_t i = 0; i < size; i++)
        bytes[i] = zero ? 0 : (uint8_t)next(random);
}

/* Returns: up to SIZE_MAX bytes of text, with control characters unless it is to be PRINTABLE. */
static struct kz_text text(struct random_entry *random, size_t size_max, bool printable)
{
    static const char *const pieces[] = {"a",  "Қ",  "€",  "😀",    "\"",   "\\",   "/",
                                         "\n", "\b", "\f", "\x01", "\x1f", "\x7f", "\r\t"};
    const size_t printable_count = 7;
    const size_t count = sizeof pieces / sizeof pieces[0];
    size_t size_wanted = (size_t)between(random, 0, (int64_t)size_max);
    char *bytes = random->texts + random->texts_size;
    size_t size = 0;

    for (;;) {
        const char *piece = pieces[kz_random_below(random, printable ? printable_count : count)];
        if (size + strlen(piece) > size_wanted) break;
        memcpy(bytes + size, piece, strlen(piece));
        size += strlen(piece);
    }
    random->texts_size += size;
    return (struct kz_text){bytes, (uint16_t)size};
}

static void fill_members(struct random_entry *random, struct kz_membership_fields *membership)
{
    membership->count = (uint8_t)between(random, 0, KZ_MEMBERS_MAX);
    for (unsigned i = 0; i < membership->count; i++) {
        membership->members[i] = (struct kz_member){
            .id = (uint64_t)between(random, 0, INT64_MAX),
            .role = (uint8_t)kz_random_below(random, KZ_MEMBER_ROLE_END),
            .peer = text(random, KZ_ADDRESS_SIZE_MAX, true),
            .client = text(random, KZ_ADDRESS_SIZE_MAX, true),
        };
    }
}

static void fill_applied_at(struct random_entry *random, struct kz_application_fields *fields)
{
    fields->has_applied_at = kz_random_below(random, 2) == 1;
    if (fields->has_applied_at) fields->applied_at = between(random, INT64_MIN, INT64_MAX);
}

static void fill_field(struct random_entry *random, const struct kz_field *field,
                       struct kz_entry *entry)
{
    void *member = (uint8_t *)entry + field->offset;

    switch (field->form) {
    case KZ_FORM_U16: *(uint16_t *)member = (uint16_t)between(random, 0, UINT16_MAX); break;
    case KZ_FORM_U32: *(uint32_t *)member = (uint32_t)between(random, 0, UINT32_MAX); break;
    case KZ_FORM_U64: *(uint64_t *)member = (uint64_t)between(random, 0, INT64_MAX); break;
    case KZ_FORM_I32: *(int32_t *)member = (int32_t)between(random, INT32_MIN, INT32_MAX); break;
    case KZ_FORM_BOOL: *(bool *)member = kz_random_below(random, 2) == 1; break;
    case KZ_FORM_WORD:
        *(uint8_t *)member = (uint8_t)kz_random_below(random, field->words->count);
        break;
    case KZ_FORM_DATE:
        *(int32_t *)member = (int32_t)between(random, KZ_DATE_FIRST, KZ_DATE_LAST);
        break;
    case KZ_FORM_HOUR: *(int32_t *)member = (int32_t)between(random, 0, KZ_HOUR_LAST); break;
    case KZ_FORM_TIME: fill_applied_at(random, &entry->application); break;
    case KZ_FORM_ID: fill(random, member, KZ_ID_SIZE); break;
    case KZ_FORM_HASH: fill(random, member, KZ_HASH_SIZE); break;
    case KZ_FORM_TEXT: *(struct kz_text *)member = text(random, KZ_TEXT_SIZE_MAX, false); break;
    case KZ_FORM_MEMBERS: fill_members(random, &entry->membership); break;
    }
}

struct kz_entry kz_random_entry(struct random_entry *random, enum kz_entry_type type)
{
    const struct kz_schema *schema = kz_schema_of(type);
    struct kz_entry entry;

    memset(&entry, 0, sizeof entry);
    random->texts_size = 0;
    entry.type = type;
    entry.time = between(random, 0, INT64_MAX);
    entry.actor = (uint32_t)between(random, 0, UINT32_MAX);
    fill(random, entry.request, KZ_ID_SIZE);
    for (unsigned i = 0; i < schema->count; i++)
        fill_field(random, &schema->fields[i], &entry);
    return entry;
}
