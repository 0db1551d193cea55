#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`agreement.check` passes a cluster that kept its word, and fails one that seems not to have."""
from __future__ import annotations

import json
import random
import unittest
from collections.abc import Callable

import agreement
import attack
import client
import cluster


def nothing(_answers: list[dict], _nodes: cluster.Cluster) -> None:
    pass


def another_index(answers: list[dict], _nodes: cluster.Cluster) -> None:
    answers[3]["index"] += 1


def another_result(answers: list[dict], _nodes: cluster.Cluster) -> None:
    answers[3]["result"] = "duplicate"


def an_entry_past_the_end(answers: list[dict], _nodes: cluster.Cluster) -> None:
    answers[-1]["index"] += 100


def two_leaders_of_a_term(_answers: list[dict], nodes: cluster.Cluster) -> None:
    term = int(nodes[1].metrics()["kezek_term"])
    with nodes[1].journal.open("a") as journal:
        journal.write(f"2026-11-26T00:00:00.000Z info leader id=99 term={term}\n")


class Agreement(unittest.TestCase):
    def check(self, change: Callable[[list[dict], cluster.Cluster], None]) -> None:
        """A node takes some commands; the change is done to the answers or to the node; then it is checked."""
        draw = random.Random(1)
        nodes = self.enterContext(cluster.Cluster(1)).start().wait_ready(30)
        session = client.Session(nodes, draw)
        answers = []
        for command in [*client.town(1), *(client.application(n) for n in range(4))]:
            answer = session.settle(command | {"request": (request := client.request_id(draw))}, attack.SERVING_S)
            answers.append({"request": request, "index": answer.index, "result": answer.result})
        session.close()
        change(answers, nodes)
        file = nodes.directory / "answers.jsonl"
        file.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
        agreement.check(nodes, file)

    def test_a_kept_word_passes(self):
        self.check(nothing)

    def test_a_broken_one_does_not(self):
        for change in (another_index, another_result, an_entry_past_the_end, two_leaders_of_a_term):
            with self.subTest(change.__name__), self.assertRaises(attack.Violation):
                self.check(change)


if __name__ == "__main__":
    unittest.main()
