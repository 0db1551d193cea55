#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A portal that means harm, against three real nodes: the ledger grows by no more than the budget of refusals.

    hostile_portal.py [--seconds 60] [--budget 100]

Four connections say, for so many seconds, what is refused in every way: commands that the rules refuse, under one actor's
number and under made-up ones, with new request ids and with used ones; records that are none; frames that are none; questions
for what is not there. Then, on a new cluster, a portal with a number of its own says as fast as it can what the rules refuse,
with 8,192 commands in flight on each of four connections, while an honest one writes, and is answered. At the end of each the
entries are counted: those that the rules refused are at most the budget of the whole time, the full one at its beginning, and
what was accepted of the same actor.
"""
from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import threading
import time
import unittest

import cluster
from founding import run

SUBMIT, RESULTS, QUERY, ANSWER = 3, 4, 5, 6
APPLIED, BUSY = 0, 5
WINDOW = 8  # commands of a SUBMIT; the next one is sent when they are answered
CONNECTIONS = 4
IN_FLIGHT, PER_SUBMIT = 8192, 256  # of one that pipelines, on each connection
ADMINISTRATOR, HONEST, HOSTILE = 1, 2, 3  # actors
HELLO_BODY = bytes(16)  # any cluster
PATIENCE = 60


def record(kind: int, fields: bytes, actor: int = 0, request: bytes = bytes(16)) -> bytes:
    """A command's record (log/FORMAT.md), its time zero."""
    return struct.pack("<BBHq16sI", 1, kind, 0, 0, request, actor) + fields


def submit(records: list[bytes]) -> bytes:
    return struct.pack("<HH", len(records), 0) + b"".join(struct.pack("<H", len(each)) + each for each in records)


class Hostile(threading.Thread):
    """One connection of the hostile portal, at the leader."""

    def __init__(self, nodes: cluster.Cluster, seed: int, end: float) -> None:
        super().__init__(daemon=True)
        self.nodes, self.random, self.end = nodes, random.Random(seed), end
        self.asked = self.told_to_wait = self.appended = self.goodbyes = 0
        self.failure: Exception | None = None

    def command(self) -> bytes:
        number = self.random.randrange(1 << 40, 1 << 62)
        made_up = self.random.choice((0, 0, 7, self.random.randrange(1, 1 << 32)))
        request = self.random.choice((bytes(16), self.random.randbytes(16), b"used" * 4))
        return self.random.choice((
            record(9, struct.pack("<Q", number), made_up, request),  # withdraw what is not there
            record(16, struct.pack("<Q", number), made_up, request),  # enrol what is not there
            record(14, struct.pack("<IHBi", 99, 2021, 0, 3), made_up, request),  # places of no kindergarten
            record(22, bytes(64), made_up, request),  # a digest, which is the cluster's
            self.random.randbytes(self.random.randrange(1, 200)),
        ))

    def connect(self) -> cluster.Connection:
        connection = self.nodes.leader(PATIENCE).connect()
        connection.send(cluster.HELLO, 0, HELLO_BODY)
        return connection

    def ask(self, connection: cluster.Connection) -> None:
        """A window of commands and a question, and their answers: none is left unanswered."""
        records = [self.command() for _ in range(WINDOW)]
        connection.send(SUBMIT, 1, submit(records))
        connection.send(QUERY, 2, struct.pack("<BBHQ", 2, 1, 0, self.random.randrange(1, 1 << 62)))
        self.asked += WINDOW
        left = {RESULTS, ANSWER}
        while left:
            left.discard(self.hear(connection))

    def hear(self, connection: cluster.Connection) -> int:
        """Takes one message. Returns: its kind."""
        kind, _, body = connection.receive()
        for at in range(4, len(body) if kind == RESULTS else 0, 24):
            self.told_to_wait += body[at] == BUSY
            self.appended += body[at] == APPLIED
            if body[at] == BUSY and struct.unpack_from("<I", body, at + 4)[0] == 0:
                raise ValueError("BUSY without a time to come back")
        return kind

    def say_garbage(self) -> None:
        with self.connect() as connection:
            connection.send_raw(self.random.randbytes(self.random.randrange(24, 4000)))
            while True:
                try:
                    self.goodbyes += connection.receive()[0] == cluster.GOODBYE
                except (EOFError, ConnectionError):
                    return

    def run(self) -> None:
        try:
            while time.monotonic() < self.end:
                with self.connect() as connection:
                    for _ in range(50):
                        self.ask(connection)
                self.say_garbage()
        except Exception as error:  # told by the test
            self.failure = error


class Pipelining(Hostile):
    """A connection that says thousands of commands before it hears of the first."""

    def run(self) -> None:
        refused = record(9, struct.pack("<Q", 1 << 40), HOSTILE)  # withdraw what is not there
        body = submit([refused] * PER_SUBMIT)
        try:
            with self.connect() as connection:
                while time.monotonic() < self.end:
                    for _ in range(IN_FLIGHT // PER_SUBMIT):
                        connection.send(SUBMIT, 1, body)
                    self.asked += IN_FLIGHT
                    for _ in range(IN_FLIGHT // PER_SUBMIT):
                        self.hear(connection)
        except Exception as error:  # told by the test
            self.failure = error


class HostilePortal(unittest.TestCase):
    seconds = 8.0
    budget = 60

    def setUp(self) -> None:
        self.nodes = self.enterContext(cluster.Cluster(3, "--refusals-per-minute", str(self.budget)))
        self.nodes.start().wait_ready(PATIENCE)
        self.endpoints = ",".join(f"127.0.0.1:{node.client}" for node in self.nodes)
        run("kezek", "territory", "set", 1, "--name", "Қала", "--utc-offset-minutes", 300, "--endpoints", self.endpoints)

    def honest(self, number: int, actor: int = 0) -> float:
        """An application of the honest portal. Returns: how long it took, the program's start included."""
        begun = time.monotonic()
        answer = json.loads(run("kezek", "apply", "--territory", 1, "--birth-year", 2021, "--kind", "ordinary", "--category",
                                "general", "--child", f"{number:032x}", "--actor", actor, "--timeout", PATIENCE, "-o", "json",
                                "--endpoints", self.endpoints))
        self.assertEqual(answer["result"], "ok")
        self.assertEqual(json.loads(run("kezek", "position", answer["index"], "-o", "json", "--endpoints",
                                        self.endpoints))["application"], answer["index"])
        return time.monotonic() - begun

    def make_actors(self) -> None:
        for number, role, territory, by in ((ADMINISTRATOR, "administrator", 0, 0), (HONEST, "portal", 1, ADMINISTRATOR),
                                            (HOSTILE, "portal", 1, ADMINISTRATOR)):
            run("kezek", "actor", "set", number, "--role", role, "--territory", territory, "--actor", by, "--endpoints",
                self.endpoints)

    def attack(self, kind: type[Hostile], accepted: int, meanwhile) -> None:
        """Lets threads of KIND say what they will, whose actor had so many entries accepted before, and judges the ledger."""
        size = self.nodes[1].metrics()["kezek_ledger_bytes"]
        begun = time.monotonic()
        threads = [kind(self.nodes, seed, begun + self.seconds) for seed in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            code, words = self.nodes[2].get("/readyz")
            self.assertEqual(code, 200, words)
            meanwhile()
        took = time.monotonic() - begun
        for thread in threads:
            if thread.failure is not None:
                raise thread.failure
        grown = self.nodes[1].metrics()["kezek_ledger_bytes"] - size

        refused = self.refused_entries()
        allowed = self.budget + self.budget * took / 60 + accepted
        asked = sum(thread.asked for thread in threads)
        print(f"{kind.__name__}: {asked} commands in {took:.1f} s: {refused} refused entries of {allowed:.0f}, "
              f"{grown / 1024:.0f} KiB; {sum(thread.told_to_wait for thread in threads)} told to come back, "
              f"{sum(thread.goodbyes for thread in threads)} goodbyes", file=sys.stderr)
        self.assertEqual(refused, sum(thread.appended for thread in threads))
        self.assertGreater(asked, 5 * allowed)
        self.assertGreaterEqual(refused, self.budget)
        self.assertLessEqual(refused, allowed)
        self.assertLessEqual(grown, 1 << 20)
        self.assertTrue(all(node.is_running() for node in self.nodes))

    def test_the_ledger_grows_by_no_more_than_the_budget(self) -> None:
        self.honest(1)
        self.attack(Hostile, 2, lambda: time.sleep(0.05))  # the territory and the application

    def test_a_pipeline_grows_it_by_no_more_either(self) -> None:
        self.make_actors()
        waits = []
        self.attack(Pipelining, 0, lambda: waits.append(self.honest(len(waits) + 1, HONEST)))
        print(f"{len(waits)} applications of the honest portal, {max(waits):.2f} s at most", file=sys.stderr)

    def refused_entries(self) -> int:
        last = int(self.nodes.leader(PATIENCE).metrics()["kezek_applied_index"])
        lines = run("kezek", "watch", "--from", 1, "--to", last, "--endpoints", self.endpoints).splitlines()
        return sum(line["result"] != "ok" for line in map(json.loads, lines) if "result" in line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=HostilePortal.seconds)
    parser.add_argument("--budget", type=int, default=HostilePortal.budget)
    arguments, rest = parser.parse_known_args()
    HostilePortal.seconds, HostilePortal.budget = arguments.seconds, arguments.budget
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
