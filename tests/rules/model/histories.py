# SPDX-License-Identifier: Apache-2.0
"""Random histories, mostly sensible and often nasty: the same seed gives the same history.

`generate` is the library's door. As a program it prints one history as JSON lines, or with `--coverage` what many
histories reach in the model.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from .coverage import Coverage
from .entries import Entry
from .history import History
from .invariants import assert_invariants


def generate(seed: int, entries: int, actors: bool = False) -> Iterator[Entry]:
    """Yields that many entries of the history of a seed, each with the model's `result`.

    With `actors` there are `actor` entries from the start and every entry carries who asked. A history is not a part
    of a longer one of the same seed: ask for as many entries as are wanted.
    """
    history = History(seed, actors)
    for _ in range(entries):
        yield history.next_entry()


def print_coverage(seeds: range, entries: int) -> None:
    """Prints what the histories of these seeds reach, every second one with actors."""
    coverage = Coverage()
    for seed in seeds:
        coverage.observe(generate(seed, entries, actors=seed % 2 == 1))
    print("\n".join(coverage.report()))


def main() -> int:
    """Prints one history, or the coverage of many."""
    parser = argparse.ArgumentParser(prog="model.histories", description="Random histories of the queue's rules.")
    parser.add_argument("--seed", type=int, default=1, help="the seed, or with --coverage the first of them")
    parser.add_argument("--entries", type=int, default=500, help="entries a history")
    parser.add_argument("--actors", action="store_true", help="with actors of every role (R30)")
    parser.add_argument("--assert", action="store_true", dest="check", help="check the model after every entry")
    parser.add_argument("--coverage", action="store_true", help="print what --seeds histories reach in the model")
    parser.add_argument("--seeds", type=int, default=40, help="how many histories --coverage looks at")
    options = parser.parse_args()

    if options.coverage:
        print_coverage(range(options.seed, options.seed + options.seeds), options.entries)
        return 0
    history = History(options.seed, options.actors)
    for _ in range(options.entries):
        print(json.dumps(history.next_entry(), ensure_ascii=False))
        if options.check:
            assert_invariants(history.model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
