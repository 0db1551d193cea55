/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between a client and a node (client/PROTOCOL.md has the tables). Each is the body of
 * a frame; encoders append one whole frame to a writer, decoders take a body. All decoders are
 * strict and give KZ_MALFORMED for anything but exactly one message; what they point to stays
 * inside the body. */
#ifndef KZ_MESSAGES_H
#define KZ_MESSAGES_H

#include "client/wire/frame.h"
#include "statemachine/base/bytes.h"
#include "statemachine/record/record.h"

#include <stdbool.h>
#include <stdint.h>

enum kz_message_type {
    KZ_MESSAGE_HELLO = 1, /* client → node, first */
    KZ_MESSAGE_WELCOME =
        2, /* node → client, the answer to HELLO; again whenever the leader changes (tag 0) */
    KZ_MESSAGE_SUBMIT = 3,   /* client → node: commands to append */
    KZ_MESSAGE_RESULTS = 4,  /* node → client: one for each SUBMIT, an answer for each command */
    KZ_MESSAGE_QUERY = 5,    /* client → node: a question about the state */
    KZ_MESSAGE_ANSWER = 6,   /* node → client: one for each QUERY */
    KZ_MESSAGE_WATCH = 7,    /* client → node: send the applied entries from an index on */
    KZ_MESSAGE_ENTRIES = 8,  /* node → client: some of them, with their results */
    KZ_MESSAGE_GOODBYE = 9,  /* node → client: why the connection is closed now */
    KZ_MESSAGE_CHANGE = 10,  /* client → node: change the members or the leader (members.h) */
    KZ_MESSAGE_CHANGED = 11, /* node → client: one for each CHANGE */
};

#define KZ_COMMANDS_MAX 512  /* commands in one SUBMIT */
#define KZ_NUMBERS_MAX  4096 /* numbers in one QUERY or ANSWER */

struct kz_hello {
    uint8_t cluster[KZ_ID_SIZE]; /* zero: any */
};

struct kz_welcome {
    uint8_t cluster[KZ_ID_SIZE];
    uint64_t node;
    uint64_t leader;              /* 0: none known */
    struct kz_text leader_client; /* its client address, empty when unknown */
};

/* What became of one command. */
enum kz_answer_code {
    KZ_ANSWER_APPLIED = 0,  /* appended as entry `index`, with `result` */
    KZ_ANSWER_REPEATED = 1, /* repeats entry `index`, which had `result` */
    KZ_ANSWER_REFUSED =
        2, /* `result` (not_allowed, conflict) without an entry: nothing was appended */
    KZ_ANSWER_MALFORMED = 3, /* no record, or one that clients may not send; nothing was appended */
    KZ_ANSWER_NOT_LEADER = 4, /* nothing was appended; ask the leader (see WELCOME) */
    KZ_ANSWER_BUSY = 5, /* over a bound or the budget of refusals; nothing was appended; come back
                           in `retry_ms` */
    KZ_ANSWER_UNAVAILABLE =
        6, /* no leader, no trusted clock, no room on the disk: nothing was appended */
    KZ_ANSWER_UNKNOWN =
        7, /* perhaps appended: leadership was lost; ask again with the same request id */
    KZ_ANSWER_CODE_END,
};

struct kz_answer {
    uint8_t code;
    uint8_t result; /* enum kz_result, for APPLIED, REPEATED and REFUSED */
    uint8_t reason; /* enum kz_reason, for UNAVAILABLE, MALFORMED and BUSY */
    uint32_t retry_ms;
    uint64_t index;
    int64_t time; /* of entry `index` (APPLIED), else 0 */
};

/* Why, in a number that clients turn into a sentence. */
enum kz_reason {
    KZ_REASON_NONE = 0,
    KZ_REASON_NO_LEADER,
    KZ_REASON_CLOCK, /* no majority of voters agrees on the time */
    KZ_REASON_DISK_FULL,
    KZ_REASON_STARTING,    /* replaying, or no entry of its term applied yet */
    KZ_REASON_LEDGER_FULL, /* near 2^32 entries */
    KZ_REASON_BUDGET,      /* too many refused entries by this actor in the last minute */
    KZ_REASON_PENDING,     /* too many commands in flight */
    KZ_REASON_RECORD,      /* not exactly one record */
    KZ_REASON_TYPE,        /* a type that only the clock or the cluster writes */
    KZ_REASON_STOPPING,
    KZ_REASON_MEMBERS = 11,   /* the membership can not be changed so; a sentence says why */
    KZ_REASON_NO_MEMBER = 12, /* no member has that id */
    KZ_REASON_CHANGING = 13,  /* an earlier change is not committed yet */
    KZ_REASON_BEHIND = 14,    /* the node is not connected, or does not have the ledger yet */
    KZ_REASON_END,
};

/* Returns: a sentence for people: what it means and what to do. */
const char *kz_reason_text(uint8_t reason);

/* HELLO, WELCOME, GOODBYE */
void kz_hello_encode(struct kz_writer *writer, uint64_t tag, const struct kz_hello *hello);
enum kz_status kz_hello_decode(const struct kz_frame *frame, struct kz_hello *out_hello);
void kz_welcome_encode(struct kz_writer *writer, uint64_t tag, const struct kz_welcome *welcome);
enum kz_status kz_welcome_decode(const struct kz_frame *frame, struct kz_welcome *out_welcome);
void kz_goodbye_encode(struct kz_writer *writer, const char *sentence);
enum kz_status kz_goodbye_decode(const struct kz_frame *frame, struct kz_text *out_sentence);

/* SUBMIT: u16 count, u16 zero, then each command: u16 size, record (its time is 0: the leader
 * stamps it). */
struct kz_command_reader {
    struct kz_reader reader;
    uint16_t count;
    uint16_t taken;
};

/* Starts a frame; add commands; finish. One SUBMIT at a time on a writer. */
struct kz_submit_writer {
    struct kz_writer *writer;
    uint8_t *frame;
    uint16_t count;
};

void kz_submit_begin(struct kz_submit_writer *submit, struct kz_writer *writer);
/* Returns: false when the frame is full (KZ_COMMANDS_MAX, or its bound) and RECORD was not added.
 */
bool kz_submit_add(struct kz_submit_writer *submit, const uint8_t *record, size_t size);
void kz_submit_finish(struct kz_submit_writer *submit, uint64_t tag);

/* Checks the counts and that the sizes fill the body; records themselves are not decoded. */
enum kz_status kz_submit_decode(const struct kz_frame *frame, struct kz_command_reader *out_reader);
/* Returns: the next record, NULL at the end. */
const uint8_t *kz_command_next(struct kz_command_reader *reader, uint16_t *out_size);
/* Goes back to RECORD, which it gave as its TAKEN-th (from 0): the next one again. */
void kz_command_rewind(struct kz_command_reader *reader, const uint8_t *record, uint16_t taken);

/* RESULTS: u16 count, u16 zero, then each answer: u8 code, u8 result, u8 reason, u8 zero, u32
 * retry_ms, u64 index, i64 time. */
void kz_results_encode(struct kz_writer *writer, uint64_t tag, const struct kz_answer *answers,
                       uint16_t count);
enum kz_status kz_results_decode(const struct kz_frame *frame, struct kz_answer *out_answers,
                                 uint16_t capacity, uint16_t *out_count);

/* QUERY: u8 what, u8 local, u16 zero, then by what. */
enum kz_query_what {
    KZ_QUERY_STATUS = 1,      /* nothing more */
    KZ_QUERY_APPLICATION = 2, /* u64 number */
    KZ_QUERY_POSITIONS = 3,   /* u16 count, then u64 numbers */
    KZ_QUERY_QUEUE = 4, /* u32 territory, u16 birth year, u8 kind, u8 zero, u32 first, u32 count */
    KZ_QUERY_BULLETINS = 5, /* u32 territory */
    KZ_QUERY_REQUEST = 6,   /* 16 bytes: a request id */
    KZ_QUERY_TERRITORY = 7, /* u32 number */
    KZ_QUERY_PLACES = 8,    /* u32 territory: its open and reported places by kindergarten */
    KZ_QUERY_MEMBERS = 9,   /* nothing more; its content stands in members.h */
    KZ_QUERY_END,
};

struct kz_query {
    uint8_t what;
    bool local;         /* answer at once from this node's state, with the index that it reflects */
    uint64_t number;    /* APPLICATION */
    uint32_t territory; /* QUEUE, BULLETINS, TERRITORY, PLACES */
    uint16_t birth_year;         /* QUEUE */
    uint8_t kind;                /* QUEUE */
    uint32_t first;              /* QUEUE: position from 1 */
    uint32_t count;              /* QUEUE, POSITIONS */
    uint8_t request[KZ_ID_SIZE]; /* REQUEST */
    const uint8_t *numbers;      /* POSITIONS: count little-endian u64 */
};

void kz_query_encode(struct kz_writer *writer, uint64_t tag, const struct kz_query *query);
enum kz_status kz_query_decode(const struct kz_frame *frame, struct kz_query *out_query);

/* ANSWER: u8 code (as of enum kz_answer_code: APPLIED for an answer, NOT_LEADER never), u8 what, u8
 * reason, u8 found, u32 retry_ms, u64 applied index, i64 its time, then the content, by what. */
struct kz_answer_header {
    uint8_t code;
    uint8_t what;
    uint8_t reason;
    bool found; /* false: unknown application, territory, request … (no content) */
    uint32_t retry_ms;
    uint64_t applied;
    int64_t time;
};

struct kz_status_content { /* STATUS */
    uint64_t node;
    uint64_t leader;
    uint64_t term;
    uint64_t last_index;
    uint64_t commit_index;
    uint64_t applied_index;
    uint64_t used_bytes; /* of the ledger on this node's disk */
    uint64_t waiting;    /* applications waiting */
    uint8_t role;        /* 0 follower, 1 candidate, 2 leader, 3 starting, 4 halted */
    uint8_t digest[KZ_ID_SIZE];
    uint8_t cluster[KZ_ID_SIZE];
};

struct kz_application_content { /* APPLICATION */
    uint64_t number;
    uint32_t territory;
    uint16_t birth_year;
    uint8_t kind;
    uint8_t category;
    uint8_t state;
    bool owed;
    bool by_grant;
    uint8_t unused;
    uint32_t position;
    uint32_t kindergarten;
    int64_t applied_at;
    uint64_t bulletin;
    uint64_t referral;
    int32_t last_day;
    uint8_t child[KZ_ID_SIZE];
};

struct kz_position_content { /* POSITIONS: one for each number asked */
    uint32_t position;
    uint8_t state; /* 255: no such application */
};

struct kz_queue_content { /* QUEUE; then the numbers in the order of calling */
    uint32_t owed, out_of_turn, first_priority, general;
    uint32_t cycle, calls_due, open_places;
    uint32_t count;
};

#define KZ_BULLETIN_CONTENT_SIZE 28 /* of one in the answer */
#define KZ_PLACES_CONTENT_SIZE   20

struct kz_bulletin_content { /* BULLETINS: u32 count, then each */
    uint64_t index;
    uint16_t birth_year;
    uint8_t kind;
    bool in_priority;
    int32_t last_day;
    uint32_t free_places, calls_due, grants;
};

struct kz_places_content { /* PLACES: u32 count, then each */
    uint32_t kindergarten;
    uint16_t birth_year;
    uint8_t kind;
    bool reported; /* else open (bulletin 0) or in a bulletin */
    uint64_t bulletin;
    uint32_t free_places;
};

struct kz_request_content { /* REQUEST */
    uint64_t index;
    uint8_t result;
};

struct kz_territory_content { /* TERRITORY; its name comes last */
    struct kz_territory_fields territory;
    struct kz_policy_fields policy;
};

/* An ANSWER is begun, its content written field by field with the writers below, then finished; it
 * is read the same way: the header, then the content until the reader is done. */
struct kz_answer_writer {
    struct kz_writer *writer;
    uint8_t *frame;
};

void kz_answer_begin(struct kz_answer_writer *answer, struct kz_writer *writer,
                     const struct kz_answer_header *header);
void kz_answer_finish(struct kz_answer_writer *answer, uint64_t tag);
enum kz_status kz_answer_decode(const struct kz_frame *frame, struct kz_answer_header *out_header,
                                struct kz_reader *out_content);

void kz_status_content_write(struct kz_writer *writer, const struct kz_status_content *content);
void kz_status_content_read(struct kz_reader *reader, struct kz_status_content *out);
void kz_application_content_write(struct kz_writer *writer,
                                  const struct kz_application_content *content);
void kz_application_content_read(struct kz_reader *reader, struct kz_application_content *out);
void kz_position_content_write(struct kz_writer *writer, const struct kz_position_content *content);
void kz_position_content_read(struct kz_reader *reader, struct kz_position_content *out);
void kz_queue_content_write(struct kz_writer *writer, const struct kz_queue_content *content);
void kz_queue_content_read(struct kz_reader *reader, struct kz_queue_content *out);
void kz_bulletin_content_write(struct kz_writer *writer, const struct kz_bulletin_content *content);
void kz_bulletin_content_read(struct kz_reader *reader, struct kz_bulletin_content *out);
void kz_places_content_write(struct kz_writer *writer, const struct kz_places_content *content);
void kz_places_content_read(struct kz_reader *reader, struct kz_places_content *out);
void kz_request_content_write(struct kz_writer *writer, const struct kz_request_content *content);
void kz_request_content_read(struct kz_reader *reader, struct kz_request_content *out);
void kz_territory_content_write(struct kz_writer *writer,
                                const struct kz_territory_content *content);
void kz_territory_content_read(struct kz_reader *reader, struct kz_territory_content *out);

/* WATCH: u64 first index. ENTRIES: u64 first index, u32 count, u32 zero, then each: u64 term, u8
 * result, u8 zero, u16 size, record. An ENTRIES without entries says: all applied ones were sent,
 * up to first index − 1. */
struct kz_entries_reader {
    struct kz_reader reader;
    uint64_t first_index;
    uint32_t count;
    uint32_t taken;
};

struct kz_entries_writer {
    struct kz_writer *writer;
    uint8_t *frame;
    uint32_t count;
};

void kz_watch_encode(struct kz_writer *writer, uint64_t tag, uint64_t first_index);
enum kz_status kz_watch_decode(const struct kz_frame *frame, uint64_t *out_first_index);
void kz_entries_begin(struct kz_entries_writer *entries, struct kz_writer *writer,
                      uint64_t first_index);
/* Returns: false when the frame is full and the entry was not added. */
bool kz_entries_add(struct kz_entries_writer *entries, uint64_t term, uint8_t result,
                    const uint8_t *record, size_t size);
void kz_entries_finish(struct kz_entries_writer *entries, uint64_t tag);
enum kz_status kz_entries_decode(const struct kz_frame *frame,
                                 struct kz_entries_reader *out_reader);
/* Returns: the next record, NULL at the end or (then the reader has failed) on malformed bytes. */
const uint8_t *kz_entries_next(struct kz_entries_reader *reader, uint64_t *out_term,
                               uint8_t *out_result, uint16_t *out_size);

#endif
