#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says which known bugs a C++ compiler has.

Builds and runs every tests/compilers/*.cpp with one compiler, at -O0 and -O2, and prints a Markdown table: a row per
bug, present or absent per level. docs/compilers.md explains each of them.

    tools/canaries.py --compiler g++
    tools/canaries.py --compiler clang++-19 --levels=-O1,-O2 --flags=-fsanitize=address --only symmetric_transfer
    tools/canaries.py --compiler g++ --expect tests/compilers/expected.txt

With --expect, a compiler that the file lists must behave as it says there: otherwise the exit status is 1, and the
message names the row. A compiler that the file does not list is only reported.

A canary prints `present: <what went wrong>` or `absent`. It also counts as present where it crashes, does not end, or
does not compile unless its bug is left out by -DCANARY_INSTEAD. Started with the argument `instead`, it tries the
spelling that the documentation recommends, which has to work on every compiler.
"""

import argparse
import concurrent.futures
import dataclasses
import pathlib
import resource
import shlex
import signal
import subprocess
import sys
import tempfile

CANARIES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "compilers"
COMPILE_SECONDS = 60
RUN_SECONDS = 10


@dataclasses.dataclass
class Verdict:
    state: str  # present, absent or broken
    details: str = ""
    instead: str = ""  # what is wrong with the recommended spelling

    def __str__(self):
        return self.state if not self.instead else f"{self.state}, replacement fails"


def limit_children():
    """Canaries may crash and overflow the stack: no core files, and the stack that most systems give."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = 8 << 20
    if soft == resource.RLIM_INFINITY or soft > wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))


def build(command, source, program):
    """Returns an empty string, or the first line that says why it did not compile."""
    try:
        result = subprocess.run(command + [str(source), "-o", str(program)], capture_output=True, text=True,
                                errors="replace", timeout=COMPILE_SECONDS)
    except subprocess.TimeoutExpired:
        return "the compiler does not end"
    if result.returncode == 0:
        return ""
    for mark in ("internal compiler error", "error:"):
        for line in result.stderr.splitlines():
            if mark in line:
                return line[line.index(mark):]
    return f"the compiler failed with status {result.returncode}"


def run(program, *arguments):
    """Returns what the canary printed; a crash or a hang is `present`."""
    try:
        result = subprocess.run([str(program), *arguments], capture_output=True, text=True, errors="replace",
                                timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return "present: does not end"
    if result.returncode < 0:
        return f"present: {signal.Signals(-result.returncode).name}"
    lines = result.stdout.splitlines()
    if result.returncode != 0 or not lines or not lines[-1].startswith(("present", "absent")):
        return f"present: exit status {result.returncode}"
    return lines[-1]


def judge(compiler, flags, level, source, directory):
    command = compiler + ["-std=c++20", "-w", level] + flags
    program = pathlib.Path(directory) / f"{source.stem}{level}"
    failure = build(command, source, program)
    if failure:
        said = f"present: {failure}"
        if broken := build(command + ["-DCANARY_INSTEAD"], source, program):
            return Verdict("broken", broken)
    else:
        said = run(program)
    state, _, details = said.partition(": ")
    instead = run(program, "instead")
    return Verdict(state, details, "" if instead == "absent" else instead)


def identify(compiler):
    """The family and the version, as in ("g++", "14", "2")."""
    command = compiler + ["-dM", "-E", "-x", "c++", "/dev/null"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{shlex.join(command)}: {error}")
    macros = dict(line.split(maxsplit=2)[1:] for line in result.stdout.splitlines() if len(line.split(maxsplit=2)) == 3)
    if "__clang__" in macros:
        family = "apple-clang" if "__apple_build_version__" in macros else "clang"
        return family, macros["__clang_major__"], macros["__clang_minor__"]
    return "g++", macros["__GNUC__"], macros["__GNUC_MINOR__"]


def read_expected(path):
    """{compiler: {canary: {level: state}}} from sections `[g++-15.3] -O0 -O2` and lines `name present absent`."""
    sections = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0].startswith("["):
            rows = sections[words[0].strip("[]")] = {}
            levels = words[1:]
        elif len(words) == len(levels) + 1 and set(words[1:]) <= {"present", "absent"}:
            rows[words[0]] = dict(zip(levels, words[1:]))
        else:
            sys.exit(f"{path}:{number}: expected a name and {len(levels)} times present or absent")
    return sections


def compare(expected, verdicts, levels, all_canaries):
    """Yields a sentence per difference."""
    for name in verdicts:
        if name not in expected:
            yield f"{name} is not listed for this compiler: add it to the expected file and to docs/compilers.md"
            continue
        for level in levels:
            if level not in expected[name]:
                continue
            verdict = verdicts[name][level]
            if verdict.state == "broken":
                yield f"{name} says nothing at {level}: {verdict.details}"
            elif expected[name][level] == "present" and verdict.state == "absent":
                yield f"the compiler no longer has {name} at {level}, update docs/compilers.md"
            elif expected[name][level] == "absent" and verdict.state == "present":
                yield f"the compiler has {name} at {level} ({verdict.details}), update docs/compilers.md"
            if verdict.instead:
                yield f"what docs/compilers.md recommends instead of {name} does not work at {level}: {verdict.instead}"
    for name in sorted(expected.keys() - set(all_canaries)):
        yield f"{name} is listed, but there is no such canary"


def cell(text):
    return text.replace("|", "\\|")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", required=True, type=shlex.split)
    parser.add_argument("--flags", default=[], type=shlex.split, help="added to every compilation")
    parser.add_argument("--levels", default="-O0,-O2", type=lambda text: text.split(","))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these canaries alone")
    parser.add_argument("--expect", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.expect and arguments.flags:
        parser.error("what is expected holds without --flags only")

    every_source = {source.stem: source for source in sorted(CANARIES.glob("*.cpp"))}
    if unknown := set(arguments.only or ()) - every_source.keys():
        parser.error(f"no such canary: {', '.join(sorted(unknown))}")
    sources = {name: source for name, source in every_source.items() if not arguments.only or name in arguments.only}
    family, *version = identify(arguments.compiler)
    limit_children()
    expected = None
    if arguments.expect:
        sections = read_expected(arguments.expect)
        # 15.3 goes before 15, where one release of a compiler differs from the others.
        for key in (f"{family}-{'.'.join(version)}", f"{family}-{version[0]}"):
            expected = sections.get(key, expected) if expected is None else expected

    with tempfile.TemporaryDirectory() as directory, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = {name: {level: pool.submit(judge, arguments.compiler, arguments.flags, level, source, directory)
                          for level in arguments.levels} for name, source in sources.items()}
        verdicts = {name: {level: future.result() for level, future in row.items()} for name, row in futures.items()}

    title = " ".join([f"{family} {'.'.join(version)}", *arguments.flags])
    print(f"| {cell(title)} | {' | '.join(arguments.levels)} | what went wrong |")
    print("|---" * (len(arguments.levels) + 2) + "|")
    for name, row in verdicts.items():
        texts = [text for verdict in row.values() for text in (verdict.details, verdict.instead) if text]
        details = "; ".join(dict.fromkeys(texts))
        print(f"| {name} | {' | '.join(map(str, row.values()))} | {cell(details)} |")

    if arguments.expect and expected is None:
        print(f"\n{family} {version[0]} is not listed in {arguments.expect}: nothing to compare with.")
    elif expected is not None:
        differences = list(compare(expected, verdicts, arguments.levels, every_source))
        print("", *(f"FAILED: {difference}" for difference in differences), sep="\n")
        return 1 if differences else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
