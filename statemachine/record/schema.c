/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/record/schema.h"

#include "statemachine/base/assert.h"

#define FIELD(name, form, member)                                     \
    {                                                                 \
        name, KZ_FORM_##form, offsetof(struct kz_entry, member), NULL \
    }
#define WORD(name, member, words)                                    \
    {                                                                \
        name, KZ_FORM_WORD, offsetof(struct kz_entry, member), words \
    }

static const struct kz_field territory[] = {
    FIELD("territory", U32, territory.territory),
    FIELD("name", TEXT, territory.name),
    FIELD("utc_offset_minutes", I32, territory.utc_offset_minutes),
};

static const struct kz_field policy[] = {
    FIELD("territory", U32, policy.territory),
    FIELD("evening", HOUR, policy.evening),
    FIELD("morning", HOUR, policy.morning),
    FIELD("first_priority", I32, policy.first_priority),
    FIELD("general", I32, policy.general),
    FIELD("access_days", I32, policy.access_days),
    WORD("access_unit", policy.access_unit, &kz_access_unit_words),
    FIELD("referral_days", I32, policy.referral_days),
    FIELD("stop_list_days", I32, policy.stop_list_days),
    FIELD("unused_limit", I32, policy.unused_limit),
    FIELD("register_closed", BOOL, policy.register_closed),
};

static const struct kz_field calendar[] = {
    FIELD("date", DATE, calendar.date),
    FIELD("working", BOOL, calendar.working),
};

static const struct kz_field kindergarten[] = {
    FIELD("kindergarten", U32, kindergarten.kindergarten),
    FIELD("territory", U32, kindergarten.territory),
    FIELD("name", TEXT, kindergarten.name),
    FIELD("open", BOOL, kindergarten.open),
};

static const struct kz_field actor[] = {
    FIELD("number", U32, actor_entry.number),
    WORD("role", actor_entry.role, &kz_role_words),
    FIELD("territory", U32, actor_entry.territory),
    FIELD("kindergarten", U32, actor_entry.kindergarten),
    FIELD("key_hash", HASH, actor_entry.key_hash),
};

static const struct kz_field application[] = {
    FIELD("territory", U32, application.territory),
    FIELD("birth_year", U16, application.birth_year),
    WORD("kind", application.kind, &kz_kind_words),
    WORD("category", application.category, &kz_category_words),
    FIELD("evidence", ID, application.evidence),
    FIELD("child", ID, application.child),
    FIELD("secret_hash", HASH, application.secret_hash),
    FIELD("applied_at", TIME, application.applied_at),
};

static const struct kz_field reclassify[] = {
    FIELD("application", U64, reclassify.application),
    WORD("category", reclassify.category, &kz_category_words),
    FIELD("evidence", ID, reclassify.evidence),
};

static const struct kz_field correct[] = {
    FIELD("application", U64, correct.application),
    FIELD("birth_year", U16, correct.birth_year),
    WORD("kind", correct.kind, &kz_kind_words),
};

static const struct kz_field application_only[] = {
    FIELD("application", U64, application_only.application),
};

static const struct kz_field claim[] = {
    FIELD("application", U64, claim.application),
    FIELD("kindergarten", U32, claim.kindergarten),
};

static const struct kz_field places[] = {
    FIELD("kindergarten", U32, places.kindergarten),
    FIELD("birth_year", U16, places.birth_year),
    WORD("kind", places.kind, &kz_kind_words),
    FIELD("places", I32, places.places),
};

static const struct kz_field clock[] = {
    FIELD("territory", U32, clock.territory),
    FIELD("date", DATE, clock.date),
};

static const struct kz_field grant[] = {
    FIELD("application", U64, grant.application),
    FIELD("bulletin", U64, grant.bulletin),
};

static const struct kz_field membership[] = {
    FIELD("members", MEMBERS, membership),
};

static const struct kz_field digest[] = {
    FIELD("at", U64, digest.at),
    FIELD("version", U32, digest.version),
    FIELD("state", ID, digest.state),
    FIELD("results", HASH, digest.results),
};

static const struct kz_field version[] = {
    FIELD("rules", U32, version.rules),
};

/* FIELD_SIZE is the sum of the fields' sizes in a record, texts and lists not counted. */
#define SCHEMA(table, member, field_size)                                                        \
    {                                                                                            \
        .fields = (table), .count = sizeof(table) / sizeof((table)[0]),                          \
        .record_size = KZ_RECORD_HEADER_SIZE + (field_size),                                     \
        .entry_size = offsetof(struct kz_entry, member) + sizeof(((struct kz_entry *)0)->member) \
    }

static const struct kz_schema schemas[KZ_ENTRY_TYPE_END] = {
    [KZ_TERRITORY] = SCHEMA(territory, territory, 8),
    [KZ_POLICY] = SCHEMA(policy, policy, 38),
    [KZ_CALENDAR] = SCHEMA(calendar, calendar, 5),
    [KZ_KINDERGARTEN] = SCHEMA(kindergarten, kindergarten, 9),
    [KZ_ACTOR] = SCHEMA(actor, actor_entry, 45),
    [KZ_APPLICATION] =
        SCHEMA(application, application, KZ_APPLICATION_SIZE - KZ_RECORD_HEADER_SIZE),
    [KZ_RECLASSIFY] = SCHEMA(reclassify, reclassify, 25),
    [KZ_CORRECT] = SCHEMA(correct, correct, 11),
    [KZ_WITHDRAW] = SCHEMA(application_only, application_only, 8),
    [KZ_REINSTATE] = SCHEMA(application_only, application_only, 8),
    [KZ_CLAIM] = SCHEMA(claim, claim, 12),
    [KZ_DECLINE] = SCHEMA(application_only, application_only, 8),
    [KZ_READY] = SCHEMA(application_only, application_only, 8),
    [KZ_VACANCY] = SCHEMA(places, places, 11),
    [KZ_RETRACT] = SCHEMA(places, places, 11),
    [KZ_ENROL] = SCHEMA(application_only, application_only, 8),
    [KZ_PUBLISH] = SCHEMA(clock, clock, 8),
    [KZ_MORNING] = SCHEMA(clock, clock, 8),
    [KZ_GRANT] = SCHEMA(grant, grant, 16),
    [KZ_MEMBERSHIP] = SCHEMA(membership, membership, 0),
    [KZ_BARRIER] = {.record_size = KZ_RECORD_HEADER_SIZE,
                    .entry_size = offsetof(struct kz_entry, territory)},
    [KZ_DIGEST] = SCHEMA(digest, digest, 60),
    [KZ_VERSION_ENTRY] = SCHEMA(version, version, 4),
};

const struct kz_schema *kz_schema_of(enum kz_entry_type type)
{
    KZ_ASSERT(kz_word_exists(&kz_entry_type_words, type));
    return &schemas[type];
}

uint16_t kz_form_size(enum kz_field_form form)
{
    switch (form) {
    case KZ_FORM_BOOL:
    case KZ_FORM_WORD: return 1;
    case KZ_FORM_U16: return 2;
    case KZ_FORM_U32:
    case KZ_FORM_I32:
    case KZ_FORM_DATE:
    case KZ_FORM_HOUR: return 4;
    case KZ_FORM_U64:
    case KZ_FORM_TIME: return 8;
    case KZ_FORM_ID: return KZ_ID_SIZE;
    case KZ_FORM_HASH: return KZ_HASH_SIZE;
    case KZ_FORM_TEXT:
    case KZ_FORM_MEMBERS: return 0;
    }
    return 0;
}
