#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Floods at the leader: idle connections, slow writers, non-readers, and applications, all at once.

    floods.py --seconds 60

10,000 connections say hello and nothing more; 2,000 begin a frame and send a byte of it now and then; 200 ask for lists
and the whole ledger and read nothing; a load appends 100,000 applications a minute. The leader's memory stays within
its budget for so many connections, it goes on leading, and what it acknowledged is there. Connections come from many
loopback addresses, as the bound for one address asks. Where files may not be opened in such numbers, there are fewer.
"""
from __future__ import annotations

import argparse
import random
import resource
import socket
import struct
import sys
import time

import agreement
import attack
import client
import cluster

RATE = 100_000 // 60
IDLE, SLOW, DEAF = 10_000, 2_000, 200
PER_ADDRESS = 200
IDLE_BYTES, ACTIVE_BYTES = 32 << 10, 256 << 10
LEDGER_BYTES_PER_ENTRY = 1 << 10
"""What the state machine, the tail of the log and the map of the file may take for an application appended meanwhile."""
TIMEOUTS = ("--election-timeout", "1000", "--heartbeat", "100")
"""Nodes, crowds, load and whoever else is here share the cores."""
HELLO = cluster.seal(cluster.HELLO, 0, bytes(16))
WATCH = 7


class Crowd:
    """Connections to one port from as many addresses as the bound of an address asks for."""

    def __init__(self, node: cluster.Node) -> None:
        self.node = node
        self.sockets: list[socket.socket] = []
        self.refused = 0

    def add(self, data: bytes) -> socket.socket | None:
        """One more connection, which says this. Returns: None when it was refused."""
        number = len(self.sockets) // PER_ADDRESS
        connection = socket.socket()
        connection.setblocking(True)
        connection.settimeout(10)
        try:
            connection.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
            connection.connect((self.node.host, self.node.client))
            connection.sendall(data)
        except OSError:
            connection.close()
            self.refused += 1
            return None
        connection.setblocking(False)
        self.sockets.append(connection)
        return connection

    def ended(self) -> int:
        """How many the node has closed. What it says is read away."""
        return sum(is_ended(connection) for connection in self.sockets)

    def close(self) -> None:
        for connection in self.sockets:
            connection.close()


def is_ended(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def allow_files(wanted: int) -> int:
    """Raises the bound on open files as far as may be. Returns: how many connections there can be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - 500


def dribble(slow: list[socket.socket], rest: list[bytes]) -> None:
    """One more byte of each slow writer's frame."""
    for number, connection in enumerate(slow):
        if rest[number]:
            try:
                connection.send(rest[number][:1])
                rest[number] = rest[number][1:]
            except OSError:
                rest[number] = b""


def deaf_questions() -> bytes:
    """Many questions with large answers, and a watch of everything."""
    queue = struct.pack("<BBH", client.QUEUE, 1, 0) + struct.pack("<IHBBII", 1, 2020, 0, 0, 1, 4096)
    return HELLO + b"".join(cluster.seal(client.QUERY, n, queue) for n in range(200)) + cluster.seal(WATCH, 1, struct.pack("<Q", 1))


def flood(options: argparse.Namespace, draw: random.Random, figures: dict) -> None:
    """The attack."""
    may = allow_files(16_000)
    share = min(1.0, may / (IDLE + SLOW + DEAF))
    seconds = options.seconds or 60
    with cluster.Cluster(3, *TIMEOUTS) as nodes:
        nodes.start().wait_ready(30)
        attack.found_town(nodes)
        leader = nodes.leader()
        term = leader.metrics()["kezek_term"]
        with attack.Load(nodes, RATE, options.seed) as load:
            attack.wait_progress(nodes)
            memory, entries = attack.memory_of(leader), attack.last_applied(nodes)
            crowds = idle, slow, deaf = Crowd(leader), Crowd(leader), Crowd(leader)
            before = time.monotonic()
            for crowd, count, data in ((deaf, DEAF, deaf_questions()), (slow, SLOW, HELLO), (idle, IDLE, HELLO)):
                for _ in range(int(count * share)):
                    crowd.add(data)
            record = client.encode(client.application(1) | {"request": client.request_id(draw)})
            rest = [cluster.seal(client.SUBMIT, 1, struct.pack("<HHH", 1, 0, len(record)) + record) for _ in slow.sockets]
            highest, begun = 0, time.monotonic()
            while time.monotonic() - begun < seconds:
                dribble(slow.sockets, rest)
                highest = max(highest, attack.memory_of(leader))
                time.sleep(0.5)
            appended, took_s = attack.last_applied(nodes) - entries, time.monotonic() - before
            figures |= {"idle": len(idle.sockets), "slow": len(slow.sockets), "deaf": len(deaf.sockets),
                        "refused": sum(crowd.refused for crowd in crowds), "idle_ended": idle.ended(),
                        "slow_ended": slow.ended(), "memory_mib": highest >> 20, "memory_before_mib": memory >> 20}
            for crowd in crowds:
                crowd.close()
            attack.wait_progress(nodes)
            load.stop()
        changes = int(nodes.leader().metrics()["kezek_term"] - term)
        budget = memory + (len(idle.sockets) + len(slow.sockets)) * IDLE_BYTES + len(deaf.sockets) * ACTIVE_BYTES
        budget += appended * LEDGER_BYTES_PER_ENTRY
        figures |= {"budget_mib": budget >> 20, "leader_changes": changes, "acknowledged": load.acknowledged,
                    "entries_per_minute": round(appended / took_s * 60)}
        attack.demand(highest <= budget, f"the leader held {highest} bytes; its budget was {budget}")
        attack.demand(leader.is_running(), "the leader has ended")
        attack.demand(changes == 0 and leader.is_leader(), f"{changes} changes of the leader")
        agreement.check(nodes, load.answers)


if __name__ == "__main__":
    sys.exit(attack.main("floods", flood, __doc__, rounds=1))
