#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The shared libraries as a portal meets them: exactly the public functions are exported, the headers are C and C++, and a
program built with pkg-config against an installed tree runs.

test_library.py BUILD INCLUDE
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv[1])
INCLUDE = pathlib.Path(sys.argv[2])

PROGRAM = """
#include <kezek/kezek.h>
#include <kezek/kezek_uv.h>
#include <stdio.h>
int main(void)
{
    struct kezek_error error;
    static struct kezek_options options;
    options.endpoints = "nonsense";
    void (*flush)(struct kezek_uv *) = kezek_uv_flush;
    struct kezek_connection *connection = kezek_connect(&options, &error);
    printf("%s %s\\n", kezek_version(), error.text);
    return connection == NULL && flush != NULL ? 0 : 1;
}
"""


def run(*command: str, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def exported(library: pathlib.Path) -> set[str]:
    return {line.split()[-1] for line in run("nm", "-D", "--defined-only", str(library)).splitlines()}


def declared(header: pathlib.Path) -> set[str]:
    return set(re.findall(r"KEZEK_API[^;]*?\b(kezek_\w+)\(", header.read_text()))


class Library(unittest.TestCase):
    def test_exactly_the_public_functions_are_exported(self):
        core = declared(INCLUDE / "kezek" / "kezek.h")
        glue = declared(INCLUDE / "kezek" / "kezek_uv.h")
        self.assertGreater(len(core), 25)
        self.assertEqual(exported(BUILD / "client" / "lib" / "libkezek.so.0"), core)
        self.assertEqual(exported(BUILD / "client" / "lib" / "libkezek_uv.so.0"), glue)

    def test_the_core_does_not_need_libuv(self):
        needed = run("readelf", "-d", str(BUILD / "client" / "lib" / "libkezek.so.0"))
        self.assertNotIn("libuv", needed)

    def test_a_program_finds_an_installed_library(self):
        with tempfile.TemporaryDirectory() as root:
            run("cmake", "--install", str(BUILD / "client" / "lib"), "--prefix", root)
            found = str(next(pathlib.Path(root).rglob("libkezek.pc")).parent)
            environment = dict(os.environ, PKG_CONFIG_PATH=found)
            flags = run("pkg-config", "--cflags", "--libs", "libkezek_uv", env=environment).split()
            libraries = str(next(pathlib.Path(root).rglob("libkezek.so")).parent)
            for compiler, suffix in (("cc", "c"), ("c++", "cpp")):
                if shutil.which(compiler) is None:
                    continue
                source = pathlib.Path(root, f"program.{suffix}")
                source.write_text(PROGRAM)
                program = os.path.join(root, suffix)
                run(compiler, "-Wall", "-Wextra", "-Werror", str(source), "-o", program, *flags)
                output = run(program, env=dict(os.environ, LD_LIBRARY_PATH=libraries))
                self.assertRegex(output, r'^\d+\.\d+\.\d+ endpoint "nonsense" is not HOST:PORT\n$')


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
