#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The planted bugs about storage (KZ_CANARY, a build with KZ_CANARIES) are found on real files too: one node, LMDB,
kill -9 under load, and what was acknowledged compared with the ledger.

    KEZEKD=build/canaries/bin/kezekd canaries.py

The disk is slow to sync (failing_calls.c), so that a kill meets a commit that has not ended, on a fast machine too. Each is
let live until the comparison or the node's own start finds it; without one nothing may be found.
"""
from __future__ import annotations

import argparse
import json
import pathlib
import random
import sys
import time

import agreement
import attack
import cluster
from failing import LIBRARY

RATE = 2_000
SLOW_DISK = {"LD_PRELOAD": str(LIBRARY), "KZ_SLOW_MS": "20"}


def kill_under_load(nodes: cluster.Cluster, draw: random.Random, rounds: int, seed: int) -> pathlib.Path:
    """Kills the node and starts it again, ROUNDS times. Returns: the file of what was acknowledged."""
    attack.found_town(nodes)
    with attack.Load(nodes, RATE, seed) as load:
        for _ in range(rounds):
            attack.wait_progress(nodes, 60)
            time.sleep(draw.uniform(0.005, 0.3))
            nodes[1].kill()
            nodes[1].start().wait_ready(60)
        attack.wait_progress(nodes, 60)
        load.stop()
    return load.answers


def damage_last(node: cluster.Node, answers: pathlib.Path) -> None:
    """Flips a bit in the last acknowledged entry, wherever its record stands in the file."""
    last = max(map(json.loads, answers.read_text().splitlines()), key=lambda answer: answer["index"])
    path = node.directory / "ledger" / "data.mdb"
    data = bytearray(path.read_bytes())
    request, at, found = bytes.fromhex(last["request"]), -1, 0
    while (at := data.find(request, at + 1)) >= 0:
        data[at + len(request) + 12] ^= 1
        found += 1
    attack.demand(found > 0, "the last entry is not in the file")
    path.write_bytes(data)


def live(nodes: cluster.Cluster, canary: str, draw: random.Random, rounds: int, seed: int) -> None:
    """One node with a canary, or with none: raises when something is found."""
    nodes.start().wait_ready(30)
    answers = kill_under_load(nodes, draw, rounds, seed)
    if canary == "bad-entry-dropped":
        with attack.Load(nodes, RATE, seed + 1, "more") as load:
            attack.wait_progress(nodes, 60)
            load.stop()
        nodes[1].kill()  # soon enough: results are stored up to 200 ms later
        damage_last(nodes[1], load.answers)
        nodes[1].start().wait_ready(60)
        agreement.check(nodes, answers, load.answers)
    else:
        agreement.check(nodes, answers)


def finds(canary: str, draw: random.Random, rounds: int, seed: int) -> str:
    """Returns: what was found, nothing for nothing."""
    with cluster.Cluster(1) as nodes:
        nodes[1].environment = dict(SLOW_DISK)
        if canary != "none":
            nodes[1].environment["KZ_CANARY"] = canary
        try:
            live(nodes, canary, draw, rounds, seed)
        except attack.Violation as violation:
            return str(violation)
        except RuntimeError:  # the node has ended
            return nodes[1].log().splitlines()[-1]
    return ""


def every_canary(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    figures["none"] = finds("none", draw, 3, options.seed)
    attack.demand(not figures["none"], "something was found where nothing is planted")
    for canary in ("ack-before-sync", "two-transactions", "bad-entry-dropped"):
        figures[canary] = finds(canary, draw, options.rounds, options.seed)
        attack.demand(figures[canary], f"{canary} lives on after {options.rounds} rounds of kill -9")


if __name__ == "__main__":
    sys.exit(attack.main("canaries", every_canary, __doc__, rounds=25))
