#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Images of the state in a real node's directory: saved, started from, refused, cleaned up.

A node alone appends an entry of its own at each start, which is enough for an image with --image-every 1.
"""
import os
import pathlib
import re
import signal
import unittest

import cluster


FAILING_CALLS = pathlib.Path(os.environ.get("KEZEK_FAILING_CALLS", "libkezek-failing-calls.so"))


class Images(unittest.TestCase):
    def setUp(self):
        self.nodes = cluster.Cluster(1, "--image-every", "1")
        self.addCleanup(lambda: self.nodes.__exit__(None))
        self.node = self.nodes[1]
        self.state = self.node.directory / "state"

    def start(self) -> str:
        """Starts the node and waits until its last entry is in an image. Returns: what the journal says of it."""
        if self.node.journal.exists():
            self.node.journal.unlink()
        self.node.start().wait_ready(60)
        cluster.wait_for(lambda: self.is_saved(self.node), 60, "an image of the last entry")
        return self.node.log()

    @staticmethod
    def is_saved(node: cluster.Node) -> bool:
        metrics = node.metrics()
        return 0 < metrics["kezek_applied_index"] == metrics["kezek_image_index"]

    def restart(self) -> str:
        self.node.kill()
        return self.start()

    def images(self) -> list[pathlib.Path]:
        """The newest first."""
        files = [path for path in self.state.iterdir() if path.name.startswith("image-")]
        return sorted(files, key=lambda path: int(path.name[len("image-"):]), reverse=True)

    def damage(self, path: pathlib.Path):
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 0x10]))

    def test_a_killed_node_starts_from_its_image(self):
        self.assertNotIn("image_opened", self.start())
        index = int(self.images()[0].name[len("image-"):])
        said = self.restart()
        self.assertIn(f"image_opened index={index} bytes=", said)
        self.assertNotIn("image_refused", said)
        metrics = self.node.metrics()
        self.assertGreater(metrics["kezek_image_index"], index)
        self.assertEqual(metrics["kezek_image_bytes"], self.images()[0].stat().st_size)
        self.assertGreater(metrics["kezek_image_open_seconds"], 0)
        self.assertGreater(metrics["kezek_image_fork_seconds"], 0)
        self.assertGreater(metrics["kezek_image_time_seconds"], 1.7e9)
        self.assertGreaterEqual(metrics["kezek_images_saved_total"], 1)

    def test_two_images_are_kept(self):
        self.start()
        for _ in range(4):
            self.restart()
        self.assertEqual(len(self.images()), 2)
        self.assertFalse((self.state / "new").exists())

    def test_a_damaged_image_is_passed_over_for_the_older_one_and_then_the_ledger(self):
        self.start()
        self.restart()
        newest, older = self.images()
        self.damage(newest)
        said = self.restart()
        self.assertRegex(said, rf'image_refused index={newest.name[6:]} reason="it is damaged"')
        self.assertIn(f"image_opened index={older.name[6:]} ", said)
        self.assertNotIn("image_refused", self.restart(), "newer good ones are there: the damaged one has to go")
        for path in self.images():
            self.damage(path)
        said = self.restart()
        self.assertEqual(len(re.findall("image_refused", said)), 2)
        self.assertNotIn("image_opened", said)
        self.assertIn("image_opened", self.restart())

    def test_an_image_of_another_node_or_under_another_name_is_refused(self):
        with cluster.Cluster(1, "--image-every", "1") as others:
            others.start().wait_ready(60)
            cluster.wait_for(lambda: self.is_saved(others[1]), 60, "an image of the last entry")
            others[1].kill()
            self.start()
            self.node.kill()
            newest = self.images()[0]
            foreign = (others[1].directory / "state" / newest.name).read_bytes()
        own = newest.read_bytes()
        newest.write_bytes(foreign)
        (self.state / "image-1").write_bytes(own)
        (self.state / "image-1000000").write_bytes(own)
        said = self.start()
        self.assertIn(f'image_refused index={newest.name[6:]} reason="it is of another node"', said)
        self.assertIn('image_refused index=1 reason="it is of another entry than its name says"', said)
        self.assertIn('image_refused index=1000000 reason="it is ahead of the results in the ledger"', said)
        names = [path.name for path in self.images()]
        self.assertNotIn("image-1000000", names, "newer good ones are there: what was refused has to go")

    def test_what_an_interrupted_saving_left_is_removed(self):
        self.start()
        self.node.kill()
        (self.state / "new").write_bytes(b"half of an image")
        (self.state / "image-x").write_bytes(b"no image at all")
        self.node.extra = ["--image-every", "0"]
        self.node.start().wait_ready(60)
        self.assertFalse((self.state / "new").exists())
        self.assertTrue((self.state / "image-x").exists())

    @unittest.skipUnless(FAILING_CALLS.exists(), f"{FAILING_CALLS} is not built with sanitizers")
    def test_the_copy_holds_nothing_of_the_node_and_ends_with_it(self):
        self.start()
        self.node.kill()
        self.node.environment = {"LD_PRELOAD": str(FAILING_CALLS), "KZ_SLOW_MS": "1000"}
        self.node.start()
        copy = cluster.wait_for(self.copy_of, 60, "a copy that waits for its disk")
        os.kill(int(copy.name), signal.SIGSTOP)  # so that it does not end by itself
        files = {path.name: os.readlink(path) for path in (copy / "fd").iterdir()}
        self.assertEqual(set(files) - {"0", "1", "2"}, {"3"}, f"other files are open in the copy: {files}")
        self.assertIn("/state/new", files["3"])
        self.assertEqual((copy / "oom_score_adj").read_text(), "1000\n")
        self.node.kill()
        self.node.environment = {}
        self.assertIn("image_opened", self.start(), "a lock that is held by a copy would hinder the start")
        cluster.wait_for(lambda: not copy.exists(), 60, "the copy's end")

    def copy_of(self) -> pathlib.Path | None:
        """The process that saves an image for the node, once it has let go of what is the node's."""
        process = self.node.process.pid
        for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split():
            copy = pathlib.Path(f"/proc/{child}")
            try:
                if (copy / "oom_score_adj").read_text() == "1000\n":
                    return copy
            except OSError:  # it has ended
                continue
        return None

    def test_a_node_that_can_not_save_goes_on(self):
        self.node.directory.mkdir()
        self.state.write_bytes(b"in the way")
        self.node.start().wait_ready(60)
        cluster.wait_for(lambda: "image_failed" in self.node.log(), 60, "the failure to be told")
        self.assertEqual(self.node.get("/readyz")[0], 200)
        self.assertEqual(self.node.metrics()["kezek_image_failures_total"], 1)
        self.assertEqual(self.node.stop(), 0)

    def test_a_stop_ends_the_copy(self):
        self.start()
        self.node.kill()
        self.assertEqual(self.node.start().wait_ready(60).stop(), 0)
        self.assertFalse((self.state / "new").exists())

    def test_no_image_is_saved_with_0(self):
        self.node.extra = ["--image-every", "0"]
        self.node.start().wait_ready(60)
        self.assertEqual(self.node.stop(), 0)
        self.assertFalse(self.state.exists())


if __name__ == "__main__":
    unittest.main()
