# SPDX-License-Identifier: Apache-2.0
"""Whether a cluster kept its word, looked at from outside when the attack is over ("nothing lost" of the attacks).

ops/demo/summary.py, which links none of our code, does the comparing.
"""
from __future__ import annotations

import collections
import pathlib
import re
import subprocess
import sys

import cluster
from attack import PROGRAMS, ROOT, applied_of, demand, run

LEADER = re.compile(r"\bleader id=(\d+) term=(\d+)")


def wait_equal(nodes: cluster.Cluster, timeout: float = 60.0) -> int:
    """Waits until all nodes have applied the same. Returns: the index of the last entry."""
    def equal() -> int:
        applied = {applied_of(node) for node in nodes}
        return applied.pop() if len(applied) == 1 else 0
    return cluster.wait_for(equal, timeout, "all nodes to apply the same")


def export(node: cluster.Node, index: int) -> pathlib.Path:
    """Exports a stopped node's ledger up to an index. Returns: the file."""
    path = node.directory.with_suffix(".jsonl")
    with path.open("wb") as file:
        subprocess.run([str(PROGRAMS / "kezek-audit"), "export", "--data", str(node.directory), "--to", str(index)],
                       check=True, stdout=file)
    return path


def check(nodes: cluster.Cluster, *answers: pathlib.Path, families_change_their_mind: bool = False) -> list[pathlib.Path]:
    """Stops the nodes; then each acknowledged entry must be at its index on every node with its result, no request acted
    on twice, the digests of all nodes and of an independent replay equal, and no term have had two leaders. Places and
    children are counted too, unless families change their mind: then whoever calls does that with the rules.

    Returns: the nodes' exports.
    """
    index = wait_equal(nodes)
    check_leaders(nodes)
    nodes.stop()
    arguments = [sys.executable, "-I", "-S", str(ROOT / "ops" / "demo" / "summary.py"), "--answers", *map(str, answers)]
    exports = [export(node, index) for node in nodes]
    for node, path in zip(nodes, exports):
        digest = run("kezek-audit", "digest", "--data", node.directory, "--at", index).strip()
        arguments += ["--export", f"node {node.number}={path}", "--digest", f"node {node.number}={digest}"]
    replay = nodes.directory / "replay"
    run("kezek-audit", "import", "--from", exports[0], "--data", replay)
    arguments += ["--digest", "offline replay=" + run("kezek-audit", "digest", "--data", replay).strip()]
    arguments += ["--agreement-only"] if families_change_their_mind else []
    compared = subprocess.run(arguments, stdout=subprocess.PIPE, text=True)
    if compared.returncode != 0:
        print(compared.stdout)
    demand(compared.returncode == 0, "the nodes, the replay and what was acknowledged do not agree")
    return exports


def check_leaders(nodes: cluster.Cluster) -> int:
    """By the nodes' journals no term had two leaders. Returns: how many terms had one."""
    leaders: dict[int, set[int]] = collections.defaultdict(set)
    for node in nodes:
        for match in LEADER.finditer(node.log()):
            if match[1] != "0":
                leaders[int(match[2])].add(int(match[1]))
    twice = {term: sorted(ids) for term, ids in leaders.items() if len(ids) > 1}
    demand(not twice, f"terms with more than one leader: {twice}")
    demand(leaders, "no journal names a leader")
    return len(leaders)
