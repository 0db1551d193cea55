# SPDX-License-Identifier: Apache-2.0
"""Local dates and hours (R2), working days (R3) and last days (R26)."""

from __future__ import annotations

import datetime
import re

MINUTE_MS = 60_000
DAY_MINUTES = 24 * 60
DAY_MS = DAY_MINUTES * MINUTE_MS
EPOCH = datetime.date(1970, 1, 1)
ONE_DAY = datetime.timedelta(days=1)

Date = datetime.date


def parse_date(text: str) -> Date | None:
    """The date of "2026-11-23"; None when there is no such date."""
    # AMBIGUOUS (Ranges): "2026-02-30" is no date. It may be an error of the file or `invalid`; here it is `invalid`.
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def parse_hour(text: str) -> int | None:
    """The minute of the day of "18:00"; None outside 00:00 to 23:59."""
    # AMBIGUOUS (Ranges): "24:00" may be an error of the file or `invalid`; here it is `invalid`.
    match = re.fullmatch(r"([0-9]{2}):([0-9]{2})", text)
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    if hour > 23 or minute > 59:
        return None
    return hour * 60 + minute


def local_date(time: int, utc_offset_minutes: int) -> Date:
    """R2: the date that a clock on the wall shows."""
    local_ms = time + utc_offset_minutes * MINUTE_MS
    return EPOCH + datetime.timedelta(days=local_ms // DAY_MS)


def local_minute_of_day(time: int, utc_offset_minutes: int) -> int:
    """R2: the hour that a clock on the wall shows, in whole minutes since midnight."""
    local_ms = time + utc_offset_minutes * MINUTE_MS
    return local_ms % DAY_MS // MINUTE_MS


def instant(date: Date, minute_of_day: int, utc_offset_minutes: int) -> int:
    """The time in milliseconds at which a local clock shows that date and hour."""
    return (date - EPOCH).days * DAY_MS + (minute_of_day - utc_offset_minutes) * MINUTE_MS


class Calendar:
    """R3 and R12: which dates are working days."""

    def __init__(self) -> None:
        self.decided: dict[Date, bool] = {}

    def is_working_day(self, date: Date) -> bool:
        """R3: the latest `calendar` entry decides; without one Monday to Friday are working days."""
        if date in self.decided:
            return self.decided[date]
        return date.weekday() < 5

    def last_day_of_access(self, morning: Date, access_days: int, access_unit: str) -> Date:
        """R26: the access_days-th day counted from the morning, which counts itself if it is such a day."""
        day = morning
        counted = 0
        while True:
            if access_unit == "calendar" or self.is_working_day(day):
                counted += 1
            if counted == access_days:
                return day
            day += ONE_DAY

    def last_day_of_referral(self, claimed: Date, referral_days: int) -> Date:
        """R26: the referral_days-th working day after the date of the claim, which never counts itself."""
        # AMBIGUOUS (R26): `access_unit` says calendar days for access; a referral counts working days all the same.
        day = claimed
        counted = 0
        while counted < referral_days:
            day += ONE_DAY
            if self.is_working_day(day):
                counted += 1
        return day


def last_day_of_pause(morning: Date, stop_list_days: int) -> Date:
    """R26: stop_list_days calendar days after the morning that began it."""
    return morning + datetime.timedelta(days=stop_list_days)
