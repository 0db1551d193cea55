# SPDX-License-Identifier: Apache-2.0
"""Real kezekd processes for tests: start, stop, kill, restart; wait; read metrics; speak frames.

    with cluster.Cluster(3) as nodes:
        nodes.start()
        nodes.wait_ready()
        nodes.leader().kill()

The program is KEZEKD of the environment. Everything lives on free loopback ports in a temporary directory,
which is kept, and named, when the test fails. Nothing here sleeps for a guessed time: it waits for a condition.
"""
from __future__ import annotations

import ctypes
import http.client
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ.get("KEZEKD", "kezekd")
CLUSTER_ID = "6b657a656b" + "00" * 10 + "01"
HELLO, WELCOME, GOODBYE = 1, 2, 9
HEADER_SIZE = 24

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits.restype = ctypes.c_uint64
_xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def wait_for(condition, timeout: float = 10.0, what: str = "a condition"):
    """Returns the first true value of condition(); raises TimeoutError after so many seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(0.01)


def is_free(port: int) -> bool:
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at; all different. None of those that the kernel gives to outgoing connections (32,768
    and more): a node that is stopped for a moment would lose its own."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.SystemRandom().randrange(10_000, 32_768)
        if is_free(port):
            ports.add(port)
    return list(ports)


# ---- Frames (client/wire/frame.h) ----

def seal(kind: int, tag: int = 0, body: bytes = b"", version: int = 1) -> bytes:
    start = struct.pack("<IBBHQ", HEADER_SIZE + len(body), version, kind, 0, tag)
    checksum = _xxhash.XXH3_64bits(start, 16) ^ _xxhash.XXH3_64bits(body, len(body))
    return start + struct.pack("<Q", checksum) + body


class Connection:
    """A blocking connection that speaks frames. Reading past the other side's end raises EOFError."""

    def __init__(self, port: int, timeout: float = 10.0, source: str | None = None, host: str = "127.0.0.1"):
        address = (source, 0) if source else None
        self.socket = socket.create_connection((host, port), timeout, source_address=address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, kind: int, tag: int = 0, body: bytes = b""):
        self.socket.sendall(seal(kind, tag, body))

    def send_raw(self, data: bytes):
        self.socket.sendall(data)

    def _fill(self, size: int):
        while len(self.buffer) < size:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the connection was closed")
            self.buffer += data

    def receive(self) -> tuple[int, int, bytes]:
        """The next frame: type, tag, body."""
        self._fill(HEADER_SIZE)
        size, _, kind, _, tag = struct.unpack_from("<IBBHQ", self.buffer)
        self._fill(size)
        frame, self.buffer = self.buffer[:size], self.buffer[size:]
        if seal(kind, tag, frame[HEADER_SIZE:]) != frame:
            raise ValueError("a frame of the node has a wrong checksum")
        return kind, tag, frame[HEADER_SIZE:]

    def goodbye(self) -> str:
        """The sentence of the GOODBYE that is next, after which the connection must end."""
        kind, _, body = self.receive()
        if kind != GOODBYE:
            raise ValueError(f"frame {kind} came instead of a goodbye")
        try:
            self.receive()
        except (EOFError, ConnectionResetError):
            return body[2:].decode()
        raise ValueError("the connection was not closed after its goodbye")


# ---- Nodes ----

class Node:
    """One node. `prefix` is put before its command (another network namespace, say); `environment` beside its own."""

    def __init__(self, number: int, directory: pathlib.Path, ports: tuple[int, int, int], roster: str,
                 host: str = "127.0.0.1"):
        self.number = number
        self.host = host
        self.prefix: list[str] = []
        self.environment: dict[str, str] = {}
        self.directory = directory / f"node{number}"
        self.journal = directory / f"node{number}.log"
        self.client, self.peer, self.admin = ports
        self.roster = roster
        self.cluster_id = CLUSTER_ID
        self.extra: list[str] = []
        self.process: subprocess.Popen | None = None

    @property
    def endpoint(self) -> str:
        """Its address for clients."""
        return f"{self.host}:{self.client}"

    def arguments(self) -> list[str]:
        return [*self.prefix, PROGRAM, "--id", str(self.number), "--data", str(self.directory),
                "--client", self.endpoint, "--peer", f"{self.host}:{self.peer}",
                "--admin", f"{self.host}:{self.admin}", "--cluster-id", self.cluster_id,
                *(["--cluster", self.roster] if self.roster else ["--join"]), *self.extra]

    def start(self, *extra: str) -> "Node":
        """Starts the process with these flags beside the usual; does not wait for anything."""
        assert self.process is None, f"node {self.number} is running already"
        with self.journal.open("ab") as journal:
            self.process = subprocess.Popen([*self.arguments(), *extra], stderr=journal,
                                            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                            env=os.environ | self.environment)
        return self

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self, number: int, timeout: float = 20.0) -> int:
        """Sends a signal and waits for the end. Returns: the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def stop(self) -> int:
        return self.end(signal.SIGTERM)

    def kill(self) -> int:
        return self.end(signal.SIGKILL)

    def restart(self, *extra: str) -> "Node":
        if self.is_running():
            self.stop()
        self.process = None
        return self.start(*extra)

    def wait_exit(self, timeout: float = 10.0) -> int:
        """Waits for a node that ends by itself. Returns: the exit code."""
        code = self.process.wait(timeout)
        self.process = None
        return code

    def get(self, path: str, timeout: float = 5.0) -> tuple[int, str]:
        """GET at the admin port. Returns: status and body."""
        connection = http.client.HTTPConnection(self.host, self.admin, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def _answers(self, path: str) -> bool:
        if not self.is_running():
            raise RuntimeError(f"node {self.number} has ended:\n{self.log()[-2000:]}")
        try:
            return self.get(path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_live(self, timeout: float = 10.0) -> "Node":
        wait_for(lambda: self._answers("/livez"), timeout, f"/livez of node {self.number}")
        return self

    def wait_ready(self, timeout: float = 10.0) -> "Node":
        wait_for(lambda: self._answers("/readyz"), timeout, f"/readyz of node {self.number}")
        return self

    def metrics(self) -> dict[str, float]:
        """Name with its labels → value."""
        lines = self.get("/metrics")[1].splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def is_leader(self) -> bool:
        try:
            return self.is_running() and self.metrics()['kezek_role{role="leader"}'] == 1
        except (OSError, http.client.HTTPException, KeyError):
            return False

    def log(self) -> str:
        return self.journal.read_text() if self.journal.exists() else ""

    def connect(self, **options) -> Connection:
        return Connection(self.client, host=self.host, **options)


class Cluster:
    """COUNT nodes that know of each other. Leaving the context ends them; after a failure the directory stays."""

    def __init__(self, count: int = 3, *extra: str, directory: pathlib.Path | None = None, hosts: list[str] | None = None):
        hosts = hosts or ["127.0.0.1"] * count
        self.directory = directory or pathlib.Path(tempfile.mkdtemp(prefix="kezek-test-"))
        ports = free_ports(3 * count)
        peers = ports[count:2 * count]
        roster = ",".join(f"{i + 1}={host}:{port}" for i, (host, port) in enumerate(zip(hosts, peers)))
        self.nodes = [Node(i + 1, self.directory, (ports[i], peers[i], ports[2 * count + i]), roster, hosts[i])
                      for i in range(count)]
        for node in self.nodes:
            node.extra = list(extra)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, failure, *_):
        for node in self.nodes:
            if node.is_running():
                node.kill()
        if failure is None:
            shutil.rmtree(self.directory)
        else:
            print(f"kept: {self.directory}", file=sys.stderr)

    def joiner(self, number: int, in_place_of: Node | None = None) -> Node:
        """A further node, empty, that waits to be added; with the ports of a node that is gone."""
        ports = (in_place_of.client, in_place_of.peer, in_place_of.admin) if in_place_of else tuple(free_ports(3))
        node = Node(number, self.directory, ports, "")
        self.nodes.append(node)
        return node

    def __getitem__(self, number: int) -> Node:
        """By the node's number, from 1."""
        return next(node for node in self.nodes if node.number == number)

    def __iter__(self):
        return iter(self.nodes)

    @property
    def endpoints(self) -> str:
        """All addresses for clients, as the programs take them."""
        return ",".join(node.endpoint for node in self.nodes)

    def start(self, *extra: str) -> "Cluster":
        for node in self.nodes:
            node.start(*extra)
        return self

    def stop(self) -> list[int]:
        """Stops all at once. Returns: the exit codes."""
        running = [node for node in self.nodes if node.is_running()]
        for node in running:
            node.process.send_signal(signal.SIGTERM)
        return [node.wait_exit(20.0) for node in running]

    def wait_ready(self, timeout: float = 15.0) -> "Cluster":
        for node in self.nodes:
            if node.is_running():
                node.wait_ready(timeout)
        return self

    def leader(self, timeout: float = 10.0) -> Node:
        return wait_for(lambda: next((n for n in self.nodes if n.is_leader()), None), timeout, "a leader")


LABEL = r'[a-z_]+="[^"\\]*"'
SAMPLE = re.compile(rf"([a-z_]+)(\{{{LABEL}(?:,{LABEL})*\}})? -?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?")


def check_exposition(text: str) -> list[str]:
    """Faults of Prometheus text: what a parser refuses, a sample without HELP and TYPE before it, a name that does not fit
    its type, a repeated series."""
    faults, seen = [], set()
    types: dict[str, str] = {}
    helps: dict[str, str] = {}
    *lines, rest = text.split("\n")
    if rest:
        faults.append(f"no end of the line: {rest}")
    for line in lines:
        if match := re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line):
            told = types if match[1] == "TYPE" else helps
            if match[2] in told or told is types and match[3] not in ("counter", "gauge", "histogram"):
                faults.append(f"twice, or no type: {line}")
            told[match[2]] = match[3]
            continue
        match = SAMPLE.fullmatch(line)
        if match is None:
            faults.append(f"no sample: {line}")
            continue
        base = re.sub(r"_(bucket|sum|count)$", "", match[1])
        name = base if types.get(base) == "histogram" else match[1]
        labels = re.findall(r'([a-z_]+)="', match[2] or "")
        if name not in types or name not in helps:
            faults.append(f"no HELP and TYPE before: {line}")
        elif (types[name] == "counter") != name.endswith("_total"):
            faults.append(f"a counter ends in _total, and nothing else does: {line}")
        elif types[name] != "histogram" and (base != name or "le" in labels):
            faults.append(f"what a histogram alone has: {line}")
        if (match[1], match[2]) in seen or len(labels) > len(set(labels)):
            faults.append(f"twice: {line}")
        seen.add((match[1], match[2]))
    return faults
