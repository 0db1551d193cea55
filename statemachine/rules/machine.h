/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine: one ledger entry in, one result out (RULES.md). It sees no clock, randomness,
 * float, address or I/O; two machines that applied the same entries are equal.
 *
 * Invariants:
 * 1. `applied` is the index of the last entry; entries come without a gap, in order of index.
 * 2. `time` never falls (R1).
 * 3. A refused entry changes nothing but what R29 remembers.
 * 4. The digest is the sum (modulo 2^128) of the hashes of all that the rules can see, kept up to
 *    date by each change; it is a function of that content, not of slots or of the way there. */
#ifndef KZ_MACHINE_H
#define KZ_MACHINE_H

#include "statemachine/base/allocator.h"
#include "statemachine/record/record.h"

#include <stdbool.h>
#include <stdint.h>

struct kz_machine;

/* SEED spreads the hash tables' keys (a node's own random number; no result depends on it). */
struct kz_machine *kz_machine_create(const struct kz_allocator *allocator, uint64_t seed);
void kz_machine_destroy(struct kz_machine *machine);

/* What an entry did. For `repeated`, FIRST_INDEX and FIRST_RESULT are those of the entry that it
 * repeats; else they are its own. */
struct kz_outcome {
    enum kz_result result;
    enum kz_result first_result;
    uint64_t first_index;
};

/* Applies the ledger's entry INDEX (= applied + 1).
 * Returns: KZ_OK; KZ_CORRUPT when INDEX is not the next one, the time is before the previous
 * entry's, or INDEX is past 2^32 − 2; KZ_NEWER for a `version` entry of rules that this build does
 * not know (the machine is then unchanged). O(log n) but for a morning, a publish and the closing
 * of a kindergarten, which cost O(what they change). */
enum kz_status kz_machine_apply(struct kz_machine *machine, uint64_t index,
                                const struct kz_entry *entry, struct kz_outcome *out_outcome);

/* Asks the memory for what the next COUNT entries (16, say) will look at, so that their waits
 * overlap instead of adding up: call it before applying them. Changes nothing; entries need not
 * come. */
void kz_machine_prefetch(const struct kz_machine *machine, const struct kz_entry *entries,
                         uint32_t count);

uint64_t kz_machine_applied(const struct kz_machine *machine);
int64_t kz_machine_time(const struct kz_machine *machine);

/* Returns: the version of the rules that the next entry is judged by: 1, or that of the last
 * `version` entry that raised it. */
uint32_t kz_machine_rules(const struct kz_machine *machine);

/* Returns: the newest version of the rules that this build knows. It knows all before it. */
uint32_t kz_rules_known(void);

void kz_machine_digest(const struct kz_machine *machine, uint8_t out_digest[static KZ_ID_SIZE]);

/* ---- Images: a start without a replay (statemachine/image) ---- */

struct kz_image_writer;
struct kz_image_reader;

/* Writes the machine's blocks, between those that the caller may put before and after them. The
 * writer was begun with the machine's seed, and says at its end whether all went well. O(state). */
void kz_machine_save(const struct kz_machine *machine, struct kz_image_writer *writer);

/* Reads what kz_machine_save wrote. SEED is the image's. The reader's area must outlive the
 * machine, which uses it in place. The opened machine has the saved one's digest, and continues as
 * it would. Returns: KZ_OK; KZ_NEWER for another layout of the records, or rules that this build
 * does not know; KZ_CORRUPT for a damaged image. */
enum kz_status kz_machine_open(const struct kz_allocator *allocator, uint64_t seed,
                               struct kz_image_reader *reader, struct kz_machine **out_machine);

/* ---- What a node asks before it appends ---- */

/* R30 by role and scope alone. Returns: whether ENTRY would be `not_allowed` in the state as it is
 * now, so that a node refuses it without appending. */
bool kz_machine_forbids(const struct kz_machine *machine, const struct kz_entry *entry);

/* R30. Returns: whether ACTOR may change the cluster's members and its leader: an operator; anybody
 * before the first actor. */
bool kz_machine_lets_operate(const struct kz_machine *machine, uint32_t actor);

/* R29. Looks for a remembered request that an entry of time NOW would repeat. ENTRY's type and
 * fields decide `repeated` or `conflict`. Returns: false when there is none. */
bool kz_machine_repeats(const struct kz_machine *machine, const struct kz_entry *entry, int64_t now,
                        struct kz_outcome *out_outcome);

/* What became of a request id: for whoever asks about an *unknown* one. Returns: false when no
 * entry with it is remembered at time NOW. */
bool kz_machine_request(const struct kz_machine *machine, const uint8_t request[static KZ_ID_SIZE],
                        int64_t now, uint64_t *out_index, enum kz_result *out_result);

/* ---- What the clock makes due (R4, R22, R23, R25) ---- */

/* Writes up to CAPACITY entries that are due at time NOW, in the order in which they are to be
 * appended: first a publish and morning of each territory where one is due; when none is, the
 * grants in the order of R6/R7 (several for one queue foresee the cycle). type, time and fields are
 * set. Returns: how many. Each of them would be `ok` if nothing else came between. */
uint32_t kz_machine_due(const struct kz_machine *machine, int64_t now, struct kz_entry *out_entries,
                        uint32_t capacity);

/* Returns: the first time ≥ NOW at which a publish or morning may become due; INT64_MAX for never.
 */
int64_t kz_machine_next_due(const struct kz_machine *machine, int64_t now);

/* ---- Questions ---- */

struct kz_queue_id {
    uint32_t territory;
    uint16_t birth_year;
    uint8_t kind;
};

struct kz_application_view {
    uint64_t number;
    struct kz_queue_id queue;
    uint8_t category;
    uint8_t state;
    bool owed;
    int64_t applied_at;
    uint32_t position; /* R8; 0 when not waiting */
    uint8_t unused;    /* the count of unused grants, 255 for that many or more */
    uint8_t child[KZ_ID_SIZE];
    uint64_t bulletin;     /* called: the bulletin's index, else 0 */
    uint64_t referral;     /* referred: the claim's index, else 0 */
    uint32_t kindergarten; /* referred: its number, else 0 */
    bool by_grant;         /* referred: by its grant */
    int32_t last_day;      /* called, referred, paused: last day as a date, else 0 */
};

/* Returns: false when NUMBER is no application. O(log n) with the position. */
bool kz_machine_application(const struct kz_machine *machine, uint64_t number,
                            struct kz_application_view *out_view);

/* Walks all applications ever accepted in order of number: the smallest number > AFTER.
 * Returns: 0 at the end. */
uint64_t kz_machine_next_application(const struct kz_machine *machine, uint64_t after);

struct kz_queue_view {
    struct kz_queue_id id;
    uint32_t owed; /* waiting, by how they would be called */
    uint32_t out_of_turn;
    uint32_t first_priority;
    uint32_t general;
    uint32_t cycle;       /* R7's c */
    uint32_t calls_due;   /* over all its bulletins */
    uint32_t open_places; /* of the territory's kindergartens for this year and kind */
};

bool kz_machine_queue(const struct kz_machine *machine, struct kz_queue_id id,
                      struct kz_queue_view *out_view);

/* Writes the numbers of the waiting applications at positions FIRST (from 1) and on, in the order
 * of calling. Returns: how many. O(log n + capacity). */
uint32_t kz_machine_queue_order(const struct kz_machine *machine, struct kz_queue_id id,
                                uint32_t first, uint64_t *out_numbers, uint32_t capacity);

/* Walks the queues in order of (territory, birth year, kind with correctional first). AFTER may be
 * NULL. Returns: false at the end. */
bool kz_machine_next_queue(const struct kz_machine *machine, const struct kz_queue_id *after,
                           struct kz_queue_id *out_id);

struct kz_bulletin_view {
    uint64_t index; /* of its publish entry */
    struct kz_queue_id queue;
    bool in_priority; /* else published */
    int32_t last_day; /* in priority: a date, else 0 */
    uint32_t free_places;
    uint32_t calls_due;
    uint32_t grants;
};

/* Free places of one kindergarten, in a bulletin, open (bulletin 0) or reported (see REPORTED). */
struct kz_places_view {
    uint32_t kindergarten;
    uint16_t birth_year;
    uint8_t kind;
    uint64_t bulletin;
    bool reported;
    uint32_t free_places;
};

/* Walk a territory's living bulletins by (index, queue), and its free places by (kindergarten,
 * birth year, kind, reported last, bulletin). CURSOR starts at 0. Return: false at the end. */
bool kz_machine_next_bulletin(const struct kz_machine *machine, uint32_t territory,
                              uint64_t *cursor, struct kz_bulletin_view *out_view);
bool kz_machine_next_places(const struct kz_machine *machine, uint32_t territory, uint64_t *cursor,
                            struct kz_places_view *out_view);

/* Look up by number; texts stay valid until the next apply. Return: false when there is none. */
bool kz_machine_territory(const struct kz_machine *machine, uint32_t number,
                          struct kz_territory_fields *out_territory,
                          struct kz_policy_fields *out_policy);
bool kz_machine_kindergarten(const struct kz_machine *machine, uint32_t number,
                             struct kz_kindergarten_fields *out_kindergarten);
bool kz_machine_actor(const struct kz_machine *machine, uint32_t number,
                      struct kz_actor_fields *out_actor);

/* Walk by number: the smallest number > AFTER. Return: 0 at the end. */
uint32_t kz_machine_next_territory(const struct kz_machine *machine, uint32_t after);
uint32_t kz_machine_next_kindergarten(const struct kz_machine *machine, uint32_t after);

/* ---- Figures for metrics and budgets ---- */

struct kz_machine_figures {
    uint64_t applications; /* ever accepted */
    uint64_t waiting;
    uint64_t requests;          /* remembered request ids */
    uint64_t bytes;             /* allocated in all */
    uint64_t application_bytes; /* for applications: records, child index, ranks, number map */
    uint64_t request_bytes;
};

void kz_machine_figures(const struct kz_machine *machine, struct kz_machine_figures *out_figures);

#endif
