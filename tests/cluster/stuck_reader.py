#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Another process stops in the middle of reading a ledger's file, so that LMDB uses no page of it again: reads, writes and
elections go on, the journal names the process, and once it has ended the file stops growing, though it never said so.

Likewise when the file has grown to the end of its map meanwhile: writes are refused, and go on without a restart.
"""
from __future__ import annotations

import re
import unittest

import agreement
import attack
import cluster
from disk_full import kezek
from ledger_reader import Reader

RATE = 300
PATIENCE = 60
HELD = re.compile(r"warning pages_held process=(\d+) bytes=(\d+) ")
NAMED_FROM = 16 << 20
LOOKS = 3
COMMITS = 500  # while the reader was there, each made the file some 45 KiB longer


def named(node: cluster.Node) -> list[int]:
    """The processes that the node's journal named, once for each time."""
    return [int(match[1]) for match in HELD.finditer(node.log())]


def held(node: cluster.Node) -> int:
    return int(node.metrics()["kezek_ledger_held_bytes"])


class StuckReader(unittest.TestCase):
    def start(self, *flags: str) -> None:
        self.nodes = self.enterContext(cluster.Cluster(3, *flags)).start().wait_ready(PATIENCE)
        attack.found_town(self.nodes)
        self.load = self.enterContext(attack.Load(self.nodes, RATE, 1))
        attack.wait_progress(self.nodes, PATIENCE)
        self.readers = {node: Reader(node.directory) for node in self.nodes}
        for reader in self.readers.values():
            self.addCleanup(reader.kill)
            reader.stop()

    def is_named(self, node: cluster.Node, times: int = 1) -> bool:
        return named(node) == [self.readers[node].process.pid] * times

    def reads_go_on(self) -> None:
        done = kezek(self.nodes, "queue", 1, 2020, "ordinary")
        self.assertEqual(done.returncode, 0, done.stderr)

    def is_refused(self) -> bool:
        done = kezek(self.nodes, "calendar", "set", "2026-11-27", "--working", "true", timeout=1)
        return done.returncode == 3 and "disk is full" in done.stderr

    def nothing_is_held(self) -> bool:
        return all(held(node) == 0 for node in self.nodes)

    def wait_looks(self, node: cluster.Node) -> None:
        """Waits until the node has looked at its readers so many times more: what they hold back has grown each time."""
        for _ in range(LOOKS):
            before = held(node)
            cluster.wait_for(lambda: held(node) > before, PATIENCE, "another look")

    def nothing_is_lost(self) -> None:
        self.load.stop()
        agreement.check(self.nodes, self.load.answers)

    def test_a_stuck_reader_is_named_and_all_goes_on(self) -> None:
        self.start()
        for node in self.nodes:
            cluster.wait_for(lambda: self.is_named(node), PATIENCE, "the journal to name the reader")
        self.assertTrue(all(int(match[2]) >= NAMED_FROM for node in self.nodes for match in HELD.finditer(node.log())))
        self.wait_looks(self.nodes[1])
        self.assertTrue(all(self.is_named(node) for node in self.nodes), "each names it once")

        leader = self.nodes.leader()
        leader.kill()
        self.nodes.leader(PATIENCE)
        attack.wait_progress(self.nodes, PATIENCE)
        self.reads_go_on()
        leader.start().wait_ready(PATIENCE)
        cluster.wait_for(lambda: self.is_named(leader, 2), PATIENCE, "the new process to name the reader")

        first, second, third = self.readers.values()
        first.kill()
        second.kill()
        third.end()
        cluster.wait_for(self.nothing_is_held, PATIENCE, "the pages to be free again")
        self.assertGreaterEqual(self.nodes[1].metrics()["kezek_dead_readers_total"], 1)
        for node in self.nodes:
            self.assertIn(f"pages_released process={self.readers[node].process.pid}", node.log())
        before = {node: node.metrics() for node in self.nodes}
        for node in self.nodes:
            end = before[node]["kezek_fsyncs_total"] + COMMITS
            cluster.wait_for(lambda: node.metrics()["kezek_fsyncs_total"] > end, PATIENCE, "commits")
            grown = node.metrics()["kezek_ledger_bytes"] - before[node]["kezek_ledger_bytes"]
            self.assertLess(grown, 1 << 20, "the file uses its pages again")
        self.nothing_is_lost()

    def test_a_map_that_a_reader_filled_has_room_when_it_ends(self) -> None:
        self.start("--map-size", "64M")
        cluster.wait_for(self.is_refused, PATIENCE, "a refusal that says that the disk is full")
        leader = self.nodes.leader(PATIENCE)
        leader.kill()
        self.nodes.leader(PATIENCE)
        self.reads_go_on()
        leader.start().wait_ready(PATIENCE)

        for reader in self.readers.values():
            reader.kill()
        cluster.wait_for(lambda: not any(node.metrics()["kezek_disk_full"] for node in self.nodes), PATIENCE, "room")
        attack.wait_progress(self.nodes, PATIENCE)
        self.nothing_is_lost()


if __name__ == "__main__":
    unittest.main()
