/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/faults.h"

#include "node/core/memory.h"

#include <inttypes.h>
#include <string.h>

#define LINE_MAX_SIZE 128

/* What the second number of a fault is. */
enum measure { NOTHING, SHORT_MS, LONG_MS, ANY, MINUTES, COUNT, PPM };
/* What the first one is. */
enum subject { NODE, ODD_NODE, WORN_NODE, PAIR, NOBODY };

static const struct {
    const char *name;
    enum subject subject;
    enum measure measure;
    unsigned often_ms; /* about how often it happens when it is on */
} kinds[KZ_FAULT_KIND_END] = {
    [KZ_FAULT_CRASH] = {"crash", NODE, SHORT_MS, 1500},
    [KZ_FAULT_CRASH_VOTE] = {"crash-vote", NODE, SHORT_MS, 1000},
    [KZ_FAULT_STOP] = {"stop", NODE, SHORT_MS, 3000},
    [KZ_FAULT_ROLLING] = {"rolling", NOBODY, SHORT_MS, 8000},
    [KZ_FAULT_PAUSE] = {"pause", NODE, LONG_MS, 2000},
    [KZ_FAULT_CUT] = {"cut", PAIR, LONG_MS, 1500},
    [KZ_FAULT_HOLD] = {"hold", PAIR, LONG_MS, 1500},
    [KZ_FAULT_ISOLATE] = {"isolate", NODE, LONG_MS, 3000},
    [KZ_FAULT_DEAF] = {"deaf", NODE, LONG_MS, 3000},
    [KZ_FAULT_BREAK] = {"break", NOBODY, COUNT, 500},
    [KZ_FAULT_FLAP] = {"flap", NODE, LONG_MS, 5000},
    [KZ_FAULT_FULL] = {"full", NODE, LONG_MS, 4000},
    [KZ_FAULT_SLOW] = {"slow", NODE, LONG_MS, 3000},
    [KZ_FAULT_EIO] = {"eio", NODE, SHORT_MS, 4000},
    [KZ_FAULT_UNREADABLE] = {"unreadable", NODE, SHORT_MS, 5000},
    [KZ_FAULT_ROT] = {"rot", WORN_NODE, ANY, 1500},
    [KZ_FAULT_LOSE_DISK] = {"lose-disk", ODD_NODE, SHORT_MS, 12000},
    [KZ_FAULT_LOSE_VOTE] = {"lose-vote", ODD_NODE, SHORT_MS, 15000},
    [KZ_FAULT_OLD_COPY] = {"old-copy", ODD_NODE, LONG_MS, 6000},
    [KZ_FAULT_CLOCK] = {"clock", ODD_NODE, LONG_MS, 3000},
    [KZ_FAULT_YEAR] = {"year", ODD_NODE, LONG_MS, 6000},
    [KZ_FAULT_DRIFT] = {"drift", ODD_NODE, PPM, 6000},
    [KZ_FAULT_NIGHT] = {"night", NOBODY, MINUTES, 2500},
    [KZ_FAULT_RUSH] = {"rush", NOBODY, COUNT, 3000},
};

static const char *const mode_names[KZ_MODE_END] = {"ordinary", "hostile", "beyond", "members"};

const char *kz_fault_name(enum kz_fault_kind kind)
{
    return kinds[kind].name;
}

const char *kz_mode_name(enum kz_attack_mode mode)
{
    return mode_names[mode];
}

enum kz_attack_mode kz_mode_named(const char *name)
{
    int mode = 0;
    while (mode < KZ_MODE_END && strcmp(mode_names[mode], name) != 0)
        mode++;
    return (enum kz_attack_mode)mode;
}

/* ---- Chance of its own: the world's goes on from elsewhere ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

static void add(struct kz_plan *plan, const struct kz_sim_fault *fault)
{
    if (plan->count == plan->capacity) {
        plan->capacity = kz_memory_grown(plan->capacity, 1);
        plan->faults = kz_memory_resize(plan->faults, plan->capacity * sizeof(*plan->faults));
    }
    uint32_t at = plan->count++;
    for (; at > 0 && plan->faults[at - 1].at_ms > fault->at_ms; at--)
        plan->faults[at] = plan->faults[at - 1];
    plan->faults[at] = *fault;
}

/* ---- From a seed ---- */

static uint64_t draw_subject(const struct kz_plan *plan, uint64_t *chance, enum subject subject)
{
    uint64_t nodes = plan->options.nodes;
    uint64_t a = 1 + draw(chance, nodes);
    bool leader = draw(chance, 3) == 0;
    switch (subject) {
    case NODE: return leader ? 0 : a;
    case ODD_NODE: /* of members that change three at a time, one */
        if (plan->mode == KZ_MODE_MEMBERS) return nodes;
        return nodes - draw(chance, (nodes - 1) / 2);
    case WORN_NODE: /* any but there */
        if (plan->mode == KZ_MODE_MEMBERS) return nodes;
        return leader ? 0 : a;
    case PAIR: return 10 * a + 1 + (a + draw(chance, nodes - 1)) % nodes;
    case NOBODY: break;
    }
    return 0;
}

static uint64_t draw_measure(uint64_t *chance, enum measure measure)
{
    switch (measure) {
    case SHORT_MS: return draw(chance, 2) == 0 ? 1 + draw(chance, 30) : 5 + draw(chance, 1200);
    case LONG_MS: return 20 + draw(chance, 2500);
    case ANY: return draw(chance, UINT32_MAX);
    case MINUTES: return 1 + draw(chance, 600);
    case COUNT: return 1 + draw(chance, 12);
    case PPM: return draw(chance, 400);
    case NOTHING: break;
    }
    return 0;
}

/* A swarm: half of all kinds, at rates from rare to thick. */
static void draw_faults(struct kz_plan *plan, uint64_t *chance)
{
    for (int kind = 0; kind < KZ_FAULT_KIND_END; kind++) {
        bool on = draw(chance, 2) == 0;
        uint64_t often = kinds[kind].often_ms / 4 + draw(chance, (uint64_t)kinds[kind].often_ms);
        bool loses = kind >= KZ_FAULT_LOSE_DISK && kind <= KZ_FAULT_OLD_COPY;
        if (plan->mode == KZ_MODE_BEYOND && loses) on = false; /* all have to be there */
        if (kind == KZ_FAULT_NIGHT && plan->options.demo_rate > 0) on = false;
        for (uint64_t at = 300; on;) {
            at += 1 + draw(chance, 2 * often);
            if (at >= plan->run_ms) break;
            add(plan, &(struct kz_sim_fault){at, (enum kz_fault_kind)kind,
                                             draw_subject(plan, chance, kinds[kind].subject),
                                             draw_measure(chance, kinds[kind].measure)});
        }
    }
}

/* What follows from seed and mode before any fault. */
static void set_options(struct kz_plan *plan, uint64_t *chance)
{
    static const uint32_t rates[] = {0, 0, 2000, 10000, 30000};
    plan->options = (struct kz_sim_options){
        .seed = plan->seed,
        .nodes = draw(chance, 4) == 0 ? 5 : 3,
        .latency_ms = 1 + (unsigned)draw(chance, draw(chance, 4) == 0 ? 40 : 6),
        .disk_ms = 1 + (unsigned)draw(chance, draw(chance, 4) == 0 ? 60 : 8),
        .demo_rate = rates[draw(chance, 5)],
        .image_every = draw(chance, 2) == 0 ? 20 + draw(chance, 60) : 0,
        .scrub_pass_ms = draw(chance, 2) == 0 ? 300 + draw(chance, 3000) : 0,
        .digest_interval = 10 + (uint32_t)(plan->seed % 90),
        .refusals = 1000000,
    };
    if (plan->mode == KZ_MODE_MEMBERS) {
        plan->options.founders = 3;
        plan->options.nodes = 6;
    }
    if (plan->mode == KZ_MODE_BEYOND) plan->options.image_every = 0; /* the whole ledger is read */
    if (plan->mode == KZ_MODE_HOSTILE) {
        static const unsigned late[] = {6, 20, 100, 400};
        plan->options.late_one_in = late[draw(chance, 4)];
    }
    plan->run_ms = 4000 + draw(chance, 6000);
    if (plan->mode == KZ_MODE_MEMBERS) plan->run_ms *= 2;
}

static uint64_t start_plan(struct kz_plan *plan, uint64_t seed, enum kz_attack_mode mode)
{
    *plan = (struct kz_plan){.seed = seed, .mode = mode};
    uint64_t chance = seed * UINT64_C(0xd1342543de82ef95) + (uint64_t)mode;
    set_options(plan, &chance);
    return chance;
}

void kz_plan_make(struct kz_plan *plan, uint64_t seed, enum kz_attack_mode mode)
{
    uint64_t chance = start_plan(plan, seed, mode);
    draw_faults(plan, &chance);
}

void kz_plan_finish(struct kz_plan *plan)
{
    free(plan->faults);
    plan->faults = NULL;
}

/* ---- Files ---- */

static bool read_fault(struct kz_plan *plan, const char *line)
{
    char name[32];
    struct kz_sim_fault fault;
    int taken = 0;
    int found = sscanf(line, "%" SCNu64 " %31s %" SCNu64 " %" SCNu64 " %n", &fault.at_ms, name,
                       &fault.a, &fault.b, &taken);
    if (found != 4 || line[taken] != '\0') return false;
    for (int kind = 0; kind < KZ_FAULT_KIND_END; kind++) {
        if (strcmp(kinds[kind].name, name) != 0) continue;
        fault.kind = (enum kz_fault_kind)kind;
        add(plan, &fault);
        return true;
    }
    return false;
}

bool kz_plan_read(struct kz_plan *plan, FILE *file, unsigned *out_line)
{
    char line[LINE_MAX_SIZE];
    char mode[32];
    uint64_t seed = 0;
    bool has_seed = false;
    bool has_mode = false;
    *plan = (struct kz_plan){0};
    for (*out_line = 1; fgets(line, sizeof line, file) != NULL; ++*out_line) {
        if (line[0] == '#' || line[0] == '\n') continue;
        if (!has_seed) {
            has_seed = sscanf(line, "seed %" SCNu64, &seed) == 1;
            if (!has_seed) return false;
        } else if (!has_mode) {
            has_mode = sscanf(line, "mode %31s", mode) == 1 && kz_mode_named(mode) != KZ_MODE_END;
            if (!has_mode) return false;
            (void)start_plan(plan, seed, kz_mode_named(mode));
        } else if (!read_fault(plan, line)) {
            return false;
        }
    }
    return has_mode;
}

void kz_plan_write(const struct kz_plan *plan, FILE *file)
{
    (void)fprintf(file, "seed %" PRIu64 "\nmode %s\n", plan->seed, kz_mode_name(plan->mode));
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct kz_sim_fault *fault = &plan->faults[i];
        (void)fprintf(file, "%" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n", fault->at_ms,
                      kinds[fault->kind].name, fault->a, fault->b);
    }
}
