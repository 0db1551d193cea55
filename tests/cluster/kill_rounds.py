#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 rounds on a real cluster under load: nothing acknowledged may be lost.

    kill_rounds.py --rounds 20 --entries 1000000

Each round kills one node at a random moment (at least every second one the leader), lets the others serve, and starts it
again. A loader keeps every acknowledgement. At the end the nodes are stopped, their ledgers exported, and
ops/demo/summary.py, which links none of our code, compares: each acknowledged entry at its index on all nodes, digests
equal, an offline replay agrees. Programs are found beside KEZEKD of the environment.
"""
from __future__ import annotations

import argparse
import pathlib
import random
import signal
import subprocess
import sys
import time

import cluster

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
RATE = 25_000  # asked for
RATE_LEAST = 10_000


def run(program: str, *arguments: str) -> str:
    return subprocess.run([str(PROGRAMS / program), *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def applied(nodes: cluster.Cluster) -> list[int]:
    return [int(node.metrics()["kezek_applied_index"]) for node in nodes]


class Rounds:
    def __init__(self, nodes: cluster.Cluster, seed: int) -> None:
        self.nodes = nodes
        self.random = random.Random(seed)
        self.leaders_killed = 0
        self.gaps: list[float] = []

    def last_index(self) -> int:
        values = []
        for node in self.nodes:
            try:
                values.append(int(node.metrics()["kezek_applied_index"]))
            except (OSError, KeyError):
                pass
        return max(values, default=0)

    def one(self, number: int) -> None:
        leader = self.nodes.leader(20)
        victim = leader if number % 2 == 0 else self.random.choice([n for n in self.nodes if n is not leader])
        time.sleep(self.random.uniform(0.005, 0.5))
        before = self.last_index()
        victim.kill()
        killed = time.monotonic()
        self.leaders_killed += victim is leader
        cluster.wait_for(lambda: self.last_index() > before + 1, 30, "the others to serve")
        self.gaps.append(time.monotonic() - killed)
        time.sleep(self.random.uniform(0.0, 0.5))
        victim.start()
        victim.wait_ready(60)


def check(nodes: cluster.Cluster, answers: pathlib.Path) -> int:
    """Stops the nodes and has everything compared. Returns: the comparing program's exit code."""
    index = str(cluster.wait_for(
        lambda: applied(nodes)[0] if len(set(applied(nodes))) == 1 else 0, 60, "all nodes to apply the same"))
    nodes.stop()
    arguments = [sys.executable, str(ROOT / "ops" / "demo" / "summary.py"), "--answers", str(answers)]
    for node in nodes:
        export = nodes.directory / f"export-{node.number}.jsonl"
        with export.open("wb") as file:
            subprocess.run([str(PROGRAMS / "kezek-audit"), "export", "--data", str(node.directory), "--to", index],
                           check=True, stdout=file)
        digest = run("kezek-audit", "digest", "--data", str(node.directory), "--at", index).strip()
        arguments += ["--export", f"node {node.number}={export}", "--digest", f"node {node.number}={digest}"]
    replay = nodes.directory / "replay"
    run("kezek-audit", "import", "--from", str(nodes.directory / "export-1.jsonl"), "--data", str(replay))
    digest = run("kezek-audit", "digest", "--data", str(replay)).strip()
    return subprocess.run([*arguments, "--digest", f"offline replay={digest}"]).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--entries", type=int, default=1_000_000, help="acknowledged at least")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)

    with cluster.Cluster(3) as nodes:
        nodes.start().wait_ready(30)
        endpoints = ",".join(f"127.0.0.1:{node.client}" for node in nodes)
        run("kezek", "territory", "set", "1", "--name", "Қала", "--utc-offset-minutes", "300", "--endpoints", endpoints)
        answers = nodes.directory / "answers.jsonl"
        begun = time.monotonic()
        loader = subprocess.Popen([str(PROGRAMS / "kezek-loader"), endpoints, "1", str(RATE), str(arguments.seed), str(answers)],
                                  stdout=subprocess.PIPE, text=True)
        try:
            rounds = Rounds(nodes, arguments.seed)
            for number in range(arguments.rounds):
                rounds.one(number)
            killing = time.monotonic() - begun
            at_end_of_killing = rounds.last_index()
            cluster.wait_for(lambda: rounds.last_index() > arguments.entries * 1.02, 300, "enough entries")
            loader.send_signal(signal.SIGTERM)
            told, _ = loader.communicate(timeout=120)
        finally:
            if loader.poll() is None:
                loader.kill()
        rate = at_end_of_killing / killing
        print(f"{arguments.rounds} kills, {rounds.leaders_killed} of the leader; {at_end_of_killing:,} entries while killing, "
              f"{rate:,.0f} a second; longest wait for the others to serve {max(rounds.gaps):.2f} s; loader: {told.strip()}")
        code = check(nodes, answers)
        enough = int(told.split()[0]) >= arguments.entries and rate >= RATE_LEAST
        if not enough:
            print(f"WRONG: fewer than {arguments.entries:,} acknowledged, or under {RATE_LEAST:,} a second")
        if code != 0 or not enough or loader.returncode != 0 or rounds.leaders_killed * 2 < arguments.rounds:
            raise SystemExit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
