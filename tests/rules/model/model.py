# SPDX-License-Identifier: Apache-2.0
"""The rules of the queue, applied to one entry after the other."""

from __future__ import annotations

from collections.abc import Callable

from . import clock, family, office
from .entries import CLUSTER, Entry, content_of, is_out_of_range, request_of
from .localtime import DAY_MS, parse_hour
from .order import positions_by_walk
from .permission import allowed_by_role, allowed_by_scope
from .places import settle
from .state import Application, Queue, State

REQUEST_MS = 400 * DAY_MS
HEADER = "territory,birth_year,kind,position,application,category,state"

HANDLERS: dict[str, Callable[[State, Entry], str]] = {
    "territory": office.territory,
    "policy": office.policy,
    "calendar": office.calendar,
    "kindergarten": office.kindergarten,
    "application": family.application,
    "reclassify": family.reclassify,
    "correct": family.correct,
    "withdraw": family.withdraw,
    "reinstate": family.reinstate,
    "claim": family.claim,
    "decline": family.decline,
    "ready": family.ready,
    "vacancy": office.vacancy,
    "retract": office.retract,
    "enrol": family.enrol,
    "publish": clock.publish,
    "morning": clock.morning,
    "grant": clock.grant,
    "actor": office.actor,
}


class Model:
    """The state after the entries applied so far."""

    def __init__(self) -> None:
        self.state = State()
        self.index = 0
        self.time = 0
        self.requests: dict[str, Entry] = {}
        """R29: the remembered entry of each request id."""

    def apply(self, entry: Entry) -> str:
        """Applies one entry and returns its result. Indexes are contiguous from 1, and no time is before the last."""
        assert entry["index"] == self.index + 1, f"index {entry['index']} after {self.index}"
        assert entry["time"] >= self.time, f"index {entry['index']}: the time goes back"
        self.index = entry["index"]
        self.time = entry["time"]
        if entry["type"] in CLUSTER:
            return "ok"
        result = self.repeat_of(entry)
        if result is None:
            result = refusal(self.state, entry)
        if result is None:
            result = HANDLERS[entry["type"]](self.state, entry)
        if result == "ok":
            settle(self.state)
        return result

    def repeat_of(self, entry: Entry) -> str | None:
        """R29: `repeated` or `conflict`; None for every other entry, which is remembered by its id if it has one."""
        request = request_of(entry)
        if request is None:
            return None
        # AMBIGUOUS (R29): a repeated or conflicting entry is not itself an "earlier entry with the same id": the 400
        # days count from the remembered one and are not prolonged by repeats.
        earlier = self.requests.get(request)
        if earlier is not None:
            if entry["time"] - earlier["time"] <= REQUEST_MS:
                return "repeated" if content_of(entry) == content_of(earlier) else "conflict"
        self.requests[request] = entry
        return None

    def queues(self) -> list[Queue]:
        """Every queue that has an application, ended ones too, in the order of `positions`."""
        return sorted({application.queue() for application in self.state.applications.values()})

    def calling_of(self, queue: Queue) -> tuple[list[Application], int, int, int]:
        """What the order of calling depends on: who waits, the cycle position, the ratio's two numbers."""
        territory = self.state.territories[queue[0]]
        cycle = self.state.cycle.get(queue, 0)
        return self.state.waiting(queue), cycle, territory.first_priority, territory.general

    def positions(self) -> list[str]:
        """R8: the lines of `kezek-audit positions`, the header first, without line ends; by the literal walk."""
        lines = [HEADER]
        for queue in self.queues():
            positions = positions_by_walk(*self.calling_of(queue))
            for number in sorted(self.state.applications):
                application = self.state.applications[number]
                if application.queue() == queue:
                    row = (*queue, positions.get(number, 0), number, application.category, application.state)
                    lines.append(",".join(str(value) for value in row))
        return lines


def refusal(state: State, entry: Entry) -> str | None:
    """The first of the results from `not_allowed` to `invalid` that the entry gets, if any."""
    has_actors = len(state.actors) > 0
    if has_actors and not allowed_by_role(state, entry):
        return "not_allowed"
    unknown = unknown_of(state, entry)
    if unknown is not None:
        return unknown
    if has_actors and not allowed_by_scope(state, entry):
        return "not_allowed"
    if entry["type"] == "application" and "applied_at" in entry:
        # R14: nothing of an older register once the register is closed, whether or not there are actors.
        if state.territories[entry["territory"]].register_closed:
            return "not_allowed"
    if is_out_of_range(entry):
        return "invalid"
    if entry["type"] == "policy" and is_invalid_policy(state, entry):
        return "invalid"
    if entry["type"] == "actor" and is_invalid_actor(state, entry):
        return "invalid"
    return None


def unknown_of(state: State, entry: Entry) -> str | None:
    """The `unknown_…` that the entry gets, if any, in the order of its fields."""
    # Of the types that are looked at for two of the three, `claim` has the application and `actor` the territory
    # before the kindergarten, so one order does for all.
    if "application" in entry and entry["application"] not in state.applications:
        return "unknown_application"
    if "territory" in entry and entry["type"] != "territory":
        is_all = entry["type"] == "actor" and entry["territory"] == 0
        if not is_all and entry["territory"] not in state.territories:
            return "unknown_territory"
    if "kindergarten" in entry and entry["type"] != "kindergarten":
        # AMBIGUOUS (Results): "a kindergarten that is 0" is read as that of any type, not of `actor` alone; so a
        # `claim`, `vacancy` or `retract` for kindergarten 0 is `invalid` by its range and not unknown.
        if entry["kindergarten"] != 0 and entry["kindergarten"] not in state.kindergartens:
            return "unknown_kindergarten"
    return None


def is_invalid_policy(state: State, entry: Entry) -> bool:
    """R11: the evening is later in the day than the morning, and a closed register stays closed."""
    if parse_hour(entry["evening"]) <= parse_hour(entry["morning"]):
        return True
    return state.territories[entry["territory"]].register_closed and not entry["register_closed"]


def is_invalid_actor(state: State, entry: Entry) -> bool:
    """R30: a kindergarten goes with the role of that name; the first actor is an administrator of all territories."""
    # AMBIGUOUS (R30): "goes with that role and no other" also means that this role has one that is not 0.
    has_kindergarten = entry["kindergarten"] != 0
    if has_kindergarten != (entry["role"] == "kindergarten"):
        return True
    if not state.actors:
        return entry["role"] != "administrator" or entry["territory"] != 0
    return False
