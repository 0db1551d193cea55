/* SPDX-License-Identifier: Apache-2.0 */
/* libkezek: the client library of Kezek, the ledger of the kindergarten queue.
 *
 * Three ways to use it, over the same core:
 *   - struct kezek_connection: blocking calls, for scripts and small programs (this header);
 *   - struct kezek_client: no I/O of its own; feed it bytes, take bytes from it, tell it the time
 *     (this header); for any event loop;
 *   - <kezek/kezek_uv.h>: the core bound to a libuv loop.
 *
 * The library has no global state, starts no thread and prints nothing. A handle is used by one
 * thread at a time. It finds the leader from any node's address, follows it when it changes, and
 * sends a command again with the same request id until it is answered or its time is over; the
 * cluster acts on a request id once. */
#ifndef KEZEK_H
#define KEZEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KEZEK_API __attribute__((visibility("default")))

#define KEZEK_ADDRESS_SIZE 68 /* of "host:port" with its closing zero */

/* What became of a command, a question or a call. Numbers never change. */
enum kezek_code {
    KEZEK_OK = 0, /* answered; for a command: the ledger has it and the rules' result is `ok` */
    KEZEK_REFUSED = 1,     /* answered; the rules refused it: see `result` */
    KEZEK_NOT_FOUND = 2,   /* a question about something that there is not */
    KEZEK_USAGE = 3,       /* the caller's mistake: nothing was sent */
    KEZEK_BUSY = 4,        /* over a bound of the node: nothing was appended; try again later */
    KEZEK_UNAVAILABLE = 5, /* no leader could be reached in time: nothing was appended */
    KEZEK_UNKNOWN = 6,  /* sent, and no answer in time: ask with KEZEK_ASK_REQUEST, or send it again
                           with the same request id */
    KEZEK_PROTOCOL = 7, /* the other side does not speak this protocol or this version */
    KEZEK_NO_MEMORY = 8,
    KEZEK_CLOSED = 9, /* the handle was destroyed while this was waiting */
};

struct kezek_error {
    enum kezek_code code;
    bool retry;        /* whether the same call may succeed later */
    uint32_t retry_ms; /* not before so many milliseconds */
    char text[256];    /* what happened, where, what to do */
};

/* ---- Commands: one entry to append ---- */

struct kezek_command;

/* Begins a command of TYPE: "application", "claim", … (RULES.md). NULL with ERROR filled when there
 * is no such type or clients may not write it. */
KEZEK_API struct kezek_command *kezek_command_create(const char *type, struct kezek_error *error);
KEZEK_API void kezek_command_destroy(struct kezek_command *command);

/* Sets the field NAME (RULES.md's name) from text: numbers in decimal, dates "2026-11-23", hours
 * "18:00", true or false, words as in the rules, hashes and ids in hex. Returns: KEZEK_OK or
 * KEZEK_USAGE. */
KEZEK_API enum kezek_code kezek_command_set(struct kezek_command *command, const char *name,
                                            const char *value, struct kezek_error *error);

/* The actor that asks (R30); 0 unless set. */
KEZEK_API void kezek_command_set_actor(struct kezek_command *command, uint32_t actor);

/* The request id (R29); a random one unless set. */
KEZEK_API void kezek_command_set_request(struct kezek_command *command, const uint8_t request[16]);

struct kezek_outcome {
    enum kezek_code code;
    const char *result; /* the rules' word ("ok", "no_place", …); NULL when there is none */
    bool repeated;  /* an earlier entry with this request id was found: index and result are its */
    uint64_t index; /* of the entry; 0 when there is none */
    int64_t time;   /* of the entry, milliseconds since 1970 UTC; 0 when not known */
    uint8_t request[16];
    bool retry;
    uint32_t retry_ms;
    char text[160]; /* for people, when code is neither KEZEK_OK nor KEZEK_REFUSED */
};

/* Writes COMMAND and what became of it as one line of an export, with a closing zero; what OUTCOME
 * does not tell (the term; the time of a repeated one) is left out. Returns: its size, 0 when it
 * does not fit or fields are missing. */
KEZEK_API size_t kezek_command_line(const struct kezek_command *command,
                                    const struct kezek_outcome *outcome, char *out,
                                    size_t capacity);

typedef void (*kezek_outcome_callback)(void *data, const struct kezek_outcome *outcome);

/* ---- Questions: views of the state ---- */

enum kezek_freshness {
    KEZEK_LINEARIZABLE = 0, /* as of some moment after the question was asked */
    KEZEK_LOCAL = 1,        /* as of the node's applied index */
};

/* The head of every answer. */
struct kezek_answer {
    enum kezek_code code;
    uint64_t applied; /* the ledger index that the answer reflects */
    int64_t time;     /* that entry's time */
    char text[160];
};

struct kezek_status {
    uint64_t node, leader, term, last_index, commit_index, applied_index, used_bytes, waiting;
    const char *role;
    uint8_t digest[16];
    uint8_t cluster[16];
};

struct kezek_application {
    uint64_t number;
    uint32_t territory;
    uint16_t birth_year;
    const char *kind, *category, *state;
    uint32_t position; /* from 1; 0 when not waiting */
    bool owed, by_grant;
    uint8_t unused;
    int64_t applied_at;
    uint64_t bulletin, referral;
    uint32_t kindergarten;
    int32_t last_day; /* days since 1970; 0: none */
    uint8_t child[16];
};

struct kezek_position {
    uint32_t position;
    const char *state; /* NULL: no such application */
};

struct kezek_queue {
    uint32_t owed, out_of_turn, first_priority, general, cycle, calls_due, open_places;
    uint32_t
        count; /* of `numbers`: applications in the order of calling, from the position asked for */
    const uint64_t *numbers;
};

struct kezek_bulletin {
    uint64_t index;
    uint16_t birth_year;
    const char *kind;
    bool in_priority;
    int32_t last_day;
    uint32_t free_places, calls_due, grants;
};

struct kezek_places {
    uint32_t kindergarten;
    uint16_t birth_year;
    const char *kind;
    const char *state; /* "reported", "published", "open" … by where the places are */
    uint64_t bulletin;
    uint32_t free_places;
};

struct kezek_territory {
    uint32_t territory;
    char name[1028];
    int32_t utc_offset_minutes;
    int32_t evening, morning; /* minutes since midnight */
    int32_t first_priority, general, access_days;
    const char *access_unit;
    int32_t referral_days, stop_list_days, unused_limit;
    bool register_closed;
};

struct kezek_member {
    uint64_t id;
    const char *role; /* "voter", "standby" */
    char peer[KEZEK_ADDRESS_SIZE];
    char client[KEZEK_ADDRESS_SIZE]; /* where it was last heard from, else as it was added */
    bool connected;                  /* to the node that answers, both ways */
    uint64_t match; /* entries up to it are known to be there; 0 unless the leader answers */
};

struct kezek_members {
    uint64_t node; /* who answers */
    uint64_t leader, term, last_index;
    uint32_t count;
    const struct kezek_member *members; /* in the order of joining */
};

/* One applied entry, as watching gives them: its record's bytes are those of log/FORMAT.md. */
struct kezek_entry {
    uint64_t index, term;
    const char *result;
    const uint8_t *record;
    size_t size;
};

/* ---- The core without I/O ---- */

struct kezek_client;

struct kezek_options {
    const char *endpoints; /* "host:port,host:port,…" */
    uint8_t cluster[16];   /* zero: any */
    uint32_t timeout_ms; /* for each command and question, from the call to the answer; 0: 10,000 */
    uint64_t seed[2];    /* random: request ids are drawn from it; zero: from the system */
    bool any_node;       /* stay with the first node that answers, leader or not */
};

KEZEK_API struct kezek_client *kezek_client_create(const struct kezek_options *options,
                                                   struct kezek_error *error);
/* Everything that still waits is answered with KEZEK_CLOSED first. */
KEZEK_API void kezek_client_destroy(struct kezek_client *client);

enum kezek_want {
    KEZEK_WANT_NOTHING,
    KEZEK_WANT_CONNECT, /* connect to the address, then call kezek_client_on_connected() */
    KEZEK_WANT_CLOSE,   /* close the connection, then call kezek_client_on_closed() */
};

/* What the I/O should do now; ask after every other call. OUT_ADDRESS: "host:port". */
KEZEK_API enum kezek_want kezek_client_want(struct kezek_client *client,
                                            char out_address[KEZEK_ADDRESS_SIZE]);
KEZEK_API void kezek_client_on_connected(struct kezek_client *client, uint64_t now_ms);
KEZEK_API void kezek_client_on_closed(struct kezek_client *client, uint64_t now_ms,
                                      const char *reason);
KEZEK_API void kezek_client_on_bytes(struct kezek_client *client, uint64_t now_ms,
                                     const uint8_t *bytes, size_t size);
/* Returns: how many bytes wait to be sent, at OUT_BYTES, valid until the next call. */
KEZEK_API size_t kezek_client_output(struct kezek_client *client, const uint8_t **out_bytes);
KEZEK_API void kezek_client_on_sent(struct kezek_client *client, size_t size);
/* Call kezek_client_on_tick() at or after the deadline (monotonic milliseconds; UINT64_MAX: none).
 */
KEZEK_API uint64_t kezek_client_deadline(const struct kezek_client *client);
KEZEK_API void kezek_client_on_tick(struct kezek_client *client, uint64_t now_ms);

/* Commands and questions may be asked at any time, in callbacks too; callbacks come from the on_…
 * calls, each exactly once. A callback must not destroy the client.
 *
 * Commands asked before the output is taken travel in one frame. They reach the ledger in the order
 * of asking, also across lost connections and new leaders. Two cases are left: one that a node was
 * too busy for (over a bound, or over the actor's budget of refusals) is overtaken while it waits;
 * and a node that would not take a command may take the next one, already under way, when it came
 * to lead again in between.
 *
 * Returns: KEZEK_OK, else nothing was begun and ERROR says why. */
KEZEK_API enum kezek_code kezek_client_submit(struct kezek_client *client, uint64_t now_ms,
                                              const struct kezek_command *command,
                                              kezek_outcome_callback callback, void *data,
                                              struct kezek_error *error);
/* The same for a record made elsewhere (log/FORMAT.md): its time is zero, its request id is not, as
 * it may be sent again. */
KEZEK_API enum kezek_code kezek_client_submit_record(struct kezek_client *client, uint64_t now_ms,
                                                     const uint8_t *record, size_t size,
                                                     kezek_outcome_callback callback, void *data,
                                                     struct kezek_error *error);

/* Draws a request id, for records made elsewhere. */
KEZEK_API void kezek_client_draw_request(struct kezek_client *client, uint8_t out_request[16]);

/* One question. WHAT says which member is filled and which callback content comes. */
struct kezek_question {
    enum {
        KEZEK_ASK_STATUS = 1,
        KEZEK_ASK_APPLICATION = 2, /* number */
        KEZEK_ASK_POSITIONS = 3,   /* numbers, count (at most 4,096) */
        KEZEK_ASK_QUEUE = 4,       /* territory, birth_year, kind, first, count (at most 4,096) */
        KEZEK_ASK_BULLETINS = 5,   /* territory */
        KEZEK_ASK_REQUEST = 6,     /* request: content is a struct kezek_outcome */
        KEZEK_ASK_TERRITORY = 7,   /* territory */
        KEZEK_ASK_PLACES = 8,      /* territory */
        KEZEK_ASK_MEMBERS = 9,
    } what;
    enum kezek_freshness freshness;
    uint64_t number;
    const uint64_t *numbers;
    uint32_t count;
    uint32_t territory;
    uint16_t birth_year;
    const char *kind;
    uint32_t first;
    uint8_t request[16];
};

/* CONTENT is NULL unless answer->code is KEZEK_OK; else COUNT items of the struct that belongs to
 * the question: kezek_status, kezek_application, kezek_position, kezek_queue, kezek_bulletin,
 * kezek_outcome, kezek_territory, kezek_places, kezek_members. Valid during the call only. */
typedef void (*kezek_answer_callback)(void *data, const struct kezek_answer *answer,
                                      const void *content, uint32_t count);

KEZEK_API enum kezek_code kezek_client_ask(struct kezek_client *client, uint64_t now_ms,
                                           const struct kezek_question *question,
                                           kezek_answer_callback callback, void *data,
                                           struct kezek_error *error);

/* What is wanted of one node. A change that holds already is done: it may be asked for again at any
 * time, and is, after a lost connection or a new leader. */
struct kezek_change {
    enum {
        KEZEK_MEMBER_ADD =
            1, /* it is a member: a standby, who is sent the ledger and has no vote */
        KEZEK_MEMBER_PROMOTE = 2, /* it votes; waits for it to have the ledger */
        KEZEK_MEMBER_REMOVE = 3,  /* it is no member; a leader hands over first */
        KEZEK_LEADER_MOVE = 4,    /* it leads */
    } what;
    uint64_t node;
    const char *peer, *client; /* ADD: its addresses, "host:port" */
    uint32_t actor;            /* who asks: an operator (R30) */
};

struct kezek_changed {
    enum kezek_code code; /* KEZEK_OK: it holds; KEZEK_NOT_FOUND: there is no such member */
    const char *result;   /* "not_allowed" when refused because of the actor, else NULL */
    uint64_t index;       /* of the membership entry that it holds since; 0 for LEADER_MOVE */
    uint64_t leader;      /* who leads now, 0: not known */
    bool retry;
    char text[256]; /* for people, when code is not KEZEK_OK */
};

typedef void (*kezek_changed_callback)(void *data, const struct kezek_changed *changed);

KEZEK_API enum kezek_code kezek_client_change(struct kezek_client *client, uint64_t now_ms,
                                              const struct kezek_change *change,
                                              kezek_changed_callback callback, void *data,
                                              struct kezek_error *error);

/* Every applied entry from FROM on (1 or more), in order, without a gap, across reconnections,
 * until the client is destroyed. COUNT 0: all applied so far was given (it goes on as entries
 * come). One watch a client. */
typedef void (*kezek_entries_callback)(void *data, const struct kezek_entry *entries,
                                       uint32_t count);
KEZEK_API enum kezek_code kezek_client_watch(struct kezek_client *client, uint64_t from,
                                             kezek_entries_callback callback, void *data,
                                             struct kezek_error *error);

/* Commands, questions and changes that wait for an answer. */
KEZEK_API uint32_t kezek_client_waiting(const struct kezek_client *client);

/* ---- Blocking ---- */

struct kezek_connection;

KEZEK_API struct kezek_connection *kezek_connect(const struct kezek_options *options,
                                                 struct kezek_error *error);
KEZEK_API void kezek_disconnect(struct kezek_connection *connection);
/* The core below, for pipelining: begin many with kezek_client_submit(…, kezek_now_ms(), …), then
 * wait. */
KEZEK_API struct kezek_client *kezek_connection_client(struct kezek_connection *connection);
KEZEK_API uint64_t kezek_now_ms(void);

/* Does I/O once: waits up to TIMEOUT_MS for something to do, and does it. What a program that
 * watches does over and over. */
KEZEK_API void kezek_connection_turn(struct kezek_connection *connection, uint32_t timeout_ms);

/* Does I/O until at most WAITING_MAX commands and questions wait, or TIMEOUT_MS has passed (0: no
 * bound). Returns: how many wait. */
KEZEK_API uint32_t kezek_connection_run(struct kezek_connection *connection, uint32_t waiting_max,
                                        uint32_t timeout_ms);

/* Appends one command and waits for what became of it. Returns: out_outcome->code. */
KEZEK_API enum kezek_code kezek_submit(struct kezek_connection *connection,
                                       const struct kezek_command *command,
                                       struct kezek_outcome *out_outcome);

/* Asks and waits; CALLBACK is called before it returns. Returns: the answer's code, or the call's
 * own failure. */
KEZEK_API enum kezek_code kezek_ask(struct kezek_connection *connection,
                                    const struct kezek_question *question,
                                    kezek_answer_callback callback, void *data,
                                    struct kezek_error *error);

/* Asks for a change and waits for what became of it. Returns: out_changed->code. */
KEZEK_API enum kezek_code kezek_change(struct kezek_connection *connection,
                                       const struct kezek_change *change,
                                       struct kezek_changed *out_changed);

KEZEK_API const char *kezek_version(void);

#ifdef __cplusplus
}
#endif

#endif
