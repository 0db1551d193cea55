#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How kezekd starts, and refuses to: every wrong flag, file and directory has its sentence and exit code."""
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import unittest

import cluster

KEZEKD = os.environ["KEZEKD"]
OTHER_ID = "ff" * 16


def run(*flags: str, environment: dict | None = None) -> tuple[int, str, str]:
    done = subprocess.run([KEZEKD, *flags], capture_output=True, text=True, timeout=20,
                          env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


class Flags(unittest.TestCase):
    def flags(self, **changes: str | None) -> list[str]:
        values = {"id": "1", "data": "/nowhere/at/all", "client": "127.0.0.1:1", "peer": "127.0.0.1:2",
                  "admin": "127.0.0.1:3", "cluster-id": cluster.CLUSTER_ID, "cluster": "1=127.0.0.1:2"}
        values.update({name.replace("_", "-"): value for name, value in changes.items()})
        return [part for name, value in values.items() if value is not None for part in (f"--{name}", value)]

    def test_help_names_every_flag_and_ends_with_0(self):
        code, text, _ = run("--help")
        self.assertEqual(code, 0)
        for name in ("id", "data", "client", "peer", "admin", "cluster-id", "cluster", "config", "check-config",
                     "join", "demo-clock", "accept-time", "election-timeout", "heartbeat", "map-size"):
            self.assertIn(f"--{name} ", text)
        self.assertEqual(run("--version")[0], 0)

    def test_right_flags_are_right(self):
        self.assertEqual(run(*self.flags(), "--check-config"), (0, "kezekd: the options are right\n", ""))
        self.assertEqual(run(*self.flags(cluster=None), "--join", "--check-config")[0], 0)

    def test_a_flag_without_its_value_is_told(self):
        self.assertEqual(run("--id"), (2, "", "kezekd: --id: the value is missing (N)\n"))

    def test_wrong_flags_end_with_2_and_say_what_is_allowed(self):
        table = [
            (["--nonsense"], "--nonsense: is no flag; allowed are those of kezekd --help"),
            (["nonsense"], "nonsense: is no flag"),
            (["--help=1"], "--help: takes no value"),
            (["--id", "1", "--id", "2"], "--id: is given twice"),
            (self.flags(id="0"), '--id: "0" is not allowed; allowed: a whole number of at least 1'),
            (self.flags(id="x"), '--id: "x" is not allowed'),
            (self.flags(data=None), "data: is missing"),
            (self.flags(client=None), "client: is missing"),
            (self.flags(peer="localhost"), '--peer: "localhost" is no address; allowed: a numeric HOST:PORT'),
            (self.flags(admin="127.0.0.1:0"), "is no address"),
            (self.flags(admin="127.0.0.1:65536"), "is no address"),
            (self.flags(client="example.org:80"), "is no address"),
            (self.flags(client="0.0.0.0:80"), "client: 0.0.0.0:80 is no loopback address: until connections are"),
            (self.flags(admin="[2001:db8::1]:80"), "admin: [2001:db8::1]:80 is no loopback address"),
            (self.flags(cluster="1=127.0.0.1:2,2=10.0.0.1:5"), "cluster: 10.0.0.1:5 is no loopback address"),
            (self.flags(cluster="2=127.0.0.1:2"), "cluster: has no node 1"),
            (self.flags(cluster="1=127.0.0.1:9"), "--peer that it is at 127.0.0.1:2"),
            (self.flags(cluster="1=127.0.0.1:2,1=127.0.0.1:4"), "node 1 is given twice"),
            (self.flags(cluster="1=127.0.0.1:2,2=127.0.0.1:2"), "have the same address"),
            (self.flags(cluster="1:127.0.0.1:2"), "is no node; allowed: NUMBER=HOST:PORT"),
            (self.flags(client="127.0.0.1:2"), "peer: 127.0.0.1:2 is --client's too; allowed: an address of its own"),
            (self.flags(admin="localhost:1"), "admin: localhost:1 is --client's too"),
            (self.flags(admin="127.0.0.1:2"), "admin: 127.0.0.1:2 is --peer's too"),
            (self.flags(cluster="1=127.0.0.1:2,2=127.0.0.1:3"), "cluster: 127.0.0.1:3, of node 2, is --admin's too"),
            (self.flags(cluster="1=127.0.0.1:2,2=127.0.0.1:1"), "cluster: 127.0.0.1:1, of node 2, is --client's too"),
            ([*self.flags(), "--join"], "join: --cluster is for the nodes that found a cluster together"),
            (self.flags(cluster_id="00" * 16), "allowed: 32 hexadecimal digits, not all zero"),
            (self.flags(cluster_id="ab"), "allowed: 32 hexadecimal digits"),
            (self.flags(election_timeout="49"), "allowed: 50 to 60000 milliseconds"),
            (self.flags(heartbeat="200"), "heartbeat: 200 ms is more than half of the election timeout of 300 ms"),
            (self.flags(map_size="1X"), "allowed: 1M to 64T"),
            (self.flags(demo_clock="now,1,now"), "allowed: INSTANT,RATE,ANCHOR"),
            (self.flags(accept_time="tomorrow"), "allowed: an instant such as"),
            (self.flags(config="/nowhere/kezekd.ini"), "config: can not open /nowhere/kezekd.ini"),
            (self.flags(config="/"), "config: can not read /: Is a directory"),
        ]
        for flags, sentence in table:
            with self.subTest(sentence):
                code, _, said = run(*flags, "--check-config")
                self.assertEqual(code, 2, said)
                self.assertIn(sentence, said)
                self.assertTrue(said.startswith("kezekd: ") and said.endswith("\n") and said.count("\n") == 1)


class Config(unittest.TestCase):
    RIGHT = ["id = 1", "data = /nowhere", "client = 127.0.0.1:1", "peer = 127.0.0.1:2", "admin = 127.0.0.1:3",
             f"cluster-id = {cluster.CLUSTER_ID}"]
    SECTION = ["[cluster]", "1 = 127.0.0.1:2", "2 = 127.0.0.1:5"]

    def check(self, lines: list[str], *flags: str) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "kezekd.ini"
            path.write_text("\n".join(lines) + "\n")
            code, _, said = run("--check-config", "--config", str(path), *flags)
            return code, said.replace(str(path), "FILE")

    def test_right_files_are_right(self):
        self.assertEqual(self.check(self.RIGHT + self.SECTION), (0, ""))
        self.assertEqual(self.check(["# words", ""] + self.RIGHT + ["cluster = 1=127.0.0.1:2"]), (0, ""))

    def test_a_flag_wins_over_the_file(self):
        self.assertEqual(self.check(["heartbeat = 300"] + self.RIGHT, "--heartbeat", "20"), (0, ""))
        self.assertEqual(self.check(self.RIGHT + self.SECTION, "--cluster", "1=127.0.0.1:2"), (0, ""))

    def test_a_flag_that_is_wrong_beside_the_file_names_no_line(self):
        code, said = self.check(self.RIGHT, "--admin", "127.0.0.1:2")
        self.assertEqual((code, said), (2, "kezekd: admin: 127.0.0.1:2 is --peer's too; allowed: an address of its own\n"))
        self.assertIn("kezekd: heartbeat: 200 ms", self.check(self.RIGHT, "--heartbeat", "200")[1])

    def test_wrong_files_name_the_line(self):
        table = [
            (["# words", "idd = 1"], "FILE:2: idd: is no key; allowed are those of kezekd --help"),
            (["id = one"], 'FILE:1: id: "one" is not allowed; allowed: a whole number of at least 1'),
            (["id = 1", "id = 2"], "FILE:2: id: is given twice"),
            (["id"], "FILE:1: is neither key = value, [section] nor a comment"),
            (["", "peer = here"], 'FILE:2: peer: "here" is no address; allowed'),
            (["config = other"], "FILE:1: config: is no key"),
            (["check-config = 1"], "FILE:1: check-config: is no key"),
            (["[peers]", "1 = 127.0.0.1:1"], "FILE:2: [peers]: is no section; allowed: [cluster]"),
            (["[cluster]", "one = 127.0.0.1:1"], "FILE:2: one: is no node's number"),
            (["[cluster]", "1 = 127.0.0.1"], 'FILE:2: 1: "127.0.0.1" is no address'),
            (["id = 1", "data = /" + "d" * 250], "FILE:2: the line is too long; allowed: 198 bytes"),
            (self.RIGHT + ["cluster = 1=127.0.0.1:2"] + self.SECTION, "FILE: cluster: is given twice"),
            (self.RIGHT + ["election-timeout = 60001"], "FILE:7: election-timeout"),
            (["join = true"], "FILE:1: join: is no key; it is a flag alone, --join"),
            (["admin = 0.0.0.0:3"] + self.RIGHT[:4], "FILE:1: admin: 0.0.0.0:3 is no loopback address"),
            (self.RIGHT[:4] + ["admin = 127.0.0.1:2"], "FILE:5: admin: 127.0.0.1:2 is --peer's too"),
            (self.RIGHT + ["heartbeat = 200"], "FILE:7: heartbeat: 200 ms is more than half"),
            (self.RIGHT + ["cluster = 2=127.0.0.1:2"], "FILE:7: cluster: has no node 1"),
            (self.RIGHT + ["[cluster]", "1 = 127.0.0.1:2", "2 = 10.0.0.1:2"], "FILE:8: cluster: 10.0.0.1:2 is no loopback address"),
            (self.RIGHT + ["[cluster]", "2 = 127.0.0.1:9"], "FILE:8: cluster: has no node 1"),
        ]
        for lines, sentence in table:
            with self.subTest(sentence):
                code, said = self.check(lines)
                self.assertEqual(code, 2)
                self.assertIn(sentence, said)


class Directories(unittest.TestCase):
    def setUp(self):
        self.nodes = self.enterContext(cluster.Cluster(1))
        self.node = self.nodes[1]

    def refused(self, *changes: str, code: int = 1) -> str:
        """Starts the node with flags changed. Returns: what it said as it ended."""
        flags = self.node.arguments()[1:]
        for name, value in zip(changes[::2], changes[1::2]):
            place = flags.index(name)
            flags[place:place + 2] = [] if value == "" else [name, value]
        ended, _, said = run(*flags)
        self.assertEqual(ended, code, said)
        return said

    def test_a_port_that_is_in_use(self):
        for flag in ("--client", "--peer", "--admin"):
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                address = f"127.0.0.1:{taken.getsockname()[1]}"
                more = ["--cluster", f"1={address}"] if flag == "--peer" else []
                self.assertIn(f"{address} is in use: another process listens there", self.refused(flag, address, *more))

    def test_a_directory_that_another_process_holds(self):
        self.node.start().wait_live()
        said = self.refused()
        self.assertIn(str(self.node.process.pid), said)

    def test_a_first_start_without_what_it_needs(self):
        self.assertIn("needs --id and --cluster-id", self.refused("--id", "", "--cluster", "", code=2))
        self.assertIn("needs --id and --cluster-id", self.refused("--cluster-id", "", code=2))
        self.assertFalse((self.node.directory / "identity").exists())

    def test_the_directory_of_another_cluster_or_node(self):
        self.node.start().wait_live()
        self.node.stop()
        said = self.refused("--cluster-id", OTHER_ID)
        self.assertIn(f"holds a ledger of the cluster {cluster.CLUSTER_ID}, and --cluster-id says {OTHER_ID}", said)

    def test_a_first_start_whose_cluster_does_not_fit(self):
        self.assertIn("cluster: has no node 1, which --id says we are", self.refused("--cluster", "2=127.0.0.1:9", code=2))
        self.assertFalse((self.node.directory / "identity").exists())

    def test_a_directory_that_can_not_be_made(self):
        self.node.directory.write_text("a file")
        self.refused()

    def test_a_directory_that_is_no_ledger(self):
        ledger = self.node.directory / "ledger"
        ledger.mkdir(parents=True)
        (ledger / "data.mdb").write_bytes(b"no ledger " * 4096)
        self.assertIn("kezekd: ", self.refused())

    def test_a_damaged_identity(self):
        self.node.start().wait_live()
        self.node.stop()
        identity = self.node.directory / "identity"
        data = bytearray(identity.read_bytes())
        data[40] ^= 1
        identity.write_bytes(data)
        self.node.start().wait_live()  # the other copy is whole
        self.node.stop()
        data = bytearray(identity.read_bytes())
        data[40] ^= 1
        data[4096 + 40] ^= 1
        identity.write_bytes(data)
        self.assertIn("identity", self.refused())


class Descriptors(unittest.TestCase):
    def run_with(self, count: int) -> cluster.Node:
        """A node that may open COUNT files, once it serves or has ended."""
        node = self.enterContext(cluster.Cluster(1))[1]
        node.prefix = ["prlimit", f"--nofile={count}:{count}"]
        node.start()
        cluster.wait_for(lambda: not node.is_running() or "info ready" in node.log(), what="a start or an end")
        return node

    def test_with_too_few_it_does_not_start_and_says_so(self):
        for count in (*range(4, 33), 257):
            with self.subTest(count):
                node = self.run_with(count)
                self.assertEqual(node.wait_exit(), 1)
                self.assertRegex(node.log(), "oo many open files|may open [0-9]+ files.* raise LimitNOFILE")
                self.assertFalse((node.directory / "suspect").exists())

    def test_with_enough_for_some_clients_it_lets_those_in(self):
        node = self.run_with(258)
        self.assertIn("few_descriptors limit=258 wanted=11280 connections=1 ", node.log())
        self.assertEqual(node.stop(), 0)


class Streams(unittest.TestCase):
    def test_a_line_is_never_written_into_the_ledger(self):
        """A closed stream's number goes to the file that is opened next; a line for it went there too."""
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed), cluster.Cluster(1) as nodes:
                node = nodes[1]
                node.prefix = ["sh", "-c", f'exec "$@" {closed}', "sh"]
                node.start().wait_ready()
                for stream in range(3):
                    place = os.readlink(f"/proc/{node.process.pid}/fd/{stream}")
                    self.assertNotIn(str(node.directory) + "/", place)
                self.assertEqual(node.stop(), 0)


class Signals(unittest.TestCase):
    def setUp(self):
        self.nodes = self.enterContext(cluster.Cluster(1))

    def test_systemd_hears_ready_and_stopping(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            path = str(self.nodes.directory / "notify")
            listener.bind(path)
            listener.settimeout(10)
            os.environ["NOTIFY_SOCKET"] = path
            try:
                self.nodes[1].start()
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(listener.recv(100), b"READY=1")
            self.assertEqual(self.nodes[1].stop(), 0)
            self.assertEqual(listener.recv(100), b"STOPPING=1")

    def test_sigint_stops_like_sigterm_and_a_restart_works(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            node = self.nodes[1].start().wait_ready()
            self.assertEqual(node.end(number), 0)

    def test_a_parent_that_ignores_its_childrens_ends_leaves_the_node_its_own(self):
        self.nodes[1].prefix = ["env", "--ignore-signal=CHLD"]
        self.assertEqual(self.nodes[1].start().wait_ready().stop(), 0)

    def test_sighup_ends_no_node(self):
        """A script that has certificates read again, or a terminal that is closed: there is nothing to read yet."""
        node = self.nodes[1].start().wait_ready()
        node.process.send_signal(signal.SIGHUP)
        cluster.wait_for(lambda: "reload signal=HUP certificates=0" in node.log() or not node.is_running(), 10, "a line of the journal")
        self.assertTrue(node.is_running())
        self.assertEqual(node.stop(), 0)

    def test_the_journal_has_a_time_a_level_and_an_event(self):
        self.nodes[1].start().wait_ready().stop()
        for line in self.nodes[1].log().splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info|warning|error) [a-z_]+( |$)")


if __name__ == "__main__":
    unittest.main()
