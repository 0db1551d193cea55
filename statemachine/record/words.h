/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the rules as numbers, and their spelling (RULES.md).
 * The numbers stand in ledgers and on wires: they are never reused and never change. */
#ifndef KZ_WORDS_H
#define KZ_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kz_entry_type {
    KZ_TERRITORY = 1,
    KZ_POLICY = 2,
    KZ_CALENDAR = 3,
    KZ_KINDERGARTEN = 4,
    KZ_ACTOR = 5,
    KZ_APPLICATION = 6,
    KZ_RECLASSIFY = 7,
    KZ_CORRECT = 8,
    KZ_WITHDRAW = 9,
    KZ_REINSTATE = 10,
    KZ_CLAIM = 11,
    KZ_DECLINE = 12,
    KZ_READY = 13,
    KZ_VACANCY = 14,
    KZ_RETRACT = 15,
    KZ_ENROL = 16,
    KZ_PUBLISH = 17,
    KZ_MORNING = 18,
    KZ_GRANT = 19,
    KZ_MEMBERSHIP = 20,
    KZ_BARRIER = 21,
    KZ_DIGEST = 22,
    KZ_VERSION_ENTRY = 23,
    KZ_ENTRY_TYPE_END,
};

/* In the order in which they are looked for (RULES.md, Results), after `ok`. */
enum kz_result {
    KZ_RESULT_OK = 0,
    KZ_RESULT_REPEATED = 1,
    KZ_RESULT_CONFLICT = 2,
    KZ_RESULT_NOT_ALLOWED = 3,
    KZ_RESULT_UNKNOWN_TERRITORY = 4,
    KZ_RESULT_UNKNOWN_KINDERGARTEN = 5,
    KZ_RESULT_UNKNOWN_APPLICATION = 6,
    KZ_RESULT_INVALID = 7,
    KZ_RESULT_WRONG_STATE = 8,
    KZ_RESULT_DUPLICATE = 9,
    KZ_RESULT_WRONG_TERRITORY = 10,
    KZ_RESULT_CLOSED = 11,
    KZ_RESULT_NO_ACCESS = 12,
    KZ_RESULT_NO_PLACE = 13,
    KZ_RESULT_NOT_DUE = 14,
    KZ_RESULT_NOT_NEXT = 15,
    KZ_RESULT_END,
    KZ_RESULT_NONE = 255, /* stored beside an entry that is not applied yet */
};

enum kz_kind { KZ_ORDINARY = 0, KZ_CORRECTIONAL = 1, KZ_KIND_END };

enum kz_category { KZ_OUT_OF_TURN = 0, KZ_FIRST_PRIORITY = 1, KZ_GENERAL = 2, KZ_CATEGORY_END };

enum kz_application_state {
    KZ_WAITING = 0,
    KZ_CALLED = 1,
    KZ_RESTING = 2,
    KZ_REFERRED = 3,
    KZ_PAUSED = 4,
    KZ_ENROLLED = 5,
    KZ_WITHDRAWN = 6,
    KZ_APPLICATION_STATE_END,
};

enum kz_access_unit { KZ_WORKING = 0, KZ_CALENDAR_DAYS = 1, KZ_ACCESS_UNIT_END };

enum kz_role {
    KZ_ROLE_NONE = 0,
    KZ_ADMINISTRATOR = 1,
    KZ_CLERK = 2,
    KZ_ROLE_KINDERGARTEN = 3,
    KZ_PORTAL = 4,
    KZ_AUDITOR = 5,
    KZ_OPERATOR = 6,
    KZ_ROLE_END,
};

/* A member's part in the cluster. */
enum kz_member_role { KZ_STANDBY = 0, KZ_VOTER = 1, KZ_SPARE = 2, KZ_MEMBER_ROLE_END };

/* One vocabulary: words[number] is the spelling, NULL for a number without one. */
struct kz_words {
    const char *const *words;
    uint8_t count;
};

extern const struct kz_words kz_entry_type_words;
extern const struct kz_words kz_result_words;
extern const struct kz_words kz_kind_words;
extern const struct kz_words kz_category_words;
extern const struct kz_words kz_application_state_words;
extern const struct kz_words kz_access_unit_words;
extern const struct kz_words kz_role_words;
extern const struct kz_words kz_member_role_words;

/* Returns: whether NUMBER has a spelling. */
bool kz_word_exists(const struct kz_words *words, unsigned number);

/* Returns: the spelling of NUMBER, "?" for a number without one. */
const char *kz_word(const struct kz_words *words, unsigned number);

/* Finds the number of the SIZE bytes at TEXT. Returns: whether there is one; else OUT_NUMBER is
 * untouched. */
bool kz_word_find(const struct kz_words *words, const char *text, size_t size, uint8_t *out_number);

#endif
