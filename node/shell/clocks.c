/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/clocks.h"

#include "node/shell/addresses.h"
#include "statemachine/record/date.h"

#include <string.h>
#include <time.h>

#define DATE_SIZE 10 /* YYYY-MM-DD */
#define HOUR_SIZE 5  /* HH:MM */
#define MINUTE_MS 60000
#define DAY_MS    86400000
#define HOUR_END  (24 * 60)

struct scanner {
    const char *next;
    const char *end;
};

static bool take(struct scanner *scanner, char wanted)
{
    if (scanner->next == scanner->end || *scanner->next != wanted) return false;
    scanner->next++;
    return true;
}

static bool take_digits(struct scanner *scanner, size_t count, uint64_t max, uint64_t *out)
{
    if ((size_t)(scanner->end - scanner->next) < count) return false;
    if (!kz_number_parse(scanner->next, count, 0, max, out)) return false;
    scanner->next += count;
    return true;
}

static bool take_hour(struct scanner *scanner, int32_t *out_minutes)
{
    if (scanner->end - scanner->next < HOUR_SIZE) return false;
    if (!kz_hour_parse(scanner->next, HOUR_SIZE, out_minutes)) return false;
    scanner->next += HOUR_SIZE;
    return *out_minutes < HOUR_END;
}

static bool take_seconds(struct scanner *scanner, int64_t *out_ms)
{
    uint64_t seconds = 0;
    uint64_t milliseconds = 0;

    if (take(scanner, ':')) {
        if (!take_digits(scanner, 2, 59, &seconds)) return false;
        if (take(scanner, '.') && !take_digits(scanner, 3, 999, &milliseconds)) return false;
    }
    *out_ms = (int64_t)(seconds * 1000 + milliseconds);
    return true;
}

static bool take_offset(struct scanner *scanner, int32_t *out_minutes)
{
    if (take(scanner, 'Z')) {
        *out_minutes = 0;
        return true;
    }
    bool west = take(scanner, '-');
    if (!west && !take(scanner, '+')) return false;
    if (!take_hour(scanner, out_minutes)) return false;
    if (west) *out_minutes = -*out_minutes;
    return true;
}

bool kz_instant_parse(const char *text, size_t size, int64_t *out_ms)
{
    struct scanner scanner = {text, text + size};
    int32_t date;
    int32_t minutes;
    int32_t offset;
    int64_t rest_ms;

    if (size < DATE_SIZE || !kz_date_parse(text, DATE_SIZE, &date)) return false;
    scanner.next += DATE_SIZE;
    if (!take(&scanner, 'T') || !take_hour(&scanner, &minutes)) return false;
    if (!take_seconds(&scanner, &rest_ms) || !take_offset(&scanner, &offset)) return false;
    if (scanner.next != scanner.end) return false;

    *out_ms = (int64_t)date * DAY_MS + (int64_t)(minutes - offset) * MINUTE_MS + rest_ms;
    return true;
}

/* Keeps kz_demo_clock_at() far from overflow: 200 years at the highest rate are under 2^60 ms. */
static bool is_of_the_rules(int64_t instant_ms)
{
    return instant_ms >= (int64_t)KZ_DATE_MIN * DAY_MS &&
           instant_ms < (int64_t)(KZ_DATE_MAX + 1) * DAY_MS;
}

bool kz_demo_clock_parse(const char *text, struct kz_demo_clock *out_clock)
{
    struct kz_demo_clock clock = {.demo = true};
    const char *first = strchr(text, ',');
    const char *second = first == NULL ? NULL : strchr(first + 1, ',');
    uint64_t rate;

    if (second == NULL) return false;
    if (!kz_instant_parse(text, (size_t)(first - text), &clock.instant_ms)) return false;
    if (!kz_number_parse(first + 1, (size_t)(second - first - 1), 1, KZ_DEMO_RATE_MAX, &rate)) {
        return false;
    }
    if (!kz_instant_parse(second + 1, strlen(second + 1), &clock.anchor_ms)) return false;
    if (!is_of_the_rules(clock.instant_ms) || !is_of_the_rules(clock.anchor_ms)) return false;
    clock.rate = (uint32_t)rate;
    *out_clock = clock;
    return true;
}

int64_t kz_demo_clock_at(const struct kz_demo_clock *clock, int64_t real_us)
{
    if (!clock->demo) return real_us / 1000;
    return clock->instant_ms + (real_us - clock->anchor_ms * 1000) / 1000 * clock->rate +
           (real_us - clock->anchor_ms * 1000) % 1000 * clock->rate / 1000;
}

int64_t kz_clocks_real_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t kz_clocks_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t kz_clocks_monotonic_ms(void)
{
    return kz_clocks_monotonic_ns() / 1000000;
}
