#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles a file that must not compile, and looks for the text that it expects in the compiler's message.

The file says `// EXPECT: text`, once or more, and `// FLAGS: -f...` where it needs another option. Failing for another
reason is a failure of the test.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("source", type=pathlib.Path)
parser.add_argument("command", nargs="+", help="the compiler and its options, after --")
arguments = parser.parse_args()

text = arguments.source.read_text()
expected = re.findall(r"^// EXPECT: (.+?)\s*$", text, re.MULTILINE)
flags = re.findall(r"^// FLAGS: (\S+)\s*$", text, re.MULTILINE)
if not expected:
    sys.exit(f"{arguments.source}: has no line `// EXPECT: text`")
result = subprocess.run([*arguments.command, *flags, "-fsyntax-only", str(arguments.source)],
                        stderr=subprocess.PIPE, text=True, check=False,
                        env={**os.environ, "LC_ALL": "C"})  # plain English, and quotes that are ASCII
print(result.stderr, end="")
if result.returncode == 0:
    sys.exit(f"{arguments.source}: compiles, and must not")
missing = [text for text in expected if text not in result.stderr]
if missing:
    sys.exit(f"{arguments.source}: the compiler's message lacks: " + "; ".join(missing))
