# SPDX-License-Identifier: Apache-2.0
"""The examples that every implementation of the rules agrees on: test_examples.py KEZEK-AUDIT EXAMPLES."""

import pathlib
import re
import sys
import unittest

import audit

SKIPPED = 77
EXAMPLES = None


class Examples(audit.Case):
    def each(self):
        for ledger in sorted(EXAMPLES.glob("ledger-*.jsonl")):
            number = re.fullmatch(r"ledger-(\d+)\.jsonl", ledger.name)[1]
            with self.subTest(ledger=ledger.name):
                data = self.place / number
                self.expect(0, "import", "--from", ledger, "--data", data)
                yield number, data

    def test_positions_are_equal_at_every_index_given(self):
        compared = 0
        for number, data in self.each():
            for expected in sorted(EXAMPLES.glob(f"positions-{number}*.csv")):
                at = re.fullmatch(r"positions-\d+-at-(\d+)\.csv", expected.name)
                arguments = ["--at", at[1]] if at else []
                found = self.expect(0, "positions", "--data", data, *arguments).out
                self.assertEqual(found.encode(), expected.read_bytes(), expected.name)
                compared += 1
        self.assertGreaterEqual(compared, 6)

    def test_an_export_imported_exports_the_same_bytes(self):
        for number, data in self.each():
            text = self.export(data)
            again = self.place / f"{number}-again"
            self.import_text(0, text, again)
            self.assertEqual(self.export(again), text)
            for at in (1, 2, 50, 100, len(text.splitlines())):
                digests = [self.expect(0, "digest", "--data", d, "--at", at).out for d in (data, again)]
                self.assertRegex(digests[0], r"^[0-9a-f]{32}\n$")
                self.assertEqual(digests[0], digests[1])

    def test_verification_succeeds(self):
        for _, data in self.each():
            self.expect(0, "verify", "--data", data)


if __name__ == "__main__":
    audit.PROGRAM = pathlib.Path(sys.argv[1])
    EXAMPLES = pathlib.Path(sys.argv[2])
    if not any(EXAMPLES.glob("ledger-*.jsonl")):
        print(f"SKIPPED: there are no examples in {EXAMPLES}")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
