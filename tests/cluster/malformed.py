#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Malformed frames and HTTP at a live cluster: each gets a definite end, and others hardly notice.

    malformed.py --rounds 12

Each round is two windows of WINDOW_S: one quiet, one in which ATTACKS connections a second go to the client, peer or admin
port of a random node and send what is not a message: a true one with bytes changed, cut, repeated, with another size, or
noise under a right checksum. The node must answer or close each in time. All the while a load runs, and in each window a
client in a process of its own, `kezek-bench probe`, measures its writes and reads; the ratio of their 99th percentiles,
attacked to quiet, is a figure: the median of the rounds.
"""
from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import struct
import subprocess
import sys
import time

import agreement
import attack
import client
import cluster

RATE = 200
PROBES = 400
ATTACKS = 200
"""A second: some sixth of a core for this program, so that what the client notices is the node's doing."""
WINDOW_S = 5
WARM_UP_MS = 500
END_S = 15.0
MEMORY_MAX = 64 << 20
"""So many bytes more than before a node may hold afterwards: much less than the attack sent."""
KINDS = {"client": range(0, 14), "peer": range(0x60, 0x78)}
HTTP = [b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /readyz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]


def command(draw: random.Random) -> dict:
    return client.application(draw.getrandbits(100)) | {"request": client.request_id(draw)}


def changed(data: bytes, draw: random.Random) -> bytes:
    """The bytes with some of them changed, cut out, doubled, or with more behind."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(out)) if out else 0
        how = draw.randrange(4)
        if how == 0 and out:
            out[at] ^= 1 << draw.randrange(8)
        elif how == 1:
            del out[at:at + draw.randint(1, 8)]
        elif how == 2:
            out[at:at] = out[at:at + draw.randint(1, 64)]
        else:
            out[at:at] = draw.randbytes(draw.randint(1, 16))
    return bytes(out)


def frame(port: str, draw: random.Random) -> bytes:
    """A frame of that port that is hardly a message."""
    record = client.encode(command(draw))
    bodies = [struct.pack("<HHH", 1, 0, len(record)) + record, struct.pack("<BBHQ", draw.randrange(16), 0, 0, 1), bytes(16),
              draw.randbytes(draw.randint(0, 300)), b""]
    kind = draw.choice(KINDS[port])
    how = draw.randrange(3)
    if how == 0:
        return changed(cluster.seal(kind, draw.getrandbits(64), draw.choice(bodies)), draw)
    body = draw.choice(bodies)
    return cluster.seal(kind, draw.getrandbits(64), changed(body, draw) if how == 1 and body else body, draw.choice((1, 1, 1, 0, 2)))


def provoke(node: cluster.Node, draw: random.Random) -> str:
    """One connection. Returns: how it ended. Raises: Violation when it did not."""
    port = draw.choice(("client", "client", "peer", "admin"))
    data = changed(draw.choice(HTTP), draw) if port == "admin" else b"".join(frame(port, draw) for _ in range(draw.randint(1, 3)))
    if port == "client" and draw.random() < 0.7:
        data = cluster.seal(cluster.HELLO, 0, bytes(16)) + data
    with socket.create_connection((node.host, getattr(node, port)), END_S) as connection:
        told = 0
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                told += len(part)
        except TimeoutError as late:
            raise attack.Violation(f"{port} port: no end within {END_S} s for {data.hex()}") from late
        except ConnectionError:
            return f"{port} reset"
    return f"{port} {'answered' if told else 'closed'}"


class Windows:
    """What the client measured, and how the provocations ended."""

    def __init__(self, nodes: cluster.Cluster, draw: random.Random) -> None:
        self.nodes, self.draw = nodes, draw
        self.ends: dict[str, int] = {}
        self.p99_ms: dict[str, dict[str, list[float]]] = {what: {"quiet": [], "attacked": []} for what in ("writes", "reads")}

    def one(self, attacked: bool) -> None:
        """One window: begins a probe, and provokes the nodes for as long as it runs."""
        probe = subprocess.Popen([str(attack.PROGRAMS / "kezek-bench"), "probe", "--endpoints", self.nodes.endpoints, "--territories",
                                  "1", "--rate", str(PROBES), "--seconds", str(WINDOW_S), "--warmup-ms", str(WARM_UP_MS)],
                                 stdout=subprocess.PIPE, text=True)
        try:
            if attacked:
                self.provoke_while(probe)
            told, _ = probe.communicate()
        finally:
            probe.kill()
        attack.demand(probe.returncode == 0, f"a client was not served: {told}")
        for what, windows in self.p99_ms.items():
            windows["attacked" if attacked else "quiet"].append(json.loads(told)[what]["p99_ms"])

    def provoke_while(self, probe: subprocess.Popen) -> None:
        """At the rate of ATTACKS, or as fast as the ends come."""
        begun, done = time.monotonic(), 0
        while probe.poll() is None:
            time.sleep(max(0.0, begun + done / ATTACKS - time.monotonic()))
            end = provoke(self.draw.choice(list(self.nodes)), self.draw)
            self.ends[end] = self.ends.get(end, 0) + 1
            done += 1

    def figures(self) -> dict:
        """The medians of both kinds of windows, and of the ratios of neighbours."""
        medians = {what: {name: round(statistics.median(values), 2) for name, values in windows.items()}
                   for what, windows in self.p99_ms.items()}
        ratios = {what: round(statistics.median(a / q for a, q in zip(windows["attacked"], windows["quiet"])), 2)
                  for what, windows in self.p99_ms.items()}
        return {"provocations": sum(self.ends.values()), "ends": self.ends, "p99_ms": medians, "p99_ratio": ratios}


def attack_ports(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    with cluster.Cluster(3) as nodes:
        nodes.start().wait_ready(30)
        attack.found_town(nodes)
        processes = [node.process.pid for node in nodes]
        windows = Windows(nodes, draw)
        with attack.Load(nodes, RATE, options.seed) as load:
            attack.wait_progress(nodes)
            memory = [attack.memory_of(node) for node in nodes]
            for number in attack.Budget(options):
                for attacked in ((False, True), (True, False))[number % 2]:
                    windows.one(attacked)
            grown = max(attack.memory_of(node) - had for node, had in zip(nodes, memory))
            load.stop()
        figures |= {**windows.figures(), "memory_grown_mib": grown >> 20, "acknowledged": load.acknowledged}
        attack.demand([node.process.pid for node in nodes if node.is_running()] == processes, "a node has ended")
        attack.demand(grown < MEMORY_MAX, f"a node holds {grown} bytes more than before")
        agreement.check(nodes, load.answers)


if __name__ == "__main__":
    sys.exit(attack.main("malformed", attack_ports, __doc__, rounds=12))
