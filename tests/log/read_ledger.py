# SPDX-License-Identifier: Apache-2.0
"""Reads a ledger's data.mdb from log/FORMAT.md and LMDB's page layout alone, sharing no code with the ledger itself.

Checksums are checked where libxxhash is installed."""

import ctypes
import hashlib
import struct

try:
    XXHASH = ctypes.CDLL("libxxhash.so.0")
    XXHASH.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    XXHASH.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
except OSError:
    XXHASH = None

BRANCH, LEAF = 1, 2
BIG_DATA = 1
NO_ROOT = 2**64 - 1


def sum_of(data, seed=0):
    return XXHASH.XXH3_64bits_withSeed(bytes(data), len(data), seed)


def check_sum(stored, data, seed=0):
    assert XXHASH is None or struct.unpack("<Q", stored)[0] == sum_of(data, seed)


class File:
    """An LMDB data file, version 1, 64-bit little-endian: the newest of its two states."""

    def __init__(self, path):
        self.bytes = path.read_bytes()
        self.page_size = struct.unpack_from("<I", self.bytes, 40)[0]
        metas = [self.bytes[at:at + 152] for at in (0, self.page_size)]
        self.transaction, meta = max((struct.unpack_from("<Q", m, 144)[0], m) for m in metas)
        assert struct.unpack_from("<II", meta, 16) == (0xBEEFC0DE, 1)
        self.root = struct.unpack_from("<Q", meta, 128)[0]

    def nodes(self, root):
        """Every (key, flags, value) below the page ROOT, in order."""
        if root == NO_ROOT:
            return
        page = self.bytes[root * self.page_size:(root + 1) * self.page_size]
        number, _, flags, lower = struct.unpack_from("<QHHH", page)
        assert number == root and flags in (BRANCH, LEAF)
        for i in range((lower - 16) // 2):
            at = struct.unpack_from("<H", page, 16 + 2 * i)[0]
            low, high, node_flags, key_size = struct.unpack_from("<HHHH", page, at)
            key = page[at + 8:at + 8 + key_size]
            if flags == BRANCH:
                yield from self.nodes(low | high << 16 | node_flags << 32)
                continue
            size = low | high << 16
            value = page[at + 8 + key_size:][:8 if node_flags & BIG_DATA else size]
            if node_flags & BIG_DATA:
                start = struct.unpack("<Q", value)[0] * self.page_size + 16
                value = self.bytes[start:start + size]
            yield key, node_flags, value

    def table(self, name):
        """The (number, value) rows of a table."""
        for key, _, value in self.nodes(self.root):
            if key.rstrip(b"\0").decode() == name:
                flags, root = struct.unpack_from("<H", value, 4)[0], struct.unpack_from("<Q", value, 40)[0]
                assert flags == 8
                return [(struct.unpack("<Q", k)[0], v) for k, _, v in self.nodes(root)]
        raise KeyError(name)


def items(file, name, size, count_max):
    """The items of a table of blocks, checked."""
    found = []
    for key, block in file.table(name):
        data, checksum = block[:-8], block[-8:]
        assert key == len(found) + 1 and len(data) % size == 0 and len(data) <= size * count_max
        check_sum(checksum, data, key)
        found += [data[at:at + size] for at in range(0, len(data), size)]
    return found


def read(path):
    """Returns: a list of (index, term, record, leaf hash, result or None)."""
    file = File(path)
    (key, head), = file.table("head")
    assert key == 0 and len(head) == 72 and head[:8] == b"KZLEDGER"
    version, zero, last, last_term, applied, runs, memberships, transaction = struct.unpack_from("<II6Q", head, 8)
    assert (version, zero, transaction) == (1, 0, file.transaction)
    check_sum(head[64:], head[:64])

    terms = dict((index, struct.unpack_from("<Q", value)[0]) for index, value in file.table("runs"))
    listed = [index for index, _ in file.table("memberships")]
    leaves = items(file, "leaves", 44, 45)
    results = items(file, "results", 1, 1024)
    entries = file.table("entries")
    assert len(entries) == len(leaves) == last and len(results) == applied
    assert len(terms) == runs and len(listed) == memberships

    ledger, term = [], 0
    for (index, value), leaf in zip(entries, leaves):
        term = terms.get(index, term)
        record = value[8:]
        assert index == len(ledger) + 1 and struct.unpack_from("<QI", leaf) == (term, len(record))
        assert leaf[12:] == hashlib.sha256(b"\0" + record).digest()
        assert (record[1] == 20) == (index in listed)
        if XXHASH:
            check_sum(value[:8], record, sum_of(struct.pack("<QQ", index, term)))
        ledger.append((index, term, record, leaf[12:], results[index - 1][0] if index <= applied else None))
    assert term == last_term
    return ledger
