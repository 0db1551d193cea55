/* SPDX-License-Identifier: Apache-2.0 */
/* R5 to R8: the order of calling, its cycle, and positions by arithmetic. */
#include "statemachine/rules/rules.h"

#define BATCH 64

struct kz_rank_key kz_queue_key(const struct kz_application *application, uint32_t slot)
{
    return (struct kz_rank_key){application->applied_at, application->number, slot};
}

static const struct kz_policy_fields *policy_of(const struct kz_machine *machine,
                                                const struct kz_queue *queue)
{
    return &kz_territory_at(machine, queue->territory)->policy;
}

static uint32_t first_of(const struct kz_machine *machine, const struct kz_ranked *set)
{
    return kz_ranked_at(machine->ranks, set, 0).slot;
}

uint32_t kz_queue_next(const struct kz_machine *machine, const struct kz_queue *queue,
                       uint32_t *out_cycle)
{
    const struct kz_ranked *waiting = queue->waiting;
    uint32_t f = (uint32_t)policy_of(machine, queue)->first_priority;
    uint32_t g = (uint32_t)policy_of(machine, queue)->general;
    uint32_t c = queue->cycle;

    if (kz_waiting_count(queue) == 0) return KZ_NO_SLOT;
    *out_cycle = c;
    if (waiting[KZ_OWED].count > 0) return first_of(machine, &waiting[KZ_OWED]);
    if (waiting[KZ_OUT_OF_TURN].count > 0) return first_of(machine, &waiting[KZ_OUT_OF_TURN]);

    if (c < f && waiting[KZ_FIRST_PRIORITY].count == 0) c = f;
    if (c >= f && waiting[KZ_GENERAL].count == 0) c = 0;
    *out_cycle = (c + 1) % (f + g);
    return first_of(machine, &waiting[c < f ? KZ_FIRST_PRIORITY : KZ_GENERAL]);
}

/* The numbers of R8 for the two categories that take turns. */
struct turns {
    uint64_t f, g;   /* the ratio */
    uint64_t f0, g0; /* what is left of the first round */
    uint64_t F, G;   /* waiting */
};

static struct turns turns_of(const struct kz_machine *machine, const struct kz_queue *queue)
{
    const struct kz_policy_fields *policy = policy_of(machine, queue);
    uint64_t f = (uint64_t)policy->first_priority;
    uint64_t g = (uint64_t)policy->general;
    uint64_t c = queue->cycle;
    return (struct turns){
        .f = f,
        .g = g,
        .f0 = c < f ? f - c : 0,
        .g0 = c < f ? g : f + g - c,
        .F = queue->waiting[KZ_FIRST_PRIORITY].count,
        .G = queue->waiting[KZ_GENERAL].count,
    };
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Places, from 0, of first_priority I and of general J among those who take turns. */
static uint64_t place_of_first_priority(const struct turns *t, uint64_t i)
{
    return i + smaller(t->G, i < t->f0 ? 0 : t->g0 + t->g * ((i - t->f0) / t->f));
}

static uint64_t place_of_general(const struct turns *t, uint64_t j)
{
    return j + smaller(t->F, j < t->g0 ? t->f0 : t->f0 + t->f * ((j - t->g0) / t->g + 1));
}

uint32_t kz_queue_position(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_application *application = kz_application_at(machine, slot);
    const struct kz_queue *queue = kz_queue_at(machine, application->queue);
    if (application->state != KZ_WAITING) return 0;

    bool owed = (application->flags & KZ_FLAG_OWED) != 0;
    unsigned set = owed ? KZ_OWED : application->category;
    uint32_t rank =
        kz_ranked_rank(machine->ranks, &queue->waiting[set], kz_queue_key(application, slot));
    if (set == KZ_OWED) return rank + 1;

    uint32_t before = queue->waiting[KZ_OWED].count;
    if (set == KZ_OUT_OF_TURN) return before + rank + 1;

    before += queue->waiting[KZ_OUT_OF_TURN].count;
    struct turns turns = turns_of(machine, queue);
    uint64_t place = set == KZ_FIRST_PRIORITY ? place_of_first_priority(&turns, rank)
                                              : place_of_general(&turns, rank);
    return before + (uint32_t)place + 1;
}

/* Returns: how many first_priority have a place below PLACE. The places grow with i, so by halving.
 */
static uint64_t first_priority_before(const struct turns *turns, uint64_t place)
{
    uint64_t low = 0;
    uint64_t high = turns->F;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (place_of_first_priority(turns, middle) < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Reads a ranked set key by key, from a rank on. */
struct cursor {
    const struct kz_ranked_pool *pool;
    const struct kz_ranked *set;
    uint32_t rank; /* of the next key */
    uint32_t used;
    uint32_t filled;
    struct kz_rank_key keys[BATCH];
};

static void cursor_init(struct cursor *cursor, const struct kz_machine *machine,
                        const struct kz_ranked *set, uint32_t rank)
{
    cursor->pool = machine->ranks;
    cursor->set = set;
    cursor->rank = rank;
    cursor->used = 0;
    cursor->filled = 0;
}

static struct kz_rank_key cursor_next(struct cursor *cursor)
{
    if (cursor->used == cursor->filled) {
        cursor->filled =
            kz_ranked_read(cursor->pool, cursor->set, cursor->rank, cursor->keys, BATCH);
        cursor->used = 0;
        KZ_ASSERT(cursor->filled > 0);
    }
    cursor->rank++;
    return cursor->keys[cursor->used++];
}

/* Merges the two categories that take turns from PLACE on. */
static uint32_t merge_turns(const struct kz_machine *machine, const struct kz_queue *queue,
                            uint64_t place, struct kz_rank_key *out, uint32_t capacity)
{
    struct turns turns = turns_of(machine, queue);
    if (place >= turns.F + turns.G) return 0;

    uint64_t i = first_priority_before(&turns, place);
    uint64_t end = smaller(turns.F + turns.G, place + capacity);
    struct cursor first_priority;
    struct cursor general;
    cursor_init(&first_priority, machine, &queue->waiting[KZ_FIRST_PRIORITY], (uint32_t)i);
    cursor_init(&general, machine, &queue->waiting[KZ_GENERAL], (uint32_t)(place - i));
    uint32_t count = 0;
    for (; place < end; place++) {
        bool is_first = i < turns.F && place_of_first_priority(&turns, i) == place;
        out[count++] = cursor_next(is_first ? &first_priority : &general);
        i += is_first;
    }
    return count;
}

uint32_t kz_queue_order(const struct kz_machine *machine, const struct kz_queue *queue,
                        uint32_t first, struct kz_rank_key *out, uint32_t capacity)
{
    static const uint8_t ahead[] = {KZ_OWED, KZ_OUT_OF_TURN};
    uint64_t place = (uint64_t)first - 1;
    uint32_t count = 0;
    KZ_ASSERT(first >= 1);

    for (unsigned i = 0; i < sizeof ahead && count < capacity; i++) {
        const struct kz_ranked *set = &queue->waiting[ahead[i]];
        if (place < set->count) {
            count +=
                kz_ranked_read(machine->ranks, set, (uint32_t)place, out + count, capacity - count);
            place = 0;
        } else {
            place -= set->count;
        }
    }
    return count + merge_turns(machine, queue, place, out + count, capacity - count);
}
