# SPDX-License-Identifier: Apache-2.0
"""A small file system of a test's own, which can be filled to its last byte.

ext4 in a loop-mounted file where the machine has loop devices, else a tmpfs with a limit. Both need root.
"""
from __future__ import annotations

import os
import pathlib
import shutil
import subprocess


class SmallDisk:
    """A file system of SIZE bytes at DIRECTORY/name, until unmount(). Raises OSError where there are no mounts."""

    def __init__(self, directory: pathlib.Path, name: str, size: int):
        self.path = directory / name
        self.filler = self.path / "filler"
        self.path.mkdir()
        image = directory / f"{name}.image"
        self.kind = "ext4" if self._mount_ext4(image, size) else "tmpfs"
        if self.kind == "tmpfs" and not self._run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path):
            raise OSError("this place has no mounts")

    @staticmethod
    def _run(*words: object) -> bool:
        return subprocess.run([str(word) for word in words], capture_output=True, check=False).returncode == 0

    def _mount_ext4(self, image: pathlib.Path, size: int) -> bool:
        if shutil.which("mkfs.ext4") is None:
            return False
        with image.open("wb") as file:
            file.truncate(size)
        if self._run("mkfs.ext4", "-q", "-m", "0", image) and self._run("mount", "-o", "loop", image, self.path):
            return True
        image.unlink()
        return False

    def fill(self) -> None:
        """Writes to the filler until not one byte more can be had."""
        file = os.open(self.filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            size = 1 << 20
            while size > 0:
                try:
                    if os.write(file, bytes(size)) == 0:
                        raise OSError("full")
                except OSError:
                    size //= 2
            os.fsync(file)
        finally:
            os.close(file)

    def make_room(self) -> None:
        self.filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        self._run("umount", "-l", self.path)
