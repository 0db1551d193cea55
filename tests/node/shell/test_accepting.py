#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A connection for which there was no memory is taken later, and those behind it are.

Each of the allocations that a node makes from the moment it listens on fails once (tests/cluster/failing_calls.c): of some
connections one at most is not served, unless the node ends.
"""
import http.client
import os
import pathlib
import unittest

import cluster

FAILING_CALLS = pathlib.Path(os.environ["KEZEK_FAILING_CALLS"])
AROUND = 12
"""So many allocations before and after those of a node that nobody connects to."""

VISITS = 3
PATIENCE = 30


@unittest.skipUnless(FAILING_CALLS.exists(), "a sanitizer's build has an allocator of its own")
class Accepting(unittest.TestCase):
    def start(self, nodes: cluster.Cluster, **environment: str) -> cluster.Node:
        node = nodes[1]
        node.environment = {"LD_PRELOAD": str(FAILING_CALLS), **environment}
        node.start()
        return cluster.wait_for(lambda: node if "started" in node.log() else None, PATIENCE, "the node to listen")

    def idle(self) -> int:
        """How many allocations a node makes that nobody connects to."""
        with cluster.Cluster(1) as nodes:
            count = nodes.directory / "count"
            self.start(nodes, KZ_FAIL_COUNT=str(count)).stop()
            return int(dict(line.split() for line in count.read_text().splitlines())["malloc"])

    def every_allocation_fails_once(self, visit) -> None:
        for k in range(self.idle() - AROUND, self.idle() + AROUND):
            with cluster.Cluster(1) as nodes:
                node = self.start(nodes, KZ_FAIL=f"malloc:{k}:12")
                if sum(self.is_served(visit, node) for _ in range(VISITS)) < VISITS - 1:
                    node.wait_exit(PATIENCE)

    @staticmethod
    def is_served(visit, node: cluster.Node) -> bool:
        try:
            visit(node)
            return True
        except (OSError, EOFError, http.client.HTTPException):
            return False

    def test_the_client_port_goes_on(self):
        def greet(node: cluster.Node) -> None:
            with node.connect(timeout=5) as connection:
                connection.send(cluster.HELLO, 0, bytes(16))
                connection.receive()

        self.every_allocation_fails_once(greet)

    def test_the_admin_port_goes_on(self):
        self.every_allocation_fails_once(lambda node: self.assertEqual(node.get("/livez")[0], 200))


if __name__ == "__main__":
    unittest.main()
