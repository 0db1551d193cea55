/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of drivers in one process: a virtual clock, links that keep their order, disks that
 * take their time. Everything follows from the seed. After each step the harness checks what has to
 * hold always: one leader a term, equal committed entries by index, a commit index that never
 * falls, nothing committed that is not durable. */
#ifndef KZ_TEST_HARNESS_H
#define KZ_TEST_HARNESS_H

#include "node/core/driver.h"
#include "tests/node/driver/disk.h"
#include "tests/node/driver/records.h"

#include <stdbool.h>
#include <stdint.h>

#define KZ_NODES_MAX 5

struct kz_cluster_options {
    uint64_t seed;
    unsigned nodes;          /* ids 1 … nodes; all are started */
    unsigned voters;         /* the first ones; the others wait to be spoken to */
    unsigned latency_max_ms; /* of a message: 1 … */
    unsigned disk_max_ms;    /* of a write or load: 1 … */
    unsigned loss_percent;
    unsigned repeat_percent; /* messages that arrive twice */
    uint64_t cache_bytes;    /* 0: 64 MiB */
};

struct kz_node {
    struct kz_cluster *cluster;
    struct kz_driver *driver; /* NULL: it is down */
    struct kz_disk disk;
    uint64_t life;    /* grows with each start: nothing reaches a later life */
    uint64_t applied; /* in memory, above what the disk knows */
    uint64_t committed;
    bool slow; /* its writes take twenty times as long */
    uint64_t next_write_ms;
    uint64_t loads;
    uint64_t load_bytes;
    uint64_t rejections; /* append results that it sent and that say no */
    uint64_t frames;
};

struct kz_event_slot;

struct kz_cluster {
    struct kz_cluster_options options;
    uint64_t now;
    uint64_t random;
    uint64_t trace; /* a hash of everything that happened, in order */
    struct kz_node nodes[KZ_NODES_MAX];
    bool cut[KZ_NODES_MAX][KZ_NODES_MAX]; /* from, to */
    uint64_t arrival_ms[KZ_NODES_MAX][KZ_NODES_MAX];
    struct kz_event_slot *events; /* a heap by (time, number) */
    unsigned event_count;
    unsigned event_capacity;
    uint64_t event_number;
    struct kz_disk truth; /* committed entries, as the first node to apply them saw them */
    uint64_t *leaders;    /* by term */
    uint64_t leaders_capacity;
    uint64_t submitted; /* entries ever submitted: the next one's mark */
    uint64_t failures;  /* loads that fail: this many of the next ones */
};

void kz_cluster_init(struct kz_cluster *cluster, const struct kz_cluster_options *options);
void kz_cluster_finish(struct kz_cluster *cluster);

/* Runs until virtual time UNTIL_MS. */
void kz_cluster_run(struct kz_cluster *cluster, uint64_t until_ms);

/* Runs for MS more. */
void kz_cluster_pass(struct kz_cluster *cluster, uint64_t ms);

/* Runs until some node leads and is established. Returns: its id; 0 after LIMIT_MS. */
uint64_t kz_cluster_elect(struct kz_cluster *cluster, uint64_t limit_ms);

/* Runs until every live node has applied entry INDEX. Returns: whether they did within LIMIT_MS. */
bool kz_cluster_agree(struct kz_cluster *cluster, uint64_t index, uint64_t limit_ms);

/* Returns: the established leader of the highest term, 0: none. */
uint64_t kz_cluster_leader(const struct kz_cluster *cluster);

struct kz_node *kz_cluster_node(struct kz_cluster *cluster, uint64_t id);

/* Submits COUNT entries in one batch at node ID. */
enum kz_status kz_cluster_submit(struct kz_cluster *cluster, uint64_t id, uint32_t count);

/* Submits a membership at node ID: one letter for each member from id 1 on, `v`oter, `s`tandby,
 * s`p`are, `-` for none. */
enum kz_status kz_cluster_change(struct kz_cluster *cluster, uint64_t id, const char *roles);

void kz_cluster_crash(struct kz_cluster *cluster, uint64_t id);
void kz_cluster_start(struct kz_cluster *cluster, uint64_t id);

/* Cuts or mends both directions between ID and every other node. */
void kz_cluster_isolate(struct kz_cluster *cluster, uint64_t id, bool isolated);
void kz_cluster_mend(struct kz_cluster *cluster);

/* Returns: a number below BOUND from the cluster's generator. */
uint64_t kz_cluster_random(struct kz_cluster *cluster, uint64_t bound);

#endif
