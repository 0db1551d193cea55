#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real nodes through an evening and a morning of a demonstration clock, the leader killed between: each accepted `publish`
and `morning` has its digest, which an independent reading of the export finds right; all ledgers are the same bytes.
And a node whose ledger differs in one child of an old entry, which raft can not see: it stops, the others go on.

Programs are found beside KEZEKD of the environment.
"""
from __future__ import annotations

import datetime
import hashlib
import json
import pathlib
import subprocess
import unittest

import cluster

PROGRAMS = pathlib.Path(cluster.PROGRAM).parent
RATE = 5000
TERRITORIES = 3
LIMIT_S = 120
RESULTS = ("ok", "repeated", "conflict", "not_allowed", "unknown_territory", "unknown_kindergarten", "unknown_application",
           "invalid", "wrong_state", "duplicate", "wrong_territory", "closed", "no_access", "no_place", "not_due", "not_next")


def run(program: str, *arguments: object) -> str:
    done = subprocess.run([str(PROGRAMS / program), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=LIMIT_S)
    if done.returncode != 0:
        raise AssertionError(f"{program} {arguments} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def commands() -> list[dict]:
    """Territories at one offset, each with a kindergarten, places and applications."""
    lines: list[dict] = []
    for t in range(1, TERRITORIES + 1):
        lines.append({"type": "territory", "territory": t, "name": f"№{t}", "utc_offset_minutes": 300})
        lines.append({"type": "kindergarten", "kindergarten": t, "territory": t, "name": f"№{t}", "open": True})
        lines.append({"type": "vacancy", "kindergarten": t, "birth_year": 2021, "kind": "ordinary", "places": 2})
        lines += [{"type": "application", "territory": t, "birth_year": 2021, "kind": "ordinary", "category": "general",
                   "evidence": "00" * 16, "child": f"{100 * t + n:032x}", "secret_hash": "00" * 32} for n in range(4)]
    return lines


class Digests(unittest.TestCase):
    def load(self, nodes: cluster.Cluster) -> None:
        file = nodes.directory / "commands.jsonl"
        file.write_text("".join(json.dumps(command) + "\n" for command in commands()))
        run("kezek", "load", file, "--endpoints", nodes.endpoints)

    def wait_agreed(self, nodes: cluster.Cluster, behind: int) -> int:
        """Waits until the running nodes have the digest of one index behind BEHIND, and none is due. Returns: it."""
        def agreed() -> float:
            metrics = [node.metrics() for node in nodes if node.is_running()]
            ats = {each["kezek_digest_at_index"] for each in metrics}
            return len(ats) == 1 and not any(each["kezek_digests_due"] for each in metrics) and max(ats) > behind and max(ats)
        return int(cluster.wait_for(agreed, LIMIT_S, f"a digest behind entry {behind}"))

    def check(self, data: pathlib.Path, entries: list[dict]) -> None:
        last = 0
        digests = {}
        for entry in (entry for entry in entries if entry["type"] == "digest"):
            at = entry["at"]
            results = bytes(RESULTS.index(each.get("result", "ok")) for each in entries[last:at])
            self.assertEqual(entry["results"], hashlib.sha256(results).hexdigest(), entry)
            self.assertEqual(entry["state"], run("kezek-audit", "digest", "--data", data, "--at", at).strip(), entry)
            self.assertEqual(entry["version"], 1)
            digests[at] = entry["index"]
            last = at
        due = [each["index"] for each in entries if each["type"] in ("publish", "morning") and each["result"] == "ok"]
        self.assertEqual([at for at in due if at <= last], sorted(digests))
        self.assertGreaterEqual(len(digests), 2 * TERRITORIES)

    def test_an_evening_and_a_morning(self) -> None:
        anchor = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        clock = f"2026-11-23T17:00:00+05:00,{RATE},{anchor}"
        with cluster.Cluster(3, "--demo-clock", clock) as nodes:
            nodes.start().wait_ready(LIMIT_S)
            self.load(nodes)
            evening = self.wait_agreed(nodes, 0)
            killed = nodes.leader(LIMIT_S)
            killed.kill()
            self.wait_agreed(nodes, evening)
            killed.start().wait_ready(LIMIT_S)
            self.wait_agreed(nodes, evening)
            common = int(min(node.metrics()["kezek_applied_index"] for node in nodes))
            self.assertEqual(nodes.stop(), [0, 0, 0])

            exports = []
            for node in nodes:
                self.assertIn("entries verified", run("kezek-audit", "verify", "--data", node.directory))
                exports.append(run("kezek-audit", "export", "--data", node.directory, "--to", common))
            self.assertEqual(len(set(exports)), 1)
            self.check(nodes[1].directory, [json.loads(line) for line in exports[0].splitlines()])

            lines = nodes.directory / "export.jsonl"
            lines.write_text(exports[0])
            run("kezek-audit", "import", "--from", lines, "--data", nodes.directory / "imported")
            run("kezek-audit", "verify", "--data", nodes.directory / "imported")

    def ledger(self, now: datetime.datetime, child: int) -> str:
        """A ledger with an accepted morning as its fifth entry, a minute old, by a clock that shows noon now."""
        offset = 720 - (60 * now.hour + now.minute)
        date = (now + datetime.timedelta(minutes=offset)).date().isoformat()
        lines = [{"type": "membership"}, {"type": "territory", "territory": 1, "name": "№1", "utc_offset_minutes": offset}]
        lines += [{"type": "application", "territory": 1, "birth_year": 2021, "kind": "ordinary", "category": "general",
                   "evidence": "00" * 16, "child": f"{n:032x}", "secret_hash": "00" * 32} for n in (1, child)]
        lines.append({"type": "morning", "territory": 1, "date": date, "result": "ok"})
        time = int(now.timestamp() - 60) * 1000
        return "".join(json.dumps({"index": i + 1, "time": time} | line) + "\n" for i, line in enumerate(lines))

    def test_a_ledger_that_differs_is_found(self) -> None:
        with cluster.Cluster(3) as nodes:
            now = datetime.datetime.now(datetime.timezone.utc)
            for node, child in zip(nodes, (2, 2, 3)):
                lines = nodes.directory / "lines.jsonl"
                lines.write_text(self.ledger(now, child))
                run("kezek-audit", "import", "--from", lines, "--data", node.directory)
                run("kezek-audit", "found", "--data", node.directory, "--cluster-id", cluster.CLUSTER_ID, "--cluster",
                    node.roster)
            nodes.start()
            self.assertNotEqual(nodes[3].wait_exit(LIMIT_S), 0)
            self.assertRegex(nodes[3].log(), r'halted reason="at entry 5 this node has state [0-9a-f]{32} .*kezek-audit verify')
            self.assertEqual(self.wait_agreed(nodes, 0), 5)
            nodes.wait_ready(LIMIT_S)


if __name__ == "__main__":
    unittest.main()
