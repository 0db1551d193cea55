#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The summer distribution of Nur-Sultan, June 2021, on three nodes of this machine, with the leader killed in the middle.

Started by ops/try. Everything it writes is in one directory. With --once it ends after the summary, and exits 0 only if everything
agreed; without, the cluster goes on at the pace of a real clock until Ctrl-C.
"""
from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "cluster"))

import cluster  # noqa: E402  (the same helper that the tests use)

ZONE = datetime.timezone(datetime.timedelta(hours=6))
BEGIN = datetime.datetime(2021, 6, 9, 6, 0, tzinfo=ZONE)
OPEN_DATE = "2021-06-15"
CONNECTIONS = 64
CLAIMS_BEFORE_KILL = 4000
REFUSALS_PER_MINUTE = "1000000"  # all families ask as one here, and most who race at the opening find no place


def say(text: str) -> None:
    print(text, flush=True)


class Demonstration:
    def __init__(self, build: pathlib.Path, directory: pathlib.Path, seed: int, rate: int) -> None:
        self.programs = build / "bin"
        self.directory = directory
        self.seed = seed
        self.rate = rate
        self.begun = time.monotonic()
        cluster.PROGRAM = str(self.programs / "kezekd")
        self.nodes = cluster.Cluster(3, directory=directory)
        self.endpoints = ",".join(f"127.0.0.1:{node.client}" for node in self.nodes)
        self.children: list[subprocess.Popen] = []

    def step(self, text: str) -> None:
        say(f"[{time.monotonic() - self.begun:5.1f} s] {text}")

    # ---- Programs ----

    def run(self, program: str, *arguments: str, output: pathlib.Path | None = None) -> str:
        """Runs a program to its end; its standard output goes to a file, or is returned."""
        command = [str(self.programs / program), *arguments]
        if output is None:
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        with output.open("wb") as file:
            subprocess.run(command, check=True, stdout=file)
        return ""

    def kezek(self, *arguments: str, output: pathlib.Path | None = None) -> str:
        return self.run("kezek", *arguments, "--endpoints", self.endpoints, output=output)

    def status(self) -> list[dict]:
        return json.loads(self.kezek("endpoint", "status", "-o", "json"))

    # ---- The clock ----

    def set_clock(self, instant: datetime.datetime, rate: int) -> None:
        anchor = datetime.datetime.now(datetime.timezone.utc)
        triple = f"{instant.isoformat(timespec='milliseconds')},{rate},{anchor.isoformat(timespec='milliseconds')}"
        for node in self.nodes:
            node.extra = ["--demo-clock", triple, "--refusals-per-minute", REFUSALS_PER_MINUTE]

    # ---- The story ----

    def start_nodes(self) -> None:
        self.step(f"three nodes start on loopback; their clock shows 9 June 2021, 06:00, and runs {self.rate} times as fast")
        self.set_clock(BEGIN, self.rate)
        self.nodes.start()
        self.nodes.wait_ready(60)
        self.step(f"node {self.nodes.leader(20).number} leads")

    def load(self, what: str, file: pathlib.Path) -> None:
        begun = time.monotonic()
        self.kezek("load", os.path.relpath(file), "-o", "jsonl", output=self.answers(what))
        count = sum(1 for _ in self.answers(what).open("rb"))
        took = time.monotonic() - begun
        self.step(f"{what}: {count:,} commands in the ledger after {took:.1f} s ({count / took:,.0f} a second)")

    def answers(self, what: str) -> pathlib.Path:
        return self.directory / f"answers-{what}.jsonl"

    def start_families(self) -> subprocess.Popen:
        self.step(f"{CONNECTIONS} connections of families and kindergartens; at 18:00 the places are published, at 07:00 the calls begin")
        child = subprocess.Popen(
            [str(self.programs / "kezek-families"), self.endpoints, str(CONNECTIONS), str(self.seed), OPEN_DATE,
             str(self.answers("families"))], stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def answered(self) -> int:
        try:
            return self.answers("families").read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def kill_the_leader(self, families: subprocess.Popen) -> None:
        cluster.wait_for(lambda: self.answered() > CLAIMS_BEFORE_KILL or families.poll() is not None, 120,
                         "the morning's claims")
        leader = self.nodes.leader()
        leader.kill()
        killed = time.monotonic()
        self.step(f"in the middle of the morning's claims: node {leader.number}, the leader, is killed (-9)")
        successor = self.nodes.leader()
        self.step(f"node {successor.number} leads, {time.monotonic() - killed:.2f} s later")
        time.sleep(1)
        leader.start()
        self.step(f"node {leader.number} is started again and catches up")

    def distribute(self) -> None:
        families = self.start_families()
        self.kill_the_leader(families)
        self.step("three working days pass; on 15 June at 07:00 the rest opens to all, and families race for it")
        report, _ = families.communicate(timeout=170)
        if families.returncode != 0:
            raise RuntimeError(f"the families got no answer to everything: {report}")
        self.step("families: " + ", ".join(f"{name} {value:,}" for name, value in json.loads(report).items()))

    def settle(self) -> int:
        """Waits until all nodes have applied the same. Returns: that index."""
        def equal() -> int:
            applied = {row["applied_index"] for row in self.status()}
            return applied.pop() if len(applied) == 1 else 0
        return cluster.wait_for(equal, 30, "all nodes to apply the same")

    def check(self) -> bool:
        """Exports each node, replays one export elsewhere, and has the summary's program compare."""
        index = str(self.settle())
        self.nodes.stop()
        self.step(f"the nodes are stopped; each one's ledger is exported, and replayed offline (to entry {int(index):,})")
        exports, digests = [], []
        for node in self.nodes:
            export = self.directory / f"export-node{node.number}.jsonl"
            self.run("kezek-audit", "export", "--data", str(node.directory), "--to", index, output=export)
            exports.append(f"node {node.number}={export}")
            digests.append(f"node {node.number}=" + self.run(
                "kezek-audit", "digest", "--data", str(node.directory), "--at", index).strip())
        replay = self.directory / "replay"
        self.run("kezek-audit", "import", "--from", exports[0].split("=")[1], "--data", str(replay))
        digests.append("offline replay=" + self.run("kezek-audit", "digest", "--data", str(replay)).strip())
        arguments = [sys.executable, str(HERE / "summary.py")]
        for export in exports:
            arguments += ["--export", export]
        for digest in digests:
            arguments += ["--digest", digest]
        arguments += ["--answers", *map(str, sorted(self.directory.glob("answers-*.jsonl")))]
        say("\nSummary, from the nodes' exports:\n")
        return subprocess.run(arguments).returncode == 0

    def go_on(self) -> None:
        """The cluster serves again, its clock at the pace of a real one."""
        last = self.run("kezek-audit", "export", "--data", str(self.nodes[1].directory)).splitlines()[-1]
        time_ms = json.loads(last)["time"]
        self.set_clock(datetime.datetime.fromtimestamp(time_ms / 1000 + 1, ZONE), 1)
        self.nodes.start()
        self.nodes.wait_ready(60)
        example = json.loads(self.answers("register").read_text().splitlines()[-1])["index"]
        kezek = os.path.relpath(self.programs / "kezek")
        audit = os.path.relpath(self.programs / "kezek-audit")
        export = os.path.relpath(self.directory / "replay")
        say(f"""
The cluster goes on, its clock at 1:1 from where it stopped. In another terminal:

  export KEZEK_ENDPOINTS={self.endpoints}
  {kezek} endpoint status
  {kezek} show {example}
  {kezek} queue 1 2018 ordinary 1 10
  {kezek} bulletins 1
  {kezek} watch --from {example}
  {audit} positions --data {export} | head

Everything is in {os.path.relpath(self.directory)}. Ctrl-C stops the nodes.""")
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            say("\nstopping")
            self.nodes.stop()

    def end(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
        for node in self.nodes:
            if node.is_running():
                node.kill()

    def tell(self, once: bool) -> int:
        register, vacancies = self.directory / "register.jsonl", self.directory / "vacancies.jsonl"
        made = subprocess.run([sys.executable, str(HERE / "city.py"), "--seed", str(self.seed), "--register", str(register),
                               "--vacancies", str(vacancies)], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.step(f"the city of Nur-Sultan, seed {self.seed}: {made.strip()}")
        self.start_nodes()
        self.load("register", register)
        self.load("vacancies", vacancies)
        self.distribute()
        agreed = self.check()
        self.step("done" if agreed else "done, and something does not agree")
        if not once and agreed:
            self.go_on()
        return 0 if agreed else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--directory", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # the terminal was closed, which the nodes would outlive
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    if arguments.directory.exists():
        shutil.rmtree(arguments.directory)
    arguments.directory.mkdir(parents=True)
    demonstration = Demonstration(arguments.build.resolve(), arguments.directory.resolve(), arguments.seed, arguments.rate)
    try:
        return demonstration.tell(arguments.once)
    except KeyboardInterrupt:
        say("\nstopped")
        return 1
    except (subprocess.CalledProcessError, TimeoutError, RuntimeError) as trouble:
        say(f"it did not come to its end: {trouble}\nlook at {arguments.directory}/node*.log")
        return 1
    finally:
        demonstration.end()


if __name__ == "__main__":
    sys.exit(main())
