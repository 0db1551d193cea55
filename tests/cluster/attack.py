# SPDX-License-Identifier: Apache-2.0
"""What the attacks on real clusters share: their arguments, their seed, the load, the verdict and the last line.

An attack is a program with a function `attack(options, draw, figures)` that adds what it reached to the dictionary
`figures`, and raises `Violation` when a promise was broken, or `Skip` with a reason when it can not run here. It ends
with one line of JSON: kind, verdict, seed, figures. Exit code: 0 kept, 1 violated, 77 not run.
"""
from __future__ import annotations

import argparse
import json
import pathlib
import random
import secrets
import subprocess
import sys
import time
import traceback
from collections.abc import Callable

import cluster

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
NOT_RUN = 77
ELECTION_TIMEOUT_S = 0.3
SERVING_S = 30.0
"""How long a cluster may take to serve again, on a machine that others use too. What it took is a figure."""


class Violation(AssertionError):
    """A promise was broken."""


class Skip(Exception):
    """The attack can not run on this machine; the text says why."""


def demand(condition: object, what: str) -> None:
    """Raises Violation unless the condition holds."""
    if not condition:
        raise Violation(what)


def run(program: str, *arguments: object, **options) -> str:
    """Runs a program that lies beside kezekd. Returns: what it printed."""
    return subprocess.run([str(PROGRAMS / program), *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True,
                          **options).stdout


class Budget:
    """Rounds until so many were made (`rounds`), or until so many seconds have passed: at least one either way."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.rounds, self.seconds = options.rounds, options.seconds
        self.begun = time.monotonic()
        self.done = 0

    def __iter__(self):
        return self

    def __next__(self) -> int:
        over = time.monotonic() - self.begun > self.seconds if self.seconds else self.done >= self.rounds
        if over and self.done > 0:
            raise StopIteration
        self.done += 1
        return self.done - 1


def main(kind: str, attack: Callable[[argparse.Namespace, random.Random, dict], None], about: str, rounds: int,
         **more: int) -> int:
    """Parses the arguments, runs the attack, tells the verdict. `more` are further numbers with their defaults."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=0, help="so long instead of so many rounds")
    parser.add_argument("--seed", type=int, default=secrets.randbits(40))
    for name, value in more.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    print(f"{kind}: seed {options.seed}", flush=True)

    figures: dict = {}
    verdict, begun = {"passed": True}, time.monotonic()
    try:
        attack(options, random.Random(options.seed), figures)
    except Skip as skip:
        verdict = {"passed": None, "not_run": str(skip)}
        print(f"NOT RUN: {kind}: {skip}")
    except Exception as failure:  # whatever broke off an attack is reported with its seed
        verdict = {"passed": False, "failure": f"{type(failure).__name__}: {failure}"[:2000]}
        traceback.print_exc(file=sys.stdout)
    seconds = round(time.monotonic() - begun, 1)
    print(json.dumps({"kind": kind, **verdict, "seed": options.seed, "seconds": seconds, **figures}), flush=True)
    return {True: 0, False: 1, None: NOT_RUN}[verdict["passed"]]


class Load:
    """kezek-loader: applications at a rate; every acknowledgement goes to the file `answers`."""

    def __init__(self, nodes: cluster.Cluster, rate: int, seed: int, name: str = "answers") -> None:
        self.answers = nodes.directory / f"{name}.jsonl"
        arguments = [nodes.endpoints, "1", str(rate), str(seed % 2**64), str(self.answers)]
        self.process = subprocess.Popen([str(PROGRAMS / "kezek-loader"), *arguments], stdout=subprocess.PIPE, text=True)
        self.acknowledged = self.unknown = 0

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout: float = 120) -> None:
        """Lets it finish what is in flight, and counts what came of it."""
        self.process.terminate()
        told, _ = self.process.communicate(timeout=timeout)
        demand(self.process.returncode == 0, f"the loader ended with {self.process.returncode}: {told}")
        self.acknowledged, self.unknown = int(told.split()[0]), int(told.split()[2])


def found_town(nodes: cluster.Cluster) -> None:
    """Territory 1, where the load's applications go."""
    run("kezek", "territory", "set", "1", "--name", "Қала", "--utc-offset-minutes", "300", "--endpoints", nodes.endpoints)


def last_applied(nodes: cluster.Cluster) -> int:
    """The last entry that any node which answers has applied."""
    values = [applied_of(node) for node in nodes if node.is_running()]
    return max(values, default=0)


def applied_of(node: cluster.Node) -> int:
    """The last entry that the node has applied; 0 when it does not answer."""
    try:
        return int(node.metrics()["kezek_applied_index"])
    except (OSError, KeyError, ValueError):
        return 0


def wait_progress(nodes: cluster.Cluster, timeout: float = SERVING_S) -> float:
    """Waits until more entries are applied than now. Returns: the seconds that it took."""
    before, begun = last_applied(nodes), time.monotonic()
    cluster.wait_for(lambda: last_applied(nodes) > before + 1, timeout, "the cluster to commit")
    return time.monotonic() - begun


def memory_of(node: cluster.Node) -> int:
    """The bytes of the node's process that are in memory and are its own, not pages of its ledger's file."""
    status = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) << 10
