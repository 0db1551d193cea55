#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills one node with applications, kills it (-9), and times exec to /readyz: from an image of the state, and without.

ops/bench/restart.py [--build build/release] [--entries 10000000] [--rounds 3]
"""
from __future__ import annotations

import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile
import time

import nodes

LOAD_SECONDS = "5"


def fill(bench: nodes.Bench, entries: int) -> int:
    """Returns: the index that was applied at the end."""
    while (applied := int(bench.nodes[1].metrics()["kezek_applied_index"])) < entries:
        result = bench.run("append", "--connections", "8", "--outstanding", "1024", "--warmup-ms", "0",
                           "--seconds", LOAD_SECONDS)
        if result["exit"] != 0:
            raise RuntimeError(f"the load failed: {result}")
        print(f"{applied:,} entries; {result['entries_per_second']:,.0f} a second, p99 {result['p99_ms']:.1f} ms, "
              f"longest gap {result['longest_gap_ms']:.1f} ms", file=sys.stderr, flush=True)
    return applied


def restart(node, rounds: int, from_image: bool) -> dict:
    """Kills and starts NODE so often. Returns: the seconds from exec to /readyz, the longest also as a gap, and what the
    last start told; `exit` is 0 if that began with an image as it should."""
    seconds = []
    for _ in range(rounds):
        node.kill()
        node.journal.unlink()
        begun = time.monotonic()
        node.start()
        node.wait_ready(600)
        seconds.append(time.monotonic() - begun)
    metrics = node.metrics()
    opened = re.search(r"image_opened index=(\d+)", node.log())
    return {"exit": int((opened is not None) != from_image), "longest_gap_ms": max(seconds) * 1000,
            "seconds": [round(s, 3) for s in seconds], "image": int(opened[1]) if opened else 0,
            "image_open_seconds": metrics["kezek_image_open_seconds"],
            "resident_bytes": metrics["process_resident_memory_bytes"]}


def measure(build: pathlib.Path, directory: pathlib.Path, entries: int, rounds: int) -> list[dict]:
    """Returns: the starts with an image, and those without."""
    with nodes.Bench(build, directory, count=1) as bench:
        node = bench.nodes[1]
        applied = fill(bench, entries)
        metrics = node.metrics()
        load = {"benchmark": "restart", "entries": applied,
                "image_bytes": metrics["kezek_image_bytes"], "images_saved": metrics["kezek_images_saved_total"],
                "fork_ms": metrics["kezek_image_fork_seconds"] * 1000}
        with_image = load | restart(node, rounds, True)
        node.extra += ["--image-every", "0"]
        node.kill()
        shutil.rmtree(node.directory / "state")
        node.start().wait_ready(600)
        return [with_image, load | restart(node, 1, False)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=nodes.ROOT / "build" / "release")
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="kezek-restart-"))
    try:
        results = measure(options.build, directory / "nodes", options.entries, options.rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for result in results:
        print(json.dumps(result))
    return max(result["exit"] for result in results)


if __name__ == "__main__":
    sys.exit(main())
