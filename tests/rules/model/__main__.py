# SPDX-License-Identifier: Apache-2.0
"""Applies a ledger as JSON lines to the model: `python3 -m model [--results] [--positions] [--at I] < LEDGER`.

Exits 7 when a line has a `result` that the model does not give, after naming each such line.
"""

from __future__ import annotations

import argparse
import json
import sys

from .invariants import assert_invariants
from .model import Model


def main() -> int:
    """Reads a ledger on standard input; prints what the options ask for."""
    parser = argparse.ArgumentParser(prog="model", description="Applies a ledger (JSON lines on stdin) to the model.")
    parser.add_argument("--results", action="store_true", help="print 'index,result' for every entry")
    parser.add_argument("--positions", action="store_true", help="print the positions after the last entry applied")
    parser.add_argument("--at", type=int, metavar="I", help="apply no entry after this index")
    parser.add_argument("--assert", action="store_true", dest="check", help="check the invariants after every entry")
    options = parser.parse_args()

    model = Model()
    differences = 0
    for line in sys.stdin:
        if options.at is not None and model.index >= options.at:
            break
        entry = json.loads(line)
        result = model.apply(entry)
        if options.check:
            assert_invariants(model)
        if options.results:
            print(f"{entry['index']},{result}")
        if entry.get("result", result) != result:
            differences += 1
            print(f"index {entry['index']}: the line says {entry['result']}, the model {result}", file=sys.stderr)
    if options.positions:
        print("\n".join(model.positions()))
    return 7 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
