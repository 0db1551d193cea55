# SPDX-License-Identifier: Apache-2.0
"""What an administrator writes (R10 to R13, R30), and what a kindergarten reports (R19, R20).

The refusals up to `invalid` are done: what the entry names is known and in range.
"""

from __future__ import annotations

from .entries import Entry
from .localtime import parse_date, parse_hour
from .places import close, free_places, take_back
from .state import Actor, Kindergarten, State, Territory


def territory(state: State, entry: Entry) -> str:
    """R10."""
    known = state.territories.get(entry["territory"])
    if known is None:
        state.territories[entry["territory"]] = Territory(entry["name"], entry["utc_offset_minutes"])
    else:
        known.name = entry["name"]
        known.utc_offset_minutes = entry["utc_offset_minutes"]
    return "ok"


def policy(state: State, entry: Entry) -> str:
    """R11, and R7's remainder when the ratio changes."""
    known = state.territories[entry["territory"]]
    ratio_before = (known.first_priority, known.general)
    known.evening = parse_hour(entry["evening"])
    known.morning = parse_hour(entry["morning"])
    known.first_priority = entry["first_priority"]
    known.general = entry["general"]
    known.access_days = entry["access_days"]
    known.access_unit = entry["access_unit"]
    known.referral_days = entry["referral_days"]
    known.stop_list_days = entry["stop_list_days"]
    known.unused_limit = entry["unused_limit"]
    known.register_closed = entry["register_closed"]
    if ratio_before != (known.first_priority, known.general):
        for queue in state.cycle:
            if queue[0] == entry["territory"]:
                state.cycle[queue] %= known.first_priority + known.general
    return "ok"


def calendar(state: State, entry: Entry) -> str:
    """R12."""
    state.calendar.decided[parse_date(entry["date"])] = entry["working"]
    return "ok"


def kindergarten(state: State, entry: Entry) -> str:
    """R13."""
    number = entry["kindergarten"]
    known = state.kindergartens.get(number)
    if known is None:
        state.kindergartens[number] = Kindergarten(entry["territory"], entry["name"], entry["open"])
        return "ok"
    if known.territory != entry["territory"]:
        return "wrong_territory"
    known.name = entry["name"]
    if known.open and not entry["open"]:
        close(state, number)
    known.open = entry["open"]
    return "ok"


def actor(state: State, entry: Entry) -> str:
    """R30."""
    state.actors[entry["number"]] = Actor(entry["role"], entry["territory"], entry["kindergarten"])
    return "ok"


def vacancy(state: State, entry: Entry) -> str:
    """R19."""
    if not state.kindergartens[entry["kindergarten"]].open:
        return "closed"
    place = (entry["kindergarten"], entry["birth_year"], entry["kind"])
    state.reported[place] = state.reported.get(place, 0) + entry["places"]
    return "ok"


def retract(state: State, entry: Entry) -> str:
    """R20."""
    # AMBIGUOUS (R13, R20): a closed kindergarten has no free place, so this is `no_place`, not `closed`.
    place = (entry["kindergarten"], entry["birth_year"], entry["kind"])
    if free_places(state, place) < entry["places"]:
        return "no_place"
    take_back(state, place, entry["places"])
    return "ok"
