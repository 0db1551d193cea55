# SPDX-License-Identifier: Apache-2.0
"""Debian's etcd beside Kezek: fetched without being installed, three nodes on loopback, puts by h2load.

h2load speaks gRPC's bytes over plain HTTP/2: each request is one KV/Put of a 128-byte value under one key. That every put
was done is seen from the revision, which grows by one with each.
"""
from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import urllib.request

from nodes import cluster

PACKAGES = ("etcd-server", "nghttp2-client", "libnghttp2-14", "libev4", "libjemalloc2", "libjansson4", "libxml2", "libicu72")
KEY, VALUE = b"application", b"v" * 128


def fetch_tools(directory: pathlib.Path) -> pathlib.Path:
    """Downloads and unpacks the packages, once. Nothing is installed and no service starts."""
    root = directory / "root"
    if (root / "usr" / "bin" / "etcd").exists():
        return root
    directory.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        known = subprocess.run(["apt-cache", "show", package], capture_output=True).returncode == 0
        if known:  # libraries are called otherwise in other releases of Debian, where they may be installed already
            subprocess.run(["apt-get", "download", "-q", package], cwd=directory, check=True, capture_output=True)
    for archive in directory.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(archive), str(root)], check=True)
    return root


def put_message() -> bytes:
    """An etcdserverpb.PutRequest as a gRPC message."""
    request = b"\x0a" + bytes([len(KEY)]) + KEY + b"\x12" + struct.pack("<H", len(VALUE) & 0x7F | 0x80 | len(VALUE) >> 7 << 8) + VALUE
    return b"\x00" + struct.pack(">I", len(request)) + request


class Etcd:
    def __init__(self, tools: pathlib.Path, directory: pathlib.Path):
        self.tools, self.directory = tools, directory
        ports = cluster.free_ports(6)
        self.clients, self.peers = ports[:3], ports[3:]
        self.processes: list[subprocess.Popen] = []

    def __enter__(self) -> "Etcd":
        self.directory.mkdir(parents=True)
        (self.directory / "put").write_bytes(put_message())
        roster = ",".join(f"n{i}=http://127.0.0.1:{port}" for i, port in enumerate(self.peers))
        for i, (client, peer) in enumerate(zip(self.clients, self.peers)):
            client_url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
            with (self.directory / f"n{i}.log").open("wb") as log:
                self.processes.append(subprocess.Popen(
                    [str(self.tools / "usr/bin/etcd"), "--name", f"n{i}", "--data-dir", str(self.directory / f"n{i}"),
                     "--listen-client-urls", client_url, "--advertise-client-urls", client_url,
                     "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
                     "--initial-cluster", roster, "--quota-backend-bytes", str(8 << 30)], stdout=log, stderr=log))
        self.leader = cluster.wait_for(self.find_leader, 30, "etcd's leader")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.directory)

    def post(self, port: int, path: str, body: dict) -> dict:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def find_leader(self) -> int | None:
        """The client port of the leader."""
        for port in self.clients:
            try:
                status = self.post(port, "/v3/maintenance/status", {})
            except OSError:
                continue
            if status.get("leader") and status["leader"] == status["header"]["member_id"]:
                return port
        return None

    def revision(self) -> int:
        key = base64.b64encode(KEY).decode()
        return int(self.post(self.leader, "/v3/kv/range", {"key": key})["header"]["revision"])

    def run(self, clients: int, seconds: int) -> dict:
        """CLIENTS connections to the leader with one put outstanding each."""
        log = self.directory / "requests"
        log.unlink(missing_ok=True)
        before = self.revision()
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.tools / "usr/lib/x86_64-linux-gnu")}
        output = subprocess.run(
            [str(self.tools / "usr/bin/h2load"), "-D", str(seconds), "--warm-up-time", "1", "-c", str(clients), "-m", "1", "-t", "1",
             "-d", str(self.directory / "put"), "-H", "content-type: application/grpc", "-H", "te: trailers",
             f"--log-file={log}", f"http://127.0.0.1:{self.leader}/etcdserverpb.KV/Put"],
            env=environment, check=True, capture_output=True, text=True).stdout
        done = int(re.search(r"(\d+) succeeded", output)[1])
        elapsed = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
        if done == 0 or self.revision() - before < done:
            raise RuntimeError(f"etcd did not do all puts:\n{output}")
        return {"entries_per_second": done / seconds, "p50_ms": elapsed[len(elapsed) // 2] / 1000,
                "p99_ms": elapsed[len(elapsed) * 99 // 100] / 1000, "exit": 0}
