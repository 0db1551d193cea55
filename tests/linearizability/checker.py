# SPDX-License-Identifier: Apache-2.0
"""Is a recorded history linearizable under the rules? The ledger says in which order; the clients say what they saw.

Every answer of Kezek names the ledger index that it reflects, so the order need not be searched for: it is the ledger's,
and this checks that no client saw anything else. The naive model (tests/rules/model) executes the ledger again.

Claims that are checked, each by one function:

1. `check_ledger`     each entry's result is what the model gives, times never fall, the model's invariants hold, no place has
                      two holders;
2. `check_writes`     an answered write is at the index it was answered with, with its fields and its result; one of unknown
                      fate was acted on once at most; one that was said not to be appended is not there; nobody's requests
                      are not there;
3. `check_real_time`  an operation that was answered before another was begun comes before it; a read does not show what
                      was begun after its answer; the local reads of one process of a node do not go back;
4. `check_reads`      what a read showed is the model's state at its index: for its application, its queue, its places, its
                      request.

A history is a list of operations (dictionaries, a line of JSON each):

    {"op": "write", "invoked": ns, "returned": ns or null, "command": {…}, "fate": "applied" | "repeated" | "none" |
     "unknown", "index": …, "result": …}
    {"op": "read", "invoked": ns, "returned": ns, "what": …, "key": …, "local": bool, "process": …, "index": …, "shown": …}

`key` and `shown` are what views.py gives for that `what`. `returned` of an unknown write is null: it may be acted on later.
"""
from __future__ import annotations

import collections
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "rules"))

from model.invariants import assert_invariants  # noqa: E402
from model.model import Model  # noqa: E402

import views  # noqa: E402

FAULTS_MAX = 20
INVARIANTS_EVERY = 20
NOT_A_FIELD = ("index", "term", "time", "result", "request", "actor")
NOT_ACTED_ON = ("repeated", "conflict")


class Late(Exception):
    """The check took longer than it may: that is a failure of the test, not a pass."""


class Check:
    """One history against one ledger. `faults` is empty when it is linearizable."""

    def __init__(self, history: list[dict], ledger: list[dict], seconds: float) -> None:
        self.ledger = ledger
        self.writes = [operation for operation in history if operation["op"] == "write"]
        self.reads = [operation for operation in history if operation["op"] == "read"]
        self.deadline = time.monotonic() + seconds
        self.faults: list[str] = []
        self.acted: dict[str, list[int]] = collections.defaultdict(list)
        for entry in ledger:
            if "request" in entry and entry["result"] not in NOT_ACTED_ON:
                self.acted[entry["request"]].append(entry["index"])

    def run(self) -> list[str]:
        """Returns: what is wrong, at most FAULTS_MAX things. Raises: Late."""
        self.check_writes()
        self.check_real_time()
        self.check_ledger_and_reads()
        return self.faults[:FAULTS_MAX]

    def fault(self, what: str) -> None:
        self.faults.append(what)

    # ---- 2 ----

    def check_writes(self) -> None:
        asked = set()
        for write in self.writes:
            request = write["command"]["request"]
            asked.add(request)
            places = self.acted.get(request, [])
            if len(places) > 1:
                self.fault(f"request {request} was acted on at {places}")
            if write["fate"] in ("applied", "repeated"):
                self.check_answered(write)
            elif write["fate"] == "none" and places:
                self.fault(f"request {request} was said not to be appended, and is entry {places[0]}")
        for request, places in self.acted.items():
            if request not in asked:
                self.fault(f"entry {places[0]} has a request that nobody made")

    def check_answered(self, write: dict) -> None:
        index, command = write["index"], write["command"]
        if not 1 <= index <= len(self.ledger):
            self.fault(f"acknowledged entry {index} is lost: the ledger ends at {len(self.ledger)}")
            return
        entry = self.ledger[index - 1]
        if entry.get("request") != command["request"]:
            self.fault(f"acknowledged entry {index} is lost: another request is there")
        elif any(entry.get(name) != value for name, value in command.items() if name not in NOT_A_FIELD):
            self.fault(f"entry {index} is not what was asked for: {entry} for {command}")
        elif entry["result"] != write["result"]:
            self.fault(f"entry {index} was answered with {write['result']} and has {entry['result']}")

    # ---- 3 ----

    def check_real_time(self) -> None:
        """Writes stand at twice their index, reads of that state just after; then a sweep over the true time."""
        moments = []
        for operation in self.writes + self.reads:
            place = self.place_of(operation)
            if place is None:
                continue
            moments.append((operation["invoked"], 1, place, operation))
            if operation["returned"] is not None:
                moments.append((operation["returned"], 0, place, operation))
        moments.sort(key=lambda moment: moment[:2])
        answered, shown = 0, 0
        of_process: dict[str, int] = {}
        for _, is_begin, place, operation in moments:
            is_local = operation.get("local", False)
            if is_begin:
                bound = shown if operation["op"] == "write" else of_process.get(operation["process"], 0) if is_local else answered
                operation["bound"] = bound
                if place < bound:
                    self.fault(f"{describe(operation)} comes before index {bound // 2}, which was answered before it was begun")
            else:
                shown = max(shown, place)
                if is_local:
                    of_process[operation["process"]] = max(of_process.get(operation["process"], 0), place)
                else:
                    answered = max(answered, place)

    def place_of(self, operation: dict) -> int | None:
        if operation["op"] == "read":
            return 2 * operation["index"] + 1
        places = self.acted.get(operation["command"]["request"])
        return 2 * places[0] if places else None

    # ---- 1 and 4 ----

    def check_ledger_and_reads(self) -> None:
        by_index = collections.defaultdict(list)
        for read in self.reads:
            by_index[read["index"]].append(read)
        model = Model()
        self.check_reads(model, by_index.pop(0, []))
        for entry in self.ledger:
            if time.monotonic() > self.deadline:
                raise Late(f"at entry {entry['index']} of {len(self.ledger)}")
            try:
                self.check_entry(model, entry)
            except AssertionError as wrong:
                self.fault(f"entry {entry['index']}: {wrong}")
                return
            self.check_reads(model, by_index.pop(entry["index"], []))
        for index in by_index:
            self.fault(f"a read reflects entry {index}; the ledger ends at {len(self.ledger)}")
        self.check_holders(model)

    def check_entry(self, model: Model, entry: dict) -> None:
        result = model.apply(entry)
        if result != entry["result"]:
            self.fault(f"entry {entry['index']} ({entry['type']}) has {entry['result']}, the rules give {result}")
        if entry["index"] % INVARIANTS_EVERY == 0:
            assert_invariants(model)

    def check_reads(self, model: Model, reads: list[dict]) -> None:
        for read in reads:
            expected = views.of_model(model, read["what"], read["key"], self.ledger)
            if expected != read["shown"]:
                self.fault(f"{describe(read)} showed {read['shown']}; at that index it was {expected}")

    def check_holders(self, model: Model) -> None:
        """Without the model's places: as many claims may stand as places were reported and not taken back."""
        reported: collections.Counter = collections.Counter()
        for entry in self.ledger:
            if entry["result"] == "ok" and entry["type"] in ("vacancy", "retract"):
                place = (entry["kindergarten"], entry["birth_year"], entry["kind"])
                reported[place] += entry["places"] if entry["type"] == "vacancy" else -entry["places"]
        for place, holders in views.holders(self.ledger, model).items():
            if len(holders) > reported[place]:
                self.fault(f"{reported[place]} places of {place} are held by {sorted(holders)}")


def describe(operation: dict) -> str:
    if operation["op"] == "write":
        return f"the {operation['command']['type']} {operation['command']['request'][:8]}"
    return f"a {'local ' if operation['local'] else ''}read of {operation['what']} {operation['key']} at index {operation['index']}"


def check(history: list[dict], ledger: list[dict], seconds: float = 60) -> list[str]:
    """What is wrong with a history; nothing when it is linearizable. Raises: Late."""
    return Check(history, ledger, seconds).run()
