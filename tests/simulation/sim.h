/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of cores in one process: a virtual clock in steps of a millisecond, connections that
 * keep their order, disks that take their time, clients. Everything follows from the seed.
 *
 * After each step the harness checks that nodes that applied the same index have the same digest,
 * and that stored results never run ahead of stored entries. */
#ifndef KZ_TEST_SIM_H
#define KZ_TEST_SIM_H

#include "client/wire/members.h"
#include "client/wire/messages.h"
#include "node/core/core.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define KZ_SIM_NODES_MAX 7
#define KZ_SIM_WALL_MS   INT64_C(1796101200000) /* of all clocks at virtual time 0 */

struct kz_sim_node;

struct kz_sim_options {
    uint64_t seed;
    unsigned nodes;       /* ids 1 … nodes */
    unsigned founders;    /* ids 1 … founders found the cluster, the others join; 0: all found */
    unsigned latency_ms;  /* of a message: 1 … this */
    unsigned disk_ms;     /* of a write or a load: 1 … this */
    uint32_t demo_rate;   /* 0: no demonstration clock */
    uint32_t pending_max; /* 0: the core's default */
    uint32_t refusals;    /* 0: the core's default */
    uint64_t entries_max; /* 0: the core's default */
    uint32_t digest_interval; /* 0: the core's default */
    size_t queued_max; /* bytes under way to a client; 0: what a watcher may be sent at once */
    int64_t accept_time;
    uint64_t image_every; /* 0: no images */
    uint64_t scrub_pass_ms;
    unsigned late_one_in; /* hostile: one in so many messages between nodes comes late, behind
                             others, or once more; 0: none */
    /* Called after each step of NODE, which may be down by then. */
    void (*after_step)(void *context, struct kz_sim_node *node);
    void *context;
    FILE *journal; /* what happens is told here, NULL: nowhere */
};

struct kz_sim_entry {
    uint64_t term;
    uint32_t size;
    uint8_t *record;
};

/* An image of a node's state, index 0: none. */
struct kz_sim_image {
    uint64_t index;
    uint64_t done_ms;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};
struct kz_sim_medium;

/* What survives a crash. */
struct kz_sim_disk {
    struct kz_identity identity;
    struct kz_vote vote;
    struct kz_sim_medium *medium; /* NULL: nothing was ever written */
    struct kz_log *log;           /* NULL: not open */
    struct kz_sim_entry *entries; /* what stands on the medium: index − 1 */
    uint64_t last;
    uint64_t capacity;
    uint8_t *results;
    uint64_t applied;
    struct kz_sim_image images[2]; /* the newest first */
    bool low;         /* writes are stored out of the room that is kept for a full disk */
    bool doubtful;    /* the list may differ from the medium, because a write failed */
    unsigned slow_ms; /* what a write or a load takes more */
    bool full;        /* writes fail with KZ_NO_SPACE until it is not */
    bool unreadable;  /* so do loads, with KZ_IO */
};

struct kz_sim_order; /* a write or a load under way */
struct kz_sim_message;
struct kz_sim_connection;

struct kz_sim_node {
    uint64_t id;
    struct kz_core *core; /* NULL: down */
    struct kz_sim_disk disk;
    struct kz_sim_order *orders; /* in order */
    struct kz_sim_image saving;
    void *area;                    /* of the image that the core was made of */
    uint64_t started_from;         /* its index, 0: none */
    struct kz_error image_refused; /* why its start refused the last image that it refused */
    struct kz_event *events;       /* for its next step */
    uint32_t event_count;
    uint32_t event_capacity;
    void **garbage; /* what the events point to, freed after the step */
    uint32_t garbage_count;
    uint32_t garbage_capacity;
    uint64_t wake_ms;
    uint32_t starts; /* how often it was started */
    uint64_t dial[KZ_SIM_NODES_MAX];
    uint32_t dial_count;
    int64_t clock_off_ms;     /* its wall clock's error */
    int32_t drift_ppm;        /* what its wall clock gains */
    uint64_t paused_until_ms; /* it is not stepped before */
    bool damaged;             /* the test changed its machine: its digests may differ */
    bool halted;
    bool stopping; /* it was told to stop */
    bool stopped;
    struct kz_error halt;
    char last_error[512]; /* the last notice of that level */
};

struct kz_sim {
    struct kz_sim_options options;
    void (*before_turn)(uint64_t id); /* node ID is made or stepped next; NULL: nobody asks */
    uint64_t now_ms;
    uint64_t random;
    uint64_t trace;
    kz_link next_link;
    struct kz_sim_node nodes[KZ_SIM_NODES_MAX + 1]; /* by id */
    int64_t nights_ms; /* that all wall clocks have gone ahead at once */
    bool cut[KZ_SIM_NODES_MAX + 1][KZ_SIM_NODES_MAX + 1];
    bool held[KZ_SIM_NODES_MAX + 1][KZ_SIM_NODES_MAX + 1]; /* one way: what is sent waits */
    struct kz_sim_connection *connections;
    uint8_t (*digests)[KZ_ID_SIZE]; /* by index, as the first node had it */
    uint64_t digests_capacity;
};

void kz_sim_init(struct kz_sim *sim, const struct kz_sim_options *options);
void kz_sim_finish(struct kz_sim *sim);

uint64_t kz_sim_random(struct kz_sim *sim, uint64_t below);

/* Nodes. All are down at first. The peer address of node I is "pI:1", the client address "cI:1". */
void kz_sim_start(struct kz_sim *sim, uint64_t id);
void kz_sim_start_all(struct kz_sim *sim); /* the founders */
/* The power goes: of the writes under way the first may have reached the disk, the others are lost.
 */
void kz_sim_crash(struct kz_sim *sim, uint64_t id);
void kz_sim_wipe(struct kz_sim *sim, uint64_t id); /* the disk of a node that is down */
void kz_sim_stop(struct kz_sim *sim, uint64_t id); /* SIGTERM */

/* Damages entry INDEX on a node's disk: its record, its leaf or both, or the block of results that
 * begins with it. */
void kz_sim_rot(struct kz_sim *sim, uint64_t id, uint64_t index, enum kz_damage damage);
/* Returns: whether something on its disk is damaged. */
bool kz_sim_is_rotten(struct kz_sim *sim, uint64_t id);

/* Breaks the connections between two nodes (or a node and all others) until healed. */
void kz_sim_cut(struct kz_sim *sim, uint64_t a, uint64_t b);
void kz_sim_join(struct kz_sim *sim, uint64_t a, uint64_t b);
void kz_sim_isolate(struct kz_sim *sim, uint64_t id);
void kz_sim_heal(struct kz_sim *sim);
/* Breaks a random connection; it is dialed again. */
void kz_sim_break_one(struct kz_sim *sim);

void kz_sim_run(struct kz_sim *sim, uint64_t ms);
/* Runs until a node leads and takes commands. Returns: its id; 0 after LIMIT_MS. */
uint64_t kz_sim_elect(struct kz_sim *sim, uint64_t limit_ms);
/* Returns: the leader of the highest term among the nodes that are up, 0: none. */
uint64_t kz_sim_leader(struct kz_sim *sim);
/* Runs until all nodes that are up applied the same index, and it is the last one of all. */
bool kz_sim_converge(struct kz_sim *sim, uint64_t limit_ms);
/* Returns: what NODE's wall clock shows; 0: one that is right. */
int64_t kz_sim_wall(const struct kz_sim *sim, uint64_t node);
struct kz_core_figures kz_sim_figures(const struct kz_sim *sim, uint64_t id);

/* Clients. */
struct kz_sim_client {
    struct kz_sim *sim;
    struct kz_sim_connection *connection; /* NULL: closed */
    uint64_t next_tag;
    uint8_t *inbox; /* whole frames, one behind the other */
    size_t inbox_size;
    size_t inbox_taken;
};

/* Connects and says hello. */
void kz_sim_connect(struct kz_sim *sim, struct kz_sim_client *client, uint64_t node);
void kz_sim_disconnect(struct kz_sim_client *client);
void kz_sim_send(struct kz_sim_client *client, const struct kz_writer *frames);
/* Submits one command. Returns: its tag. */
uint64_t kz_sim_submit(struct kz_sim_client *client, const struct kz_entry *entry);
uint64_t kz_sim_query(struct kz_sim_client *client, const struct kz_query *query);
uint64_t kz_sim_change(struct kz_sim_client *client, const struct kz_change *change);
/* Takes the next frame. Returns: false when there is none (yet). */
bool kz_sim_take_any(struct kz_sim_client *client, struct kz_frame *out_frame);
/* Takes the next frame of TYPE, dropping others. Returns: false when there is none (yet). */
bool kz_sim_take(struct kz_sim_client *client, uint8_t type, struct kz_frame *out_frame);
/* Runs until the answer to a SUBMIT of one command is there. Returns: false after LIMIT_MS. */
bool kz_sim_await(struct kz_sim_client *client, uint64_t tag, uint64_t limit_ms,
                  struct kz_answer *out_answer);

/* Submits ENTRY and waits for its answer, which has to come. */
struct kz_answer kz_sim_ask(struct kz_sim_client *client, const struct kz_entry *entry);
/* Runs until the answer to a query is there; its body stays in the inbox. */
bool kz_sim_await_answer(struct kz_sim_client *client, uint64_t tag, uint64_t limit_ms,
                         struct kz_answer_header *out_header, struct kz_reader *out_content);
/* Runs until the answer to a change is there; its sentence stays in the inbox. */
bool kz_sim_await_changed(struct kz_sim_client *client, uint64_t tag, uint64_t limit_ms,
                          struct kz_changed *out_changed);
/* Runs until the connection is closed. Returns: false after LIMIT_MS. */
bool kz_sim_await_close(struct kz_sim_client *client, uint64_t limit_ms);

/* Entries for tests. */
struct kz_entry kz_sim_territory(uint64_t request);
struct kz_entry kz_sim_application(uint64_t request, uint64_t child);
struct kz_entry kz_sim_actor(uint64_t request, uint32_t number, enum kz_role role);
void kz_sim_set_request(struct kz_entry *entry, uint64_t request);

#endif
