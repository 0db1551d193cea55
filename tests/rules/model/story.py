# SPDX-License-Identifier: Apache-2.0
"""A small world in which tests tell stories to the model, in local dates and hours."""

from __future__ import annotations

import csv
from typing import Any

from .invariants import assert_invariants
from .localtime import Date, instant
from .model import Model
from .state import Application, Bulletin

OFFSET = 300
POLICY = {
    "territory": 1,
    "evening": "18:00",
    "morning": "07:00",
    "first_priority": 1,
    "general": 3,
    "access_days": 3,
    "access_unit": "working",
    "referral_days": 5,
    "stop_list_days": 0,
    "unused_limit": 3,
    "register_closed": False,
}


class Story:
    """One territory (1) with the kindergartens 1 and 2, and queues of birth year 2022; time is told as local time."""

    def __init__(self) -> None:
        self.model = Model()
        self.time = 0
        self.children = 0
        self.at("2026-11-15", "12:00")
        self.write("membership")
        self.write("territory", territory=1, name="Ақтау", utc_offset_minutes=OFFSET)
        self.write("kindergarten", kindergarten=1, territory=1, name="№1", open=True)
        self.write("kindergarten", kindergarten=2, territory=1, name="№2", open=True)

    def at(self, date: str, hour: str) -> None:
        """Goes to that local date and hour."""
        minute = int(hour[:2]) * 60 + int(hour[3:])
        self.time = instant(Date.fromisoformat(date), minute, OFFSET)

    def write(self, type_: str, **fields: Any) -> str:
        """Writes one entry now and returns its result."""
        result = self.model.apply({"index": self.model.index + 1, "time": self.time, "type": type_, **fields})
        assert_invariants(self.model)
        return result

    def application_fields(self, category: str = "general", **fields: Any) -> dict[str, Any]:
        """The fields of an application for a new child."""
        self.children += 1
        child = f"{self.children:032x}"
        common = {"territory": 1, "birth_year": 2022, "kind": "ordinary", "category": category, "child": child}
        return common | {"evidence": "0" * 32, "secret_hash": "0" * 64} | fields

    def apply_for(self, category: str = "general", **fields: Any) -> int:
        """A child joins the queue; its number."""
        self.expect("ok", "application", **self.application_fields(category, **fields))
        return self.model.index

    def expect(self, result: str, type_: str, **fields: Any) -> None:
        """Writes one entry that must have this result."""
        found = self.write(type_, **fields)
        assert found == result, f"{type_} {fields}: {found}, not {result}"

    def vacancy(self, places: int, kindergarten: int = 1) -> None:
        """That many places are reported."""
        self.expect("ok", "vacancy", kindergarten=kindergarten, birth_year=2022, kind="ordinary", places=places)

    def retract(self, result: str, places: int, kindergarten: int = 1) -> None:
        """That many places are asked back."""
        self.expect(result, "retract", kindergarten=kindergarten, birth_year=2022, kind="ordinary", places=places)

    def evening(self, date: str) -> int:
        """The evening of that date; the number of its bulletins."""
        self.at(date, "18:00")
        self.expect("ok", "publish", territory=1, date=date)
        return self.model.index

    def morning(self, date: str) -> None:
        """The morning of that date."""
        self.at(date, "07:00")
        self.expect("ok", "morning", territory=1, date=date)

    def grant(self, bulletin: int, *numbers: int) -> None:
        """These are called for that bulletin, in this order."""
        for number in numbers:
            self.expect("ok", "grant", application=number, bulletin=bulletin)

    def claim(self, result: str, number: int, kindergarten: int = 1) -> None:
        """An applicant claims a place."""
        self.expect(result, "claim", application=number, kindergarten=kindergarten)

    def policy(self, **changes: Any) -> None:
        """A policy that differs from a new territory's in these."""
        self.expect("ok", "policy", **(POLICY | changes))

    def application(self, number: int) -> Application:
        """What the model knows of an application."""
        return self.model.state.applications[number]

    def order(self) -> list[int]:
        """Who waits in the ordinary queue of 2022, in the order of calling."""
        rows = [row for row in csv.DictReader(self.model.positions()) if row["kind"] == "ordinary"]
        placed = [(int(row["position"]), int(row["application"])) for row in rows if row["birth_year"] == "2022"]
        return [number for position, number in sorted(placed) if position > 0]

    def cycle(self) -> int:
        """R7's c of that queue."""
        return self.model.state.cycle.get((1, 2022, "ordinary"), 0)

    def bulletin(self, index: int) -> Bulletin:
        """The bulletin that the evening of that index made."""
        return next(bulletin for bulletin in self.model.state.bulletins if bulletin.index == index)
