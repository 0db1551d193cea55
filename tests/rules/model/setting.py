# SPDX-License-Identifier: Apache-2.0
"""What differs from history to history: how many territories, how busy, which policies. And how a history begins."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .entries import Entry
from .localtime import MINUTE_MS

Proposal = tuple[str, Entry]
"""The type and the fields of an entry to come, at times its request id too."""

WEIGHTS = {
    "application": 12.0,
    "vacancy": 8.0,
    "claim": 9.0,
    "retract": 3.5,
    "enrol": 2.5,
    "decline": 2.0,
    "withdraw": 2.0,
    "ready": 2.0,
    "reclassify": 2.0,
    "correct": 1.5,
    "reinstate": 1.0,
    "kindergarten": 1.2,
    "policy": 1.0,
    "calendar": 0.7,
    "territory": 1.0,
}
"""How often what is proposed, one with the other."""

ROLES = ("administrator", "clerk", "kindergarten", "portal", "auditor", "operator", "none")

OFFSETS = (-840, -210, 0, 300, 345, 360, 840)
START_MS = 1_792_800_000_000
"""24 October 2026, 00:00 UTC."""


@dataclass
class Setting:
    """The habits of one history."""

    start: int
    territories: dict[int, int]
    """Number and offset."""
    kindergartens: dict[int, int]
    """Number and territory."""
    years: list[int]
    correctional: float
    """How often a child or place is of that kind."""
    general: float
    """How often a child is in no privileged category."""
    step_ms: int
    promptness: dict[str, float]
    """How often a `publish`, a `morning` that is due is written at once."""
    calling: float
    """How often a grant that is due is written before anything else."""
    boundaries: float
    """How often time goes to the next evening or morning."""
    weights: dict[str, float]
    """WEIGHTS as this history has them."""

    @staticmethod
    def draw(source: random.Random) -> Setting:
        """Draws the habits of one history."""
        numbers = source.sample((1, 2, 7, 4_294_967_295), source.choice((1, 1, 2, 3)))
        kindergartens = {}
        for number in range(1, len(numbers) * source.choice((1, 2, 3)) + 1):
            kindergartens[number] = numbers[number % len(numbers)]
        return Setting(
            start=START_MS + source.randrange(400 * 24 * 60) * MINUTE_MS,
            territories={number: source.choice(OFFSETS) for number in numbers},
            kindergartens=kindergartens,
            years=source.sample(range(2019, 2025), source.choice((1, 1, 2, 3))),
            correctional=source.choice((0.0, 0.1, 0.3)),
            general=source.choice((0.3, 0.5, 0.7)),
            step_ms=source.choice((10, 60, 240)) * MINUTE_MS,
            promptness={type_: source.choice((0.1, 0.5, 0.8, 1.0)) for type_ in ("publish", "morning")},
            calling=source.choice((0.2, 0.5, 0.8, 1.0)),
            boundaries=source.choice((0.05, 0.15, 0.3)),
            weights={type_: weight * source.choice((0.3, 1, 1, 3)) for type_, weight in WEIGHTS.items()},
        )


def random_hex(source: random.Random, size: int) -> str:
    """So many random bytes in hex."""
    return source.randbytes(size).hex()


def opening(setting: Setting) -> list[Proposal]:
    """The entries that a history begins with."""
    entries: list[Proposal] = [("membership", {})]
    for number, offset in setting.territories.items():
        entries.append(("territory", {"territory": number, "name": f"Қала {number}", "utc_offset_minutes": offset}))
    for number, territory in setting.kindergartens.items():
        fields = {"kindergarten": number, "territory": territory, "name": f"№{number}", "open": True}
        entries.append(("kindergarten", fields))
    return entries


def first_actors(setting: Setting, source: random.Random) -> list[Proposal]:
    """One actor of each role at least, for all territories and for one; before them one that can not be the first."""
    territories = list(setting.territories)
    kindergartens = list(setting.kindergartens)
    wanted = [("clerk", 0, 0), ("administrator", territories[0], 0)][: source.randrange(3)]
    wanted += [("administrator", 0, 0), ("administrator", 0, 0), ("administrator", territories[0], 0)]
    wanted += [("clerk", 0, 0), ("clerk", territories[-1], 0), ("portal", 0, 0), ("portal", territories[0], 0)]
    wanted += [("kindergarten", source.choice([0, *territories]), number) for number in kindergartens[:3]]
    wanted += [("auditor", 0, 0), ("operator", 0, 0), ("none", 0, 0)]
    assert {role for role, _, _ in wanted} == set(ROLES)
    return [("actor", actor_fields(source, number, *who)) for number, who in enumerate(wanted, start=1)]


def actor_fields(source: random.Random, number: int, role: str, territory: int, kindergarten: int) -> Entry:
    """The fields of an `actor` entry."""
    return {
        "number": number,
        "role": role,
        "territory": territory,
        "kindergarten": kindergarten,
        "key_hash": random_hex(source, 32),
    }
