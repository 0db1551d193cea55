#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The admin port: pages, malformed requests, bounds, and that the metrics are what Prometheus reads."""
import os
import random
import shutil
import socket
import subprocess
import unittest

import cluster


class Admin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(cluster.Cluster(1))
        cls.node = cls.cluster[1].start().wait_live()

    def ask(self, *pieces: bytes) -> str:
        """Sends the pieces one after the other. Returns: all that comes back until the end."""
        with socket.create_connection(("127.0.0.1", self.node.admin), 8) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answer = b""
            try:
                for piece in pieces:
                    connection.sendall(piece)
                while data := connection.recv(65536):
                    answer += data
            except ConnectionError:
                pass
            return answer.decode()

    def status(self, *pieces: bytes) -> int:
        answer = self.ask(*pieces)
        self.assertTrue(answer.startswith("HTTP/1.1 "), answer)
        return int(answer[9:12])

    def test_pages(self):
        self.assertEqual(self.node.get("/livez"), (200, "alive\n"))
        status, reason = self.node.wait_ready().get("/readyz")
        self.assertEqual(status, 200)
        self.assertIn("ready: node 1", reason)
        self.assertEqual(self.node.get("/metrics?now")[0], 200)

    def test_http_1_0_and_requests_in_pieces_are_understood(self):
        self.assertEqual(self.status(b"GET /livez HTTP/1.0\r\n\r\n"), 200)
        self.assertEqual(self.status(*[bytes([b]) for b in b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"]), 200)

    def test_an_answer_has_its_length_and_ends_the_connection(self):
        head, body = self.ask(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\n\r\n").split("\r\n\r\n")
        self.assertIn(f"Content-Length: {len(body)}", head)
        self.assertIn("Connection: close", head)

    def test_wrong_requests_get_their_status(self):
        table = [
            (404, b"GET / HTTP/1.1\r\n\r\n"),
            (404, b"GET /livez/ HTTP/1.1\r\n\r\n"),
            (404, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n"),
            (405, b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
            (405, b"HEAD /livez HTTP/1.1\r\n\r\n"),
            (405, b"DELETE /metrics HTTP/1.1\r\n\r\n"),
            (431, b"GET /livez HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n"),
            (431, b"GET /" + b"a" * 9000),
            (400, b"\r\n\r\nnonsense\r\n\r\n"),
            (400, b"GET /livez HTTP/2.0\r\n\r\n"),
            (400, b"GET /livez HTTP/0.9\r\n\r\n"),
            (400, b"BREW /livez HTTP/1.1\r\n\r\n"),
            (400, b"GET /livez HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (400, b"GET /livez HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            (400, b"GET /livez HTTP/1.1\r\nNo colon\r\n\r\n"),
            (400, b"GET /livez HTTP/1.1\nHost: x\n\n"),
            (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
            (400, cluster.seal(1)),
        ]
        for status, request in table:
            with self.subTest(request[:40]):
                self.assertEqual(self.status(request), status)
        self.assertEqual(self.node.get("/livez")[0], 200)

    def test_random_requests_never_end_the_node(self):
        chance = random.Random(3)
        for _ in range(300):
            request = bytearray(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
            for _ in range(chance.randrange(1, 6)):
                request[chance.randrange(len(request))] = chance.randrange(256)
            with socket.create_connection(("127.0.0.1", self.node.admin), 5) as connection:
                connection.sendall(request)
        # Those that left without an end of their request hold their places until the node has seen it.
        cluster.wait_for(lambda: self.node._answers("/livez"), what="places that are free again")

    def test_who_does_not_finish_a_request_is_closed(self):
        self.assertEqual(self.ask(b"GET /livez HTTP/1.1\r\n"), "")

    def test_the_connections_above_the_bound_are_closed(self):
        held = [socket.create_connection(("127.0.0.1", self.node.admin)) for _ in range(64)]
        try:
            self.assertEqual(self.ask(b""), "")
        finally:
            for connection in held:
                connection.close()
        cluster.wait_for(lambda: self.node._answers("/livez"), what="places that are free again")

    @unittest.skipUnless(os.environ["KEZEKD"].endswith("_fake"), "once is enough for ten seconds")
    def test_who_does_not_leave_with_the_answer_is_closed(self):
        held = []

        def hold_one_more() -> bool:  # those of the test before may not have left yet
            connection = self.enterContext(socket.create_connection(("127.0.0.1", self.node.admin)))
            connection.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
            try:
                if connection.recv(65536):
                    held.append(connection)
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass
            return len(held) == 64

        cluster.wait_for(hold_one_more, what="all places taken")
        self.assertEqual(self.ask(b"GET /livez HTTP/1.1\r\n\r\n"), "")
        cluster.wait_for(lambda: self.node._answers("/livez"), 20, what="places that are free again")
        for connection in held:
            connection.close()
        cluster.wait_for(lambda: self.node._answers("/livez"), what="the end of all of them")

    def test_the_metrics_are_prometheus_text(self):
        text = self.node.get("/metrics")[1]
        self.assertEqual(cluster.check_exposition(text), [])
        self.assertGreater(len(text.splitlines()), 100)
        promtool = shutil.which("promtool")
        if promtool is not None:
            checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_counters_count(self):
        before = self.node.metrics()
        with self.node.connect() as connection:
            connection.send(cluster.HELLO, 1, bytes(16))
            cluster.wait_for(lambda: self.node.metrics()["kezek_frames_received_total"]
                             > before["kezek_frames_received_total"], what="a frame to be counted")
            self.assertEqual(self.node.metrics()['kezek_connections{kind="client"}'], 1)
        self.assertGreater(self.node.metrics()["kezek_step_seconds_count"], before["kezek_step_seconds_count"])


if __name__ == "__main__":
    unittest.main()
