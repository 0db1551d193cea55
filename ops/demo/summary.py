#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What happened, computed from the nodes' exports alone, and whether everything agrees.

    summary.py --export NODE=FILE … --digest NAME=HEX … --answers FILE … [--agreement-only]

Exports are `kezek-audit export` of each node, digests are what each node and an offline replay say of the state after the
last entry, answers are the JSON lines ({"request", "index", "result"}) of all that was acknowledged. Links no code of the
project. Exits 1 when an export or a digest differs, or an acknowledged entry is not at its index everywhere.
"""
import argparse
import collections
import datetime
import json
import sys


class History:
    """What one export tells."""

    def __init__(self, path: str) -> None:
        self.counts: collections.Counter = collections.Counter()
        self.by_category: collections.Counter = collections.Counter()
        self.category: dict[int, str] = {}
        self.places = 0
        self.retaken: collections.Counter = collections.Counter()
        self.called_on: dict[int, int] = {}
        self.claims_on: collections.Counter = collections.Counter()
        self.children: set[str] = set()
        self.requests: dict[int, tuple[str, str]] = {}
        self.acted: set[str] = set()
        self.terms: list[tuple[int, int, int]] = []
        self.offset_minutes = 0
        self.clock: list[tuple[str, str, int]] = []
        self.faults: list[str] = []
        self.twice: list[str] = []
        self.last = 0
        with open(path, encoding="utf-8") as file:
            for line in file:
                self.take(json.loads(line))

    def day(self, time: int) -> str:
        moment = datetime.datetime.fromtimestamp(time / 1000 + self.offset_minutes * 60, datetime.timezone.utc)
        return moment.strftime("%Y-%m-%d")

    def hour(self, time: int) -> str:
        moment = datetime.datetime.fromtimestamp(time / 1000 + self.offset_minutes * 60, datetime.timezone.utc)
        return moment.strftime("%d %B %H:%M:%S")

    def take(self, entry: dict) -> None:
        index, kind, result = entry["index"], entry["type"], entry.get("result")
        if index != self.last + 1:
            self.faults.append(f"index {index} follows {self.last}")
        self.last = index
        if not self.terms or self.terms[-1][0] != entry["term"]:
            self.terms.append((entry["term"], index, entry["time"]))
        if "request" in entry:
            self.requests[index] = (entry["request"], result)
            if result not in ("repeated", "conflict"):
                if entry["request"] in self.acted:
                    self.faults.append(f"request {entry['request']} is acted on twice (entry {index})")
                self.acted.add(entry["request"])
        self.counts[kind, result] += 1
        if result != "ok":
            return
        if kind == "territory":
            self.offset_minutes = entry["utc_offset_minutes"]
        elif kind == "application":
            self.category[index] = entry["category"]
            self.by_category[entry["category"]] += 1
            if entry["child"] in self.children:
                self.twice.append(f"child {entry['child']} waits twice (entry {index})")
            self.children.add(entry["child"])
        elif kind == "vacancy":
            self.places += entry["places"]
        elif kind == "grant":
            self.called_on[entry["application"]] = entry["time"]
        elif kind == "claim":
            way = "by a call" if entry["application"] in self.called_on else "open to all"
            self.claims_on[self.day(entry["time"]), way] += 1
        elif kind in ("publish", "morning"):
            self.clock.append((kind, entry["date"], entry["time"]))


def table(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def figures(history: History) -> str:
    count = history.counts
    grants = [time for time in history.called_on.values()]
    claims = count["claim", "ok"]
    called_claims = sum(n for (_, way), n in history.claims_on.items() if way == "by a call")
    rows = [
        ("entries", f"{history.last:,}"),
        ("kindergartens", f"{count['kindergarten', 'ok']:,}"),
        ("children", f"{count['application', 'ok']:,}  (" + ", ".join(
            f"{word} {number:,}" for word, number in sorted(history.by_category.items())) + ")"),
        ("places reported", f"{history.places:,}"),
        ("calls", f"{count['grant', 'ok']:,}" + (
            f"  from {history.hour(min(grants))} to {history.hour(max(grants))}" if grants else "")),
        ("calls refused", f"{sum(n for (kind, result), n in count.items() if kind == 'grant' and result != 'ok'):,}"),
        ("claims", f"{claims:,}  ({called_claims:,} by a call, {claims - called_claims:,} open to all)"),
        ("enrolled", f"{count['enrol', 'ok']:,}"),
        ("places left", f"{history.places - claims:,}"),
    ]
    for (day, way), number in sorted(history.claims_on.items()):
        rows.append((f"claims on {day}", f"{number:,} {way}"))
    refused = sorted((result, n) for (kind, result), n in count.items() if kind == "claim" and result != "ok")
    rows.append(("claims refused", ", ".join(f"{result} {n:,}" for result, n in refused) or "none"))
    rows.append(("terms", ", ".join(f"{term} from entry {index:,}" for term, index, _ in history.terms)))
    return table(rows)


def check_conservation(history: History) -> list[str]:
    """Of a story in which nobody takes back and asks again."""
    faults = list(history.twice)
    if history.counts["claim", "ok"] > history.places:
        faults.append(f"{history.counts['claim', 'ok']} claims of {history.places} places")
    if history.counts["grant", "ok"] > history.places:
        faults.append(f"{history.counts['grant', 'ok']} calls for {history.places} places")
    return faults


def check_answers(history: History, paths: list[str]) -> tuple[int, list[str]]:
    acknowledged, faults = 0, []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                answer = json.loads(line)
                acknowledged += 1
                stored = history.requests.get(answer["index"])
                if stored != (answer["request"], answer["result"]):
                    faults.append(f"acknowledged {answer} but entry {answer['index']} is {stored}")
    return acknowledged, faults


def same_bytes(first: str, second: str) -> bool:
    with open(first, "rb") as one, open(second, "rb") as other:
        while True:
            a, b = one.read(1 << 20), other.read(1 << 20)
            if a != b:
                return False
            if not a:
                return True


def pairs(values: list[str]) -> list[tuple[str, str]]:
    return [tuple(value.split("=", 1)) for value in values]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--export", action="append", required=True)
    parser.add_argument("--digest", action="append", default=[])
    parser.add_argument("--answers", nargs="*", default=[])
    parser.add_argument("--agreement-only", action="store_true", help="judge no places: there were declines or withdrawals")
    arguments = parser.parse_args()

    exports, digests = pairs(arguments.export), pairs(arguments.digest)
    history = History(exports[0][1])
    faults = history.faults + ([] if arguments.agreement_only else check_conservation(history))
    for name, path in exports[1:]:
        if not same_bytes(exports[0][1], path):
            faults.append(f"the export of {name} differs from that of {exports[0][0]}")
    if len({digest for _, digest in digests}) > 1:
        faults.append("the digests differ")
    acknowledged, lost = check_answers(history, arguments.answers)
    faults += lost[:10] + ([f"… and {len(lost) - 10} more"] if len(lost) > 10 else [])

    print(figures(history))
    print(table([(f"digest, {name}", digest) for name, digest in digests]) if digests else "")
    print(table([("acknowledged", f"{acknowledged:,}, lost or different: {len(lost):,}"),
                 ("exports", f"{len(exports)}, {'equal' if not any('export' in fault for fault in faults) else 'DIFFERENT'}")]))
    for fault in faults:
        print(f"  WRONG: {fault}")
    print("  everything agrees" if not faults else f"  {len(faults)} things do not agree")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
