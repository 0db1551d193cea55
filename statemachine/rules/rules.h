/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder offer each other, file by file. Private to statemachine/rules (and
 * its tests). Slots name records; a slot given is that of a living record unless said otherwise. */
#ifndef KZ_RULES_H
#define KZ_RULES_H

#include "statemachine/rules/state.h"

/* ---- directory.c: finding and making records by their public numbers ---- */

void kz_directory_init(struct kz_machine *machine);
void kz_directory_finish(struct kz_machine *machine);

/* Each find returns a slot, or KZ_NO_SLOT for an unknown number. */
uint32_t kz_territory_find(const struct kz_machine *machine, uint32_t number);
uint32_t kz_kindergarten_find(const struct kz_machine *machine, uint32_t number);
uint32_t kz_actor_find(const struct kz_machine *machine, uint32_t number);
uint32_t kz_queue_find(const struct kz_machine *machine, struct kz_queue_id id);
uint32_t kz_place_find(const struct kz_machine *machine, uint32_t kindergarten, uint32_t queue);

/* Each add makes the record of a number that is not known yet. */
uint32_t kz_territory_add(struct kz_machine *machine, uint32_t number);
uint32_t kz_kindergarten_add(struct kz_machine *machine, uint32_t number, uint32_t territory);
uint32_t kz_actor_add(struct kz_machine *machine, uint32_t number);

/* Each of these finds the record, or makes an empty one (which no rule can tell from none). */
uint32_t kz_queue_of(struct kz_machine *machine, uint32_t territory, uint16_t birth_year,
                     uint8_t kind);
uint32_t kz_place_of(struct kz_machine *machine, uint32_t kindergarten, uint16_t birth_year,
                     uint8_t kind);

/* Copies up to CAPACITY slots of the queues of territory NUMBER, after the first SKIP, in order of
 * (year, correctional first). Returns: how many. */
uint32_t kz_queue_read(const struct kz_machine *machine, uint32_t number, uint32_t skip,
                       struct kz_rank_key *out, uint32_t capacity);

/* ---- numbers.c: application numbers to slots ---- */

/* Makes INDEX, the next entry's, known as a number that may be an application's. */
void kz_number_extend(struct kz_machine *machine, uint32_t index);

/* Notes that INDEX, the newest one known, is the application at the newest slot. */
void kz_number_set(struct kz_machine *machine, uint32_t index);

/* Returns: the slot of application NUMBER, or KZ_NO_SLOT. O(1). */
uint32_t kz_number_find(const struct kz_machine *machine, uint64_t number);

/* Asks the memory for what kz_number_find(NUMBER) will look at. */
void kz_number_prefetch(const struct kz_machine *machine, uint64_t number);

/* Returns: how many applications have a number ≤ NUMBER. O(1). */
uint32_t kz_number_rank(const struct kz_machine *machine, uint64_t number);

/* ---- calendar.c: R2, R3, R12, R26 ---- */

int32_t kz_local_date(int64_t time, int32_t utc_offset_minutes);
int64_t kz_local_ms_of_day(int64_t time, int32_t utc_offset_minutes);

/* Returns: the time at which the local clock shows DATE and MINUTES. */
int64_t kz_local_instant(int32_t date, int32_t minutes, int32_t utc_offset_minutes);

bool kz_calendar_is_working(const struct kz_machine *machine, int32_t date);

/* R26: the COUNT-th (from 1) working day from DATE on, DATE included if it is one. */
int32_t kz_calendar_working_day(const struct kz_machine *machine, int32_t date, int32_t count);

/* ---- digest.c: the state's digest, kept incrementally ---- */

enum kz_object {
    KZ_OBJECT_TERRITORY = 1,
    KZ_OBJECT_KINDERGARTEN,
    KZ_OBJECT_ACTOR,
    KZ_OBJECT_APPLICATION,
    KZ_OBJECT_QUEUE,
    KZ_OBJECT_PLACE,
    KZ_OBJECT_BULLETIN,
    KZ_OBJECT_SHARE,
    KZ_OBJECT_DAY,
    KZ_OBJECT_REQUEST,
    KZ_OBJECT_MACHINE,
};

/* Takes the object's hash, as it is now, out of the sum; at the end of the entry its new one is
 * added. Call before each change; only the first call in an entry costs. MARKS are the record's. */
void kz_digest_touch(struct kz_machine *machine, enum kz_object object, uint32_t slot,
                     uint8_t *marks);
void kz_digest_settle(struct kz_machine *machine);

/* Adds to and takes out of the sum a day of the calendar and a remembered request, which have no
 * marks. */
void kz_digest_add(struct kz_machine *machine, struct kz_hash128 hash);
void kz_digest_subtract(struct kz_machine *machine, struct kz_hash128 hash);
struct kz_hash128 kz_digest_of_day(const struct kz_machine *machine, int32_t date);
struct kz_hash128 kz_digest_of_request(const struct kz_request *request);

/* Returns: the hash of the object as it is now; 0 for one that the rules can not tell from none. */
struct kz_hash128 kz_digest_of(const struct kz_machine *machine, enum kz_object object,
                               uint32_t slot);

/* ---- requests.c: R29 ---- */

void kz_request_init(struct kz_machine *machine);
void kz_request_finish(struct kz_machine *machine);

/* Forgets some of the requests that are too old for an entry of time NOW. */
void kz_request_forget(struct kz_machine *machine, int64_t now);

/* Whether R29 looks at ENTRY: it has a request id, and is not the clock's or the cluster's. */
bool kz_request_counts(const struct kz_entry *entry);

/* Remembers ENTRY, which has a request id and is neither `repeated` nor `conflict`. */
void kz_request_remember(struct kz_machine *machine, uint32_t index, const struct kz_entry *entry,
                         enum kz_result result);

/* ---- permission.c: R30 and what an entry names ---- */

/* What an entry of a type names, and who may write it: bits of `enum kz_role`. */
#define KZ_NAMES_TERRITORY    1
#define KZ_NAMES_APPLICATION  2
#define KZ_NAMES_KINDERGARTEN 4

struct kz_rule {
    enum kz_result (*apply)(struct kz_machine *machine, const struct kz_case *it);
    uint8_t names;
    uint8_t roles;
    bool everywhere; /* only for an administrator of all territories */
};

/* Returns: the number of the application that ENTRY names; 0 for a type that names none. */
uint64_t kz_permission_application(const struct kz_entry *entry);

/* Looks for `not_allowed` by role, `unknown_…` and `not_allowed` by scope, in this order, and finds
 * what ENTRY names. */
enum kz_result kz_permission_judge(const struct kz_machine *machine, const struct kz_rule *rule,
                                   const struct kz_entry *entry, struct kz_case *out_case);

/* ---- queues.c: R5 to R8 ---- */

struct kz_rank_key kz_queue_key(const struct kz_application *application, uint32_t slot);

/* R7: the next application to be called, and the cycle position after its grant.
 * Returns: KZ_NO_SLOT when nobody waits. */
uint32_t kz_queue_next(const struct kz_machine *machine, const struct kz_queue *queue,
                       uint32_t *out_cycle);

/* R8. Returns: the position, from 1, of the application at SLOT; 0 when it is not waiting. */
uint32_t kz_queue_position(const struct kz_machine *machine, uint32_t slot);

/* R8. Copies the keys of up to CAPACITY waiting applications from position FIRST (from 1) on. */
uint32_t kz_queue_order(const struct kz_machine *machine, const struct kz_queue *queue,
                        uint32_t first, struct kz_rank_key *out, uint32_t capacity);

/* ---- applications.c: states, R14 to R16a, R18a ---- */

/* The transitions: each takes the application out of the set of its state and puts it into the new
 * one's. A grant that it held ends; a place that it held is the caller's to move. */
void kz_application_wait(struct kz_machine *machine, uint32_t slot);
void kz_application_wait_owed(struct kz_machine *machine, uint32_t slot);
void kz_application_rest(struct kz_machine *machine, uint32_t slot);
void kz_application_call(struct kz_machine *machine, uint32_t slot, uint32_t bulletin,
                         uint32_t index);
void kz_application_refer(struct kz_machine *machine, uint32_t slot, uint32_t place, uint32_t index,
                          bool by_grant, int32_t last_day);
void kz_application_pause(struct kz_machine *machine, uint32_t slot, int32_t last_day);
void kz_application_end(struct kz_machine *machine, uint32_t slot, uint8_t state);

/* R27: one more grant unused. The count alone; and the count and where it leads. */
void kz_application_count_unused(struct kz_machine *machine, uint32_t slot);
void kz_application_wait_or_rest(struct kz_machine *machine, uint32_t slot);

struct kz_territory *kz_application_territory(const struct kz_machine *machine,
                                              const struct kz_application *application);

/* ---- places.c: R19, R20, R24 ---- */

/* R20: how many are free; and takes back COUNT of them, of which there are so many. */
uint64_t kz_place_free(const struct kz_machine *machine, const struct kz_place *place);
void kz_place_take_back(struct kz_machine *machine, uint32_t slot, uint64_t count);

/* R24: the place of a referral goes back. */
void kz_place_give_back(struct kz_machine *machine, uint32_t slot);

/* Changes the count of open places by CHANGE. */
void kz_place_add_open(struct kz_machine *machine, uint32_t slot, int64_t change);

/* Returns: the place's share in BULLETIN (a slot), or KZ_NO_SLOT. O(living bulletins). */
uint32_t kz_place_share(const struct kz_machine *machine, const struct kz_place *place,
                        uint32_t bulletin);

/* ---- bulletins.c: R22 and the life of a bulletin ---- */

/* Takes COUNT of a share's free places, of which there are so many. */
void kz_bulletin_take(struct kz_machine *machine, uint32_t share, uint64_t count);

void kz_bulletin_set_calls_due(struct kz_machine *machine, uint32_t slot, uint32_t calls_due);

/* R20: lowers calls due, then ends grants, until the free places suffice. */
void kz_bulletin_lower(struct kz_machine *machine, uint32_t slot);

/* R23 c: ends a bulletin's grants unused and its calls due, and opens what is left. */
void kz_bulletin_end(struct kz_machine *machine, uint32_t slot);

/* R25a, for all queues that an entry changed; then the tables forget the bulletins that ended. */
void kz_bulletin_unsettle(struct kz_machine *machine, uint32_t queue);
void kz_bulletin_settle(struct kz_machine *machine);
void kz_bulletin_bury(struct kz_machine *machine);

/* ---- The rules, one for each entry type. What the case names is there; who asks may ask. ---- */

enum kz_result kz_apply_territory(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_policy(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_calendar(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_kindergarten(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_actor(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_application(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_reclassify(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_correct(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_withdraw(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_reinstate(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_claim(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_decline(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_ready(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_vacancy(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_retract(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_enrol(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_publish(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_morning(struct kz_machine *machine, const struct kz_case *it);
enum kz_result kz_apply_grant(struct kz_machine *machine, const struct kz_case *it);

/* R22, R23: whether a publish (a morning) of the territory is due at TIME, but for its date. */
bool kz_publish_is_due(const struct kz_territory *territory, int64_t time, int32_t date);
bool kz_morning_is_due(const struct kz_territory *territory, int64_t time, int32_t date);

/* R25: the oldest bulletin of the queue that has calls due, or KZ_NO_SLOT. */
uint32_t kz_grant_bulletin(const struct kz_machine *machine, const struct kz_queue *queue);

#endif
