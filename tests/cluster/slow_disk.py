#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that syncs slowly, of a follower, of the leader, of all: commits go on, nothing is lost.

    slow_disk.py --rounds 6

Each round is a cluster in which some nodes take 20 to 300 ms more for every fdatasync and fsync (failing_calls.c). A slow
minority of followers must not slow the others; with a slow leader, or a slow majority, commits are slow and still come.
The election timeout is that of an operator with such disks. Where a majority syncs for longer than it, nobody is elected,
since votes are synced too: before the rounds, such nodes must say so, and a longer timeout must be the remedy.
"""
from __future__ import annotations

import argparse
import random
import re
import sys
import time

import agreement
import attack
import cluster
from failing import LIBRARY

RATE = 300
TIMES = ("--election-timeout", "2000", "--heartbeat", "200")
HOLD_S = 4.0
DELAYS_MS = (20, 100, 300)
TOO_SLOW_MS, ELECTION_TIMEOUT_MS = 400, 300  # the default one
TOLD = re.compile(r"warning slow_sync what=(?:vote|ledger) took_ms=(\d+) election_timeout_ms=(\d+) hint=.*--election-timeout")


def make_slow(node: cluster.Node, delay_ms: int) -> None:
    """From its next start on."""
    node.environment = {"LD_PRELOAD": str(LIBRARY), "KZ_SLOW_MS": str(delay_ms)}


def say_why_nobody_is_elected(figures: dict) -> None:
    """Two of three nodes sync for longer than the election timeout."""
    with cluster.Cluster(3) as nodes:
        slow_nodes = [nodes[1], nodes[2]]
        for node in slow_nodes:
            make_slow(node, TOO_SLOW_MS)
        nodes.start()
        for node in slow_nodes:
            cluster.wait_for(lambda: TOLD.search(node.log()), 60, "the node to say that its disk is slow")
        time.sleep(HOLD_S)
        for node in slow_nodes:
            told = TOLD.findall(node.log())
            attack.demand(len(told) == 1, f"node {node.number} said {len(told)} times that its disk is slow")
            took_ms, timeout_ms = map(int, told[0])
            attack.demand(took_ms >= TOO_SLOW_MS and timeout_ms == ELECTION_TIMEOUT_MS, f"it said {told[0]}")
        slow_syncs = [int(node.metrics()["kezek_slow_syncs_total"]) for node in slow_nodes]
        attack.demand(min(slow_syncs) > 1, "slow syncs are counted")
        figures |= {"slow_syncs": slow_syncs, "elected_meanwhile": any(node.is_leader() for node in nodes)}
        for node in nodes:
            node.kill()
        nodes.start(*TIMES).wait_ready(60)
        attack.found_town(nodes)


def slow(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    if not LIBRARY.exists():
        raise attack.Skip(f"{LIBRARY} is not built: a build with sanitizers has allocators of its own")
    say_why_nobody_is_elected(figures)
    rates: dict[str, int] = {}
    acknowledged = 0
    for number in attack.Budget(options):
        delay_ms = draw.choice(DELAYS_MS)
        count = (1, 1, 2, 3)[number % 4]
        with cluster.Cluster(3, *TIMES) as nodes:
            for node in draw.sample(list(nodes), count):
                make_slow(node, delay_ms)
            nodes.start().wait_ready(60)
            attack.found_town(nodes)
            with attack.Load(nodes, RATE, draw.getrandbits(40)) as load:
                attack.wait_progress(nodes)
                before = attack.last_applied(nodes)
                time.sleep(HOLD_S)
                rate = round((attack.last_applied(nodes) - before) / HOLD_S)
                load.stop()
            rates[f"{count} of 3 by {delay_ms} ms"] = rate
            acknowledged += load.acknowledged
            agreement.check(nodes, load.answers)
    figures |= {"clusters": number + 1, "entries_per_second": rates, "acknowledged": acknowledged}


if __name__ == "__main__":
    sys.exit(attack.main("slow_disk", slow, __doc__, rounds=8))
