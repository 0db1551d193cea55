#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Enforces the layers of ARCHITECTURE.md.

check_layers.py ROOT            every #include is an arrow that the table allows
check_layers.py ROOT ARCHIVE…   and each archive of the state machine needs nothing but kz_* and mem* symbols
"""
import pathlib
import re
import subprocess
import sys

# Folder → the folders of this project that its files may include. The longest folder that matches counts.
ALLOWED = {
    "statemachine/base": ["statemachine/base"],
    "statemachine/record": ["statemachine/base", "statemachine/record"],
    "statemachine/queue": ["statemachine/base", "statemachine/queue", "statemachine/image"],
    "statemachine/image": ["statemachine/base", "statemachine/image"],
    "statemachine/rules": ["statemachine"],
    "log/merkle": ["statemachine/base", "log/merkle"],
    "log": ["statemachine/base", "statemachine/record", "log"],
    "node/core": ["statemachine", "log", "client/wire", "node/core"],
    "node/shell": ["statemachine", "log", "client/wire", "node/core", "node/shell"],
    "client/wire": ["statemachine/base", "statemachine/record", "client/wire"],
    "client/lines": ["statemachine/base", "statemachine/record", "client/lines"],
    "client/lib": ["statemachine/base", "statemachine/record", "client/wire", "client/lines", "client/lib"],
    "client/include": [],
    "client/snapshot": ["statemachine/base", "statemachine/record", "log", "client/snapshot"],
    "client/cli": ["statemachine/base", "statemachine/record", "log", "client/lines", "client/snapshot", "client/cli"],
    "client/audit": ["statemachine", "log", "client/lines", "client/snapshot", "client/audit"],
    "ops/demo": ["statemachine/base", "statemachine/record", "ops/demo"],
    "ops/bench": ["statemachine", "log", "client/lines", "client/wire", "ops/bench"],
}

# A library's header → the only folders or files that may include it.
LIBRARIES = {
    "uv.h": ["node/shell", "client/lib/uv.c", "ops"],
    "lmdb.h": ["log/store", "log/free_pages.c", "log/readers.c"],
    "raft.h": ["node/core/driver", "node/core/raft_", "node/core/membership"],
    "openssl/": ["log/merkle", "client/cli"],
    "jansson.h": ["client/lines", "client/lib/command.c", "client/cli", "ops/bench"],
    "ini.h": ["node/shell/config"],
    "llhttp.h": ["node/shell/admin"],
    "xxhash.h": ["statemachine/base/checksum.c"],
}

# What a pure archive may leave undefined: its own symbols, and what compilers put in by themselves.
PURE_SYMBOL = re.compile(r"^(kz_\w+|mem(cpy|move|set|cmp)|__mem(cpy|move|set)_chk|__stack_chk_fail"
                         r"|_GLOBAL_OFFSET_TABLE_)$")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def folder_of(path: str) -> str | None:
    matches = [folder for folder in ALLOWED if path.startswith(folder + "/")]
    return max(matches, key=len, default=None)


def check_include(path: str, quote: str, target: str) -> str | None:
    """Returns what is wrong with one #include, or None."""
    if quote == "<":
        for header, places in LIBRARIES.items():
            if target.startswith(header) and not any(path.startswith(place) for place in places):
                return f"<{target}> belongs to {', '.join(places)} alone"
        return None
    allowed = ALLOWED[folder_of(path)]
    if any(target.startswith(folder + "/") for folder in allowed):
        return None
    return f'"{target}": {folder_of(path)} may include {", ".join(allowed) or "nothing of the project"}'


def check_includes(root: pathlib.Path) -> tuple[list[str], int]:
    faults, count = [], 0
    for top in ("statemachine", "log", "node", "client", "ops"):
        for file in sorted((root / top).rglob("*.[ch]")):
            path = file.relative_to(root).as_posix()
            if folder_of(path) is None:
                faults.append(f"{path}: its folder is in no layer (tests/layers/check_layers.py)")
                continue
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if match is None:
                    continue
                count += 1
                fault = check_include(path, match.group(1), match.group(2))
                if fault is not None:
                    faults.append(f"{path}:{number}: {fault}")
    return faults, count


def check_archive(archive: str) -> list[str]:
    listing = subprocess.run(["nm", "-u", archive], check=True, capture_output=True, text=True).stdout
    symbols = {line.split()[-1] for line in listing.splitlines() if line.strip().startswith("U ")}
    return [f"{archive}: needs {symbol}" for symbol in sorted(symbols) if not PURE_SYMBOL.match(symbol)]


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    faults, count = check_includes(root)
    for archive in sys.argv[2:]:
        faults += check_archive(archive)
    print("\n".join(faults) if faults else f"{count} includes and {len(sys.argv) - 2} archives keep to the layers")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
