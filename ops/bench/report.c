/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/report.h"

#include "ops/bench/bench.h"

#include <kezek/kezek.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uv.h>

int bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("kezek-bench: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return 1;
}

/* The processor's name as Linux gives it; "unknown" elsewhere. */
static void read_cpu_model(char *out, size_t capacity)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");

    (void)snprintf(out, capacity, "unknown");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(out, capacity, "%s", colon + 2);
        break;
    }
    (void)fclose(file);
}

static json_t *describe_machine(void)
{
    char cpu[128];
    struct utsname system;

    read_cpu_model(cpu, sizeof cpu);
    (void)uname(&system);
    json_int_t memory = (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    return json_pack("{s:s, s:i, s:I, s:s}", "cpu", cpu, "cores",
                     (int)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes", memory, "kernel",
                     system.release);
}

json_t *report_create(const char *benchmark)
{
    json_t *versions =
        json_pack("{s:s, s:s, s:s, s:s}", "kezek", kezek_version(), "libraft", KZ_RAFT_VERSION,
                  "lmdb", KZ_LMDB_VERSION, "libuv", uv_version_string());
    return json_pack("{s:s, s:o, s:o}", "benchmark", benchmark, "machine", describe_machine(),
                     "versions", versions);
}

void report_number(json_t *report, const char *name, double value)
{
    double scale = value < 1000 ? 1e4 : 1;
    (void)json_object_set_new(report, name, json_real(round(value * scale) / scale));
}

void report_count(json_t *report, const char *name, uint64_t value)
{
    (void)json_object_set_new(report, name, json_integer((json_int_t)value));
}

void report_latency(json_t *report, const struct histogram *latency)
{
    report_number(report, "p50_ms", histogram_ms(latency, 0.5));
    report_number(report, "p90_ms", histogram_ms(latency, 0.9));
    report_number(report, "p99_ms", histogram_ms(latency, 0.99));
    report_number(report, "p999_ms", histogram_ms(latency, 0.999));
    report_number(report, "max_ms", (double)latency->max_ns / 1e6);
}

int report_print(json_t *report)
{
    char *line = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(report);
    if (line == NULL) return 1;
    (void)puts(line);
    free(line);
    return 0;
}
