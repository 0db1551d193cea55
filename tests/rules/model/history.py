# SPDX-License-Identifier: Apache-2.0
"""One random history: time passes, the clock's entries come when they are due, and people write the rest."""

from __future__ import annotations

import random

from .entries import CLOCK_DRIVEN, Entry
from .localtime import DAY_MS, MINUTE_MS, Date, instant, local_date
from .model import REQUEST_MS, Model, unknown_of
from .order import next_to_call
from .permission import allowed_by_role, allowed_by_scope
from .proposals import Proposer
from .setting import Proposal, Setting, first_actors, opening, random_hex
from .wrongs import changed, wrong

LONG_JUMPS_MAX = 2


class History:
    """Makes a history entry by entry. `model` is the state after the last one."""

    def __init__(self, seed: int, actors: bool) -> None:
        self.random = random.Random(seed)
        self.model = Model()
        self.actors = actors
        self.setting = Setting.draw(self.random)
        self.proposer = Proposer(self.random, self.setting, self.model)
        self.time = self.setting.start
        self.asked: list[Entry] = []
        """Entries with a request id, to be repeated."""
        self.missed: set[tuple[str, int, Date]] = set()
        """Evenings and mornings that are never written."""
        self.long_jumps_left = self.random.choice((0, 0, 1, LONG_JUMPS_MAX))
        self.to_do: list[Proposal] = opening(self.setting)
        self.actors_from = self.random.choice((0, 0, 60))
        """After this index come the actors."""

    def next_entry(self) -> Entry:
        """Makes the next entry, applies it and returns it with its result."""
        if self.actors and not self.model.state.actors and self.model.index >= self.actors_from and not self.to_do:
            self.to_do += first_actors(self.setting, self.random)
        while not self.to_do:
            self.plan()
        type_, fields = self.to_do.pop(0)
        entry: Entry = {"index": self.model.index + 1, "time": self.time}
        if type_ != "membership" and type_ not in CLOCK_DRIVEN and "request" not in fields:
            self.add_request(entry)
        entry |= {"type": type_} | fields
        if self.actors and type_ != "membership":
            self.add_actor(entry)
        entry["result"] = self.model.apply(entry)
        if "request" in entry:
            self.asked.append(entry)
        return entry

    def add_request(self, entry: Entry) -> None:
        """R29: about every second entry has an id of its own; some have the one that means none."""
        chance = self.random.random()
        if chance < 0.5:
            entry["request"] = random_hex(self.random, 16)
        elif chance < 0.52:
            entry["request"] = "0" * 32

    def add_actor(self, entry: Entry) -> None:
        """R30: mostly somebody who may; else anybody, unknown ones and the clock too."""
        if "actor" in entry:
            return
        numbers = sorted(self.model.state.actors)
        if not numbers:
            if self.random.random() < 0.05:
                entry["actor"] = self.random.choice((1, 2, 99))
            return
        if entry["type"] in CLOCK_DRIVEN:
            if self.random.random() < 0.01:
                entry["actor"] = self.random.choice(numbers)
            return
        able = [number for number in numbers if self.may(entry | {"actor": number})]
        if able and self.random.random() < 0.9:
            entry["actor"] = self.random.choice(able)
        else:
            entry["actor"] = self.random.choice([*numbers, *numbers, 0, 99])

    def may(self, entry: Entry) -> bool:
        """R30: whether its actor may write the entry, as far as what it names is known."""
        if not allowed_by_role(self.model.state, entry):
            return False
        return unknown_of(self.model.state, entry) is not None or allowed_by_scope(self.model.state, entry)

    def plan(self) -> None:
        """Lets time pass, and decides what is written now: something of the clock, else something of people."""
        self.pass_time()
        self.plan_openings()
        if not self.to_do and self.random.random() < self.setting.calling:
            self.plan_grant()
        if self.to_do:
            return
        chance = self.random.random()
        if chance < 0.05:
            self.plan_repeat()
            return
        proposal = wrong(self.proposer) if chance < 0.19 else self.proposer.sensible()
        if proposal is not None:
            self.to_do.append(proposal)

    def pass_time(self) -> None:
        """Some steps stand still, some go to the very moment of an evening or morning, few go over days."""
        chance = self.random.random()
        if chance < 0.35:
            return
        if chance < 0.35 + self.setting.boundaries:
            self.time = max(self.time, self.next_boundary() + self.random.choice((-1, 0, 0, 0, 1, 5 * MINUTE_MS)))
        elif chance < 0.985:
            self.time += int(self.random.expovariate(1 / self.setting.step_ms))
        elif chance < 0.9975 or self.long_jumps_left == 0 or not self.asked:
            self.time += self.random.randrange(4 * DAY_MS)
        else:
            self.jump()

    def next_boundary(self) -> int:
        """The next evening or morning of some territory."""
        number = self.random.choice(sorted(self.model.state.territories))
        territory = self.model.state.territories[number]
        today = local_date(self.time, territory.utc_offset_minutes)
        moments = []
        for date in (today, Date.fromordinal(today.toordinal() + 1)):
            for minute in (territory.evening, territory.morning):
                moments.append(instant(date, minute, territory.utc_offset_minutes))
        return min(moment for moment in moments if moment > self.time)

    def jump(self) -> None:
        """R29: to about 400 days after an entry with a request id, which is then asked for again."""
        self.long_jumps_left -= 1
        entry = self.random.choice(self.asked)
        moment = entry["time"] + self.random.choice((REQUEST_MS, REQUEST_MS + 1, REQUEST_MS - 1, REQUEST_MS * 3 // 5))
        if moment >= self.time:
            self.time = moment
            self.to_do.append((entry["type"], asked_again(entry)))

    def plan_openings(self) -> None:
        """R22, R23: the evenings and mornings that are due, most of them."""
        for number, territory in self.model.state.territories.items():
            today = local_date(self.time, territory.utc_offset_minutes)
            for type_, minute, last in (
                ("publish", territory.evening, territory.last_publish),
                ("morning", territory.morning, territory.last_morning),
            ):
                is_past = instant(today, minute, territory.utc_offset_minutes) <= self.time
                # After a change of offset the date may be one before that of the last accepted one: not due.
                is_back = last is not None and last > today and self.random.random() < 0.5
                is_due = is_past and (last is None or last < today or is_back)
                if not is_due or (type_, number, today) in self.missed:
                    continue
                if self.random.random() > self.setting.promptness[type_]:
                    if self.random.random() < 0.2:
                        self.missed.add((type_, number, today))
                else:
                    self.to_do.append((type_, {"territory": number, "date": today.isoformat()}))
        self.random.shuffle(self.to_do)

    def plan_grant(self) -> None:
        """R25: one of the grants that are due."""
        state = self.model.state
        due = {}
        for bulletin in state.bulletins:
            if bulletin.calls_due > 0:
                due.setdefault(bulletin.queue, bulletin)
        if due:
            queue = self.random.choice(sorted(due))
            called, _ = next_to_call(*self.model.calling_of(queue))
            self.to_do.append(("grant", {"application": called.number, "bulletin": due[queue].index}))

    def plan_repeat(self) -> None:
        """R29: an entry that was asked for before, as it was or changed."""
        if not self.asked:
            return
        entry = self.random.choice(self.asked[-30:])
        type_, fields = entry["type"], asked_again(entry)
        if self.random.random() < 0.5:
            type_, fields = changed(self.proposer, type_, fields)
        self.to_do.append((type_, fields))


def asked_again(entry: Entry) -> Entry:
    """The fields of an entry and its request id, without what its line says beside them."""
    return {name: value for name, value in entry.items() if name not in ("index", "time", "actor", "type", "result")}
