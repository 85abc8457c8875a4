#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes docs/behaviours.md, which says for each numbered behaviour of asyncio which test holds us to it, or how and why
we differ. A test names its numbers in the comment lines directly above it (`// BH-LOCK-01, BH-LOCK-04`); what differs or
does not apply is a line of docs/behaviours/FAMILY.txt (`BH-LOCK-06 | differs | why`, or `n/a`); docs/behaviours/families
lists the families and how many numbers each has. With --check nothing is written: the exit code is 1 where the page is
out of date or a number has neither a test nor a reason."""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "behaviours.md"
NOTES = ROOT / "docs" / "behaviours"
NUMBER = re.compile(r"BH-([A-Z]+)-(\d+)")
TEST = re.compile(r"^\s*(?:ASYNC_TEST|ASYNC_IO_TEST|TEST|TEST_F|TEST_P|TYPED_TEST|STREAM_TEST)\((\w+),\s*(\w+)\)")


def read_families():
    families = []
    for line in (NOTES / "families").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, count, title = line.split(maxsplit=2)
            families.append((name, int(count), title))
    return families


def read_tests():
    """number -> [(suite.name, file)]"""
    tests = {}
    for path in sorted((ROOT / "tests").rglob("*_test.cpp")):
        pending = []
        lines = path.read_text().splitlines()
        for index, line in enumerate(lines):
            if line.lstrip().startswith("//"):
                pending += NUMBER.findall(line)
                continue
            # clang-format may break the line behind the opening parenthesis.
            found = TEST.match(line if line.rstrip().endswith("{") else line + (lines[index + 1] if index + 1 < len(lines) else ""))
            if found:
                for family, number in pending:
                    entry = (f"{found[1]}.{found[2]}", path.relative_to(ROOT).as_posix())
                    known = tests.setdefault((family, int(number)), [])
                    if entry not in known:
                        known.append(entry)
            if line.strip():
                pending = []
    return tests


def read_notes():
    """number -> (kind, why)"""
    notes = {}
    for path in sorted(NOTES.glob("*.txt")):
        for line in path.read_text().splitlines():
            if not line.strip():
                continue
            parts = [part.strip() for part in line.split("|", 2)]
            found = NUMBER.fullmatch(parts[0])
            if not found or len(parts) != 3 or parts[1] not in ("differs", "n/a") or not parts[2]:
                sys.exit(f"{path.relative_to(ROOT)}: not of the form 'BH-FAMILY-NN | differs or n/a | why': {line}")
            notes[(found[1], int(found[2]))] = (parts[1], parts[2])
    return notes


def make_page():
    families, tests, notes = read_families(), read_tests(), read_notes()
    missing, kept, differs, not_applicable = [], 0, 0, 0
    body = []
    for family, count, title in families:
        body += ["", f"## {title}", "", "| number | | where |", "|---|---|---|"]
        for number in range(1, count + 1):
            key = (family, number)
            name = f"BH-{family}-{number:02}"
            links = "<br>".join(f"[{test}](../{file})" for test, file in tests.get(key, []))
            kind, why = notes.get(key, ("", ""))
            if kind == "n/a":
                not_applicable += 1
                body.append(f"| {name} | n/a | {why} |")
            elif kind == "differs":
                differs += 1
                if not links:
                    missing.append(f"{name}: differs, and no test shows how")
                body.append(f"| {name} | differs | {why}<br>{links} |")
            elif links:
                kept += 1
                body.append(f"| {name} | kept | {links} |")
            else:
                missing.append(f"{name}: no test and no reason")
                body.append(f"| {name} | **open** | |")
    known = {(family, number) for family, count, _ in families for number in range(1, count + 1)}
    for key in sorted((set(tests) | set(notes)) - known):
        missing.append(f"BH-{key[0]}-{key[1]:02}: no such behaviour")
    head = [
        "# Behaviours",
        "",
        "What Python's asyncio does, numbered, and the test that holds this library to it. *differs*: on purpose, and the test",
        "shows how; *n/a*: it has no meaning in C++. Made from the tests by `tools/behaviours.py`; do not edit it.",
        "",
        f"{kept} kept, {differs} differ, {not_applicable} do not apply.",
    ]
    return "\n".join(head + body) + "\n", missing


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something is missing or out of date")
    check = parser.parse_args().check
    page, missing = make_page()
    for line in missing:
        print(line)
    if not check:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        print("docs/behaviours.md is out of date: run tools/behaviours.py")
        missing.append("page")
    print(f"behaviours: {len(missing)} open")
    sys.exit(1 if missing and check else 0)


if __name__ == "__main__":
    main()
