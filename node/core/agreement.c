/* SPDX-License-Identifier: Apache-2.0 */
/* What the nodes have to agree on: their states (`digest` entries) and their rules (`version`
 * entries).
 *
 * Digests (log/digests.h says of which indexes):
 *   1. A node that applied such an index keeps its value; what came before is known from replays.
 *   2. Each voter reports the value of the next one due to all other voters, again on each new
 *      link and after each digest entry. So leaders come and go without anybody asking again, and
 *      every voter sees what the leader sees.
 *   3. A voter that a majority of the voters has reported another value against halts; when all
 *      reported and no value has a majority, all halt. Voters that are silent hinder nothing.
 *   4. The leader, which agrees with the majority or has halted, appends the value.
 *   5. Whoever applies the entry compares it with its own value, standbys and starting nodes too,
 *      and halts where they differ. (An entry about an index that is not kept is passed over.)
 *
 * Rules: hellos tell which version a build knows. When every member is linked to the leader and
 * knows more than what holds, the leader appends that version; whoever does not know the rules of
 * such an entry halts instead of applying it (applying.c).
 *
 * Invariants:
 * 1. Values are compared only when they are of one index and count results from the same index on:
 * then equal ledgers give equal values.
 * 2. Reports are judged before a step answers anything, own values a step after they were sent; a
 * node that halts by them leaves its links open, in silence, until its own report is delivered:
 * without a majority the others need it to halt too. */
#include "node/core/calls.h"

#include "statemachine/base/assert.h"

#include <string.h>

#define VERIFY_HINT                                                                           \
    "run kezek-audit verify on this node's directory: if it finds an entry bad, replace the " \
    "node; "                                                                                  \
    "if not, its memory or program failed: check the machine, then start it again"

struct kz_digests *kz_agreement_digests(const struct kz_core_options *options)
{
    uint32_t interval =
        options->digest_interval > 0 ? options->digest_interval : KZ_DIGEST_INTERVAL;
    struct kz_digests *digests = kz_digests_create(interval);
    if (digests == NULL) kz_panic(__FILE__, __LINE__, "no memory is left");
    return digests;
}

void kz_agreement_init(struct kz_core *core, struct kz_digests *digests)
{
    core->agreement = (struct kz_agreement){.digests = digests, .stale = true};
}

void kz_agreement_finish(struct kz_core *core)
{
    kz_digests_destroy(core->agreement.digests);
}

uint8_t kz_agreement_rules_known(void)
{
    uint32_t known = kz_rules_known();
    return known < UINT8_MAX ? (uint8_t)known : UINT8_MAX;
}

/* ---- Halting ---- */

/* A value in words: its state, and the beginning of the results' hash. */
struct words {
    char text[80];
};

static struct words words_of(const uint8_t state[static KZ_ID_SIZE],
                             const uint8_t results[static KZ_HASH_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    struct words words = {"state "};
    char *next = words.text + strlen(words.text);
    for (int i = 0; i < KZ_ID_SIZE; i++) {
        *next++ = digits[state[i] >> 4];
        *next++ = digits[state[i] & 15];
    }
    next = stpcpy(next, " results ");
    for (int i = 0; i < 8; i++) {
        *next++ = digits[results[i] >> 4];
        *next++ = digits[results[i] & 15];
    }
    return words;
}

static void halt_against(struct kz_core *core, const struct kz_digest_value *own,
                         const uint8_t state[static KZ_ID_SIZE],
                         const uint8_t results[static KZ_HASH_SIZE])
{
    kz_core_halt(
        core, KZ_CORRUPT,
        "at entry %llu this node has %s, and a majority of the voters has %s: " VERIFY_HINT,
        (unsigned long long)own->at, words_of(own->state, own->results).text,
        words_of(state, results).text);
}

/* ---- What is applied ---- */

/* Compares the digest entry INDEX with what this node has. Returns: false when it halted. */
static bool judge_entry(struct kz_core *core, uint64_t index, const struct kz_digest_fields *digest)
{
    struct kz_agreement *agreement = &core->agreement;
    struct kz_digest_value own;
    agreement->stale = true;
    switch (kz_digests_judge(agreement->digests, digest, &own)) {
    case KZ_DIGEST_RIGHT: agreement->judged = own; return true;
    case KZ_DIGEST_WRONG: halt_against(core, &own, digest->state, digest->results); return false;
    case KZ_DIGEST_UNKNOWN: break;
    }
    kz_core_notice(core, KZ_NOTICE_WARNING, "digest_not_compared entry=%llu at=%llu",
                   (unsigned long long)index, (unsigned long long)digest->at);
    return true;
}

bool kz_agreement_applied(struct kz_core *core, uint64_t index, const struct kz_entry *entry,
                          enum kz_result result)
{
    struct kz_digests *digests = core->agreement.digests;
    if (entry->type == KZ_DIGEST && !judge_entry(core, index, &entry->digest)) return false;
    core->agreement.look |= entry->type == KZ_MEMBERSHIP; /* other voters */
    if (!kz_digests_note(digests, index, result)) kz_panic(__FILE__, __LINE__, "no memory is left");
    if (!kz_digests_is_point(digests, index, entry->type, result)) return true;

    uint8_t state[KZ_ID_SIZE];
    kz_machine_digest(core->machine, state);
    kz_digests_note_point(digests, kz_machine_rules(core->machine), state);
    core->agreement.stale = true;
    return true;
}

/* ---- What is reported ---- */

static bool is_voter(const struct kz_core *core, uint64_t id)
{
    const struct kz_member *member = kz_members_find(kz_core_members(core), id);
    return member != NULL && member->role == KZ_VOTER;
}

/* Returns: what this node has where PEER reported something else; NULL when it did not, or this
 * node has nothing to compare it with. */
static const struct kz_digest_value *difference(const struct kz_core *core,
                                                const struct kz_peer *peer)
{
    const struct kz_digest_value *kept[] = {&core->agreement.own, &core->agreement.judged};
    for (int i = 0; i < 2 && peer->reported.at != 0; i++) {
        if (kz_digest_values_match(&peer->reported, kept[i]))
            return kz_digest_values_equal(&peer->reported, kept[i]) ? NULL : kept[i];
    }
    return NULL;
}

void kz_agreement_on_report(struct kz_core *core, struct kz_link_state *link, struct kz_peer *peer,
                            const struct kz_frame *frame)
{
    struct kz_digest_value reported;
    if (kz_peer_digest_report_decode(frame, &reported) != KZ_OK) {
        kz_peers_refuse(core, link, KZ_REFUSED_MALFORMED, "the digest report is malformed");
        return;
    }
    peer->reported = reported;
    core->agreement.look = true;
    const struct kz_digest_value *own = difference(core, peer);
    if (own == NULL) return;
    kz_core_notice(
        core, KZ_NOTICE_ERROR, "digest_differs at=%llu peer=%llu here=\"%s\" there=\"%s\"",
        (unsigned long long)reported.at, (unsigned long long)peer->id,
        words_of(own->state, own->results).text, words_of(reported.state, reported.results).text);
}

/* Sends our value to a voter that was not told it on this link. */
static void report_to(struct kz_core *core, struct kz_peer *peer)
{
    const struct kz_digest_value *own = &core->agreement.own;
    if (peer->dialed == NULL || !is_voter(core, peer->id)) return;
    if (peer->told_link == peer->dialed->number && kz_digest_values_equal(&peer->told, own)) return;

    uint8_t frame[KZ_PEER_SMALL_SIZE_MAX];
    struct kz_writer writer = kz_writer_init(frame, sizeof(frame));
    kz_peer_digest_report_encode(&writer, own);
    if (!kz_peers_send(core, peer->id, frame, kz_writer_size(&writer))) return;
    peer->told_link = peer->dialed->number;
    peer->told = *own;
}

void kz_agreement_run(struct kz_core *core)
{
    struct kz_agreement *agreement = &core->agreement;
    if (agreement->stale) {
        agreement->stale = false;
        agreement->agreed = false;
        agreement->look = kz_digests_next(agreement->digests, &agreement->own);
        if (!agreement->look) agreement->own.at = 0;
    }
    if (agreement->own.at == 0 || !is_voter(core, core->options.id)) return;
    for (uint32_t i = 0; i < core->peer_count; i++)
        report_to(core, &core->peers[i]);
}

/* ---- What the reports say ---- */

/* The voters' values that can be compared with this node's. */
struct tally {
    const struct kz_digest_value *values[KZ_MEMBERS_MAX];
    unsigned voters;
    unsigned reported;
};

static struct tally count_reports(struct kz_core *core)
{
    const struct kz_membership_fields *members = kz_core_members(core);
    struct tally tally = {.voters = 0};
    for (unsigned i = 0; i < members->count; i++) {
        if (members->members[i].role != KZ_VOTER) continue;
        tally.voters++;
        const struct kz_digest_value *value = &core->agreement.own;
        if (members->members[i].id != core->options.id) {
            const struct kz_peer *peer = kz_peers_find(core, members->members[i].id);
            if (peer == NULL || !kz_digest_values_match(&peer->reported, value)) continue;
            value = &peer->reported;
        }
        tally.values[tally.reported++] = value;
    }
    return tally;
}

/* Returns: the value that more than half of all voters reported, NULL for none. */
static const struct kz_digest_value *majority_of(const struct tally *tally)
{
    for (unsigned i = 0; i < tally->reported; i++) {
        unsigned equal = 0;
        for (unsigned j = 0; j < tally->reported; j++)
            equal += kz_digest_values_equal(tally->values[i], tally->values[j]);
        if (2 * equal > tally->voters) return tally->values[i];
    }
    return NULL;
}

void kz_agreement_judge(struct kz_core *core)
{
    struct kz_agreement *agreement = &core->agreement;
    if (!agreement->look) return;
    agreement->look = false;
    if (agreement->own.at == 0 || !is_voter(core, core->options.id)) return;

    struct tally tally = count_reports(core);
    const struct kz_digest_value *majority = majority_of(&tally);
    agreement->agreed = majority != NULL && kz_digest_values_equal(majority, &agreement->own);
    if (agreement->agreed) return;
    if (majority == NULL && tally.reported < tally.voters) return;
    kz_core_await_delivery(core);
    if (majority != NULL) {
        halt_against(core, &agreement->own, majority->state, majority->results);
    } else {
        kz_core_halt(core, KZ_CORRUPT,
                     "at entry %llu the %u voters have different states and none that a majority "
                     "has, this node %s: all stop; " VERIFY_HINT,
                     (unsigned long long)agreement->own.at, tally.voters,
                     words_of(agreement->own.state, agreement->own.results).text);
    }
}

/* ---- What is appended ---- */

/* Returns: the newest version of the rules that every member knows; 0 while not all are linked. */
static uint32_t common_rules(struct kz_core *core)
{
    const struct kz_membership_fields *members = kz_core_members(core);
    uint32_t common = kz_agreement_rules_known();
    for (unsigned i = 0; i < members->count; i++) {
        if (members->members[i].id == core->options.id) continue;
        const struct kz_peer *peer = kz_peers_find(core, members->members[i].id);
        if (peer == NULL || peer->accepted == NULL) return 0;
        if (peer->rules < common) common = peer->rules;
    }
    return common;
}

static bool is_in_flight(const struct kz_core *core)
{
    return core->agreement.appended_term == core->term &&
           core->agreement.appended_index > core->applied;
}

bool kz_agreement_due(struct kz_core *core, struct kz_entry *out_entry)
{
    const struct kz_agreement *agreement = &core->agreement;
    if (is_in_flight(core)) return false;

    struct kz_entry entry = {.type = KZ_DIGEST};
    if (agreement->agreed && !agreement->stale) {
        entry.digest.at = agreement->own.at;
        entry.digest.version = agreement->own.version;
        memcpy(entry.digest.state, agreement->own.state, KZ_ID_SIZE);
        memcpy(entry.digest.results, agreement->own.results, KZ_HASH_SIZE);
    } else {
        entry.type = KZ_VERSION_ENTRY;
        entry.version.rules = common_rules(core);
        if (entry.version.rules <= kz_machine_rules(core->machine)) return false;
    }
    *out_entry = entry;
    return true;
}

void kz_agreement_appended(struct kz_core *core, uint64_t index)
{
    core->agreement.appended_index = index;
    core->agreement.appended_term = core->term;
}

void kz_agreement_figures(const struct kz_core *core, struct kz_core_figures *out_figures)
{
    out_figures->digest_at = kz_digests_last(core->agreement.digests);
    out_figures->digests_due = kz_digests_points(core->agreement.digests);
    out_figures->digest_differs = 0;
    for (uint32_t i = 0; i < core->peer_count; i++)
        out_figures->digest_differs += difference(core, &core->peers[i]) != NULL;
    out_figures->rules = kz_machine_rules(core->machine);
    out_figures->rules_known = kz_rules_known();
}
