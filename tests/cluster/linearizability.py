#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Histories of real clients, with kills and pauses of nodes, are linearizable under the rules.

    linearizability.py --rounds 300 --operations 1000

Each round is a new cluster on a clock that runs 20,000 times as fast, so that its some two days hold an evening and two
mornings; clients apply, claim the same few places, take back, ask. Nodes are killed, paused, and, where there are network
namespaces, cut off while they lead and still serve clients. At the end the ledger is exported, and
tests/linearizability/checker.py says whether what the clients saw fits it.
"""
from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import pathlib
import random
import signal
import sys
import threading
import time

import agreement
import attack
import client
import cluster
import network
import recorder
from recorder import checker

CLIENTS = 8
DAY_BEGINS = "2026-12-01T17:30:00+05:00"
RATE = 20_000
HISTORY_S = 9.0
CHECK_S = 60.0
POLICY = {"type": "policy", "territory": 1, "evening": "18:00", "morning": "07:00", "first_priority": 1, "general": 3,
          "access_days": 1, "access_unit": "calendar", "referral_days": 1, "stop_list_days": 0, "unused_limit": 2,
          "register_closed": False}


class Faults(threading.Thread):
    """Kills, pauses or cuts off one node after the other until it is told to end; then all run and are connected."""

    def __init__(self, shared: recorder.Shared, wire: network.Network | None, seed: int) -> None:
        super().__init__(name="faults")
        self.shared, self.wire, self.draw = shared, wire, random.Random(seed)
        self.ending = threading.Event()
        self.kills = self.pauses = self.cuts = 0

    def run(self) -> None:
        nodes = self.shared.nodes
        while not self.ending.wait(self.draw.uniform(0.3, 2.0)):
            leader = next((node for node in nodes if node.is_leader()), nodes[1])
            victim = leader if self.draw.random() < 0.6 else self.draw.choice(list(nodes))
            self.draw.choice([self.kill, self.pause, *([self.cut] * 2 if self.wire else [])])(victim)

    def kill(self, victim: cluster.Node) -> None:
        victim.kill()
        self.ending.wait(self.draw.uniform(0.05, 1.0))
        self.shared.starts[victim.number] += 1
        victim.start()
        self.kills += 1

    def pause(self, victim: cluster.Node) -> None:
        victim.process.send_signal(signal.SIGSTOP)
        self.ending.wait(self.draw.uniform(0.2, 1.5))
        victim.process.send_signal(signal.SIGCONT)
        self.pauses += 1

    def cut(self, victim: cluster.Node) -> None:
        for other in self.shared.nodes:
            if other is not victim:
                self.wire.cut(victim.number, other.number)
                self.wire.cut(other.number, victim.number)
        self.ending.wait(self.draw.uniform(0.4, 1.2))
        self.wire.heal_all()
        self.cuts += 1


def record(nodes: cluster.Cluster, wire: network.Network | None, draw: random.Random, operations: int, figures: dict) -> list[dict]:
    """Lets the clients live. Returns: the history."""
    shared = recorder.Shared(nodes)
    setting = recorder.Client(shared, 0, draw.getrandbits(40), 1, 0)
    setting.gives_up = 0
    for command in [*client.town(recorder.KINDERGARTENS), dict(POLICY)]:
        setting.write(command)
    for number in range(1, recorder.KINDERGARTENS + 1):
        for birth_year in recorder.YEARS:
            setting.write(client.vacancy(number, 2, birth_year))
    attack.demand(all(write.get("result") == "ok" for write in shared.history), f"the town was not set up: {shared.history}")
    faults = Faults(shared, wire, draw.getrandbits(40))
    clients = [recorder.Client(shared, number, draw.getrandbits(40), operations // CLIENTS, HISTORY_S)
               for number in range(1, CLIENTS + 1)]
    for thread in (*clients, faults):
        thread.start()
    for thread in clients:
        thread.join(HISTORY_S + 120)
        attack.demand(not thread.is_alive() and thread.failure is None, f"{thread.name}: {thread.failure or 'does not end'}")
    faults.ending.set()
    faults.join()
    figures["kills"] += faults.kills
    figures["pauses"] += faults.pauses
    figures["cuts"] += faults.cuts
    nodes.wait_ready(attack.SERVING_S)
    for operation in [operation for operation in shared.history if operation.get("fate") == "unknown"]:
        setting.read("request", operation["command"]["request"])
    return shared.history


def ledger_of(nodes: cluster.Cluster) -> list[dict]:
    """The ledger, after it was found to be the same everywhere. The cluster's own entries have no result in a line."""
    export = agreement.check(nodes, families_change_their_mind=True)[0]
    return [{"result": "ok", **json.loads(line)} for line in export.read_text().splitlines()]


def keep(directory: pathlib.Path, history: list[dict], ledger: list[dict]) -> None:
    """Writes both down for whoever looks into a failure."""
    for name, lines in (("history", history), ("ledger", ledger)):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def judge_all(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    figures |= {"histories": 0, "operations": 0, "answered_writes": 0, "unknown": 0, "reads": 0, "claims_ok": 0, "grants": 0,
                "kills": 0, "pauses": 0, "cuts": 0, "check_s_max": 0.0}
    with contextlib.ExitStack() as stack:
        wire = None
        try:
            wire = stack.enter_context(network.Network(3))
        except attack.Skip as reason:
            print(f"without cuts: {reason}")
        for _ in attack.Budget(options):
            judge_one(wire, draw, options.operations, figures)
    attack.demand(figures["claims_ok"] > 0 and figures["grants"] > 0, "nobody was called, or nobody claimed: a test of nothing")


def judge_one(wire: network.Network | None, draw: random.Random, operations: int, figures: dict) -> None:
    """Records one history and checks it."""
    anchor = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    flags = ["--demo-clock", f"{DAY_BEGINS},{RATE},{anchor}", "--refusals-per-minute", "1000000"]
    with cluster.Cluster(3, *flags, hosts=wire.hosts if wire else None) as nodes:
        if wire:
            wire.attach(nodes)
        nodes.start().wait_ready(30)
        history = record(nodes, wire, draw, operations, figures)
        ledger = ledger_of(nodes)
        begun = time.monotonic()
        faults = checker.check(history, ledger, CHECK_S)
        if faults:
            keep(nodes.directory, history, ledger)
        attack.demand(not faults, "not linearizable:\n" + "\n".join(faults))
    figures["check_s_max"] = max(figures["check_s_max"], round(time.monotonic() - begun, 2))
    count(figures, history, ledger)


def count(figures: dict, history: list[dict], ledger: list[dict]) -> None:
    writes = [operation for operation in history if operation["op"] == "write"]
    figures["histories"] += 1
    figures["operations"] += len(history)
    figures["answered_writes"] += sum(write["fate"] in ("applied", "repeated") for write in writes)
    figures["unknown"] += sum(write["fate"] == "unknown" for write in writes)
    figures["reads"] += len(history) - len(writes)
    figures["claims_ok"] += sum(entry["type"] == "claim" and entry["result"] == "ok" for entry in ledger)
    figures["grants"] += sum(entry["type"] == "grant" and entry["result"] == "ok" for entry in ledger)


if __name__ == "__main__":
    network.enter()
    sys.exit(attack.main("linearizability", judge_all, __doc__, rounds=300, operations=1000))
