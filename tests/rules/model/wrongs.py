# SPDX-License-Identifier: Apache-2.0
"""What should be refused, most of the time: entries with something wrong, and request ids used twice."""

from __future__ import annotations

from typing import Any

from .entries import FIELDS, Entry
from .localtime import DAY_MS, Date, local_date
from .proposals import PROPOSALS, Proposer
from .setting import Proposal
from .state import LIVE

UNKNOWN = {
    "territory": (99, 4_294_967_294, 0),
    "kindergarten": (999, 4_294_967_295, 0),
    "application": (0, 1, 2, 4_000_000_000),
    "bulletin": (0, 1, 4_000_000_000),
}
OUT_OF_RANGE: dict[str, tuple[Any, ...]] = {
    "name": ("", "я" * 60 + "x", "x" * 121),
    "utc_offset_minutes": (-841, 841),
    "birth_year": (1999, 2200),
    "places": (0, 1001),
    "first_priority": (0, 256),
    "general": (0, 256),
    "access_days": (0, 256),
    "referral_days": (0, 256),
    "stop_list_days": (256,),
    "unused_limit": (256,),
    "date": ("1999-12-31", "2200-01-01"),
    "number": (0,),
    "territory": (0,),
    "kindergarten": (0,),
}
AT_THE_EDGE: dict[str, tuple[Any, ...]] = {
    "name": ("x", "я" * 60, "x" * 120),
    "utc_offset_minutes": (-840, 840),
    "birth_year": (2000, 2199),
    "places": (1000,),
    "first_priority": (255,),
    "general": (255,),
    "access_days": (255,),
    "referral_days": (255,),
    "stop_list_days": (255,),
    "unused_limit": (255,),
    "date": ("2000-01-01", "2199-12-31"),
}
ABOUT_APPLICATIONS = tuple(type_ for type_, fields in FIELDS.items() if fields[0] == "application" and type_ != "grant")


def wrong(proposer: Proposer) -> Proposal | None:
    """One entry with something wrong, as a rule; None when what was drawn makes no sense now."""
    return proposer.random.choice(WRONGS)(proposer)


def changed(proposer: Proposer, type_: str, fields: Entry) -> Proposal:
    """R29: an entry with the same request id and something else in it."""
    other = proposer.sensible()
    if other is not None and proposer.random.random() < 0.4:
        return other[0], other[1] | {"request": fields["request"]}
    if type_ == "application":
        if "applied_at" in fields:
            return type_, {name: value for name, value in fields.items() if name != "applied_at"}
        return type_, fields | {"applied_at": proposer.now()}
    names = ("application", "number", "places", "birth_year", "utc_offset_minutes", "referral_days")
    whole = [name for name in names if name in fields]
    if whole:
        name = proposer.random.choice(whole)
        return type_, fields | {name: fields[name] + 1}
    return type_, fields


def to_be_spoiled(proposer: Proposer) -> Proposal | None:
    """An entry of any type that makes sense but perhaps for the application's state."""
    type_ = proposer.random.choice([*PROPOSALS, "grant", "clock"])
    if type_ == "clock":
        return clock_entry(proposer)
    if type_ == "grant":
        return bad_grant(proposer)
    if type_ in ABOUT_APPLICATIONS:
        return about_any_application(proposer, type_)
    if type_ == "actor" and not proposer.state.actors:
        return None
    fields = PROPOSALS[type_](proposer)
    return None if fields is None else (type_, fields)


def about_any_application(proposer: Proposer, type_: str) -> Proposal | None:
    """An entry of that type about any application, whatever its state."""
    numbers = list(proposer.state.applications)
    if not numbers:
        return None
    example = proposer.application() | {"kindergarten": proposer.random.choice(list(proposer.state.kindergartens))}
    fields = {name: example[name] for name in FIELDS[type_][1:]}
    return type_, {"application": proposer.random.choice(numbers)} | fields


def spoiled(proposer: Proposer, values: dict[str, tuple[Any, ...]]) -> Proposal | None:
    """An entry that makes sense but for one field, or at times two, from these values."""
    proposal = to_be_spoiled(proposer)
    if proposal is None:
        return None
    type_, fields = proposal
    names = [name for name in fields if name in values]
    if not names:
        return None
    for name in proposer.random.choices(names, k=proposer.random.choice((1, 1, 1, 2))):
        fields[name] = proposer.random.choice(values[name])
    return type_, fields


def unknown(proposer: Proposer) -> Proposal | None:
    """Something that is not there."""
    return spoiled(proposer, UNKNOWN)


def out_of_range(proposer: Proposer) -> Proposal | None:
    """A value just outside its range."""
    return spoiled(proposer, OUT_OF_RANGE)


def at_the_edge(proposer: Proposer) -> Proposal | None:
    """A value that is the last of its range."""
    return spoiled(proposer, AT_THE_EDGE)


def applied_in_the_future(proposer: Proposer) -> Proposal | None:
    """R14. Time may have passed since the last entry, and then it is not in the future at all."""
    applied_at = proposer.now() + proposer.random.choice((1, DAY_MS * 9))
    return "application", proposer.application() | {"applied_at": applied_at}


def wrong_state(proposer: Proposer) -> Proposal | None:
    """Something about any application, whatever its state."""
    return about_any_application(proposer, proposer.random.choice(ABOUT_APPLICATIONS))


def in_its_own_way(proposer: Proposer) -> Proposal | None:
    """R15a, R16a: a child with another application of its territory; its ended one is reinstated, its kind changed."""
    applications = list(proposer.state.applications.values())
    pairs = [(a, b) for a in applications for b in applications if a is not b and a.child == b.child]
    pairs = [(a, b) for a, b in pairs if a.territory == b.territory and b.state in LIVE]
    if not pairs:
        return None
    known, other = proposer.random.choice(pairs)
    if known.state not in LIVE:
        return "reinstate", {"application": known.number}
    return "correct", {"application": known.number, "birth_year": known.birth_year, "kind": other.kind}


def duplicate(proposer: Proposer) -> Proposal | None:
    """R14, R15a, R16a: a child that has a live application, mostly of the same territory and kind."""
    applications = list(proposer.state.applications.values())
    if not applications:
        return None
    known = proposer.random.choice(applications)
    fields = proposer.application()
    fields |= {"territory": known.territory, "child": known.child}
    if proposer.random.random() < 0.5:
        fields["kind"] = known.kind
    return "application", fields


def wrong_territory(proposer: Proposer) -> Proposal | None:
    """R13, R17: a kindergarten of another territory."""
    fields = proposer.kindergarten()
    if proposer.random.random() < 0.5:
        return "kindergarten", fields | {"territory": proposer.random.choice(list(proposer.state.territories))}
    fields = proposer.claim_anything()
    return None if fields is None else ("claim", fields)


def closed(proposer: Proposer) -> Proposal | None:
    """R13: a closed kindergarten reports places, takes them back, or is claimed."""
    numbers = [number for number, known in proposer.state.kindergartens.items() if not known.open]
    if not numbers:
        return None
    number = proposer.random.choice(numbers)
    type_ = proposer.random.choice(("vacancy", "retract", "claim"))
    fields = proposer.claim_anything() if type_ == "claim" else proposer.vacancy()
    return None if fields is None else (type_, fields | {"kindergarten": number})


def bad_policy(proposer: Proposer) -> Proposal | None:
    """R11: an evening that is no later than the morning, or a register that opens again."""
    fields = proposer.policy()
    if proposer.random.random() < 0.5:
        return "policy", fields | {"register_closed": False}
    return "policy", fields | {"evening": proposer.random.choice((fields["morning"], "00:00"))}


def no_kindergarten(proposer: Proposer) -> Proposal | None:
    """Results: a kindergarten that is 0 is not looked for; asked by anybody, for whom it may be out of scope."""
    fields = proposer.vacancy()
    if fields is None:
        return None
    fields["kindergarten"] = 0
    if proposer.state.actors:
        fields["actor"] = proposer.random.choice(list(proposer.state.actors))
    return proposer.random.choice(("vacancy", "retract")), fields


def bad_actor(proposer: Proposer) -> Proposal | None:
    """R30: a kindergarten with another role, the role without one, something unknown, or a number that is none."""
    if not proposer.state.actors:
        return None
    wrongs = ({"kindergarten": 0}, {"kindergarten": 1}, {"kindergarten": 999}, {"territory": 99}, {"number": 0})
    return "actor", proposer.actor() | proposer.random.choice(wrongs)


def clock_entry(proposer: Proposer) -> Proposal | None:
    """R22, R23: an evening or morning of any day about now."""
    number = proposer.random.choice(list(proposer.state.territories))
    offset = proposer.state.territories[number].utc_offset_minutes
    today = local_date(proposer.now(), offset).toordinal()
    date = Date.fromordinal(today + proposer.random.choice((-1, 0, 0, 0, 1)))
    return proposer.random.choice(("publish", "morning")), {"territory": number, "date": date.isoformat()}


def bad_grant(proposer: Proposer) -> Proposal | None:
    """R25: somebody's turn that has not come, or any bulletin, mostly one that has calls due."""
    state = proposer.state
    numbers = list(state.applications)
    due = [bulletin for bulletin in state.bulletins if bulletin.calls_due > 0]
    if not numbers:
        return None
    if due and proposer.random.random() < 0.8:
        bulletin = proposer.random.choice(due)
        numbers = [a.number for a in state.applications.values() if a.queue() == bulletin.queue]
        return "grant", {"application": proposer.random.choice(numbers), "bulletin": bulletin.index}
    indexes = [0, proposer.model.index] + [bulletin.index for bulletin in state.bulletins[-10:]]
    return "grant", {"application": proposer.random.choice(numbers), "bulletin": proposer.random.choice(indexes)}


WRONGS = (
    unknown,
    unknown,
    no_kindergarten,
    out_of_range,
    out_of_range,
    at_the_edge,
    applied_in_the_future,
    wrong_state,
    wrong_state,
    duplicate,
    in_its_own_way,
    wrong_territory,
    closed,
    bad_policy,
    bad_actor,
    clock_entry,
    bad_grant,
    bad_grant,
)
