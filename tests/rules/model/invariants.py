# SPDX-License-Identifier: Apache-2.0
"""What must hold after every entry."""

from __future__ import annotations

from .model import Model
from .order import positions_by_arithmetic, positions_by_walk
from .state import LIVE


def assert_invariants(model: Model) -> None:
    """Asserts the invariants of the state in which the last entry left the model."""
    assert_order(model)
    assert_places(model)
    assert_applications(model)


def assert_order(model: Model) -> None:
    """R7: the cycle position is in its range. R8: the arithmetic gives what the walk gives."""
    for queue in model.queues():
        waiting, cycle, first, general = model.calling_of(queue)
        what = f"index {model.index}, queue {queue}"
        assert 0 <= cycle < first + general, what
        by_walk = positions_by_walk(waiting, cycle, first, general)
        assert by_walk == positions_by_arithmetic(waiting, cycle, first, general), what


def assert_places(model: Model) -> None:
    """R20, R25a: a bulletin in priority has calls due or grants, and no more of both than free places."""
    state = model.state
    for counts in (state.reported, state.open, *(bulletin.places for bulletin in state.bulletins)):
        assert all(count >= 0 for count in counts.values()), f"index {model.index}"
    for bulletin in state.bulletins:
        expected = len(state.grants(bulletin)) + bulletin.calls_due
        what = f"index {model.index}, {bulletin}"
        if bulletin.stage == "priority":
            assert 0 < expected <= bulletin.free(), what
            assert bulletin.calls_due == 0 or state.waiting(bulletin.queue), what
        else:
            assert expected == 0, what


def assert_applications(model: Model) -> None:
    """R14: one live application per child, kind and territory; and each state comes with what belongs to it."""
    children = []
    for application in model.state.applications.values():
        what = f"index {model.index}, {application}"
        assert (application.grant is not None) == (application.state == "called"), what
        assert (application.referral is not None) == (application.state == "referred"), what
        assert (application.pause_last_day is not None) == (application.state == "paused"), what
        assert application.state == "waiting" or not application.owed, what
        if application.state in LIVE:
            children.append((application.territory, application.kind, application.child))
    assert len(children) == len(set(children)), f"index {model.index}"
