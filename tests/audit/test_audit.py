# SPDX-License-Identifier: Apache-2.0
"""kezek-audit's commands, on ledgers made here: test_audit.py KEZEK-AUDIT."""

import fcntl
import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest

import audit
from audit import MEMBERSHIP, TERRITORY, application, lines_of

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "log"))
import read_ledger  # noqa: E402

CLUSTER = "00112233445566778899aabbccddeeff"


def without(entry, name):
    return {key: value for key, value in entry.items() if key != name}


class Import(audit.Case):
    def assert_empty(self):
        self.assertEqual(list(self.data.iterdir()), [])

    def test_what_may_be_missing_gets_its_default(self):
        self.import_text(0, lines_of(MEMBERSHIP, without(TERRITORY, "result"), application(3, 7)))
        lines = [json.loads(line) for line in self.export().splitlines()]
        self.assertEqual([line["term"] for line in lines], [1, 1, 1])
        self.assertEqual(lines[0]["members"], [])
        self.assertEqual(lines[1]["result"], "ok")
        self.assertEqual(lines[2]["actor"], 0)
        self.assertNotIn("request", lines[2])

    def test_terms_are_kept_and_carried_on(self):
        entries = [MEMBERSHIP, TERRITORY | {"term": 4}, application(3, 7), application(4, 8, term=9)]
        self.import_text(0, lines_of(*entries))
        terms = [json.loads(line)["term"] for line in self.export().splitlines()]
        self.assertEqual(terms, [1, 4, 4, 9])
        self.expect(0, "verify", "--data", self.data)

    def test_a_file_with_an_error_builds_nothing_and_is_told_by_line(self):
        good = application(3, 7)
        cases = {
            "unknown type": good | {"type": "applications"},
            "unknown word": good | {"kind": "special"},
            "unknown field": good | {"colour": "red"},
            "unknown result": good | {"result": "fine"},
            "missing field": without(good, "child"),
            "missing index": without(good, "index"),
            "missing time": without(good, "time"),
            "null": good | {"evidence": None},
            "gap": good | {"index": 4},
            "index again": good | {"index": 2},
            "time back": good | {"time": TERRITORY["time"] - 1},
            "number too large": good | {"territory": 1 << 32},
            "number as text": good | {"territory": "1"},
            "short hex": good | {"child": "00"},
        }
        for name, entry in cases.items():
            with self.subTest(name):
                outcome = self.import_text(1, lines_of(MEMBERSHIP, TERRITORY, entry))
                self.assertIn("lines.jsonl:3: ", outcome.error)
                self.assert_empty()

    def test_lines_that_are_not_json_are_told_by_line(self):
        head = lines_of(MEMBERSHIP, TERRITORY).encode()
        line = lines_of(application(3, 7)).encode()
        cases = {
            "cut": line[:-20],
            "empty": b"\n",
            "duplicate key": line.replace(b'"kind"', b'"kind": "ordinary", "kind"'),
            "not UTF-8": lines_of(TERRITORY | {"index": 3}).encode("utf-16-le"),
            "bad UTF-8": lines_of(TERRITORY | {"index": 3, "name": "x"}).encode().replace(b'"x"', b'"\xff"'),
            "two in a line": line.strip() + line,
            "too long": b'{"index":3,"time":' + b" " * 70000 + b"1}\n",
            "binary": bytes(range(256)),
        }
        for name, bad in cases.items():
            with self.subTest(name):
                outcome = self.import_text(1, head + bad)
                self.assertIn("lines.jsonl:3: ", outcome.error)
                self.assert_empty()

    def test_a_term_that_falls_is_an_error(self):
        outcome = self.import_text(1, lines_of(MEMBERSHIP | {"term": 3}, TERRITORY | {"term": 2}))
        self.assertIn("lines.jsonl:2: ", outcome.error)
        self.assert_empty()

    def test_the_first_line_is_a_membership(self):
        outcome = self.import_text(1, lines_of(TERRITORY | {"index": 1}))
        self.assertIn("lines.jsonl:1: ", outcome.error)
        self.assert_empty()

    def test_an_empty_file_builds_nothing(self):
        self.import_text(1, "")
        self.assert_empty()

    def test_the_last_newline_may_be_missing(self):
        self.import_text(0, lines_of(MEMBERSHIP, TERRITORY)[:-1])

    def test_results_that_replay_does_not_give_are_told_each(self):
        entries = [MEMBERSHIP, TERRITORY | {"result": "invalid"}, application(3, 7),
                   application(4, 7, result="ok")]
        outcome = self.import_text(7, lines_of(*entries))
        self.assertIn("lines.jsonl:2: the result is invalid, and the rules give ok", outcome.error)
        self.assertIn("lines.jsonl:4: the result is ok, and the rules give duplicate", outcome.error)
        self.assertNotIn("lines.jsonl:3", outcome.error)
        results = [json.loads(line).get("result") for line in self.export().splitlines()]
        self.assertEqual(results, [None, "ok", "ok", "duplicate"])
        self.expect(0, "verify", "--data", self.data)

    def test_a_directory_that_is_not_empty_is_left_alone(self):
        self.data.mkdir()
        (self.data / "something").write_text("of somebody")
        self.import_text(1, lines_of(MEMBERSHIP, TERRITORY))
        self.assertEqual([path.name for path in self.data.iterdir()], ["something"])

    def test_a_message_is_never_written_into_the_ledger(self):
        """A closed stream's number goes to the file that is opened next; a message for it went there too."""
        file = self.place / "lines.jsonl"
        file.write_text(lines_of(MEMBERSHIP, TERRITORY | {"result": "invalid"}))
        words = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(audit.PROGRAM), "import", "--from", str(file)]
        done = subprocess.run([*words, "--data", str(self.data)], timeout=60, check=False)
        self.assertEqual(done.returncode, 7)
        for path in self.data.rglob("*"):
            self.assertFalse(path.is_file() and b"kezek-audit" in path.read_bytes(), path)
        self.expect(0, "verify", "--data", self.data)

    def test_a_ledger_is_not_imported_over(self):
        self.import_text(0, lines_of(MEMBERSHIP, TERRITORY))
        before = self.export()
        self.import_text(1, lines_of(MEMBERSHIP))
        self.assertEqual(self.export(), before)

    def test_what_an_interrupted_import_left_is_removed(self):
        draft = self.data / "ledger.draft" / "ledger"
        draft.mkdir(parents=True)
        (draft / "data.mdb").write_text("half")
        self.import_text(0, lines_of(MEMBERSHIP, TERRITORY))
        self.assertFalse((self.data / "ledger.draft").exists())
        self.expect(0, "verify", "--data", self.data)

    def test_a_long_file_spans_many_transactions(self):
        entries = [MEMBERSHIP, TERRITORY] + [application(i, i) for i in range(3, 20001)]
        text = lines_of(*entries)
        self.import_text(0, text)
        exported = self.export()
        self.assertEqual(len(exported.splitlines()), 20000)
        self.assertEqual(json.loads(exported.splitlines()[-1])["child"], f"{20000:032x}")
        self.expect(0, "verify", "--data", self.data)
        rows = self.expect(0, "positions", "--data", self.data).out.splitlines()
        self.assertEqual(rows[1], "1,2021,ordinary,1,3,general,waiting")
        self.assertEqual(rows[-1], "1,2021,ordinary,19998,20000,general,waiting")


class Reading(audit.Case):
    def setUp(self):
        super().setUp()
        entries = [MEMBERSHIP, TERRITORY, application(3, 3), application(4, 4, kind="correctional"),
                   application(5, 5, birth_year=2020), application(6, 6, category="out_of_turn")]
        self.import_text(0, lines_of(*entries))

    def test_positions_are_sorted_and_can_be_filtered(self):
        header = "territory,birth_year,kind,position,application,category,state"
        rows = ["1,2020,ordinary,1,5,general,waiting", "1,2021,correctional,1,4,general,waiting",
                "1,2021,ordinary,2,3,general,waiting", "1,2021,ordinary,1,6,out_of_turn,waiting"]
        cases = [((), rows), (("--at", 3), ["1,2021,ordinary,1,3,general,waiting"]), (("--at", 1), []),
                 (("--kind", "ordinary"), [rows[0], *rows[2:]]), (("--birth-year", 2020), rows[:1]),
                 (("--territory", 2), []),
                 (("--territory", 1, "--birth-year", 2021, "--kind", "correctional"), rows[1:2])]
        for arguments, expected in cases:
            with self.subTest(arguments):
                found = self.expect(0, "positions", "--data", self.data, *arguments).out
                self.assertEqual(found.splitlines(), [header, *expected])

    def test_an_export_can_be_a_part(self):
        lines = self.export().splitlines()
        self.assertEqual(self.export(self.data, "--from", 2, "--to", 4).splitlines(), lines[1:4])
        self.assertEqual(self.export(self.data, "--from", 6).splitlines(), lines[5:])
        self.assertEqual(self.export(self.data, "--from", 7), "")
        self.assertEqual(self.export(self.data, "--from", 4, "--to", 3), "")
        for beyond in (("--from", 8), ("--from", 5, "--to", 3)):
            self.assertIn("nothing to export", self.expect(2, "export", "--data", self.data, *beyond).error)

    def test_an_export_can_go_to_a_file(self):
        file = self.place / "out.jsonl"
        self.assertEqual(self.export(self.data, "--out", file), "")
        self.assertEqual(file.read_text(), self.export())

    def test_an_index_that_is_not_there_is_a_mistake(self):
        for command in ("positions", "digest"):
            for at in (7, 0, -1, "x", ""):
                self.expect(2, command, "--data", self.data, "--at", at)
        self.expect(2, "export", "--data", self.data, "--to", 7)

    def test_the_digest_follows_the_state(self):
        digests = [self.expect(0, "digest", "--data", self.data, "--at", at).out for at in range(1, 7)]
        self.assertEqual(len(set(digests)), 6)
        self.assertEqual(self.expect(0, "digest", "--data", self.data).out, digests[-1])

    def test_a_parent_that_ignores_its_childrens_ends_changes_nothing(self):
        words = ["env", "--ignore-signal=CHLD", str(audit.PROGRAM), "verify", "--data", str(self.data)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_what_can_not_be_written_is_no_success(self):
        for words in (["verify", "--data", self.data], ["positions", "--data", self.data], ["digest", "--data", self.data],
                      ["export", "--data", self.data], ["--help"]):
            with self.subTest(words), open("/dev/full", "w", encoding="utf-8") as full:
                words = [str(audit.PROGRAM), *map(str, words)]
                done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("cannot write", done.stderr)

    def test_a_directory_in_use_is_refused(self):
        with (self.data / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for command in ("verify", "positions", "digest", "export"):
                self.assertIn("in use", self.expect(1, command, "--data", self.data).error)
            self.expect(1, "found", "--data", self.data, "--cluster-id", CLUSTER, "--cluster", "1=h:1")
            self.import_text(1, lines_of(MEMBERSHIP))

    def run_read_only(self, *arguments):
        """Runs kezek-audit where the directory can not be written, in a namespace of mounts of its own."""
        mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(self.place), str(audit.PROGRAM)]
        return audit.Outcome(subprocess.run([*words, *map(str, arguments)], capture_output=True, timeout=60, check=False))

    def test_a_ledger_on_a_read_only_medium_can_be_audited(self):
        if self.run_read_only("--version").code != 0:
            self.skipTest("this system lets nobody mount read-only")
        for command in ("verify", "positions", "digest", "export"):
            expected = self.expect(0, command, "--data", self.data)
            for has_lock in (True, False):  # a copy may have none
                found = self.run_read_only(command, "--data", self.data)
                self.assertEqual((found.code, found.out, found.error), (0, expected.out, ""), (command, has_lock))
                (self.data / "lock").unlink(missing_ok=True)
        (self.data / "lock").touch()
        with (self.data / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("in use", self.run_read_only("verify", "--data", self.data).error)
        found = self.run_read_only("found", "--data", self.data, "--cluster-id", CLUSTER, "--cluster", "1=h:1")
        self.assertIn("Read-only file system", found.error)
        found = self.run_read_only("import", "--from", self.place / "lines.jsonl", "--data", self.place / "other")
        self.assertIn("cannot make", found.error)

    def test_a_directory_without_a_ledger_fails(self):
        (self.place / "nothing").mkdir()
        for data in (self.place / "nothing", self.place / "nowhere"):
            for command in ("verify", "positions", "digest", "export"):
                self.assertIn("holds no ledger", self.expect(1, command, "--data", data).error)
        self.assertEqual(list((self.place / "nothing").iterdir()), [])


class Usage(audit.Case):
    def test_mistakes_are_told(self):
        cases = [(), ("unknown",), ("verify",), ("verify", "--data"), ("verify", "--date", "x"), ("verify", "x"),
                 ("digest", "--data", "a", "--data", "b"), ("positions", "--data", "a", "--kind", "special"),
                 ("positions", "--data", "a", "--birth-year", "1999"), ("found", "--data", "a"),
                 ("found", "--data", "a", "--cluster-id", "00", "--cluster", "1=h:1"),
                 ("found", "--data", "a", "--cluster-id", "00" * 16, "--cluster", "1=h:1")]
        for arguments in cases:
            with self.subTest(arguments):
                outcome = self.expect(2, *arguments)
                self.assertNotEqual(outcome.error, "")

    def test_bad_members_are_told(self):
        bad = ["", "1", "1=", "1=h", "1=h:", "1=:1", "1=h:0", "1=h:65536", "0=h:1", "x=h:1", "1=h:1,", "1=h:1,,2=h:2",
               "1=h:1,1=h:2", "1=h:1x", "9223372036854775808=h:1", f"1={'h' * 63}:1",
               ",".join(f"{i}=h:{i}" for i in range(1, 18))]
        for members in bad:
            with self.subTest(members):
                self.expect(2, "found", "--data", self.data, "--cluster-id", CLUSTER, "--cluster", members)

    def test_help_is_given(self):
        self.assertIn("verify", self.expect(0, "--help").out)
        for command in ("verify", "positions", "digest", "export", "import", "found"):
            self.assertIn("--data", self.expect(0, command, "--help").out)
        self.assertRegex(self.expect(0, "--version").out, r"^kezek-audit \d")


class Found(audit.Case):
    def found(self, code, data, cluster=CLUSTER, members="2=10.0.0.2:5000,1=[::1]:5000"):
        return self.expect(code, "found", "--data", data, "--cluster-id", cluster, "--cluster", members)

    def test_each_copy_becomes_the_same_cluster(self):
        text = lines_of(MEMBERSHIP | {"term": 6}, TERRITORY, application(3, 3))
        exports = []
        for name in ("a", "b"):
            data = self.place / name
            self.import_text(0, text, data)
            self.found(0, data)
            self.expect(0, "verify", "--data", data)
            exports.append(self.export(data))
        self.assertEqual(exports[0], exports[1])
        last = json.loads(exports[0].splitlines()[-1])
        self.assertEqual(last, {
            "index": 4, "term": 7, "time": application(3, 3)["time"], "type": "membership",
            "members": [{"id": 1, "peer": "[::1]:5000", "client": "", "role": "voter"},
                        {"id": 2, "peer": "10.0.0.2:5000", "client": "", "role": "voter"}]})
        identity = audit.twin_content(self.place / "a" / "identity")
        self.assertEqual(identity[16:32], bytes.fromhex(CLUSTER))
        self.assertEqual(struct.unpack("<Q", identity[32:40]), (0,))
        vote = audit.twin_content(self.place / "a" / "vote")
        self.assertEqual(struct.unpack("<QQ", vote[16:32]), (7, 0))

    def test_a_founded_ledger_is_not_founded_again(self):
        self.import_text(0, lines_of(MEMBERSHIP, TERRITORY))
        self.found(0, self.data)
        before = self.export()
        self.found(1, self.data)
        self.found(1, self.data, cluster="ff" * 16)
        self.assertEqual(self.export(), before)

    def test_an_interrupted_founding_is_finished(self):
        self.import_text(0, lines_of(MEMBERSHIP, TERRITORY))
        identity = (self.data / "identity").read_bytes()
        self.found(0, self.data)
        before = self.export()
        (self.data / "identity").write_bytes(identity)
        (self.data / "vote").unlink()
        self.found(0, self.data)
        self.assertEqual(self.export(), before)
        self.assertTrue((self.data / "vote").exists())

    def test_a_ledger_without_identity_can_be_founded(self):
        self.import_text(0, lines_of(MEMBERSHIP, TERRITORY))
        (self.data / "identity").unlink()
        self.found(0, self.data)


class Damage(audit.Case):
    def setUp(self):
        super().setUp()
        entries = [MEMBERSHIP, TERRITORY] + [application(i, 0xABCD0000 + i) for i in range(3, 301)]
        self.import_text(0, lines_of(*entries))
        self.file = self.data / "ledger" / "data.mdb"

    def change(self, find, replace):
        content = self.file.read_bytes()
        self.assertEqual(content.count(find), 1)
        self.file.write_bytes(content.replace(find, replace))

    def test_a_changed_record_is_named(self):
        child = (0xABCD0000 + 200).to_bytes(16, "big")
        self.change(child, child[:-1] + b"\0")
        outcome = self.expect(7, "verify", "--data", self.data)
        self.assertIn("entry 200 ", outcome.error)
        self.assertIn("entry 200 ", self.expect(7, "export", "--data", self.data).error)
        self.assertIn("entry 200 ", self.expect(7, "digest", "--data", self.data).error)
        self.expect(0, "digest", "--data", self.data, "--at", 199)

    def test_a_cut_file_is_found(self):
        with self.file.open("r+b") as file:
            file.truncate(40960)
        self.expect(7, "verify", "--data", self.data)

    def test_cleared_pages_are_never_verified(self):
        whole = self.file.read_bytes()
        found = 0
        for page in range(2, 25):
            offset = page * 4096
            if not any(whole[offset:offset + 4096]):
                continue
            self.file.write_bytes(whole[:offset] + bytes(4096) + whole[offset + 4096:])
            outcome = self.run_audit("verify", "--data", self.data)
            self.assertIn(outcome.code, (0, 1, 7), outcome.error)
            if outcome.code != 0:
                found += 1
        self.assertGreaterEqual(found, 10)

    def test_damaged_small_files_are_found(self):
        for name in ("identity",):
            path = self.data / name
            content = path.read_bytes()
            path.write_bytes(2 * (content[:40] + b"\x80" + content[41:4096]))
            self.assertIn(name, self.expect(7, "verify", "--data", self.data).error)
            path.write_bytes(content)

    def test_a_replaced_table_is_found(self):
        """An older copy of the file belongs to an older ledger: it verifies as that one."""
        other = self.place / "other"
        self.import_text(0, lines_of(MEMBERSHIP, TERRITORY), other)
        shutil.copy(other / "ledger" / "data.mdb", self.file)
        self.assertEqual(self.expect(0, "verify", "--data", self.data).out, "2 entries verified\n")


class Digests(audit.Case):
    """`digest` entries are what the rules give, or are named."""

    def setUp(self):
        super().setUp()
        hour = 3600000
        clock = {"territory": 1, "date": "2026-10-24"}
        morning = clock | {"type": "morning", "time": TERRITORY["time"] + 2 * hour}
        publish = clock | {"type": "publish", "time": TERRITORY["time"] + 13 * hour}
        self.end = publish["time"]
        self.entries = [MEMBERSHIP, TERRITORY, application(3, 3), application(4, 3, result="duplicate"),
                        morning | {"index": 5, "result": "ok"}, publish | {"index": 6, "result": "ok"},
                        publish | {"index": 7, "result": "not_due"}]
        self.import_text(0, lines_of(*self.entries), self.place / "plain")

    def digest(self, index, at, results, **changes):
        state = self.expect(0, "digest", "--data", self.place / "plain", "--at", at).out.strip()
        return {"index": index, "time": self.end, "type": "digest", "at": at, "version": 1,
                "state": state, "results": hashlib.sha256(bytes(results)).hexdigest()} | changes

    def verify(self, code, *digests):
        data = self.place / f"case-{len(list(self.place.iterdir()))}"
        self.import_text(0, lines_of(*self.entries, *digests), data)
        return self.expect(code, "verify", "--data", data)

    def test_right_ones_are_verified(self):
        self.verify(0, self.digest(8, 5, [0, 0, 0, 9, 0]))
        self.verify(0, self.digest(8, 5, [0, 0, 0, 9, 0]), self.digest(9, 6, [0]))
        self.verify(0, self.digest(8, 6, [0, 0, 0, 9, 0, 0]))

    def test_wrong_ones_are_named(self):
        right = [0, 0, 0, 9, 0]
        cases = {
            "state": [self.digest(8, 5, right, state="00" * 16)],
            "results": [self.digest(8, 5, [0, 0, 0, 0, 0])],
            "version": [self.digest(8, 5, right, version=0)],
            "an index that has none": [self.digest(8, 4, right[:4])],
            "a refused publish": [self.digest(8, 7, right + [0, 14])],
            "the same index again": [self.digest(8, 5, right), self.digest(9, 5, [])],
            "an index before the last one": [self.digest(8, 6, right + [0]), self.digest(9, 5, right)],
            "results from the start": [self.digest(8, 5, right), self.digest(9, 6, right + [0])],
        }
        for name, digests in cases.items():
            with self.subTest(name):
                bad = digests[-1]["index"]
                self.assertIn(f"entry {bad} is bad", self.verify(7, *digests).error)

    def test_rules_of_a_later_version_are_told(self):
        self.assertIn("rules 2", self.verify(1, self.digest(8, 5, [0, 0, 0, 9, 0], version=2)).error)

    def test_rules_that_are_not_known_are_not_imported(self):
        version = {"index": 8, "time": self.end, "type": "version"}
        self.verify(0, version | {"rules": 1})
        data = self.place / "later"
        outcome = self.import_text(1, lines_of(*self.entries, version | {"rules": 2}), data)
        self.assertIn("begins rules 2, and this program knows rules 1", outcome.error)
        self.assertFalse((data / "ledger").exists())


@unittest.skipIf(read_ledger.XXHASH is None, "libxxhash is not installed")
class Forgery(audit.Case):
    """Bytes that are wrong under right checksums: what verification finds beyond accidents."""

    def setUp(self):
        super().setUp()
        entries = [MEMBERSHIP, TERRITORY] + [application(i, i, term=1 + i // 20) for i in range(3, 41)]
        self.import_text(0, lines_of(*entries))
        self.file = self.data / "ledger" / "data.mdb"
        self.assertEqual(self.expect(0, "verify", "--data", self.data).out, "40 entries verified\n")

    def forge(self, table, key, value):
        """Writes VALUE in the place of the value of KEY, which has the same size."""
        rows = dict(read_ledger.File(self.file).table(table))
        self.assertEqual(len(rows[key]), len(value))
        content = self.file.read_bytes()
        self.assertEqual(content.count(rows[key]), 1, "the value is found once")
        self.file.write_bytes(content.replace(rows[key], value))

    def rows(self, table):
        return dict(read_ledger.File(self.file).table(table))

    def seal(self, data, seed):
        return data + struct.pack("<Q", read_ledger.sum_of(data, seed))

    def test_another_record_is_found_by_its_leaf(self):
        row = self.rows("entries")[30]
        record = row[8:-1] + bytes([row[-1] ^ 1])
        seed = read_ledger.sum_of(struct.pack("<QQ", 30, 2))
        self.forge("entries", 30, struct.pack("<Q", read_ledger.sum_of(record, seed)) + record)
        self.assertIn("entry 30 is damaged: its leaf hash", self.expect(7, "verify", "--data", self.data).error)

    def test_another_result_is_found_by_the_rules(self):
        block = self.rows("results")[1]
        data = bytearray(block[:-8])
        data[24] = 9
        self.forge("results", 1, self.seal(bytes(data), 1))
        for command in ("verify", "digest", "positions"):
            error = self.expect(7, command, "--data", self.data).error
            self.assertIn("entry 25 is bad: its result is duplicate, and the rules give ok", error)

    def test_another_run_of_terms_is_found(self):
        self.forge("runs", 20, self.seal(struct.pack("<Q", 2 + 7), 20))
        self.assertNotEqual(self.run_audit("verify", "--data", self.data).code, 0)

    def test_another_term_is_found(self):
        block = self.rows("leaves")[1]
        leaves = bytearray(block[:-8])
        leaves[18 * 44:18 * 44 + 8] = struct.pack("<Q", 2)  # entry 19, of term 1
        self.forge("leaves", 1, self.seal(bytes(leaves), 1))
        self.assertIn("entry 19 is damaged", self.expect(7, "verify", "--data", self.data).error)
        record = self.rows("entries")[19][8:]
        seed = read_ledger.sum_of(struct.pack("<QQ", 19, 2))
        self.forge("entries", 19, struct.pack("<Q", read_ledger.sum_of(record, seed)) + record)
        self.assertIn("entry 19 is bad: its term", self.expect(7, "verify", "--data", self.data).error)


if __name__ == "__main__":
    audit.PROGRAM = pathlib.Path(sys.argv[1])
    unittest.main(argv=sys.argv[:1])
