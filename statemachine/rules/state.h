/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules remember: flat records in tables, named by slot, and the sets that keep them in
 * order. Private to statemachine/rules (and its tests).
 *
 *   territory ─┬─ places, by (kindergarten, year, kind) ── shares, oldest bulletin first
 *              ├─ bulletins, by (index, year, kind)          │
 *              └─ referrals and pauses, by (last day, number)│
 *   queue ─────┬─ waiting: owed, and three categories, by (applied_at, number)
 *              └─ bulletins, oldest first ─┬─ shares ────────┘
 *                                          └─ grants, by (index of the grant, number)
 *
 * Invariants:
 * 1. Applications are never removed, so their slots follow the order of their numbers (numbers.h).
 * 2. Whoever changes a record calls kz_digest_touch() first (digest.h).
 * 3. An application stands in exactly the set that its state names; only `waiting` is ever owed.
 * 4. In every bulletin in priority, grants + calls due ≤ free places. */
#ifndef KZ_STATE_H
#define KZ_STATE_H

#include "statemachine/base/assert.h"
#include "statemachine/base/checksum.h"
#include "statemachine/queue/index.h"
#include "statemachine/queue/ranked.h"
#include "statemachine/queue/table.h"
#include "statemachine/record/date.h"
#include "statemachine/rules/machine.h"

#include <stddef.h>

#define KZ_MS_PER_MINUTE  INT64_C(60000)
#define KZ_MS_PER_DAY     INT64_C(86400000)
#define KZ_MINUTES_A_DAY  1440
#define KZ_DATE_NEVER     INT32_MIN
#define KZ_BIRTH_YEAR_MIN 2000
#define KZ_BIRTH_YEAR_MAX 2199
#define KZ_UNUSED_MAX     255 /* no limit is larger, so the count stops there */

/* Bits of a record's `marks`: what is still to be done at the end of the entry. */
#define KZ_MARK_TOUCHED   1 /* its new hash is to be added to the digest */
#define KZ_MARK_UNSETTLED 2 /* R25a is to be looked at */

struct kz_name {
    uint8_t size;
    char bytes[KZ_NAME_SIZE_MAX];
};

struct kz_territory {
    uint32_t number;
    int32_t utc_offset_minutes;
    int32_t last_publish; /* the date of the last accepted one, or KZ_DATE_NEVER */
    int32_t last_morning;
    struct kz_policy_fields policy;
    struct kz_ranked places;
    struct kz_ranked bulletins;
    struct kz_ranked referrals;
    struct kz_ranked pauses;
    struct kz_name name;
    uint8_t marks;
};

struct kz_kindergarten {
    uint32_t number;
    uint32_t territory; /* slot */
    struct kz_name name;
    bool open;
    uint8_t marks;
};

struct kz_actor {
    uint32_t number;
    uint32_t territory;    /* number; 0: all */
    uint32_t kindergarten; /* number; 0: none */
    uint8_t key_hash[KZ_HASH_SIZE];
    uint8_t role;
    uint8_t marks;
};

/* Sets of a queue's waiting applications: by category, and the owed apart. */
#define KZ_OWED         KZ_CATEGORY_END
#define KZ_WAITING_SETS (KZ_CATEGORY_END + 1)

struct kz_queue {
    struct kz_queue_id id;
    uint32_t territory; /* slot */
    uint32_t cycle;     /* R7's c */
    uint32_t calls_due; /* over all its bulletins */
    uint32_t oldest;    /* bulletins */
    uint32_t newest;
    uint64_t open; /* open places */
    struct kz_ranked waiting[KZ_WAITING_SETS];
    uint8_t marks;
};

/* (kindergarten, birth year, kind) */
struct kz_place {
    uint32_t kindergarten; /* slot */
    uint32_t queue;        /* slot: the territory's queue of that birth year and kind */
    uint32_t oldest;       /* shares */
    uint32_t newest;
    uint64_t reported;
    uint64_t open;
    uint8_t marks;
};

enum kz_stage { KZ_PUBLISHED, KZ_PRIORITY, KZ_ENDED };

struct kz_bulletin {
    uint32_t index; /* of its publish entry */
    uint32_t queue;
    uint32_t older;
    uint32_t newer;
    int64_t published_at;
    int32_t last_day; /* in priority */
    uint32_t calls_due;
    uint64_t free; /* the sum of its shares */
    uint32_t first_share;
    struct kz_ranked grants;
    uint8_t stage;
    uint8_t marks;
};

/* Free places of one kindergarten in one bulletin. */
struct kz_share {
    uint32_t bulletin;
    uint32_t place;
    uint32_t next;  /* of the bulletin */
    uint32_t older; /* of the place */
    uint32_t newer;
    uint64_t free;
    uint8_t marks;
};

/* Records of which there are millions: no byte is left empty to align an 8-byte field. */
#define KZ_DENSE __attribute__((packed, aligned(4)))

#define KZ_FLAG_OWED     1
#define KZ_FLAG_BY_GRANT 2 /* of a referral */

struct KZ_DENSE kz_application {
    uint8_t child[KZ_ID_SIZE];
    int64_t applied_at;
    uint32_t number;
    uint32_t queue; /* slot */
    uint8_t state;
    uint8_t category;
    uint8_t flags;
    uint8_t unused;   /* grants unused, up to KZ_UNUSED_MAX */
    uint32_t held;    /* called: the bulletin's slot; referred: the place's */
    uint32_t since;   /* called: the index of the grant; referred: of the claim */
    int32_t last_day; /* referred, paused */
    uint8_t marks;
};

_Static_assert(sizeof(struct kz_application) == 52, "10 million of them stand in memory");

/* A remembered entry with a request id (R29). 88 bits of fingerprint tell type and fields apart. */
#define KZ_FINGERPRINT_SIZE 11

struct KZ_DENSE kz_request {
    uint8_t id[KZ_ID_SIZE];
    int64_t time;
    uint32_t index;
    uint32_t newer;
    uint8_t fingerprint[KZ_FINGERPRINT_SIZE];
    uint8_t result;
};

_Static_assert(sizeof(struct kz_request) == 44, "every entry of 400 days may have one");

/* 64 ledger indexes: which of them are applications, and how many came before. */
struct kz_number_word {
    uint32_t bits[2];
    uint32_t before;
};

/* Things to do at the end of an entry. */
struct kz_touched {
    uint8_t *marks;
    uint32_t slot;
    uint32_t object;
};

struct kz_work {
    void *items;
    uint32_t count;
    uint32_t capacity;
};

struct kz_machine {
    const struct kz_allocator *parent;
    struct kz_allocator allocator; /* PARENT's, counted */
    uint64_t allocated;
    uint64_t applied;
    int64_t time;
    uint64_t seed;
    uint64_t sum_low; /* the digest's sum */
    uint64_t sum_high;

    struct kz_table territories;
    struct kz_table kindergartens;
    struct kz_table actors;
    struct kz_table queues;
    struct kz_table places;
    struct kz_table bulletins;
    struct kz_table shares;
    struct kz_table applications;
    struct kz_table requests;
    struct kz_table numbers;

    struct kz_index territory_index; /* by number */
    struct kz_index kindergarten_index;
    struct kz_index actor_index;
    struct kz_index queue_index; /* by struct kz_queue_id */
    struct kz_index place_index; /* by kindergarten and queue */
    struct kz_index child_index;
    struct kz_index request_index;

    struct kz_ranked_pool *ranks;  /* of the waiting */
    struct kz_ranked_pool *orders; /* of everything else */
    struct kz_ranked territory_order;
    struct kz_ranked kindergarten_order;
    struct kz_ranked queue_order; /* by (territory, year, correctional first) */
    struct kz_ranked calling;     /* the queues with calls due, in the same order */

    uint32_t oldest_request;
    uint32_t newest_request;
    uint32_t rules; /* the version that holds */

    struct kz_work touched;   /* struct kz_touched */
    struct kz_work unsettled; /* u32: queues */
    struct kz_work ended;     /* u32: bulletins */

    uint8_t calendar[KZ_DATE_MAX - KZ_DATE_MIN + 1]; /* R12: enum kz_day */
};

enum kz_day { KZ_DAY_BY_WEEKDAY = 0, KZ_DAY_WORKING, KZ_DAY_OFF };

#define KZ_AT(type, table)                                                           \
    static inline struct kz_##type *kz_##type##_at(const struct kz_machine *machine, \
                                                   uint32_t slot)                    \
    {                                                                                \
        return kz_table_at(&machine->table, slot);                                   \
    }
KZ_AT(territory, territories)
KZ_AT(kindergarten, kindergartens)
KZ_AT(actor, actors)
KZ_AT(queue, queues)
KZ_AT(place, places)
KZ_AT(bulletin, bulletins)
KZ_AT(share, shares)
KZ_AT(application, applications)
KZ_AT(request, requests)
#undef KZ_AT

/* An entry that is being judged, and the slots of what it names (KZ_NO_SLOT: nothing). */
struct kz_case {
    const struct kz_entry *entry;
    uint32_t index;
    uint32_t territory;
    uint32_t kindergarten;
    uint32_t application;
};

/* A year and kind as one number, in the order of the exports: correctional before ordinary. */
static inline uint32_t kz_year_and_kind(struct kz_queue_id id)
{
    return 2U * id.birth_year + (id.kind == KZ_ORDINARY);
}

static inline uint32_t kz_waiting_count(const struct kz_queue *queue)
{
    uint32_t count = 0;
    for (int set = 0; set < KZ_WAITING_SETS; set++)
        count += queue->waiting[set].count;
    return count;
}

/* Returns: room for one more item of ITEM_SIZE bytes at the end of WORK. */
void *kz_work_push(struct kz_machine *machine, struct kz_work *work, size_t item_size);

#endif
