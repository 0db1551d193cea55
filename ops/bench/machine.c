/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine alone, on one core: how many entries a second it decodes and applies, what its
 * questions cost, and what memory it takes. Making entries is not timed. */
#include "ops/bench/bench.h"
#include "ops/bench/city.h"
#include "ops/bench/clock.h"
#include "ops/bench/draw.h"
#include "ops/bench/execute.h"
#include "ops/bench/report.h"

#include <stdlib.h>

#define QUESTIONS 1000000

struct trial {
    struct kz_machine *machine;
    struct city city;
    struct chunk chunk;
    uint64_t entries, refused;
    uint64_t wall_ns, cpu_ns;
    struct kz_machine_figures filled; /* when all were waiting and nothing else had happened */
    double fill_per_second;
};

/* Applies the chunk. Returns: false when the machine took an entry for damage. */
static bool apply_chunk(struct trial *trial)
{
    const struct chunk *chunk = &trial->chunk;
    uint8_t results[CITY_CHUNK];
    const uint8_t *records[CITY_CHUNK];
    uint64_t first = kz_machine_applied(trial->machine) + 1;
    bool done = true;

    for (uint32_t i = 0; i < chunk->count; i++)
        records[i] = chunk->records[i];
    uint64_t cpu = clock_thread_ns();
    uint64_t begun = clock_now_ns();
    for (uint32_t i = 0; done && i < chunk->count; i += EXECUTE_MAX) {
        uint32_t count = chunk->count - i < EXECUTE_MAX ? chunk->count - i : EXECUTE_MAX;
        done = execute_group(trial->machine, records + i, chunk->sizes + i, count, results + i);
    }
    trial->wall_ns += clock_now_ns() - begun;
    trial->cpu_ns += clock_thread_ns() - cpu;
    trial->entries += chunk->count;
    for (uint32_t i = 0; done && i < chunk->count; i++) {
        trial->refused += results[i] != KZ_RESULT_OK;
        city_learn(&trial->city, chunk, i, first + i, results[i]);
    }
    return done;
}

static void forget_times(struct trial *trial)
{
    trial->entries = trial->refused = trial->wall_ns = trial->cpu_ns = 0;
    trial->city.due_ns = 0;
}

static bool found_and_fill(struct trial *trial, uint64_t waiting)
{
    for (uint32_t number = 1; city_found(&trial->city, number, &trial->chunk); number++)
        if (!apply_chunk(trial)) return false;
    forget_times(trial);
    while (trial->entries < waiting) {
        city_fill(&trial->city, &trial->chunk);
        if (!apply_chunk(trial)) return false;
    }
    return true;
}

static bool run_mix(struct trial *trial, uint64_t entries)
{
    while (trial->entries < entries) {
        city_draw(&trial->city, trial->machine, &trial->chunk);
        if (!apply_chunk(trial)) return false;
    }
    return true;
}

/* Returns: nanoseconds for one application's view, its position included. */
static double time_positions(struct trial *trial)
{
    const struct group *waiting = &trial->city.waiting;
    struct kz_application_view view;
    uint64_t begun = clock_thread_ns();

    for (unsigned i = 0; i < QUESTIONS; i++) {
        uint32_t place = draw_below(&trial->city.random, waiting->count);
        (void)kz_machine_application(trial->machine, waiting->people[place].number, &view);
    }
    return (double)(clock_thread_ns() - begun) / QUESTIONS;
}

static double per_second(uint64_t count, uint64_t ns)
{
    return ns == 0 ? 0 : (double)count * 1e9 / (double)ns;
}

static int print(struct trial *trial)
{
    struct kz_machine_figures figures;
    json_t *report = report_create("machine");

    kz_machine_figures(trial->machine, &figures);
    report_number(report, "entries_per_second", per_second(trial->entries, trial->cpu_ns));
    report_number(report, "entries_per_wall_second", per_second(trial->entries, trial->wall_ns));
    report_number(report, "cpu_us_per_entry", (double)trial->cpu_ns / 1e3 / (double)trial->entries);
    report_number(report, "fill_entries_per_second", trial->fill_per_second);
    report_count(report, "entries", trial->entries);
    report_count(report, "refused", trial->refused);
    report_number(report, "due_cpu_seconds", (double)trial->city.due_ns / 1e9);
    report_number(report, "position_ns", time_positions(trial));
    report_count(report, "waiting", figures.waiting);
    report_count(report, "applications", figures.applications);
    report_count(report, "requests", figures.requests);
    report_count(report, "machine_bytes", figures.bytes);
    report_number(report, "bytes_per_waiting_application",
                  (double)trial->filled.application_bytes / (double)trial->filled.waiting);
    report_number(report, "bytes_per_request",
                  (double)figures.request_bytes / (double)figures.requests);
    return report_print(report);
}

int bench_machine(const struct bench_options *options)
{
    struct trial *trial = calloc(1, sizeof *trial);
    if (trial == NULL) return bench_fail("out of memory");

    city_init(&trial->city, options->seed, options->territories, options->waiting);
    trial->machine = kz_machine_create(&kz_allocator_system, options->seed);
    bool done = found_and_fill(trial, options->waiting);
    trial->fill_per_second = per_second(trial->entries, trial->cpu_ns);
    kz_machine_figures(trial->machine, &trial->filled);
    forget_times(trial);
    done = done && run_mix(trial, options->entries);

    int code = done ? print(trial)
                    : bench_fail("the state machine stopped after entry %llu",
                                 (unsigned long long)kz_machine_applied(trial->machine));
    kz_machine_destroy(trial->machine);
    city_finish(&trial->city);
    free(trial);
    return code;
}
