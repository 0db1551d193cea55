/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/bench/figures.h"

#include "ops/bench/report.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_SIZE_MAX (64u * 1024)

static const char request[] =
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/* Returns: a connected socket; -1 when nobody answers there. */
static int dial(const char *address, size_t size)
{
    char host[64];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    struct timeval patience = {.tv_sec = 1};

    if (size >= sizeof host) return -1;
    memcpy(host, address, size);
    host[size] = '\0';
    char *colon = strrchr(host, ':');
    if (colon == NULL) return -1;
    *colon = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) return -1;

    int fd = socket(found->ai_family, found->ai_socktype, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* Reads all that the node answers, closed with a zero. Returns: whether it answered. */
static bool fetch(const char *address, size_t size, char out[static ANSWER_SIZE_MAX])
{
    int fd = dial(address, size);
    if (fd < 0) return false;

    size_t used = 0;
    ssize_t got = write(fd, request, sizeof request - 1);
    while (got > 0 && used < ANSWER_SIZE_MAX - 1) {
        got = read(fd, out + used, ANSWER_SIZE_MAX - 1 - used);
        if (got > 0) used += (size_t)got;
    }
    (void)close(fd);
    out[used] = '\0';
    return used > 0;
}

/* Returns: the sample NAME (with its labels) of the exposition TEXT; 0 when there is none. */
static double sample(const char *text, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && line[size] == ' ') return strtod(line + size, NULL);
    }
    return 0;
}

void figures_read(const char *admin, struct figures *out)
{
    static char text[ANSWER_SIZE_MAX];

    memset(out, 0, sizeof *out);
    for (const char *next = admin; next != NULL && *next != '\0';) {
        size_t size = strcspn(next, ",");
        struct node_figures *node = &out->nodes[out->count];
        if (out->count++ == FIGURES_NODES_MAX - 1) return;
        node->answered = fetch(next, size, text);
        next += size + (next[size] == ',');
        if (!node->answered) continue;

        node->is_leader = sample(text, "kezek_role{role=\"leader\"}") > 0;
        node->cpu_seconds = sample(text, "process_cpu_seconds_total");
        node->loop_seconds = sample(text, "kezek_thread_cpu_seconds_total{thread=\"loop\"}");
        node->writer_seconds = sample(text, "kezek_thread_cpu_seconds_total{thread=\"writer\"}");
        node->loader_seconds = sample(text, "kezek_thread_cpu_seconds_total{thread=\"loader\"}");
        node->fsyncs = sample(text, "kezek_fsyncs_total");
        node->entries = sample(text, "kezek_appended_entries_total");
        node->started = sample(text, "process_start_time_seconds");
        node->resident_bytes = sample(text, "process_resident_memory_bytes");
    }
}

void figures_report(json_t *report, const struct figures *before, const struct figures *after,
                    uint64_t entries)
{
    json_t *nodes = json_array();
    double each = entries == 0 ? 1 : (double)entries / 1e6; /* seconds to µs for each */

    for (unsigned i = 0; i < before->count; i++) {
        const struct node_figures *from = &before->nodes[i];
        const struct node_figures *to = &after->nodes[i];
        if (!from->answered || !to->answered || from->started < to->started) continue;

        json_t *node = json_object();
        (void)json_object_set_new(node, "leader", json_boolean(to->is_leader));
        report_number(node, "cpu_us_per_entry", (to->cpu_seconds - from->cpu_seconds) / each);
        report_number(node, "loop_us_per_entry", (to->loop_seconds - from->loop_seconds) / each);
        report_number(node, "writer_us_per_entry",
                      (to->writer_seconds - from->writer_seconds) / each);
        report_number(node, "loader_us_per_entry",
                      (to->loader_seconds - from->loader_seconds) / each);
        report_count(node, "fsyncs", (uint64_t)(to->fsyncs - from->fsyncs));
        report_count(node, "appended", (uint64_t)(to->entries - from->entries));
        report_count(node, "resident_bytes", (uint64_t)to->resident_bytes);
        (void)json_array_append_new(nodes, node);
    }
    (void)json_object_set_new(report, "nodes", nodes);
}
