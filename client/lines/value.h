/* SPDX-License-Identifier: Apache-2.0 */
/* Values inside a line: each function reads VALUE, which the line calls NAME, by one form.
 * Returns: KZ_OK; else KZ_MALFORMED with one sentence made from the name, the value as it stands in
 * the line (cut when it is long), and what the form allows. The output is then untouched. */
#ifndef KZ_LINES_VALUE_H
#define KZ_LINES_VALUE_H

#include "statemachine/base/status.h"
#include "statemachine/record/record.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum kz_status kz_value_number(const char *name, const json_t *value, int64_t min, int64_t max,
                               int64_t *out_number, struct kz_error *error);
enum kz_status kz_value_bool(const char *name, const json_t *value, bool *out_bool,
                             struct kz_error *error);
enum kz_status kz_value_word(const char *name, const json_t *value, const struct kz_words *words,
                             uint8_t *out_number, struct kz_error *error);
enum kz_status kz_value_date(const char *name, const json_t *value, int32_t *out_date,
                             struct kz_error *error);
enum kz_status kz_value_hour(const char *name, const json_t *value, int32_t *out_minutes,
                             struct kz_error *error);

/* SIZE is KZ_ID_SIZE or KZ_HASH_SIZE; digits of either case. */
enum kz_status kz_value_hex(const char *name, const json_t *value, uint8_t *out_bytes, size_t size,
                            struct kz_error *error);

/* The text lives as long as VALUE. An address is printable besides, and shorter. */
enum kz_status kz_value_text(const char *name, const json_t *value, struct kz_text *out_text,
                             struct kz_error *error);
enum kz_status kz_value_address(const char *name, const json_t *value, struct kz_text *out_text,
                                struct kz_error *error);

/* Fill ERROR and return KZ_MALFORMED: VALUE is not what is ALLOWED; it is not there; the line has a
 * key that an entry of TYPE has not. */
enum kz_status kz_value_fail(const char *name, const json_t *value, const char *allowed,
                             struct kz_error *error);
enum kz_status kz_value_fail_missing(const char *name, struct kz_error *error);
enum kz_status kz_value_fail_unknown(const char *key, enum kz_entry_type type,
                                     struct kz_error *error);

#endif
