#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real ledger moves house: exported, imported elsewhere, exported again (the same bytes), positions at past indexes are the
same, and a cluster founded on copies of the import serves and goes on.

Programs are found beside KEZEKD of the environment.
"""
from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import unittest

import cluster

PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
APPLICATIONS = 300


def run(program: str, *arguments: object, code: int = 0) -> str:
    done = subprocess.run([str(PROGRAMS / program), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    if done.returncode != code:
        raise AssertionError(f"{program} {arguments} ended with {done.returncode}, not {code}: {done.stderr}")
    return done.stdout


def commands() -> list[dict]:
    """A small city: one territory, kindergartens, applications, places."""
    lines: list[dict] = [{"type": "territory", "territory": 1, "name": "Қала", "utc_offset_minutes": 300}]
    lines += [{"type": "kindergarten", "kindergarten": n, "territory": 1, "name": f"№{n}", "open": True} for n in (1, 2, 3)]
    for n in range(APPLICATIONS):
        lines.append({"type": "application", "territory": 1, "birth_year": 2020 + n % 3,
                      "kind": "correctional" if n % 7 == 0 else "ordinary",
                      "category": ("general", "first_priority", "general", "out_of_turn")[n % 4], "evidence": "00" * 16,
                      "child": f"{n + 1:032x}", "secret_hash": "00" * 32})
    lines += [{"type": "vacancy", "kindergarten": n, "birth_year": 2021, "kind": "ordinary", "places": 4} for n in (1, 2, 3)]
    return lines


class Founding(unittest.TestCase):
    def load(self, nodes: cluster.Cluster) -> str:
        endpoints = ",".join(f"127.0.0.1:{node.client}" for node in nodes)
        file = nodes.directory / "commands.jsonl"
        file.write_text("".join(json.dumps(command) + "\n" for command in commands()))
        run("kezek", "load", file, "--endpoints", endpoints)
        return endpoints

    def export(self, data: pathlib.Path, file: pathlib.Path) -> bytes:
        file.write_text(run("kezek-audit", "export", "--data", data))
        return file.read_bytes()

    def test_a_ledger_moves_house_and_goes_on(self) -> None:
        with cluster.Cluster(3) as old, cluster.Cluster(3) as new:
            old.start().wait_ready()
            self.load(old)
            for node in old:
                node.kill()  # results of the last entries are not stored yet

            exported = old.directory / "export.jsonl"
            first = self.export(old[1].directory, exported)
            imported = new.directory / "imported"
            run("kezek-audit", "import", "--from", exported, "--data", imported)
            self.assertEqual(first, self.export(imported, new.directory / "again.jsonl"))

            last = len(first.splitlines())
            for index in (1, 50, last // 2, last):
                before = run("kezek-audit", "positions", "--data", old[1].directory, "--at", index)
                self.assertEqual(before, run("kezek-audit", "positions", "--data", imported, "--at", index))
            run("kezek-audit", "verify", "--data", imported)

            for node in new:
                shutil.copytree(imported, node.directory)
                run("kezek-audit", "found", "--data", node.directory, "--cluster-id", cluster.CLUSTER_ID, "--cluster",
                    node.roster)
            new.start().wait_ready(30)
            endpoints = ",".join(f"127.0.0.1:{node.client}" for node in new)
            *_, position, application, _, _ = before.splitlines()[APPLICATIONS // 2].split(",")
            shown = json.loads(run("kezek", "position", application, "-o", "json", "--endpoints", endpoints))
            self.assertEqual(shown["position"], int(position))
            answer = json.loads(run("kezek", "withdraw", application, "-o", "json", "--endpoints", endpoints))
            self.assertEqual(answer["result"], "ok")
            self.assertGreater(answer["index"], last)


if __name__ == "__main__":
    unittest.main()
