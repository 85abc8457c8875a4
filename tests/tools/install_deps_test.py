#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/install-deps.sh, with commands of ours before those of the system: nothing is installed."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "install-deps.sh"


class InstallDeps(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.commands = pathlib.Path(directory.name)
        self.command("id", "echo 0")
        self.command("apt-get", f"echo $* >>{self.commands}/installed")
        self.command("apt-cache", "true")
        self.command("ninja", "true")

    def command(self, name, text):
        file = self.commands / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def run_script(self, *purposes):
        """What it said, its exit code, and the packages that it wanted to install."""
        run = subprocess.run([SCRIPT, *purposes], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, "PATH": f"{self.commands}:{os.environ['PATH']}"})
        asked = self.commands / "installed"
        words = asked.read_text().split() if asked.exists() else []
        asked.unlink(missing_ok=True)
        return run.stdout, run.returncode, words

    def test_compares_the_version_of_cmake_number_by_number(self):
        for version, recent in {"3.9.6": False, "3.24.4": False, "3.25.0": True, "3.31.6": True, "3.100.0": True,
                                "4.0.0-rc1": True, "4.1.2": True, "10.0.1": True, "2.99.0": False}.items():
            self.command("cmake", f"echo cmake version {version}")
            output, code, words = self.run_script("demo")
            self.assertEqual("cmake" in words, not recent, f"{version}: {output}")
            self.assertEqual(code == 0, recent, f"{version}: {output}")

    def test_installs_what_makes_builds_fast(self):
        self.command("cmake", "echo cmake version 4.1.2")
        self.command("clang++-19", 'case "$*" in *-dump*) echo 19.1 ;; *-fuse-ld*) false ;; esac')
        output, code, words = self.run_script("test")
        self.assertEqual(code, 0, output)
        self.assertIn("mold", words)
        self.assertIn("apt-get install -y --no-install-recommends", output)

    def test_goes_without_what_is_not_needed(self):
        self.command("cmake", "echo cmake version 4.1.2")
        self.command("clang++-19", 'case "$*" in *-dump*) echo 19.1 ;; *-fuse-ld* | *boost*) false ;; esac')
        self.command("apt-cache", '[ "$2" != mold ] && [ "$2" != libboost1.81-dev ]')
        output, code, words = self.run_script("test", "bench")
        self.assertEqual(code, 0, output)
        self.assertFalse({"mold", "libboost1.81-dev"} & set(words))
        self.assertIn("not needed: mold", output)
        self.assertIn("not needed: Boost", output)

    def only_compiler(self, name, version):
        for other in ["g++", *(f"g++-{n}" for n in range(13, 17)), "clang++", *(f"clang++-{n}" for n in range(16, 23))]:
            self.command(other, f"echo {version}" if other == name else "false")

    def test_takes_no_compiler_that_is_too_old(self):
        self.command("cmake", "echo cmake version 4.1.2")
        for name, version, enough in [("g++", "12", False), ("g++", "13", True), ("clang++", "15.0.7", False),
                                      ("clang++-16", "16.0.6", True)]:
            self.only_compiler(name, version)
            output, _, words = self.run_script("demo")
            self.assertEqual("clang-19" in words, not enough, f"{name} {version}: {output}")
            self.assertNotIn("g++", words)

    def test_gets_another_debian_where_the_own_one_has_no_recent_gcc(self):
        self.command("cmake", "echo cmake version 4.1.2")
        self.command("debootstrap", "false")
        self.only_compiler("clang++-19", "19.1.7")
        for version, package in [("4:14.2.0-1", "g++"), ("4:13.2.0-7ubuntu1", "g++"), ("4:12.2.0-3", "debootstrap")]:
            self.command("apt-cache", f"echo Package: g++; echo Version: {version}")
            output, _, words = self.run_script("ci")
            self.assertEqual({"g++", "debootstrap"} & set(words), {package}, f"{version}: {output}")

    def test_fails_where_what_is_needed_cannot_be_installed(self):
        self.command("cmake", "echo cmake version 3.9")
        self.command("apt-get", "false")
        output, code, _ = self.run_script("demo")
        self.assertEqual(code, 1, output)


if __name__ == "__main__":
    unittest.main()
