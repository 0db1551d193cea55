#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Malformed frames and HTTP at a live cluster: each gets a definite end, and others hardly notice.

    malformed.py --rounds 10000

Each round opens a connection to the client, peer or admin port of a random node and sends what is not a message: a true
one with bytes changed, cut, repeated, with another size, or noise under a right checksum. The node must answer or close
it in time. Meanwhile a load runs, and a client measures how long its commands take, before and during the attack.
"""
from __future__ import annotations

import argparse
import random
import socket
import struct
import sys
import threading
import time

import agreement
import attack
import client
import cluster

RATE = 200
END_S = 15.0
QUIET_S = 4.0
MEMORY_MAX = 64 << 20
"""So many bytes more than before a node may hold afterwards: much less than the attack sent."""
KINDS = {"client": range(0, 14), "peer": range(0x60, 0x78)}
HTTP = [b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /readyz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]


def command(draw: random.Random) -> dict:
    return client.application(draw.getrandbits(100)) | {"request": client.request_id(draw)}


class Prober(threading.Thread):
    """A client that measures its commands' times until it is told to end."""

    def __init__(self, nodes: cluster.Cluster, seed: int) -> None:
        super().__init__(name="prober")
        self.draw = random.Random(seed)
        self.session = client.Session(nodes, self.draw)
        self.times: list[float] = []
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.wait(0.005):
            begun = time.monotonic()
            self.session.settle(command(self.draw), attack.SERVING_S)
            self.times.append(time.monotonic() - begun)
        self.session.close()

    def p99_ms(self) -> float:
        return round(sorted(self.times)[len(self.times) * 99 // 100] * 1000, 2)


def measure(nodes: cluster.Cluster, seed: int, meanwhile) -> float:
    """Runs `meanwhile` while a prober works. Returns: its 99th percentile in milliseconds."""
    prober = Prober(nodes, seed)
    prober.start()
    try:
        meanwhile()
    finally:
        prober.ending.set()
        prober.join()
    return prober.p99_ms()


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


def attack_ports(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    ends: dict[str, int] = {}
    with cluster.Cluster(3) as nodes:
        nodes.start().wait_ready(30)
        attack.found_town(nodes)
        processes = [node.process.pid for node in nodes]
        with attack.Load(nodes, RATE, options.seed) as load:
            before = measure(nodes, draw.getrandbits(40), lambda: time.sleep(QUIET_S))
            memory = [attack.memory_of(node) for node in nodes]

            def provoke_all() -> None:
                for _ in attack.Budget(options):
                    end = provoke(draw.choice(list(nodes)), draw)
                    ends[end] = ends.get(end, 0) + 1

            during = measure(nodes, draw.getrandbits(40), provoke_all)
            grown = max(attack.memory_of(node) - had for node, had in zip(nodes, memory))
            load.stop()
        figures |= {"provocations": sum(ends.values()), "ends": ends, "p99_ms_before": before, "p99_ms_during": during,
                    "memory_grown_mib": grown >> 20, "acknowledged": load.acknowledged}
        attack.demand([node.process.pid for node in nodes if node.is_running()] == processes, "a node has ended")
        attack.demand(grown < MEMORY_MAX, f"a node holds {grown} bytes more than before")
        agreement.check(nodes, load.answers)


if __name__ == "__main__":
    sys.exit(attack.main("malformed", attack_ports, __doc__, rounds=10_000))
