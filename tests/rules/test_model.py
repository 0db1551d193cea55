# SPDX-License-Identifier: Apache-2.0
"""The naive model keeps RULES.md: its examples, told as stories, and the ledgers of another model."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import re
import sys
import unittest
from typing import Any

from model.coverage import POSSIBLE
from model.histories import generate
from model.invariants import assert_invariants
from model.localtime import Date
from model.model import Model
from model.order import positions_by_arithmetic, positions_by_walk
from model.state import Application
from model.story import OFFSET, Story

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = pathlib.Path(os.environ.get("KEZEK_EXAMPLES", ROOT.parent / "shared" / "examples"))
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (f"2026-11-{day}" for day in (16, 17, 18, 19, 20))
NEXT_MONDAY, NEXT_TUESDAY, NEXT_WEDNESDAY = (f"2026-11-{day}" for day in (23, 24, 25))


class WorkedExample(unittest.TestCase):
    """RULES.md's queue of eight."""

    def test_the_worked_example_is_as_written(self) -> None:
        story = Story()
        categories = {"C": "first_priority", "F": "out_of_turn", "G": "first_priority"}
        number = {name: story.apply_for(categories.get(name, "general")) for name in "ABCDEFGH"}
        name_of = {value: name for name, value in number.items()}

        def order() -> str:
            return "".join(name_of[value] for value in story.order())

        self.assertEqual(order(), "FCABDGEH")
        story.vacancy(2)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, number["F"], number["C"])
        self.assertEqual(story.cycle(), 1)
        self.assertEqual(order(), "ABDGEH")
        story.claim("ok", number["F"])
        self.assertEqual(story.bulletin(bulletin).last_day, Date.fromisoformat(THURSDAY))
        story.morning(THURSDAY)
        self.assertEqual(order(), "ABDGEH")
        story.morning(FRIDAY)
        self.assertEqual(order(), "ABDCEHG")


class LastDays(unittest.TestCase):
    """R3, R26."""

    def three_working_days_from_friday(self, story: Story) -> tuple[int, int]:
        """A bulletin that Friday's morning opens for one of two who wait; the numbers of both."""
        first, second = story.apply_for(), story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(THURSDAY)
        story.morning(FRIDAY)
        story.grant(bulletin, first)
        return first, second

    def test_access_from_friday_lasts_through_tuesday(self) -> None:
        story = Story()
        first, second = self.three_working_days_from_friday(story)
        story.morning(NEXT_TUESDAY)
        story.claim("no_access", second)
        story.claim("ok", first)

    def test_wednesdays_morning_opens_what_is_left(self) -> None:
        story = Story()
        first, second = self.three_working_days_from_friday(story)
        story.morning(NEXT_WEDNESDAY)
        self.assertEqual((story.application(first).state, story.application(first).unused_grants), ("waiting", 1))
        story.claim("ok", second)

    def test_a_holiday_prolongs_access_only_when_known_at_the_opening(self) -> None:
        for before, last_day in ((True, NEXT_WEDNESDAY), (False, NEXT_TUESDAY)):
            story = Story()
            holiday = {"date": NEXT_MONDAY, "working": False}
            if before:
                story.expect("ok", "calendar", **holiday)
            self.three_working_days_from_friday(story)
            if not before:
                story.expect("ok", "calendar", **holiday)
            self.assertEqual(story.model.state.bulletins[0].last_day, Date.fromisoformat(last_day))

    def test_a_calendar_day_counts_its_morning(self) -> None:
        story = Story()
        story.policy(access_days=1, access_unit="calendar")
        self.three_working_days_from_friday(story)
        self.assertEqual(story.model.state.bulletins[0].last_day, Date.fromisoformat(FRIDAY))

    def test_a_referral_does_not_count_the_day_of_its_claim(self) -> None:
        story = Story()
        story.policy(referral_days=1)
        first, _ = self.three_working_days_from_friday(story)
        story.claim("ok", first)
        story.morning(NEXT_MONDAY)
        self.assertEqual(story.application(first).state, "referred")
        story.morning(NEXT_TUESDAY)
        self.assertEqual(story.application(first).state, "waiting")


class Cycle(unittest.TestCase):
    """R7, R8."""

    def story_at_cycle_two(self) -> Story:
        """A queue whose first priority and first general applicant were called."""
        story = Story()
        first, general = story.apply_for("first_priority"), story.apply_for()
        for _ in range(3):
            story.apply_for()
        story.vacancy(2)
        story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(story.model.index - 1, first, general)
        self.assertEqual(story.cycle(), 2)
        return story

    def test_a_new_ratio_leaves_the_remainder(self) -> None:
        for first, general, cycle in ((1, 1, 0), (2, 3, 2), (1, 2, 2)):
            story = self.story_at_cycle_two()
            story.policy(first_priority=first, general=general)
            self.assertEqual(story.cycle(), cycle)

    def test_calling_goes_on_from_where_the_ratio_left_it(self) -> None:
        story = self.story_at_cycle_two()
        late = story.apply_for("first_priority")
        self.assertEqual(story.order().index(late), 2)
        story.policy(first_priority=3, general=1)
        self.assertEqual(story.order().index(late), 0)

    def test_a_grant_keeps_what_was_passed_over_on_the_way(self) -> None:
        story = Story()
        general, first = story.apply_for(), story.apply_for("first_priority", birth_year=2021)
        story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        self.assertEqual(story.cycle(), 0)
        story.grant(bulletin, general)
        self.assertEqual(story.cycle(), 2)
        story.expect("ok", "correct", application=first, birth_year=2022, kind="ordinary")
        self.assertEqual(story.order()[1], first)

    def test_the_date_goes_before_the_number(self) -> None:
        story = Story()
        late, early, equal = (story.apply_for(applied_at=date) for date in (9, 5, 5))
        self.assertEqual(story.order(), [early, equal, late])

    def test_out_of_turn_and_owed_leave_the_cycle(self) -> None:
        story = self.story_at_cycle_two()
        privileged = story.apply_for("out_of_turn")
        story.vacancy(1)
        bulletin = story.evening(TUESDAY)
        story.morning(WEDNESDAY)
        story.grant(bulletin, privileged)
        self.assertEqual(story.cycle(), 2)

    def test_the_arithmetic_gives_what_the_walk_gives(self) -> None:
        for f, g in itertools.product((1, 2, 3), repeat=2):
            for owed, out_of_turn, first, general in itertools.product(range(2), range(2), range(6), range(8)):
                categories = ["general"] * owed + ["out_of_turn"] * out_of_turn
                categories += ["first_priority"] * first + ["general"] * general
                waiting = [Application(n, 1, 2022, "ordinary", c, "", 0) for n, c in enumerate(categories)]
                for application in waiting[:owed]:
                    application.owed = True
                for c in range(f + g):
                    walk = positions_by_walk(waiting, c, f, g)
                    self.assertEqual(positions_by_arithmetic(waiting, c, f, g), walk, (c, f, g, categories))


class TakingBack(unittest.TestCase):
    """R13, R20."""

    def test_places_go_in_the_rules_order_and_newest_bulletin_first(self) -> None:
        story = Story()
        for _ in range(9):
            story.apply_for()
        bulletins = []
        for evening, morning in ((MONDAY, TUESDAY), (TUESDAY, WEDNESDAY)):
            story.vacancy(2)
            bulletins.append(story.evening(evening))
            story.morning(morning)
        for evening in (WEDNESDAY, THURSDAY):
            story.vacancy(2)
            bulletins.append(story.evening(evening))
        story.vacancy(2)
        story.retract("no_place", 11)
        story.retract("ok", 3)
        self.assertEqual([story.bulletin(index).free() for index in bulletins], [2, 2, 2, 1])
        story.retract("ok", 4)
        self.assertEqual([story.bulletin(index).free() for index in bulletins], [2, 1, 0, 0])
        self.assertEqual([story.bulletin(index).calls_due for index in bulletins], [2, 1, 0, 0])

    def test_open_places_go_before_published_ones(self) -> None:
        story = Story()
        story.vacancy(1)
        story.evening(MONDAY)
        story.morning(TUESDAY)
        story.vacancy(1)
        published = story.evening(TUESDAY)
        story.retract("ok", 1)
        self.assertEqual(story.bulletin(published).free(), 1)
        self.assertEqual(sum(story.model.state.open.values()), 0)

    def test_calls_due_are_lowered_before_the_last_grant_ends(self) -> None:
        story = Story()
        numbers = [story.apply_for("first_priority")] + [story.apply_for() for _ in range(4)]
        story.vacancy(4)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, *numbers[:3])
        self.assertEqual((story.bulletin(bulletin).calls_due, story.cycle()), (1, 3))
        story.retract("ok", 1)
        self.assertEqual(story.bulletin(bulletin).calls_due, 0)
        self.assertEqual(story.order(), numbers[3:])
        story.retract("ok", 2)
        self.assertEqual(story.order(), [numbers[1], numbers[2], numbers[3], numbers[4]])
        self.assertEqual([story.application(n).owed for n in numbers], [False, True, True, False, False])
        self.assertEqual([story.application(n).unused_grants for n in numbers], [0] * 5)
        self.assertEqual(story.cycle(), 3)

    def test_the_owed_are_called_before_out_of_turn_and_owed_no_more(self) -> None:
        story = Story()
        owed, other = story.apply_for(), story.apply_for()
        story.vacancy(1)
        story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(story.model.index - 1, owed)
        story.retract("ok", 1)
        privileged = story.apply_for("out_of_turn")
        self.assertEqual(story.order(), [owed, privileged, other])
        story.vacancy(1)
        bulletin = story.evening(TUESDAY)
        story.morning(WEDNESDAY)
        story.expect("not_next", "grant", application=privileged, bulletin=bulletin)
        story.grant(bulletin, owed)
        story.morning(NEXT_MONDAY)
        self.assertEqual(story.order(), [privileged, owed, other])

    def test_a_correction_ends_being_owed_and_reclassifying_does_not(self) -> None:
        story = Story()
        owed = story.apply_for()
        story.vacancy(1)
        story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(story.model.index - 1, owed)
        story.retract("ok", 1)
        story.expect("ok", "reclassify", application=owed, category="first_priority", evidence="0" * 32)
        self.assertTrue(story.application(owed).owed)
        story.expect("ok", "correct", application=owed, birth_year=2022, kind="ordinary")
        self.assertFalse(story.application(owed).owed)

    def test_closing_takes_all_back_and_referrals_can_still_be_enrolled(self) -> None:
        story = Story()
        first, second, third = (story.apply_for() for _ in range(3))
        story.vacancy(3)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, first, second, third)
        story.claim("ok", first)
        story.claim("ok", second)
        story.vacancy(5)
        story.expect("ok", "kindergarten", kindergarten=1, territory=1, name="№1", open=False)
        self.assertTrue(story.application(third).owed)
        story.claim("closed", third)
        story.expect("ok", "enrol", application=first)
        story.expect("ok", "decline", application=second)
        story.expect("ok", "kindergarten", kindergarten=1, territory=1, name="№1", open=True)
        story.retract("no_place", 1)


class Mornings(unittest.TestCase):
    """R22, R23, R25, R25a."""

    def test_a_lapsed_referrals_place_waits_for_the_next_evening(self) -> None:
        story = Story()
        story.policy(referral_days=1)
        first, second = story.apply_for(), story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, first)
        story.claim("ok", first)
        story.morning(THURSDAY)
        self.assertEqual((story.application(first).state, story.application(first).unused_grants), ("waiting", 1))
        self.assertEqual(story.model.state.reported[(1, 2022, "ordinary")], 1)
        story.claim("no_place", second)
        later = story.evening(THURSDAY)
        self.assertEqual(story.bulletin(later).free(), 1)

    def test_who_lapses_this_morning_can_be_called_this_morning(self) -> None:
        story = Story()
        story.policy(referral_days=1)
        only = story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, only)
        story.claim("ok", only)
        story.vacancy(3)
        later = story.evening(WEDNESDAY)
        story.morning(THURSDAY)
        self.assertEqual(story.bulletin(later).calls_due, 1)

    def test_a_pause_begins_by_a_morning_and_ends_whatever_the_count(self) -> None:
        story = Story()
        story.policy(referral_days=1, stop_list_days=1, unused_limit=1)
        only = story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, only)
        story.claim("ok", only)
        story.morning(THURSDAY)
        self.assertEqual((story.application(only).state, story.application(only).unused_grants), ("paused", 1))
        story.morning(FRIDAY)
        self.assertEqual(story.application(only).state, "paused")
        story.morning("2026-11-21")
        self.assertEqual(story.application(only).state, "waiting")

    def test_calls_of_one_morning_are_not_more_than_those_who_wait(self) -> None:
        story = Story()
        for _ in range(3):
            story.apply_for()
        bulletins = []
        for evening in (MONDAY, TUESDAY, WEDNESDAY):
            story.vacancy(2)
            bulletins.append(story.evening(evening))
        story.morning(THURSDAY)
        self.assertEqual([story.bulletin(index).calls_due for index in bulletins], [2, 1, 0])
        self.assertEqual([story.bulletin(index).stage for index in bulletins], ["priority", "priority", "over"])

    def test_calls_still_due_from_earlier_mornings_are_not_subtracted(self) -> None:
        story = Story()
        story.apply_for()
        story.apply_for()
        bulletins = []
        for evening, morning in ((MONDAY, TUESDAY), (TUESDAY, WEDNESDAY)):
            story.vacancy(2)
            bulletins.append(story.evening(evening))
            story.morning(morning)
        self.assertEqual([story.bulletin(index).calls_due for index in bulletins], [2, 2])

    def test_the_older_bulletin_is_called_for_first(self) -> None:
        story = Story()
        numbers = [story.apply_for() for _ in range(3)]
        bulletins = []
        for evening in (MONDAY, TUESDAY):
            story.vacancy(1)
            bulletins.append(story.evening(evening))
        story.morning(WEDNESDAY)
        story.expect("not_due", "grant", application=numbers[0], bulletin=bulletins[1])
        story.expect("not_next", "grant", application=numbers[1], bulletin=bulletins[0])
        story.grant(bulletins[0], numbers[0])
        story.expect("not_next", "grant", application=numbers[0], bulletin=bulletins[1])
        story.expect("not_due", "grant", application=numbers[1], bulletin=bulletins[0])
        story.grant(bulletins[1], numbers[1])

    def test_a_bulletin_of_this_very_morning_waits_for_the_next(self) -> None:
        story = Story()
        story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(MONDAY)
        story.expect("ok", "morning", territory=1, date=MONDAY)
        self.assertEqual(story.bulletin(bulletin).stage, "published")
        story.morning(TUESDAY)
        self.assertEqual(story.bulletin(bulletin).stage, "priority")

    def test_a_bulletin_must_be_before_the_morning_as_set_now(self) -> None:
        for hours, stage in ((("19:00", "18:00"), "published"), (("19:00", "18:01"), "priority")):
            story = Story()
            story.apply_for()
            story.vacancy(1)
            bulletin = story.evening(MONDAY)
            story.policy(evening=hours[0], morning=hours[1])
            story.at(MONDAY, "18:30")
            story.expect("ok", "morning", territory=1, date=MONDAY)
            self.assertEqual(story.bulletin(bulletin).stage, stage)

    def test_an_earlier_date_is_not_due_after_a_later_one(self) -> None:
        story = Story()
        story.evening(TUESDAY)
        story.expect("ok", "territory", territory=1, name="Ақтау", utc_offset_minutes=-840)
        # It is Monday 23:00 there now.
        story.expect("not_due", "publish", territory=1, date=MONDAY)
        story.expect("ok", "morning", territory=1, date=MONDAY)

    def test_due_is_at_the_hour_of_that_date_and_once(self) -> None:
        story = Story()
        story.at(MONDAY, "17:59")
        story.expect("not_due", "publish", territory=1, date=MONDAY)
        story.at(MONDAY, "18:00")
        story.expect("not_due", "publish", territory=1, date=TUESDAY)
        story.expect("ok", "publish", territory=1, date=MONDAY)
        story.expect("not_due", "publish", territory=1, date=MONDAY)
        story.at(TUESDAY, "23:59")
        story.expect("not_due", "publish", territory=1, date=MONDAY)
        story.expect("ok", "publish", territory=1, date=TUESDAY)
        story.expect("ok", "territory", territory=1, name="Ақтау", utc_offset_minutes=OFFSET - 300)
        story.expect("not_due", "publish", territory=1, date=TUESDAY)

    def test_nobody_waiting_ends_the_calls_and_opens_the_places(self) -> None:
        story = Story()
        last = story.apply_for()
        resting_elsewhere = story.apply_for(birth_year=2021)
        story.vacancy(2)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        self.assertEqual(story.bulletin(bulletin).calls_due, 1)
        story.expect("ok", "correct", application=last, birth_year=2021, kind="ordinary")
        self.assertEqual(story.bulletin(bulletin).stage, "over")
        story.expect("ok", "correct", application=resting_elsewhere, birth_year=2022, kind="ordinary")
        story.claim("ok", resting_elsewhere)

    def test_a_grant_keeps_the_bulletin_when_nobody_else_waits(self) -> None:
        story = Story()
        first, second = story.apply_for(), story.apply_for()
        story.vacancy(3)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, first)
        story.expect("ok", "withdraw", application=second)
        self.assertEqual((story.bulletin(bulletin).stage, story.bulletin(bulletin).calls_due), ("priority", 0))
        story.claim("ok", first)
        self.assertEqual(sum(story.model.state.open.values()), 2)


class UnusedGrants(unittest.TestCase):
    """R15 to R18a, R27."""

    def called(self, **policy: Any) -> tuple[Story, int]:
        """One who holds a grant, alone in the queue."""
        story = Story()
        story.policy(**policy)
        only = story.apply_for()
        story.vacancy(2)
        bulletin = story.evening(MONDAY)
        story.morning(TUESDAY)
        story.grant(bulletin, only)
        return story, only

    def test_who_reaches_the_limit_rests_until_ready(self) -> None:
        story, only = self.called(unused_limit=1, access_days=1)
        story.morning(WEDNESDAY)
        self.assertEqual(story.application(only).state, "resting")
        self.assertEqual(story.order(), [])
        story.expect("ok", "ready", application=only)
        story.expect("wrong_state", "ready", application=only)
        self.assertEqual((story.order(), story.application(only).unused_grants), ([only], 0))

    def test_who_rests_may_claim_an_open_place(self) -> None:
        story, only = self.called(unused_limit=1, access_days=1)
        story.morning(WEDNESDAY)
        story.claim("ok", only)
        self.assertFalse(story.application(only).referral.by_grant)
        story.expect("ok", "decline", application=only)
        self.assertEqual((story.application(only).state, story.application(only).unused_grants), ("waiting", 1))

    def test_a_called_one_takes_by_its_grant_before_an_open_place(self) -> None:
        story = Story()
        story.vacancy(1)
        story.evening(MONDAY)
        story.morning(TUESDAY)
        only, _ = story.apply_for(), story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(TUESDAY)
        story.morning(WEDNESDAY)
        story.grant(bulletin, only)
        story.claim("ok", only)
        self.assertTrue(story.application(only).referral.by_grant)

    def test_claiming_an_open_place_ends_being_owed(self) -> None:
        story = Story()
        story.vacancy(1, kindergarten=2)
        story.evening(MONDAY)
        story.morning(TUESDAY)
        only = story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(TUESDAY)
        story.morning(WEDNESDAY)
        story.grant(bulletin, only)
        story.retract("ok", 1)
        self.assertTrue(story.application(only).owed)
        story.claim("ok", only, kindergarten=2)
        story.expect("ok", "decline", application=only)
        self.assertFalse(story.application(only).owed)

    def test_declining_a_place_taken_by_the_grant_is_unused(self) -> None:
        story, only = self.called(unused_limit=1)
        story.claim("ok", only)
        story.expect("ok", "decline", application=only)
        self.assertEqual((story.application(only).state, story.application(only).unused_grants), ("resting", 1))

    def test_the_limit_counts_as_set_when_the_grant_ends(self) -> None:
        for limit, state in ((0, "waiting"), (1, "resting"), (2, "waiting")):
            story, only = self.called(unused_limit=0, access_days=1)
            story.policy(unused_limit=limit)
            story.morning(WEDNESDAY)
            self.assertEqual(story.application(only).state, state)

    def test_withdrawing_is_no_unused_grant_and_reinstating_keeps_count_and_date(self) -> None:
        story, only = self.called(access_days=1)
        story.morning(WEDNESDAY)
        applied_at = story.application(only).applied_at
        story.expect("ok", "withdraw", application=only)
        story.expect("ok", "reinstate", application=only)
        self.assertEqual((story.application(only).unused_grants, story.application(only).applied_at), (1, applied_at))
        self.assertEqual(story.order(), [only])

    def test_a_called_one_without_such_a_place_takes_an_open_one(self) -> None:
        story = Story()
        story.vacancy(1, kindergarten=2)
        story.evening(MONDAY)
        story.morning(TUESDAY)
        first, second = story.apply_for(), story.apply_for()
        story.vacancy(1)
        bulletin = story.evening(TUESDAY)
        story.morning(WEDNESDAY)
        story.grant(bulletin, first)
        story.claim("ok", first, kindergarten=2)
        self.assertFalse(story.application(first).referral.by_grant)
        self.assertEqual(story.application(first).unused_grants, 0)
        story.claim("ok", second)
        self.assertFalse(story.application(second).referral.by_grant)


class Examples(unittest.TestCase):
    """The ledgers of another model of the same rules."""

    def test_every_result_and_position_is_the_same(self) -> None:
        if not EXAMPLES.is_dir():
            missing = f"SKIPPED: no example ledgers in {EXAMPLES}; KEZEK_EXAMPLES says where they are"
            print(missing, file=sys.stderr)
            self.skipTest(missing)
        ledgers = sorted(EXAMPLES.glob("ledger-*.jsonl"))
        self.assertTrue(ledgers, f"no ledger in {EXAMPLES}")
        for ledger in ledgers:
            name = ledger.stem.removeprefix("ledger-")
            wanted = {}
            for path in EXAMPLES.glob(f"positions-{name}-at-*.csv"):
                wanted[int(re.findall(r"[0-9]+", path.stem)[-1])] = path
            model = Model()
            for line in ledger.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                result = model.apply(entry)
                self.assertEqual(result, entry.get("result", "ok"), f"{ledger.name} index {model.index}")
                assert_invariants(model)
                if model.index in wanted:
                    self.assert_positions(model, wanted[model.index])
            self.assert_positions(model, EXAMPLES / f"positions-{name}.csv")

    def assert_positions(self, model: Model, path: pathlib.Path) -> None:
        """The model's positions are those of the file."""
        self.assertEqual(model.positions(), path.read_text(encoding="utf-8").splitlines(), path.name)


class Histories(unittest.TestCase):
    """The generator."""

    SEEDS = range(60)

    def test_histories_keep_the_invariants_and_reach_every_result(self) -> None:
        missing = {(type_, result) for type_, results in POSSIBLE.items() for result in results}
        for seed in self.SEEDS:
            model = Model()
            for entry in generate(seed, 400, actors=seed % 2 == 1):
                self.assertEqual(model.apply(entry), entry["result"], f"seed {seed}, index {entry['index']}")
                self.assertIn(entry["result"], (*POSSIBLE.get(entry["type"], ()), "ok"))
                if model.index % 10 == 0:
                    assert_invariants(model)
                missing.discard((entry["type"], entry["result"]))
        self.assertEqual(missing, set())

    def test_the_same_seed_gives_the_same_history(self) -> None:
        self.assertEqual(list(generate(7, 200, True)), list(generate(7, 200, True)))
        self.assertNotEqual(list(generate(7, 200, True)), list(generate(8, 200, True)))


if __name__ == "__main__":
    unittest.main()
