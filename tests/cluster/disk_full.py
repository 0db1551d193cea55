#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three real nodes on three disks that are filled to the last byte: what was acknowledged stays, elections and reads go on,
also of nodes that are killed and started on the full disk; writes are refused with "disk is full", and go on when there is
room. The journals are on the full disks too.

Likewise a ledger's map that is full. The disks need root, for the mounts; it says so and passes over them without. Programs are found beside KEZEKD of the environment.
"""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import unittest

import cluster
import small_disk

PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
DISK_SIZE = 96 << 20
ROUNDS = 3
PATIENCE = 60
BURST = 2_000
FIRST_LOADED = 1 << 32
"""Behind the numbers of the children that are asked for one by one."""


def kezek(nodes: cluster.Cluster, *words: object, timeout: int = 10) -> subprocess.CompletedProcess:
    endpoints = ",".join(f"127.0.0.1:{node.client}" for node in nodes)
    return subprocess.run([str(PROGRAMS / "kezek"), *map(str, words), "--endpoints", endpoints, "--timeout", str(timeout)],
                          capture_output=True, text=True, timeout=2 * PATIENCE)


def applications(children: range) -> list[dict]:
    return [{"type": "application", "territory": 1, "birth_year": 2021, "kind": "ordinary", "category": "general",
             "evidence": "00" * 16, "child": f"{child:032x}", "secret_hash": "00" * 32} for child in children]


def load(nodes: cluster.Cluster, lines: list[dict], timeout: int) -> subprocess.CompletedProcess:
    file = nodes.directory / "load.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return kezek(nodes, "load", file, timeout=timeout)


class MapFull(unittest.TestCase):
    """The end of the ledger's map is told like that of the disk, elections and reads go on, and a larger map is room."""

    def test_a_full_map_refuses_writes_alone(self) -> None:
        with cluster.Cluster(3) as nodes:
            nodes.start("--map-size", "16M").wait_ready(PATIENCE)
            lines = [{"type": "territory", "territory": 1, "name": "Қала", "utc_offset_minutes": 300}]
            done = load(nodes, lines + applications(range(1, 120_000)), timeout=5)
            self.assertEqual(done.returncode, 3, done.stderr[-2000:])
            self.assertIn("disk is full", done.stderr)
            self.assertTrue(all(node.is_running() for node in nodes))
            self.assertEqual(kezek(nodes, "queue", 1, 2021, "ordinary").returncode, 0)
            nodes.leader(PATIENCE).kill()
            nodes.leader(PATIENCE)
            self.assertEqual(kezek(nodes, "queue", 1, 2021, "ordinary").returncode, 0)

            self.assertEqual(nodes.stop(), [0, 0])
            nodes.start("--map-size", "64M").wait_ready(PATIENCE)
            done = kezek(nodes, "apply", "--territory", 1, "--birth-year", 2021, "--kind", "ordinary", "--category", "general",
                         "--child", "f" * 32)
            self.assertEqual(done.returncode, 0, done.stderr)


class DiskFull(unittest.TestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0:
            print("SKIPPED: only root can mount small disks", file=sys.stderr)
            self.skipTest("only root can mount small disks")
        self.nodes = self.enterContext(cluster.Cluster(3))
        self.disks: list[small_disk.SmallDisk] = []
        self.addCleanup(self.unmount)
        for node in self.nodes:
            try:
                disk = small_disk.SmallDisk(self.nodes.directory, f"disk{node.number}", DISK_SIZE)
            except OSError as error:
                print(f"SKIPPED: {error}", file=sys.stderr)
                self.skipTest(str(error))
            self.disks.append(disk)
            node.directory = disk.path / "node"
            node.journal = disk.path / "journal"
        print(f"the disks are {self.disks[0].kind}", file=sys.stderr)
        self.acknowledged: dict[str, int] = {}
        self.asked = 0
        self.loaded = FIRST_LOADED

    def unmount(self) -> None:
        for node in self.nodes:
            if node.is_running():
                node.kill()
        for disk in self.disks:
            disk.unmount()

    # ---- Asking ----

    def kezek(self, *words: object, timeout: int = 10) -> subprocess.CompletedProcess:
        return kezek(self.nodes, *words, timeout=timeout)

    def apply(self, timeout: int = 10) -> subprocess.CompletedProcess:
        self.asked += 1
        request = f"{self.asked:032x}"
        done = self.kezek("apply", "--territory", 1, "--birth-year", 2021, "--kind", "ordinary", "--category", "general",
                          "--child", request, "--secret-hash", "00" * 32, "--request", request, "-o", "json", timeout=timeout)
        if done.returncode == 0:
            self.acknowledged[request] = json.loads(done.stdout)["index"]
        return done

    def reads_go_on(self) -> None:
        first = min(self.acknowledged.values())
        cluster.wait_for(lambda: self.kezek("position", first).returncode == 0, PATIENCE, "a read")

    def is_refused(self) -> bool:
        done = self.apply(timeout=1)
        if done.returncode == 0:  # the file has blocks left: more than one application is needed for them
            self.loaded += BURST
            load(self.nodes, applications(range(self.loaded, self.loaded + BURST)), timeout=1)
        return done.returncode == 3 and "disk is full" in done.stderr

    def writes_are_refused(self) -> None:
        cluster.wait_for(self.is_refused, PATIENCE, "a refusal that says that the disk is full")

    def fill(self) -> None:
        for disk in self.disks:
            disk.fill()

    # ---- Cases ----

    def test_full_disks_refuse_writes_alone(self) -> None:
        self.nodes.start().wait_ready(PATIENCE)
        done = self.kezek("territory", "set", 1, "--name", "Қала", "--utc-offset-minutes", 300)
        self.assertEqual(done.returncode, 0, done.stderr)
        for _ in range(20):
            self.assertEqual(self.apply().returncode, 0)

        self.fill()
        self.writes_are_refused()
        self.reads_go_on()
        for _ in range(ROUNDS):
            leader = self.nodes.leader(PATIENCE)
            leader.kill()
            self.fill()
            self.nodes.leader(PATIENCE)
            self.reads_go_on()
            self.writes_are_refused()
            leader.start().wait_ready(PATIENCE)
            self.fill()

        for node in self.nodes:
            node.kill()
        self.fill()
        self.nodes.start().wait_ready(PATIENCE)
        self.reads_go_on()
        self.writes_are_refused()
        self.assertTrue(all(node.is_running() for node in self.nodes))
        self.assertTrue(any(node.metrics()["kezek_disk_full"] == 1 for node in self.nodes))

        for disk in self.disks:
            disk.make_room()
        cluster.wait_for(lambda: self.apply().returncode == 0, PATIENCE, "a write")
        cluster.wait_for(lambda: all(node.metrics()["kezek_disk_full"] == 0 for node in self.nodes), PATIENCE, "room")
        self.nothing_is_lost()

    def nothing_is_lost(self) -> None:
        last = max(self.acknowledged.values())
        cluster.wait_for(lambda: all(node.metrics()["kezek_applied_index"] >= last for node in self.nodes), PATIENCE,
                         "all nodes to apply the last entry")
        self.assertEqual(self.nodes.stop(), [0, 0, 0])
        for node in self.nodes:
            audit = [str(PROGRAMS / "kezek-audit")]
            subprocess.run([*audit, "verify", "--data", str(node.directory)], check=True, capture_output=True)
            export = subprocess.run([*audit, "export", "--data", str(node.directory)], check=True, capture_output=True, text=True)
            lines = [json.loads(line) for line in export.stdout.splitlines()]
            there = {line["request"]: line["index"] for line in lines if "request" in line}
            for request, index in self.acknowledged.items():
                self.assertEqual(there.get(request), index, f"an acknowledged entry of node {node.number}")


if __name__ == "__main__":
    unittest.main()
