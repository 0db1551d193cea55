#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real nodes join, are lost, replaced and removed while commands come: nothing acknowledged may be lost.

Programs are found beside KEZEKD of the environment.
"""
from __future__ import annotations

import json
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

import agreement
import cluster

PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
RATE = 300  # commands a second: a cluster that has something to do
HINT = re.compile(r"--id (\d+) --join and an empty --data directory, then type: (kezek member add .*? --replaces \d+)")


def run(program: str, *arguments: object, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([str(PROGRAMS / program), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=180)
    if done.returncode != code:
        raise AssertionError(f"{program} {arguments} ended with {done.returncode}, not {code}: {done.stdout}{done.stderr}")
    return done


class Load:
    """Commands at a rate, and every acknowledgement."""

    def __init__(self, nodes: cluster.Cluster, endpoints: str):
        self.path = nodes.directory / "answers.jsonl"
        run("kezek", "territory", "set", 1, "--name", "Қала", "--utc-offset-minutes", 300, "--endpoints", endpoints)
        self.process = subprocess.Popen([str(PROGRAMS / "kezek-loader"), endpoints, "1", str(RATE), "7", str(self.path)],
                                        stdout=subprocess.PIPE, text=True)

    def end(self) -> int:
        """Returns: how many were acknowledged; the fate of all is known."""
        self.process.send_signal(signal.SIGTERM)
        told, _ = self.process.communicate(timeout=120)
        if self.process.returncode != 0:
            raise AssertionError(f"the fate of commands stayed unknown: {told}")
        return len(self.path.read_text().splitlines())

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Membership(unittest.TestCase):
    def setUp(self) -> None:
        self.nodes = self.enterContext(cluster.Cluster(3))
        self.nodes.start().wait_ready(30)
        self.endpoints = ",".join(f"127.0.0.1:{node.client}" for node in self.nodes)

    def kezek(self, *words: object, code: int = 0) -> subprocess.CompletedProcess:
        return run("kezek", *words, "--endpoints", self.endpoints, code=code)

    def members(self) -> dict[int, dict]:
        return {row["id"]: row for row in json.loads(self.kezek("member", "list", "-o", "json").stdout)}

    def check(self, load: Load, final: set[int]) -> None:
        """Those who are members in the end have everything that was acknowledged, and an independent replay agrees."""
        self.assertGreater(load.end(), RATE)
        self.assertEqual(set(self.members()), final)
        self.assertTrue(all(node.is_running() == (node.number in final) for node in self.nodes))
        self.nodes.nodes = [node for node in self.nodes if node.number in final]
        agreement.check(self.nodes, load.path)

    def refused(self, lost: cluster.Node) -> re.Match:
        """The node ends, and says what to type. Returns: the new number and the command."""
        self.assertEqual(lost.wait_exit(30), 1)
        said = HINT.search(lost.log())
        self.assertIsNotNone(said, lost.log())
        self.assertEqual(said[2], f"kezek member add 4=127.0.0.1:{lost.peer} --client 127.0.0.1:{lost.client} "
                                  f"--replaces {lost.number}")
        return said

    def test_a_node_that_lost_its_disk_is_replaced_by_one_command(self) -> None:
        load = Load(self.nodes, self.endpoints)
        self.addCleanup(load.kill)
        leader = self.nodes.leader()
        lost = next(node for node in self.nodes if node is not leader)
        lost.kill()
        shutil.rmtree(lost.directory)
        lost.start()
        said = self.refused(lost)

        joiner = self.nodes.joiner(4, in_place_of=lost)
        joiner.directory = lost.directory  # the same, empty but for what the refused process left
        joiner.start()
        cluster.wait_for(lambda: "waiting_to_be_added" in joiner.log(), 30, "the new node to wait")
        self.assertIn("joining: node 4 waits", joiner.get("/readyz")[1])
        done = self.kezek(*said[2].split()[1:], "-o", "json")
        self.assertEqual(json.loads(done.stdout)["role"], "voter")
        self.assertRegex(done.stderr, rf"node {lost.number} is removed .*\n(.*\n)*node 4 votes")
        again = self.kezek(*said[2].split()[1:], "-o", "json")
        self.assertEqual(json.loads(again.stdout), json.loads(done.stdout))

        other = next(node for node in self.nodes if node not in (leader, lost, joiner))
        other.kill()  # now the new node is needed for every majority
        before = int(leader.metrics()["kezek_applied_index"])
        cluster.wait_for(lambda: int(leader.metrics()["kezek_applied_index"]) > before + RATE, 60, "commands to be applied")
        other.start()
        self.assertEqual({number: row["role"] for number, row in self.members().items()},
                         {number: "voter" for number in {1, 2, 3, 4} - {lost.number}})
        metrics = joiner.metrics()
        self.assertEqual((metrics['kezek_members{role="voter"}'], metrics['kezek_members{role="standby"}']), (3, 0))
        other.wait_ready(60)
        self.check(load, {1, 2, 3, 4} - {lost.number})

    def test_a_node_whose_whole_directory_is_an_older_copy_is_replaced_by_one_command(self) -> None:
        load = Load(self.nodes, self.endpoints)
        self.addCleanup(load.kill)
        leader = self.nodes.leader()
        old = next(node for node in self.nodes if node is not leader)
        old.stop()
        copy = self.nodes.directory / "copy"
        shutil.copytree(old.directory, copy)
        old.start().wait_ready(30)
        before = int(old.metrics()["kezek_applied_index"])
        cluster.wait_for(lambda: int(old.metrics()["kezek_applied_index"]) > before + RATE, 60, "commands to be applied")
        old.stop()
        shutil.rmtree(old.directory)
        copy.rename(old.directory)
        old.start()
        said = self.refused(old)
        self.assertRegex(old.log(), rf"node {old.number} stood at term \d+, vote \d+, entry \d+ and comes back with term \d+, "
                                    r"vote \d+, entry \d+: an older copy of its directory was put back")
        old.start()
        self.assertEqual(old.wait_exit(30), 1)
        self.assertIn("is an older copy of itself, as its peers found", old.log())

        joiner = self.nodes.joiner(int(said[1]), in_place_of=old).start()
        self.kezek(*said[2].split()[1:])
        joiner.wait_ready(60)
        self.check(load, {1, 2, 3, 4} - {old.number})

    def test_leaders_are_moved_and_removed_under_load(self) -> None:
        load = Load(self.nodes, self.endpoints)
        self.addCleanup(load.kill)
        for _ in range(3):
            leader = self.nodes.leader()
            moved = json.loads(self.kezek("leader", "move", "-o", "json").stdout)
            self.assertNotEqual(moved["leader"], leader.number)
            cluster.wait_for(self.nodes[moved["leader"]].is_leader, 30, "the new leader")
        self.assertEqual(self.kezek("leader", "move", 2, "-o", "simple").stdout, "2\n")
        self.assertEqual(self.kezek("leader", "move", 2, "-o", "simple").stdout, "2\n")

        self.nodes.joiner(4).start()
        self.kezek("member", "add", f"4=127.0.0.1:{self.nodes[4].peer}", "--client", f"127.0.0.1:{self.nodes[4].client}")
        self.kezek("member", "promote", 4)
        leader = self.nodes.leader()
        self.kezek("member", "remove", leader.number)
        self.assertEqual(leader.wait_exit(60), 1)
        self.assertIn(f"node {leader.number} was removed from the cluster", leader.log())
        self.kezek("member", "remove", 99)  # no member: that holds
        self.check(load, {1, 2, 3, 4} - {leader.number})


if __name__ == "__main__":
    unittest.main()
