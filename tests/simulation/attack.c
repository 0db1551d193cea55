/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/attack.h"

#include "node/core/memory.h"
#include "node/core/state.h"
#include "tests/simulation/beyond.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/harm.h"
#include "tests/simulation/steward.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ELECTION_MS  150 /* its timeout is drawn between this and twice this */
#define NOTICING_MS  400 /* until half-open connections are found */
#define ELECTIONS_MS (5 * 2 * ELECTION_MS)
#define SETTLE_MS    30000
#define RESULTS_MS   400 /* results are stored lazily */
#define REAL_S_MAX   120 /* a run that takes longer in this world hangs */

struct attack {
    const struct kz_plan *plan;
    uint32_t next; /* fault */
    struct kz_sim sim;
    struct kz_families families;
    struct kz_checks checks;
    struct kz_harm harm;
    struct kz_sim_steward steward;
};

static void after_step(void *context, struct kz_sim_node *node)
{
    struct attack *attack = context;
    kz_checks_step(&attack->checks, node);
}

/* One millisecond. */
static void tick(struct attack *attack)
{
    kz_verdict->at_ms = attack->sim.now_ms;
    kz_verdict->trace = attack->sim.trace;
    kz_harm_run(&attack->harm);
    kz_families_run(&attack->families);
    kz_steward_run(&attack->steward);
    kz_sim_run(&attack->sim, 1);
}

static void do_fault(struct attack *attack, const struct kz_sim_fault *fault)
{
    if (attack->sim.options.journal != NULL) {
        (void)fprintf(attack->sim.options.journal, "%8" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n",
                      attack->sim.now_ms, kz_fault_name(fault->kind), fault->a, fault->b);
    }
    kz_harm_do(&attack->harm, fault);
}

static void attack_cluster(struct attack *attack)
{
    const struct kz_plan *plan = attack->plan;
    while (attack->sim.now_ms < plan->run_ms || attack->harm.put_back != 0) {
        while (attack->next < plan->count && plan->faults[attack->next].at_ms <= attack->sim.now_ms)
            do_fault(attack, &plan->faults[attack->next++]);
        tick(attack);
    }
}

/* ---- Behind the healing ---- */

/* Whether node ID is a member in the end, and may be. */
static bool takes_part(const struct attack *attack, unsigned id)
{
    return attack->checks.is_member[id] && !attack->harm.is_out[id];
}

/* Who lost its disk or its vote is refused, and refuses itself. */
static void judge_out(const struct attack *attack)
{
    for (unsigned id = 1; id <= attack->sim.options.nodes; id++) {
        const struct kz_sim_node *node = &attack->sim.nodes[id];
        if (attack->harm.is_out[id] && node->disk.last > 0 && node->core != NULL)
            kz_broken("node %u lost its disk or its vote, and takes part under its old id", id);
    }
}

static _Noreturn void do_not_converge(const struct attack *attack)
{
    for (unsigned id = 1; id <= attack->sim.options.nodes; id++) {
        const struct kz_sim_node *node = &attack->sim.nodes[id];
        if (node->core == NULL && takes_part(attack, id))
            kz_broken("node %u does not run again: %s", id, node->halt.text);
    }
    kz_broken("the nodes do not converge within %d ms of healing", SETTLE_MS);
}

/* Whether a majority takes part in elections: it has started, which waits for the others' word for
 * a while, and waits for no repair: what rotted may be met by the first write only, and ends a node
 * that starts again. */
static bool is_whole(const struct attack *attack)
{
    unsigned count = 0;
    for (unsigned id = 1; id <= attack->sim.options.nodes; id++) {
        const struct kz_core *core = attack->sim.nodes[id].core;
        bool runs = core != NULL && core->phase == KZ_RUNNING && takes_part(attack, id);
        count += runs && kz_sim_figures(&attack->sim, id).damaged_index == 0;
    }
    return count > attack->sim.options.nodes / 2;
}

/* Returns: how many of the nodes are out for good. */
static unsigned count_out(const struct attack *attack)
{
    unsigned count = 0;
    for (unsigned id = 1; id <= attack->sim.options.nodes; id++)
        count += !takes_part(attack, id);
    return count;
}

/* A majority that is whole commits within five election timeouts, or ten where a node is out for
 * good: more votes are split then, as each is needed. Whom clients meet among nodes that are no
 * members yet, or any more, find it later. */
static void recover(struct attack *attack)
{
    bool all_are_members = attack->sim.options.founders == attack->sim.options.nodes;
    uint64_t elections_ms = count_out(attack) == 0 ? ELECTIONS_MS : 2 * ELECTIONS_MS;
    uint64_t limit_ms = all_are_members ? elections_ms : SETTLE_MS;
    kz_harm_heal(&attack->harm);
    for (uint64_t end = attack->sim.now_ms + NOTICING_MS; attack->sim.now_ms < end;)
        tick(attack);
    uint64_t count = attack->checks.count;
    uint64_t healed_ms = attack->sim.now_ms;
    uint64_t begun_ms = healed_ms;
    kz_families_probe(&attack->families);
    while (attack->checks.count == count) {
        if (all_are_members && !is_whole(attack)) begun_ms = attack->sim.now_ms;
        if (attack->sim.now_ms - begun_ms > limit_ms)
            kz_broken("no entry is committed within %" PRIu64 " ms of healing", limit_ms);
        if (attack->sim.now_ms - healed_ms > SETTLE_MS)
            kz_broken("no majority is whole within %d ms of healing", SETTLE_MS);
        tick(attack);
    }
    kz_verdict->recover_ms = attack->sim.now_ms - begun_ms;
}

static bool is_converged(const struct attack *attack)
{
    for (unsigned id = 1; id <= attack->sim.options.nodes; id++) {
        if (!takes_part(attack, id)) continue;
        struct kz_core_figures figures = kz_sim_figures(&attack->sim, id);
        if (figures.applied_index != attack->checks.count || !figures.ready) return false;
        if (figures.last_index != attack->checks.count) return false;
        if (attack->sim.nodes[id].disk.applied != attack->checks.count) return false;
    }
    return true;
}

static void settle(struct attack *attack)
{
    uint64_t end = attack->sim.now_ms + SETTLE_MS;
    kz_families_close(&attack->families);
    uint32_t waiting;
    while ((waiting = kz_families_unsettled(&attack->families)) != KZ_ERRANDS_MAX) {
        if (attack->sim.now_ms > end) {
            const struct kz_errand *errand = &attack->families.errands[waiting];
            kz_broken("command %u, %s, is not settled %d ms after healing (state %d)", waiting + 1,
                      kz_word(&kz_entry_type_words, errand->entry.type), SETTLE_MS, errand->state);
        }
        tick(attack);
    }
    while (!is_converged(attack)) {
        if (attack->sim.now_ms > end) do_not_converge(attack);
        tick(attack);
    }
    judge_out(attack);
}

static FILE *open_journal(const struct kz_plan *plan)
{
    if (plan->trace == NULL) return NULL;
    if (strcmp(plan->trace, "-") == 0) return stdout;
    FILE *file = fopen(plan->trace, "w");
    if (file == NULL) kz_broken("%s can not be written", plan->trace);
    return file;
}

void kz_attack(const struct kz_plan *plan, struct kz_verdict *verdict)
{
    static struct attack attack;
    kz_verdict = verdict;
    attack.plan = plan;
    struct kz_sim_options options = plan->options;
    options.after_step = after_step;
    options.context = &attack;
    options.journal = open_journal(plan);
    kz_sim_init(&attack.sim, &options);
    kz_checks_init(&attack.checks, &attack.sim, attack.harm.is_out);
    kz_families_init(&attack.families, &attack.sim);
    kz_harm_init(&attack.harm, &attack.sim, &attack.families, &attack.checks);
    kz_sim_start_all(&attack.sim);
    kz_steward_init(&attack.steward, &attack.sim, attack.harm.is_out);

    attack_cluster(&attack);
    recover(&attack);
    settle(&attack);
    for (unsigned id = 1; id <= options.nodes; id++) {
        attack.harm.is_out[id] = !takes_part(&attack, id);
        if (!attack.harm.is_out[id]) kz_steward_judge(&attack.steward, &attack.sim.nodes[id].disk);
    }
    kz_checks_end(&attack.checks, &attack.families, attack.harm.is_out);

    if (plan->mode == KZ_MODE_BEYOND) kz_go_beyond(&attack.sim, &attack.checks);

    verdict->answers = attack.families.answers;
    kz_families_finish(&attack.families);
    kz_steward_finish(&attack.steward);
    kz_harm_finish(&attack.harm);
    kz_sim_finish(&attack.sim);
    kz_checks_finish(&attack.checks);
    verdict->passed = true;
}

void kz_attack_apart(const struct kz_plan *plan, struct kz_verdict *out_verdict)
{
    struct kz_verdict *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    KZ_ASSERT(shared != MAP_FAILED);
    (void)fflush(NULL);
    pid_t child = fork();
    KZ_ASSERT(child >= 0);
    if (child == 0) {
        (void)alarm(REAL_S_MAX);
        kz_attack(plan, shared);
        (void)fflush(NULL);
        _exit(0);
    }
    int how = 0;
    (void)waitpid(child, &how, 0);
    if (WIFSIGNALED(how)) {
        shared->passed = false;
        (void)snprintf(shared->broken, sizeof shared->broken, "the process was ended by %s",
                       strsignal(WTERMSIG(how)));
    } else if (!shared->passed && shared->broken[0] == '\0') {
        (void)snprintf(shared->broken, sizeof shared->broken, "the process ended with status %d",
                       WEXITSTATUS(how));
    }
    *out_verdict = *shared;
    (void)munmap(shared, sizeof *shared);
}
