#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three real nodes: they found a cluster, survive a kill and a restart of each, and stop in order."""
import unittest

import cluster


class Nodes(unittest.TestCase):
    def setUp(self):
        self.nodes = self.enterContext(cluster.Cluster(3)).start().wait_ready()

    def test_a_killed_leader_is_replaced_and_comes_back(self):
        for _ in range(3):
            leader = self.nodes.leader()
            term = leader.metrics()["kezek_term"]
            leader.kill()
            self.assertGreater(self.nodes.leader().metrics()["kezek_term"], term)
            leader.start().wait_ready()

    def test_one_node_alone_is_alive_and_not_ready(self):
        for number in (1, 2):
            self.nodes[number].kill()
        last = self.nodes[3]
        cluster.wait_for(lambda: last.get("/readyz")[0] == 503, what="a node that is not ready")
        self.assertEqual(last.get("/livez")[0], 200)
        cluster.wait_for(lambda: last.get("/readyz")[1].startswith("no leader"), what="the reason in words")

    def test_all_stop_with_0_and_start_again_where_they_were(self):
        self.assertEqual(self.nodes.stop(), [0, 0, 0])
        self.nodes.start().wait_ready()
        self.assertGreaterEqual(self.nodes.leader().metrics()["kezek_last_index"], 2)

    def test_id_and_cluster_are_of_the_first_start_alone(self):
        """The ledger knows better: a list of nodes as it was once, or for another node, stops no restart."""
        node = self.nodes[2]
        wrong = [f"1=127.0.0.1:{node.peer},7=127.0.0.1:{node.client}", "7=127.0.0.1:9"]
        for roster in wrong:
            node.stop()
            node.roster = roster
            node.start().wait_ready()
        self.assertEqual(node.stop(), 0)


if __name__ == "__main__":
    unittest.main()
