#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ten times the load: what is accepted keeps its latency, and the rest is told when to come back.

    overload.py [--seconds 10]

kezek-bench offers three real nodes as many commands as a full benchmark has in flight, and then ten times as many. Meanwhile
a probe of its own connection submits one command after the other and measures the answers: accepted, or BUSY with a time to
come back; none is left without. The 99th percentiles of the accepted ones are printed and compared. The leader stays.
"""
from __future__ import annotations

import argparse
import itertools
import pathlib
import struct
import subprocess
import sys
import time
import unittest

import cluster
from founding import run
from hostile_portal import BUSY, HELLO_BODY, RESULTS, SUBMIT, record, submit

PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
CONNECTIONS, OUTSTANDING = 8, 1024  # of a full benchmark
TIMES = 10
TIMEOUTS = ("--election-timeout", "1000", "--heartbeat", "100")  # nodes, load and whoever else is here share the cores
NOT_LEADER, UNAVAILABLE, UNKNOWN = 4, 6, 7
PATIENCE = 60
ACCEPTED_LEAST = 20
FACTOR = 5  # the bound on commands in flight is twice the benchmark's; the rest is the machine's unrest


class Figures:
    """Of one phase of the probe, in milliseconds."""

    def __init__(self) -> None:
        self.accepted: list[float] = []
        self.busy = self.unavailable = 0

    def p99(self) -> float:
        return sorted(self.accepted)[len(self.accepted) * 99 // 100]

    def __str__(self) -> str:
        return f"{len(self.accepted)} accepted, p99 {self.p99():.0f} ms; {self.busy} told to come back, " \
               f"{self.unavailable} that no leader takes any"


class Overload(unittest.TestCase):
    seconds = 5.0

    def setUp(self) -> None:
        self.nodes = self.enterContext(cluster.Cluster(3, *TIMEOUTS)).start().wait_ready(PATIENCE)
        self.endpoints = ",".join(f"127.0.0.1:{node.client}" for node in self.nodes)
        run("kezek", "territory", "set", 1, "--name", "Қала", "--utc-offset-minutes", 300, "--endpoints", self.endpoints)
        self.children = itertools.count(1)

    def command(self) -> bytes:
        """An application that is accepted."""
        child = b"probe".ljust(8, b".") + struct.pack("<Q", next(self.children))
        return record(6, struct.pack("<IHBB16s16s32sq", 1, 2021, 0, 2, bytes(16), child, bytes(32), 0), request=child)

    def probe(self, connection: cluster.Connection, until: float, figures: Figures) -> None:
        """Until the time is over, or the node does not lead any more."""
        while time.monotonic() < until or len(figures.accepted) < ACCEPTED_LEAST:
            begun = time.monotonic()
            connection.send(SUBMIT, 1, submit([self.command()]))
            body = next(body for kind, _, body in iter(connection.receive, None) if kind == RESULTS)
            took_ms = (time.monotonic() - begun) * 1000
            if body[4] in (NOT_LEADER, UNKNOWN):
                return
            if body[4] in (BUSY, UNAVAILABLE):
                retry_ms = struct.unpack_from("<I", body, 8)[0]
                self.assertGreater(retry_ms, 0)
                figures.busy += body[4] == BUSY
                figures.unavailable += body[4] == UNAVAILABLE
                time.sleep(min(retry_ms, 1000) / 1000)
            else:
                figures.accepted.append(took_ms)
                self.assertEqual(body[4:6], bytes(2), "accepted, and ok")

    def measure(self, connections: int) -> Figures:
        bench = subprocess.Popen([str(PROGRAMS / "kezek-bench"), "append", "--endpoints", self.endpoints, "--connections",
                                  str(connections), "--outstanding", str(OUTSTANDING), "--seconds", str(int(self.seconds + 5))],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(bench.kill)
        leader = self.nodes.leader(PATIENCE)
        before = leader.metrics()["kezek_answers_total"]
        cluster.wait_for(lambda: leader.metrics()["kezek_answers_total"] > before + 50_000, PATIENCE, "the load")
        figures, until = Figures(), time.monotonic() + self.seconds
        while time.monotonic() < until or len(figures.accepted) < ACCEPTED_LEAST:
            with self.nodes.leader(PATIENCE).connect(timeout=PATIENCE) as connection:
                connection.send(cluster.HELLO, 0, HELLO_BODY)
                self.probe(connection, until, figures)
        bench.terminate()
        bench.wait(PATIENCE)
        return figures

    def test_what_is_accepted_keeps_its_latency(self) -> None:
        leader = self.nodes.leader(PATIENCE)
        term = leader.metrics()["kezek_term"]
        full = self.measure(CONNECTIONS)
        beyond = self.measure(CONNECTIONS * TIMES)
        print(f"a full load: {full}\n{TIMES} times it: {beyond}", file=sys.stderr)
        self.assertEqual([leader.metrics()["kezek_term"], leader.is_leader()], [term, True], "the leader stays")
        self.assertLess(beyond.p99(), FACTOR * full.p99() + 50)
        self.assertLess(leader.metrics()["process_resident_memory_bytes"], 1 << 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=Overload.seconds)
    arguments, rest = parser.parse_known_args()
    Overload.seconds = arguments.seconds
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
