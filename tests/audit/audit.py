# SPDX-License-Identifier: Apache-2.0
"""Runs kezek-audit for the tests, and makes lines for it to import."""

import json
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = None  # the path of kezek-audit, set by each test's main()

MEMBERSHIP = {"index": 1, "time": 1792800000000, "type": "membership"}
TERRITORY = {
    "index": 2,
    "time": 1792800000000,
    "type": "territory",
    "territory": 1,
    "name": "Қарағанды",
    "utc_offset_minutes": 300,
    "result": "ok",
}


def application(index, child, **changes):
    """An application that the rules accept in territory 1."""
    return {
        "index": index,
        "time": 1792800000000 + index,
        "type": "application",
        "territory": 1,
        "birth_year": 2021,
        "kind": "ordinary",
        "category": "general",
        "evidence": "00" * 16,
        "child": f"{child:032x}",
        "secret_hash": "11" * 32,
        "result": "ok",
    } | changes


def lines_of(*entries):
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)


def twin_content(path):
    """The content of the first copy of a file in two copies (log/twin_file.h)."""
    data = path.read_bytes()
    assert data[:8] == b"KZTWIN\0\0" and len(data) == 8192
    return data[24 : 24 + int.from_bytes(data[12:16], "little")]


class Outcome:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout.decode()
        self.error = process.stderr.decode()


class Case(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="kz-audit-")
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.data = self.place / "data"

    def run_audit(self, *arguments):
        words = [str(PROGRAM), *map(str, arguments)]
        return Outcome(subprocess.run(words, capture_output=True, timeout=120, check=False))

    def expect(self, code, *arguments):
        outcome = self.run_audit(*arguments)
        self.assertEqual(outcome.code, code, f"{arguments}: {outcome.out}{outcome.error}")
        return outcome

    def import_text(self, code, text, data=None):
        """Imports TEXT (str or bytes) and expects the exit code CODE."""
        file = self.place / "lines.jsonl"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.expect(code, "import", "--from", file, "--data", data or self.data)

    def export(self, data=None, *arguments):
        return self.expect(0, "export", "--data", data or self.data, *arguments).out
