#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What kezek-bench says to wrong command lines, and the last line of a small run.

test_usage.py KEZEK-BENCH
"""
import json
import subprocess
import sys
import tempfile

WRONG = {
    (): "usage: kezek-bench",
    ("fly",): '"fly" is no benchmark',
    ("append",): "--endpoints is missing",
    ("append", "--endpoints", "h:1", "--outstanding", "0"): '--outstanding: "0" is no number from 1 to 100000',
    ("append", "--endpoints", "h:1", "--outstanding", "100001"): '"100001" is no number',
    ("append", "--endpoints", "h:1", "--outstanding", "-1"): '"-1" is no number',
    ("append", "--endpoints", "h:1", "--outstanding", "7x"): '"7x" is no number',
    ("append", "--endpoints", "h:1", "--seconds"): "--seconds has no value",
    ("append", "--endpoints", "h:1", "--endpoints", "h:2"): "--endpoints is given twice",
    ("append", "--waiting", "1000"): '"--waiting" is no option of it',
    ("machine", "seed", "1"): '"seed" is no option of it',
    ("replay",): "--data is missing",
    ("probe", "--endpoints", "h:1", "--rate", "0"): '--rate: "0" is no number from 1 to 10000',
    ("append", "--endpoints", "h:1", "--rate", "1"): '"--rate" is no option of it',
}


def run(program: str, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60)


def main(program: str) -> int:
    faults = []
    for words, sentence in WRONG.items():
        said = run(program, *words)
        if said.returncode != 2 or sentence not in said.stderr:
            faults.append(f"{' '.join(words)}: exit {said.returncode}, {said.stderr!r}")
    with tempfile.TemporaryDirectory() as empty:
        said = run(program, "replay", "--data", empty)
        if said.returncode != 1 or not said.stderr.startswith("kezek-bench: "):
            faults.append(f"an empty directory: exit {said.returncode}, {said.stderr!r}")
    said = run(program, "machine", "--waiting", "1000", "--entries", "5000")
    figures = json.loads(said.stdout.splitlines()[-1])
    if figures["entries"] < 5000 or figures["entries_per_second"] <= 0 or figures["refused"] > 50:
        faults.append(f"machine: {said.stdout}")
    print("\n".join(faults) or f"{len(WRONG) + 2} command lines")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
