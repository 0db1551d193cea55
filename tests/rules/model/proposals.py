# SPDX-License-Identifier: Apache-2.0
"""What people would write now: entries that make sense in the model's state, by a random source."""

from __future__ import annotations

import random
from collections.abc import Callable

from .entries import Entry
from .localtime import DAY_MS, Date, local_date
from .model import Model
from .places import free_places
from .setting import OFFSETS, ROLES, Proposal, Setting, actor_fields, random_hex
from .state import LIVE, Application, Place, Queue

CATEGORIES = ("out_of_turn", "first_priority", "general")
USUAL_HOURS = ("18:00", "07:00")
HOURS = (USUAL_HOURS, USUAL_HOURS, ("17:30", "09:00"), ("23:59", "00:00"), ("12:01", "12:00"), ("19:00", "18:00"))
RATIOS = ((1, 3), (1, 3), (1, 1), (1, 2), (2, 3), (3, 2), (2, 1), (3, 5), (1, 255), (255, 1))


class Proposer:
    """Proposes entries for the state in which the model is at each call.

    The method that has an entry type's name returns the fields of such an entry, or None when it makes no sense now.
    """

    def __init__(self, source: random.Random, setting: Setting, model: Model) -> None:
        self.random = source
        self.setting = setting
        self.model = model
        self.state = model.state

    def sensible(self) -> Proposal | None:
        """One entry that may well be accepted; None when what was drawn makes no sense now."""
        weights = dict(self.setting.weights)
        if self.state.actors:
            weights["actor"] = 0.3
        type_ = self.random.choices(list(weights), list(weights.values()))[0]
        fields = PROPOSALS[type_](self)
        return None if fields is None else (type_, fields)

    # What is picked from.

    def now(self) -> int:
        """The time of the last entry, which is not after that of the next."""
        return self.model.time

    def applications(self, *states: str) -> list[Application]:
        """The applications in one of these states."""
        return [a for a in self.state.applications.values() if a.state in states]

    def pick(self, *states: str) -> Entry | None:
        """The field `application` for one in these states, mostly; for any application at times."""
        found = self.applications(*states)
        if not found or self.random.random() < 0.04:
            if self.random.random() < 0.8:
                return None
            found = list(self.state.applications.values())
        return {"application": self.random.choice(found).number} if found else None

    def open_kindergartens(self) -> list[int]:
        """Those that are not closed."""
        return [number for number, known in self.state.kindergartens.items() if known.open]

    def kind(self) -> str:
        """A kind of queue."""
        return "correctional" if self.random.random() < self.setting.correctional else "ordinary"

    def category(self) -> str:
        """A category, as often general as the history wants."""
        if self.random.random() < self.setting.general:
            return "general"
        return self.random.choice(("out_of_turn", "first_priority", "first_priority"))

    # What a family does.

    def application(self) -> Entry | None:
        territory = self.random.choice(list(self.state.territories))
        known = list(self.state.applications.values())
        child = random_hex(self.random, 16)
        if known and self.random.random() < 0.12:
            child = self.random.choice(known).child
        fields = {
            "territory": territory,
            "birth_year": self.random.choice(self.setting.years),
            "kind": self.kind(),
            "category": self.category(),
            "evidence": random_hex(self.random, 16) if self.random.random() < 0.8 else "0" * 32,
            "child": child,
            "secret_hash": random_hex(self.random, 32),
        }
        is_closed = self.state.territories[territory].register_closed
        if self.random.random() < (0.25 if is_closed else 0.35):
            fields["applied_at"] = self.applied_at(known)
        return fields

    def applied_at(self, known: list[Application]) -> int:
        """A date of an older register, at times the very one of another child."""
        if known and self.random.random() < 0.3:
            return self.random.choice(known).applied_at
        if self.random.random() < 0.2:
            return self.random.choice((0, self.now()))
        return self.now() - self.random.randrange(600 * DAY_MS)

    def reclassify(self) -> Entry | None:
        fields = self.pick("waiting", "called", "resting", "paused")
        if fields is None:
            return None
        return fields | {"category": self.category(), "evidence": random_hex(self.random, 16)}

    def correct(self) -> Entry | None:
        owed = [a.number for a in self.applications("waiting") if a.owed]
        fields = self.pick("waiting", "waiting", "resting", "paused")
        if owed and self.random.random() < 0.3:
            fields = {"application": self.random.choice(owed)}
        if fields is None:
            return None
        return fields | {"birth_year": self.random.choice(self.setting.years), "kind": self.kind()}

    def withdraw(self) -> Entry | None:
        alone = [a for a in self.applications("waiting") if len(self.state.waiting(a.queue())) == 1]
        if alone and self.random.random() < 0.3:
            return {"application": self.random.choice(alone).number}
        owed = [a.number for a in self.applications("waiting") if a.owed]
        if owed and self.random.random() < 0.15:
            return {"application": self.random.choice(owed)}
        states = sorted({a.state for a in self.applications(*LIVE)})
        return self.pick(self.random.choice(states)) if states else None

    def reinstate(self) -> Entry | None:
        return self.pick("enrolled", "withdrawn")

    def ready(self) -> Entry | None:
        return self.pick("resting")

    def decline(self) -> Entry | None:
        return self.pick("referred")

    def enrol(self) -> Entry | None:
        return self.pick("referred")

    def claim(self) -> Entry | None:
        way = self.random.choice(("by grant", "open", "open", "granted to others", "anything"))
        if way == "by grant":
            return self.claim_by_grant()
        if way == "open":
            return self.claim_open()
        if way == "granted to others":
            return self.claim_granted_to_others()
        return self.claim_anything()

    def claim_by_grant(self) -> Entry | None:
        called = self.applications("called")
        if not called:
            return None
        holder = self.random.choice(called)
        there = [number for number, count in holder.grant.bulletin.places.items() if count > 0]
        return {"application": holder.number, "kindergarten": self.random.choice(there)}

    def claim_open(self) -> Entry | None:
        pairs = []
        for place, count in self.state.open.items():
            if count > 0:
                queue = self.queue_of(place)
                for applicant in self.applications("waiting", "called", "resting"):
                    if applicant.queue() == queue:
                        pairs.append((applicant.number, place[0]))
        if not pairs:
            return None
        owed = [pair for pair in pairs if self.state.applications[pair[0]].owed]
        number, kindergarten = self.random.choice(owed if owed and self.random.random() < 0.5 else pairs)
        return {"application": number, "kindergarten": kindergarten}

    def claim_granted_to_others(self) -> Entry | None:
        """A place in priority, claimed without a grant."""
        places = self.places_in("priority")
        if not places:
            return None
        place = self.random.choice(places)
        applicants = [a for a in self.applications("waiting", "resting") if a.queue() == self.queue_of(place)]
        if not applicants:
            return None
        return {"application": self.random.choice(applicants).number, "kindergarten": place[0]}

    def claim_anything(self) -> Entry | None:
        fields = self.pick("waiting", "called", "called", "resting")
        if fields is None:
            return None
        return fields | {"kindergarten": self.random.choice(list(self.state.kindergartens))}

    # What a kindergarten does.

    def queue_of(self, place: Place) -> Queue:
        """The queue that a place belongs to."""
        return (self.state.kindergartens[place[0]].territory, place[1], place[2])

    def vacancy(self) -> Entry | None:
        numbers = self.open_kindergartens() if self.random.random() < 0.95 else list(self.state.kindergartens)
        if not numbers:
            return None
        number = self.random.choice(numbers)
        year, kind = self.random.choice(self.setting.years), self.kind()
        near = [a for a in self.applications("waiting") if a.territory == self.state.kindergartens[number].territory]
        if near and self.random.random() < 0.8:
            applicant = self.random.choice(near)
            year, kind = applicant.birth_year, applicant.kind
        places = self.random.choice((1, 1, 1, 2, 2, 3, 5))
        return place_fields((number, year, kind), places)

    def retract(self) -> Entry | None:
        found = {
            "reported": [place for place, count in self.state.reported.items() if count > 0],
            "open": [place for place, count in self.state.open.items() if count > 0],
            "published": self.places_in("published"),
            "priority": self.places_in("priority"),
        }
        places = found[self.random.choice(("reported", "open", "published", "priority", "priority"))]
        if self.random.random() < 0.3:
            return self.retract_from_the_newest()
        if not places:
            return None
        place = self.random.choice(places)
        free = free_places(self.state, place)
        count = self.random.choice((1, free, free, self.random.randint(1, free), free + 1))
        return place_fields(place, min(count, 1000))

    def retract_from_the_newest(self) -> Entry | None:
        """One more place than is free before the bulletins of a stage, where two of them have such places."""
        stage = self.random.choice(("published", "priority"))
        places = self.places_in(stage)
        again = [place for place in places if places.count(place) > 1]
        if not again:
            return None
        place = self.random.choice(again)
        count = self.state.reported.get(place, 0) + self.state.open.get(place, 0) + 1
        if stage == "priority":
            for bulletin in self.state.bulletins_of(self.queue_of(place), "published"):
                count += bulletin.places.get(place[0], 0)
        return place_fields(place, min(count, 1000))

    def places_in(self, stage: str) -> list[Place]:
        """The places of bulletins at that stage."""
        places = []
        for bulletin in self.state.bulletins:
            if bulletin.stage == stage:
                for number, count in bulletin.places.items():
                    if count > 0:
                        places.append((number, bulletin.queue[1], bulletin.queue[2]))
        return places

    # What an administrator writes.

    def kindergarten(self) -> Entry | None:
        number = self.random.choice(list(self.state.kindergartens))
        known = self.state.kindergartens[number]
        fields = {"kindergarten": number, "territory": known.territory, "name": f"№{number}", "open": True}
        way = self.random.random()
        if way < 0.4:
            fields["open"] = False
        elif way < 0.6:
            fields["open"] = known.open
            fields["name"] = f"Балабақша {number} {self.now() % 1000}"
        elif way < 0.7 and len(self.state.kindergartens) < 12:
            fields["kindergarten"] = len(self.state.kindergartens) + 100
            fields["open"] = self.random.random() < 0.8
        return fields

    def policy(self) -> Entry | None:
        number = self.random.choice(list(self.state.territories))
        territory = self.state.territories[number]
        fields = {
            "territory": number,
            "evening": hour(territory.evening),
            "morning": hour(territory.morning),
            "first_priority": territory.first_priority,
            "general": territory.general,
            "access_days": territory.access_days,
            "access_unit": territory.access_unit,
            "referral_days": territory.referral_days,
            "stop_list_days": territory.stop_list_days,
            "unused_limit": territory.unused_limit,
            "register_closed": territory.register_closed,
        }
        first_priority, general = self.random.choice(RATIOS)
        evening, morning = self.random.choice(HOURS)
        changes = [
            {"evening": evening, "morning": morning},
            {"first_priority": first_priority, "general": general},
            {"access_days": self.random.choice((1, 1, 2, 3, 5))},
            {"access_unit": self.random.choice(("working", "calendar"))},
            {"referral_days": self.random.choice((1, 1, 2, 5))},
            {"stop_list_days": self.random.choice((0, 0, 1, 2, 10))},
            {"unused_limit": self.random.choice((0, 1, 2, 3))},
            {"register_closed": territory.register_closed or self.random.random() < 0.15},
        ]
        for change in self.random.sample(changes, self.random.choice((1, 2, 4))):
            fields |= change
        return fields

    def calendar(self) -> Entry | None:
        today = local_date(self.now(), 0).toordinal()
        date = Date.fromordinal(today + self.random.randrange(-3, 12))
        return {"date": date.isoformat(), "working": self.random.random() < 0.4}

    def territory(self) -> Entry | None:
        number = self.random.choice(list(self.state.territories))
        known = self.state.territories[number]
        offset = known.utc_offset_minutes
        if self.random.random() < 0.5:
            offset = max(-840, min(840, offset + self.random.choice((-60, 60))))
        else:
            offset = self.random.choice(OFFSETS)
        if self.random.random() < 0.1 and len(self.state.territories) < 4:
            number = 50
        name = self.random.choice((known.name, "А" * 60, "x"))
        return {"territory": number, "name": name, "utc_offset_minutes": offset}

    def actor(self) -> Entry | None:
        # Numbers 1 to 5 keep their roles, so that somebody can write actors to the end.
        role = self.random.choice(ROLES)
        territory = self.random.choice([0, *self.state.territories])
        kindergarten = self.random.choice(list(self.state.kindergartens)) if role == "kindergarten" else 0
        return actor_fields(self.random, self.random.randrange(6, 25), role, territory, kindergarten)


PROPOSALS: dict[str, Callable[[Proposer], Entry | None]] = {
    "application": Proposer.application,
    "reclassify": Proposer.reclassify,
    "correct": Proposer.correct,
    "withdraw": Proposer.withdraw,
    "reinstate": Proposer.reinstate,
    "claim": Proposer.claim,
    "decline": Proposer.decline,
    "ready": Proposer.ready,
    "vacancy": Proposer.vacancy,
    "retract": Proposer.retract,
    "enrol": Proposer.enrol,
    "kindergarten": Proposer.kindergarten,
    "policy": Proposer.policy,
    "calendar": Proposer.calendar,
    "territory": Proposer.territory,
    "actor": Proposer.actor,
}


def place_fields(place: Place, places: int) -> Entry:
    """The fields of a `vacancy` or `retract`."""
    return {"kindergarten": place[0], "birth_year": place[1], "kind": place[2], "places": places}


def hour(minute_of_day: int) -> str:
    """A minute of the day as "18:00"."""
    return f"{minute_of_day // 60:02}:{minute_of_day % 60:02}"
