# SPDX-License-Identifier: Apache-2.0
"""A ledger is what log/FORMAT.md says: a reader written from that page finds in the file what was imported.
test_format.py KEZEK-AUDIT."""

import json
import pathlib
import struct
import sys
import unittest

import audit
from audit import MEMBERSHIP, TERRITORY, application, lines_of

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "log"))
import read_ledger  # noqa: E402

TYPES = {2: "policy", 1: "territory", 6: "application", 20: "membership"}
RESULTS = {0: "ok", 9: "duplicate"}


class Format(audit.Case):
    def compare(self, entries):
        self.import_text(0, lines_of(*entries))
        found = read_ledger.read(self.data / "ledger" / "data.mdb")
        lines = [json.loads(line) for line in self.export().splitlines()]
        self.assertEqual(len(found), len(lines))
        for (index, term, record, _, result), line in zip(found, lines):
            self.assertEqual((index, term), (line["index"], line["term"]))
            self.assertEqual(record[0], 1)
            self.assertEqual(TYPES[record[1]], line["type"])
            self.assertEqual(struct.unpack_from("<q", record, 4)[0], line["time"])
            if "result" in line:
                self.assertEqual(RESULTS[result], line["result"])
            if line["type"] == "application":
                self.assertEqual(len(record), 112)
                self.assertEqual(record[56:72].hex(), line["child"])

    def test_an_empty_state_and_small_ledgers(self):
        self.compare([MEMBERSHIP])

    def test_many_entries_of_several_terms(self):
        entries = [MEMBERSHIP | {"term": 2}, TERRITORY]
        for index in range(3, 3001):
            term = 2 + index // 700
            if index % 10 == 0:
                entries.append(application(index, index - 1, term=term, result="duplicate"))
            elif index % 501 == 0:
                entries.append(MEMBERSHIP | {"index": index, "time": application(index, 1)["time"], "term": term})
            else:
                entries.append(application(index, index, term=term))
        self.compare(entries)

    def test_a_record_larger_than_half_a_page(self):
        members = [{"id": i, "peer": "h" * 60 + ":80", "client": "c" * 60 + ":80", "role": "voter"} for i in range(1, 17)]
        self.compare([MEMBERSHIP, TERRITORY, MEMBERSHIP | {"index": 3, "members": members}, application(4, 4)])


if __name__ == "__main__":
    audit.PROGRAM = pathlib.Path(sys.argv[1])
    unittest.main(argv=sys.argv[:1])
