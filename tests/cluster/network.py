# SPDX-License-Identifier: Apache-2.0
"""Nodes in network namespaces of their own, on a wire that can be cut in one direction, silently.

    network.enter()                       # early: the program starts again inside a namespace that holds the wire
    with network.Network(5) as wire: …
        cluster.Cluster(5, hosts=wire.hosts) …
        wire.attach(nodes)
        wire.cut(1, 2)                    # what node 1 sends to node 2 is lost; 2 to 1 arrives

kezekd serves loopback addresses alone until its connections are encrypted, so the namespaces route 127.0.1.N over the
wire. A cut gives the sender a wrong hardware address for the receiver: frames leave and nobody takes them, as on a
broken line; no error comes back. Root is not needed where users may make namespaces. All ends with the program.
"""
from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import cluster
from attack import Skip

ENTERED = "KEZEK_TEST_NETWORK"
OUTSIDE = 254
NOBODY = "02:6b:7a:00:00:00"
WAYS = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])


def host(number: int) -> str:
    return f"127.0.1.{number}"


def hardware(number: int) -> str:
    return f"02:6b:7a:00:00:{number:02x}"


def way() -> list[str] | None:
    """What starts a program in a network namespace of its own. Returns: None where there can be none."""
    for words in WAYS:
        try:
            if subprocess.run([*words, "ip", "link", "show"], capture_output=True).returncode == 0:
                return words
        except OSError:
            pass
    return None


def enter() -> None:
    """Starts this program again inside a network namespace of its own; returns inside, or where there can be none."""
    if ENTERED in os.environ:
        return
    words = way()
    if words is not None:
        os.environ[ENTERED] = "1"
        os.execvp(words[0], [*words, sys.executable, *sys.argv])


def shell(script: str, process: int | None = None) -> None:
    """Runs a script in the namespace of a process, or in ours."""
    inside = ["nsenter", "--target", str(process), "--net"] if process else []
    done = subprocess.run([*inside, "sh", "-ec", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Skip(f"no namespaces with a bridge and loopback routes here: {done.stdout.strip()}")


def plug(device: str, number: int, count: int) -> str:
    """The script that gives a namespace its address on the wire and the hardware addresses of all others."""
    lines = ["for name in all default; do echo 1 > /proc/sys/net/ipv4/conf/$name/route_localnet; done",
             "ip link set lo up", "ip route del local 127.0.0.0/8 dev lo table local",
             f"ip link set {device} address {hardware(number)}", f"ip link set {device} up",
             f"ip addr add {host(number)}/24 scope global dev {device}"]
    lines += [f"ip neigh replace {host(n)} lladdr {hardware(n)} dev {device} nud permanent"
              for n in [*range(1, count + 1), OUTSIDE] if n != number]
    return "\n".join(lines)


class Network:
    """COUNT namespaces and ours on one bridge."""

    def __init__(self, count: int) -> None:
        if ENTERED not in os.environ:
            raise Skip("needs root, or a kernel that lets users make network namespaces, and iproute2")
        self.count = count
        self.hosts = [host(number) for number in range(1, count + 1)]
        self.holders: list[subprocess.Popen] = []
        self.lost: set[tuple[int, int]] = set()

    def __enter__(self) -> "Network":
        shell("ip link add wire type bridge\n" + plug("wire", OUTSIDE, self.count))
        ours = pathlib.Path("/proc/self/ns/net").stat().st_ino
        for number in range(1, self.count + 1):
            holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            self.holders.append(holder)
            theirs = pathlib.Path(f"/proc/{holder.pid}/ns/net")
            cluster.wait_for(lambda: theirs.stat().st_ino != ours, 10, "a network namespace")
            shell(f"ip link add port{number} type veth peer name wire netns {holder.pid}\n"
                  f"ip link set port{number} master wire up")
            shell(plug("wire", number, self.count), holder.pid)
        return self

    def __exit__(self, *_) -> None:
        for holder in self.holders:
            holder.kill()
            holder.wait()

    def attach(self, nodes: cluster.Cluster) -> None:
        """Puts each node into its namespace."""
        for node in nodes:
            node.prefix = ["nsenter", "--target", str(self.holders[node.number - 1].pid), "--net"]

    def _aim(self, sender: int, receiver: int, address: str) -> None:
        shell(f"ip neigh replace {host(receiver)} lladdr {address} dev wire nud permanent", self.holders[sender - 1].pid)

    def cut(self, sender: int, receiver: int) -> None:
        """From here on what the sender says to the receiver is lost."""
        self._aim(sender, receiver, NOBODY)
        self.lost.add((sender, receiver))

    def heal(self, sender: int, receiver: int) -> None:
        self._aim(sender, receiver, hardware(receiver))
        self.lost.discard((sender, receiver))

    def heal_all(self) -> None:
        for pair in list(self.lost):
            self.heal(*pair)
