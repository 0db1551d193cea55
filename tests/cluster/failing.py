#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every allocation and every call of the file system of a real node fails once: a definite error or an end, nothing lost.

    failing.py                        all k of the fixed workload, with every error of ERRORS (hours)
    failing.py --rounds 50            so many of them, drawn by the seed
    failing.py --first 2 --step 24    every 24th k, from the third: 24 such runs, side by side perhaps, do all of them

A round starts a node whose k-th call of one kind fails (failing_calls.c), founds a town, and appends applications. The
node goes on, or answers that it can not, or ends with a sentence; it never hangs and never ends without a word. Started
again without the fault it serves, and has everything that was acknowledged. Each k is tried with a node alone, and with
one of three, where the other two must take all commands.
"""
from __future__ import annotations

import argparse
import collections
import errno
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import agreement
import attack
import client
import cluster

LIBRARY = pathlib.Path(os.environ.get("KEZEK_FAILING_CALLS", attack.PROGRAMS / "libkezek-failing-calls.so"))
MEMORY = pathlib.Path("/dev/shm")
"""Where there is one, the nodes' files are kept in memory: the errors are ours, and a real disk only makes the k slow."""
APPLICATIONS = 40
PATIENCE_S = 30
UNFOUNDED_S = 3
"""Without the victim the others found no cluster: so long after its end they would have a leader if they had before."""
ERRORS = {"malloc": [errno.ENOMEM], "write": [errno.EIO, errno.ENOSPC, errno.EINTR, "short"],
          "send": [errno.EPIPE, errno.EAGAIN, errno.EINTR, "short"], "sync": [errno.EIO, errno.ENOSPC],
          "open": [errno.EIO, errno.EMFILE], "rename": [errno.EIO, errno.ENOSPC],
          "fallocate": [errno.ENOSPC, errno.EOPNOTSUPP], "mmap": [errno.ENOMEM]}
SIZES = (1, 3)
COUNTINGS = 3
MORE = 1.05
"""The most that COUNTINGS runs counted are tried, and so many more: the clock, and who leads, decide a few calls."""


class Case:
    """One round's cluster, whose first node is the victim."""

    def __init__(self, nodes: cluster.Cluster, environment: dict[str, str], draw: random.Random) -> None:
        self.nodes, self.victim, self.draw = nodes, nodes[1], draw
        self.victim.environment = {"LD_PRELOAD": str(LIBRARY), **environment}
        self.answers = nodes.directory / "answers.jsonl"
        self.refusing = False

    def work(self) -> None:
        """The workload. Ends early when the only node has ended, or says that it can not go on."""
        self.nodes.start()
        session = client.Session(self.nodes, self.draw)
        commands = client.town(1) + [client.application(n) for n in range(APPLICATIONS)]
        with self.answers.open("w") as file:
            for command in commands:
                command["request"] = client.request_id(self.draw)
                answer = self.settle(session, command)
                if answer is None:
                    return
                file.write(json.dumps({"request": command["request"], "index": answer.index, "result": answer.result}) + "\n")
        session.close()

    def can_go_on(self, ended: float) -> bool:
        """Whether the others, the victim having ended at that time, are to take commands."""
        others = self.nodes.nodes[1:]
        if time.monotonic() - ended < UNFOUNDED_S:
            return bool(others)
        return any(" leader id=" in node.log() for node in others)

    def settle(self, session: client.Session, command: dict) -> client.Answer | None:
        """Asks until the command has an answer. Returns: None when there will be none."""
        deadline = time.monotonic() + PATIENCE_S
        ended = None
        answered = None
        while time.monotonic() < deadline:
            if ended is None and not self.victim.is_running():
                ended = time.monotonic()
            if ended is not None and not self.can_go_on(ended):
                return None
            try:
                answered = session.submit(command)[0]
                if answered.is_final:
                    return answered
            except (OSError, EOFError):
                pass
            session.move()
            time.sleep(client.PAUSE_S)
        self.refusing = answered is not None and answered.code == client.UNAVAILABLE
        attack.demand(self.refusing, f"a command had no answer within {PATIENCE_S} s; the last: {answered}")
        return None

    def end_victim(self) -> str:
        """Ends the victim where it still runs, and looks at how it ended. Returns: in a word."""
        went_on = self.victim.is_running()
        try:
            code = self.victim.stop() if went_on else self.victim.wait_exit()
        except subprocess.TimeoutExpired as late:
            raise attack.Violation(f"the node does not end: {late}") from late
        told = self.victim.log().strip().splitlines()
        has_sentence = bool(told) and code in (1, 2, -signal.SIGABRT)
        # Told to end while it was ending by itself: it has said why, and no longer hears signals.
        has_sentence |= code == -signal.SIGTERM and bool(told) and " error " in told[-1]
        attack.demand(code == 0 or has_sentence, f"the node ended with {code} and said {told[-1:]}")
        return ("refused" if self.refusing else "went on" if code == 0 else "ended later") if went_on else "ended"

    def check(self) -> None:
        """Everything acknowledged is there, after a start without the fault."""
        self.victim.environment = {}
        self.victim.start()
        self.nodes.wait_ready(attack.SERVING_S)
        agreement.check(self.nodes, self.answers)


def nodes_of(size: int) -> cluster.Cluster:
    return cluster.Cluster(size, directory=pathlib.Path(tempfile.mkdtemp(prefix="kezek-test-", dir=MEMORY if MEMORY.is_dir() else None)))


def count_once(size: int, draw: random.Random) -> dict[str, int]:
    """How many calls of each kind the first of so many nodes makes during the workload."""
    with nodes_of(size) as nodes:
        file = nodes.directory / "count"
        case = Case(nodes, {"KZ_FAIL_COUNT": str(file)}, draw)
        case.work()
        case.end_victim()
        return {kind: int(count) for kind, count in (line.split() for line in file.read_text().splitlines())}


def count(size: int, draw: random.Random) -> dict[str, int]:
    """The most of some countings."""
    countings = [count_once(size, draw) for _ in range(COUNTINGS)]
    return {kind: max(counting[kind] for counting in countings) for kind in ERRORS}


def cases_of(size: int, counts: dict[str, int], first: int, step: int) -> list[tuple[int, str]]:
    """Every step-th k of each kind with each error: the cluster's size, and what KZ_FAIL says."""
    return [(size, f"{kind}:{k}:{error}") for kind, errors in ERRORS.items() for error in errors
            for k in range(1 + first, int(counts[kind] * MORE) + 2, step)]


def fail(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    if not LIBRARY.exists():
        raise attack.Skip(f"{LIBRARY} is not built: a build with sanitizers has allocators of its own")
    counts = {size: count(size, draw) for size in SIZES}
    cases = [case for size in SIZES for case in cases_of(size, counts[size], options.first, options.step)]
    draw.shuffle(cases)
    options.rounds = options.rounds or len(cases)
    outcomes: collections.Counter = collections.Counter()
    figures |= {"calls": counts, "cases": len(cases), "tried": 0, "outcomes": outcomes}
    for number in attack.Budget(options):
        if number == len(cases):
            break
        size, figures["last"] = cases[number]
        with nodes_of(size) as nodes:
            case = Case(nodes, {"KZ_FAIL": figures["last"]}, draw)
            case.work()
            outcomes[f"{case.end_victim()}, of {size}"] += 1
            case.check()
        figures["tried"] += 1
    figures.pop("last")


if __name__ == "__main__":
    sys.exit(attack.main("failing", fail, __doc__, rounds=0, first=0, step=1))
