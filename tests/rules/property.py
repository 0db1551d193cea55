#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random histories: the state machine and the naive model give the same results and positions.

    property.py KZ_REPLAY [--seeds N] [--from S] [--entries E]

Every second seed has actors. After each entry kz_replay looks at its invariants, works its digest out from nothing,
and prints the result and all positions; the model's must be equal. RULES.md decides who is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from model.histories import generate  # noqa: E402
from model.model import Model  # noqa: E402


def replay(program: str, entries: list[dict]) -> tuple[list[str], str]:
    """Each entry's result with the positions after it, by the state machine; and what it complained about."""
    lines = [json.dumps({k: v for k, v in entry.items() if k != "result"}) for entry in entries]
    done = subprocess.run(
        [program, "--positions-each", "--check", "--try-due"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.split("\n\n")[:-1], done.stderr.strip() or f"exit {done.returncode}"


def first_difference(expected: str, found: str) -> str:
    """The first line that differs, both sides."""
    pairs = itertools.zip_longest(expected.split("\n"), found.split("\n"), fillvalue="(nothing)")
    return next((f"  model:   {left}\n  machine: {right}" for left, right in pairs if left != right), "")


def run(program: str, seed: int, count: int) -> str | None:
    """Replays one history. Returns the first difference, or None."""
    entries = list(generate(seed, count, actors=seed % 2 == 1))
    blocks, complaint = replay(program, entries)
    model = Model()
    for number, entry in enumerate(entries):
        expected = "\n".join([model.apply(entry), *model.positions()])
        found = blocks[number] if number < len(blocks) else complaint
        if expected != found:
            shown = json.dumps(entry, ensure_ascii=False)
            return f"seed {seed}, entry {number + 1}: {shown}\n{first_difference(expected, found)}"
    return None if len(blocks) == len(entries) and complaint == "exit 0" else f"seed {seed}: {complaint}"


def main() -> int:
    """Runs the seeds until one fails."""
    parser = argparse.ArgumentParser(description="Compares the state machine with the naive model.")
    parser.add_argument("program", help="kz_replay")
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--entries", type=int, default=400)
    options = parser.parse_args()

    for seed in range(options.first, options.first + options.seeds):
        difference = run(options.program, seed, options.entries)
        if difference is not None:
            print(difference)
            return 1
    print(f"{options.seeds} histories of {options.entries} entries: equal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
