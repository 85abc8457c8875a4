#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what each header for users costs the compiler, in seconds of CPU time, beside the standard headers it needs.

Fails where one costs more than --limit over its standard headers. asyncio/asyncio.h, which includes nearly all others,
comes closest to that.
"""

import argparse
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

INCLUDE = re.compile(r"^\s*#\s*include\s+<([^>]+)>", re.MULTILINE)


def standard_headers(include, name):
    """All that NAME includes, directly or through other public headers, but for the public headers themselves."""
    seen, standard, waiting = set(), set(), [name]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if not (include / name).exists():
            continue  # the compiler will say so
        for other in INCLUDE.findall((include / name).read_text()):
            (waiting.append if other.startswith("asyncio/") else standard.add)(other)
    return sorted(standard)


class Compiler:
    def __init__(self, command, include):
        self.command = [*command.split(), "-std=c++20", "-fsyntax-only", "-I", str(include)]

    def seconds(self, headers, name):
        """CPU time of one run on a file that includes the headers and does nothing else; NAME is whom that is for."""
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
            source.write("".join(f"#include <{header}>\n" for header in headers))
            source.flush()
            process = subprocess.Popen([*self.command, source.name])
            _, process.returncode, usage = os.wait4(process.pid, 0)
        if process.returncode != 0:
            sys.exit(f"{name} does not compile")
        return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the project's root (default: that of this script)")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "c++"), help="default: $CXX or c++")
    parser.add_argument("--limit", type=float, default=0.3, help="for each header, in seconds (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=4,
                        help="a header over the limit is measured so often, and the best counts (default: %(default)s)")
    arguments = parser.parse_args()
    include = arguments.root.resolve() / "include"
    compiler = Compiler(arguments.compiler, include)
    standard_seconds = {}  # many headers need the same ones

    def measure(header, again=False):
        standard = tuple(standard_headers(include, header))
        if again or standard not in standard_seconds:
            best = standard_seconds.get(standard, math.inf)
            standard_seconds[standard] = min(best, compiler.seconds(standard, header))
        return compiler.seconds([header], header), standard_seconds[standard]

    status = 0
    print(f"{'':32} {'alone':>7} {'standard':>9} {'own':>7}   seconds, {arguments.compiler}")
    users = [header for header in include.rglob("*.h") if header.parent.name != "detail"]
    for header in sorted(str(header.relative_to(include)) for header in users):
        alone, standard = measure(header)
        for _ in range(arguments.runs - 1):
            if alone - standard <= arguments.limit:
                break
            again, standard = measure(header, again=True)
            alone = min(alone, again)
        over = alone - standard > arguments.limit
        print(f"{header:32} {alone:7.2f} {standard:9.2f} {alone - standard:7.2f}"
              f"{f'   more than {arguments.limit}' if over else ''}", flush=True)
        status |= over
    return status


if __name__ == "__main__":
    sys.exit(main())
