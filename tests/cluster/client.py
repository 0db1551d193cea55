# SPDX-License-Identifier: Apache-2.0
"""A small client in Python that keeps client/PROTOCOL.md: it makes records, submits them, asks questions.

One thread uses a `Session` at a time. What it says about an answer is what the node said; it judges nothing.
"""
from __future__ import annotations

import dataclasses
import random
import struct
import time

import cluster

HELLO, WELCOME, SUBMIT, RESULTS, QUERY, ANSWER = range(1, 7)
STATUS, APPLICATION, POSITIONS, QUEUE, BULLETINS, REQUEST, TERRITORY, PLACES = range(1, 9)
APPLIED, REPEATED, REFUSED, MALFORMED, NOT_LEADER, BUSY, UNAVAILABLE, UNKNOWN = range(8)
RESULT_WORDS = ["ok", "repeated", "conflict", "not_allowed", "unknown_territory", "unknown_kindergarten",
                "unknown_application", "invalid", "wrong_state", "duplicate", "wrong_territory", "closed", "no_access",
                "no_place", "not_due", "not_next"]
KINDS = ["ordinary", "correctional"]
CATEGORIES = ["out_of_turn", "first_priority", "general"]
STATES = ["waiting", "called", "resting", "referred", "paused", "enrolled", "withdrawn"]
PAUSE_S = 0.02
ANSWER_TIMEOUT_S = 5.0

# Fields of a record by type: the type's number, then (name, form) in the record's order. A form is one of struct's, or
# the list of words that the field's byte counts through, or `hex` of so many bytes, `hour` or `text`.
RECORDS: dict[str, tuple[int, list[tuple[str, object]]]] = {
    "territory": (1, [("territory", "I"), ("utc_offset_minutes", "i"), ("name", "text")]),
    "policy": (2, [("territory", "I"), ("evening", "hour"), ("morning", "hour"), ("first_priority", "i"), ("general", "i"),
                   ("access_days", "i"), ("access_unit", ["working", "calendar"]), ("referral_days", "i"),
                   ("stop_list_days", "i"), ("unused_limit", "i"), ("register_closed", "?")]),
    "kindergarten": (4, [("kindergarten", "I"), ("territory", "I"), ("open", "?"), ("name", "text")]),
    "application": (6, [("territory", "I"), ("birth_year", "H"), ("kind", KINDS), ("category", CATEGORIES),
                        ("evidence", "hex16"), ("child", "hex16"), ("secret_hash", "hex32"), ("applied_at", "q")]),
    "reclassify": (7, [("application", "Q"), ("category", CATEGORIES), ("evidence", "hex16")]),
    "withdraw": (9, [("application", "Q")]),
    "reinstate": (10, [("application", "Q")]),
    "claim": (11, [("application", "Q"), ("kindergarten", "I")]),
    "decline": (12, [("application", "Q")]),
    "ready": (13, [("application", "Q")]),
    "vacancy": (14, [("kindergarten", "I"), ("birth_year", "H"), ("kind", KINDS), ("places", "i")]),
    "retract": (15, [("kindergarten", "I"), ("birth_year", "H"), ("kind", KINDS), ("places", "i")]),
    "enrol": (16, [("application", "Q")]),
}


def encode(command: dict) -> bytes:
    """The record of a command {"type", "request", fields}; fields that are missing are zero."""
    number, fields = RECORDS[command["type"]]
    out = struct.pack("<BBHq16sI", 1, number, 0, 0, bytes.fromhex(command["request"]), command.get("actor", 0))
    for name, form in fields:
        if form == "text":
            text = command[name].encode()
            out += struct.pack("<H", len(text)) + text
        elif isinstance(form, list):
            out += bytes([form.index(command[name])])
        elif form == "hour":
            hours, minutes = command[name].split(":")
            out += struct.pack("<i", 60 * int(hours) + int(minutes))
        elif form.startswith("hex"):
            out += bytes.fromhex(command.get(name, "00" * int(form[3:])))
        else:
            out += struct.pack("<" + form, command.get(name, 0))
    return out


def town(kindergartens: int) -> list[dict]:
    """The commands that make territory 1 with so many kindergartens."""
    commands = [{"type": "territory", "territory": 1, "name": "Қала", "utc_offset_minutes": 300}]
    commands += [{"type": "kindergarten", "kindergarten": n, "territory": 1, "name": f"№{n}", "open": True}
                 for n in range(1, kindergartens + 1)]
    return commands


def application(child: int, birth_year: int = 2021, category: str = "general") -> dict:
    return {"type": "application", "territory": 1, "birth_year": birth_year, "kind": "ordinary", "category": category,
            "child": f"{child:032x}"}


def vacancy(kindergarten: int, places: int, birth_year: int = 2021) -> dict:
    return {"type": "vacancy", "kindergarten": kindergarten, "birth_year": birth_year, "kind": "ordinary", "places": places}


@dataclasses.dataclass
class Answer:
    """What a node said of one command."""

    code: int
    result: str
    reason: int
    index: int
    time: int

    @property
    def is_final(self) -> bool:
        """Whether the same command need not be sent again."""
        return self.code in (APPLIED, REPEATED, REFUSED, MALFORMED)


@dataclasses.dataclass
class Reading:
    """What a node said to one question. `content` is None where nothing was found."""

    code: int
    index: int
    content: bytes | None
    node: int


class Session:
    """A connection to one node at a time, which moves on to another when that one fails or says that it does not lead."""

    def __init__(self, nodes: cluster.Cluster, draw: random.Random) -> None:
        self.nodes, self.draw = list(nodes), draw
        self.connection: cluster.Connection | None = None
        self.node = draw.choice(self.nodes)
        self.tag = 0

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.tag = 0

    def move(self, node: cluster.Node | None = None) -> None:
        """Goes on with that node, or with a random one."""
        self.close()
        self.node = node or self.draw.choice(self.nodes)

    def connect(self) -> None:
        """Makes sure of a connection. Raises: OSError; then nothing was asked."""
        if self.connection is None:
            self.connection = self.node.connect(timeout=ANSWER_TIMEOUT_S)

    def _exchange(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """Sends a frame and waits for the one with its tag. Any OSError or EOFError leaves the session unconnected."""
        try:
            self.connect()
            if self.tag == 0:
                self.connection.send(HELLO, 0, bytes(16))
            self.tag += 1
            self.connection.send(kind, self.tag, body)
            while True:
                answer, tag, body = self.connection.receive()
                if answer == cluster.GOODBYE:
                    raise EOFError(body[2:].decode())
                if answer != WELCOME and tag == self.tag:
                    return answer, body
        except (OSError, EOFError):
            self.close()
            raise

    def submit(self, *commands: dict) -> list[Answer]:
        """One SUBMIT. Raises: OSError, EOFError when no answer came."""
        records = [encode(command) for command in commands]
        body = struct.pack("<HH", len(records), 0) + b"".join(struct.pack("<H", len(r)) + r for r in records)
        _, told = self._exchange(SUBMIT, body)
        answers = []
        for at in range(4, len(told), 24):
            code, result, reason, _, _, index, moment = struct.unpack_from("<BBBBIQq", told, at)
            answers.append(Answer(code, RESULT_WORDS[result], reason, index, moment))
        return answers

    def settle(self, command: dict, seconds: float) -> Answer | None:
        """Submits a command again and again until its fate is known. Returns: None when it is not, after so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                answer = self.submit(command)[0]
                if answer.is_final:
                    return answer
            except (OSError, EOFError):
                pass
            self.move()
            time.sleep(PAUSE_S)
        return None

    def ask(self, what: int, question: bytes = b"", local: bool = False) -> Reading:
        """One QUERY. Raises: OSError, EOFError when no answer came."""
        node = self.node.number
        _, told = self._exchange(QUERY, struct.pack("<BBH", what, local, 0) + question)
        code, _, _, found, _, index, _ = struct.unpack_from("<BBBBIQq", told)
        return Reading(code, index, told[24:] if found else None, node)


def request_id(draw: random.Random) -> str:
    return f"{draw.getrandbits(128):032x}"
