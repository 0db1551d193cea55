#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damage to the ledger's file of one node of three, stopped or running: repaired, or the node says why it does not go on.

    damage.py --rounds 200

Each round damages one node's file: a bit, a page cleared, two pages swapped, the tail cut off, an older copy of the file,
the first 16 KiB; and, so that every run has repairs, bits within the record of one entry. The node must end in "repaired",
"harmless" (what was damaged is in no use) or "refused" (it halts or does not start, with a sentence that says why); never
may it hold another ledger than the others. A node that refused is replaced by the command that it names. At the end the
same entry is damaged on all three: each of them halts and names it.
"""
from __future__ import annotations

import argparse
import collections
import hashlib
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys

import agreement
import attack
import cluster
from attack import PROGRAMS, demand

RATE = 2_000
ENTRIES = 1_500
"""Acknowledged before the first round: some dozens of pages, and more than one block of results."""
PAGE = 4096
OUTCOME_S = 120.0
SCRUB = ("--scrub-rate", "20")
AGAIN = re.compile("a restart (checks the ledger|works them out again)")
HINT = re.compile(r"--id (\d+) --join and an empty --data directory, then type: (kezek member add .*? --replaces \d+)")


class File:
    """The data file of a node's ledger."""

    def __init__(self, node: cluster.Node) -> None:
        self.path = node.directory / "ledger" / "data.mdb"

    def read(self) -> bytes:
        return self.path.read_bytes()

    def write(self, offset: int, data: bytes) -> None:
        """In place: who has it mapped sees it."""
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def flip(self, offset: int, draw: random.Random) -> None:
        self.write(offset, bytes([self.read()[offset] ^ 1 << draw.randrange(8)]))


def used_bytes(data: bytes) -> int:
    """Up to the last page in use, by the newer of the two meta pages (log/meta_pages.h)."""
    newest = max((0, PAGE), key=lambda at: int.from_bytes(data[at + 144:at + 152], "little"))
    return (int.from_bytes(data[newest + 136:newest + 144], "little") + 1) * PAGE


# ---- Kinds of damage ----

def damage_bit(file: File, draw: random.Random) -> str:
    offset = draw.randrange(2 * PAGE, used_bytes(file.read()))
    file.flip(offset, draw)
    return f"byte {offset}"


def damage_page(file: File, draw: random.Random) -> str:
    page = draw.randrange(2, used_bytes(file.read()) // PAGE)
    file.write(page * PAGE, bytes(PAGE))
    return f"page {page}"


def damage_swap(file: File, draw: random.Random) -> str:
    data = file.read()
    one, other = draw.sample(range(2, used_bytes(data) // PAGE), 2)
    file.write(one * PAGE, data[other * PAGE:(other + 1) * PAGE])
    file.write(other * PAGE, data[one * PAGE:(one + 1) * PAGE])
    return f"pages {one} and {other}"


def damage_cut(file: File, draw: random.Random) -> str:
    size = draw.randrange(2 * PAGE, used_bytes(file.read()))
    with file.path.open("r+b") as opened:
        opened.truncate(size)
    return f"at {size}"


def damage_head(file: File, draw: random.Random) -> str:
    zeros = draw.random() < 0.5
    file.write(0, bytes(4 * PAGE) if zeros else draw.randbytes(4 * PAGE))
    return "zeros" if zeros else "noise"


RANDOM = {"bit": damage_bit, "page": damage_page, "swap": damage_swap, "cut": damage_cut, "head": damage_head}
KINDS = ["record", "bit", "old", "page", "record", "swap", "bit", "cut", "bit", "head"]


# ---- Nodes ----

def last_line(node: cluster.Node) -> str:
    lines = node.log().strip().splitlines()
    return lines[-1] if lines else ""


class Damage:
    def __init__(self, nodes: cluster.Cluster, draw: random.Random, seed: int) -> None:
        self.nodes, self.draw, self.seed = nodes, draw, seed
        self.answers: list[pathlib.Path] = []
        self.exports: list[tuple[str, int, str]] = []  # round, index, hash of the lines up to it
        self.outcomes: collections.Counter[str] = collections.Counter()

    def load(self, name: str, more: int) -> None:
        """So many acknowledged entries more, or a few above it."""
        with attack.Load(self.nodes, RATE, self.seed + len(self.answers), name) as load:
            before = attack.last_applied(self.nodes)
            cluster.wait_for(lambda: attack.last_applied(self.nodes) >= before + more, 120, "entries")
            load.stop()
            self.answers.append(load.answers)

    def record_of(self, file: File) -> tuple[int, list[int]]:
        """An application of the ledger: its index, and where copies of its record's field `child` stand in the file."""
        data = file.read()
        lines = (self.nodes.directory / "first.jsonl").read_text().splitlines()
        applications = [i for i, line in enumerate(lines) if json.loads(line)["type"] == "application"]
        index = self.draw.choice(applications)
        child = bytes.fromhex(json.loads(lines[index])["child"])
        offsets = [match.start() for match in re.finditer(re.escape(child), data)]
        demand(offsets, "an application's child does not stand in the file")
        return index + 1, offsets

    def damage(self, kind: str, node: cluster.Node) -> str:
        file = File(node)
        if kind == "record":
            index, offsets = self.record_of(file)
            for offset in offsets:
                file.flip(offset + self.draw.randrange(16), self.draw)
            return f"entry {index}"
        return RANDOM[kind](file, self.draw)

    def figures(self, node: cluster.Node) -> dict[str, float]:
        """The node's metrics; none when it does not answer."""
        try:
            return node.metrics()
        except (OSError, ValueError, KeyError):
            return {}

    def has_ended(self, node: cluster.Node, passes: float) -> str | None:
        """What became of the node: None while that is open."""
        code = node.process.poll()
        if code is None:
            now = self.figures(node)
            if not now or not now["kezek_ready"] or now["kezek_damaged_index"] or now["kezek_scrub_passes_total"] < passes:
                return None
            return "repaired" if now["kezek_repaired_entries_total"] else "harmless"
        node.process = None
        return "refused" if code == 1 else f"signal {-code}"

    def await_outcome(self, node: cluster.Node, passes: float) -> str:
        """Restarts a node that a signal ended, or that says that a restart checks: then it has to know what to do."""
        for _ in range(4):
            outcome = cluster.wait_for(lambda: self.has_ended(node, passes), OUTCOME_S,
                                       f"node {node.number} to be repaired or to refuse: {last_line(node)}")
            if outcome in ("repaired", "harmless") or HINT.search(last_line(node)):
                return outcome
            if outcome == "refused":
                demand(AGAIN.search(last_line(node)), f"node {node.number} did not say what to do: {last_line(node)}")
            else:
                demand(outcome in ("signal 6", "signal 7", "signal 11"), f"node {node.number} was ended by {outcome}")
                demand("may be damaged" in last_line(node), f"the last line after {outcome} is: {last_line(node)}")
            self.outcomes[outcome] += 1
            passes = 1
            node.start(*SCRUB)
        raise attack.Violation(f"node {node.number} neither goes on nor says why: {last_line(node)}")

    def keep_export(self, round_name: str, node: cluster.Node) -> bool:
        """What the stopped node holds, to be compared with what all hold in the end. Returns: whether it can be read: a
        running node does not read again what it read at its start."""
        done = subprocess.run([str(PROGRAMS / "kezek-audit"), "export", "--data", str(node.directory)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode == 0:
            self.exports.append((round_name, len(done.stdout.splitlines()), hashlib.sha256(done.stdout).hexdigest()))
        return done.returncode == 0

    def replace(self, lost: cluster.Node) -> None:
        """Types what the node that refused said, but for the directory: its new one is empty."""
        said = HINT.search(last_line(lost))
        joiner = self.nodes.joiner(int(said[1]), in_place_of=lost)
        self.nodes.nodes.remove(lost)
        joiner.start(*SCRUB)
        attack.run("kezek", *said[2].split()[1:], "--endpoints", self.nodes.endpoints, stderr=subprocess.DEVNULL)
        joiner.wait_ready(60)

    def put_old(self, node: cluster.Node) -> str:
        """An older copy of the file, in its own place."""
        old = File(node).read()
        node.start(*SCRUB).wait_ready(attack.SERVING_S)
        self.load(f"answers-old-{len(self.answers)}", 50)
        self.settle()
        node.stop()
        File(node).path.write_bytes(old)
        return "a copy from before"

    def settle(self) -> None:
        """Waits until all nodes are equal. One that ends meanwhile found damage that only its writes met."""
        def ended() -> cluster.Node | None:
            return next((node for node in self.nodes if node.process.poll() is not None), None)

        def equal() -> bool:
            return len({attack.applied_of(node) for node in self.nodes}) == 1

        cluster.wait_for(lambda: ended() or equal(), 60, "all nodes to apply the same")
        if (node := ended()) is not None:
            node.process = None
            node.start(*SCRUB)
            outcome = self.await_outcome(node, 1)
            self.outcomes[f"later: {outcome}"] += 1
            if outcome == "refused":
                self.replace(node)
            self.settle()

    def round(self, number: int) -> None:
        kind = KINDS[number % len(KINDS)]
        node = self.draw.choice(self.nodes.nodes)
        running = kind != "old" and self.draw.random() < 0.5
        passes = 1.0
        self.settle()
        if not running:
            node.stop()
        where = self.put_old(node) if kind == "old" else self.damage(kind, node)
        if running:
            passes = self.figures(node).get("kezek_scrub_passes_total", 0) + 2
        else:
            node.start(*SCRUB)
        outcome = self.await_outcome(node, passes)
        name = f"{kind}, {'running' if running else 'stopped'}"
        if outcome != "refused":
            self.load(f"answers-{number}", 20)  # and goes on
            node.stop()
            whole = self.keep_export(f"round {number} ({name})", node)
            node.start(*SCRUB)
            after = self.await_outcome(node, 1)
            demand(whole or after == "refused", "a ledger that can not be exported was opened")
            outcome = f"{outcome}, then refused" if after == "refused" else outcome
        print(f"{number:4d}  {name:18s} node {node.number}  {where:22s} {outcome}", flush=True)
        self.outcomes[f"{kind}: {outcome}"] += 1
        if kind == "old":
            demand(outcome == "refused", "an older copy of the file was taken")
        if "refused" in outcome:
            self.replace(node)
        self.settle()

    def compare_exports(self, final: pathlib.Path) -> None:
        lines = final.read_bytes().splitlines(keepends=True)
        for name, count, digest in self.exports:
            demand(hashlib.sha256(b"".join(lines[:count])).hexdigest() == digest,
                   f"{name}: the node held something else than all do in the end")

    def damage_everywhere(self) -> None:
        """All nodes are stopped."""
        index, _ = self.record_of(File(self.nodes.nodes[0]))
        line = (self.nodes.directory / "first.jsonl").read_text().splitlines()[index - 1]
        child = bytes.fromhex(json.loads(line)["child"])
        for node in self.nodes:
            file = File(node)
            for match in list(re.finditer(re.escape(child), file.read())):
                file.flip(match.start(), self.draw)
            node.start(*SCRUB)
        for node in self.nodes:
            code = node.wait_exit(OUTCOME_S)
            demand(code == 1 and f"entry {index} is damaged" in last_line(node),
                   f"entry {index} is damaged on all nodes, and node {node.number} ended with {code}: {last_line(node)}")
        print(f"      everywhere         all halted and named entry {index}")


def attack_files(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    with cluster.Cluster(3) as nodes:
        damage = Damage(nodes, draw, options.seed)
        nodes.start(*SCRUB).wait_ready(30)
        attack.found_town(nodes)
        damage.load("answers-first", ENTRIES)
        agreement.wait_equal(nodes)
        last = attack.last_applied(nodes)
        nodes[1].stop()
        shutil.move(agreement.export(nodes[1], last), nodes.directory / "first.jsonl")
        nodes[1].start(*SCRUB).wait_ready(attack.SERVING_S)
        for number in attack.Budget(options):
            damage.round(number)
        figures |= {"damages": number + 1, "outcomes": dict(sorted(damage.outcomes.items()))}
        demand(any("repaired" in outcome for outcome in damage.outcomes), "nothing was repaired in the whole run")
        exports = agreement.check(nodes, *damage.answers)
        damage.compare_exports(exports[0])
        damage.damage_everywhere()


if __name__ == "__main__":
    sys.exit(attack.main("damage", attack_files, __doc__, rounds=12))
