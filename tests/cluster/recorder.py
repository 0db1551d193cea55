# SPDX-License-Identifier: Apache-2.0
"""Clients that live through a short time with a cluster and write down what they did and saw.

The operations are those of tests/linearizability/checker.py. Each client is a thread with a connection of its own; all
share what a family could know of another: the numbers of applications.
"""
from __future__ import annotations

import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "linearizability"))

import checker  # noqa: E402, F401  (finds the model for views)
import client  # noqa: E402
import cluster  # noqa: E402
import views  # noqa: E402

KINDERGARTENS = 3
YEARS = (2020, 2021)
WRITE_S = 6.0
GIVES_UP = 0.3
"""How often a client that does not know a command's fate does not ask again."""
LOCAL = 0.3
PAUSE_S = 0.02

# Fields of a write, with how often they are drawn; each draws from the client what it needs.
WRITES = {"application": 24, "claim": 30, "withdraw": 3, "reclassify": 6, "decline": 8, "enrol": 5, "ready": 2, "reinstate": 3,
          "vacancy": 8, "retract": 3}
READS = {"application": 10, "positions": 4, "queue": 5, "places": 5, "request": 3}
READ_SHARES = (0.05, 0.75)
"""Clients write or read in turn by their number: who waits for a write sees nothing of a leader that was cut off."""


class Shared:
    """What the clients of one history have in common."""

    def __init__(self, nodes: cluster.Cluster) -> None:
        self.nodes = nodes
        self.lock = threading.Lock()
        self.history: list[dict] = []
        self.applications: list[int] = []
        self.requests: list[str] = []
        self.starts: dict[int, int] = {node.number: 0 for node in nodes}
        """How often each node was started again: a process of a node is its number and this."""

    def add(self, operation: dict) -> None:
        with self.lock:
            self.history.append(operation)


class Client(threading.Thread):
    """One client, which does so many operations until it has used up its time."""

    def __init__(self, shared: Shared, number: int, seed: int, operations: int, seconds: float) -> None:
        super().__init__(name=f"client {number}")
        self.shared, self.number = shared, number
        self.draw = random.Random(seed)
        self.session = client.Session(shared.nodes, self.draw)
        self.operations, self.pause = operations, 2 * seconds / operations
        self.gives_up = GIVES_UP
        self.children = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for _ in range(self.operations):
                time.sleep(self.draw.uniform(0, self.pause))
                if self.draw.random() < READ_SHARES[self.number % 2]:
                    self.read(*self.draw_read())
                else:
                    self.write(self.draw_write())
            self.session.close()
        except BaseException as failure:  # told by the thread that joins
            self.failure = failure

    # ---- What to do ----

    def draw_application(self) -> int:
        """The number of an application, a late one rather than an early one."""
        with self.shared.lock:
            known = self.shared.applications
            return known[-1 - int(len(known) * self.draw.random() ** 3)] if known else 1

    def draw_write(self) -> dict:
        draw = self.draw
        kind = draw.choices(list(WRITES), list(WRITES.values()))[0]
        place = {"kindergarten": draw.randint(1, KINDERGARTENS), "birth_year": draw.choice(YEARS), "kind": "ordinary"}
        if kind == "application":
            self.children += draw.random() < 0.9
            return client.application(self.number * 1_000_000 + self.children, place["birth_year"], draw.choice(client.CATEGORIES))
        if kind in ("vacancy", "retract"):
            return {"type": kind, **place, "places": draw.randint(1, 3)}
        command = {"type": kind, "application": self.draw_application()}
        if kind == "claim":
            command["kindergarten"] = place["kindergarten"]
        if kind == "reclassify":
            command["category"] = draw.choice(client.CATEGORIES)
        return command

    def draw_read(self) -> tuple[str, object]:
        what = self.draw.choices(list(READS), list(READS.values()))[0]
        if what == "application":
            return what, self.draw_application()
        if what == "positions":
            return what, [self.draw_application() for _ in range(self.draw.randint(1, 4))]
        if what == "queue":
            return what, [1, self.draw.choice(YEARS), "ordinary"]
        if what == "places":
            return what, 1
        with self.shared.lock:
            return what, self.draw.choice(self.shared.requests or ["ff" * 16])

    # ---- Doing it ----

    def write(self, command: dict) -> None:
        """One command, asked until it is answered, or for WRITE_S, or until the client gives up."""
        command["request"] = client.request_id(self.draw)
        with self.shared.lock:
            self.shared.requests.append(command["request"])
        operation = {"op": "write", "command": command, "fate": "none", "invoked": time.monotonic_ns(), "returned": None}
        deadline = time.monotonic() + WRITE_S
        while time.monotonic() < deadline:
            answer = self.try_once(operation)
            if answer is not None:
                operation["returned"] = time.monotonic_ns()
                operation["fate"] = {client.APPLIED: "applied", client.REPEATED: "repeated"}.get(answer.code, operation["fate"])
                operation |= {"index": answer.index, "result": answer.result}
                break
            if operation["fate"] == "unknown" and self.draw.random() < self.gives_up:
                break
            self.session.move()
            time.sleep(PAUSE_S)
        if operation["returned"] is None and operation["fate"] == "none":
            operation["returned"] = time.monotonic_ns()
        self.shared.add(operation)
        if operation["fate"] in ("applied", "repeated") and command["type"] == "application" and operation["result"] == "ok":
            with self.shared.lock:
                self.shared.applications.append(operation["index"])

    def try_once(self, operation: dict) -> client.Answer | None:
        """Sends the command once. Returns: a final answer; else its fate is as the operation says from here on."""
        try:
            self.session.connect()
        except OSError:
            return None
        try:
            answer = self.session.submit(operation["command"])[0]
        except (OSError, EOFError):
            operation["fate"] = "unknown"
            return None
        if answer.is_final:
            return answer
        if answer.code == client.UNKNOWN:
            operation["fate"] = "unknown"
        return None

    def read(self, what: str, key) -> None:
        """One question. Without an answer it saw nothing, and is not written down."""
        local = self.draw.random() < LOCAL
        if self.draw.random() < 0.1:
            self.session.move()
        process = f"{self.session.node.number}.{self.shared.starts[self.session.node.number]}"
        begun = time.monotonic_ns()
        try:
            reading = self.session.ask(views.WHATS[what], views.question(what, key), local)
        except (OSError, EOFError):
            self.session.move()
            return
        if reading.code != 0:
            return
        self.shared.add({"op": "read", "what": what, "key": key, "local": local, "process": process, "index": reading.index,
                         "shown": views.of_answer(what, key, reading.content), "invoked": begun,
                         "returned": time.monotonic_ns()})
