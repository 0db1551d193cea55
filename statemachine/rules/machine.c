/* SPDX-License-Identifier: Apache-2.0 */
/* One entry in, one result out: the order in which an entry is looked at, and what follows it.
 *
 * 1. What is too old is forgotten; the cluster's own entries are passed over.
 * 2. `repeated` or `conflict` (R29): nothing else happens.
 * 3. Who may write it, and whether what it names is there (permission.c).
 * 4. The rule of its type: its refusals, then its change.
 * 5. R25a, then the digest, then ended bulletins leave.
 * 6. The request id is remembered with the result. */
#include "statemachine/rules/rules.h"

#include <string.h>

#define APPLICATION_SHIFT 12
#define NUMBER_SHIFT      12
#define FIRST_RULES       1

#define ADMINISTRATOR (1U << KZ_ADMINISTRATOR)
#define CLERK         (1U << KZ_CLERK)
#define KINDERGARTEN  (1U << KZ_ROLE_KINDERGARTEN)
#define PORTAL        (1U << KZ_PORTAL)

static const struct kz_rule rules[KZ_ENTRY_TYPE_END] = {
    [KZ_TERRITORY] = {kz_apply_territory, 0, ADMINISTRATOR, .everywhere = true},
    [KZ_POLICY] = {kz_apply_policy, KZ_NAMES_TERRITORY, ADMINISTRATOR, false},
    [KZ_CALENDAR] = {kz_apply_calendar, 0, ADMINISTRATOR, .everywhere = true},
    [KZ_KINDERGARTEN] = {kz_apply_kindergarten, KZ_NAMES_TERRITORY, ADMINISTRATOR, false},
    [KZ_ACTOR] = {kz_apply_actor, KZ_NAMES_TERRITORY | KZ_NAMES_KINDERGARTEN, ADMINISTRATOR,
                  .everywhere = true},
    [KZ_APPLICATION] = {kz_apply_application, KZ_NAMES_TERRITORY, ADMINISTRATOR | CLERK | PORTAL,
                        false},
    [KZ_RECLASSIFY] = {kz_apply_reclassify, KZ_NAMES_APPLICATION, ADMINISTRATOR | CLERK, false},
    [KZ_CORRECT] = {kz_apply_correct, KZ_NAMES_APPLICATION, ADMINISTRATOR | CLERK, false},
    [KZ_WITHDRAW] = {kz_apply_withdraw, KZ_NAMES_APPLICATION, ADMINISTRATOR | CLERK | PORTAL,
                     false},
    [KZ_REINSTATE] = {kz_apply_reinstate, KZ_NAMES_APPLICATION, ADMINISTRATOR | CLERK, false},
    [KZ_CLAIM] = {kz_apply_claim, KZ_NAMES_APPLICATION | KZ_NAMES_KINDERGARTEN,
                  ADMINISTRATOR | CLERK | PORTAL, false},
    [KZ_DECLINE] = {kz_apply_decline, KZ_NAMES_APPLICATION, ADMINISTRATOR | CLERK | PORTAL, false},
    [KZ_READY] = {kz_apply_ready, KZ_NAMES_APPLICATION, ADMINISTRATOR | CLERK | PORTAL, false},
    [KZ_VACANCY] = {kz_apply_vacancy, KZ_NAMES_KINDERGARTEN, ADMINISTRATOR | KINDERGARTEN, false},
    [KZ_RETRACT] = {kz_apply_retract, KZ_NAMES_KINDERGARTEN, ADMINISTRATOR | KINDERGARTEN, false},
    [KZ_ENROL] = {kz_apply_enrol, KZ_NAMES_APPLICATION, ADMINISTRATOR | KINDERGARTEN, false},
    [KZ_PUBLISH] = {kz_apply_publish, KZ_NAMES_TERRITORY, 0, false},
    [KZ_MORNING] = {kz_apply_morning, KZ_NAMES_TERRITORY, 0, false},
    [KZ_GRANT] = {kz_apply_grant, KZ_NAMES_APPLICATION, 0, false},
};

static void *allocate(void *context, size_t size)
{
    struct kz_machine *machine = context;
    machine->allocated += size;
    return machine->parent->allocate(machine->parent->context, size);
}

static void release(void *context, void *memory, size_t size)
{
    struct kz_machine *machine = context;
    if (memory != NULL) machine->allocated -= size;
    machine->parent->release(machine->parent->context, memory, size);
}

void *kz_work_push(struct kz_machine *machine, struct kz_work *work, size_t item_size)
{
    if (work->count == work->capacity) {
        const struct kz_allocator *allocator = &machine->allocator;
        uint32_t capacity = work->capacity == 0 ? 64 : 2 * work->capacity;
        void *items = allocator->allocate(allocator->context, capacity * item_size);
        if (work->count > 0) memcpy(items, work->items, work->count * item_size);
        allocator->release(allocator->context, work->items, work->capacity * item_size);
        work->items = items;
        work->capacity = capacity;
    }
    return (uint8_t *)work->items + (size_t)work->count++ * item_size;
}

static void work_finish(struct kz_machine *machine, struct kz_work *work, size_t item_size)
{
    machine->allocator.release(machine->allocator.context, work->items, work->capacity * item_size);
}

struct kz_machine *kz_machine_create(const struct kz_allocator *allocator, uint64_t seed)
{
    struct kz_machine *machine = allocator->allocate(allocator->context, sizeof *machine);
    machine->parent = allocator;
    machine->allocator = (struct kz_allocator){machine, allocate, release};
    machine->allocated = sizeof *machine;
    machine->seed = seed;
    machine->rules = FIRST_RULES;

    kz_directory_init(machine);
    kz_request_init(machine);
    kz_table_init(&machine->numbers, &machine->allocator, sizeof(struct kz_number_word),
                  NUMBER_SHIFT);
    kz_table_init(&machine->applications, &machine->allocator, sizeof(struct kz_application),
                  APPLICATION_SHIFT);
    kz_index_init(&machine->child_index, &machine->allocator);
    machine->ranks = kz_ranked_pool_create(&machine->allocator);
    machine->orders = kz_ranked_pool_create(&machine->allocator);
    return machine;
}

void kz_machine_destroy(struct kz_machine *machine)
{
    if (machine == NULL) return;

    work_finish(machine, &machine->touched, sizeof(struct kz_touched));
    work_finish(machine, &machine->unsettled, sizeof(uint32_t));
    work_finish(machine, &machine->ended, sizeof(uint32_t));
    kz_ranked_pool_destroy(machine->orders);
    kz_ranked_pool_destroy(machine->ranks);
    kz_index_finish(&machine->child_index);
    kz_table_finish(&machine->applications);
    kz_table_finish(&machine->numbers);
    kz_request_finish(machine);
    kz_directory_finish(machine);
    KZ_ASSERT(machine->allocated == sizeof *machine);
    machine->parent->release(machine->parent->context, machine, sizeof *machine);
}

static const struct kz_rule *rule_of(enum kz_entry_type type)
{
    KZ_ASSERT((unsigned)type < KZ_ENTRY_TYPE_END && rules[type].apply != NULL);
    return &rules[type];
}

static enum kz_result judge(struct kz_machine *machine, uint32_t index,
                            const struct kz_entry *entry)
{
    const struct kz_rule *rule = rule_of(entry->type);
    struct kz_case it;

    enum kz_result refused = kz_permission_judge(machine, rule, entry, &it);
    if (refused != KZ_RESULT_OK) return refused;

    it.index = index;
    enum kz_result result = rule->apply(machine, &it);
    if (result == KZ_RESULT_OK) {
        kz_bulletin_settle(machine);
        kz_digest_settle(machine);
        kz_bulletin_bury(machine);
    }
    KZ_ASSERT(machine->touched.count == 0);
    return result;
}

enum kz_status kz_machine_apply(struct kz_machine *machine, uint64_t index,
                                const struct kz_entry *entry, struct kz_outcome *out_outcome)
{
    if (index != machine->applied + 1 || index > UINT32_MAX - 1) return KZ_CORRUPT;
    if (entry->time < machine->time) return KZ_CORRUPT;
    if (entry->type == KZ_VERSION_ENTRY && entry->version.rules > kz_rules_known()) return KZ_NEWER;

    machine->applied = index;
    machine->time = entry->time;
    kz_number_extend(machine, (uint32_t)index);
    kz_request_forget(machine, entry->time);
    if (entry->type == KZ_VERSION_ENTRY && entry->version.rules > machine->rules)
        machine->rules = entry->version.rules;
    struct kz_outcome outcome = {KZ_RESULT_OK, KZ_RESULT_OK, index};
    if (kz_machine_repeats(machine, entry, entry->time, &outcome)) {
        if (outcome.result == KZ_RESULT_CONFLICT) outcome.first_index = index;
    } else if (!kz_type_is_cluster(entry->type)) {
        outcome.result = judge(machine, (uint32_t)index, entry);
        outcome.first_result = outcome.result;
        if (kz_request_counts(entry))
            kz_request_remember(machine, (uint32_t)index, entry, outcome.result);
    }
    *out_outcome = outcome;
    return KZ_OK;
}

bool kz_machine_forbids(const struct kz_machine *machine, const struct kz_entry *entry)
{
    struct kz_case it;
    if (kz_type_is_cluster(entry->type)) return false;
    return kz_permission_judge(machine, rule_of(entry->type), entry, &it) == KZ_RESULT_NOT_ALLOWED;
}

bool kz_machine_lets_operate(const struct kz_machine *machine, uint32_t actor)
{
    if (machine->actors.count == 0) return true;
    uint32_t slot = kz_actor_find(machine, actor);
    return slot != KZ_NO_SLOT && kz_actor_at(machine, slot)->role == KZ_OPERATOR;
}

uint64_t kz_machine_applied(const struct kz_machine *machine)
{
    return machine->applied;
}

int64_t kz_machine_time(const struct kz_machine *machine)
{
    return machine->time;
}

uint32_t kz_machine_rules(const struct kz_machine *machine)
{
    return machine->rules;
}
