/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_REQUIRED "\n" /* the default of a text that must be given */

struct option {
    const char *name;
    size_t offset;     /* of the member in struct bench_options */
    unsigned commands; /* enum bench_command */
    bool is_text;
    uint64_t min;
    uint64_t max;
    const char *value; /* the default; TEXT_REQUIRED; NULL: none */
    const char *help;
};

#define NUMBER(member, commands) offsetof(struct bench_options, member), commands, false
#define TEXT(member, commands)   offsetof(struct bench_options, member), commands, true, 0, 0

static const struct option table[] = {
    {"endpoints", TEXT(endpoints, BENCH_LOADS | BENCH_PROBE), TEXT_REQUIRED,
     "HOST:PORT,… of the nodes"},
    {"admin", TEXT(admin, BENCH_LOADS), NULL,
     "HOST:PORT,… of their admin ports, for their CPU time and fsyncs"},
    {"connections", NUMBER(connections, BENCH_LOADS), 1, 1000, "1", "connections"},
    {"outstanding", NUMBER(outstanding, BENCH_LOADS), 1, 100000, "1",
     "unanswered at a time, for each connection"},
    {"seconds", NUMBER(seconds, BENCH_LOADS | BENCH_PROBE), 1, 86400, "10", "how long is measured"},
    {"warmup-ms", NUMBER(warmup_ms, BENCH_LOADS | BENCH_PROBE), 0, 600000, "1000",
     "load before that"},
    {"batch", NUMBER(batch, BENCH_LOADS), 1, 512, "1",
     "answers that a connection gathers before it asks again"},
    {"territories", NUMBER(territories, BENCH_LOADS | BENCH_MACHINE | BENCH_PROBE), 1, 1000, "16",
     "over which applications are spread; made when missing"},
    {"fill", NUMBER(fill, BENCH_POSITION), 1, 10000000, "100000", "applications to ask about"},
    {"positions", NUMBER(positions, BENCH_POSITION), 1, 4096, "1", "numbers in one question"},
    {"linearizable", NUMBER(linearizable, BENCH_POSITION), 0, 1, "0",
     "1: as of a moment after the question"},
    {"places", NUMBER(places, BENCH_MIX), 0, 100000, "0",
     "reported for each territory and year at first"},
    {"open-wait", NUMBER(open_wait, BENCH_MIX), 0, 86400, "0",
     "seconds to wait until these are open to all"},
    {"rate", NUMBER(rate, BENCH_PROBE), 1, 10000, "200", "commands and questions a second"},
    {"data", TEXT(data, BENCH_REPLAY), TEXT_REQUIRED, "a stopped node's directory"},
    {"threads", NUMBER(threads, BENCH_REPLAY), 1, 2, "1",
     "2: one reads and hashes, one re-executes"},
    {"waiting", NUMBER(waiting, BENCH_MACHINE), 1000, 100000000, "100000",
     "applications that wait meanwhile"},
    {"entries", NUMBER(entries, BENCH_MACHINE), 1000, 1000000000, "5000000", "how many are timed"},
    {"seed", NUMBER(seed, BENCH_LOADS | BENCH_MACHINE | BENCH_PROBE), 1, INT64_MAX, "1",
     "of all that is drawn, request ids excepted"},
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

static bool fail(const struct option *option, const char *value)
{
    (void)fprintf(stderr, "kezek-bench: --%s: \"%s\" is no number from %llu to %llu\n",
                  option->name, value, (unsigned long long)option->min,
                  (unsigned long long)option->max);
    return false;
}

static bool set(struct bench_options *options, const struct option *option, const char *value)
{
    char *member = (char *)options + option->offset;
    if (option->is_text) {
        memcpy(member, &value, sizeof value);
        return true;
    }
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    bool whole = errno == 0 && end != value && *end == '\0' && value[0] != '-';
    if (!whole || number < option->min || number > option->max) return fail(option, value);
    memcpy(member, &number, sizeof number);
    return true;
}

static const struct option *find(enum bench_command command, const char *word)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        bool same = strncmp(word, "--", 2) == 0 && strcmp(word + 2, table[i].name) == 0;
        if (same && (table[i].commands & command) != 0) return &table[i];
    }
    return NULL;
}

static bool set_defaults(struct bench_options *options, enum bench_command command, uint32_t seen)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct option *option = &table[i];
        if ((option->commands & command) == 0 || (seen & UINT32_C(1) << i) != 0) continue;
        if (option->value == NULL) continue;
        if (strcmp(option->value, TEXT_REQUIRED) == 0) {
            (void)fprintf(stderr, "kezek-bench: --%s is missing: %s\n", option->name, option->help);
            return false;
        }
        if (!set(options, option, option->value)) return false;
    }
    return true;
}

bool bench_options_read(struct bench_options *options, enum bench_command command, int count,
                        char **words)
{
    uint32_t seen = 0;
    memset(options, 0, sizeof *options);

    for (int i = 0; i < count; i += 2) {
        const struct option *option = find(command, words[i]);
        if (option == NULL) {
            (void)fprintf(stderr, "kezek-bench: \"%s\" is no option of it; there are:\n", words[i]);
            bench_options_print(command, stderr);
            return false;
        }
        uint32_t bit = UINT32_C(1) << (option - table);
        if (i + 1 == count || (seen & bit) != 0) {
            (void)fprintf(stderr, "kezek-bench: %s %s\n", words[i],
                          i + 1 == count ? "has no value" : "is given twice");
            return false;
        }
        if (!set(options, option, words[i + 1])) return false;
        seen |= bit;
    }
    return set_defaults(options, command, seen);
}

void bench_options_print(enum bench_command command, FILE *out)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct option *option = &table[i];
        if ((option->commands & command) == 0) continue;
        (void)fprintf(out, "  --%-12s  %s", option->name, option->help);
        if (option->value != NULL && strcmp(option->value, TEXT_REQUIRED) != 0)
            (void)fprintf(out, " (%s)", option->value);
        (void)fputc('\n', out);
    }
}
