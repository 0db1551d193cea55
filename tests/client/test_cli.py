#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kezek against a fake node: what it sends, what it prints, how it ends."""
import hashlib
import json
import re
import struct
import subprocess
import unittest

import fake_node as fake
from cli_case import KEZEK, Case, nobody, run
from fake_node import FakeNode, applied, result

ID = "ab" * 16
CHILD = "0123456789abcdef" * 2


class CommandLine(Case):
    def test_what_is_wrong_is_named(self):
        for words, text in [
            ((), "usage: kezek COMMAND"),
            (("withdaw", "5"), 'no command "withdaw 5"; did you mean "withdraw"?'),
            (("teritory", "set"), 'did you mean "territory set"?'),
            (("territory",), "there are: territory set, territory show"),
            (("endpoint", "healt"), "there are: endpoint health, endpoint status"),
            (("xyzzy",), 'no command "xyzzy"\n'),
            (("apply", "--birthyear", "2021"), "apply has no option --birthyear; did you mean --birth-year?"),
            (("show", "5", "--locl"), "--locl: no value follows"),
            (("show", "5", "--locl", "x"), "did you mean --local?"),
            (("show", "5", "--from", "3"), "show has no option --from"),
            (("withdraw", "1", "2"), '"2" is one word too many; usage: kezek withdraw APPLICATION'),
            (("withdraw", "1", "--application", "2"), '"1" is one word too many'),
            (("withdraw", "--application", "1", "--application", "2"), "given twice"),
            (("withdraw", "abc"), '"application"'),
            (("withdraw",), '"application"'),
            (("claim", "1"), '"kindergarten"'),
            (("apply", "--territory", "1"), '"birth_year" is missing; see: kezek help apply'),
            (("reclassify", "5", "first"), "out_of_turn"),
            (("calendar", "set", "2026-02-30", "--working", "true"), '"date"'),
            (("show",), "usage: kezek show APPLICATION"),
            (("show", "0"), "no number from 1"),
            (("show", "-5"), "-5: no value follows"),
            (("position",), "usage: kezek position"),
            (("queue", "1", "2021"), "usage: kezek queue"),
            (("queue", "1", "1999", "ordinary"), "no number from 2000 to 2199"),
            (("queue", "1", "2021", "special"), "ordinary or correctional"),
            (("request", "12"), "is not 32 hex digits"),
            (("show", "5", "-o", "yaml"), "none of table, simple, json, jsonl"),
            (("show", "5", "--timeout", "0"), "no number from 1 to 3600"),
            (("show", "5", "--timeout", "5m"), "no number from 1"),
            (("show", "5", "--actor", "-1"), "no number from 0"),
            (("withdraw", "5", "--request", "xyz"), "is not 32 hex digits"),
            (("show", "5", "--" + "x" * 80, "y"), "no command has an option"),
            (("load",), "usage: kezek load"),
            (("member",), "there are: member list, member add, member promote, member remove"),
            (("member", "add", "4"), "usage: kezek member add ID=PEER-ADDRESS --client ADDRESS"),
            (("member", "add", "4=a:1"), "usage: kezek member add"),
            (("member", "add", "x=a:1", "--client", "b:1"), "no number from 1"),
            (("member", "add", "4=a", "--client", "b:1"), 'peer address "a" is not HOST:PORT'),
            (("member", "add", "4=a:1", "--client", "b:1", "--replaces", "4"), "replaced by one with another number"),
            (("member", "add", "4=a:1", "--client", "b:1", "--replaces", "0"), "no number from 1"),
            (("member", "promote"), "usage: kezek member promote ID"),
            (("member", "remove", "0"), "no number from 1"),
            (("leader", "move", "x"), "no number from 1"),
            (("load", "/nonexistent"), "/nonexistent: No such file"),
            (("position", *["5"] * 4097), "at most 4096 applications"),
            (("watch", "--from", "5", "--to", "4"), "no number from 5"),
            (("watch", "--to", str(fake.AS_OF)), "was applied already; give --from"),
        ]:
            with self.subTest(words=words):
                done = self.kezek(*words, code=2)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stdout, "")
        self.assertEqual(self.node.submits, [])
        self.assertEqual(self.node.changes, [])

    def test_endpoints_are_needed_and_checked(self):
        for words, endpoints, text in [
            (("show", "5"), None, "set KEZEK_ENDPOINTS"),
            (("show", "5"), "", "set KEZEK_ENDPOINTS"),
            (("withdraw", "5"), "nonsense", '"nonsense" is not HOST:PORT'),
            (("endpoint", "status"), "127.0.0.1:1,x", '"x" is not HOST:PORT'),
            (("load", "-"), None, "set KEZEK_ENDPOINTS"),
        ]:
            with self.subTest(words=words, endpoints=endpoints):
                done = run(*words, endpoints=endpoints)
                self.assertEqual(done.returncode, 2)
                self.assertIn(text, done.stderr)

    def test_options_may_stand_anywhere(self):
        for words in [
            ("--endpoints", self.node.address, "withdraw", "5"),
            ("withdraw", "--endpoints", self.node.address, "5"),
            ("withdraw", "5", f"--endpoints={self.node.address}"),
            ("--application", "5", "withdraw", f"--endpoints={self.node.address}"),
            ("--application=5", "--endpoints", self.node.address, "--", "withdraw"),
        ]:
            with self.subTest(words=words):
                self.node.submits.clear()
                done = run(*words, endpoints="nonsense")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.node.records[0][32:], struct.pack("<Q", 5))

    def test_help_tells_every_command_and_its_fields(self):
        overview = run("--help").stdout
        self.assertEqual(run("help").stdout, overview)
        names = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", overview, re.M)
        self.assertEqual(len(names), 35)
        for name in names:
            done = run("help", *name.split())
            self.assertEqual(done.returncode, 0)
            self.assertTrue(done.stdout.startswith(f"usage: kezek {name}"))
            self.assertNotRegex(done.stdout, r"(?m) $")
            self.assertEqual(run(*name.split(), "--help").stdout, done.stdout)
        self.assertIn("--access-unit working|calendar", run("help", "policy", "set").stdout)
        self.assertIn("--evening HH:MM", run("help", "policy", "set").stdout)
        self.assertEqual(run("help", "aply").returncode, 2)
        self.assertRegex(run("--version").stdout, r"^kezek \d+\.\d+\.\d+\n$")


class Output(Case):
    def test_what_can_not_be_written_is_a_failure(self):
        """A file on a full disk: an answer that is cut short would pass for a whole one."""
        self.node.contents[fake.QUEUE] = fake.queue(list(range(1, 4000)))
        self.node.entries = {12: fake.entry(fake.record(13, struct.pack("<Q", 5)))}
        for words in [("help",), ("--version",), ("help", "apply"), ("withdraw", "5"), ("withdraw", "5", "-o", "json"),
                      ("endpoint", "status"), ("queue", "1", "2021", "ordinary", "1", "4096"), ("watch", "--from", "12", "--to", "12"),
                      ("load", "-")]:
            with self.subTest(words=words), open("/dev/full", "w") as full:
                done = subprocess.run([KEZEK, *words, "--endpoints", self.node.address], stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, r"(?m)^kezek: cannot write to standard output(: No space left on device)?$")

    def test_the_first_trouble_gives_the_exit_code(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([KEZEK, "position", "5", "--endpoints", nobody(), "--timeout", "300ms"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.node.answers = [applied(12, "duplicate")]
        with open("/dev/full", "w") as full:
            done = subprocess.run([KEZEK, "withdraw", "5", "--endpoints", self.node.address], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 5, done.stderr)


class Entries(Case):
    def test_each_command_sends_its_record(self):
        zeros = bytes(16)
        child = bytes.fromhex(CHILD)
        name = "Балапан".encode()
        for words, kind, fields in [
            (("territory", "set", "1", "--name", "Балапан", "--utc-offset-minutes", "-90"), 1,
             struct.pack("<IiH", 1, -90, len(name)) + name),
            (("policy", "set", "1", "--evening", "19:00", "--morning", "08:30", "--first-priority", "2", "--general", "4",
              "--access-days", "1", "--access-unit", "calendar", "--referral-days", "6", "--stop-list-days", "10",
              "--unused-limit", "0", "--register-closed", "true"), 2,
             struct.pack("<I5iBiiiB", 1, 1140, 510, 2, 4, 1, 1, 6, 10, 0, 1)),
            (("calendar", "set", "2026-12-16", "--working", "false"), 3, struct.pack("<iB", 20803, 0)),
            (("kindergarten", "set", "7", "--territory", "1", "--name", "Балапан", "--open", "true"), 4,
             struct.pack("<IIBH", 7, 1, 1, len(name)) + name),
            (("actor", "set", "9", "--role", "clerk", "--territory", "1"), 5, struct.pack("<IBII", 9, 2, 1, 0) + bytes(32)),
            (("apply", "--territory", "1", "--birth-year", "2021", "--kind", "ordinary", "--category", "general", "--child", CHILD,
              "--secret-hash", "ee" * 32), 6, struct.pack("<IHBB", 1, 2021, 0, 2) + zeros + child + b"\xee" * 32 + bytes(8)),
            (("reclassify", "5", "first_priority", "--evidence", CHILD), 7, struct.pack("<QB", 5, 1) + child),
            (("reclassify", "5", "out_of_turn"), 7, struct.pack("<QB", 5, 0) + zeros),
            (("correct", "5", "2020", "correctional"), 8, struct.pack("<QHB", 5, 2020, 1)),
            (("withdraw", "5"), 9, struct.pack("<Q", 5)),
            (("reinstate", "--application", "5"), 10, struct.pack("<Q", 5)),
            (("claim", "5", "7"), 11, struct.pack("<QI", 5, 7)),
            (("claim", "--application", "5", "7"), 11, struct.pack("<QI", 5, 7)),
            (("decline", "5"), 12, struct.pack("<Q", 5)),
            (("ready", "5"), 13, struct.pack("<Q", 5)),
            (("vacancy", "7", "2021", "ordinary", "3"), 14, struct.pack("<IHBi", 7, 2021, 0, 3)),
            (("retract", "7", "--birth-year", "2021", "--kind", "ordinary", "--places", "3"), 15,
             struct.pack("<IHBi", 7, 2021, 0, 3)),
            (("enrol", "5"), 16, struct.pack("<Q", 5)),
        ]:
            with self.subTest(words=words):
                self.node.submits.clear()
                done = self.kezek(*words, "--actor", "77")
                self.assertEqual(done.stdout, f"ok {self.node.next_index}\n")
                record = self.node.records[0]
                self.assertEqual(record[:12], struct.pack("<BBHq", 1, kind, 0, 0))
                self.assertNotEqual(record[12:28], zeros)
                self.assertEqual(record[28:32], struct.pack("<I", 77))
                self.assertEqual(record[32:], fields)

    def test_applied_at_is_sent_when_given(self):
        self.kezek("apply", "--territory", "1", "--birth-year", "2021", "--kind", "ordinary", "--category", "general", "--child", CHILD,
                   "--applied-at", "1500000000000")
        self.assertEqual(self.node.records[0][2:4], b"\x01\x00")
        self.assertEqual(self.node.records[0][-8:], struct.pack("<q", 1500000000000))

    def test_every_result_has_its_exit_code(self):
        codes = {"ok": 0, "conflict": 5, "duplicate": 5, "not_allowed": 6, "unknown_territory": 4, "unknown_kindergarten": 4,
                 "unknown_application": 4}
        for word in fake.RESULT_WORDS:
            if word == "repeated":
                continue
            for first, suffix in [(applied(12, word), " 12\n"), (result(fake.REPEATED, word, 12), " 12 repeated\n"),
                                  (result(fake.REFUSED, word), "\n")]:
                with self.subTest(word=word, suffix=suffix):
                    self.node.answers = [first]
                    done = self.kezek("withdraw", "5", code=codes.get(word, 1))
                    self.assertEqual(done.stdout, word + suffix)
                    self.assertEqual(done.stderr == "", word == "ok")

    def test_what_is_invalid_is_told_by_the_types_own_ranges(self):
        for words, text in [
            (("actor", "set", "5", "--role", "clerk", "--territory", "1"), "the first actor is an administrator of all territories"),
            (("calendar", "set", "2026-12-16", "--working", "false"), "2000-01-01 to 2199-12-31"),
            (("kindergarten", "set", "7", "--territory", "1", "--name", "", "--open", "true"), "its name 1 to 120 bytes"),
            (("vacancy", "7", "2021", "ordinary", "1001"), "places are 1 to 1000"),
            (("withdraw", "5"), "a value is out of its range"),
        ]:
            self.node.answers = [applied(12, "invalid")]
            self.assertIn(text, self.kezek(*words, code=1).stderr)
        self.node.contents[fake.TERRITORY] = fake.territory()
        self.node.answers = [applied(12, "invalid")]
        self.assertIn("the evening is later in the day than the morning",
                      self.kezek("policy", "set", "1", "--evening", "06:00", code=1).stderr)

    def test_a_request_id_is_sent_as_given(self):
        self.kezek("withdraw", "5", "--request", ID)
        self.assertEqual(self.node.records[0][12:28].hex(), ID)

    def test_json_is_the_ledgers_own_line(self):
        request = bytes.fromhex(ID)
        record = fake.record(11, struct.pack("<QI", 5, 7), request=request, actor=3)
        self.node.entries = {12: fake.entry(record, term=9, word="no_place")}
        for first in (applied(12, "no_place"), result(fake.REPEATED, "no_place", 12)):
            for form in ("json", "jsonl"):
                self.node.answers = [first]
                done = self.kezek("claim", "5", "7", "--request", ID, "-o", form, code=1)
                self.assertEqual(done.stdout, f'{{"index":12,"term":9,"time":{fake.TIME},"request":"{ID}","actor":3,"type":"claim",'
                                              '"application":5,"kindergarten":7,"result":"no_place"}\n')

    def test_json_without_the_ledgers_line_leaves_out_what_is_not_known(self):
        self.node.answers = [applied(12), result(fake.REPEATED, "ok", 12), result(fake.REFUSED, "conflict")]
        rest = f'"request":"{ID}","actor":0,"type":"withdraw","application":5,"result":'
        for code, line in [(0, f'{{"index":12,"time":{fake.TIME},{rest}"ok"}}\n'), (0, f'{{"index":12,{rest}"ok"}}\n'),
                           (5, f'{{{rest}"conflict"}}\n')]:
            self.assertEqual(self.kezek("withdraw", "5", "--request", ID, "-o", "json", code=code).stdout, line)


class Receipts(Case):
    APPLY = ("apply", "--territory", "1", "--birth-year", "2021", "--kind", "ordinary", "--category", "general", "--child", CHILD)

    def secret_hash(self) -> str:
        return self.node.records[0][72:104].hex()

    def check_secret(self, text: str):
        secret = re.search(r"secret (?:is )?([0-9a-f]{32})", text)[1]
        self.assertEqual(hashlib.sha256(bytes.fromhex(secret)).hexdigest(), self.secret_hash())

    def test_the_secret_is_shown_with_the_applications_number(self):
        done = self.kezek(*self.APPLY)
        self.assertIn(f"receipt: application {self.node.next_index}, ", done.stderr)
        self.check_secret(done.stderr)

    def test_the_secret_is_shown_when_the_answer_comes_as_a_repeat(self):
        """The first answer was lost with its connection, so the second one is a repeat's."""
        self.node.drops = 1
        self.node.answers = [result(fake.REPEATED, "ok", 55)]
        done = self.kezek(*self.APPLY)
        self.assertEqual(done.stdout, "ok 55 repeated\n")
        self.assertIn("receipt: application 55, ", done.stderr)
        self.check_secret(done.stderr)

    def test_the_secret_is_shown_when_the_outcome_is_not_known(self):
        self.node.silent = True
        done = self.kezek(*self.APPLY, "--timeout", "300ms", code=3)
        self.assertIn(f"kezek request {self.node.records[0][12:28].hex()}", done.stderr)
        self.check_secret(done.stderr)

    def test_no_secret_is_shown_for_what_was_refused_or_given(self):
        self.node.answers = [applied(12, "duplicate")]
        self.assertNotIn("secret", self.kezek(*self.APPLY, code=5).stderr)
        self.assertEqual(self.kezek(*self.APPLY, "--secret-hash", "ee" * 32).stderr, "")

    def test_every_secret_is_another(self):
        self.kezek(*self.APPLY)
        self.kezek(*self.APPLY)
        self.assertNotEqual(self.node.records[0][72:104], self.node.records[1][72:104])


class Nodes(Case):
    def test_without_a_node_it_is_unavailable(self):
        done = run("withdraw", "5", "--timeout", "300ms", endpoints=nobody())
        self.assertEqual(done.returncode, 3)
        self.assertIn("refused", done.stderr)
        self.assertEqual(run("show", "5", "--timeout", "300ms", endpoints=nobody()).returncode, 3)

    def test_a_cluster_without_a_leader_is_told_from_one_that_is_not_there(self):
        """The last node that was tried is down; that the other one is there and knows no leader says more."""
        self.node.leader = 0
        for words in [("withdraw", "5"), ("leader", "move", "2")]:
            with self.subTest(words=words):
                down = nobody()
                done = run(*words, "--timeout", "1700ms", endpoints=f"{self.node.address},{down}")
                self.assertEqual(done.returncode, 3)
                self.assertIn(f"{self.node.address} knows no leader, {down}: Connection refused", done.stderr)
        self.node.leader = 1
        self.kezek("withdraw", "5")

    def test_an_answer_that_does_not_come_is_unknown(self):
        self.node.silent = True
        done = self.kezek("withdraw", "5", "--timeout", "300ms", code=3)
        self.assertIn(f"kezek request {self.node.records[0][12:28].hex()}", done.stderr)

    def test_a_clock_that_is_not_trusted_is_unavailable_and_said(self):
        self.node.answers = [result(fake.UNAVAILABLE, reason=2) for _ in range(100)]
        self.assertIn("agrees on the time", self.kezek("withdraw", "5", "--timeout", "300ms", code=3).stderr)

    def test_a_spent_budget_is_unavailable_and_said(self):
        self.node.answers = [result(fake.BUSY, reason=6, retry_ms=60000)]
        self.assertIn("come back in 60000 ms", self.kezek("withdraw", "5", code=3).stderr)

    def test_a_lost_connection_sends_the_same_record_again(self):
        self.node.drops = 2
        self.kezek("withdraw", "5")
        first, second, third = self.node.submits
        self.assertEqual(first, second)
        self.assertEqual(first, third)

    def test_the_leader_is_followed(self):
        with FakeNode(2) as leader:
            self.node.leader, self.node.leader_address = 2, leader.address
            self.kezek("withdraw", "5")
            self.assertEqual(self.node.submits, [])
            self.assertEqual(len(leader.records), 1)

    def test_a_dead_endpoint_gives_way(self):
        done = run("withdraw", "5", endpoints=f"{nobody()},{self.node.address}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_local_asks_any_node_and_says_so(self):
        self.node.leader, self.node.leader_address = 2, nobody()
        self.node.contents[fake.APPLICATION] = fake.application()
        self.kezek("show", "12", "--local", "-o", "json")
        self.assertEqual(self.node.queries[0][:2], (fake.APPLICATION, True))

    def test_what_speaks_another_protocol_is_said(self):
        self.node.greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
        self.assertIn("over the bound", self.kezek("show", "5", "--timeout", "300ms", code=3).stderr)


class Questions(Case):
    def test_show(self):
        self.node.contents[fake.APPLICATION] = fake.application(last_day=20803)
        self.node.contents[fake.TERRITORY] = fake.territory()
        values = dict(line.split(None, 1) for line in self.kezek("show", "12", "-o", "table").stdout.splitlines())
        self.assertEqual(values["position"], "7")
        self.assertEqual(values["state"], "waiting")
        self.assertEqual(values["applied_at"], "2026-12-01T10:00:00+05:00")
        self.assertEqual(values["last_day"], "2026-12-16")
        self.assertEqual(values["kindergarten"], "-")
        row = json.loads(self.kezek("show", "12", "-o", "json").stdout)
        self.assertEqual(row["applied_at"], fake.TIME)
        self.assertEqual(row["child"], "c1" * 16)
        self.assertIsNone(row["kindergarten"])
        self.assertEqual(row["as_of"], fake.AS_OF)

    def test_times_without_a_territory_and_before_1970(self):
        self.node.contents[fake.APPLICATION] = fake.application()
        self.assertIn("2026-12-01T05:00:00Z", self.kezek("show", "12").stdout)
        self.node.contents[fake.APPLICATION] = fake.application(applied_at=-1000)
        self.node.contents[fake.TERRITORY] = fake.territory(offset=-570)
        self.assertIn("1969-12-31T14:29:59-09:30", self.kezek("show", "12").stdout)

    def test_what_there_is_not_is_not_found(self):
        for words in [("show", "5"), ("queue", "9", "2021", "ordinary"), ("bulletins", "9"), ("places", "9"), ("request", ID),
                      ("territory", "show", "9")]:
            with self.subTest(words=words):
                done = self.kezek(*words, code=4)
                self.assertIn("there is no ", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_positions(self):
        self.node.contents[fake.POSITIONS] = struct.pack("<IB", 3, 0) + struct.pack("<IB", 0, 1)
        done = self.kezek("position", "12", "13")
        self.assertEqual(done.stdout, f"12 3 waiting {fake.AS_OF}\n13 0 called {fake.AS_OF}\n")
        self.node.contents[fake.POSITIONS] = struct.pack("<IB", 3, 0)
        self.assertEqual(json.loads(self.kezek("position", "--application", "12", "-o", "json").stdout),
                         {"application": 12, "position": 3, "state": "waiting", "as_of": fake.AS_OF})
        self.node.contents[fake.POSITIONS] = struct.pack("<IB", 0, 255)
        self.assertEqual(self.kezek("position", "12", code=4).stdout, f"12 0 - {fake.AS_OF}\n")

    def test_queue(self):
        self.node.contents[fake.QUEUE] = fake.queue([50, 60])
        self.assertEqual(self.kezek("queue", "1", "2021", "ordinary", "3", "2").stdout, "3 50\n4 60\n")
        self.assertEqual(self.node.queries[0][2], struct.pack("<IHBBII", 1, 2021, 0, 0, 3, 2))
        table = self.kezek("queue", "1", "2021", "ordinary", "--first", "3", "-o", "table").stdout.splitlines()
        self.assertTrue(table[0].startswith("waiting: 1 owed, 2 out of turn, 3 first priority, 4 general"))
        self.assertEqual(table[1:], ["position  application", "3         50", "4         60"])
        row = json.loads(self.kezek("queue", "1", "2021", "correctional", "-o", "json").stdout)
        self.assertEqual(row["general"], 4)
        self.assertEqual(row["applications"], [{"position": 1, "application": 50}, {"position": 2, "application": 60}])
        lines = self.kezek("queue", "1", "2021", "ordinary", "-o", "jsonl").stdout.splitlines()
        self.assertEqual([json.loads(line)["application"] for line in lines], [50, 60])

    def test_bulletins_and_places(self):
        self.node.contents[fake.BULLETINS] = fake.counted(fake.bulletin(8, True, 20803), fake.bulletin(9, False, 0))
        self.assertEqual(self.kezek("bulletins", "1").stdout,
                         "8 2021 ordinary priority 2026-12-16 5 6 7\n9 2021 ordinary published - 5 6 7\n")
        self.node.contents[fake.PLACES] = fake.counted(fake.places(7, True, 0, 1), fake.places(7, False, 0, 2), fake.places(7, False, 9, 3))
        self.assertEqual(self.kezek("places", "--territory", "1").stdout,
                         "7 2021 correctional reported - 1\n7 2021 correctional open - 2\n7 2021 correctional bulletin 9 3\n")
        self.node.contents[fake.PLACES] = fake.counted()
        self.assertEqual(self.kezek("places", "1", "-o", "json").stdout, "[]\n")

    def test_request(self):
        self.node.contents[fake.REQUEST] = struct.pack("<QB", 12, 9)
        self.assertEqual(self.kezek("request", ID).stdout, "duplicate 12\n")
        self.assertEqual(self.node.queries[0][2].hex(), ID)

    def test_territory_show_prints_no_control_characters(self):
        self.node.contents[fake.TERRITORY] = fake.territory("Қала\x1b[2J\x9b1m")
        table = self.kezek("territory", "show", "1", "-o", "table").stdout
        self.assertIn("name                Қала?[2J?1m\n", table)
        self.assertIn("evening             18:00\n", table)
        row = json.loads(self.kezek("territory", "show", "1", "-o", "json").stdout)
        self.assertEqual(row["name"], "Қала\x1b[2J\x9b1m")
        self.assertEqual((row["utc_offset_minutes"], row["register_closed"]), (300, False))

    def test_setting_keeps_what_is_not_given(self):
        self.node.contents[fake.TERRITORY] = fake.territory()
        self.kezek("policy", "set", "1", "--access-days", "1", "--access-unit", "calendar")
        self.assertEqual(self.node.records[0][32:], struct.pack("<I5iBiiiB", 1, 1080, 420, 1, 3, 1, 1, 5, 0, 3, 0))
        self.kezek("territory", "set", "1", "--utc-offset-minutes", "360")
        name = "Қостанай".encode()
        self.assertEqual(self.node.records[1][32:], struct.pack("<IiH", 1, 360, len(name)) + name)

    def test_setting_a_policy_of_no_territory_is_not_found(self):
        self.assertIn("unknown_territory", self.kezek("policy", "set", "1", "--access-days", "1", code=4).stderr)
        self.assertIn("utc_offset_minutes", self.kezek("territory", "set", "1", "--name", "x", code=2).stderr)
        self.assertEqual(self.node.submits, [])

    def test_tables_align_by_characters(self):
        """The first endpoint is a name of Kazakh letters that no resolver looks up."""
        done = run("endpoint", "status", "-o", "table", "--timeout", "300ms", endpoints=f"қаланыңүлкентүйіні..кз:1,{self.node.address}")
        header, first, second = done.stdout.splitlines()
        self.assertEqual(header.split()[:5], ["endpoint", "node", "role", "term", "leader"])
        self.assertEqual((first.index("unreachable"), second.index("leader")), (header.index("role"), header.index("role")))


class Endpoints(Case):
    def test_each_is_asked_by_itself(self):
        with FakeNode(2) as follower:
            follower.leader, follower.leader_address = 1, self.node.address
            follower.contents[fake.STATUS] = fake.status(node=2, role=0)
            both = f"{follower.address},{self.node.address}"
            rows = json.loads(run("endpoint", "status", "-o", "json", endpoints=both).stdout)
            self.assertEqual([(row["endpoint"], row["node"], row["role"]) for row in rows],
                             [(follower.address, 2, "follower"), (self.node.address, 1, "leader")])
            self.assertEqual(rows[0]["applied_index"], 42)
            self.assertEqual(rows[0]["digest"], "d1" * 16)
            self.assertEqual([query[:2] for query in follower.queries], [(fake.STATUS, True)])
            done = run("endpoint", "health", "-o", "json", endpoints=both)
            self.assertEqual([row["healthy"] for row in json.loads(done.stdout)], [True, True])
            self.assertEqual(follower.queries[-1][:2], (fake.STATUS, False))

    def test_one_that_does_not_answer_is_told_and_ends_with_3(self):
        dead = nobody()
        for words in (("endpoint", "health"), ("endpoint", "status")):
            done = run(*words, "-o", "json", "--timeout", "300ms", endpoints=f"{dead},{self.node.address}")
            self.assertEqual(done.returncode, 3)
            rows = json.loads(done.stdout)
            self.assertEqual([row["endpoint"] for row in rows], [dead, self.node.address])
            if words[1] == "status":
                self.assertEqual((rows[0]["role"], rows[0]["node"]), ("unreachable", None))
            else:
                self.assertIn("refused", rows[0]["trouble"])


class Members(Case):
    ADDITION = ("member", "add", "4=127.0.0.1:7004", "--client", "127.0.0.1:7104")
    ADDED = (fake.ADD, 0, 4, b"127.0.0.1:7004", b"127.0.0.1:7104")

    def has(self, *items: bytes, **options):
        self.node.contents[fake.MEMBERS] = fake.members(*items, **options)

    def test_the_list_tells_roles_links_and_progress(self):
        self.has(fake.member(1), fake.member(2, connected=False, match=30), fake.member(4, standby=True, match=7))
        rows = json.loads(self.kezek("member", "list", "-o", "json").stdout)
        self.assertEqual(rows[0], {"id": 1, "role": "voter", "leader": True, "connected": True, "match": 40, "behind": 0,
                                   "peer": "127.0.0.1:7001", "client": "127.0.0.1:7101"})
        self.assertEqual([(row["role"], row["connected"], row["behind"]) for row in rows[1:]],
                         [("voter", False, 10), ("standby", True, 33)])
        self.has(fake.member(1), leader=2)
        row = json.loads(self.kezek("member", "list", "--local", "-o", "json").stdout)[0]
        self.assertEqual((row["match"], row["behind"]), (None, None))
        self.assertEqual(self.node.queries[-1][:2], (fake.MEMBERS, True))

    def test_one_change_each(self):
        for words, sent, printed in [
            (self.ADDITION, self.ADDED, "4 standby 101"),
            ((*self.ADDITION, "--actor", "7"), (fake.ADD, 7, *self.ADDED[2:]), "4 standby 101"),
            (("member", "promote", "4"), (fake.PROMOTE, 0, 4, b"", b""), "4 voter 101"),
            (("member", "remove", "2", "--actor", "9"), (fake.REMOVE, 9, 2, b"", b""), "2 removed 101"),
            (("leader", "move", "1"), (fake.LEADER, 0, 1, b"", b""), "1"),
        ]:
            with self.subTest(words=words):
                self.node.changes.clear()
                self.node.next_index = 100
                self.assertEqual(self.kezek(*words).stdout, printed + "\n")
                self.assertEqual(self.node.changes, [sent])
        self.assertEqual(json.loads(self.kezek("member", "promote", "4", "-o", "json").stdout),
                         {"node": 4, "role": "voter", "index": 102})

    def test_adding_one_that_is_a_member_tells_the_role_that_it_has(self):
        self.has(fake.member(1), fake.member(4, standby=True))
        self.assertEqual(self.kezek(*self.ADDITION).stdout, "4 standby 101\n")
        self.has(fake.member(1), fake.member(4))
        self.assertEqual(self.kezek(*self.ADDITION).stdout, "4 voter 102\n")

    def test_how_a_change_that_does_not_hold_ends(self):
        for told, code, text in [
            (fake.changed(fake.REFUSED, reason=11, sentence="node 1 is the only voter"), 1, "node 1 is the only voter"),
            (fake.changed(fake.REFUSED, reason=12), 4, "the cluster has no member 4"),
            (fake.changed(fake.REFUSED, word="not_allowed"), 6, "not_allowed: this actor is no operator"),
            (fake.changed(fake.UNAVAILABLE, reason=14, sentence="node 4 has 3 of 9 entries"), 3, "node 4 has 3 of 9 entries"),
            (fake.changed(fake.UNAVAILABLE, reason=13), 3, "another change of the members is in progress"),
        ]:
            with self.subTest(text=text):
                self.node.changed = [told] * 100
                done = self.kezek("member", "promote", "4", "--timeout", "300ms", code=code)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_what_may_hold_later_is_asked_again(self):
        self.node.changed = [fake.changed(fake.NOT_LEADER), fake.changed(fake.UNAVAILABLE, reason=13), fake.changed(fake.UNKNOWN)]
        self.kezek(*self.ADDITION)
        self.assertEqual(self.node.changes, [self.ADDED] * 4)

    def test_leadership_moves_to_the_best_that_is_connected(self):
        self.has(fake.member(1), fake.member(2, match=30), fake.member(3, match=39), fake.member(5, connected=False),
                 fake.member(6, standby=True))
        self.kezek("leader", "move")
        self.assertEqual(self.node.changes, [(fake.LEADER, 0, 3, b"", b"")])
        self.has(fake.member(1), fake.member(2, connected=False))
        self.assertIn("no other voter", self.kezek("leader", "move", code=1).stderr)

    def test_a_lost_node_goes_before_its_successor_comes(self):
        self.has(fake.member(1), fake.member(2, connected=False), fake.member(4, standby=True))
        done = self.kezek(*self.ADDITION, "--replaces", "2", "-o", "json")
        self.assertEqual([change[0:3:2] for change in self.node.changes], [(fake.REMOVE, 2), (fake.ADD, 4), (fake.PROMOTE, 4)])
        self.assertEqual(json.loads(done.stdout), {"node": 4, "role": "voter", "index": 103})
        self.assertEqual(done.stderr.splitlines(), ["node 2 is removed (entry 101)", "node 4 is a member (entry 102)",
                                                    "node 4 has 40 of 40 entries", "node 4 votes (entry 103)"])

    def test_a_node_that_lives_goes_after_its_successor_came(self):
        self.has(fake.member(1), fake.member(2), fake.member(4, standby=True))
        self.kezek(*self.ADDITION, "--replaces", "2")
        self.assertEqual([change[0:3:2] for change in self.node.changes], [(fake.ADD, 4), (fake.PROMOTE, 4), (fake.REMOVE, 2)])

    def test_a_replacement_goes_on_where_it_stopped(self):
        self.has(fake.member(1), fake.member(4))  # all but the answer of the last time
        done = self.kezek(*self.ADDITION, "--replaces", "2")
        self.assertEqual([change[0:3:2] for change in self.node.changes], [(fake.ADD, 4), (fake.PROMOTE, 4)])
        self.assertIn("node 2 is no member any more", done.stderr)

    def test_a_successor_without_the_ledger_is_not_promoted(self):
        self.has(fake.member(1), fake.member(2), fake.member(4, standby=True, connected=False, match=0))
        done = self.kezek(*self.ADDITION, "--replaces", "2", "--timeout", "1", code=3)
        self.assertIn("start kezekd with --id 4 --join --peer 127.0.0.1:7004 --client 127.0.0.1:7104", done.stderr)
        self.has(fake.member(1), fake.member(2), fake.member(4, standby=True, match=5000), last=100000)
        self.assertIn("gets no further", self.kezek(*self.ADDITION, "--replaces", "2", "--timeout", "1", code=3).stderr)
        self.assertEqual({change[0] for change in self.node.changes}, {fake.ADD})

    def test_a_refused_step_ends_a_replacement(self):
        self.has(fake.member(1), fake.member(2, connected=False), fake.member(4, standby=True))
        self.node.changed = [fake.changed(fake.REFUSED, word="not_allowed")]
        self.kezek(*self.ADDITION, "--replaces", "2", code=6)
        self.assertEqual(len(self.node.changes), 1)


if __name__ == "__main__":
    unittest.main()
