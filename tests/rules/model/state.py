# SPDX-License-Identifier: Apache-2.0
"""What the rules remember: plain records and the questions that several rules ask of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .localtime import Calendar, Date

Queue = tuple[int, int, str]
"""(territory, birth year, kind)."""

Place = tuple[int, int, str]
"""(kindergarten, birth year, kind)."""

LIVE = ("waiting", "called", "resting", "referred", "paused")


@dataclass
class Territory:
    """R10, and its policy with the values of a new territory (R11)."""

    name: str
    utc_offset_minutes: int
    evening: int = 18 * 60
    morning: int = 7 * 60
    first_priority: int = 1
    general: int = 3
    access_days: int = 3
    access_unit: str = "working"
    referral_days: int = 5
    stop_list_days: int = 0
    unused_limit: int = 3
    register_closed: bool = False
    last_publish: Date | None = None
    last_morning: Date | None = None


@dataclass
class Kindergarten:
    """R13."""

    territory: int
    name: str
    open: bool


@dataclass
class Actor:
    """R30. Territory 0 means all; kindergarten 0 means none."""

    role: str
    territory: int
    kindergarten: int


@dataclass
class Bulletin:
    """The places of one queue that one evening published. `stage`: published, then priority, then over."""

    index: int
    queue: Queue
    published_at: int
    places: dict[int, int]
    stage: str = "published"
    calls_due: int = 0
    last_day: Date | None = None

    def free(self) -> int:
        """How many of its places are not taken."""
        return sum(self.places.values())


@dataclass
class Grant:
    """One applicant's access to one bulletin, given by the entry `index`."""

    index: int
    bulletin: Bulletin


@dataclass
class Referral:
    """The right to enrol that a claim gave. Its number is the claim's index."""

    number: int
    place: Place
    by_grant: bool
    last_day: Date


@dataclass
class Application:
    """One child in one queue."""

    number: int
    territory: int
    birth_year: int
    kind: str
    category: str
    child: str
    applied_at: int
    state: str = "waiting"
    owed: bool = False
    unused_grants: int = 0
    grant: Grant | None = None
    referral: Referral | None = None
    pause_last_day: Date | None = None

    def queue(self) -> Queue:
        """The queue that it stands in."""
        return (self.territory, self.birth_year, self.kind)


@dataclass
class State:
    """Everything that the rules can see."""

    calendar: Calendar = field(default_factory=Calendar)
    territories: dict[int, Territory] = field(default_factory=dict)
    kindergartens: dict[int, Kindergarten] = field(default_factory=dict)
    actors: dict[int, Actor] = field(default_factory=dict)
    applications: dict[int, Application] = field(default_factory=dict)
    bulletins: list[Bulletin] = field(default_factory=list)
    """In order of index; those of one index in order of queue."""
    reported: dict[Place, int] = field(default_factory=dict)
    open: dict[Place, int] = field(default_factory=dict)
    cycle: dict[Queue, int] = field(default_factory=dict)
    """R7: the cycle position of each queue; 0 where nothing is written."""

    def waiting(self, queue: Queue) -> list[Application]:
        """The waiting applications of one queue."""
        return [a for a in self.applications.values() if a.state == "waiting" and a.queue() == queue]

    def of_territory(self, territory: int) -> list[Application]:
        """Every application of a territory, in order of number."""
        return [self.applications[n] for n in sorted(self.applications) if self.applications[n].territory == territory]

    def grants(self, bulletin: Bulletin) -> list[Application]:
        """Who holds a grant to that bulletin, in the order in which they were granted."""
        holders = [a for a in self.applications.values() if a.grant is not None and a.grant.bulletin is bulletin]
        return sorted(holders, key=lambda a: a.grant.index)

    def bulletins_of(self, queue: Queue, stage: str) -> list[Bulletin]:
        """The bulletins of one queue at one stage, oldest first."""
        return [b for b in self.bulletins if b.queue == queue and b.stage == stage]

    def has_other_live(self, territory: int, kind: str, child: str, except_number: int) -> bool:
        """R14: whether the child has a live application of that kind and territory, whatever the birth year."""
        for other in self.applications.values():
            if other.number == except_number or other.state not in LIVE:
                continue
            if (other.territory, other.kind, other.child) == (territory, kind, child):
                return True
        return False
