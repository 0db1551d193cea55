/* SPDX-License-Identifier: Apache-2.0 */
/* Applications of new children, closed loop; and the same load watched for gaps while somebody
 * kills a leader. */
#include "ops/bench/bench.h"
#include "ops/bench/cluster.h"
#include "ops/bench/draw.h"
#include "ops/bench/load.h"
#include "ops/bench/report.h"

struct append {
    uint64_t random;
    uint64_t territories;
};

static void begin(void *data, struct load_slot *slot)
{
    struct append *append = data;
    struct kz_entry entry;
    draw_application(&append->random, append->territories, &entry);
    load_submit(slot, &entry);
}

/* Says when acknowledged applications are not among those that wait. */
static bool check(const struct load_result *result, uint64_t before, uint64_t after, json_t *report)
{
    uint64_t added = after - before;
    uint64_t lost = result->accepted > added ? result->accepted - added : 0;
    report_count(report, "lost", lost);
    if (lost > 0) (void)bench_fail("%llu acknowledged are lost", (unsigned long long)lost);
    return lost == 0;
}

static int run(const struct bench_options *options, const char *name)
{
    static struct load_result result;
    struct append append = {cluster_random(options->seed), options->territories};
    struct load_work work = {.data = &append, .begin = begin, .units = 1};
    struct kezek_connection *connection = cluster_connect(options->endpoints);
    if (connection == NULL) return 1;

    cluster_found(connection, options, &append.random);
    uint64_t before = cluster_waiting(connection);
    json_t *report = report_create(name);
    bool good = load_run(options, &work, report, &result);
    report_number(report, "entries_per_second", load_rate(&result));
    report_count(report, "entries", result.units);
    good = good && check(&result, before, cluster_waiting(connection), report);
    good = cluster_agrees(options->endpoints, report) && good;
    kezek_disconnect(connection);
    return report_print(report) == 0 && good ? 0 : 1;
}

int bench_append(const struct bench_options *options)
{
    return run(options, "append");
}

int bench_failover(const struct bench_options *options)
{
    return run(options, "failover");
}
