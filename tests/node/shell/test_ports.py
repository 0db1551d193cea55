#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The client and peer ports of a shell whose core only echoes (fake_core.c): order, bounds, bad input, the disk."""
import concurrent.futures
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import unittest

import cluster

ECHO, WRITE, LOAD, FLOOD, HALT, CLOSE, VOTE, BURST, SPIN = range(100, 109)
CLIENT_MAX, PEER_MAX = 64 * 1024, 1024 * 1024
SANITIZED = any(name in os.environ["KEZEKD"] for name in ("asan", "tsan"))


def with_bad_checksum(frame: bytes) -> bytes:
    return frame[:16] + bytes([frame[16] ^ 1]) + frame[17:]


class OneNode(unittest.TestCase):
    FLAGS: tuple[str, ...] = ()

    def setUp(self):
        self.cluster = self.enterContext(cluster.Cluster(1, *self.FLAGS))
        self.node = self.cluster[1].start().wait_ready()

    def connect(self, **options) -> cluster.Connection:
        return self.enterContext(self.node.connect(**options))

    def echoes(self, connection: cluster.Connection, body: bytes = b"still here"):
        connection.send(ECHO, 5, body)
        self.assertEqual(connection.receive(), (ECHO, 5, body))


class Frames(OneNode):
    def test_frames_of_every_size_come_back_in_order(self):
        connection = self.connect()
        sizes = [0, 1, 2, 1000, 60000, CLIENT_MAX - cluster.HEADER_SIZE]
        for tag, size in enumerate(sizes * 20):
            body = os.urandom(1) * size
            connection.send(ECHO, tag, body)
            self.assertEqual(connection.receive(), (ECHO, tag, body))

    def test_frames_cut_anywhere_are_put_together(self):
        connection = self.connect()
        chance = random.Random(7)
        bodies = [chance.randbytes(chance.choice([0, 3, 500, 65000])) for _ in range(60)]
        stream = b"".join(cluster.seal(ECHO, i, body) for i, body in enumerate(bodies))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answers = pool.submit(lambda: [connection.receive() for _ in bodies])
            while stream:
                cut = chance.choice([1, 7, 24, 4000, 70000])
                connection.send_raw(stream[:cut])
                stream = stream[cut:]
            self.assertEqual(answers.result(), [(ECHO, i, body) for i, body in enumerate(bodies)])

    def test_many_frames_in_one_write_come_back_in_order(self):
        connection = self.connect()
        count = 20000
        stream = b"".join(cluster.seal(ECHO, i, b"x" * 100) for i in range(count))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answers = pool.submit(lambda: [connection.receive()[1] for _ in range(count)])
            connection.send_raw(stream)
            self.assertEqual(answers.result(), list(range(count)))

    def test_connections_do_not_mix(self):
        connections = [self.connect() for _ in range(100)]
        for i, connection in enumerate(connections):
            connection.send_raw(cluster.seal(ECHO, i, b"%d" % i)[:30])
        for i, connection in enumerate(connections):
            connection.send_raw(cluster.seal(ECHO, i, b"%d" % i)[30:])
        for i, connection in enumerate(connections):
            self.assertEqual(connection.receive(), (ECHO, i, b"%d" % i))

    def test_a_core_that_always_has_something_to_do_keeps_nobody_out(self):
        connection = self.connect()
        connection.send(SPIN, 0, struct.pack("<I", 1))
        self.echoes(connection)
        self.echoes(self.connect())
        self.assertEqual(self.node.get("/livez")[0], 200)
        before = self.node.metrics()["kezek_step_seconds_count"]
        cluster.wait_for(lambda: self.node.metrics()["kezek_step_seconds_count"] > before + 1000, what="steps")
        connection.send(SPIN, 0, struct.pack("<I", 0))
        self.echoes(connection)

    def test_what_is_queued_leaves_before_an_ordered_close(self):
        connection = self.connect()
        connection.send(CLOSE, 9)
        self.assertEqual(connection.receive()[:2], (CLOSE, 9))
        with self.assertRaises(EOFError):
            connection.receive()


class BadFrames(OneNode):
    FLAGS = ("--connections-per-address", "2000")

    def bad_frames(self, bound: int):
        good = cluster.seal(ECHO, 1, b"abc")
        yield "too long", struct.pack("<I", bound + 1) + good[4:], "too large"
        yield "shorter than a header", struct.pack("<I", 23) + good[4:], "malformed"
        yield "reserved bytes", good[:6] + b"\1" + good[7:], "malformed"
        yield "an older version", cluster.seal(ECHO, 1, b"abc", version=0), "newer version"
        yield "a newer version", cluster.seal(ECHO, 1, b"abc", version=2), "newer version"
        yield "a wrong checksum", with_bad_checksum(good), "malformed"
        yield "HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "too large"

    def check_port(self, port: int, bound: int):
        for what, sent, sentence in self.bad_frames(bound):
            for before in (b"", cluster.seal(ECHO, 3, b"good before it")):
                with self.subTest(what, before=bool(before)), cluster.Connection(port) as connection:
                    connection.send_raw(before + sent)
                    if before:
                        self.assertEqual(connection.receive()[:2], (ECHO, 3))
                    self.assertEqual(connection.goodbye(), sentence)
        self.echoes(self.connect())

    def test_at_the_client_port_each_is_answered_with_a_goodbye_and_the_node_lives(self):
        self.check_port(self.node.client, CLIENT_MAX)
        self.assertEqual(self.node.metrics()["kezek_bad_frames_total"], 14)

    def test_nothing_behind_a_bad_frame_is_heard(self):
        read_size = 256 * 1024  # a frame that begins where the second read of the turn does would look good
        connection = self.connect()
        for _ in range(100):
            self.echoes(connection, bytes(60000))  # the system makes the socket's buffer larger
        self.node.process.send_signal(signal.SIGSTOP)
        connection.send_raw(with_bad_checksum(cluster.seal(ECHO, 1)).ljust(read_size, b"x") + cluster.seal(ECHO, 2))
        self.node.process.send_signal(signal.SIGCONT)
        self.assertEqual(connection.goodbye(), "malformed")

    def test_at_the_peer_port_too(self):
        self.check_port(self.node.peer, PEER_MAX)

    def test_a_frame_of_the_bound_itself_passes_at_the_peer_port(self):
        with cluster.Connection(self.node.peer) as connection:
            self.echoes(connection, bytes(PEER_MAX - cluster.HEADER_SIZE))

    def test_random_bytes_never_end_the_node(self):
        chance = random.Random(11)
        for _ in range(300):
            with cluster.Connection(self.node.client) as connection:
                frame = bytearray(cluster.seal(ECHO, 1, chance.randbytes(40)))
                for _ in range(chance.randrange(1, 9)):
                    frame[chance.randrange(len(frame))] = chance.randrange(256)
                connection.send_raw(bytes(frame[:chance.randrange(1, len(frame) + 1)]))
        self.echoes(self.connect())


class Bounds(OneNode):
    FLAGS = ("--connections", "12", "--connections-per-address", "5")

    def open_connection(self, source: str) -> cluster.Connection:
        connection = self.connect(source=source)
        self.echoes(connection)
        return connection

    def test_connections_from_one_address_and_in_all_are_bounded(self):
        first = [self.open_connection("127.0.0.2") for _ in range(5)]
        self.assertIn("from this address", self.connect(source="127.0.0.2").goodbye())
        for i in range(7):
            self.open_connection(f"127.0.0.{3 + i % 2}")
        self.assertIn("too many clients", self.connect(source="127.0.0.9").goodbye())

        first[2].close()
        cluster.wait_for(lambda: self.node.metrics()['kezek_connections{kind="client"}'] == 11, what="its end")
        self.open_connection("127.0.0.2")
        self.assertEqual(self.node.metrics()["kezek_connections_refused_total"], 2)

    def test_who_says_nothing_is_closed_after_three_seconds(self):
        silent, half, talker = self.connect(), self.connect(), self.connect()
        half.send_raw(cluster.seal(ECHO)[:10])
        self.echoes(talker)
        self.assertIn("no hello", silent.goodbye())
        self.assertIn("no hello", half.goodbye())
        self.echoes(talker)


class Lingering(OneNode):
    """Clients who were told to go and stay for as long as they may: 10 have a place beside the 5 that may be connected."""
    FLAGS = ("--connections", "5", "--connections-per-address", "1000")

    def test_they_take_no_place_of_a_peer(self):
        bad = with_bad_checksum(cluster.seal(ECHO))
        for _ in range(60):
            self.connect().send_raw(bad)
        cluster.wait_for(lambda: "accept_waits" in self.node.log(), what="a client that waits")
        with cluster.Connection(self.node.peer) as peer:
            self.echoes(peer)

        def all_were_answered():
            metrics = self.node.metrics()
            return metrics["kezek_bad_frames_total"] + metrics["kezek_connections_refused_total"] == 60

        cluster.wait_for(all_were_answered, 30, what="those that waited")


class FewDescriptors(OneNode):
    """The node may open 400 files, and believes to be able to serve 1,000 clients."""
    FLAGS = ("--connections", "1000", "--connections-per-address", "1000")

    def setUp(self):
        self.cluster = self.enterContext(cluster.Cluster(1, *self.FLAGS))
        self.cluster[1].prefix = ["prlimit", "--nofile=400:400"]
        self.node = self.cluster[1].start().wait_ready()

    def is_served(self, connection: cluster.Connection) -> bool:
        try:
            connection.send(ECHO)
            return connection.receive()[0] == ECHO
        except (OSError, EOFError):
            return False

    def test_a_flood_leaves_enough_to_write_a_vote(self):
        held = [connection for connection in (self.connect() for _ in range(500)) if self.is_served(connection)]
        self.assertEqual(len(held), (400 - 256) // 2)
        held[0].send(VOTE, 0, struct.pack("<Q", 4))
        self.assertEqual(held[0].receive()[0], VOTE)
        self.echoes(held[0])


class SlowReaders(OneNode):
    def test_a_flood_stops_for_who_does_not_read_and_goes_on_when_he_does(self):
        connection = self.connect()
        count = 1000
        connection.send(FLOOD, 0, struct.pack("<I", count))
        cluster.wait_for(lambda: self.node.metrics()["kezek_queued_writes_total"] > 0, what="a full socket")
        self.echoes(self.connect())
        self.assertLess(self.node.metrics()["kezek_sent_bytes_total"], count * 60000 / 2)
        for left in reversed(range(count)):
            self.assertEqual(connection.receive()[:2], (FLOOD, left))

    def test_who_asks_without_reading_the_answers_is_not_read_until_he_reads(self):
        connection = self.connect()
        frame, count = cluster.seal(ECHO, 1, bytes(60000)), 1500
        rest = memoryview(frame * count)
        connection.socket.setblocking(False)
        while rest and select.select([], [connection.socket], [], 0.5)[1]:
            rest = rest[connection.socket.send(rest):]
        self.assertGreater(len(rest), len(frame) * count // 2)
        self.echoes(self.connect())
        self.assertLess(self.node.metrics()["process_resident_memory_bytes"], 100_000_000)

        connection.socket.settimeout(20)
        with concurrent.futures.ThreadPoolExecutor(1) as sender:
            sender.submit(connection.send_raw, rest)
            for _ in range(count):
                self.assertEqual(connection.receive()[0], ECHO)

    def test_who_lets_eight_megabytes_wait_is_closed(self):
        within, beyond = self.connect(), self.connect()
        within.send(BURST, 0, struct.pack("<I", 100))
        beyond.send(BURST, 0, struct.pack("<I", 400))
        cluster.wait_for(lambda: self.node.metrics()['kezek_connections{kind="client"}'] == 1, what="its end")
        self.assertEqual([within.receive()[1] for _ in range(100)], list(range(100, 0, -1)))
        with self.assertRaises((EOFError, ConnectionResetError)):
            for _ in range(400):
                beyond.receive()

    @unittest.skipIf(SANITIZED, "a sanitizer takes memory and time of its own")
    def test_a_peer_may_let_sixty_four_megabytes_wait(self):
        within, beyond = cluster.Connection(self.node.peer), cluster.Connection(self.node.peer)
        with within, beyond:
            within.send(BURST, 0, struct.pack("<I", 1000))
            beyond.send(BURST, 0, struct.pack("<I", 1500))
            cluster.wait_for(lambda: self.node.metrics()['kezek_connections{kind="peer"}'] == 1, what="its end")
            self.assertEqual([within.receive()[1] for _ in range(1000)], list(range(1000, 0, -1)))
            with self.assertRaises((EOFError, ConnectionResetError)):
                for _ in range(1500):
                    beyond.receive()

    @unittest.skipIf(SANITIZED, "a sanitizer takes memory and time of its own")
    def test_those_who_do_not_read_share_a_bound(self):
        """90 connections let some MB wait each; behind 256 MiB in all the next one is closed."""
        reader, held = self.connect(), []
        self.echoes(reader)
        for _ in range(90):
            connection = self.connect()  # and speaks at once: who is silent for three seconds is closed for that
            held.append(connection)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
            connection.send(BURST, 0, struct.pack("<I", 120))
            self.echoes(reader)

        def is_settled():
            metrics = self.node.metrics()
            return metrics['kezek_connections{kind="client"}'] < 91 and metrics["kezek_client_queued_bytes"] > 200 << 20

        cluster.wait_for(is_settled, 30, what="their ends")
        self.echoes(reader)
        metrics = self.node.metrics()
        self.assertLessEqual(metrics["kezek_client_queued_bytes"], 256 << 20)
        self.assertGreater(metrics['kezek_connections{kind="client"}'], 30)
        self.assertLess(metrics["process_resident_memory_bytes"], 420 << 20)
        for connection in held:
            connection.close()
        cluster.wait_for(lambda: self.node.metrics()["kezek_client_queued_bytes"] == 0, what="an empty queue")


class Turns(OneNode):
    FLAGS = ("--connections-per-address", "2000")

    def test_more_than_one_turn_can_read_comes_back_in_order(self):
        frame = cluster.seal(ECHO, 7, bytes(range(250)) * 200)
        connections = [self.connect() for _ in range(30)]
        for connection in connections:
            connection.socket.setblocking(False)
        waiting = [frame * 40] * len(connections)
        self.node.process.send_signal(signal.SIGSTOP)
        for i, connection in enumerate(connections):
            try:
                while waiting[i]:
                    waiting[i] = waiting[i][connection.socket.send(waiting[i]):]
            except BlockingIOError:
                pass
        self.node.process.send_signal(signal.SIGCONT)

        def talk(connection, rest):
            connection.socket.settimeout(20)
            with concurrent.futures.ThreadPoolExecutor(1) as sender:
                sender.submit(connection.send_raw, rest)
                return all(cluster.seal(*connection.receive()) == frame for _ in range(40))

        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            self.assertTrue(all(pool.map(talk, connections, waiting)))

    def test_many_that_end_within_a_message_end_not_the_node(self):
        """The beginning of each comes back to the arena before the read that finds its end: 8 MiB of it, and more."""
        count, size = 300, 60000
        part = cluster.seal(ECHO, 1, bytes(CLIENT_MAX - cluster.HEADER_SIZE))[:size]
        connections = [self.connect() for _ in range(count)]
        for connection in connections:
            connection.send_raw(part)
        cluster.wait_for(lambda: self.node.metrics()["kezek_received_bytes_total"] == count * size, what="all parts")
        self.node.process.send_signal(signal.SIGSTOP)
        for connection in connections:
            connection.close()
        self.node.process.send_signal(signal.SIGCONT)
        cluster.wait_for(lambda: self.node.metrics()['kezek_connections{kind="client"}'] == 0, what="their ends")

    def test_silent_connections_are_bounded(self):
        silent = [self.connect() for _ in range(1024)]
        self.assertIn("have not said hello yet", self.connect().goodbye())
        with cluster.Connection(self.node.peer) as peer:
            self.echoes(peer)
        silent[0].send(ECHO)
        silent[0].receive()
        self.echoes(self.connect())
        for connection in silent:
            connection.close()
        cluster.wait_for(lambda: self.node.metrics()['kezek_connections{kind="client"}'] == 1, what="their ends")
        for _ in range(1023):
            self.connect()
        self.echoes(self.connect())

    def test_peer_connections_are_bounded(self):
        held = [self.enterContext(cluster.Connection(self.node.peer)) for _ in range(64)]
        with cluster.Connection(self.node.peer) as refused:
            self.assertIn("too many peers", refused.goodbye())
        self.echoes(held[-1])

    def test_refusals_do_not_fill_the_journal(self):
        held = [self.enterContext(cluster.Connection(self.node.peer)) for _ in range(64)]
        for _ in range(2000):
            cluster.Connection(self.node.peer).close()
        cluster.wait_for(lambda: self.node.metrics()["kezek_connections_refused_total"] == 2000, what="refusals")
        self.echoes(held[0])
        self.node.stop()
        self.assertLess(self.node.log().count("connection_refused"), 2000)
        self.assertRegex(self.node.log(), r"warning lines_omitted count=\d+")


class Disk(OneNode):
    def test_writes_are_answered_in_order_and_grouped(self):
        connection = self.connect()
        connection.send_raw(b"".join(cluster.seal(WRITE, i) for i in range(2000)))
        for i in range(2000):
            kind, tag, body = connection.receive()
            self.assertEqual((kind, tag, struct.unpack("<Q", body)[0]), (WRITE, i, i + 1))
        metrics = self.node.metrics()
        self.assertEqual(metrics["kezek_appended_entries_total"], 2000)
        self.assertLess(metrics["kezek_append_seconds_count"], 200)
        connection.send(LOAD, 1, struct.pack("<Q", 1500))
        self.assertEqual(connection.receive(), (LOAD, 1, struct.pack("<Q", 501)))

    def test_what_was_answered_is_there_after_kill(self):
        connection = self.connect()
        for i in range(20):
            connection.send(WRITE, i)
            connection.receive()
        connection.send(VOTE, 0, struct.pack("<Q", 4))
        connection.receive()
        self.node.kill()
        self.node.start().wait_ready()
        self.assertEqual(self.node.metrics()["kezek_last_index"], 20)
        self.assertIn(struct.pack("<QQ", 4, 1), (self.node.directory / "vote").read_bytes())

    def test_a_ledger_that_lost_its_vote_is_not_opened(self):
        connection = self.connect()
        connection.send(WRITE)
        connection.receive()
        self.node.stop()
        vote = self.node.directory / "vote"
        address = f"127.0.0.1:{self.node.client}"
        for break_it, said in [(lambda: vote.write_bytes(bytes(40)), "a ledger but a damaged term and vote"),
                               (lambda: vote.unlink(), "a ledger but no term and vote")]:
            break_it()
            self.node.start()
            self.assertEqual(self.node.wait_exit(), 1)
            self.assertIn(said, self.node.log())
            self.assertRegex(self.node.log(), f"kezek member add [0-9]+=.* --client {address} --replaces {self.node.number}")

    def test_loads_of_what_is_not_there_fail_alone(self):
        connection = self.connect()
        connection.send(LOAD, 1, struct.pack("<Q", 77))
        self.assertEqual(connection.receive(), (LOAD, 1, struct.pack("<Q", 0)))
        self.echoes(connection)


class DiskFull(unittest.TestCase):
    def test_writes_wait_for_room_and_everything_else_goes_on(self):
        with cluster.Cluster(1) as nodes:
            node = nodes[1].start("--map-size", "1M").wait_ready()
            with node.connect() as writer, node.connect() as other:
                writer.send_raw(b"".join(cluster.seal(WRITE, i) for i in range(20000)))
                cluster.wait_for(lambda: "write_failed" in node.log(), what="a full map")
                other.send(ECHO, 1, b"x")
                self.assertEqual(other.receive(), (ECHO, 1, b"x"))
                self.assertEqual(node.stop(), 1)

    def test_a_bound_of_the_systems_for_files_is_a_full_disk(self):
        with cluster.Cluster(1) as nodes:
            node = nodes[1]
            node.prefix = ["prlimit", "--fsize=1200000"]
            node.start().wait_ready()
            with node.connect() as writer, node.connect() as other:
                writer.send_raw(b"".join(cluster.seal(WRITE, i) for i in range(20000)))
                cluster.wait_for(lambda: "File too large" in node.log(), what="the largest file")
                other.send(ECHO, 1, b"x")
                self.assertEqual(other.receive(), (ECHO, 1, b"x"))
                node.kill()

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_when_there_is_room_again_every_write_is_stored(self):
        with cluster.Cluster(1) as nodes:
            disk = nodes.directory / "disk"
            disk.mkdir()
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]).returncode != 0:
                self.skipTest("this place has no mounts")
            self.addCleanup(subprocess.run, ["umount", "-l", disk], stderr=subprocess.DEVNULL)
            node, count = nodes[1], 18000
            node.directory = disk / "node"
            node.start().wait_ready()
            (disk / "filler").write_bytes(bytes(1_200_000))
            with node.connect() as writer:
                writer.send_raw(b"".join(cluster.seal(WRITE, i) for i in range(count)))
                cluster.wait_for(lambda: "No space left" in node.log(), what="a full disk")
                self.assertTrue(node.is_running())
                (disk / "filler").unlink()
                self.assertEqual([writer.receive()[1] for _ in range(count)], list(range(count)))
            self.assertEqual(node.stop(), 0)
            subprocess.run(["umount", "-l", disk], check=True)


class Ends(OneNode):
    def test_sigterm_ends_with_0(self):
        self.assertEqual(self.node.stop(), 0)
        self.assertIn("info stopped", self.node.log())

    def test_a_halt_ends_with_1_and_says_why(self):
        self.connect().send(HALT)
        self.assertEqual(self.node.wait_exit(), 1)
        self.assertIn("entry 7 differs from what was written", self.node.log())

    def test_clients_see_the_end_of_a_node_that_stops(self):
        connection = self.connect()
        self.echoes(connection)
        self.node.stop()
        with self.assertRaises(EOFError):
            connection.receive()


class Peers(unittest.TestCase):
    def test_nodes_dial_each_other_and_dial_again_after_a_kill(self):
        with cluster.Cluster(3) as nodes:
            nodes.start().wait_ready()

            def linked(node, count):
                metrics = node.metrics()
                return (metrics['kezek_connections{kind="dialed"}'] == count
                        and metrics['kezek_connections{kind="peer"}'] == count)

            for node in nodes:
                cluster.wait_for(lambda: linked(node, 2), what="two peers")
            nodes[2].kill()
            cluster.wait_for(lambda: linked(nodes[1], 1), what="one peer")
            nodes[2].start().wait_ready()
            for node in nodes:
                cluster.wait_for(lambda: linked(node, 2), what="two peers again")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    unittest.main()
