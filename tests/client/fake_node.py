# SPDX-License-Identifier: Apache-2.0
"""A node for tests of the command line: it answers what the test tells it to, and keeps what it was sent.

    with FakeNode() as node:
        node.answers = [applied(12)]
        run("kezek", "--endpoints", node.address, "withdraw", "5")
        node.records[0]

The frames are those of client/wire; layouts stand in client/wire/messages.h and log/FORMAT.md.
"""
from __future__ import annotations

import pathlib
import socket
import struct
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))

from cluster import Connection, seal  # noqa: E402

HELLO, WELCOME, SUBMIT, RESULTS, QUERY, ANSWER, WATCH, ENTRIES, GOODBYE, CHANGE, CHANGED = range(1, 12)
STATUS, APPLICATION, POSITIONS, QUEUE, BULLETINS, REQUEST, TERRITORY, PLACES, MEMBERS = range(1, 10)
ADD, PROMOTE, REMOVE, LEADER = range(1, 5)
APPLIED, REPEATED, REFUSED, MALFORMED, NOT_LEADER, BUSY, UNAVAILABLE, UNKNOWN = range(8)
RESULT_WORDS = ["ok", "repeated", "conflict", "not_allowed", "unknown_territory", "unknown_kindergarten",
                "unknown_application", "invalid", "wrong_state", "duplicate", "wrong_territory", "closed", "no_access",
                "no_place", "not_due", "not_next"]
CLUSTER = b"kezek-fake-node!"
AS_OF = 4321
TIME = 1796101200000


def result(code: int, word: str = "ok", index: int = 0, reason: int = 0, retry_ms: int = 0, time: int = 0) -> bytes:
    """One answer of RESULTS."""
    return struct.pack("<BBBBIQq", code, RESULT_WORDS.index(word), reason, 0, retry_ms, index, time)


def applied(index: int, word: str = "ok") -> bytes:
    return result(APPLIED, word, index, time=TIME)


def answer(what: int, content: bytes | None, code: int = APPLIED, reason: int = 0) -> bytes:
    """The body of an ANSWER; CONTENT None: there is no such thing."""
    return struct.pack("<BBBBIQq", code, what, reason, content is not None, 0, AS_OF, TIME) + (content or b"")


def changed(code: int = APPLIED, word: str = "ok", reason: int = 0, index: int = 0, leader: int = 1, sentence: str = "") -> bytes:
    """The body of a CHANGED."""
    text = sentence.encode()
    return struct.pack("<BBBBIQQH", code, RESULT_WORDS.index(word), reason, 0, 0, index, leader, len(text)) + text


class FakeNode:
    def __init__(self, number: int = 1):
        self.number = number
        self.leader = number
        self.leader_address = ""
        self.answers: list[bytes] = []  # of the next commands; when they are used up: applied, one index after the other
        self.next_index = 100
        self.contents: dict[int, bytes | None] = {STATUS: status()}  # by question
        self.entries: dict[int, bytes] = {}  # index → what ENTRIES holds for it
        self.greeting = b""  # said before anything was asked
        self.silent = False  # reads SUBMITs and says nothing
        self.drops = 0  # so many SUBMITs are answered by dropping the connection
        self.submits: list[list[bytes]] = []
        self.queries: list[tuple[int, bool, bytes]] = []
        self.changes: list[tuple[int, int, int, bytes, bytes]] = []  # what, actor, node, peer, client
        self.changed: list[bytes] = []  # of the next changes; when they are used up: they hold
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.ended = False

    @property
    def records(self) -> list[bytes]:
        return [record for records in self.submits for record in records]

    def __enter__(self) -> "FakeNode":
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        """Wakes the threads and waits for them before the sockets' numbers are given to others."""
        self.ended = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.threads[0].join()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster
        for thread in self.threads:
            thread.join()
        for each in (self.listener, *self.connections):
            each.close()

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.ended:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(accepted)
            self._start(self._serve, accepted)

    def _serve(self, accepted: socket.socket):
        connection = Connection.__new__(Connection)
        connection.socket, connection.buffer = accepted, b""
        try:
            accepted.sendall(self.greeting)
            while self._handle(connection, *connection.receive()):
                pass
            accepted.shutdown(socket.SHUT_RDWR)
        except (EOFError, OSError):
            pass

    def _handle(self, connection: Connection, kind: int, tag: int, body: bytes) -> bool:
        if kind == HELLO:
            address = self.leader_address.encode()
            connection.send(WELCOME, tag, CLUSTER + struct.pack("<QQB", self.number, self.leader, len(address)) + address)
        elif kind == SUBMIT:
            return self._submit(connection, tag, body)
        elif kind == QUERY:
            what, local = body[0], body[1] == 1
            self.queries.append((what, local, body[4:]))
            connection.send(ANSWER, tag, answer(what, self.contents.get(what)))
        elif kind == CHANGE:
            self._change(connection, tag, body)
        elif kind == WATCH:
            self._watch(connection, tag, struct.unpack("<Q", body)[0])
        return True

    def _submit(self, connection: Connection, tag: int, body: bytes) -> bool:
        records, at = [], 4
        for _ in range(struct.unpack_from("<H", body)[0]):
            size = struct.unpack_from("<H", body, at)[0]
            records.append(body[at + 2:at + 2 + size])
            at += 2 + size
        self.submits.append(records)
        if self.drops > 0:
            self.drops -= 1
            return False
        if self.silent:
            return True
        results = [self.answers.pop(0) if self.answers else self._applied() for _ in records]
        connection.send(RESULTS, tag, struct.pack("<HH", len(results), 0) + b"".join(results))
        return True

    def _applied(self) -> bytes:
        self.next_index += 1
        return applied(self.next_index)

    def _change(self, connection: Connection, tag: int, body: bytes):
        what, _, _, actor, node = struct.unpack_from("<BBHIQ", body)
        peer_end = 17 + body[16]
        self.changes.append((what, actor, node, body[17:peer_end], body[peer_end + 1:]))
        self.next_index += 1
        connection.send(CHANGED, tag, self.changed.pop(0) if self.changed else changed(index=self.next_index, leader=self.leader))

    def _watch(self, connection: Connection, tag: int, first: int):
        held = []
        while first + len(held) in self.entries:
            held.append(self.entries[first + len(held)])
        connection.send(ENTRIES, tag, struct.pack("<QII", first, len(held), 0) + b"".join(held))


# ---- Contents of answers ----

def status(node: int = 1, role: int = 2) -> bytes:
    return struct.pack("<8QB", node, 1, 3, 40, 41, 42, 43, 44, role) + b"\xd1" * 16 + CLUSTER


def application(number: int = 12, state: int = 0, position: int = 7, applied_at: int = TIME, last_day: int = 0) -> bytes:
    return struct.pack("<QIH6BIIqQQi", number, 1, 2021, 0, 2, state, 0, 0, 1, position, 0, applied_at, 0, 0, last_day) + b"\xc1" * 16


def territory(name: str = "Қостанай", offset: int = 300) -> bytes:
    text = name.encode()
    return struct.pack("<Ii5iBiiiBH", 1, offset, 1080, 420, 1, 3, 3, 0, 5, 0, 3, 0, len(text)) + text


def queue(numbers: list[int]) -> bytes:
    return struct.pack("<8I", 1, 2, 3, 4, 5, 6, 7, len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)


def bulletin(index: int, in_priority: bool, last_day: int) -> bytes:
    return struct.pack("<QHBBi3I", index, 2021, 0, in_priority, last_day, 5, 6, 7)


def places(kindergarten: int, reported: bool, held_by: int, free: int) -> bytes:
    return struct.pack("<IHBBQI", kindergarten, 2021, 1, reported, held_by, free)


def member(number: int, standby: bool = False, connected: bool = True, match: int = 40) -> bytes:
    addresses = [f"127.0.0.1:{base + number}".encode() for base in (7000, 7100)]
    return struct.pack("<QQBB", number, match, not standby, connected) + b"".join(bytes([len(a)]) + a for a in addresses)


def members(*items: bytes, leader: int = 1, last: int = 40) -> bytes:
    return struct.pack("<4QB", 1, leader, 3, last, len(items)) + b"".join(items)


def counted(*items: bytes) -> bytes:
    return struct.pack("<I", len(items)) + b"".join(items)


def entry(record: bytes, term: int = 3, word: str = "ok") -> bytes:
    """An entry of ENTRIES."""
    return struct.pack("<QBBH", term, RESULT_WORDS.index(word), 0, len(record)) + record


def record(kind: int, fields: bytes, time: int = TIME, request: bytes = bytes(16), actor: int = 0) -> bytes:
    return struct.pack("<BBHq16sI", 1, kind, 0, time, request, actor) + fields
