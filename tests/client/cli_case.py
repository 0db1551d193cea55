# SPDX-License-Identifier: Apache-2.0
"""What the tests of kezek share: a case with a fake node, and the program, which is KEZEK of the environment."""
import os
import socket
import subprocess
import unittest

from fake_node import FakeNode

KEZEK = os.environ.get("KEZEK", "kezek")


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


def run(*words: str, endpoints: str | None = None, stdin: str = "") -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "KEZEK_ENDPOINTS"}
    if endpoints is not None:
        environment["KEZEK_ENDPOINTS"] = endpoints
    return subprocess.run([KEZEK, *words], env=environment, input=stdin, capture_output=True, text=True, timeout=60)


class Case(unittest.TestCase):
    def setUp(self):
        self.node = self.enterContext(FakeNode())

    def kezek(self, *words: str, code: int = 0, stdin: str = "") -> subprocess.CompletedProcess:
        done = run(*words, endpoints=self.node.address, stdin=stdin)
        self.assertEqual(done.returncode, code, f"kezek {' '.join(words)}\n{done.stdout}{done.stderr}")
        return done
