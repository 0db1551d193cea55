#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A snapshot of three real nodes under load: whole, with everything that was acknowledged before it began; kezek-audit
verifies it and gives the digest and the positions that a node's own ledger gives; three nodes that are restored from it serve
and go on, and their ledgers are the source's, byte for byte, up to the snapshot's end.

Programs are found beside KEZEKD of the environment.
"""
from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import unittest

import cluster
from founding import run

PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
RATE = 3000
BEFORE = 4000  # acknowledged when the save begins
PATIENCE = 60
NEW_CLUSTER = "6e" * 16


def acknowledged(answers: pathlib.Path) -> dict[str, int]:
    """Request → index, of the whole lines."""
    lines = answers.read_text().split("\n")[:-1]
    return {row["request"]: row["index"] for row in map(json.loads, lines)}


class Snapshot(unittest.TestCase):
    def setUp(self) -> None:
        self.old = self.enterContext(cluster.Cluster(3)).start()
        self.new = self.enterContext(cluster.Cluster(3))
        self.old.wait_ready(PATIENCE)
        self.endpoints = ",".join(f"127.0.0.1:{node.client}" for node in self.old)
        run("kezek", "territory", "set", 1, "--name", "Қала", "--utc-offset-minutes", 300, "--endpoints", self.endpoints)
        self.directory = self.old.directory / "snapshot"

    def save_under_load(self) -> dict:
        """Saves while a loader writes. Returns: what the save told; what was acknowledged before is in it."""
        answers = self.old.directory / "answers.jsonl"
        loader = subprocess.Popen([str(PROGRAMS / "kezek-loader"), self.endpoints, "1", str(RATE), "7", str(answers)],
                                  stdout=subprocess.DEVNULL)
        self.addCleanup(loader.kill)
        cluster.wait_for(lambda: answers.exists() and len(acknowledged(answers)) >= BEFORE, PATIENCE, "acknowledgements")
        before = acknowledged(answers)
        told = json.loads(run("kezek", "snapshot", "save", self.directory, "-o", "json", "--endpoints", self.endpoints))
        self.assertIsNone(loader.poll())
        loader.send_signal(signal.SIGTERM)
        self.assertEqual(loader.wait(PATIENCE), 0)
        self.assertGreaterEqual(told["last_index"], max(before.values()))
        there = {line["request"]: line["index"] for line in self.export(self.directory) if "request" in line}
        self.assertEqual({request: there.get(request) for request in before}, before)
        self.assertGreater(max(acknowledged(answers).values()), told["last_index"])
        return told

    def export(self, data: pathlib.Path, *words: object) -> list[dict]:
        return [json.loads(line) for line in run("kezek-audit", "export", "--data", data, *words).splitlines()]

    def test_a_snapshot_under_load_becomes_a_cluster_that_goes_on(self) -> None:
        told = self.save_under_load()
        last = told["last_index"]
        self.assertTrue(told["whole"])
        status = json.loads(run("kezek", "snapshot", "status", self.directory, "-o", "json"))
        self.assertEqual((status["last_index"], status["whole"]), (last, True))
        run("kezek-audit", "verify", "--data", self.directory)

        source = self.old[1]
        cluster.wait_for(lambda: source.metrics()["kezek_applied_index"] >= last, PATIENCE, "node 1 to apply it")
        self.old.stop()
        for command in ("digest", "positions"):
            self.assertEqual(run("kezek-audit", command, "--data", self.directory),
                             run("kezek-audit", command, "--data", source.directory, "--at", last))

        for node in self.new:
            run("kezek", "snapshot", "restore", self.directory, "--data", node.directory, "--cluster-id", NEW_CLUSTER,
                "--cluster", node.roster)
            node.cluster_id = NEW_CLUSTER
        self.new.start().wait_ready(PATIENCE)
        self.serves_and_goes_on(last)
        self.new.stop()
        original = run("kezek-audit", "export", "--data", source.directory, "--to", last)
        for node in self.new:
            self.assertEqual(run("kezek-audit", "export", "--data", node.directory, "--to", last), original)

    def serves_and_goes_on(self, last: int) -> None:
        endpoints = ",".join(f"127.0.0.1:{node.client}" for node in self.new)
        application = next(line["index"] for line in self.export(self.directory, "--to", 100) if line["type"] == "application")
        shown = json.loads(run("kezek", "position", application, "-o", "json", "--endpoints", endpoints))
        self.assertEqual(shown["position"], 1)
        answer = json.loads(run("kezek", "withdraw", application, "-o", "json", "--endpoints", endpoints))
        self.assertEqual(answer["result"], "ok")
        self.assertGreater(answer["index"], last + 1)
        cluster.wait_for(lambda: all(node.metrics()["kezek_applied_index"] >= answer["index"] for node in self.new), PATIENCE,
                         "all nodes to apply the withdrawal")


if __name__ == "__main__":
    unittest.main()
