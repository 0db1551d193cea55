/* SPDX-License-Identifier: Apache-2.0 */
/* The client's parts, inside the library: one connection (client.c), which node it is made to
 * (endpoints.c), whether that node is alive (liveness.c), commands in flight (commands.c, in
 * batches.c), questions in flight (questions.c, their answers in contents.c), changes of the
 * members in flight (changes.c), the watch (watch.c).
 *
 * Invariants:
 * 1. Every callback is called exactly once, never from the call that asked.
 * 2. A command is sent again only with the same record, so with the same request id.
 * 3. `sent` is set before a byte of a command can have left, and becomes `uncertain` when the
 *    connection ends: only a command with neither may end as KEZEK_UNAVAILABLE ("nothing was
 *    appended").
 * 4. The list of batches is in the order of asking, and what is sent again keeps its place: nothing
 *    overtakes a command that no node would take at the moment.
 * 5. `outstanding` is the number of frames sent on the present connection that were not answered.
 */
#ifndef KZ_CLIENT_H
#define KZ_CLIENT_H

#include "client/lib/buffer.h"
#include "client/wire/messages.h"

#include <kezek/kezek.h>

#define ENDPOINTS_MAX     16
#define ADDRESS_TEXT_SIZE KEZEK_ADDRESS_SIZE
#define RETRY_MS          50 /* when the node does not say */

enum phase {
    PHASE_IDLE,       /* no connection; one is wanted at `connect_at_ms` */
    PHASE_CONNECTING, /* the I/O was told to connect */
    PHASE_GREETING,   /* HELLO is sent */
    PHASE_READY,      /* WELCOME came */
    PHASE_CLOSING,    /* the I/O is to be told, or was told, to close */
};

/* Commands that travel in one SUBMIT. */
struct batch {
    struct batch *next;
    uint64_t tag;
    uint64_t begun_ms; /* new commands join for a short time from here */
    uint64_t deadline_ms;
    uint64_t not_before_ms;
    bool holds;     /* while it waits to be sent again, what was asked later waits too */
    bool sent;      /* on the present connection */
    bool uncertain; /* sent on an earlier connection, and not answered: perhaps appended */
    uint8_t reason; /* why it was not appended so far: enum kz_reason */
    uint16_t count;
    struct kz_buffer records; /* u16 size and record, one behind the other */
    struct waiter {
        kezek_outcome_callback callback; /* NULL: answered already */
        void *data;
    } waiters[KZ_COMMANDS_MAX];
};

struct question {
    struct question *next;
    uint64_t tag;
    uint64_t deadline_ms;
    uint64_t not_before_ms;
    bool sent;
    uint8_t what;
    uint8_t reason;
    uint32_t count; /* how many numbers were asked for */
    kezek_answer_callback callback;
    void *data;
    size_t frame_size;
    uint8_t frame[]; /* sealed */
};

struct watch {
    bool on;
    bool sent;
    uint64_t next_index;
    kezek_entries_callback callback;
    void *data;
};

struct kezek_client {
    char endpoints[ENDPOINTS_MAX][ADDRESS_TEXT_SIZE];
    unsigned endpoint_count;
    unsigned endpoint; /* the next to try */
    uint8_t cluster[KZ_ID_SIZE];
    uint32_t timeout_ms;
    bool any_node;
    uint64_t random[2];

    enum phase phase;
    bool close_told;
    char address[ADDRESS_TEXT_SIZE];  /* of the present or next connection */
    char redirect[ADDRESS_TEXT_SIZE]; /* of the leader, when the node named it; else empty */
    uint64_t node;                    /* who we speak with */
    uint64_t leader;                  /* as that node knows it */
    uint64_t connect_at_ms;
    uint64_t connect_deadline_ms;
    uint64_t leaderless_since_ms; /* the node knows no leader since then */
    uint64_t quiet_since_ms;      /* nothing came since then */
    uint64_t ping_tag;            /* of the ping under way; 0: none */
    uint32_t outstanding;
    bool flowing; /* the node has taken a command, so more than one SUBMIT may be under way */
    uint64_t redirected_ms;             /* when a redirect was last followed */
    unsigned failures;                  /* connections that failed one after the other */
    char trouble[160];                  /* the last connection's end, for people */
    char leaderless[ADDRESS_TEXT_SIZE]; /* who said last, since a leader was known, that it knows
                                           none; else empty */

    uint64_t now_ms; /* the latest time that the client was told */
    uint64_t next_tag;
    uint32_t waiting;
    struct kz_buffer input;
    struct kz_buffer output;

    struct batch *batches; /* in order of asking; the last may be open */
    struct batch *last_batch;
    struct batch *spare;
    struct question *questions;
    struct question *last_question;
    struct change *changes; /* in order of asking; changes.c */
    struct watch watch;
};

/* client.c */
void kz_client_advance(struct kezek_client *client, uint64_t now_ms);
uint64_t kz_client_random(struct kezek_client *client);
/* Gives the connection up: the I/O is told to close it. */
void kz_client_close(struct kezek_client *client, const char *reason);
/* Returns: whether the node that we speak with will take commands, as far as we know. */
bool kz_client_speaks_with_leader(const struct kezek_client *client);
/* A frame was put into the output that the node has to answer; it was answered, or nobody waits for
 * it any more. */
void kz_client_sent(struct kezek_client *client);
void kz_client_settled(struct kezek_client *client);

/* endpoints.c */
/* Reads "host:port,…" into the client. */
enum kezek_code kz_endpoints_parse(struct kezek_client *client, const char *text,
                                   struct kezek_error *error);
/* Returns: whether the SIZE bytes at TEXT are HOST:PORT with a port from 1 to 65535. */
bool kz_endpoints_is_address(const char *text, size_t size);
/* Takes the next address to connect to: the leader's when a node named it. */
void kz_endpoints_next(struct kezek_client *client);
/* Notes where the leader is. Returns: false when TEXT is no address. */
bool kz_endpoints_redirect(struct kezek_client *client, struct kz_text text);
/* Decides when to connect again. */
void kz_endpoints_schedule(struct kezek_client *client);

/* liveness.c: gives up nodes that say nothing, or know no leader. */
void kz_liveness_begin(struct kezek_client *client);
void kz_liveness_check(struct kezek_client *client);
uint64_t kz_liveness_deadline(const struct kezek_client *client);

/* batches.c */
/* Takes memory for a batch that is in no list yet, with a tag of its own; NULL without memory. */
struct batch *kz_batches_take(struct kezek_client *client);
/* Puts BATCH behind PREVIOUS; before all others for NULL. */
void kz_batches_insert(struct kezek_client *client, struct batch *previous, struct batch *batch);
void kz_batches_unlink(struct kezek_client *client, struct batch *previous, struct batch *batch);
/* Keeps the memory of a batch that is in no list for kz_batches_take(). */
void kz_batches_keep(struct kezek_client *client, struct batch *batch);
void kz_batches_finish(struct kezek_client *client);
/* Returns: whether one more record of RECORD_SIZE bytes fits into its SUBMIT. */
bool kz_batches_has_room(const struct batch *batch, size_t record_size);
/* Returns: false without memory. */
bool kz_batches_add(struct batch *batch, const uint8_t *record, size_t size, struct waiter waiter);
/* Returns: a reader of its records, each behind its size. */
struct kz_reader kz_batches_records(const struct batch *batch);
/* Appends its SUBMIT to OUT. Returns: false without memory. */
bool kz_batches_encode(const struct batch *batch, struct kz_buffer *out);

/* commands.c */
void kz_commands_send(struct kezek_client *client);
void kz_commands_on_results(struct kezek_client *client, const struct kz_frame *frame);
void kz_commands_on_closed(struct kezek_client *client);
void kz_commands_expire(struct kezek_client *client);
uint64_t kz_commands_deadline(const struct kezek_client *client);
void kz_commands_finish(struct kezek_client *client);

/* questions.c */
void kz_questions_send(struct kezek_client *client);
void kz_questions_on_answer(struct kezek_client *client, const struct kz_frame *frame);
void kz_questions_on_closed(struct kezek_client *client);
void kz_questions_expire(struct kezek_client *client);
uint64_t kz_questions_deadline(const struct kezek_client *client);
void kz_questions_finish(struct kezek_client *client);

/* changes.c */
void kz_changes_send(struct kezek_client *client);
void kz_changes_on_changed(struct kezek_client *client, const struct kz_frame *frame);
void kz_changes_on_closed(struct kezek_client *client);
void kz_changes_expire(struct kezek_client *client);
uint64_t kz_changes_deadline(const struct kezek_client *client);
void kz_changes_finish(struct kezek_client *client);

/* watch.c */
void kz_watch_send(struct kezek_client *client);
void kz_watch_on_entries(struct kezek_client *client, const struct kz_frame *frame);

/* command.c: the record of a command, its time zero, with REQUEST when it has none of its own.
 * Returns: its size; 0 with ERROR filled when fields are missing. */
size_t kz_command_record(const struct kezek_command *command, const uint8_t request[KZ_ID_SIZE],
                         uint8_t *out, size_t capacity, struct kezek_error *error);

/* error.c */
enum kezek_code kz_fail(struct kezek_error *error, enum kezek_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
