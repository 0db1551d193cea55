#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process that reads a node's ledger in one transaction, as mdb_copy does, until it is told to end.

    ledger_reader.py DIR      says "reading" once the transaction has begun; ends with its standard input

`Reader` starts one, which may be stopped, killed or ended.
"""
from __future__ import annotations

import ctypes
import pathlib
import signal
import subprocess
import sys

READ_ONLY = 0x20000


def read(directory: str) -> None:
    lmdb = ctypes.CDLL("liblmdb.so.0")
    environment, transaction = ctypes.c_void_p(), ctypes.c_void_p()
    codes = [lmdb.mdb_env_create(ctypes.byref(environment)),
             lmdb.mdb_env_open(environment, f"{directory}/ledger".encode(), READ_ONLY, 0),
             lmdb.mdb_txn_begin(environment, None, READ_ONLY, ctypes.byref(transaction))]
    if any(codes):
        sys.exit(f"LMDB: {codes}")
    print("reading", flush=True)
    sys.stdin.read()
    lmdb.mdb_txn_abort(transaction)
    lmdb.mdb_env_close(environment)


class Reader:
    """Of the ledger in this node's directory; it reads when this returns."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.process = subprocess.Popen([sys.executable, __file__, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"reading\n":
            raise RuntimeError("the reader does not read")

    def stop(self) -> None:
        """In the middle of its transaction."""
        self.process.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        """As a program that has read all."""
        self.process.send_signal(signal.SIGCONT)
        self.process.communicate()

    def kill(self) -> None:
        """Without its giving anything back."""
        self.process.kill()
        self.process.communicate()


if __name__ == "__main__":
    read(sys.argv[1])
