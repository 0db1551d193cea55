#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a connection takes of a real node's memory: idle, and active, by the growth of its resident size (node/core/bounds.h)."""
import os
import resource
import struct
import unittest

import cluster

IDLE, IDLE_SIZE = 2000, 32 << 10
ACTIVE, ACTIVE_SIZE = 200, 256 << 10
QUERY, STATUS = 5, 1
QUESTIONS = 1000  # of an active connection at once
PATIENCE = 60


@unittest.skipIf("asan" in os.environ["KEZEKD"] or "tsan" in os.environ["KEZEKD"], "a sanitizer takes memory of its own")
class Memory(unittest.TestCase):
    def setUp(self):
        self.nodes = self.enterContext(cluster.Cluster(1, "--connections-per-address", "4000"))
        self.node = self.nodes[1].start().wait_ready(PATIENCE)

    def resident(self) -> float:
        return self.node.metrics()["process_resident_memory_bytes"]

    def greet(self) -> cluster.Connection:
        connection = self.enterContext(self.node.connect())
        connection.send(cluster.HELLO, 0, bytes(16))
        self.assertEqual(connection.receive()[0], cluster.WELCOME)
        return connection

    def ask(self, connection: cluster.Connection):
        connection.send_raw(b"".join(cluster.seal(QUERY, tag, struct.pack("<BBH", STATUS, 1, 0)) for tag in range(QUESTIONS)))

    def test_an_idle_connection_takes_little(self):
        first = self.greet()
        before = self.resident()
        held = [self.greet() for _ in range(IDLE)]
        each = (self.resident() - before) / len(held)
        print(f"an idle connection takes {each / 1024:.1f} KiB")
        self.assertLess(each, IDLE_SIZE)
        self.ask(first)
        self.assertEqual([first.receive()[1] for _ in range(QUESTIONS)], list(range(QUESTIONS)))

    def test_an_active_connection_takes_no_more_than_its_share(self):
        """Each sends a frame's beginning of nearly 64 KiB behind questions, whose answers it has not read yet."""
        held = [self.greet() for _ in range(ACTIVE)]
        before = self.resident()
        for connection in held:
            self.ask(connection)
            connection.send_raw(cluster.seal(QUERY, 0, bytes(60000))[:-1])
        each = (self.resident() - before) / len(held)
        print(f"an active connection takes {each / 1024:.1f} KiB")
        self.assertLess(each, ACTIVE_SIZE)
        for connection in held:
            self.assertEqual([connection.receive()[1] for _ in range(QUESTIONS)], list(range(QUESTIONS)))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    unittest.main()
