/* SPDX-License-Identifier: Apache-2.0 */
/* The state's digest: the sum, modulo 2^128, of the XXH3-128 of every object that the rules can
 * see, and of the last entry's index and time. An object is encoded by its public numbers, never by
 * slots, as a byte that says its type (enum kz_object) and these little-endian fields:
 *
 *   territory     number 4, offset 4, policy (evening 4, morning 4, first_priority 4, general 4,
 *                 access_days 4, access_unit 1, referral_days 4, stop_list_days 4, unused_limit 4,
 *                 register_closed 1), dates of the last publish and morning 4 4 (−2^31: none), name
 *   kindergarten  number 4, territory 4, open 1, name
 *   actor         number 4, role 1, territory 4, kindergarten 4, key_hash 32
 *   application   number 4, territory 4, birth_year 2, kind 1, category 1, child 16, applied_at 8,
 *                 state 1, flags 1 (owed 1, referred by grant 2), unused 1, since 4 (index of the
 *                 grant or claim), bulletin or kindergarten 4, last day 4
 *   queue         territory 4, birth_year 2, kind 1, cycle 4; none for cycle 0
 *   place         kindergarten 4, birth_year 2, kind 1, reported 8, open 8; none for 0 and 0
 *   bulletin      index 4, queue 4 2 1, in priority 1, published at 8, last day 4, calls due 4
 *   share         bulletin's index 4, kindergarten 4, birth_year 2, kind 1, free 8; none for 0
 *   day           date 4, working 1
 *   request       id 16, time 8, index 4, fingerprint 11, result 1
 *   machine       applied 8, time 8, version of the rules 4 (none for version 1)
 *
 * Invariant: between entries the sum is that of all objects as they are. */
#include "statemachine/base/bytes.h"
#include "statemachine/rules/rules.h"

#define CANON_SIZE_MAX 256

static struct kz_writer canon_begin(uint8_t bytes[static CANON_SIZE_MAX], enum kz_object object)
{
    struct kz_writer canon = kz_writer_init(bytes, CANON_SIZE_MAX);
    kz_write_u8(&canon, (uint8_t)object);
    return canon;
}

static struct kz_hash128 canon_end(const struct kz_writer *canon)
{
    KZ_ASSERT(!canon->failed);
    return kz_hash128(canon->first, kz_writer_size(canon));
}

static void write_i32(struct kz_writer *canon, int32_t value)
{
    kz_write_u32(canon, (uint32_t)value);
}

static void write_queue_id(struct kz_writer *canon, struct kz_queue_id id)
{
    kz_write_u32(canon, id.territory);
    kz_write_u16(canon, id.birth_year);
    kz_write_u8(canon, id.kind);
}

static struct kz_hash128 of_territory(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_territory *territory = kz_territory_at(machine, slot);
    const struct kz_policy_fields *policy = &territory->policy;
    if (territory->number == 0) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_TERRITORY);
    kz_write_u32(&canon, territory->number);
    write_i32(&canon, territory->utc_offset_minutes);
    write_i32(&canon, policy->evening);
    write_i32(&canon, policy->morning);
    write_i32(&canon, policy->first_priority);
    write_i32(&canon, policy->general);
    write_i32(&canon, policy->access_days);
    kz_write_u8(&canon, policy->access_unit);
    write_i32(&canon, policy->referral_days);
    write_i32(&canon, policy->stop_list_days);
    write_i32(&canon, policy->unused_limit);
    kz_write_u8(&canon, policy->register_closed);
    write_i32(&canon, territory->last_publish);
    write_i32(&canon, territory->last_morning);
    kz_write_bytes(&canon, territory->name.bytes, territory->name.size);
    return canon_end(&canon);
}

static struct kz_hash128 of_kindergarten(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_kindergarten *kindergarten = kz_kindergarten_at(machine, slot);
    if (kindergarten->number == 0) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_KINDERGARTEN);
    kz_write_u32(&canon, kindergarten->number);
    kz_write_u32(&canon, kz_territory_at(machine, kindergarten->territory)->number);
    kz_write_u8(&canon, kindergarten->open);
    kz_write_bytes(&canon, kindergarten->name.bytes, kindergarten->name.size);
    return canon_end(&canon);
}

static struct kz_hash128 of_actor(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_actor *actor = kz_actor_at(machine, slot);
    if (actor->number == 0) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_ACTOR);
    kz_write_u32(&canon, actor->number);
    kz_write_u8(&canon, actor->role);
    kz_write_u32(&canon, actor->territory);
    kz_write_u32(&canon, actor->kindergarten);
    kz_write_bytes(&canon, actor->key_hash, sizeof actor->key_hash);
    return canon_end(&canon);
}

/* The public number of what a called or referred application holds. */
static uint32_t held_number(const struct kz_machine *machine,
                            const struct kz_application *application)
{
    if (application->state == KZ_CALLED) return kz_bulletin_at(machine, application->held)->index;
    if (application->state != KZ_REFERRED) return 0;
    const struct kz_place *place = kz_place_at(machine, application->held);
    return kz_kindergarten_at(machine, place->kindergarten)->number;
}

static struct kz_hash128 of_application(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_application *application = kz_application_at(machine, slot);
    if (application->number == 0) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_APPLICATION);
    kz_write_u32(&canon, application->number);
    write_queue_id(&canon, kz_queue_at(machine, application->queue)->id);
    kz_write_u8(&canon, application->category);
    kz_write_bytes(&canon, application->child, sizeof application->child);
    kz_write_u64(&canon, (uint64_t)application->applied_at);
    kz_write_u8(&canon, application->state);
    kz_write_u8(&canon, application->flags);
    kz_write_u8(&canon, application->unused);
    kz_write_u32(&canon, application->since);
    kz_write_u32(&canon, held_number(machine, application));
    write_i32(&canon, application->last_day);
    return canon_end(&canon);
}

static struct kz_hash128 of_queue(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_queue *queue = kz_queue_at(machine, slot);
    if (queue->cycle == 0) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_QUEUE);
    write_queue_id(&canon, queue->id);
    kz_write_u32(&canon, queue->cycle);
    return canon_end(&canon);
}

static void write_place_key(struct kz_writer *canon, const struct kz_machine *machine,
                            const struct kz_place *place)
{
    struct kz_queue_id id = kz_queue_at(machine, place->queue)->id;
    kz_write_u32(canon, kz_kindergarten_at(machine, place->kindergarten)->number);
    kz_write_u16(canon, id.birth_year);
    kz_write_u8(canon, id.kind);
}

static struct kz_hash128 of_place(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_place *place = kz_place_at(machine, slot);
    if (place->reported == 0 && place->open == 0) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_PLACE);
    write_place_key(&canon, machine, place);
    kz_write_u64(&canon, place->reported);
    kz_write_u64(&canon, place->open);
    return canon_end(&canon);
}

static struct kz_hash128 of_bulletin(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_bulletin *bulletin = kz_bulletin_at(machine, slot);
    if (bulletin->index == 0 || bulletin->stage == KZ_ENDED) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_BULLETIN);
    kz_write_u32(&canon, bulletin->index);
    write_queue_id(&canon, kz_queue_at(machine, bulletin->queue)->id);
    kz_write_u8(&canon, bulletin->stage == KZ_PRIORITY);
    kz_write_u64(&canon, (uint64_t)bulletin->published_at);
    write_i32(&canon, bulletin->last_day);
    kz_write_u32(&canon, bulletin->calls_due);
    return canon_end(&canon);
}

static struct kz_hash128 of_share(const struct kz_machine *machine, uint32_t slot)
{
    const struct kz_share *share = kz_share_at(machine, slot);
    if (share->free == 0) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_SHARE);
    kz_write_u32(&canon, kz_bulletin_at(machine, share->bulletin)->index);
    write_place_key(&canon, machine, kz_place_at(machine, share->place));
    kz_write_u64(&canon, share->free);
    return canon_end(&canon);
}

struct kz_hash128 kz_digest_of_day(const struct kz_machine *machine, int32_t date)
{
    uint8_t day = machine->calendar[date - KZ_DATE_MIN];
    if (day == KZ_DAY_BY_WEEKDAY) return (struct kz_hash128){0, 0};

    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_DAY);
    write_i32(&canon, date);
    kz_write_u8(&canon, day == KZ_DAY_WORKING);
    return canon_end(&canon);
}

struct kz_hash128 kz_digest_of_request(const struct kz_request *request)
{
    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_REQUEST);
    kz_write_bytes(&canon, request->id, sizeof request->id);
    kz_write_u64(&canon, (uint64_t)request->time);
    kz_write_u32(&canon, request->index);
    kz_write_bytes(&canon, request->fingerprint, sizeof request->fingerprint);
    kz_write_u8(&canon, request->result);
    return canon_end(&canon);
}

struct kz_hash128 kz_digest_of(const struct kz_machine *machine, enum kz_object object,
                               uint32_t slot)
{
    switch (object) {
    case KZ_OBJECT_TERRITORY: return of_territory(machine, slot);
    case KZ_OBJECT_KINDERGARTEN: return of_kindergarten(machine, slot);
    case KZ_OBJECT_ACTOR: return of_actor(machine, slot);
    case KZ_OBJECT_APPLICATION: return of_application(machine, slot);
    case KZ_OBJECT_QUEUE: return of_queue(machine, slot);
    case KZ_OBJECT_PLACE: return of_place(machine, slot);
    case KZ_OBJECT_BULLETIN: return of_bulletin(machine, slot);
    case KZ_OBJECT_SHARE: return of_share(machine, slot);
    case KZ_OBJECT_DAY:
    case KZ_OBJECT_REQUEST:
    case KZ_OBJECT_MACHINE: break;
    }
    KZ_ASSERT(!"an object with marks");
    return (struct kz_hash128){0, 0};
}

void kz_digest_add(struct kz_machine *machine, struct kz_hash128 hash)
{
    machine->sum_low += hash.low;
    machine->sum_high += hash.high + (machine->sum_low < hash.low);
}

void kz_digest_subtract(struct kz_machine *machine, struct kz_hash128 hash)
{
    machine->sum_high -= hash.high + (machine->sum_low < hash.low);
    machine->sum_low -= hash.low;
}

void kz_digest_touch(struct kz_machine *machine, enum kz_object object, uint32_t slot,
                     uint8_t *marks)
{
    if ((*marks & KZ_MARK_TOUCHED) != 0) return;

    *marks |= KZ_MARK_TOUCHED;
    kz_digest_subtract(machine, kz_digest_of(machine, object, slot));
    struct kz_touched *touched =
        kz_work_push(machine, &machine->touched, sizeof(struct kz_touched));
    *touched = (struct kz_touched){marks, slot, object};
}

void kz_digest_settle(struct kz_machine *machine)
{
    const struct kz_touched *touched = machine->touched.items;
    for (uint32_t i = 0; i < machine->touched.count; i++) {
        *touched[i].marks &= (uint8_t)~KZ_MARK_TOUCHED;
        kz_digest_add(machine, kz_digest_of(machine, touched[i].object, touched[i].slot));
    }
    machine->touched.count = 0;
}

void kz_machine_digest(const struct kz_machine *machine, uint8_t out_digest[static KZ_ID_SIZE])
{
    uint8_t bytes[CANON_SIZE_MAX];
    struct kz_writer canon = canon_begin(bytes, KZ_OBJECT_MACHINE);
    kz_write_u64(&canon, machine->applied);
    kz_write_u64(&canon, (uint64_t)machine->time);
    if (machine->rules > 1) kz_write_u32(&canon, machine->rules);
    struct kz_hash128 hash = canon_end(&canon);

    uint64_t low = machine->sum_low + hash.low;
    uint64_t high = machine->sum_high + hash.high + (low < hash.low);
    kz_put_u64(out_digest, low);
    kz_put_u64(out_digest + 8, high);
}
