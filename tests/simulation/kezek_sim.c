/* SPDX-License-Identifier: Apache-2.0 */
/* kezek-sim: runs seeds until one breaks something, and makes that one small. */
#include "tests/simulation/shrink.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHRINK_RUNS_MAX 600

struct options {
    uint64_t seeds;
    uint64_t from;
    bool one;           /* --seed: that one alone */
    const char *replay; /* a file of faults */
    const char *trace;  /* where to write what happens */
    const char *out;    /* where to write the shrunk faults */
    enum kz_attack_mode mode;
    bool keep;   /* a broken list of faults as it is */
    bool hashes; /* a line for each seed */
    bool help;
};

static const char usage[] =
    "kezek-sim: whole nodes on a virtual clock, network and disk\n"
    "\n"
    "  kezek-sim --seeds N [--from S]      run seeds S (1) and on; 1 at the first that breaks\n"
    "  kezek-sim --seed S [--trace FILE]   run one; tell what happens in FILE (- for here)\n"
    "  kezek-sim --replay FILE             run a list of faults\n"
    "\n"
    "  --mode ordinary|hostile|beyond|members\n"
    "                                      connections reorder; an entry rots everywhere; the "
    "members "
    "change\n"
    "  --out FILE                          where a shrunk list of faults goes (sim-SEED.faults)\n"
    "  --no-shrink                         do not make a broken list of faults small\n"
    "  --hashes                            a line for each seed: what it came to, and its trace\n";

/* ---- Telling ---- */

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void tell(const struct kz_plan *plan, const struct kz_verdict *verdict)
{
    printf("seed %" PRIu64 " %s trace %016" PRIx64 " ms %" PRIu64 " entries %" PRIu64
           " answers %" PRIu64 " faults %u recovered_ms %" PRIu64 "\n",
           plan->seed, verdict->passed ? "ok" : "broken", verdict->trace, verdict->at_ms,
           verdict->entries, verdict->answers, plan->count, verdict->recover_ms);
}

static void write_shrunk(const struct options *options, const struct kz_plan *plan,
                         const struct kz_verdict *verdict)
{
    char name[64];
    (void)snprintf(name, sizeof name, "sim-%" PRIu64 ".faults", plan->seed);
    const char *path = options->out != NULL ? options->out : name;
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        (void)fprintf(stderr, "kezek-sim: %s can not be written\n", path);
        return;
    }
    (void)fprintf(file, "# %s\n", verdict->broken);
    kz_plan_write(plan, file);
    (void)fclose(file);
    printf("shrunk to %u faults: kezek-sim --replay %s\n", plan->count, path);
}

static int break_down(const struct options *options, struct kz_plan *plan,
                      struct kz_verdict *verdict)
{
    printf("seed %" PRIu64 " (%s) broken at %" PRIu64 " ms: %s\n", plan->seed,
           kz_mode_name(plan->mode), verdict->at_ms, verdict->broken);
    (void)fflush(stdout);
    if (options->replay != NULL || options->keep) return 1;
    unsigned runs = kz_shrink(plan, SHRINK_RUNS_MAX, verdict);
    printf("after %u runs with fewer faults: %s\n", runs, verdict->broken);
    write_shrunk(options, plan, verdict);
    return 1;
}

/* ---- Running ---- */

static int run_seeds(const struct options *options)
{
    double begun = seconds();
    uint64_t virtual_ms = 0;
    uint64_t entries = 0;
    uint64_t slowest_ms = 0;
    for (uint64_t i = 0; i < options->seeds; i++) {
        struct kz_plan plan;
        struct kz_verdict verdict;
        kz_plan_make(&plan, options->from + i, options->mode);
        kz_attack_apart(&plan, &verdict);
        virtual_ms += verdict.at_ms;
        entries += verdict.entries;
        if (verdict.recover_ms > slowest_ms) slowest_ms = verdict.recover_ms;
        if (options->hashes) tell(&plan, &verdict);
        int code = verdict.passed ? 0 : break_down(options, &plan, &verdict);
        kz_plan_finish(&plan);
        if (code != 0) return code;
    }
    double took = seconds() - begun;
    printf("%" PRIu64 " seeds from %" PRIu64 " (%s): nothing broke. %" PRIu64
           " s of virtual time, %" PRIu64 " entries, %.1f seeds/s, slowest recovery %" PRIu64
           " ms\n",
           options->seeds, options->from, kz_mode_name(options->mode), virtual_ms / 1000, entries,
           (double)options->seeds / (took > 0 ? took : 1), slowest_ms);
    return 0;
}

static int run_plan(const struct options *options, struct kz_plan *plan)
{
    struct kz_verdict verdict;
    plan->trace = options->trace;
    kz_attack_apart(plan, &verdict);
    plan->trace = NULL;
    tell(plan, &verdict);
    int code = verdict.passed ? 0 : break_down(options, plan, &verdict);
    kz_plan_finish(plan);
    return code;
}

static int replay(const struct options *options)
{
    struct kz_plan plan;
    unsigned line;
    FILE *file = fopen(options->replay, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "kezek-sim: %s can not be read\n", options->replay);
        return 2;
    }
    bool good = kz_plan_read(&plan, file, &line);
    (void)fclose(file);
    if (good) return run_plan(options, &plan);
    (void)fprintf(stderr, "kezek-sim: %s:%u: no line of a list of faults\n", options->replay, line);
    kz_plan_finish(&plan);
    return 2;
}

/* ---- Options ---- */

static bool read_number(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

static bool take_option(struct options *options, int option)
{
    switch (option) {
    case 'n': return read_number(optarg, &options->seeds) && options->seeds > 0;
    case 'f': return read_number(optarg, &options->from);
    case 's': options->one = true; return read_number(optarg, &options->from);
    case 't': options->trace = optarg; return true;
    case 'r': options->replay = optarg; return true;
    case 'o': options->out = optarg; return true;
    case 'h': options->hashes = true; return true;
    case 'k': options->keep = true; return true;
    case 'u': options->help = true; return true;
    case 'm': options->mode = kz_mode_named(optarg); return options->mode != KZ_MODE_END;
    default: return false;
    }
}

static bool parse(int argc, char **argv, struct options *out)
{
    static const struct option known[] = {{"seeds", required_argument, NULL, 'n'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"trace", required_argument, NULL, 't'},
                                          {"replay", required_argument, NULL, 'r'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"mode", required_argument, NULL, 'm'},
                                          {"hashes", no_argument, NULL, 'h'},
                                          {"no-shrink", no_argument, NULL, 'k'},
                                          {"help", no_argument, NULL, 'u'},
                                          {NULL, 0, NULL, 0}};
    *out = (struct options){.from = 1};
    int option;
    int which;
    while ((option = getopt_long(argc, argv, "", known, &which)) != -1) {
        if (take_option(out, option)) continue;
        if (option != '?') { /* getopt has said what is none */
            (void)fprintf(stderr, "kezek-sim: --%s: \"%s\" is not allowed\n", known[which].name,
                          optarg);
        }
        return false;
    }
    if (optind < argc) {
        (void)fprintf(stderr, "kezek-sim: \"%s\" is one word too many\n", argv[optind]);
        return false;
    }
    return out->help || out->one || out->replay != NULL || out->seeds > 0;
}

/* A trace that can not be written is told before anything runs: it breaks no promise. */
static bool can_write(const char *path)
{
    if (path == NULL || strcmp(path, "-") == 0) return true;
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        (void)fclose(file);
        return true;
    }
    (void)fprintf(stderr, "kezek-sim: %s can not be written: %s\n", path, strerror(errno));
    return false;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!parse(argc, argv, &options)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (options.help) return fputs(usage, stdout) < 0 ? 1 : 0;
    if (!can_write(options.trace)) return 2;
    if (options.replay != NULL) return replay(&options);
    if (!options.one) return run_seeds(&options);
    struct kz_plan plan;
    kz_plan_make(&plan, options.from, options.mode);
    return run_plan(&options, &plan);
}
