# SPDX-License-Identifier: Apache-2.0
"""The naive model keeps RULES.md: request ids (R29), actors (R30), and the order in which results are looked for."""

from __future__ import annotations

import unittest
from typing import Any

from model.localtime import DAY_MS
from model.story import OFFSET, POLICY, Story

MONDAY, TUESDAY = "2026-11-16", "2026-11-17"


class Requests(unittest.TestCase):
    """R29."""

    REQUEST = "ab" * 16

    def test_the_same_again_is_repeated_and_another_a_conflict(self) -> None:
        story = Story()
        fields = story.application_fields(request=self.REQUEST)
        story.expect("ok", "application", **fields)
        story.expect("repeated", "application", **fields)
        story.expect("conflict", "application", **fields, applied_at=story.time)
        story.expect("conflict", "withdraw", application=5, request=self.REQUEST)
        story.expect("repeated", "application", **fields)

    def test_a_refused_entry_is_remembered_too(self) -> None:
        story = Story()
        story.expect("unknown_application", "ready", application=6, request=self.REQUEST)
        story.apply_for()
        story.expect("repeated", "ready", application=6, request=self.REQUEST)

    def test_an_id_is_remembered_for_400_days_from_its_first_entry(self) -> None:
        vacancy = {"kindergarten": 1, "birth_year": 2022, "kind": "ordinary", "places": 1, "request": self.REQUEST}
        for later, result in ((400 * DAY_MS, "repeated"), (400 * DAY_MS + 1, "ok")):
            story = Story()
            start = story.time
            story.expect("ok", "vacancy", **vacancy)
            story.time = start + 300 * DAY_MS
            story.expect("repeated", "vacancy", **vacancy)
            story.time = start + later
            story.expect(result, "vacancy", **vacancy)

    def test_zero_is_no_id(self) -> None:
        story = Story()
        date = {"date": MONDAY, "working": True, "request": "0" * 32}
        story.expect("ok", "calendar", **date)
        story.expect("ok", "calendar", **date)

    def test_a_repeat_is_found_before_its_actor_is_judged(self) -> None:
        story = Story()
        date = {"date": MONDAY, "working": True, "request": self.REQUEST}
        story.expect("ok", "calendar", **date)
        story.expect("ok", "actor", **actor(1, "administrator"))
        story.expect("repeated", "calendar", **date, actor=99)


def actor(number: int, role: str, territory: int = 0, kindergarten: int = 0) -> dict[str, Any]:
    """The fields of an `actor` entry."""
    who = {"number": number, "role": role, "territory": territory, "kindergarten": kindergarten}
    return who | {"key_hash": "0" * 64}


class Refusals(unittest.TestCase):
    """R30, and the order in which results are looked for."""

    def story_with_actors(self) -> Story:
        """Two territories, a kindergarten (3) in the second, and actors of every role."""
        story = Story()
        story.expect("ok", "territory", territory=2, name="Алматы", utc_offset_minutes=OFFSET)
        story.expect("ok", "kindergarten", kindergarten=3, territory=2, name="№3", open=True)
        story.expect("invalid", "actor", **actor(1, "clerk"))
        story.expect("invalid", "actor", **actor(1, "administrator", territory=1))
        story.expect("ok", "actor", **actor(1, "administrator"))
        roles = (("administrator", 1, 0), ("clerk", 1, 0), ("kindergarten", 2, 1), ("portal", 0, 0), ("auditor", 0, 0))
        for number, who in enumerate(roles, start=2):
            story.expect("ok", "actor", **actor(number, *who), actor=1)
        return story

    def test_the_first_thing_wrong_is_the_result(self) -> None:
        story = self.story_with_actors()
        wrong = story.application_fields(territory=9, birth_year=1999)
        story.expect("not_allowed", "application", **wrong, actor=4)
        story.expect("not_allowed", "application", **wrong, actor=0)
        story.expect("unknown_territory", "application", **wrong, actor=3)
        wrong["territory"] = 2
        story.expect("not_allowed", "application", **wrong, actor=3)
        story.expect("invalid", "application", **wrong, actor=1)

        story.expect("ok", "application", **story.application_fields(), actor=1)
        number = story.model.index
        claims = ((0, 9, "unknown_application"), (number, 9, "unknown_kindergarten"), (number, 0, "invalid"))
        for application, kindergarten, result in claims + ((number, 3, "wrong_territory"), (number, 1, "no_place")):
            story.expect(result, "claim", application=application, kindergarten=kindergarten, actor=1)
        story.expect("ok", "withdraw", application=number, actor=5)
        story.expect("wrong_state", "claim", application=number, kindergarten=3, actor=1)
        story.expect("ok", "reinstate", application=number, actor=1)
        closing = {"kindergarten": 3, "territory": 2, "name": "№3", "open": False}
        story.expect("ok", "kindergarten", **closing, actor=1)
        story.expect("wrong_territory", "claim", application=number, kindergarten=3, actor=1)

    def test_an_administrator_of_one_territory_stays_in_it(self) -> None:
        story = self.story_with_actors()
        story.expect("not_allowed", "calendar", date=MONDAY, working=True, actor=2)
        story.expect("not_allowed", "kindergarten", kindergarten=1, territory=2, name="x", open=True, actor=2)
        of_another = {"kindergarten": 3, "territory": 1, "name": "x", "open": True}
        story.expect("wrong_territory", "kindergarten", **of_another, actor=2)
        story.expect("not_allowed", "policy", **(POLICY | {"territory": 2}), actor=2)
        story.expect("ok", "policy", **POLICY, actor=2)

    def test_a_kindergarten_acts_for_itself_whatever_its_territory_field(self) -> None:
        story = self.story_with_actors()
        places = {"birth_year": 2022, "kind": "ordinary", "places": 1}
        story.expect("ok", "vacancy", kindergarten=1, **places, actor=4)
        story.expect("not_allowed", "retract", kindergarten=2, **places, actor=4)
        story.expect("not_allowed", "vacancy", kindergarten=0, **places, actor=4)
        story.expect("invalid", "vacancy", kindergarten=0, **places, actor=1)
        story.expect("ok", "application", **story.application_fields(), actor=5)
        number = story.model.index
        story.expect("wrong_state", "enrol", application=number, actor=4)
        story.expect("ok", "vacancy", kindergarten=2, **places, actor=1)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, number)
        story.expect("ok", "claim", application=number, kindergarten=2, actor=5)
        story.expect("not_allowed", "enrol", application=number, actor=4)
        story.expect("ok", "enrol", application=number, actor=1)

    def test_before_the_first_actor_anybody_writes_anything(self) -> None:
        story = Story()
        story.at(MONDAY, "18:00")
        story.expect("ok", "publish", territory=1, date=MONDAY, actor=7)
        story.expect("ok", "calendar", date=MONDAY, working=True, actor=7)
        story.expect("ok", "actor", **actor(1, "administrator"))
        story.at(TUESDAY, "18:00")
        story.expect("not_allowed", "publish", territory=1, date=TUESDAY, actor=1)
        story.expect("not_allowed", "calendar", date=MONDAY, working=True)

    def test_a_portal_brings_in_no_older_register(self) -> None:
        story = self.story_with_actors()
        dated = story.application_fields(applied_at=1, territory=9)
        story.expect("not_allowed", "application", **dated, actor=5)
        story.expect("unknown_territory", "application", **dated, actor=3)

    def test_a_closed_register_stays_closed_and_takes_no_dates(self) -> None:
        story = Story()
        story.policy(register_closed=True)
        story.expect("invalid", "policy", **POLICY)
        story.expect("not_allowed", "application", **story.application_fields(applied_at=story.time + 1))
        story.apply_for()

    def test_one_live_application_per_child_kind_and_territory(self) -> None:
        story = Story()
        first = story.apply_for(child="c" * 32)
        twin = story.application_fields(child="c" * 32, birth_year=2021)
        story.expect("duplicate", "application", **twin)
        other = story.apply_for(child="c" * 32, kind="correctional")
        story.expect("duplicate", "correct", application=other, birth_year=2022, kind="ordinary")
        story.expect("ok", "withdraw", application=first)
        story.expect("ok", "application", **twin)
        story.expect("duplicate", "reinstate", application=first)


if __name__ == "__main__":
    unittest.main()
