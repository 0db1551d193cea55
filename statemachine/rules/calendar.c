/* SPDX-License-Identifier: Apache-2.0 */
/* Local time, working days and last days (R2, R3, R12, R26). There is no time zone data: a
 * territory's offset is ledger data. */
#include "statemachine/rules/rules.h"

/* A ledger's time may be anything up to 2^63; past this no date is in range, and none overflows. */
#define TIME_MAX (INT64_C(1000000000) * KZ_MS_PER_DAY)

static int64_t local_time(int64_t time, int32_t utc_offset_minutes)
{
    if (time > TIME_MAX) time = TIME_MAX;
    return time + utc_offset_minutes * KZ_MS_PER_MINUTE;
}

/* Rounds down, also before 1970. */
static int64_t floor_divide(int64_t number, int64_t by)
{
    int64_t quotient = number / by;
    return number % by < 0 ? quotient - 1 : quotient;
}

int32_t kz_local_date(int64_t time, int32_t utc_offset_minutes)
{
    return (int32_t)floor_divide(local_time(time, utc_offset_minutes), KZ_MS_PER_DAY);
}

int64_t kz_local_ms_of_day(int64_t time, int32_t utc_offset_minutes)
{
    int64_t local = local_time(time, utc_offset_minutes);
    return local - floor_divide(local, KZ_MS_PER_DAY) * KZ_MS_PER_DAY;
}

int64_t kz_local_instant(int32_t date, int32_t minutes, int32_t utc_offset_minutes)
{
    return date * KZ_MS_PER_DAY + (minutes - utc_offset_minutes) * KZ_MS_PER_MINUTE;
}

/* R3. */
bool kz_calendar_is_working(const struct kz_machine *machine, int32_t date)
{
    if (date >= KZ_DATE_MIN && date <= KZ_DATE_MAX) {
        uint8_t day = machine->calendar[date - KZ_DATE_MIN];
        if (day != KZ_DAY_BY_WEEKDAY) return day == KZ_DAY_WORKING;
    }
    return kz_date_weekday(date) < 5;
}

/* Ends, because the calendar does: after KZ_DATE_MAX five days of each week are working days. */
int32_t kz_calendar_working_day(const struct kz_machine *machine, int32_t date, int32_t count)
{
    KZ_ASSERT(count >= 1);

    for (;; date++) {
        if (kz_calendar_is_working(machine, date)) count--;
        if (count == 0) return date;
    }
}

/* R12. */
enum kz_result kz_apply_calendar(struct kz_machine *machine, const struct kz_case *it)
{
    const struct kz_calendar_fields *fields = &it->entry->calendar;

    if (fields->date < KZ_DATE_MIN || fields->date > KZ_DATE_MAX) return KZ_RESULT_INVALID;

    kz_digest_subtract(machine, kz_digest_of_day(machine, fields->date));
    machine->calendar[fields->date - KZ_DATE_MIN] = fields->working ? KZ_DAY_WORKING : KZ_DAY_OFF;
    kz_digest_add(machine, kz_digest_of_day(machine, fields->date));
    return KZ_RESULT_OK;
}
