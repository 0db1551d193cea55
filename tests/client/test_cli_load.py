#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kezek against a fake node: many entries, loaded from a file and watched."""
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import tempfile
import time
import unittest

import fake_node as fake
from cli_case import KEZEK, Case, nobody, run
from fake_node import applied, result

ID = "ab" * 16
BARRIER, DIGEST = 21, 22


class Watching(Case):
    def setUp(self):
        super().setUp()
        self.node.entries = {index: fake.entry(fake.record(13, struct.pack("<Q", index))) for index in range(41, 4400)}

    def test_from_and_to(self):
        lines = [json.loads(line) for line in self.kezek("watch", "--from", "42", "--to", "43").stdout.splitlines()]
        self.assertEqual([line["index"] for line in lines], [42, 43])
        self.assertEqual(lines[0], {"index": 42, "term": 3, "time": fake.TIME, "actor": 0, "type": "ready", "application": 42,
                                    "result": "ok"})

    def test_the_clusters_own_entries_have_no_result_as_in_an_export(self):
        self.node.entries[42] = fake.entry(fake.record(BARRIER, b""))
        self.node.entries[43] = fake.entry(fake.record(DIGEST, struct.pack("<QI", 40, 1) + bytes(48)))
        for line in self.kezek("watch", "--from", "42", "--to", "43").stdout.splitlines():
            self.assertNotIn("result", json.loads(line), line)

    def test_new_entries_unless_told_otherwise(self):
        lines = self.kezek("watch", "--to", str(fake.AS_OF + 2)).stdout.splitlines()
        self.assertEqual([json.loads(line)["index"] for line in lines], [fake.AS_OF + 1, fake.AS_OF + 2])

    def test_without_a_node_it_ends(self):
        self.assertEqual(run("watch", "--timeout", "300ms", endpoints=nobody()).returncode, 3)

    def test_an_entry_of_a_later_version_is_said(self):
        self.node.entries[50] = fake.entry(b"\x02" + fake.record(13, struct.pack("<Q", 1))[1:])
        done = self.kezek("watch", "--from", "49", code=1)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertIn("later format", done.stderr)


class Loading(Case):
    def line(self, number: int, request: bool = True) -> str:
        fields = {"type": "ready", "application": number}
        if request:
            fields["request"] = f"{number:032x}"
        return json.dumps(fields) + "\n"

    def file(self, text: str) -> str:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = pathlib.Path(directory.name, "commands.jsonl")
        path.write_text(text)
        return str(path)

    def applications(self) -> list[int]:
        return [struct.unpack_from("<Q", record, 32)[0] for record in self.node.records]

    def test_all_lines_are_sent_in_order(self):
        path = self.file("".join(self.line(i) for i in range(1, 20001)))
        done = self.kezek("load", path)
        self.assertTrue(done.stdout.startswith(f"{path}: 20000 commands, 20000 ok, in "))
        self.assertEqual(self.applications(), list(range(1, 20001)))
        self.assertEqual(self.node.records[6][12:28].hex(), f"{7:032x}")
        self.assertEqual(done.stderr, "")

    def test_a_last_line_without_newline_and_blank_lines(self):
        self.kezek("load", self.file("\n" + self.line(1) + "  \r\n" + self.line(2).rstrip()))
        self.assertEqual(self.applications(), [1, 2])

    def test_an_empty_file_is_loaded(self):
        self.assertIn(": 0 commands", self.kezek("load", self.file("")).stdout)

    def test_refused_lines_are_named_and_passed_over(self):
        self.node.answers = [applied(1), applied(2, "wrong_state"), applied(3), result(fake.REFUSED, "not_allowed")]
        path = self.file("".join(self.line(i) for i in range(1, 6)))
        done = self.kezek("load", path, code=1)
        self.assertRegex(done.stderr, rf"^{path}:2: wrong_state: .*\n{path}:4: not_allowed: .*\n$")
        self.assertIn("5 commands, 3 ok, 1 not_allowed, 1 wrong_state", done.stdout)

    def test_an_invalid_line_is_told_by_its_types_own_ranges(self):
        self.node.answers = [applied(1, "invalid")]
        line = {"type": "vacancy", "kindergarten": 7, "birth_year": 2021, "kind": "ordinary", "places": 0}
        self.assertIn(":1: invalid: a birth year is 2000 to 2199, places are 1 to 1000",
                      self.kezek("load", self.file(json.dumps(line)), code=1).stderr)

    def test_a_line_that_is_no_command_stops_it_and_is_named(self):
        for bad, text in [("nonsense\n", "nonsense"), ('{"type":"ready"}\n', "application"), ('{"type":"read"}\n', "read"),
                          ('{"type":"ready","application":1,"x":1}\n', '"x"'),
                          ('{"type":"publish","territory":1,"date":"2026-11-23"}\n', "written by the cluster alone"),
                          ('{"type":"barrier"}\n', "written by the cluster alone"), (" " * 70000 + "{}\n", "")]:
            with self.subTest(bad=bad[:60]):
                self.node.submits.clear()
                path = self.file(self.line(1) + self.line(2) + bad + self.line(4))
                done = self.kezek("load", path, code=1)
                self.assertIn(f"{path}:3: ", done.stderr)
                self.assertIn(text, done.stderr)
                self.assertIn("nothing behind it was sent", done.stderr)
                self.assertEqual(self.applications(), [1, 2])
                self.assertIn("2 commands, 2 ok", done.stdout)

    def test_loading_again_says_what_was_there(self):
        self.node.answers = [result(fake.REPEATED, "ok", 5), result(fake.REPEATED, "no_place", 6)]
        done = self.kezek("load", self.file(self.line(1) + self.line(2)), code=1)
        self.assertIn("2 commands, 1 ok, 1 no_place (2 of them repeated", done.stdout)

    def test_lines_of_an_export_can_be_loaded(self):
        line = {"index": 12, "term": 1, "time": 1796101200000, "request": ID, "actor": 5, "type": "withdraw", "application": 3,
                "result": "ok"}
        self.kezek("load", self.file(json.dumps(line) + "\n"))
        self.assertEqual(self.node.records[0], fake.record(9, struct.pack("<Q", 3), time=0, request=bytes.fromhex(ID), actor=5))
        self.kezek("load", self.file(json.dumps(line) + "\n"), "--actor", "8")
        self.assertEqual(self.node.records[1][28:32], struct.pack("<I", 8))

    def test_lines_without_request_ids_get_different_ones(self):
        self.kezek("load", self.file(self.line(1, False) + self.line(1, False)))
        ids = {record[12:28] for record in self.node.records}
        self.assertEqual(len(ids), 2)
        self.assertNotIn(bytes(16), ids)

    def test_json_prints_an_export_line_for_each(self):
        self.node.answers = [applied(7), result(fake.REPEATED, "ok", 3)]
        done = self.kezek("load", self.file(self.line(1) + self.line(2)), "-o", "jsonl")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(line["index"], line["application"], line["result"]) for line in lines], [(7, 1, "ok"), (3, 2, "ok")])
        self.assertEqual(lines[0]["time"], fake.TIME)
        self.assertIn("2 commands", done.stderr)

    def test_a_silent_cluster_stops_it_with_3(self):
        self.node.silent = True
        path = self.file(self.line(1) + self.line(2))
        done = self.kezek("load", path, "--timeout", "300ms", code=3)
        self.assertIn(f"{path}:1: no answer in 300 ms", done.stderr)
        self.assertIn("load it again", done.stderr)
        self.assertIn("2 without an answer", done.stdout)

    def test_lines_that_would_be_acted_on_twice_are_not_to_be_loaded_again(self):
        """Without a request id nothing tells a vacancy that is loaded again from another one."""
        hint = "do not load it again as it is: 2 lines without a \"request\" are in the ledger, or may be"
        self.node.silent = True
        text = self.line(1, False) + self.line(2) + self.line(3, False)
        done = self.kezek("load", self.file(text), "--timeout", "300ms", code=3)
        self.assertIn(hint, done.stderr)
        self.assertNotIn("change nothing", done.stderr)
        self.node.silent = False
        self.assertIn(hint, self.kezek("load", self.file(text + "nonsense\n"), code=1).stderr)
        self.node.answers = [applied(1, "wrong_state")]
        self.assertNotIn("again", self.kezek("load", self.file(text), code=1).stderr)
        self.node.answers = [applied(1, "wrong_state"), applied(2), result(fake.BUSY, reason=6, retry_ms=600000)]
        self.assertIn("load it again: lines that are", self.kezek("load", self.file(text), code=3).stderr)
        self.assertNotIn("again", self.kezek("load", self.file(self.line(1) + "nonsense\n"), code=1).stderr)

    def test_a_line_that_is_too_long_is_said(self):
        for text in (" " * 70000 + "{}\n", "x" * 1_000_000):
            done = self.kezek("load", self.file(text), code=1)
            self.assertIn(":1: a line has at most 65536 bytes, and this one has more; nothing behind it was sent", done.stderr)

    def test_a_silent_cluster_is_not_sent_the_rest(self):
        self.node.silent = True
        done = self.kezek("load", self.file("".join(self.line(i) for i in range(1, 20001))), "--timeout", "300ms", code=3)
        self.assertLess(int(re.search(r": (\d+) commands", done.stdout)[1]), 5000)
        self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)

    def test_standard_input_is_sent_as_it_comes(self):
        """A slow pipe's first line is answered while the second one is not written yet."""
        child = subprocess.Popen([KEZEK, "load", "-", "--endpoints", self.node.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        child.stdin.write(self.line(1) + self.line(2)[:10])
        child.stdin.flush()
        deadline = time.monotonic() + 10
        while not self.node.submits and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.applications(), [1])
        output, _ = child.communicate(self.line(2)[10:], timeout=20)
        self.assertEqual(self.applications(), [1, 2])
        self.assertIn("<stdin>: 2 commands, 2 ok", output)
        self.assertEqual(child.returncode, 0)

    def test_a_terminal_gets_a_bar(self):
        path = self.file("".join(self.line(i) for i in range(1, 101)))
        reader, writer = pty.openpty()
        subprocess.run([KEZEK, "load", path, "--endpoints", self.node.address], stdout=subprocess.DEVNULL, stderr=writer, timeout=20,
                       check=True)
        os.close(writer)
        shown = os.read(reader, 65536).decode()
        os.close(reader)
        self.assertIn("[" + "#" * 40 + "] 100 % 100 answered", shown)


if __name__ == "__main__":
    unittest.main()
