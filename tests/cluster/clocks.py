#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clocks that are wrong (libfaketime): a minority's move nothing, a majority's at most a day.

    clocks.py --rounds 10

Each round gives one or two of three nodes a wall clock that jumps under load by ± 1 h or ± 10 years, or stands still; the
monotonic clock stays true, as it does when somebody sets the time. A territory has a place reported and an evening
to come, so that a jump over a day would publish and open it. Then:

- a minority's clock: no entry is further than TOLERANCE_S from the true time, and commits go on;
- a majority's clock: no entry is more than 24 h (P5a) ahead; nobody is asked to accept that here;
- always: times never fall, and what was acknowledged is there.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import random
import sys
import time

import agreement
import attack
import client
import cluster

LIBRARIES = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
RATE = 300
TOLERANCE_S = 12.0
DAY_S = 86_400.0
HOUR_S = 3_600.0
TEN_YEARS_S = 3_652 * DAY_S
FROZEN = None
JUMPS = (HOUR_S, -HOUR_S, TEN_YEARS_S, -TEN_YEARS_S, FROZEN)
HOLD_S = 2.0
REFUSED_S = 6.0
"""So long a majority that is ten years ahead is watched while it writes nothing."""


class Clock:
    """The wall clock of one node, read by libfaketime from a file at every call."""

    def __init__(self, node: cluster.Node) -> None:
        self.file = node.directory.with_suffix(".clock")
        self.set(0.0)
        node.environment = {"LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def set(self, jump: float | None) -> None:
        """From now on the clock is off by so many seconds, or stands still. The file is replaced whole."""
        text = time.strftime("%Y-%m-%d %H:%M:%S") if jump is FROZEN else f"{jump:+.0f}"
        new = self.file.with_suffix(".new")
        new.write_text(text + "\n")
        new.replace(self.file)


def remove_shared(pids: list[int]) -> None:
    """Removes what libfaketime leaves of processes that were killed, as they are where a round fails."""
    for pid in pids:
        for name in (f"sem.faketime_sem_{pid}", f"faketime_shm_{pid}"):
            pathlib.Path("/dev/shm", name).unlink(missing_ok=True)


def wrong(nodes: cluster.Cluster, clocks: dict[int, Clock], draw: random.Random, number: int, seed: int) -> tuple[str, float]:
    """One round on a running cluster. Returns: what was done, and how far ahead of the true time entries may be."""
    jump = JUMPS[(number + seed) % len(JUMPS)]
    is_majority = (number // len(JUMPS) + seed) % 2 == 1
    leader = nodes.leader(attack.SERVING_S)
    others = [node for node in nodes if node is not leader]
    victims = [leader, draw.choice(others)] if is_majority else [draw.choice(list(nodes))]
    name = f"{'majority' if is_majority else 'minority'} {'frozen' if jump is FROZEN else f'{jump:+.0f} s'}"
    for victim in victims:
        clocks[victim.number].set(jump)
    for victim in victims:
        cluster.wait_for(lambda: "clock_jumped" in victim.log(), attack.SERVING_S, "the clock to be wrong")
    if not is_majority:
        attack.wait_progress(nodes)
        time.sleep(HOLD_S)
        attack.wait_progress(nodes)
    else:
        time.sleep(REFUSED_S if jump == TEN_YEARS_S else HOLD_S)
    for clock in clocks.values():
        clock.set(0.0)
    return name, (DAY_S if is_majority else 0) + TOLERANCE_S


def check_times(export: pathlib.Path, begun: float, ahead: float) -> None:
    """Times never fall, and none is before the round, or further after it than that."""
    last = 0
    with export.open() as file:
        for line in file:
            entry = json.loads(line)
            moment, index = entry["time"], entry["index"]
            attack.demand(moment >= last, f"entry {index} is earlier than the one before it")
            if index > 2:
                attack.demand(begun - TOLERANCE_S < moment / 1000 < time.time() + ahead,
                              f"entry {index} ({entry['type']}) is {moment / 1000 - begun:+.0f} s from the round's beginning")
            last = moment


def turn(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    if not LIBRARIES:
        raise attack.Skip("libfaketime is not installed (ops/setup test does that)")
    done: dict[str, int] = {}
    acknowledged = 0
    for number in attack.Budget(options):
        with contextlib.ExitStack() as at_end, cluster.Cluster(3) as nodes:
            clocks = {node.number: Clock(node) for node in nodes}
            begun = time.time()
            nodes.start()
            at_end.callback(remove_shared, [node.process.pid for node in nodes])
            nodes.wait_ready(30)
            session = client.Session(nodes, draw)
            for command in [*client.town(1), client.vacancy(1, 5)]:
                session.settle(command | {"request": client.request_id(draw)}, attack.SERVING_S)
            session.close()
            with attack.Load(nodes, RATE, draw.getrandbits(40)) as load:
                attack.wait_progress(nodes)
                name, ahead = wrong(nodes, clocks, draw, number, options.seed)
                # Where the ledger's time went ahead, by up to a day, writing waits for a person or for that day.
                if ahead < DAY_S:
                    attack.wait_progress(nodes)
                load.stop()
            done[name] = done.get(name, 0) + 1
            acknowledged += load.acknowledged
            check_times(agreement.check(nodes, load.answers)[0], begun, ahead)
    figures |= {"jumps": number + 1, "of": done, "acknowledged": acknowledged}


if __name__ == "__main__":
    sys.exit(attack.main("clocks", turn, __doc__, rounds=10))
