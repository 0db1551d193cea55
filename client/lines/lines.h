/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of the ledger as one line of JSON: what an export writes, an import and `kezek load`
 * read, and `-o json` answers.
 *
 * Invariants:
 * 1. Every entry that has a record has exactly one line, and that line gives the entry back: an
 *    export, imported, exports the same bytes.
 * 2. Reading is strict: no unknown type, word or field, no missing field, no null, no number that
 *    does not fit. JSON's own freedom (spaces, escapes, the order of keys) is accepted.
 *
 * It knows the record's schema alone: neither the rules nor the order of a ledger's lines. */
#ifndef KZ_LINES_H
#define KZ_LINES_H

#include "statemachine/base/status.h"
#include "statemachine/record/schema.h"

#include <stddef.h>
#include <stdint.h>

struct json_t; /* of <jansson.h> */

#define KZ_LINE_SIZE_MAX       8192  /* of what is written, the closing zero included */
#define KZ_LINE_INPUT_SIZE_MAX 65536 /* of what is read */
#define KZ_LINE_TEXTS_SIZE     (2 * KZ_MEMBERS_MAX * KZ_ADDRESS_SIZE_MAX)

/* ---- Writing ---- */

/* Writes an entry's line and a closing zero, no newline:
 * {"index":…,"term":…,"time":…,"request":"…","actor":…,"type":"…", the fields, "result":"…"}
 * INDEX or TERM 0 and KZ_RESULT_NONE leave theirs out, as a zero request id does. `actor` is left
 * out where 0 is the only one allowed: in clock-driven and cluster entries. ENTRY has a record
 * (kz_record_encode).
 * Returns: the size without the zero. */
size_t kz_line_format(uint64_t index, uint64_t term, const struct kz_entry *entry,
                      enum kz_result result, char out[static KZ_LINE_SIZE_MAX]);

/* Writes the value of one of ENTRY's fields as JSON and a closing zero.
 * Returns: the size without the zero; 0 for an applied_at that is not there. */
size_t kz_line_format_value(const struct kz_entry *entry, const struct kz_field *field,
                            char out[static KZ_LINE_SIZE_MAX]);

/* ---- Reading ---- */

enum kz_line_mode {
    KZ_LINE_LEDGER,  /* `time` is required */
    KZ_LINE_COMMAND, /* `time` may be missing: 0 */
};

/* A line that was read. Not to be copied: the entry's texts point into `texts`. */
struct kz_line {
    uint64_t index; /* 0: none */
    uint64_t term;  /* 0: none */
    enum kz_result result;
    struct kz_entry entry;
    char texts[KZ_LINE_TEXTS_SIZE];
};

/* Reads the SIZE bytes at TEXT, with or without a newline at the end. `index`, `term`, `request`,
 * `actor`, `result` and a membership's `members` may be missing.
 * Returns: KZ_OK; KZ_MALFORMED with a sentence in ERROR (which may be NULL) that names the field
 * and what it may be, KZ_TOO_LARGE over KZ_LINE_INPUT_SIZE_MAX, KZ_NO_MEMORY; LINE then holds
 * nothing of use. */
enum kz_status kz_line_parse(const char *text, size_t size, enum kz_line_mode mode,
                             struct kz_line *line, struct kz_error *error);

/* The same from JSON that is parsed already (by a parser that refused duplicate keys). */
enum kz_status kz_line_from_json(const struct json_t *json, enum kz_line_mode mode,
                                 struct kz_line *line, struct kz_error *error);

#endif
