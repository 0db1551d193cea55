#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the leader (-9) under load, again and again, and prints how long no write was acknowledged each time.

ops/bench/failover.py [--build build/release] [--kills 5] [--election-timeout MS] [--heartbeat MS]
"""
from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import sys
import tempfile
import time

import nodes

BEFORE_KILL = 1.5  # seconds of load
AFTER_KILL = 3.0


def measure(build: pathlib.Path, directory: pathlib.Path, kills: int, *flags: str) -> dict:
    """One load over all kills; the killed node comes back each time. `kill_gaps_ms` has the longest gap after each."""
    seconds = int(kills * (BEFORE_KILL + AFTER_KILL)) + 3
    with nodes.Bench(build, directory, *flags) as bench:
        load = bench.begin("failover", "--connections", "8", "--outstanding", "16", "--seconds", str(seconds))
        begun = time.monotonic() + 1.0  # the load's own warm-up
        killed_at = []
        for _ in range(kills):
            time.sleep(BEFORE_KILL)
            leader = bench.nodes.leader()
            leader.kill()
            killed_at.append((time.monotonic() - begun) * 1000)
            time.sleep(AFTER_KILL)
            leader.start()
            leader.wait_ready()
        result = nodes.finish(load)
    gaps = result.get("gaps", [])
    result["kill_gaps_ms"] = [max((gap["ms"] for gap in gaps if abs(gap["at_ms"] - at) < 1000), default=0)
                              for at in killed_at]
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=nodes.ROOT / "build" / "release")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--election-timeout", default="300")
    parser.add_argument("--heartbeat", default="50")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="kezek-failover-"))
    try:
        result = measure(options.build, directory / "nodes", options.kills, "--election-timeout",
                         options.election_timeout, "--heartbeat", options.heartbeat)
    finally:
        shutil.rmtree(directory)
    print(json.dumps(result))
    return result["exit"]


if __name__ == "__main__":
    sys.exit(main())
