#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tells stories to the state machine: command lines in, results, orders and states out.

    story.py KZ_REPLAY FILE.script…

A line is a command, with the result that it is to have (`ok` when none is written), or a claim about what is so then:

    2026-11-23 09:00              from here on it is that local hour (UTC+5); an hour alone keeps the date
    town                          territory 1 (UTC+5) with kindergartens 1 and 2
    A = application general       a command; A is its index from here on, and a name for that child
    17:59 publish 1 -> not_due    at that hour; a publish or morning is for the local date unless another follows
    order A B C                   who waits in the queue, by position
    state A called                an application's state

What is written less is queue 1 2021 ordinary: `application general` is `application 1 2021 ordinary general`, `vacancy 2
5` is `vacancy 2 2021 ordinary 5`, `order A` is `order 1 2021 ordinary: A`. Any field is also written as name=value; and
by=ACTOR, request=WORD. `policy 1 general=1` keeps what was set before. A # begins a comment.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import subprocess
import sys

from model.story import POLICY

ZONE_MINUTES = 300
DATE = re.compile(r"\d{4}-\d\d-\d\d")
HOUR = re.compile(r"\d\d:\d\d")

FIELDS = {
    "territory": "territory",
    "policy": "territory",
    "calendar": "date working",
    "kindergarten": "kindergarten territory",
    "actor": "number role territory kindergarten",
    "application": "territory birth_year kind category",
    "reclassify": "application category",
    "correct": "application birth_year kind",
    "withdraw": "application",
    "reinstate": "application",
    "claim": "application kindergarten",
    "decline": "application",
    "ready": "application",
    "enrol": "application",
    "vacancy": "kindergarten birth_year kind places",
    "retract": "kindergarten birth_year kind places",
    "publish": "territory date",
    "morning": "territory date",
    "grant": "application bulletin",
    "barrier": "",
}
WORDS = {"true": True, "false": False, "working": True, "off": False}
CLOCK = ("publish", "morning", "grant", "barrier")


def digest(text: str, size: int) -> str:
    """So many hex digits that stand for a word."""
    return hashlib.sha256(text.encode()).hexdigest()[:size]


class Story:
    """One script: its entries, and what is claimed after which of them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.entries: list[dict] = []
        self.claims: list[tuple[int, int, str, list[str]]] = []
        self.labels: dict[str, int] = {}
        self.policies: dict[int, dict] = {}
        self.now = datetime.datetime(2026, 11, 23, 9, 0)
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                self.read_line(number, line.split("#")[0].strip())

    def read_line(self, number: int, line: str) -> None:
        """Takes in one line."""
        command, _, result = line.partition(" -> ")
        words = command.split()
        if words and DATE.fullmatch(words[0]):
            self.now = datetime.datetime.combine(datetime.date.fromisoformat(words.pop(0)), self.now.time())
        if words and HOUR.fullmatch(words[0]):
            self.now = datetime.datetime.combine(self.now.date(), datetime.time.fromisoformat(words.pop(0)))
        label = words[0] if words[1:2] == ["="] else None
        words = words[2:] if label else words
        if not words:
            return
        if words[0] in ("order", "state"):
            self.claims.append((number, len(self.entries), words[0], words[1:]))
        elif words[0] == "town":
            for setting in ("territory 1", "kindergarten 1 1", "kindergarten 2 1"):
                self.add(number, None, setting.split(), "ok")
        else:
            self.add(number, label, words, result.strip() or "ok")

    def add(self, number: int, label: str | None, words: list[str], result: str) -> None:
        """Adds a command as an entry, and the claim about its result."""
        kind = words[0]
        entry = {"time": self.time(self.now), "type": kind, "actor": 0}
        positional = [word for word in words[1:] if "=" not in word]
        named = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        entry.update(self.defaults(kind, label or f"line {number}", positional))
        for name, word in list(zip(FIELDS[kind].split(), self.whole(kind, positional))) + list(named.items()):
            self.set_field(entry, name, word)
        if kind == "policy":
            policy = {name: value for name, value in entry.items() if name in POLICY}
            if result == "ok":
                self.policies[entry["territory"]] = policy
        if kind in CLOCK and entry["actor"] == 0:
            del entry["actor"]
        self.entries.append(entry)
        self.claims.append((number, len(self.entries), "result", [result]))
        if label:
            self.labels[label] = len(self.entries)

    def defaults(self, kind: str, label: str, positional: list[str]) -> dict:
        """The fields that a line need not write."""
        if kind == "policy":
            return dict(self.policies.get(int(positional[0]), POLICY))
        return {
            "territory": {"name": "Town", "utc_offset_minutes": ZONE_MINUTES},
            "kindergarten": {"name": "Garden", "open": True},
            "actor": {"territory": 0, "kindergarten": 0, "key_hash": "0" * 64},
            "application": {"evidence": "0" * 32, "child": digest(label, 32), "secret_hash": "0" * 64},
            "reclassify": {"evidence": "0" * 32},
            "publish": {"date": self.now.date().isoformat()},
            "morning": {"date": self.now.date().isoformat()},
        }.get(kind, {})

    @staticmethod
    def whole(kind: str, positional: list[str]) -> list[str]:
        """The positional fields, with those of the usual queue where they were left out."""
        if kind == "application" and len(positional) == 1:
            return ["1", "2021", "ordinary", *positional]
        if kind in ("vacancy", "retract") and len(positional) == 2:
            return [positional[0], "2021", "ordinary", positional[1]]
        return positional

    def set_field(self, entry: dict, name: str, word: str) -> None:
        """Reads one field's value."""
        if name == "by":
            entry["actor"] = int(word)
        elif name == "request":
            entry["request"] = digest(word, 32)
        elif name == "child":
            entry["child"] = digest(word, 32)
        elif name == "applied_at":
            entry["applied_at"] = self.time(datetime.datetime.fromisoformat(word))
        elif name in ("application", "bulletin"):
            entry[name] = self.labels.get(word) or int(word)
        elif name in ("working", "open", "register_closed"):
            entry[name] = WORDS[word]
        else:
            entry[name] = int(word) if re.fullmatch(r"-?\d+", word) else word

    @staticmethod
    def time(local: datetime.datetime) -> int:
        """The ledger's time at a local hour."""
        utc = local - datetime.timedelta(minutes=ZONE_MINUTES)
        return round(utc.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)

    def run(self, program: str) -> str | None:
        """Plays it. Returns the first difference, or None."""
        lines = "".join(json.dumps(entry) + "\n" for entry in self.entries)
        arguments = [program, "--positions-each", "--check", "--try-due"]
        done = subprocess.run(arguments, input=lines, capture_output=True, text=True, check=False)
        blocks = [block.split("\n") for block in done.stdout.split("\n\n")[:-1]]
        for number, entry, claim, words in self.claims:
            if entry > len(blocks):
                return f"{self.path}:{number}: {done.stderr.strip()}"
            expected, found = self.judge(claim, words, blocks[entry - 1])
            if expected != found:
                return f"{self.path}:{number}: {claim} is {found or 'nothing'}, not {expected or 'nothing'}"
        return f"{self.path}: {done.stderr.strip()}" if done.returncode != 0 else None

    def judge(self, claim: str, words: list[str], block: list[str]) -> tuple[str, str]:
        """What a claim says, and what is so."""
        names = {str(index): label for label, index in self.labels.items()}
        rows = [row.split(",") for row in block[2:]]
        if claim == "result":
            return words[0], block[0]
        if claim == "state":
            states = {names.get(row[4], row[4]): row[6] for row in rows}
            return words[1], states.get(words[0], "unknown")
        queue = ["1", "2021", "ordinary"]
        if words[2:3] and words[2].endswith(":"):
            queue, words = [words[0], words[1], words[2][:-1]], words[3:]
        waiting = sorted((int(row[3]), row[4]) for row in rows if row[:3] == queue and row[3] != "0")
        return " ".join(words), " ".join(names.get(number, number) for _, number in waiting)


def main() -> int:
    """Plays every script; the first line that differs of each is printed."""
    program, *paths = sys.argv[1:]
    differences = [difference for difference in (Story(path).run(program) for path in paths) if difference]
    print("\n".join(differences) or f"{len(paths)} stories: as told")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
