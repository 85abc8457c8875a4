#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the rules of the house that a script can see.

  - a public header compiles on its own, includes no header that would cost its users time or names, and defines no
    macro that config.h does not name
  - what a header includes does not lead back to it; the one with its machinery, which it includes at its end, is its
    own affair: nobody else includes that
  - a file starts with its licence; a header goes on with #pragma once; none has more than 600 lines
  - no line has more than 120 columns
  - a test does not sleep, and none is skipped, disabled or empty; nothing in the library is marked as unfinished
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

MAX_LINES = 600
MAX_COLUMNS = 120
DIRECTORIES = ["include", "src", "tests", "examples", "bench", "tools"]
SUFFIXES = {".h", ".cpp", ".py", ".sh"}
WIDTH_SUFFIXES = SUFFIXES | {".c", ".cmake"}
WIDTH_NAMES = {"CMakeLists.txt", "Makefile"}
LICENCE = "SPDX-License-Identifier: MIT"

# What a public header may not include: the slow, and all that is not C++: the operating system, OpenSSL, liburing.
# testing.h brings the test framework, and chrono.h the part of <chrono> that is not slow: they are exempt.
SLOW = ["functional", "thread", "mutex", "iostream", "regex", "chrono", "memory"]
EXEMPT = ["testing", "chrono"]
# Whoever includes these has to do with smart pointers.
WITH_MEMORY = ["broadcast", "capacity_limiter", "executor", "exit_stack", "thread_future", "thread_future_state",
               "transport"]
INCLUDE = re.compile(r"^\s*#\s*include\s+<([^>]+)>")
OURS = re.compile(r"^\s*#\s*include\s+<(asyncio/[^>]+)>", re.MULTILINE)
DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)")
MACRO_LIST = re.compile(r"^// The library's macros:.*", re.MULTILINE)
FOREIGN = re.compile(r"(?!asyncio/).*[./]")

# (directories, pattern, what is wrong with it)
WORDS = [
    (["tests"], re.compile(r"sleep_for|sleep_until|usleep\("), "a sleep in a test; time is virtual there"),
    (["tests"], re.compile(r"GTEST_SKIP|\bDISABLED_|(EXPECT|ASSERT)_TRUE\(true\)"),
     "a skipped, disabled or empty test"),
    (["include", "src"], re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "unfinished"),
]


def text_problems(root, file, macros):
    name = file.relative_to(root)
    lines = file.read_text().splitlines()
    # A script's first line names its interpreter.
    head = lines[1:] if lines and lines[0].startswith("#!") else lines
    if not head or LICENCE not in head[0]:
        yield f"{name}:1: does not start with {LICENCE}"
    if file.suffix == ".h" and head[1:2] != ["#pragma once"]:
        yield f"{name}:2: no #pragma once after the licence"
    if len(lines) > MAX_LINES:
        yield f"{name}: {len(lines)} lines ({MAX_LINES} at most)"
    for number, line in enumerate(lines, 1):
        for directories, pattern, meaning in WORDS:
            if name.parts[0] in directories and pattern.search(line):
                yield f"{name}:{number}: {meaning}"
        include = INCLUDE.match(line)
        if include and name.parts[0] == "include" and file.stem not in EXEMPT:
            slow = include[1] in SLOW and not (include[1] == "memory" and file.stem in WITH_MEMORY)
            if slow or FOREIGN.match(include[1]):
                yield f"{name}:{number}: <{include[1]}> in a public header"
        define = DEFINE.match(line)
        if define and name.parts[0] == "include" and define[1] not in macros:
            yield f"{name}:{number}: {define[1]} is a macro that config.h does not name"


def machinery_of(text):
    """What a header includes behind its namespace: `asyncio/detail/gather.h`."""
    return OURS.findall(text[text.rfind("\n}  // namespace") :])


def include_problems(include, headers):
    """Circles, and machinery of a header that another one includes."""
    includes = {str(header.relative_to(include)): OURS.findall(header.read_text()) for header in headers}
    owner = {tail: name for name in includes for tail in machinery_of((include / name).read_text())}
    for name, included in includes.items():
        for other in included:
            if owner.get(other, name) != name:
                yield f"{name}: includes {other}, which is part of {owner[other]}"
    done, way = set(), []

    def visit(name):
        if name in way:
            yield "a circle: " + " -> ".join([*way[way.index(name) :], name])
        elif name not in done:
            way.append(name)
            for other in includes.get(name, []):
                yield from visit(other)
            way.pop()
            done.add(name)

    for name in includes:
        yield from visit(name)


def width_problems(root, file):
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if len(line) > MAX_COLUMNS:
            yield f"{file.relative_to(root)}:{number}: {len(line)} columns ({MAX_COLUMNS} at most)"


def complaints(root, compiler, headers):
    """What a compiler says of a program that includes the headers, in this order."""
    command = [*compiler.split(), "-std=c++20", "-Wall", "-Wextra", "-Wshadow", "-fsyntax-only", "-I", root / "include"]
    for header in headers:
        command += ["-include", header]
    command += ["-x", "c++", "/dev/null"]
    result = subprocess.run([str(word) for word in command], stderr=subprocess.PIPE, text=True, check=False)
    return result.stderr or ("?" if result.returncode != 0 else "")


def order_problems(root, compiler, headers):
    """Each header by itself, and all of them in either order: none may need, or stand in the way of, another one."""
    orders = {f"{header.relative_to(root)}: does not compile on its own": [header] for header in headers}
    orders["the headers in the order of their names"] = headers
    orders["the headers in the opposite order of their names"] = headers[::-1]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda order: complaints(root, compiler, order), orders.values())
        return [f"{what}\n{said}" for what, said in zip(orders, found) if said]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the project's root (default: that of this script)")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "c++"), help="default: $CXX or c++")
    arguments = parser.parse_args()
    root = arguments.root.resolve()

    files = sorted(file for directory in DIRECTORIES for file in (root / directory).rglob("*")
                   if file.suffix in SUFFIXES)
    wide = [root / "Makefile", root / "CMakeLists.txt"]
    wide += [file for directory in [*DIRECTORIES, "cmake"] for file in sorted((root / directory).rglob("*"))
             if file.suffix in WIDTH_SUFFIXES or file.name in WIDTH_NAMES]
    macros = re.findall(r"\w+", MACRO_LIST.search((root / "include/asyncio/config.h").read_text())[0])
    problems = [problem for file in files for problem in text_problems(root, file, macros)]
    problems += [problem for file in wide for problem in width_problems(root, file)]
    headers = sorted((root / "include").rglob("*.h"))
    problems += include_problems(root / "include", headers)
    machinery = {root / "include" / tail for header in headers for tail in machinery_of(header.read_text())}
    headers = [header for header in headers if header not in machinery]  # these are no headers by themselves
    problems += order_problems(root, arguments.compiler, headers)
    print("\n".join(problems) if problems else f"{len(files)} files and {len(headers)} public headers: nothing found.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
