#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kezek snapshot against a fake node: what goes wrong leaves nothing that looks like a snapshot, and is named.

The programs are KEZEK and KEZEK_AUDIT of the environment.
"""
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import tempfile
import unittest

import fake_node as fake
from cli_case import KEZEK, Case, nobody, run

AUDIT = os.environ.get("KEZEK_AUDIT", "kezek-audit")
COUNT = 5
MEMBER = struct.pack("<BQB", 1, 1, 1) + b"\x0e127.0.0.1:9001" + b"\0"
FIRST = fake.record(20, MEMBER)
TERRITORY = fake.record(1, struct.pack("<IiH", 1, 300, 4) + "Қа".encode())


def withdraw(number: int) -> bytes:
    return fake.record(9, struct.pack("<Q", number), request=number.to_bytes(16, "little"))


class Snapshot(Case):
    def setUp(self):
        super().setUp()
        self.place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="kezek-test-")))
        self.directory = self.place / "snapshot"
        fake.AS_OF, before = COUNT, fake.AS_OF
        self.addCleanup(setattr, fake, "AS_OF", before)
        self.node.entries = {1: fake.entry(FIRST), 2: fake.entry(TERRITORY)} | {
            index: fake.entry(withdraw(index), word="unknown_application") for index in range(3, COUNT + 1)}

    def save(self, *words: str, code: int = 0) -> subprocess.CompletedProcess:
        return self.kezek("snapshot", "save", str(self.directory), "--timeout", "1", *words, code=code)

    def status(self) -> subprocess.CompletedProcess:
        return run("snapshot", "status", str(self.directory), "-o", "json")

    def nothing_is_there(self):
        self.assertFalse((self.directory / "ledger").exists())
        done = self.status()
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds no whole snapshot", done.stderr)

    def restore(self, name: str, *words: str, code: int = 0) -> subprocess.CompletedProcess:
        done = run("snapshot", "restore", str(self.directory), "--data", str(self.place / name), "--cluster-id", "ab" * 16,
                   "--cluster", "1=127.0.0.1:9001,2=127.0.0.1:9002", *words)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def audit(self, *words: str) -> str:
        return subprocess.run([AUDIT, *words], check=True, capture_output=True, text=True).stdout

    # ---- save ----

    def test_a_snapshot_ends_where_the_ledger_was_at_its_beginning(self):
        self.node.entries[COUNT + 1] = fake.entry(withdraw(9))
        saved = json.loads(self.save("-o", "json").stdout)
        self.assertEqual((saved["last_index"], saved["applied_index"], saved["term"], saved["whole"]), (COUNT, COUNT, 3, True))
        status = json.loads(self.status().stdout)
        self.assertEqual({k: v for k, v in status.items() if k != "bytes"}, {k: v for k, v in saved.items() if k != "bytes"})
        lines = [json.loads(line) for line in self.audit("export", "--data", str(self.directory)).splitlines()]
        self.assertEqual([line.get("result") for line in lines], [None, "ok"] + 3 * ["unknown_application"])

    def test_a_message_is_never_written_into_the_ledger(self):
        """A closed stream's number goes to the file that is opened next; a message for it went there too."""
        words = [KEZEK, "snapshot", "save", str(self.directory), "--timeout", "1", "--endpoints", self.node.address]
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words], timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.status().returncode, 0)

    def test_a_directory_that_is_not_empty_is_left_alone(self):
        self.directory.mkdir()
        (self.directory / "letter").write_text("dear")
        self.assertIn("is not empty: it has letter", self.save(code=1).stderr)
        self.assertEqual((self.directory / "letter").read_text(), "dear")
        (self.directory / "letter").unlink()
        self.save()
        self.assertIn("is not empty", self.save(code=1).stderr)

    def test_entries_that_can_not_be_are_refused(self):
        for index, entry, words in ((1, fake.entry(TERRITORY), "entry 1 is not a membership"),
                                    (3, fake.entry(b"\1\77" + TERRITORY[2:]), "entry 3"),
                                    (3, fake.entry(b"\2" + TERRITORY[1:]), "entry 3 is of a later format"),
                                    (4, fake.entry(withdraw(4), term=2), "entry 4 has a term before"),
                                    (4, fake.entry(b""), "entry 4 is no record")):
            with self.subTest(words):
                right, self.node.entries[index] = self.node.entries[index], entry
                done = run("snapshot", "save", str(self.directory), endpoints=self.node.address)
                self.assertIn(words, done.stderr)
                self.assertIn(done.returncode, (1, 7))
                self.nothing_is_there()
                self.node.entries[index] = right
        self.save()

    def test_a_node_that_says_no_more_is_told(self):
        del self.node.entries[4]
        done = self.save(code=3)
        self.assertIn(f"no entry came for 1 s behind entry 3 of {COUNT}; nothing was saved", done.stderr)
        self.nothing_is_there()

    def test_a_node_that_is_not_there_is_told(self):
        done = run("snapshot", "save", str(self.directory), "--timeout", "300ms", endpoints=nobody())
        self.assertEqual(done.returncode, 3)
        self.assertFalse(self.directory.exists())

    def test_a_full_disk_is_told(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        done = subprocess.run([KEZEK, "snapshot", "save", str(self.directory), "--endpoints", self.node.address],
                              capture_output=True, text=True, timeout=60, preexec_fn=limit)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "File too large|space|Space")
        self.nothing_is_there()

    def test_a_save_that_was_killed_leaves_nothing_whole_and_can_be_done_again(self):
        del self.node.entries[4]
        process = subprocess.Popen([KEZEK, "snapshot", "save", str(self.directory), "--endpoints", self.node.address],
                                   stderr=subprocess.DEVNULL)
        fake_draft = self.directory / "ledger.draft" / "ledger"
        while not fake_draft.exists():
            self.assertIsNone(process.poll())
        process.kill()
        process.wait()
        self.nothing_is_there()
        self.node.entries[4] = fake.entry(withdraw(4), word="unknown_application")
        self.save()
        self.assertFalse(fake_draft.exists())

    # ---- status ----

    def test_damage_is_found(self):
        self.save()
        file = self.directory / "ledger" / "data.mdb"
        whole = file.read_bytes()
        at = whole.index(TERRITORY)
        file.write_bytes(whole[:at + 33] + b"\7" + whole[at + 34:])
        done = self.status()
        self.assertEqual(done.returncode, 7, done.stdout + done.stderr)
        self.assertIn("entry 2", done.stderr)

    def test_a_restored_directory_is_no_whole_snapshot(self):
        self.save()
        self.restore("new")
        done = run("snapshot", "status", str(self.place / "new"), "-o", "json")
        status = json.loads(done.stdout)
        self.assertEqual((status["last_index"], status["applied_index"], status["whole"]), (COUNT + 1, COUNT, False))

    # ---- restore ----

    def test_each_restore_makes_the_same_ledger_as_found_makes_of_a_copy(self):
        self.save()
        told = json.loads(self.restore("one", "-o", "json").stdout)
        self.assertEqual((told["founded_at"], told["term"], told["members"]), (COUNT + 1, 4, 2))
        self.restore("two")
        subprocess.run(["cp", "-r", self.directory, self.place / "copy"], check=True)
        self.audit("found", "--data", str(self.place / "copy"), "--cluster-id", "ab" * 16, "--cluster",
                   "1=127.0.0.1:9001,2=127.0.0.1:9002")
        exports = [self.audit("export", "--data", str(self.place / name)) for name in ("one", "two", "copy")]
        self.assertEqual(exports[0], exports[1])
        self.assertEqual(exports[0], exports[2])
        for name in ("identity", "vote"):
            contents = {(self.place / place / name).read_bytes()[24:4088] for place in ("one", "two", "copy")}
            self.assertEqual(len(contents), 1)

    def test_what_can_not_be_restored_is_told(self):
        self.assertIn("holds no whole snapshot", self.restore("new", code=1).stderr)
        self.save()
        (self.place / "new").mkdir()
        (self.place / "new" / "identity").write_text("")
        self.assertIn("is not empty: it has identity", self.restore("new", code=1).stderr)
        self.restore("one")
        self.directory = self.place / "one"
        self.assertIn(f"entry {COUNT + 1} has no result", self.restore("two", code=7).stderr)
        self.assertFalse((self.place / "two" / "ledger").exists())
        for words, text in ((("--cluster-id", "00" * 16, "--cluster", "1=a:1"), "not all zero"),
                            (("--cluster-id", "ab" * 16, "--cluster", "a:1"), "--cluster is a list"),
                            (("--cluster-id", "ab" * 16), "usage: kezek snapshot restore")):
            done = run("snapshot", "restore", str(self.directory), "--data", str(self.place / "three"), *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    unittest.main()
