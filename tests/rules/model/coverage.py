# SPDX-License-Identifier: Apache-2.0
"""What random histories reach in the model: results by type, situations, and both ways of every branch."""

from __future__ import annotations

import ast
import pathlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType
from typing import Any

from .entries import Entry
from .invariants import assert_invariants
from .model import Model

MEASURED = ("clock", "entries", "family", "localtime", "model", "office", "order", "permission", "places", "state")
Arc = tuple[CodeType, int, int]
"""A step inside one function: from a line to a line, 0 for its beginning and its return."""


ASKED_FOR = ("ok", "repeated", "conflict", "not_allowed")
ABOUT_APPLICATION = ASKED_FOR + ("unknown_application", "wrong_state")
POSSIBLE: dict[str, tuple[str, ...]] = {
    "territory": ASKED_FOR + ("invalid",),
    "policy": ASKED_FOR + ("unknown_territory", "invalid"),
    "calendar": ASKED_FOR + ("invalid",),
    "kindergarten": ASKED_FOR + ("unknown_territory", "invalid", "wrong_territory"),
    "application": ASKED_FOR + ("unknown_territory", "invalid", "duplicate"),
    "reclassify": ABOUT_APPLICATION,
    "correct": ABOUT_APPLICATION + ("invalid", "duplicate"),
    "withdraw": ABOUT_APPLICATION,
    "reinstate": ABOUT_APPLICATION + ("duplicate",),
    "claim": ABOUT_APPLICATION
    + ("unknown_kindergarten", "invalid", "wrong_territory", "closed", "no_access", "no_place"),
    "decline": ABOUT_APPLICATION,
    "ready": ABOUT_APPLICATION,
    "vacancy": ASKED_FOR + ("unknown_kindergarten", "invalid", "closed"),
    "retract": ASKED_FOR + ("unknown_kindergarten", "invalid", "no_place"),
    "enrol": ABOUT_APPLICATION,
    "publish": ("ok", "not_allowed", "unknown_territory", "invalid", "not_due"),
    "morning": ("ok", "not_allowed", "unknown_territory", "invalid", "not_due"),
    "grant": ("ok", "not_allowed", "unknown_application", "not_due", "not_next"),
    "actor": ASKED_FOR + ("unknown_territory", "unknown_kindergarten", "invalid"),
}
"""Every result that an entry of each type can have."""


class Coverage:
    """Counts over all histories that were observed."""

    def __init__(self) -> None:
        folder = pathlib.Path(__file__).parent
        self.files = {str(folder / f"{name}.py"): name for name in MEASURED}
        self.arcs: Counter[Arc] = Counter()
        self.results: Counter[tuple[str, str]] = Counter()
        self.situations: Counter[str] = Counter({name: 0 for name in SITUATIONS})

    def observe(self, history: Iterable[Entry]) -> None:
        """Applies a history to a model, and counts the results, the situations and the steps through its code."""
        model = Model()
        for entry in history:
            sys.settrace(self.enter)
            try:
                result = model.apply(entry)
                if entry["index"] % 20 == 0:
                    model.positions()
                    assert_invariants(model)
            finally:
                sys.settrace(None)
            self.results[entry["type"], result] += 1
            if result == "ok":
                self.situations.update(situations_of(model))

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Follows a call when it is one of the model's named functions."""
        code = frame.f_code
        if code.co_filename not in self.files or code.co_name.startswith("<"):
            return None
        last = 0

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                self.arcs[code, last, frame.f_lineno] += 1
                last = frame.f_lineno
            elif event == "return":
                self.arcs[code, last, 0] += 1
            return step

        return step

    def report(self) -> list[str]:
        """The tables as lines, what was never hit last."""
        lines = ["results"]
        never = []
        for type_, possible in POSSIBLE.items():
            lines.append(f"  {type_}: " + ", ".join(f"{result} {self.results[type_, result]}" for result in possible))
            never += [f"  result: {type_} {result}" for result in possible if self.results[type_, result] == 0]
        lines.append("situations (entries after which they hold)")
        lines += [f"  {count:8} {name}" for name, count in self.situations.items()]
        lines.append("branches (taken, not taken)")
        never += [f"  situation: {name}" for name, count in self.situations.items() if count == 0]
        for where, taken, not_taken in self.branches():
            lines.append(f"  {taken:9} {not_taken:9}  {where}")
            if taken == 0:
                never.append(f"  never taken: {where}")
            if not_taken == 0:
                never.append(f"  always taken: {where}")
        return lines + ["never"] + never

    def branches(self) -> Iterator[tuple[str, int, int]]:
        """Every `if`, `while` and `for` of the model with how often its body was entered and passed over."""
        steps: Counter[tuple[str, int, int]] = Counter()
        for (code, last, line), count in self.arcs.items():
            steps[code.co_filename, last, line] += count
        for path, name in self.files.items():
            text = pathlib.Path(path).read_text(encoding="utf-8")
            rows = text.splitlines()
            for node in ast.walk(ast.parse(text)):
                if not isinstance(node, (ast.If, ast.While, ast.For)):
                    continue
                if isinstance(node, ast.While) and isinstance(node.test, ast.Constant):
                    continue
                inside = node.body[0].lineno
                out = {line: n for (file, last, line), n in steps.items() if file == path and last == node.lineno}
                taken = out.pop(inside, 0)
                yield f"{name}.py:{node.lineno} {rows[node.lineno - 1].strip()}", taken, sum(out.values())


SITUATIONS = (
    "two bulletins of a queue in priority",
    "three or more bulletins of a queue in priority",
    "two bulletins of a queue with calls due",
    "more calls due than waiting",
    "two bulletins of a queue published",
    "somebody owed waits",
    "two owed wait in a queue, of different categories",
    "two alike by date wait in a queue",
    "all three categories wait in a queue",
    "cycle in the general part with both categories waiting",
    "a waiting application with unused grants",
    "paused with a grant unused",
    "resting",
    "referred by grant to a closed kindergarten",
    "a called one whose bulletin has no place left of some kindergarten",
    "a territory with a closed register",
)


def situations_of(model: Model) -> set[str]:
    """Which of the situations hold now."""
    state = model.state
    found = set()
    for queue in model.queues():
        waiting = state.waiting(queue)
        in_priority = state.bulletins_of(queue, "priority")
        with_calls = [bulletin for bulletin in in_priority if bulletin.calls_due > 0]
        owed = [application for application in waiting if application.owed]
        categories = {application.category for application in waiting}
        territory = state.territories[queue[0]]
        if len(in_priority) == 2:
            found.add("two bulletins of a queue in priority")
        if len(in_priority) > 2:
            found.add("three or more bulletins of a queue in priority")
        if len(with_calls) > 1:
            found.add("two bulletins of a queue with calls due")
        if sum(bulletin.calls_due for bulletin in with_calls) > len(waiting):
            found.add("more calls due than waiting")
        if len(state.bulletins_of(queue, "published")) > 1:
            found.add("two bulletins of a queue published")
        if owed:
            found.add("somebody owed waits")
        if len({application.category for application in owed}) > 1:
            found.add("two owed wait in a queue, of different categories")
        if len({application.applied_at for application in waiting}) < len(waiting):
            found.add("two alike by date wait in a queue")
        if len(categories) == 3:
            found.add("all three categories wait in a queue")
        if state.cycle.get(queue, 0) >= territory.first_priority and {"first_priority", "general"} <= categories:
            found.add("cycle in the general part with both categories waiting")
        if any(application.unused_grants > 0 for application in waiting):
            found.add("a waiting application with unused grants")
    for application in state.applications.values():
        if application.state == "paused" and application.unused_grants > 0:
            found.add("paused with a grant unused")
        if application.state == "resting":
            found.add("resting")
        if application.referral is not None and application.referral.by_grant:
            if not state.kindergartens[application.referral.place[0]].open:
                found.add("referred by grant to a closed kindergarten")
        if application.grant is not None and 0 in application.grant.bulletin.places.values():
            found.add("a called one whose bulletin has no place left of some kindergarten")
    if any(territory.register_closed for territory in state.territories.values()):
        found.add("a territory with a closed register")
    return found
