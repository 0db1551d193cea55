#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every allocation and every call of the file system of a real node fails once: a definite error or an end, nothing lost.

    failing.py                  all k of the fixed workload, with every error of ERRORS (some hours)
    failing.py --rounds 50      so many of them, drawn by the seed

A round starts a node whose k-th call of one kind fails (failing_calls.c), founds a town, and appends applications. The
node goes on, or answers that it can not, or ends with a sentence; it never hangs and never ends without a word. Started
again without the fault it serves, and has everything that was acknowledged. Every fourth round the node is one of three,
and the other two must take all commands.
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
import time

import agreement
import attack
import client
import cluster

LIBRARY = pathlib.Path(os.environ.get("KEZEK_FAILING_CALLS", attack.PROGRAMS / "libkezek-failing-calls.so"))
APPLICATIONS = 40
PATIENCE_S = 30
ERRORS = {"malloc": [errno.ENOMEM], "write": [errno.EIO, errno.ENOSPC, errno.EINTR, "short"],
          "send": [errno.EPIPE, errno.EAGAIN, errno.EINTR, "short"], "sync": [errno.EIO, errno.ENOSPC],
          "open": [errno.EIO, errno.EMFILE], "rename": [errno.EIO, errno.ENOSPC],
          "fallocate": [errno.ENOSPC, errno.EOPNOTSUPP], "mmap": [errno.ENOMEM]}
MORE = 1.05
"""So many calls more than were counted are tried: the clock decides a few of them."""


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

    def settle(self, session: client.Session, command: dict) -> client.Answer | None:
        """Asks until the command has an answer. Returns: None when there will be none."""
        deadline = time.monotonic() + PATIENCE_S
        answered = None
        while time.monotonic() < deadline:
            if len(self.nodes.nodes) == 1 and not self.victim.is_running():
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
        attack.demand(code == 0 or has_sentence, f"the node ended with {code} and said {told[-1:]}")
        return ("refused" if self.refusing else "went on" if code == 0 else "ended later") if went_on else "ended"

    def check(self) -> None:
        """Everything acknowledged is there, after a start without the fault."""
        self.victim.environment = {}
        self.victim.start()
        self.nodes.wait_ready(attack.SERVING_S)
        agreement.check(self.nodes, self.answers)


def counted(kind: str, draw: random.Random) -> int:
    """How many calls of that kind the workload makes."""
    with cluster.Cluster(1) as nodes:
        file = nodes.directory / "count"
        case = Case(nodes, {"KZ_FAIL": f"{kind}:1:5", "KZ_FAIL_COUNT": str(file)}, draw)
        case.work()
        case.end_victim()
        return int(file.read_text())


def fail(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    if not LIBRARY.exists():
        raise attack.Skip(f"{LIBRARY} is not built: a build with sanitizers has allocators of its own")
    counts = {kind: counted(kind, draw) for kind in ERRORS}
    cases = [(kind, k, error) for kind, errors in ERRORS.items() for error in errors
             for k in range(1, int(counts[kind] * MORE) + 2)]
    draw.shuffle(cases)
    options.rounds = options.rounds or len(cases)
    outcomes: collections.Counter = collections.Counter()
    figures |= {"calls": counts, "cases": len(cases), "outcomes": outcomes}
    for number in attack.Budget(options):
        if number == len(cases):
            break
        kind, k, error = cases[number]
        figures["last"] = f"{kind}:{k}:{error}"
        with cluster.Cluster(3 if number % 4 == 3 else 1) as nodes:
            case = Case(nodes, {"KZ_FAIL": figures["last"]}, draw)
            case.work()
            outcomes[case.end_victim()] += 1
            case.check()
    figures.pop("last")
    figures["tried"] = sum(outcomes.values())


if __name__ == "__main__":
    sys.exit(attack.main("failing", fail, __doc__, rounds=0))
