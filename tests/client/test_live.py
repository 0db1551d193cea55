#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kezek against three real nodes, whose leader is killed in the middle of a load.

The programs are KEZEK and KEZEKD of the environment.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))

import cluster  # noqa: E402

KEZEK = os.environ.get("KEZEK", "kezek")
COUNT = 30000
KILLS = 2


def command(number: int, **fields) -> str:
    return json.dumps({"request": f"{number:032x}", **fields}) + "\n"


class Live(unittest.TestCase):
    def setUp(self):
        self.nodes = self.enterContext(cluster.Cluster(3)).start()
        self.nodes.wait_ready(30)
        self.environment = dict(os.environ, KEZEK_ENDPOINTS=",".join(f"127.0.0.1:{node.client}" for node in self.nodes))

    def kezek(self, *words: str, code: int = 0) -> str:
        done = subprocess.run([KEZEK, *words], env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, f"kezek {' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_an_answer_in_json_is_the_ledgers_line(self):
        line = self.kezek("territory", "set", "1", "--name", "Семей", "--utc-offset-minutes", "300", "-o", "json")
        index = str(json.loads(line)["index"])
        self.assertEqual(self.kezek("watch", "--from", index, "--to", index), line)
        self.assertIn("Семей", self.kezek("territory", "show", "1"))
        self.kezek("show", "99", code=4)
        self.kezek("withdraw", "99", code=4)
        self.kezek("endpoint", "health")

    def test_a_load_goes_on_when_the_leader_is_killed(self):
        """Nothing is lost, nothing is there twice, and the ledger's order is the file's."""
        path = self.nodes.directory / "load.jsonl"
        with path.open("w") as file:
            file.write(command(1, type="territory", territory=1, name="Семей", utc_offset_minutes=300))
            for number in range(2, COUNT):
                file.write(command(number, type="application", territory=1, birth_year=2021, kind="ordinary", category="general",
                                   evidence="0" * 32, child=f"{number:032x}", secret_hash="0" * 64))
        answers = self.nodes.directory / "answers.jsonl"
        with answers.open("w") as output:
            load = subprocess.Popen([KEZEK, "load", str(path), "-o", "jsonl"], env=self.environment, stdout=output, text=True)
            self.addCleanup(load.kill)
            for kill in range(1, KILLS + 1):
                cluster.wait_for(lambda: answers.stat().st_size > kill * 2_000_000, 30, "answers")
                leader = self.nodes.leader()
                leader.kill()
                self.nodes.leader()
                leader.start()
            self.assertEqual(load.wait(60), 0)
        rows = [json.loads(line) for line in answers.read_text().splitlines()]
        self.assertEqual(len(rows), COUNT - 1)
        self.assertEqual({row["result"] for row in rows}, {"ok"})
        indexes = {int(row["request"], 16): row["index"] for row in rows}
        in_order = [indexes[number] for number in range(1, COUNT)]
        self.assertEqual(in_order, sorted(set(in_order)))
        last = str(max(in_order))
        ledger = [json.loads(line) for line in self.kezek("watch", "--from", "1", "--to", last).splitlines()]
        self.assertEqual({int(row["request"], 16): row["index"] for row in ledger if "request" in row}, indexes)


if __name__ == "__main__":
    unittest.main()
