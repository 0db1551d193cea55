#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checker passes histories that are right and catches each kind of wrong one."""
from __future__ import annotations

import copy
import unittest
from collections.abc import Callable

import checker
import views

from model.model import Model

START = 1_796_101_200_000
SETTING = [
    {"type": "membership", "members": []},
    {"type": "territory", "territory": 1, "name": "Қала", "utc_offset_minutes": 300},
    {"type": "kindergarten", "kindergarten": 1, "territory": 1, "name": "№1", "open": True},
    {"type": "vacancy", "kindergarten": 1, "birth_year": 2021, "kind": "ordinary", "places": 1},
    {"type": "publish", "territory": 1, "date": "2026-12-01"},
    {"type": "morning", "territory": 1, "date": "2026-12-02"},
]
"""Nobody waits in that morning, so the one place is open to all."""
HOURS = [0, 0, 0, 0, 9, 22]


class World:
    """A small true history: a ledger, and clients that saw it one operation after the other."""

    def __init__(self) -> None:
        self.model = Model()
        self.ledger: list[dict] = []
        self.history: list[dict] = []
        self.now = 0
        for number, (entry, hour) in enumerate(zip(SETTING, HOURS)):
            if entry["type"] in ("membership", "publish", "morning"):
                self.append(entry, hour)
            else:
                self.write(entry, f"{number:032x}", hour)

    def append(self, entry: dict, hour: float = 23) -> dict:
        entry = {"index": len(self.ledger) + 1, "term": 1, "time": START + round(hour * 3_600_000), **entry}
        entry["result"] = self.model.apply(entry)
        self.ledger.append(entry)
        return entry

    def moments(self) -> dict:
        self.now += 10
        return {"invoked": self.now - 9, "returned": self.now}

    def write(self, fields: dict, request: str, hour: float = 23) -> dict:
        entry = self.append({"actor": 0, "request": request, **fields}, hour)
        operation = {"op": "write", "command": {"request": request, **fields}, "fate": "applied", "index": entry["index"],
                     "result": entry["result"], **self.moments()}
        self.history.append(operation)
        return operation

    def read(self, what: str, key, local: bool = False) -> dict:
        shown = views.of_model(self.model, what, key, self.ledger)
        operation = {"op": "read", "what": what, "key": key, "local": local, "process": "1", "index": len(self.ledger),
                     "shown": shown, **self.moments()}
        self.history.append(operation)
        return operation


def story() -> dict:
    """The world that all tests change: two apply, one of them gets the place."""
    world = World()

    def apply_for(child: int) -> dict:
        fields = {"type": "application", "territory": 1, "birth_year": 2021, "kind": "ordinary", "category": "general",
                  "child": f"{child:032x}"}
        return world.write(fields, f"{child:032x}")

    def claim(number: int, request: int) -> dict:
        return world.write({"type": "claim", "application": number, "kindergarten": 1}, f"{request:032x}")

    first, second = apply_for(101), apply_for(102)
    told = {"world": world, "first": first, "second": second}
    told["before"] = world.read("application", second["index"])
    told["won"] = claim(first["index"], 103)
    told["lost"] = claim(second["index"], 104)
    told["after"] = world.read("application", second["index"])
    told["queue"] = world.read("queue", [1, 2021, "ordinary"])
    told["places"] = world.read("places", 1)
    told["request"] = world.read("request", f"{104:032x}")
    told["local"] = world.read("application", first["index"], local=True)
    told["later"] = world.read("positions", [first["index"], second["index"], 999])
    return told


def at(told: dict, name: str) -> dict:
    """The ledger's entry of an answered write."""
    return told["world"].ledger[told[name]["index"] - 1]


# ---- What is still right ----

def as_it_was(_told: dict) -> None:
    pass


def an_unknown_write_that_is_there(told: dict) -> None:
    told["won"] |= {"fate": "unknown", "returned": None}


def an_unknown_write_that_is_not_there(told: dict) -> None:
    told["world"].history.append({"op": "write", "command": {"type": "ready", "application": 7, "request": "ff" * 16},
                                  "fate": "unknown", "invoked": 5, "returned": None})


def an_unknown_write_acted_on_long_after(told: dict) -> None:
    told["lost"] |= {"fate": "unknown", "returned": None, "invoked": told["first"]["invoked"]}


def operations_at_the_same_time_in_either_order(told: dict) -> None:
    for name in ("first", "second"):
        told[name] |= {"invoked": told["first"]["invoked"], "returned": told["second"]["returned"]}
    told["first"]["index"], told["second"]["index"] = told["second"]["index"], told["first"]["index"]
    first, second = at(told, "first"), at(told, "second")
    for entry, name in ((first, "first"), (second, "second")):
        command = told[name]["command"]
        entry |= {"request": command["request"], "child": command["child"]}
    for name, index in (("before", 8), ("after", 8), ("local", 7)):
        told[name]["shown"][-1] = told["world"].ledger[index - 1]["child"]


def a_local_read_of_the_past(told: dict) -> None:
    told["local"] |= {"index": told["before"]["index"], "key": told["before"]["key"], "shown": told["before"]["shown"]}


def a_repeat_of_an_answer(told: dict) -> None:
    told["won"]["fate"] = "repeated"


# ---- What is wrong ----

def an_acknowledged_write_is_lost(told: dict) -> None:
    at(told, "lost")["request"] = "ee" * 16
    told["world"].history.append({**told["lost"], "command": {**told["lost"]["command"], "request": "ee" * 16},
                                  "fate": "unknown", "returned": None})


def the_ledgers_end_is_lost(told: dict) -> None:
    del told["world"].ledger[at(told, "lost")["index"] - 1:]


def an_answer_has_another_result(told: dict) -> None:
    told["lost"]["result"] = "no_access"


def an_entry_is_not_what_was_asked(told: dict) -> None:
    at(told, "first")["birth_year"] = 2020


def two_hold_one_place(told: dict) -> None:
    at(told, "lost")["result"] = told["lost"]["result"] = "ok"


def a_request_is_acted_on_twice(told: dict) -> None:
    told["world"].append({**{k: v for k, v in at(told, "first").items() if k not in ("index", "time")}})
    told["world"].ledger[-1]["result"] = "duplicate"


def a_write_said_not_to_be_appended_is_there(told: dict) -> None:
    told["lost"]["fate"] = "none"


def a_request_that_nobody_made(told: dict) -> None:
    told["world"].history.remove(told["lost"])


def a_read_is_stale(told: dict) -> None:
    told["after"] |= {"index": told["before"]["index"], "shown": told["before"]["shown"]}


def a_read_goes_back_after_another_read(told: dict) -> None:
    told["won"]["returned"] = told["lost"]["returned"] = told["later"]["returned"] + 100
    told["queue"] |= {"index": 8, "shown": [0, 0, 0, 2, 0, 0, 1, [7, 8]]}


def a_read_shows_what_was_begun_after_it(told: dict) -> None:
    told["before"] |= {"index": told["after"]["index"], "shown": told["after"]["shown"]}


def a_local_read_shows_what_was_begun_after_it(told: dict) -> None:
    told["before"] |= {"index": told["after"]["index"], "shown": told["after"]["shown"], "local": True}


def local_reads_of_a_process_go_back(told: dict) -> None:
    told["world"].history.append({**told["local"], "index": 7, "shown": None, "invoked": told["local"]["returned"] + 1,
                                  "returned": told["local"]["returned"] + 2})
    told["world"].history[-1]["shown"] = views.of_model(replayed(told, 7), "application", 7, told["world"].ledger)


def a_write_comes_before_one_answered_earlier(told: dict) -> None:
    for moment in ("invoked", "returned"):
        told["won"][moment], told["lost"][moment] = told["lost"][moment], told["won"][moment]


def a_read_shows_another_position(told: dict) -> None:
    told["before"]["shown"][5] = 1


def a_read_finds_nothing(told: dict) -> None:
    told["after"]["shown"] = None


def a_queue_has_another_order(told: dict) -> None:
    told["queue"]["shown"][-1] = []


def a_place_is_still_free(told: dict) -> None:
    told["places"]["shown"] = [[1, 2021, "ordinary", "open", 0, 1]]


def a_request_is_forgotten(told: dict) -> None:
    told["request"]["shown"] = None


def a_local_read_is_wrong(told: dict) -> None:
    told["local"]["shown"][2] = "waiting"


def a_read_is_ahead_of_the_ledger(told: dict) -> None:
    told["later"]["index"] += 1


def the_ledgers_time_falls(told: dict) -> None:
    at(told, "lost")["time"] -= 1


RIGHT = [as_it_was, an_unknown_write_that_is_there, an_unknown_write_that_is_not_there, an_unknown_write_acted_on_long_after,
         operations_at_the_same_time_in_either_order, a_local_read_of_the_past, a_repeat_of_an_answer]

# What is done to the true history, and what the checker must say of it.
WRONG: list[tuple[Callable[[dict], None], str]] = [
    (an_acknowledged_write_is_lost, "another request is there"),
    (the_ledgers_end_is_lost, "is lost: the ledger ends"),
    (an_answer_has_another_result, "was answered with no_access"),
    (an_entry_is_not_what_was_asked, "is not what was asked for"),
    (two_hold_one_place, "the rules give no_place"),
    (a_request_is_acted_on_twice, "was acted on at"),
    (a_write_said_not_to_be_appended_is_there, "said not to be appended"),
    (a_request_that_nobody_made, "that nobody made"),
    (a_read_is_stale, "which was answered before it was begun"),
    (a_read_goes_back_after_another_read, "which was answered before it was begun"),
    (a_read_shows_what_was_begun_after_it, "which was answered before it was begun"),
    (a_local_read_shows_what_was_begun_after_it, "which was answered before it was begun"),
    (local_reads_of_a_process_go_back, "which was answered before it was begun"),
    (a_write_comes_before_one_answered_earlier, "which was answered before it was begun"),
    (a_read_shows_another_position, "at that index it was"),
    (a_read_finds_nothing, "at that index it was"),
    (a_queue_has_another_order, "at that index it was"),
    (a_place_is_still_free, "at that index it was"),
    (a_request_is_forgotten, "at that index it was"),
    (a_local_read_is_wrong, "at that index it was"),
    (a_read_is_ahead_of_the_ledger, "the ledger ends at"),
    (the_ledgers_time_falls, "the time goes back"),
]


def replayed(told: dict, index: int) -> Model:
    model = Model()
    for entry in told["world"].ledger[:index]:
        model.apply(entry)
    return model


class Histories(unittest.TestCase):
    def check(self, change: Callable[[dict], None]) -> list[str]:
        told = story()
        change(told)
        world = copy.deepcopy(told["world"])
        return checker.check(world.history, world.ledger)

    def test_what_is_right_passes(self):
        for change in RIGHT:
            with self.subTest(change.__name__):
                self.assertEqual(self.check(change), [])

    def test_what_is_wrong_is_caught(self):
        for change, said in WRONG:
            with self.subTest(change.__name__):
                faults = self.check(change)
                self.assertTrue(any(said in fault for fault in faults), faults)

    def test_two_holders_are_counted_without_the_rules(self):
        told = story()
        two_hold_one_place(told)
        model = replayed(told, len(told["world"].ledger))
        model.state.applications[told["second"]["index"]].state = "referred"
        check = checker.Check(told["world"].history, told["world"].ledger, 60)
        check.check_holders(model)
        self.assertIn("are held by [7, 8]", check.faults[0])

    def test_a_check_that_takes_too_long_is_a_failure(self):
        world = story()["world"]
        with self.assertRaises(checker.Late):
            checker.check(world.history, world.ledger, seconds=-1)


if __name__ == "__main__":
    unittest.main()
