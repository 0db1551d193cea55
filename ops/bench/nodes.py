# SPDX-License-Identifier: Apache-2.0
"""Three nodes of a build for a benchmark, and kezek-bench run against them."""
from __future__ import annotations

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "cluster"))

import cluster  # noqa: E402  (the same helper that the tests use)


class Bench:
    """Programs of BUILD; nodes live in DIRECTORY while the context lasts."""

    def __init__(self, build: pathlib.Path, directory: pathlib.Path, *extra: str, count: int = 3):
        self.program = build / "bin" / "kezek-bench"
        cluster.PROGRAM = str(build / "bin" / "kezekd")
        directory.mkdir(parents=True)
        self.nodes = cluster.Cluster(count, "--connections-per-address", "1000", *extra, directory=directory)

    def __enter__(self) -> "Bench":
        self.nodes.__enter__()
        self.nodes.start()
        self.nodes.wait_ready(30)
        return self

    def __exit__(self, *failure):
        self.nodes.__exit__(*failure)

    def endpoints(self) -> list[str]:
        ports = ((node.client, node.admin) for node in self.nodes)
        client, admin = zip(*ports)
        return ["--endpoints", ",".join(f"127.0.0.1:{port}" for port in client),
                "--admin", ",".join(f"127.0.0.1:{port}" for port in admin)]

    def begin(self, benchmark: str, *options: str) -> subprocess.Popen:
        return subprocess.Popen([str(self.program), benchmark, *self.endpoints(), *options],
                                stdout=subprocess.PIPE, text=True)

    def run(self, benchmark: str, *options: str) -> dict:
        return finish(self.begin(benchmark, *options))


def finish(process: subprocess.Popen) -> dict:
    """Waits for a kezek-bench. Returns: the object of its last line; `exit` is its exit code."""
    output = process.communicate()[0]
    lines = output.strip().splitlines()
    result = json.loads(lines[-1]) if lines else {}
    result["exit"] = process.returncode
    return result


def run_alone(build: pathlib.Path, benchmark: str, *options: str) -> dict:
    """A benchmark that needs no nodes."""
    command = [str(build / "bin" / "kezek-bench"), benchmark, *options]
    return finish(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
