#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP and SIGCONT under load: a paused node is passed over, and when it wakes it believes nothing that is over.

    pauses.py --rounds 20

Each round pauses the leader, a follower, or a majority, for some tenths of a second to some seconds. While a majority
runs, commits go on; a paused leader that wakes must not answer reads or writes from its past (`agreement` and the
acknowledgements show the writes; the history of linearizability.py pauses nodes too, and shows the reads).
"""
from __future__ import annotations

import argparse
import random
import signal
import sys
import time

import agreement
import attack
import cluster

RATE = 1_000
PAUSES_S = (0.05, 0.4, 1.0, 3.0)


def pause(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    serving: list[float] = []
    waking: list[float] = []
    with cluster.Cluster(3) as nodes:
        nodes.start().wait_ready(30)
        attack.found_town(nodes)
        with attack.Load(nodes, RATE, options.seed) as load:
            for number in attack.Budget(options):
                leader = nodes.leader(attack.SERVING_S)
                others = [node for node in nodes if node is not leader]
                draw.shuffle(others)
                stopped = ([leader], [others[0]], [leader, others[0]], others)[number % 4]
                for node in stopped:
                    node.process.send_signal(signal.SIGSTOP)
                held = draw.choice(PAUSES_S)
                begun = time.monotonic()
                if len(stopped) == 1:
                    running = [node for node in nodes if node not in stopped]
                    serving.append(wait_commit(running))
                time.sleep(max(0.0, held - (time.monotonic() - begun)))
                for node in stopped:
                    node.process.send_signal(signal.SIGCONT)
                waking.append(wait_commit(list(nodes)))
                nodes.wait_ready(attack.SERVING_S)
            load.stop()
        figures |= {"pauses": number + 1, "acknowledged": load.acknowledged, "unknown": load.unknown,
                    "commit_while_paused_s_max": round(max(serving), 2), "commit_after_waking_s_max": round(max(waking), 2)}
        agreement.check(nodes, load.answers)


def wait_commit(running: list[cluster.Node]) -> float:
    """Waits until these nodes apply more than they have now. Returns: the seconds that it took."""
    def applied() -> int:
        return max(attack.applied_of(node) for node in running)
    before, begun = applied(), time.monotonic()
    cluster.wait_for(lambda: applied() > before + 1, attack.SERVING_S, "a commit")
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(attack.main("pauses", pause, __doc__, rounds=20))
