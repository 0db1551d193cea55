# SPDX-License-Identifier: Apache-2.0
"""What the clock does: `publish` (R22), `morning` (R23) and `grant` (R25)."""

from __future__ import annotations

from .entries import Entry
from .localtime import Date, instant, last_day_of_pause, local_date, local_minute_of_day, parse_date
from .order import next_to_call
from .places import count_unused, end_over, give_back, wait_or_rest
from .state import Bulletin, Grant, Queue, State, Territory


def publish(state: State, entry: Entry) -> str:
    """R22."""
    territory = state.territories[entry["territory"]]
    date = parse_date(entry["date"])
    if not is_due(territory, entry["time"], date, territory.evening, territory.last_publish):
        return "not_due"
    territory.last_publish = date
    bulletins: dict[Queue, Bulletin] = {}
    for place in sorted(state.reported):
        kindergarten, birth_year, kind = place
        count = state.reported[place]
        if count == 0 or state.kindergartens[kindergarten].territory != entry["territory"]:
            continue
        queue = (entry["territory"], birth_year, kind)
        if queue not in bulletins:
            bulletins[queue] = Bulletin(entry["index"], queue, entry["time"], {})
        bulletins[queue].places[kindergarten] = count
        state.reported[place] = 0
    state.bulletins += [bulletins[queue] for queue in sorted(bulletins)]
    return "ok"


def is_due(territory: Territory, time: int, date: Date, minute_of_day: int, last: Date | None) -> bool:
    """R22, R23: the same test for the evening and for the morning."""
    # AMBIGUOUS (R22, R23): "no `publish` of that date or a later one was accepted" means: for this territory.
    if local_date(time, territory.utc_offset_minutes) != date:
        return False
    if local_minute_of_day(time, territory.utc_offset_minutes) < minute_of_day:
        return False
    return last is None or last < date


def morning(state: State, entry: Entry) -> str:
    """R23. What R25a opens is opened after the whole entry."""
    territory = state.territories[entry["territory"]]
    date = parse_date(entry["date"])
    if not is_due(territory, entry["time"], date, territory.morning, territory.last_morning):
        return "not_due"
    territory.last_morning = date
    lapse_referrals(state, entry["territory"], date)
    end_pauses(state, entry["territory"], date)
    end_bulletins(state, entry["territory"], date)
    open_bulletins(state, entry["territory"], date)
    return "ok"


def lapse_referrals(state: State, number: int, date: Date) -> None:
    """R23 (a)."""
    territory = state.territories[number]
    for application in state.of_territory(number):
        if application.state != "referred":
            continue
        if application.referral.last_day >= date:
            continue
        by_grant = application.referral.by_grant
        give_back(state, application)
        if by_grant:
            count_unused(application)
        if territory.stop_list_days > 0:
            application.state = "paused"
            application.pause_last_day = last_day_of_pause(date, territory.stop_list_days)
        elif by_grant:
            wait_or_rest(state, application)
        else:
            application.state = "waiting"


def end_pauses(state: State, number: int, date: Date) -> None:
    """R23 (b). A pause of this same morning has its last day after this date, so it is none of these."""
    for application in state.of_territory(number):
        if application.state == "paused" and application.pause_last_day < date:
            application.state = "waiting"
            application.pause_last_day = None


def end_bulletins(state: State, number: int, date: Date) -> None:
    """R23 (c)."""
    for bulletin in state.bulletins:
        if bulletin.queue[0] != number or bulletin.stage != "priority":
            continue
        if bulletin.last_day >= date:
            continue
        for holder in state.grants(bulletin):
            holder.grant = None
            count_unused(holder)
            wait_or_rest(state, holder)
        bulletin.calls_due = 0
        end_over(state, bulletin)


def open_bulletins(state: State, number: int, date: Date) -> None:
    """R23 (d)."""
    territory = state.territories[number]
    opening = instant(date, territory.morning, territory.utc_offset_minutes)
    given: dict[Queue, int] = {}
    for bulletin in state.bulletins:
        if bulletin.queue[0] != number or bulletin.stage != "published":
            continue
        if bulletin.published_at >= opening:
            continue
        uncalled = len(state.waiting(bulletin.queue)) - given.get(bulletin.queue, 0)
        bulletin.calls_due = bulletin.free()
        if bulletin.calls_due > uncalled:
            bulletin.calls_due = uncalled
        given[bulletin.queue] = given.get(bulletin.queue, 0) + bulletin.calls_due
        bulletin.stage = "priority"
        bulletin.last_day = state.calendar.last_day_of_access(date, territory.access_days, territory.access_unit)


def grant(state: State, entry: Entry) -> str:
    """R25."""
    application = state.applications[entry["application"]]
    queue = application.queue()
    due = [bulletin for bulletin in state.bulletins_of(queue, "priority") if bulletin.calls_due > 0]
    if not due:
        return "not_due"
    if due[0].index != entry["bulletin"]:
        return "not_due"
    territory = state.territories[application.territory]
    waiting = state.waiting(queue)
    called, cycle = next_to_call(waiting, state.cycle.get(queue, 0), territory.first_priority, territory.general)
    if called is not application:
        return "not_next"
    application.state = "called"
    application.owed = False
    application.grant = Grant(entry["index"], due[0])
    due[0].calls_due -= 1
    state.cycle[queue] = cycle
    return "ok"
