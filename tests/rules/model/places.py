# SPDX-License-Identifier: Apache-2.0
"""How places and grants move: R20, R24, R25a and R27."""

from __future__ import annotations

from .state import Application, Bulletin, Place, Queue, State


def queue_of(state: State, place: Place) -> Queue:
    """The queue that a place belongs to."""
    kindergarten, birth_year, kind = place
    return (state.kindergartens[kindergarten].territory, birth_year, kind)


def free_places(state: State, place: Place) -> int:
    """R20: how many such places are free: reported, open, published or in priority, and not taken."""
    count = state.reported.get(place, 0) + state.open.get(place, 0)
    for bulletin in state.bulletins:
        if bulletin.queue == queue_of(state, place) and bulletin.stage != "over":
            count += bulletin.places.get(place[0], 0)
    return count


def take_back(state: State, place: Place, count: int) -> None:
    """R20: takes back that many free places of one kind; there are so many."""
    count = take_back_loose(state.reported, place, count)
    count = take_back_loose(state.open, place, count)
    queue = queue_of(state, place)
    for bulletin in reversed(state.bulletins_of(queue, "published")):
        count = take_back_from(bulletin, place, count)
    for bulletin in reversed(state.bulletins_of(queue, "priority")):
        count = take_back_from(bulletin, place, count)
        fit_to_free_places(state, bulletin)
    assert count == 0


def take_back_loose(places: dict[Place, int], place: Place, count: int) -> int:
    """R20: takes back reported or open places; returns how many are still to be taken back."""
    taken = min(count, places.get(place, 0))
    places[place] = places.get(place, 0) - taken
    return count - taken


def take_back_from(bulletin: Bulletin, place: Place, count: int) -> int:
    """R20: takes back places of a bulletin; returns how many are still to be taken back."""
    kindergarten = place[0]
    taken = min(count, bulletin.places.get(kindergarten, 0))
    bulletin.places[kindergarten] = bulletin.places.get(kindergarten, 0) - taken
    return count - taken


def fit_to_free_places(state: State, bulletin: Bulletin) -> None:
    """R20: lowers calls due, then ends grants, those granted last first, until the bulletin's free places suffice."""
    while bulletin.calls_due > 0 and len(state.grants(bulletin)) + bulletin.calls_due > bulletin.free():
        bulletin.calls_due -= 1
    while len(state.grants(bulletin)) > bulletin.free():
        holder = state.grants(bulletin)[-1]
        holder.grant = None
        holder.state = "waiting"
        holder.owed = True


def close(state: State, kindergarten: int) -> None:
    """R13: takes back all free places of a kindergarten that closes."""
    # AMBIGUOUS (R13): "as R20 does" is read as one `retract` of every place of every (birth year, kind).
    for place in places_of(state, kindergarten):
        take_back(state, place, free_places(state, place))


def places_of(state: State, kindergarten: int) -> list[Place]:
    """Every kind of place that a kindergarten has or had, in order."""
    places = [place for place in [*state.reported, *state.open] if place[0] == kindergarten]
    for bulletin in state.bulletins:
        if kindergarten in bulletin.places:
            places.append((kindergarten, bulletin.queue[1], bulletin.queue[2]))
    return sorted(set(places))


def give_back(state: State, application: Application) -> None:
    """R24: the place of a referral is reported again, or vanishes when its kindergarten is closed."""
    place = application.referral.place
    application.referral = None
    if state.kindergartens[place[0]].open:
        state.reported[place] = state.reported.get(place, 0) + 1


def count_unused(application: Application) -> None:
    """R27: a grant ended unused."""
    application.unused_grants += 1


def wait_or_rest(state: State, application: Application) -> None:
    """R27: after a grant that ended unused and was counted, the application waits again, or rests at the limit."""
    limit = state.territories[application.territory].unused_limit
    if limit != 0 and application.unused_grants >= limit:
        application.state = "resting"
    else:
        application.state = "waiting"


def end_over(state: State, bulletin: Bulletin) -> None:
    """R23 (c), R25a: what is left of a bulletin in priority becomes open; nobody holds a grant to it."""
    assert bulletin.stage == "priority" and bulletin.calls_due == 0 and not state.grants(bulletin)
    for kindergarten, count in sorted(bulletin.places.items()):
        place = (kindergarten, bulletin.queue[1], bulletin.queue[2])
        state.open[place] = state.open.get(place, 0) + count
    bulletin.places = {}
    bulletin.stage = "over"


def settle(state: State) -> None:
    """R25a, after each entry that changed something."""
    in_priority = [bulletin for bulletin in state.bulletins if bulletin.stage == "priority"]
    for bulletin in in_priority:
        if bulletin.calls_due > 0 and not state.waiting(bulletin.queue):
            bulletin.calls_due = 0
    for bulletin in in_priority:
        if bulletin.calls_due == 0 and not state.grants(bulletin):
            end_over(state, bulletin)
