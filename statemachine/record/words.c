/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/record/words.h"

#define WORDS(spellings)                                      \
    {                                                         \
        spellings, sizeof(spellings) / sizeof((spellings)[0]) \
    }

static const char *const entry_types[KZ_ENTRY_TYPE_END] = {
    [KZ_TERRITORY] = "territory",   [KZ_POLICY] = "policy",
    [KZ_CALENDAR] = "calendar",     [KZ_KINDERGARTEN] = "kindergarten",
    [KZ_ACTOR] = "actor",           [KZ_APPLICATION] = "application",
    [KZ_RECLASSIFY] = "reclassify", [KZ_CORRECT] = "correct",
    [KZ_WITHDRAW] = "withdraw",     [KZ_REINSTATE] = "reinstate",
    [KZ_CLAIM] = "claim",           [KZ_DECLINE] = "decline",
    [KZ_READY] = "ready",           [KZ_VACANCY] = "vacancy",
    [KZ_RETRACT] = "retract",       [KZ_ENROL] = "enrol",
    [KZ_PUBLISH] = "publish",       [KZ_MORNING] = "morning",
    [KZ_GRANT] = "grant",           [KZ_MEMBERSHIP] = "membership",
    [KZ_BARRIER] = "barrier",       [KZ_DIGEST] = "digest",
    [KZ_VERSION_ENTRY] = "version",
};

static const char *const results[KZ_RESULT_END] = {
    [KZ_RESULT_OK] = "ok",
    [KZ_RESULT_REPEATED] = "repeated",
    [KZ_RESULT_CONFLICT] = "conflict",
    [KZ_RESULT_NOT_ALLOWED] = "not_allowed",
    [KZ_RESULT_UNKNOWN_TERRITORY] = "unknown_territory",
    [KZ_RESULT_UNKNOWN_KINDERGARTEN] = "unknown_kindergarten",
    [KZ_RESULT_UNKNOWN_APPLICATION] = "unknown_application",
    [KZ_RESULT_INVALID] = "invalid",
    [KZ_RESULT_WRONG_STATE] = "wrong_state",
    [KZ_RESULT_DUPLICATE] = "duplicate",
    [KZ_RESULT_WRONG_TERRITORY] = "wrong_territory",
    [KZ_RESULT_CLOSED] = "closed",
    [KZ_RESULT_NO_ACCESS] = "no_access",
    [KZ_RESULT_NO_PLACE] = "no_place",
    [KZ_RESULT_NOT_DUE] = "not_due",
    [KZ_RESULT_NOT_NEXT] = "not_next",
};

static const char *const kinds[KZ_KIND_END] = {
    [KZ_ORDINARY] = "ordinary",
    [KZ_CORRECTIONAL] = "correctional",
};

static const char *const categories[KZ_CATEGORY_END] = {
    [KZ_OUT_OF_TURN] = "out_of_turn",
    [KZ_FIRST_PRIORITY] = "first_priority",
    [KZ_GENERAL] = "general",
};

static const char *const application_states[KZ_APPLICATION_STATE_END] = {
    [KZ_WAITING] = "waiting",     [KZ_CALLED] = "called", [KZ_RESTING] = "resting",
    [KZ_REFERRED] = "referred",   [KZ_PAUSED] = "paused", [KZ_ENROLLED] = "enrolled",
    [KZ_WITHDRAWN] = "withdrawn",
};

static const char *const access_units[KZ_ACCESS_UNIT_END] = {
    [KZ_WORKING] = "working",
    [KZ_CALENDAR_DAYS] = "calendar",
};

static const char *const roles[KZ_ROLE_END] = {
    [KZ_ROLE_NONE] = "none",    [KZ_ADMINISTRATOR] = "administrator",
    [KZ_CLERK] = "clerk",       [KZ_ROLE_KINDERGARTEN] = "kindergarten",
    [KZ_PORTAL] = "portal",     [KZ_AUDITOR] = "auditor",
    [KZ_OPERATOR] = "operator",
};

static const char *const member_roles[KZ_MEMBER_ROLE_END] = {
    [KZ_STANDBY] = "standby",
    [KZ_VOTER] = "voter",
    [KZ_SPARE] = "spare",
};

const struct kz_words kz_entry_type_words = WORDS(entry_types);
const struct kz_words kz_result_words = WORDS(results);
const struct kz_words kz_kind_words = WORDS(kinds);
const struct kz_words kz_category_words = WORDS(categories);
const struct kz_words kz_application_state_words = WORDS(application_states);
const struct kz_words kz_access_unit_words = WORDS(access_units);
const struct kz_words kz_role_words = WORDS(roles);
const struct kz_words kz_member_role_words = WORDS(member_roles);

bool kz_word_exists(const struct kz_words *words, unsigned number)
{
    return number < words->count && words->words[number] != NULL;
}

const char *kz_word(const struct kz_words *words, unsigned number)
{
    return kz_word_exists(words, number) ? words->words[number] : "?";
}

static bool is_spelled(const char *word, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (word[i] == '\0' || word[i] != text[i]) return false;
    }
    return word[size] == '\0';
}

bool kz_word_find(const struct kz_words *words, const char *text, size_t size, uint8_t *out_number)
{
    for (uint8_t number = 0; number < words->count; number++) {
        if (words->words[number] != NULL && is_spelled(words->words[number], text, size)) {
            *out_number = number;
            return true;
        }
    }
    return false;
}
