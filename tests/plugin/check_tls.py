#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_tls.py PLUGIN: a plugin that contains the library needs at most 240 bytes of thread-local memory.

All of it has to be where the dynamic linker keeps room for plugins that come when the program runs, some 1.6 KiB for
all of them together, because the library wants to have it at hand without a call.
"""
import pathlib
import re
import subprocess
import sys

MOST = 240

readelf = ["readelf", "-lW", pathlib.Path(sys.argv[1])]
segments = subprocess.run(readelf, stdout=subprocess.PIPE, text=True, check=True).stdout
found = re.search(r"^\s*TLS(?:\s+0x[0-9a-f]+){4}\s+(0x[0-9a-f]+)", segments, re.MULTILINE)
size = int(found[1], 16) if found else 0
print(f"{size} bytes of thread-local memory, {MOST} at most")
sys.exit(not 0 < size <= MOST)
