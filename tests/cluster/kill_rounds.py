#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 rounds on a real cluster under load: nothing acknowledged may be lost.

    kill_rounds.py --rounds 20 --entries 1000000

Each round kills one node at a random moment (at least every second one the leader), lets the others serve, and starts it
again. A loader keeps every acknowledgement. Programs are found beside KEZEKD of the environment.
"""
from __future__ import annotations

import argparse
import random
import sys
import time

import agreement
import attack
import cluster

RATE = 25_000
"""Asked for; what was reached is a figure."""
SLOW_S = 5.0
"""P1's bound on serving again. One round in twenty may be over it, for the machine's sake; SERVING_S bounds them all."""


class Rounds:
    def __init__(self, nodes: cluster.Cluster, draw: random.Random) -> None:
        self.nodes = nodes
        self.draw = draw
        self.leaders_killed = 0
        self.gaps: list[float] = []
        self.returns: list[float] = []

    def one(self, number: int) -> None:
        leader = self.nodes.leader(20)
        victim = leader if number % 2 == 0 else self.draw.choice([n for n in self.nodes if n is not leader])
        time.sleep(self.draw.uniform(0.005, 0.5))
        victim.kill()
        self.leaders_killed += victim is leader
        self.gaps.append(attack.wait_progress(self.nodes))
        time.sleep(self.draw.uniform(0.0, 0.5))
        begun = time.monotonic()
        victim.start()
        victim.wait_ready(60)
        self.returns.append(time.monotonic() - begun)


def kill(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    with cluster.Cluster(3) as nodes:
        nodes.start().wait_ready(30)
        attack.found_town(nodes)
        begun = time.monotonic()
        with attack.Load(nodes, RATE, options.seed) as load:
            rounds = Rounds(nodes, draw)
            for number in attack.Budget(options):
                rounds.one(number)
            rate = attack.last_applied(nodes) / (time.monotonic() - begun)
            cluster.wait_for(lambda: attack.last_applied(nodes) > options.entries * 1.02, 300, "enough entries")
            load.stop()
        figures |= {"kills": len(rounds.gaps), "leaders_killed": rounds.leaders_killed, "acknowledged": load.acknowledged,
                    "entries_per_second": round(rate), "serving_s_max": round(max(rounds.gaps), 2),
                    "ready_s_max": round(max(rounds.returns), 2)}
        agreement.check(nodes, load.answers)
    slow = [gap for gap in rounds.gaps if gap > SLOW_S]
    attack.demand(load.unknown == 0, f"the fate of {load.unknown} commands stayed unknown")
    attack.demand(load.acknowledged >= options.entries, f"fewer than {options.entries} acknowledged")
    attack.demand(len(slow) * 20 <= len(rounds.gaps), f"served again after more than {SLOW_S} s: {slow}")
    attack.demand(rounds.leaders_killed * 2 >= len(rounds.gaps), "leaders were spared")


if __name__ == "__main__":
    sys.exit(attack.main("kill", kill, __doc__, rounds=20, entries=1_000_000))
