#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Partitions of a real cluster in network namespaces, under load: at most one leader a term, nothing lost.

    partitions.py --rounds 12 --hold 20

Each round takes the next way of SHAPES to cut the wire between five nodes, holds it so many seconds, heals it, and waits
until all nodes serve. Where a majority can still speak, commits must go on during the cut.
"""
from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable

import agreement
import attack
import cluster
import network

COUNT = 5
RATE = 500
HEALED_S = 10.0
"""Bound on the first commit, and on all having caught up, after healing: five election timeouts, and room for a busy
machine. What it took is a figure."""
Pairs = Iterable[tuple[int, int]]


def both(pairs: Pairs) -> set[tuple[int, int]]:
    return {pair for a, b in pairs for pair in ((a, b), (b, a))}


class Scene:
    """What a shape is drawn from: who leads, and the others in random order."""

    def __init__(self, nodes: cluster.Cluster, wire: network.Network, draw: random.Random) -> None:
        self.nodes, self.wire, self.draw = nodes, wire, draw
        self.leader = nodes.leader(attack.SERVING_S).number
        self.others = [n for n in range(1, COUNT + 1) if n != self.leader]
        draw.shuffle(self.others)

    def cut(self, pairs: Pairs) -> None:
        for pair in pairs:
            self.wire.cut(*pair)


def one_way(scene: Scene) -> None:
    """The leader does not reach one follower, but hears it."""
    scene.cut([(scene.leader, scene.others[0])])


def one_way_back(scene: Scene) -> None:
    """One follower does not reach the leader, but hears it."""
    scene.cut([(scene.others[0], scene.leader)])


def leader_cut_off(scene: Scene) -> None:
    scene.cut(both((scene.leader, other) for other in scene.others))


def leader_mute(scene: Scene) -> None:
    scene.cut((scene.leader, other) for other in scene.others)


def leader_deaf(scene: Scene) -> None:
    scene.cut((other, scene.leader) for other in scene.others)


def minority_with_leader(scene: Scene) -> None:
    inside = [scene.leader, scene.others[0]]
    scene.cut(both(itertools.product(inside, scene.others[1:])))


def ring(scene: Scene) -> None:
    """Each node speaks with two neighbours only."""
    order = [scene.leader, *scene.others]
    near = both((order[i], order[(i + 1) % COUNT]) for i in range(COUNT))
    scene.cut(set(itertools.permutations(order, 2)) - near)


def half_open(scene: Scene) -> None:
    """A node is killed and started again while cut off: the others keep connections whose other end is gone."""
    victim = scene.draw.choice([scene.leader, scene.others[0]])
    scene.cut(both((victim, other) for other in range(1, COUNT + 1) if other != victim))
    scene.nodes[victim].kill()
    scene.nodes[victim].start()


def all_apart(scene: Scene) -> None:
    """Nobody reaches anybody: once the wire is back the next commit is an election away."""
    scene.cut(itertools.permutations(range(1, COUNT + 1), 2))


def flapping(scene: Scene) -> None:
    """Random directions come and go; what the last moment left stays for the rest of the time."""
    pairs = list(itertools.permutations(range(1, COUNT + 1), 2))
    for _ in range(20):
        pair = scene.draw.choice(pairs)
        (scene.wire.heal if pair in scene.wire.lost else scene.wire.cut)(*pair)
        time.sleep(scene.draw.uniform(0.01, 0.3))


# A shape, and whether a majority can go on meanwhile.
SHAPES: list[tuple[Callable[[Scene], None], bool]] = [
    (leader_cut_off, True), (one_way, True), (all_apart, False), (ring, True), (half_open, True), (flapping, False),
    (leader_mute, True), (leader_deaf, True), (minority_with_leader, True), (one_way_back, True)]


def wait_caught_up(nodes: cluster.Cluster) -> float:
    """Waits until every node is ready and has applied what one of them has now. Returns: the seconds that it took."""
    last, begun = attack.last_applied(nodes), time.monotonic()
    for node in nodes:
        cluster.wait_for(lambda: attack.applied_of(node) >= last, HEALED_S, f"node {node.number} to catch up")
    nodes.wait_ready(attack.SERVING_S)
    return time.monotonic() - begun


def cut(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    healing: dict[str, float] = {}
    going_on: dict[str, float] = {}
    caught_up: dict[str, float] = {}
    first = draw.randrange(len(SHAPES))
    rounded = {"commit_after_cut_s": going_on, "commit_after_healing_s": healing, "all_caught_up_s": caught_up}
    with network.Network(COUNT) as wire, cluster.Cluster(COUNT, hosts=wire.hosts) as nodes:
        wire.attach(nodes)
        nodes.start().wait_ready(60)
        attack.found_town(nodes)
        with attack.Load(nodes, RATE, options.seed) as load:
            for number in attack.Budget(options):
                shape, goes_on = SHAPES[(first + number) % len(SHAPES)]
                name = shape.__name__
                begun = time.monotonic()
                shape(Scene(nodes, wire, draw))
                if goes_on:
                    going_on[name] = max(going_on.get(name, 0), attack.wait_progress(nodes))
                time.sleep(max(0.0, options.hold - (time.monotonic() - begun)))
                wire.heal_all()
                healing[name] = max(healing.get(name, 0), attack.wait_progress(nodes, HEALED_S))
                caught_up[name] = max(caught_up.get(name, 0), wait_caught_up(nodes))
            load.stop()
        figures |= {"partitions": number + 1, "acknowledged": load.acknowledged, "unknown": load.unknown,
                    "terms": agreement.check_leaders(nodes)}
        figures |= {figure: {name: round(value, 2) for name, value in values.items()} for figure, values in rounded.items()}
        agreement.check(nodes, load.answers)


if __name__ == "__main__":
    network.enter()
    sys.exit(attack.main("partitions", cut, __doc__, rounds=12, hold=3))
