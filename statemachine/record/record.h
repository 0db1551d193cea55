/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of the ledger: decoded (struct kz_entry) and as a record (the bytes that are stored,
 * sent, hashed as the Merkle leaf). log/FORMAT.md is the format's page.
 *
 * Every record begins with the same 32 bytes:
 *
 *   OFFSET SIZE FIELD
 *        0    1 version (1)
 *        1    1 type (enum kz_entry_type)
 *        2    2 flags: bit 0 = applied_at is there; the others zero
 *        4    8 time, milliseconds since 1970 UTC
 *       12   16 request id, zero: none
 *       28    4 actor, 0: the clock, the cluster or an import
 *       32    … the type's fields (schema.h): those of a fixed size in the order of RULES.md's
 *              braces, then its text or list
 *
 * Invariants:
 * 1. Decoding is strict: exactly one sequence of bytes for each entry (reserved bits zero, text is
 *    UTF-8, booleans 0 or 1, known words, nothing behind the last field).
 * 2. Decoding judges form alone. Ranges are the rules' (`invalid`), so a number field is as wide as
 *    what an import may carry: an i32 for counts, minutes and days. Form is what a line of JSON can
 *    spell (client/lines): a u64 is at most 2^63 − 1, dates are in the years 1 to 9999, hours from
 *    00:00 to 99:59, `time` is not negative.
 * 3. Index, term and result are no part of a record. */
#ifndef KZ_RECORD_H
#define KZ_RECORD_H

#include "statemachine/base/status.h"
#include "statemachine/record/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KZ_RECORD_VERSION     1
#define KZ_RECORD_HEADER_SIZE 32
#define KZ_APPLICATION_SIZE   112
#define KZ_ID_SIZE            16  /* request ids, children, evidence, digests */
#define KZ_HASH_SIZE          32  /* SHA-256 */
#define KZ_NAME_SIZE_MAX      120 /* what the rules accept; a record carries up to … */
#define KZ_TEXT_SIZE_MAX      1024
#define KZ_MEMBERS_MAX        16
#define KZ_ADDRESS_SIZE_MAX   64
#define KZ_RECORD_SIZE_MAX    4096

/* SIZE bytes of UTF-8 without a closing zero, inside the record (or whoever made the entry). */
struct kz_text {
    const char *bytes;
    uint16_t size;
};

/* Addresses are "HOST:PORT", empty when unknown. */
struct kz_member {
    uint64_t id;
    uint8_t role; /* enum kz_member_role */
    struct kz_text peer;
    struct kz_text client;
};

/* The fields of each type. Dates are days since 1970-01-01; hours are minutes since midnight. */
struct kz_territory_fields {
    uint32_t territory;
    struct kz_text name;
    int32_t utc_offset_minutes;
};

struct kz_policy_fields {
    uint32_t territory;
    int32_t evening;
    int32_t morning;
    int32_t first_priority;
    int32_t general;
    int32_t access_days;
    uint8_t access_unit;
    int32_t referral_days;
    int32_t stop_list_days;
    int32_t unused_limit;
    bool register_closed;
};

struct kz_calendar_fields {
    int32_t date;
    bool working;
};

struct kz_kindergarten_fields {
    uint32_t kindergarten;
    uint32_t territory;
    struct kz_text name;
    bool open;
};

struct kz_actor_fields {
    uint32_t number;
    uint8_t role;
    uint32_t territory;
    uint32_t kindergarten;
    uint8_t key_hash[KZ_HASH_SIZE];
};

struct kz_application_fields {
    uint32_t territory;
    uint16_t birth_year;
    uint8_t kind;
    uint8_t category;
    uint8_t evidence[KZ_ID_SIZE];
    uint8_t child[KZ_ID_SIZE];
    uint8_t secret_hash[KZ_HASH_SIZE];
    bool has_applied_at;
    int64_t applied_at; /* 0 without has_applied_at */
};

struct kz_reclassify_fields {
    uint64_t application;
    uint8_t category;
    uint8_t evidence[KZ_ID_SIZE];
};

struct kz_correct_fields {
    uint64_t application;
    uint16_t birth_year;
    uint8_t kind;
};

struct kz_application_only_fields { /* withdraw, reinstate, decline, ready, enrol */
    uint64_t application;
};

struct kz_claim_fields {
    uint64_t application;
    uint32_t kindergarten;
};

struct kz_places_fields { /* vacancy, retract */
    uint32_t kindergarten;
    uint16_t birth_year;
    uint8_t kind;
    int32_t places;
};

struct kz_clock_fields { /* publish, morning */
    uint32_t territory;
    int32_t date;
};

struct kz_grant_fields {
    uint64_t application;
    uint64_t bulletin;
};

struct kz_membership_fields {
    uint8_t count;
    struct kz_member members[KZ_MEMBERS_MAX];
};

struct kz_digest_fields {
    uint64_t at;
    uint32_t version;
    uint8_t state[KZ_ID_SIZE];
    uint8_t results[KZ_HASH_SIZE];
};

struct kz_version_fields {
    uint32_t rules;
};

struct kz_entry {
    enum kz_entry_type type;
    int64_t time;
    uint8_t request[KZ_ID_SIZE];
    uint32_t actor;
    uint32_t record_size;
    const uint8_t *record; /* that it was decoded from, valid as its texts are; NULL: none */
    union {
        struct kz_territory_fields territory;
        struct kz_policy_fields policy;
        struct kz_calendar_fields calendar;
        struct kz_kindergarten_fields kindergarten;
        struct kz_actor_fields actor_entry;
        struct kz_application_fields application;
        struct kz_reclassify_fields reclassify;
        struct kz_correct_fields correct;
        struct kz_application_only_fields application_only;
        struct kz_claim_fields claim;
        struct kz_places_fields places;
        struct kz_clock_fields clock;
        struct kz_grant_fields grant;
        struct kz_membership_fields membership;
        struct kz_digest_fields digest;
        struct kz_version_fields version;
    };
};

/* Encodes ENTRY into at most CAPACITY bytes at OUT.
 * Returns: the record's size; 0 when it does not fit or ENTRY has no record (an unknown type, a
 * text over KZ_TEXT_SIZE_MAX or not UTF-8, too many members). KZ_RECORD_SIZE_MAX always suffices.
 */
size_t kz_record_encode(const struct kz_entry *entry, uint8_t *out, size_t capacity);

/* Decodes the SIZE bytes at RECORD. Texts in OUT_ENTRY point into RECORD.
 * Returns: KZ_OK; KZ_NEWER for a version above KZ_RECORD_VERSION or an unknown type; KZ_MALFORMED
 * for anything else that is not exactly one record. OUT_ENTRY is untouched unless KZ_OK. */
enum kz_status kz_record_decode(const uint8_t *record, size_t size, struct kz_entry *out_entry);

/* Reads and writes the header of an encoded record without decoding it (RECORD has at least
 * KZ_RECORD_HEADER_SIZE bytes). */
enum kz_entry_type kz_record_type(const uint8_t *record);
int64_t kz_record_time(const uint8_t *record);
void kz_record_set_time(uint8_t *record, int64_t time);

/* Returns: whether any of the 16 bytes is not zero: a request id is there. */
bool kz_has_request(const uint8_t request[static KZ_ID_SIZE]);

/* Returns: whether the type is the clock's (publish, morning, grant) or the cluster's. */
bool kz_type_is_clock(enum kz_entry_type type);
bool kz_type_is_cluster(enum kz_entry_type type);

#endif
