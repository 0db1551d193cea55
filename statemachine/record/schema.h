/* SPDX-License-Identifier: Apache-2.0 */
/* The table of every entry type's fields: the record codec, the JSON lines, the command line's
 * options and FORMAT.md's tables all follow from it, so a field is described once. */
#ifndef KZ_SCHEMA_H
#define KZ_SCHEMA_H

#include "statemachine/record/record.h"

#include <stddef.h>
#include <stdint.h>

enum kz_field_form {
    KZ_FORM_U16,
    KZ_FORM_U32,
    KZ_FORM_U64,
    KZ_FORM_I32,
    KZ_FORM_BOOL,    /* u8: 0 or 1; true or false */
    KZ_FORM_WORD,    /* u8: a number of `words`; its spelling */
    KZ_FORM_DATE,    /* i32: days since 1970; "2026-11-23" */
    KZ_FORM_HOUR,    /* i32: minutes since midnight; "18:00" */
    KZ_FORM_TIME,    /* i64: milliseconds since 1970 UTC; a number. Optional: flag bit 0 */
    KZ_FORM_ID,      /* 16 bytes; 32 hex digits */
    KZ_FORM_HASH,    /* 32 bytes; 64 hex digits */
    KZ_FORM_TEXT,    /* u16 size and that many bytes of UTF-8; a string */
    KZ_FORM_MEMBERS, /* u8 count, then each: u64 id, u8 role, peer and client as texts with u8 size;
                        [{id, peer, client, role}] */
};

struct kz_field {
    const char *name; /* as in RULES.md's braces */
    enum kz_field_form form;
    uint16_t offset; /* of the member in struct kz_entry */
    const struct kz_words *words;
};

struct kz_schema {
    const struct kz_field *fields; /* in the order of RULES.md's braces */
    uint8_t count;
    uint16_t record_size; /* of the header and the fields of a fixed size */
    uint16_t entry_size;  /* of what the type uses of struct kz_entry */
};

/* Returns: how many bytes of a record a field of FORM takes; 0 for a text or a list. */
uint16_t kz_form_size(enum kz_field_form form);

/* Returns: the fields of TYPE, which is one of enum kz_entry_type. */
const struct kz_schema *kz_schema_of(enum kz_entry_type type);

#endif
