# SPDX-License-Identifier: Apache-2.0
"""What a read shows, in one form for both sides: from the naive model, and from the bytes of an answer.

    what           key                                  shown (None: not found)
    application    number                               [kind, category, state, owed, unused, position, kindergarten, child]
    positions      [number, …]                          [[position, state or None], …]
    queue          [territory, birth year, kind]        [owed, out_of_turn, first_priority, general, cycle, calls due,
                                                         open places, [number, …]]
    places         territory                            [[kindergarten, birth year, kind, stage, bulletin, free], …] sorted
    request        request id                           [index, result]
"""
from __future__ import annotations

import collections
import struct

from model.model import Model
from model.order import positions_by_arithmetic

KINDS = ["ordinary", "correctional"]
CATEGORIES = ["out_of_turn", "first_priority", "general"]
STATES = ["waiting", "called", "resting", "referred", "paused", "enrolled", "withdrawn"]
RESULTS = ["ok", "repeated", "conflict", "not_allowed", "unknown_territory", "unknown_kindergarten", "unknown_application",
           "invalid", "wrong_state", "duplicate", "wrong_territory", "closed", "no_access", "no_place", "not_due", "not_next"]
NO_STATE = 255
QUEUE_MAX = 4096
WHATS = {"application": 2, "positions": 3, "queue": 4, "request": 6, "places": 8}


# ---- From the model ----

def of_model(model: Model, what: str, key, ledger: list[dict]):
    """What a read of the model's state shows."""
    return {"application": application, "positions": positions, "queue": queue, "places": places,
            "request": request}[what](model, key, ledger)


def position(model: Model, number: int) -> int:
    found = model.state.applications[number]
    if found.state != "waiting":
        return 0
    return positions_by_arithmetic(*model.calling_of(found.queue()))[number]


def application(model: Model, number: int, _ledger):
    found = model.state.applications.get(number)
    if found is None:
        return None
    kindergarten = found.referral.place[0] if found.referral else 0
    return [found.kind, found.category, found.state, found.owed, found.unused_grants, position(model, number), kindergarten,
            found.child]


def positions(model: Model, numbers: list[int], _ledger):
    return [[position(model, n), model.state.applications[n].state] if n in model.state.applications else [0, None]
            for n in numbers]


def queue(model: Model, key: list, _ledger):
    state, which = model.state, tuple(key)
    if which[0] not in state.territories:
        return None
    waiting, cycle, *ratio = model.calling_of(which)
    counts = [sum(a.owed for a in waiting)]
    counts += [sum(not a.owed and a.category == category for a in waiting) for category in CATEGORIES]
    due = sum(bulletin.calls_due for bulletin in state.bulletins_of(which, "priority"))
    free = sum(count for place, count in state.open.items()
               if (state.kindergartens[place[0]].territory, *place[1:]) == which)
    order = positions_by_arithmetic(waiting, cycle, *ratio)
    shown = [*counts, cycle, due, free, sorted(order, key=order.get)]
    return shown if any(shown) else None


def places(model: Model, territory: int, _ledger):
    state = model.state
    if territory not in state.territories:
        return None
    rows = []
    for stage, counts in (("reported", state.reported), ("open", state.open)):
        rows += [[*place, stage, 0, count] for place, count in counts.items()
                 if count > 0 and state.kindergartens[place[0]].territory == territory]
    for bulletin in state.bulletins:
        if bulletin.queue[0] == territory and bulletin.stage != "over":
            rows += [[number, *bulletin.queue[1:], "bulletin", bulletin.index, count]
                     for number, count in bulletin.places.items() if count > 0]
    return sorted(rows)


def request(model: Model, wanted: str, ledger: list[dict]):
    entry = model.requests.get(wanted)
    return None if entry is None else [entry["index"], ledger[entry["index"] - 1]["result"]]


def holders(ledger: list[dict], model: Model) -> dict[tuple, set[int]]:
    """For each place who holds one at the end: referred, or enrolled from it."""
    held = collections.defaultdict(set)
    last_claim = {entry["application"]: entry for entry in ledger if entry["type"] == "claim" and entry["result"] == "ok"}
    for number, claim in last_claim.items():
        found = model.state.applications.get(number)
        if found is not None and found.state in ("referred", "enrolled"):
            held[(claim["kindergarten"], found.birth_year, found.kind)].add(number)
    return held


# ---- From the bytes of an answer (client/PROTOCOL.md) ----

def question(what: str, key) -> bytes:
    """The bytes of a QUERY's question."""
    if what == "application":
        return struct.pack("<Q", key)
    if what == "positions":
        return struct.pack(f"<H{len(key)}Q", len(key), *key)
    if what == "queue":
        return struct.pack("<IHBBII", key[0], key[1], KINDS.index(key[2]), 0, 1, QUEUE_MAX)
    return struct.pack("<I", key) if what == "places" else bytes.fromhex(key)


def of_answer(what: str, key, content: bytes | None):
    """What an ANSWER shows; CONTENT None: nothing was found."""
    if content is None:
        return None
    return {"application": read_application, "positions": read_positions, "queue": read_queue, "places": read_places,
            "request": read_request}[what](content)


def read_application(content: bytes):
    (_, _, _, kind, category, state, owed, _, unused, place, kindergarten, _, _, _, _) = struct.unpack_from(
        "<QIH6BIIqQQi", content)
    return [KINDS[kind], CATEGORIES[category], STATES[state], bool(owed), unused, place,
            kindergarten if STATES[state] == "referred" else 0, content[-16:].hex()]


def read_positions(content: bytes):
    return [[place, None if state == NO_STATE else STATES[state]] for place, state in struct.iter_unpack("<IB", content)]


def read_queue(content: bytes):
    *shown, count = struct.unpack_from("<8I", content)
    shown.append(list(struct.unpack_from(f"<{count}Q", content, 32)))
    return shown if any(shown) else None


def read_places(content: bytes):
    return sorted([kindergarten, birth_year, KINDS[kind], "reported" if reported else "bulletin" if bulletin else "open",
                   bulletin, free]
                  for kindergarten, birth_year, kind, reported, bulletin, free in struct.iter_unpack("<IHBBQI", content[4:])
                  if free > 0)


def read_request(content: bytes):
    index, result = struct.unpack("<QB", content)
    return [index, RESULTS[result]]
